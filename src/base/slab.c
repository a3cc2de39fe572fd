/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define SLAB_SIZE    (1024UL * 1024)
#define PAGE         4096UL
#define UNITS        (SLAB_SIZE / SLAB_BLOCK_LEAST)
#define ORDERS       9U /* 2 KiB << 8 is 512 KiB: unit 0 holds the slab's head, so its half is never whole */
#define CACHE_BYTES  (128UL * 1024)
#define CACHE_ORDERS 6U /* up to 64 KiB */
#define TRIM_ORDER   3U /* 16 KiB: smaller free blocks are not worth a system call each */

/* A free block; lies in its first bytes. */
struct block {
    struct block *next, **link; /* link: what points here */
};

/* The head of a slab, in its first unit. Slabs are aligned to their size, so a block's address leads to it. */
struct slab {
    size_t used;               /* units taken */
    uint8_t free_order[UNITS]; /* 1 + order where a free block begins, else 0 */
};
_Static_assert(sizeof(struct slab) <= SLAB_BLOCK_LEAST, "the head fits the first unit");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct block *free_blocks[ORDERS];
static unsigned empty_slabs;
static atomic_bool lock_failed;

static _Thread_local struct {
    struct block *blocks[CACHE_ORDERS];
    size_t bytes;
    bool flushed_at_exit;
} cache;

static size_t order_size(unsigned order)
{
    return (size_t)SLAB_BLOCK_LEAST << order;
}

static unsigned order_of(size_t n)
{
    unsigned order = 0;
    while (order_size(order) < n)
        order++;
    return order;
}

/* MLOCK_ONFAULT: pages are locked as they are touched; locking the whole at once would make it all resident. */
static void protect(void *p, size_t n)
{
    madvise(p, n, MADV_DONTDUMP);
    if (mlock2(p, n, MLOCK_ONFAULT) != 0)
        atomic_store_explicit(&lock_failed, true, memory_order_relaxed);
}

bool slab_lock_failed(void)
{
    return atomic_load_explicit(&lock_failed, memory_order_relaxed);
}

static void *map(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static struct slab *slab_of(void *block)
{
    return (struct slab *)((uintptr_t)block & ~(SLAB_SIZE - 1));
}

static size_t unit_of(struct slab *slab, void *block)
{
    return (size_t)((uint8_t *)block - (uint8_t *)slab) / SLAB_BLOCK_LEAST;
}

static void list_block(struct slab *slab, size_t unit, unsigned order)
{
    struct block *b = (struct block *)((uint8_t *)slab + unit * SLAB_BLOCK_LEAST);
    slab->free_order[unit] = (uint8_t)(order + 1);
    ASAN_UNPOISON_MEMORY_REGION(b, sizeof(*b));
    *b = (struct block){free_blocks[order], &free_blocks[order]};
    if (b->next)
        b->next->link = &b->next;
    free_blocks[order] = b;
}

static void unlist_block(struct slab *slab, size_t unit)
{
    struct block *b = (struct block *)((uint8_t *)slab + unit * SLAB_BLOCK_LEAST);
    slab->free_order[unit] = 0;
    *b->link = b->next;
    if (b->next)
        b->next->link = b->link;
}

static bool slab_add(void)
{
    uint8_t *p = map(2 * SLAB_SIZE);
    if (!p)
        return false;
    size_t before = -(uintptr_t)p & (SLAB_SIZE - 1);
    if (before)
        munmap(p, before);
    munmap(p + before + SLAB_SIZE, SLAB_SIZE - before);
    struct slab *slab = (struct slab *)(p + before);
    protect(slab, SLAB_SIZE);
    for (unsigned order = 0; order < ORDERS; order++)
        list_block(slab, 1UL << order, order);
    empty_slabs++;
    return true;
}

static void slab_remove(struct slab *slab)
{
    for (unsigned order = 0; order < ORDERS; order++)
        unlist_block(slab, 1UL << order);
    empty_slabs--;
    ASAN_UNPOISON_MEMORY_REGION(slab, SLAB_SIZE);
    munmap(slab, SLAB_SIZE);
}

/* The smallest free block that fits, halved until it is as small as it may be; upper halves become free blocks. */
static void *take_locked(unsigned wanted)
{
    unsigned order = wanted;
    while (order < ORDERS && !free_blocks[order])
        order++;
    if (order == ORDERS) {
        if (!slab_add())
            return NULL;
        order = wanted;
    }
    struct block *b = free_blocks[order];
    struct slab *slab = slab_of(b);
    size_t unit = unit_of(slab, b);
    unlist_block(slab, unit);
    while (order > wanted) {
        order--;
        list_block(slab, unit + (1UL << order), order);
    }
    empty_slabs -= slab->used == 0;
    slab->used += 1UL << wanted;
    return b;
}

static void give_locked(void *block, unsigned order)
{
    struct slab *slab = slab_of(block);
    size_t unit = unit_of(slab, block);
    slab->used -= 1UL << order;
    for (; order < ORDERS - 1 && slab->free_order[unit ^ (1UL << order)] == order + 1; order++) {
        unlist_block(slab, unit ^ (1UL << order));
        unit &= ~(1UL << order);
    }
    list_block(slab, unit, order);
    if (slab->used == 0 && empty_slabs++ > 0)
        slab_remove(slab);
}

/* This thread's. */
static void empty_cache_locked(void)
{
    for (unsigned order = 0; order < CACHE_ORDERS; order++) {
        for (struct block *b = cache.blocks[order], *next; b; b = next) {
            next = b->next;
            cache.bytes -= order_size(order);
            give_locked(b, order);
        }
        cache.blocks[order] = NULL;
    }
}

static void flush_cache(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    empty_cache_locked();
    pthread_mutex_unlock(&lock);
    cache.bytes = CACHE_BYTES; /* destructors that run later bypass the cache */
}

static pthread_key_t exit_key;
static bool exit_key_made;

static void make_exit_key(void)
{
    exit_key_made = pthread_key_create(&exit_key, flush_cache) == 0;
}

/* A thread without a key to flush its cache when it ends must not have one. */
static bool cache_usable(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!cache.flushed_at_exit) {
        pthread_once(&once, make_exit_key);
        cache.flushed_at_exit = exit_key_made && pthread_setspecific(exit_key, &cache) == 0;
    }
    return cache.flushed_at_exit;
}

size_t slab_size(size_t n)
{
    if (n > order_size(ORDERS - 1))
        return (n + PAGE - 1) & ~(PAGE - 1);
    return order_size(order_of(n));
}

static void *take_large(size_t size)
{
    void *p = map(size);
    if (p)
        protect(p, size);
    return p;
}

void *slab_take(size_t size)
{
    void *p;
    if (size > order_size(ORDERS - 1))
        return take_large(size);
    unsigned order = order_of(size);
    if (order < CACHE_ORDERS && cache.blocks[order]) {
        p = cache.blocks[order];
        cache.blocks[order] = cache.blocks[order]->next;
        cache.bytes -= size;
    } else {
        pthread_mutex_lock(&lock);
        p = take_locked(order);
        pthread_mutex_unlock(&lock);
    }
    if (p)
        ASAN_UNPOISON_MEMORY_REGION(p, size);
    return p;
}

void slab_give(void *block, size_t size)
{
    if (size > order_size(ORDERS - 1)) {
        ASAN_UNPOISON_MEMORY_REGION(block, size);
        munmap(block, size);
        return;
    }
    unsigned order = order_of(size);
    ASAN_UNPOISON_MEMORY_REGION(block, sizeof(struct block));
    ASAN_POISON_MEMORY_REGION((uint8_t *)block + sizeof(struct block), size - sizeof(struct block));
    if (order < CACHE_ORDERS && cache.bytes + size <= CACHE_BYTES && cache_usable()) {
        struct block *b = block;
        b->next = cache.blocks[order];
        cache.blocks[order] = b;
        cache.bytes += size;
        return;
    }
    pthread_mutex_lock(&lock);
    give_locked(block, order);
    pthread_mutex_unlock(&lock);
}

/* There is one at most. */
static void remove_empty_slab(void)
{
    for (struct block *b = free_blocks[ORDERS - 1]; b; b = b->next) {
        if (slab_of(b)->used > 0)
            continue;
        slab_remove(slab_of(b));
        return;
    }
}

/* A free block's first page says that it is free; it stays. Kernels before 5.18 keep the others too. */
void slab_trim(void)
{
    pthread_mutex_lock(&lock);
    empty_cache_locked();
    remove_empty_slab();
    for (unsigned order = TRIM_ORDER; order < ORDERS; order++)
        for (struct block *b = free_blocks[order]; b; b = b->next)
            madvise((uint8_t *)b + PAGE, order_size(order) - PAGE, MADV_DONTNEED_LOCKED);
    pthread_mutex_unlock(&lock);
}
