/* SPDX-License-Identifier: Apache-2.0 */
#include "api/patch_internal.h"
#include "text/json_names.h"

/* Comparing so few is faster than hashing them. */
#define COMPARED_MOST 8

bool patch_index_init(struct patch_index *index, struct arena *arena, uint32_t most)
{
    size_t slots = most;
    *index = (struct patch_index){.capacity = most};
    if (most > COMPARED_MOST) {
        for (slots = 32; slots < 2 * (size_t)most;)
            slots *= 2;
        index->mask = slots - 1;
    }
    index->slots = arena_zero(arena, slots * sizeof(*index->slots));
    return index->slots != NULL;
}

static bool is_key(const struct patch_slot *slot, struct patch_key key)
{
    return slot->type == key.type && bytes_equal(slot->text, key.text);
}

/* The slot of the key, or the free one where it belongs; NULL when there is none: all of a small index are taken. */
static struct patch_slot *seek(const struct patch_index *index, struct patch_key key)
{
    if (!index->mask) {
        for (uint32_t i = 0; i < index->capacity; i++)
            if (!index->slots[i].taken || is_key(&index->slots[i], key))
                return &index->slots[i];
        return NULL;
    }
    size_t i = json_hash_name(key.text) & index->mask;
    while (index->slots[i].taken && !is_key(&index->slots[i], key))
        i = (i + 1) & index->mask;
    return &index->slots[i];
}

struct patch_slot *patch_index_find(const struct patch_index *index, struct patch_key key)
{
    struct patch_slot *slot = index->count ? seek(index, key) : NULL;
    return slot && slot->taken ? slot : NULL;
}

struct patch_slot *patch_index_put(
    struct patch_index *index, struct patch_key key, uint32_t position, struct json *value)
{
    struct patch_slot *slot = seek(index, key);
    if (slot->taken)
        return slot;
    *slot = (struct patch_slot){key.text, (uint8_t)key.type, true, false, position, value};
    index->count++;
    return slot;
}

bool patch_index_reserve(struct patch_index *index, struct arena *arena)
{
    struct patch_index grown;
    size_t slots = index->mask ? index->mask + 1 : index->count;
    if (index->count < index->capacity)
        return true;
    if (!patch_index_init(&grown, arena, index->capacity < 4 ? 8 : 2 * index->capacity))
        return false;
    for (size_t i = 0; i < slots; i++)
        if (index->slots[i].taken)
            *seek(&grown, (struct patch_key){index->slots[i].text, index->slots[i].type}) = index->slots[i];
    grown.count = index->count;
    *index = grown;
    return true;
}
