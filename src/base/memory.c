/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include "base/slab.h"

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

void memory_wipe(void *p, size_t n)
{
    if (n)
        explicit_bzero(p, n);
}

#ifdef COFFER_TESTING
static atomic_long fail_after = -1;
static atomic_bool fail_fired;

void memory_fail_after(long after)
{
    atomic_store(&fail_fired, false);
    atomic_store(&fail_after, after);
}

bool memory_fail_fired(void)
{
    return atomic_load(&fail_fired);
}

bool memory_fail_now(void)
{
    if (atomic_load_explicit(&fail_after, memory_order_relaxed) < 0 || atomic_fetch_sub(&fail_after, 1) != 0)
        return false;
    atomic_store(&fail_fired, true);
    return true;
}

__attribute__((constructor)) static void arm_from_environment(void)
{
    const char *after = getenv("COFFER_FAIL_ALLOCATION");
    if (after)
        memory_fail_after(strtol(after, NULL, 10));
}
#endif

/* One heap: memory freed by one thread serves the next, and private memory stays small. A fixed threshold keeps large
 * blocks out of the heap, so that they go back to the kernel at once. */
static void shape_heap(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    mallopt(M_TRIM_THRESHOLD, 256 * 1024);
}

void *memory_pages(size_t n)
{
#ifdef COFFER_TESTING
    if (memory_fail_now())
        return NULL;
#endif
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void memory_pages_free(void *p, size_t n)
{
    munmap(p, n);
}

void memory_trim(void)
{
    slab_trim();
    malloc_trim(0);
}

void memory_harden(bool debuggable)
{
    struct rlimit limit;
    shape_heap();
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_MEMLOCK, &limit);
    }
    prctl(PR_SET_DUMPABLE, debuggable, 0, 0, 0); /* who has become another user is not, without being told */
    if (!debuggable)
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

/* malloc and its kin for the whole program: the dynamic linker prefers the program's definitions to libc's. They are in
 * this file, so that whoever uses memory_wipe links them too. glibc exports its own under internal names for this
 * purpose. */
#ifndef COFFER_SANITIZED

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

#ifdef COFFER_TESTING
#define REFUSED() (memory_fail_now() ? (errno = ENOMEM, true) : false)
#else
#define REFUSED() false
#endif

void *malloc(size_t n)
{
    return REFUSED() ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t size)
{
    return REFUSED() ? NULL : __libc_calloc(count, size);
}

/* Wipes all that the block could hold: the caller may have used what malloc_usable_size promised. */
void free(void *p)
{
    if (!p)
        return;
    int saved_errno = errno;
    memory_wipe(p, malloc_usable_size(p));
    __libc_free(p);
    errno = saved_errno;
}

/* glibc's realloc would leave the old bytes behind when it moves a block; here the old block is wiped like any other. A
 * block that shrinks by less than half stays where it is: its tail is wiped when it is freed. */
void *realloc(void *p, size_t n)
{
    if (!p)
        return malloc(n);
    if (n == 0) {
        free(p);
        return NULL;
    }
    size_t usable = malloc_usable_size(p);
    if (n <= usable && n >= usable / 2)
        return p;
    void *moved = malloc(n);
    if (!moved)
        return NULL;
    memcpy(moved, p, n < usable ? n : usable);
    free(p);
    return moved;
}

void *reallocarray(void *p, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(p, n);
}

void *memalign(size_t alignment, size_t n)
{
    return REFUSED() ? NULL : __libc_memalign(alignment, n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return memalign(alignment, n);
}

int posix_memalign(void **ret, size_t alignment, size_t n)
{
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    int saved_errno = errno;
    void *p = memalign(alignment, n);
    errno = saved_errno;
    if (!p)
        return ENOMEM;
    *ret = p;
    return 0;
}

void *valloc(size_t n)
{
    return memalign((size_t)sysconf(_SC_PAGESIZE), n);
}

#endif
