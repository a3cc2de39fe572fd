/* SPDX-License-Identifier: Apache-2.0 */
#include "api/patch_sequence.h"

void patch_sequence_init(struct patch_sequence *sequence, struct arena *arena)
{
    *sequence = (struct patch_sequence){.arena = arena};
}

/* The block that holds a position, or the last one for the position after the end; *position becomes the place in it.
 */
static uint32_t find_block(const struct patch_sequence *s, uint32_t *position)
{
    uint32_t b = 0;
    if (*position == s->count) { /* appending is common */
        b = s->block_count - 1;
        *position = s->blocks[b].count;
        return b;
    }
    while (*position >= s->blocks[b].count)
        *position -= s->blocks[b++].count;
    return b;
}

void **patch_sequence_at(const struct patch_sequence *s, uint32_t position)
{
    uint32_t b = find_block(s, &position);
    return &s->blocks[b].items[position];
}

static bool grow(struct patch_sequence *s, struct patch_block *block, uint32_t capacity)
{
    void **items = arena_alloc(s->arena, capacity * sizeof(*items));
    if (!items)
        return false;
    if (block->count)
        memcpy(items, block->items, block->count * sizeof(*items));
    block->items = items, block->capacity = capacity;
    return true;
}

/* An empty block at place b. */
static bool add_block(struct patch_sequence *s, uint32_t b)
{
    if (s->block_count == s->block_capacity) {
        uint32_t capacity = s->block_capacity ? 2 * s->block_capacity : 4;
        struct patch_block *grown = arena_alloc(s->arena, capacity * sizeof(*grown));
        if (!grown)
            return false;
        if (s->block_count)
            memcpy(grown, s->blocks, s->block_count * sizeof(*grown));
        s->blocks = grown, s->block_capacity = capacity;
    }
    memmove(&s->blocks[b + 1], &s->blocks[b], (s->block_count - b) * sizeof(*s->blocks));
    s->blocks[b] = (struct patch_block){0};
    s->block_count++;
    return true;
}

/* Makes room in the full block b for a position in it: after the end of all by an empty block, else by moving its upper
 * half into a new one. */
static bool split(struct patch_sequence *s, uint32_t *b, uint32_t *position)
{
    if (!add_block(s, *b + 1) || !grow(s, &s->blocks[*b + 1], PATCH_BLOCK))
        return false;
    struct patch_block *full = &s->blocks[*b], *next = full + 1;
    if (*b + 2 < s->block_count || *position < full->count) {
        next->count = full->count / 2;
        full->count -= next->count;
        memcpy(next->items, full->items + full->count, next->count * sizeof(*next->items));
    }
    if (*position > full->count || (*position == full->count && next->count == 0)) {
        *position -= full->count;
        ++*b;
    }
    return true;
}

bool patch_sequence_insert(struct patch_sequence *s, uint32_t position, void *item)
{
    if (s->block_count == 0 && !add_block(s, 0))
        return false;
    uint32_t b = find_block(s, &position);
    if (s->blocks[b].count == PATCH_BLOCK && !split(s, &b, &position))
        return false;
    struct patch_block *block = &s->blocks[b];
    if (block->count == block->capacity && !grow(s, block, block->capacity ? 2 * block->capacity : 8))
        return false;
    memmove(block->items + position + 1, block->items + position, (block->count - position) * sizeof(*block->items));
    block->items[position] = item;
    block->count++, s->count++;
    return true;
}

void patch_sequence_remove(struct patch_sequence *s, uint32_t position)
{
    uint32_t b = find_block(s, &position);
    struct patch_block *block = &s->blocks[b];
    block->count--, s->count--;
    memmove(block->items + position, block->items + position + 1, (block->count - position) * sizeof(*block->items));
}
