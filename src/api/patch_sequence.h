/* SPDX-License-Identifier: Apache-2.0 */
/* A sequence with fast access, insertion and removal at any place: 10,000 operations on the head of a list of a million
 * items take milliseconds. Blocks of pointers; a full one is split. Only src/api/patch*.c include this. */
#ifndef COFFER_API_PATCH_SEQUENCE_H
#define COFFER_API_PATCH_SEQUENCE_H

#include "base/arena.h"

struct patch_block {
    void **items;
    uint32_t count, capacity; /* at most PATCH_BLOCK */
};

struct patch_sequence {
    struct arena *arena;
    struct patch_block *blocks;
    uint32_t block_count, block_capacity;
    uint32_t count;
};

#define PATCH_BLOCK 512

void patch_sequence_init(struct patch_sequence *, struct arena *);
/* position < count. */
void **patch_sequence_at(const struct patch_sequence *, uint32_t position);
/* position <= count. False when the arena is full. */
MUST_CHECK bool patch_sequence_insert(struct patch_sequence *, uint32_t position, void *item);
/* position < count. */
void patch_sequence_remove(struct patch_sequence *, uint32_t position);

#endif
