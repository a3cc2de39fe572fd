/* SPDX-License-Identifier: Apache-2.0 */
#include "atrest/seed_cache.h"

#include "crypt/key_region.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SLOTS (2 * SEED_CACHE_MOST) /* a power of two; half stay empty, so that a search ends soon */

/* Never changed once it is in a slot. */
struct entry {
    struct secret seed;
    size_t n;
    uint8_t wrapped[];
};

struct seed_cache {
    pthread_mutex_t lock; /* of adding */
    size_t count;
    _Atomic(struct entry *) slots[SLOTS];
};

struct seed_cache *seed_cache_new(void)
{
    struct seed_cache *cache = calloc(1, sizeof(*cache));
    if (cache)
        pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void seed_cache_free(struct seed_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < SLOTS; i++) {
        struct entry *entry = atomic_load(&cache->slots[i]);
        if (entry)
            key_region_give(entry->seed);
        free(entry);
    }
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

/* The slot that holds wrapped, or the empty one where it belongs. What is wrapped ends in a tag, as good as a hash. */
static size_t slot_of(struct seed_cache *cache, bytes wrapped)
{
    uint64_t hash = 0;
    size_t n = wrapped.n < sizeof(hash) ? wrapped.n : sizeof(hash);
    if (n)
        memcpy(&hash, wrapped.p + wrapped.n - n, n);
    for (size_t i = hash % SLOTS;; i = (i + 1) % SLOTS) {
        const struct entry *entry = atomic_load_explicit(&cache->slots[i], memory_order_acquire);
        if (!entry || bytes_equal((bytes){entry->wrapped, entry->n}, wrapped))
            return i;
    }
}

struct secret seed_cache_find(struct seed_cache *cache, bytes wrapped)
{
    const struct entry *entry = atomic_load_explicit(&cache->slots[slot_of(cache, wrapped)], memory_order_acquire);
    return entry ? entry->seed : (struct secret){NULL, 0};
}

static struct entry *entry_new(bytes wrapped, struct secret seed)
{
    struct entry *entry = malloc(sizeof(*entry) + wrapped.n);
    struct secret kept = entry ? key_region_take(seed.n) : (struct secret){NULL, 0};
    if (!kept.p) {
        free(entry);
        return NULL;
    }
    memcpy(kept.p, seed.p, seed.n);
    memcpy(entry->wrapped, wrapped.p, wrapped.n);
    entry->seed = kept;
    entry->n = wrapped.n;
    return entry;
}

void seed_cache_add(struct seed_cache *cache, bytes wrapped, struct secret seed)
{
    pthread_mutex_lock(&cache->lock);
    size_t slot = slot_of(cache, wrapped);
    if (cache->count < SEED_CACHE_MOST && !atomic_load_explicit(&cache->slots[slot], memory_order_relaxed)) {
        struct entry *entry = entry_new(wrapped, seed);
        cache->count += entry != NULL;
        atomic_store_explicit(&cache->slots[slot], entry, memory_order_release);
    }
    pthread_mutex_unlock(&cache->lock);
}
