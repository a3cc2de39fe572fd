/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a process that holds a store: notes, in order, what is written to data.mdb, what is synced, and what
 * is told on stdout, into the file named by RECORDER_TRACE. A record is type u8, offset u64, size u64, then size bytes:
 *   W written   Y written through a descriptor that syncs each write   S all written before is synced   T cut to offset
 *   A told on stdout
 * RECORDER_FAIL_SYNC=N makes the N-th sync fail instead. */
#undef _FILE_OFFSET_BITS /* both names of each call are defined here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DESCRIPTORS = 1024 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int trace = -1;
static long syncs, failing_sync = -1;
static enum { OTHER, DATA, DATA_SYNCED } opened[DESCRIPTORS];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("RECORDER_TRACE"), *failing = getenv("RECORDER_FAIL_SYNC");
    if (path)
        trace = REAL(open)(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (failing)
        failing_sync = strtol(failing, NULL, 10);
}

static void note(char type, uint64_t offset, const struct iovec *parts, int count, ssize_t size)
{
    uint64_t left = size > 0 ? (uint64_t)size : 0;
    uint64_t head[2] = {offset, left};
    struct iovec out[2 + 1024] = {{&type, 1}, {head, sizeof head}};
    int n = 2;
    for (int i = 0; i < count && i < 1024 && left; i++) {
        out[n] = parts[i];
        if (out[n].iov_len > left)
            out[n].iov_len = left;
        left -= out[n++].iov_len;
    }
    if (trace >= 0 && REAL(writev)(trace, out, n) < 0)
        abort();
}

static bool is_data(int fd)
{
    return fd >= 0 && fd < DESCRIPTORS && opened[fd] != OTHER;
}

static int remember(int fd, const char *path, int flags)
{
    const char *name = strrchr(path, '/');
    if (fd >= 0 && fd < DESCRIPTORS) {
        opened[fd] = OTHER;
        if (name && strcmp(name, "/data.mdb") == 0)
            opened[fd] = flags & O_DSYNC ? DATA_SYNCED : DATA;
    }
    return fd;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                                                 \
        va_end(arguments);                                                                                             \
        return remember(REAL(name)(path, flags, mode), path, flags);                                                   \
    }
OPEN(open)
OPEN(open64)

/* LMDB writes with vectors at an offset, or after a seek; each way ends here. */
static void note_write(int fd, const struct iovec *parts, int count, off_t offset, ssize_t size)
{
    if (size > 0)
        note(opened[fd] == DATA_SYNCED ? 'Y' : 'W', (uint64_t)offset, parts, count, size);
}

#define WRITE_AT(name, ...)                                                                                            \
    ssize_t name(int fd, __VA_ARGS__, off_t offset)                                                                    \
    {                                                                                                                  \
        pthread_mutex_lock(&mutex);                                                                                    \
        ssize_t size = REAL(name)(fd, ARGUMENTS, offset);                                                              \
        int error = errno;                                                                                             \
        if (is_data(fd))                                                                                               \
            note_write(fd, PARTS, offset, size);                                                                       \
        pthread_mutex_unlock(&mutex);                                                                                  \
        errno = error;                                                                                                 \
        return size;                                                                                                   \
    }
#define ARGUMENTS p, n
#define PARTS     (&(struct iovec){(void *)(uintptr_t)p, n}), 1
WRITE_AT(pwrite, const void *p, size_t n)
WRITE_AT(pwrite64, const void *p, size_t n)
#undef PARTS
#define PARTS p, n
WRITE_AT(pwritev, const struct iovec *p, int n)
WRITE_AT(pwritev64, const struct iovec *p, int n)

ssize_t writev(int fd, const struct iovec *p, int n)
{
    pthread_mutex_lock(&mutex);
    const off_t offset = is_data(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t size = REAL(writev)(fd, p, n);
    int error = errno;
    if (is_data(fd))
        note_write(fd, p, n, offset, size);
    pthread_mutex_unlock(&mutex);
    errno = error;
    return size;
}

ssize_t write(int fd, const void *p, size_t n)
{
    const struct iovec part = {(void *)(uintptr_t)p, n};
    pthread_mutex_lock(&mutex);
    const off_t offset = is_data(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    if (fd == STDOUT_FILENO)
        note('A', 0, &part, 1, (ssize_t)n);
    ssize_t size = REAL(write)(fd, p, n);
    int error = errno;
    if (is_data(fd))
        note_write(fd, &part, 1, offset, size);
    pthread_mutex_unlock(&mutex);
    errno = error;
    return size;
}

static int note_sync(int fd, int (*sync)(int))
{
    int rc = 0;
    pthread_mutex_lock(&mutex);
    if (is_data(fd) && ++syncs == failing_sync) {
        pthread_mutex_unlock(&mutex);
        errno = EIO;
        return -1;
    }
    rc = sync(fd);
    int error = errno;
    if (rc == 0 && is_data(fd))
        note('S', 0, NULL, 0, 0);
    pthread_mutex_unlock(&mutex);
    errno = error;
    return rc;
}

int fdatasync(int fd)
{
    return note_sync(fd, REAL(fdatasync));
}

int fsync(int fd)
{
    return note_sync(fd, REAL(fsync));
}

#define TRUNCATE(name)                                                                                                 \
    int name(int fd, off_t size)                                                                                       \
    {                                                                                                                  \
        pthread_mutex_lock(&mutex);                                                                                    \
        int rc = REAL(name)(fd, size);                                                                                 \
        if (rc == 0 && is_data(fd))                                                                                    \
            note('T', (uint64_t)size, NULL, 0, 0);                                                                     \
        pthread_mutex_unlock(&mutex);                                                                                  \
        return rc;                                                                                                     \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

/* The map is read-only: nothing may be written that way. */
int msync(void *p, size_t n, int flags)
{
    (void)p, (void)n, (void)flags;
    abort();
}
