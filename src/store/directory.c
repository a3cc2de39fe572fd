/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* As error_errno, with the codes that tell a person what to do. */
static err_t refuse(struct error *error, int errno_value, const char *what, const char *path)
{
    if (errno_value == EACCES || errno_value == EPERM)
        return error_set(error, ERR_FORBIDDEN, "%s %s: permission denied", what, path);
    if (errno_value == ENOTDIR)
        return error_set(error, ERR_INVALID, "%s %s: a part of the path is no directory", what, path);
    return error_errno(error, errno_value, "%s %s", what, path);
}

err_t directory_sync(const char *path, struct error *error)
{
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return refuse(error, errno, "cannot sync the directory", path);
    return ERR_OK;
}

/* Makes one directory and its name durable. */
static err_t make_one(char *path, struct error *error)
{
    if (mkdir(path, 0700) != 0)
        return errno == EEXIST ? ERR_OK : refuse(error, errno, "cannot make the data directory", path);
    char *slash = strrchr(path, '/');
    if (!slash)
        return directory_sync(".", error);
    if (slash == path)
        return directory_sync("/", error);
    *slash = 0;
    err_t result = directory_sync(path, error);
    *slash = '/';
    return result;
}

static err_t make_all(const char *path, struct error *error)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part - sizeof "/data.mdb")
        return error_set(error, ERR_INVALID, "the data directory's path is empty or too long");
    memcpy(part, path, n + 1);
    while (n > 1 && part[n - 1] == '/')
        part[--n] = 0;
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = 0;
        struct stat st;
        err_t result = stat(part, &st) == 0 ? ERR_OK : make_one(part, error);
        *p = '/';
        TRY(result);
    }
    return make_one(part, error);
}

static err_t check(const char *path, struct error *error)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return refuse(error, errno, "cannot use the data directory", path);
    if (!S_ISDIR(st.st_mode))
        return error_set(error, ERR_INVALID, "cannot use %s: it is no directory", path);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return error_set(
            error, ERR_FORBIDDEN, "the data directory %s belongs to another user (uid %u)", path, st.st_uid);
    if (st.st_mode & 022)
        return error_set(error, ERR_FORBIDDEN,
            "the data directory %s may be written by others (mode %03o): chmod go-w it", path, st.st_mode & 07777);
    return ERR_OK;
}

static err_t held_by_another(int fd, const char *path, struct error *error)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
    pid[n > 0 ? strspn(pid, "0123456789") : 0] = 0;
    return error_set(error, ERR_CONFLICT, "another process%s%s%s has the data directory %s open", *pid ? " (pid " : "",
        pid, *pid ? ")" : "", path);
}

/* For the sentence of who comes second. The disk may be full: then none is better than the last holder's. */
static void tell_pid(int fd)
{
    char pid[24];
    const int n = snprintf(pid, sizeof pid, "%-10d\n", getpid());
    if (pwrite(fd, pid, (size_t)n, 0) != n && ftruncate(fd, 0) != 0)
        errno = 0;
}

static err_t take_lock(const char *path, bool read_only, int *ret_lock, struct error *error)
{
    char name[PATH_MAX + sizeof "/lock"];
    snprintf(name, sizeof name, "%s/lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && read_only && errno == EROFS)
        return *ret_lock = -1, ERR_OK;
    if (fd < 0)
        return refuse(error, errno, "cannot use the data directory: opening", name);
    err_t result = ERR_OK;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        result = errno == EWOULDBLOCK ? held_by_another(fd, path, error) : refuse(error, errno, "cannot lock", name);
    else
        tell_pid(fd);
    if (result)
        close(fd);
    else
        *ret_lock = fd;
    return result;
}

err_t directory_take(const char *path, bool read_only, int *ret_lock, struct error *error)
{
    if (!read_only)
        TRY(make_all(path, error));
    TRY(check(path, error));
    return take_lock(path, read_only, ret_lock, error);
}
