/* SPDX-License-Identifier: Apache-2.0 */
#include "control/work_queue.h"

#include <stdlib.h>

#define BUCKETS_LEAST 16
#define HEAP_LEAST    16

static uint32_t hash_of(bytes key)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < key.n; i++)
        hash = (hash ^ key.p[i]) * 16777619u;
    return hash;
}

/* ---- The heap: an entry is due no later than its two below. */

static void put_at(struct work_queue *q, struct work *work, size_t place)
{
    q->heap[place] = work;
    work->place = place;
}

static void rise(struct work_queue *q, struct work *work)
{
    size_t at = work->place;
    while (at > 0 && q->heap[(at - 1) / 2]->due_ms > work->due_ms) {
        put_at(q, q->heap[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    put_at(q, work, at);
}

static void sink(struct work_queue *q, struct work *work)
{
    size_t at = work->place;
    for (;;) {
        size_t below = 2 * at + 1;
        if (below + 1 < q->count && q->heap[below + 1]->due_ms < q->heap[below]->due_ms)
            below++;
        if (below >= q->count || q->heap[below]->due_ms >= work->due_ms)
            break;
        put_at(q, q->heap[below], at);
        at = below;
    }
    put_at(q, work, at);
}

static void heap_add(struct work_queue *q, struct work *work, uint64_t due_ms)
{
    work->due_ms = due_ms;
    put_at(q, work, q->count++);
    rise(q, work);
}

/* ---- The table. */

/* Room for all entries, so that one that was taken finds its place in the heap again. */
static bool grow_heap(struct work_queue *q)
{
    size_t capacity = q->heap_capacity ? 2 * q->heap_capacity : HEAP_LEAST;
    struct work **grown = reallocarray(q->heap, capacity, sizeof(struct work *));
    if (!grown)
        return false;
    q->heap = grown;
    q->heap_capacity = capacity;
    return true;
}

static bool grow_buckets(struct work_queue *q)
{
    size_t count = q->bucket_count ? 2 * q->bucket_count : BUCKETS_LEAST;
    struct work **grown = calloc(count, sizeof(struct work *));
    if (!grown)
        return false;
    for (size_t i = 0; i < q->bucket_count; i++)
        for (struct work *work = q->buckets[i], *next; work; work = next) {
            next = work->next;
            work->next = grown[work->hash & (count - 1)];
            grown[work->hash & (count - 1)] = work;
        }
    free(q->buckets);
    q->buckets = grown;
    q->bucket_count = count;
    return true;
}

static struct work *find(const struct work_queue *q, bytes key, uint32_t hash)
{
    struct work *work = q->bucket_count ? q->buckets[hash & (q->bucket_count - 1)] : NULL;
    while (work && !(work->hash == hash && bytes_equal((bytes){work->key, work->length}, key)))
        work = work->next;
    return work;
}

bool work_add(struct work_queue *q, bytes key, uint64_t due_ms)
{
    uint32_t hash = hash_of(key);
    struct work *work = find(q, key, hash);
    if (work && work->place == WORK_TAKEN) {
        work->sooner_ms = due_ms < work->sooner_ms ? due_ms : work->sooner_ms;
        return true;
    }
    if (work) {
        if (due_ms < work->due_ms) {
            work->due_ms = due_ms;
            rise(q, work);
        }
        return true;
    }
    if ((q->all == q->heap_capacity && !grow_heap(q)) || (q->all == q->bucket_count && !grow_buckets(q)))
        return false;
    work = calloc(1, sizeof *work + key.n);
    if (!work)
        return false;
    work->hash = hash;
    work->length = (uint32_t)key.n;
    if (key.n)
        memcpy(work->key, key.p, key.n);
    work->next = q->buckets[hash & (q->bucket_count - 1)];
    q->buckets[hash & (q->bucket_count - 1)] = work;
    q->all++;
    heap_add(q, work, due_ms);
    return true;
}

uint64_t work_next_ms(const struct work_queue *q)
{
    return q->count ? q->heap[0]->due_ms : UINT64_MAX;
}

struct work *work_take(struct work_queue *q, uint64_t now_ms)
{
    if (q->count == 0 || q->heap[0]->due_ms > now_ms)
        return NULL;
    struct work *first = q->heap[0], *last = q->heap[--q->count];
    if (last != first) {
        last->place = 0;
        sink(q, last);
    }
    first->place = WORK_TAKEN;
    first->sooner_ms = UINT64_MAX;
    return first;
}

void work_done(struct work_queue *q, struct work *work)
{
    work->failures = 0;
    if (work->sooner_ms != UINT64_MAX) {
        heap_add(q, work, work->sooner_ms);
        return;
    }
    struct work **at = &q->buckets[work->hash & (q->bucket_count - 1)];
    while (*at != work)
        at = &(*at)->next;
    *at = work->next;
    q->all--;
    free(work);
}

void work_again(struct work_queue *q, struct work *work, uint64_t due_ms)
{
    heap_add(q, work, work->sooner_ms < due_ms ? work->sooner_ms : due_ms);
}

void work_queue_free(struct work_queue *q)
{
    for (size_t i = 0; i < q->bucket_count; i++)
        for (struct work *work = q->buckets[i], *next; work; work = next) {
            next = work->next;
            free(work);
        }
    free(q->buckets);
    free(q->heap);
    *q = (struct work_queue){0};
}
