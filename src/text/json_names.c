/* SPDX-License-Identifier: Apache-2.0 */
#include "text/json_names.h"

#include "base/random.h"

#include <pthread.h>

/* Small objects compare each pair of names; a large one hashes them into a table. */
#define PAIRWISE_MOST 16

static const struct json *duplicate_pairwise(const struct json *object)
{
    for (const struct json *a = object->first; a; a = a->next)
        for (const struct json *b = object->first; b != a; b = b->next)
            if (bytes_equal(a->key, b->key))
                return a;
    return NULL;
}

#define HASH_PRIME ((1ULL << 61) - 1)
static uint64_t hash_point;

static void draw_hash_point(void)
{
    random_bytes(&hash_point, sizeof(hash_point));
    hash_point %= HASH_PRIME;
}

/* The name as a polynomial over the field of 2^61 - 1. */
uint64_t json_hash_name(bytes name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    uint64_t h = name.n;
    pthread_once(&once, draw_hash_point);
    while (name.n) {
        uint64_t digit = 0;
        size_t n = name.n < 7 ? name.n : 7;
        memcpy(&digit, name.p, n);
        unsigned __int128 product = (unsigned __int128)((h + digit) % HASH_PRIME) * hash_point;
        h = (uint64_t)(product & HASH_PRIME) + (uint64_t)(product >> 61);
        name = bytes_skip(name, n);
    }
    return h % HASH_PRIME;
}

/* The table lies in an arena of its own, bounded by what the document's may still take. */
static err_t duplicate_hashed(struct arena *arena, const struct json *object, const struct json **ret)
{
    struct arena scratch;
    const struct json *found = NULL;
    size_t slots = 64;
    while (slots < 2 * (size_t)object->count)
        slots *= 2;
    arena_init(&scratch, arena->limit - arena->used);
    const struct json **table = arena_zero(&scratch, slots * sizeof(struct json *));
    if (!table) {
        arena->failed = scratch.failed;
        return arena_error(arena, NULL);
    }
    for (const struct json *member = object->first; member && !found; member = member->next) {
        size_t i = json_hash_name(member->key) & (slots - 1);
        while (table[i] && !bytes_equal(table[i]->key, member->key))
            i = (i + 1) & (slots - 1);
        if (table[i])
            found = member;
        table[i] = member;
    }
    arena_reset(&scratch);
    *ret = found;
    return ERR_OK;
}

err_t json_find_duplicate(struct arena *arena, const struct json *object, const struct json **ret)
{
    if (object->count > PAIRWISE_MOST)
        return duplicate_hashed(arena, object, ret);
    *ret = duplicate_pairwise(object);
    return ERR_OK;
}
