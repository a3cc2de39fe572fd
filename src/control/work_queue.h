/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that wait for their time, each at most once: a hash table to find them, a heap to know the next. One thread. */
#ifndef COFFER_CONTROL_WORK_QUEUE_H
#define COFFER_CONTROL_WORK_QUEUE_H

#include "base/error.h"

struct work {
    struct work *next; /* of its bucket */
    size_t place;      /* in the heap; WORK_TAKEN while it is worked on */
    uint64_t due_ms;
    uint64_t sooner_ms; /* while taken: when it was asked for again; UINT64_MAX: it was not */
    unsigned failures;  /* in a row */
    uint32_t hash;
    uint32_t length;
    uint8_t key[];
};
#define WORK_TAKEN SIZE_MAX

/* Starts zeroed. */
struct work_queue {
    struct work **heap, **buckets;
    size_t count, heap_capacity; /* waiting */
    size_t all, bucket_count;    /* waiting and taken; a power of two */
};

/* At due_ms, or sooner when it already waits for an earlier time. False without memory. */
MUST_CHECK bool work_add(struct work_queue *, bytes key, uint64_t due_ms);
/* When the next one is due; UINT64_MAX: none waits. */
uint64_t work_next_ms(const struct work_queue *);
/* The first that is due, until work_done or work_again; NULL: none. */
struct work *work_take(struct work_queue *, uint64_t now_ms);
/* It is made right, and gone unless it was added meanwhile. */
void work_done(struct work_queue *, struct work *);
/* It waits again, no later than due_ms. */
void work_again(struct work_queue *, struct work *, uint64_t due_ms);
void work_queue_free(struct work_queue *);

#endif
