/* SPDX-License-Identifier: Apache-2.0 */
#include "base/persistent_map.h"

#include "base/random.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BITS   5 /* of the hash, a level */
#define WAYS   32
#define LEVELS 12 /* of branches: 60 bits; below, leaves of one hash stand in a row */
_Static_assert(PERSISTENT_MAP_LEVELS == LEVELS + 1, "a way down ends with a leaf");

/* A node is a leaf or a branch; both are counted, for maps share them.
 *
 *   branch: a bitmap of the ways taken, and their children in order
 *   leaf:   one key and its value; further keys with the same whole hash in next */
struct node {
    atomic_uint references;
    uint32_t bitmap; /* 0: a leaf */
};

struct branch {
    struct node node;
    struct node *children[];
};

struct leaf {
    struct node node;
    uint64_t hash;
    struct persistent_value *value;
    struct leaf *next;
    size_t n;
    uint8_t key[];
};

struct persistent_map {
    atomic_uint references;
    size_t count;
    struct node *root;
};

/* ---- Hashes: polynomial over 2^61 - 1 at a secret point (Carter, Wegman), eight bytes a step, and a last mix, for the
 * low bits choose the way. */

#define PRIME ((UINT64_C(1) << 61) - 1)

static uint64_t point;
static pthread_once_t point_drawn = PTHREAD_ONCE_INIT;

static void draw_point(void)
{
    random_bytes(&point, sizeof point);
    point = point % (PRIME - 1) + 1;
}

static uint64_t multiply(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    uint64_t sum = (uint64_t)(product & PRIME) + (uint64_t)(product >> 61);

    return sum >= PRIME ? sum - PRIME : sum;
}

uint64_t persistent_map_hash(bytes key)
{
    uint64_t h = key.n + 1;

    pthread_once(&point_drawn, draw_point);
    for (size_t at = 0; at < key.n; at += 7) { /* seven bytes are below the prime */
        uint64_t word = 0;
        memcpy(&word, key.p + at, key.n - at < 7 ? key.n - at : 7);
        h = multiply(h, point) + word;
        h = h >= PRIME ? h - PRIME : h;
    }
    return multiply(h, point);
}

static unsigned way_of(uint64_t hash, unsigned level)
{
    return (unsigned)(hash >> (BITS * level)) & (WAYS - 1);
}

static unsigned place_of(uint32_t bitmap, unsigned way)
{
    return (unsigned)__builtin_popcount(bitmap & ((UINT32_C(1) << way) - 1));
}

/* ---- References. */

void persistent_value_hold(const struct persistent_value *value)
{
    atomic_fetch_add_explicit(&((struct persistent_value *)(uintptr_t)value)->references, 1, memory_order_relaxed);
}

void persistent_value_release(const struct persistent_value *given)
{
    struct persistent_value *value = (struct persistent_value *)(uintptr_t)given;

    if (value && atomic_fetch_sub_explicit(&value->references, 1, memory_order_acq_rel) == 1)
        value->free(value);
}

static struct node *hold(struct node *node)
{
    if (node)
        atomic_fetch_add_explicit(&node->references, 1, memory_order_relaxed);
    return node;
}

static void release(struct node *node)
{
    if (!node || atomic_fetch_sub_explicit(&node->references, 1, memory_order_acq_rel) > 1)
        return;
    if (node->bitmap) {
        struct branch *branch = (struct branch *)node;
        for (int i = 0; i < __builtin_popcount(node->bitmap); i++)
            release(branch->children[i]);
    } else {
        struct leaf *leaf = (struct leaf *)node;
        release((struct node *)leaf->next);
        persistent_value_release(leaf->value);
    }
    free(node);
}

/* ---- Looking. */

static bool is_key(const struct leaf *leaf, bytes key)
{
    return leaf->n == key.n && memcmp(leaf->key, key.n ? key.p : (const uint8_t *)"", key.n) == 0;
}

const struct persistent_value *persistent_map_get(const struct persistent_map *map, bytes key)
{
    return map ? persistent_map_find(map, key, persistent_map_hash(key)) : NULL;
}

const struct persistent_value *persistent_map_find(const struct persistent_map *map, bytes key, uint64_t hash)
{
    struct node *node = map ? map->root : NULL;

    for (unsigned level = 0; node && node->bitmap; level++) {
        unsigned way = way_of(hash, level);
        if (!(node->bitmap & (UINT32_C(1) << way)))
            return NULL;
        node = ((struct branch *)node)->children[place_of(node->bitmap, way)];
    }
    for (const struct leaf *leaf = (struct leaf *)node; leaf; leaf = leaf->next)
        if (leaf->hash == hash && is_key(leaf, key))
            return leaf->value;
    return NULL;
}

size_t persistent_map_count(const struct persistent_map *map)
{
    return map ? map->count : 0;
}

void persistent_map_begin(const struct persistent_map *map, struct persistent_cursor *cursor)
{
    cursor->depth = 0;
    cursor->nodes[0] = map ? map->root : NULL;
    cursor->next[0] = 0;
    cursor->done = !map;
}

bool persistent_map_next(struct persistent_cursor *cursor, bytes *ret_key, const struct persistent_value **ret)
{
    while (!cursor->done) {
        const struct node *node = cursor->nodes[cursor->depth];
        const struct branch *branch = (const struct branch *)node;
        unsigned at = cursor->next[cursor->depth];
        if (!node->bitmap) {
            const struct leaf *leaf = (const struct leaf *)node;
            cursor->nodes[cursor->depth] = leaf->next;
            if (!leaf->next)
                cursor->done = cursor->depth == 0, cursor->depth -= cursor->depth > 0;
            if (ret_key)
                *ret_key = (bytes){leaf->key, leaf->n};
            *ret = leaf->value;
            return true;
        }
        if (at < (unsigned)__builtin_popcount(node->bitmap)) {
            cursor->next[cursor->depth++]++;
            cursor->nodes[cursor->depth] = branch->children[at];
            cursor->next[cursor->depth] = 0;
        } else {
            cursor->done = cursor->depth == 0;
            cursor->depth -= cursor->depth > 0;
        }
    }
    return false;
}

/* ---- Changing: each function gives a node of its own, or a shared one with a reference more; NULL without memory, and
 * where `none` says so, for nothing. Children that are given are taken over, on failure too. */

static struct branch *branch_new(uint32_t bitmap)
{
    struct branch *branch = malloc(sizeof *branch + (size_t)__builtin_popcount(bitmap) * sizeof(struct node *));

    if (branch) {
        atomic_init(&branch->node.references, 1);
        branch->node.bitmap = bitmap;
    }
    return branch;
}

/* With child (not NULL) at the way, in place of the one that is there. */
static struct node *branch_with(const struct branch *old, unsigned way, struct node *child)
{
    uint32_t bit = UINT32_C(1) << way, bitmap = old->node.bitmap | bit;
    struct branch *branch = child ? branch_new(bitmap) : NULL;
    unsigned at = place_of(bitmap, way), from = 0;

    if (!branch) {
        release(child);
        return NULL;
    }
    for (unsigned i = 0; i < (unsigned)__builtin_popcount(bitmap); i++) {
        bool replaced = i == at && (old->node.bitmap & bit);
        branch->children[i] = i == at ? child : hold(old->children[from]);
        from += i != at || replaced;
    }
    return &branch->node;
}

static struct node *branch_of_one(unsigned way, struct node *child)
{
    struct branch *branch = child ? branch_new(UINT32_C(1) << way) : NULL;

    if (!branch) {
        release(child);
        return NULL;
    }
    branch->children[0] = child;
    return &branch->node;
}

/* The row of leaves of one hash without the key; *ret_found: it had it. Copies what stands before. */
static bool leaves_without(struct leaf *first, bytes key, struct leaf **ret, bool *ret_found)
{
    struct leaf *rest, *copy;

    *ret = NULL;
    if (!first)
        return true;
    if (is_key(first, key)) {
        *ret_found = true;
        *ret = (struct leaf *)hold((struct node *)first->next);
        return true;
    }
    if (!leaves_without(first->next, key, &rest, ret_found))
        return false;
    copy = malloc(sizeof *copy + first->n);
    if (!copy) {
        release((struct node *)rest);
        return false;
    }
    *copy =
        (struct leaf){.node.references = 1, .hash = first->hash, .value = first->value, .next = rest, .n = first->n};
    memcpy(copy->key, first->key, first->n);
    persistent_value_hold(copy->value);
    *ret = copy;
    return true;
}

static struct node *put(struct node *node, unsigned level, struct leaf *leaf, bool *ret_replaced)
{
    struct leaf *old = (struct leaf *)node;

    if (!node)
        return &leaf->node;
    if (node->bitmap) {
        unsigned way = way_of(leaf->hash, level);
        struct branch *branch = (struct branch *)node;
        struct node *child = node->bitmap & (UINT32_C(1) << way) ? branch->children[place_of(node->bitmap, way)] : NULL;
        return branch_with(branch, way, put(child, level + 1, leaf, ret_replaced));
    }
    if (old->hash == leaf->hash || level == LEVELS) {
        if (leaves_without(old, (bytes){leaf->key, leaf->n}, &leaf->next, ret_replaced))
            return &leaf->node;
        release(&leaf->node);
        return NULL;
    }
    node = branch_of_one(way_of(old->hash, level), hold(node));
    if (!node) {
        release(&leaf->node);
        return NULL;
    }
    struct node *both = put(node, level, leaf, ret_replaced);
    release(node);
    return both;
}

static struct persistent_map *map_new(struct node *root, size_t count)
{
    struct persistent_map *map = malloc(sizeof *map);

    if (map) {
        atomic_init(&map->references, 1);
        map->count = count;
        map->root = root;
    } else {
        release(root);
    }
    return map;
}

bool persistent_map_put(
    const struct persistent_map *map, bytes key, struct persistent_value *value, const struct persistent_map **ret)
{
    struct leaf *leaf = malloc(sizeof *leaf + key.n);
    struct node *root;
    bool replaced = false;

    if (!leaf)
        return false;
    *leaf = (struct leaf){.node.references = 1, .hash = persistent_map_hash(key), .value = value, .n = key.n};
    if (key.n > 0)
        memcpy(leaf->key, key.p, key.n);
    persistent_value_hold(value); /* the caller's stays until all is made */
    root = put(map ? map->root : NULL, 0, leaf, &replaced);
    *ret = root ? map_new(root, persistent_map_count(map) + !replaced) : NULL;
    if (*ret)
        persistent_value_release(value);
    return *ret != NULL;
}

/* The node without the key; *ret NULL when nothing is left of it. False without memory. */
static bool without(struct node *node, unsigned level, uint64_t hash, bytes key, struct node **ret, bool *ret_found)
{
    struct branch *branch = (struct branch *)node, *smaller;
    uint32_t bit = UINT32_C(1) << way_of(hash, level);
    struct node *child;
    unsigned at;

    *ret = NULL;
    if (!node->bitmap) {
        struct leaf *leaves;
        bool done = leaves_without((struct leaf *)node, key, &leaves, ret_found);
        *ret = (struct node *)leaves;
        return done;
    }
    if (!(node->bitmap & bit)) {
        *ret = hold(node);
        return true;
    }
    at = place_of(node->bitmap, way_of(hash, level));
    if (!without(branch->children[at], level + 1, hash, key, &child, ret_found))
        return false;
    if (child) {
        *ret = branch_with(branch, way_of(hash, level), child);
        return *ret != NULL;
    }
    if (node->bitmap == bit)
        return true;
    smaller = branch_new(node->bitmap & ~bit);
    for (unsigned i = 0, to = 0; smaller && i < (unsigned)__builtin_popcount(node->bitmap); i++)
        if (i != at)
            smaller->children[to++] = hold(branch->children[i]);
    *ret = smaller ? &smaller->node : NULL;
    return smaller != NULL;
}

bool persistent_map_remove(const struct persistent_map *map, bytes key, const struct persistent_map **ret)
{
    struct node *root = NULL;
    bool found = false;

    *ret = NULL;
    if (!map)
        return true;
    if (!persistent_map_get(map, key)) {
        persistent_map_hold(map);
        *ret = map;
        return true;
    }
    if (!without(map->root, 0, persistent_map_hash(key), key, &root, &found))
        return false;
    if (!root)
        return true;
    *ret = map_new(root, map->count - 1);
    return *ret != NULL;
}

bool persistent_map_replace(const struct persistent_map **map, bytes key, struct persistent_value *value)
{
    const struct persistent_map *next;

    if (!(value ? persistent_map_put(*map, key, value, &next) : persistent_map_remove(*map, key, &next)))
        return false;
    persistent_map_release(*map);
    *map = next;
    return true;
}

void persistent_map_hold(const struct persistent_map *map)
{
    if (map)
        atomic_fetch_add_explicit(&((struct persistent_map *)(uintptr_t)map)->references, 1, memory_order_relaxed);
}

void persistent_map_release(const struct persistent_map *given)
{
    struct persistent_map *map = (struct persistent_map *)(uintptr_t)given;

    if (!map || atomic_fetch_sub_explicit(&map->references, 1, memory_order_acq_rel) > 1)
        return;
    release(map->root);
    free(map);
}
