/* SPDX-License-Identifier: Apache-2.0 */
#include "crypt/key_region.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UNIT  ((size_t)64)
#define UNITS (KEY_REGION_SIZE / UNIT)

static struct {
    pthread_mutex_t lock;
    uint8_t *p; /* NULL: not open */
    const char *kind;
    bool taken[UNITS];
} region = {.lock = PTHREAD_MUTEX_INITIALIZER, .kind = "none"};

/* The kernel takes the pages of a memfd_secret out of its own map too; mapping one locks it. */
static bool map_secret(uint8_t *at)
{
    int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
    if (fd < 0)
        return false;
    bool mapped = ftruncate(fd, (off_t)KEY_REGION_SIZE) == 0 &&
                  mmap(at, KEY_REGION_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED;
    close(fd);
    return mapped;
}

static bool map_locked(uint8_t *at)
{
    return mmap(at, KEY_REGION_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
               MAP_FAILED &&
           mlock(at, KEY_REGION_SIZE) == 0 && madvise(at, KEY_REGION_SIZE, MADV_DONTDUMP) == 0;
}

static err_t open_locked(struct error *error)
{
    size_t guard = (size_t)sysconf(_SC_PAGESIZE), all = KEY_REGION_SIZE + 2 * guard;
    uint8_t *base = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return error_errno(error, errno, "cannot map the key region");
    const char *kind = map_secret(base + guard) ? "memfd_secret" : map_locked(base + guard) ? "mlock" : NULL;
    if (!kind || madvise(base + guard, KEY_REGION_SIZE, MADV_DONTFORK) != 0) {
        munmap(base, all);
        return error_set(error, ERR_NO_MEMORY,
            "cannot lock %zu KiB of memory for keys: raise RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)",
            KEY_REGION_SIZE / 1024);
    }
    region.p = base + guard;
    region.kind = kind;
    return ERR_OK;
}

err_t key_region_open(struct error *error)
{
    pthread_mutex_lock(&region.lock);
    err_t result = region.p ? ERR_OK : open_locked(error);
    pthread_mutex_unlock(&region.lock);
    return result;
}

/* Units for n bytes, at least one. */
static size_t units_of(size_t n)
{
    return n ? n / UNIT + (n % UNIT != 0) : 1;
}

/* First fit: keys are few and live long. */
static size_t find_run(size_t units)
{
    size_t run = 0;
    for (size_t i = 0; i < UNITS; i++) {
        run = region.taken[i] ? 0 : run + 1;
        if (run == units)
            return i + 1 - units;
    }
    return UNITS;
}

struct secret key_region_take(size_t n)
{
    struct secret secret = {NULL, 0};
    size_t units = units_of(n);

    pthread_mutex_lock(&region.lock);
    size_t first = region.p ? find_run(units) : UNITS;
    if (first < UNITS) {
        memset(region.taken + first, true, units);
        secret = (struct secret){region.p + first * UNIT, n};
    }
    pthread_mutex_unlock(&region.lock);
    return secret;
}

void key_region_give(struct secret secret)
{
    if (!secret.p)
        return;
    size_t units = units_of(secret.n), first = (size_t)(secret.p - region.p) / UNIT;
    assert(secret.p >= region.p && (size_t)(secret.p - region.p) % UNIT == 0 && first + units <= UNITS);
    memory_wipe(secret.p, units * UNIT);
    pthread_mutex_lock(&region.lock);
    for (size_t i = first; i < first + units; i++) {
        assert(region.taken[i]);
        region.taken[i] = false;
    }
    pthread_mutex_unlock(&region.lock);
}

const char *key_region_kind(void)
{
    pthread_mutex_lock(&region.lock);
    const char *kind = region.kind;
    pthread_mutex_unlock(&region.lock);
    return kind;
}
