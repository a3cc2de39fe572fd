/* SPDX-License-Identifier: Apache-2.0 */
/* A map that is never changed: putting and removing make another that shares all but the path to the change, so that a
 * snapshot of many thousand rules or edges is swapped for the cost of one. A hash trie with 32 ways a level (Bagwell,
 * "Ideal Hash Trees"). Hashes are keyed by a random point of the process: who chooses keys cannot choose collisions.
 *
 * A map is a counted reference to its root; NULL is the empty map. Looking needs no lock and may go on in any thread
 * that holds a reference; putting and removing may too. Values are counted by their own functions. */
#ifndef COFFER_BASE_PERSISTENT_MAP_H
#define COFFER_BASE_PERSISTENT_MAP_H

#include "base/bytes.h"

#include <stdatomic.h>

struct persistent_map;

/* The first member of every value. */
struct persistent_value {
    atomic_uint references;
    void (*free)(struct persistent_value *); /* after the last reference */
};
void persistent_value_hold(const struct persistent_value *);
/* Accepts NULL. */
void persistent_value_release(const struct persistent_value *);

/* The value under the key, borrowed from the map; NULL when there is none. */
const struct persistent_value *persistent_map_get(const struct persistent_map *, bytes key);
/* The same in two parts, for a key that is looked for in many maps. */
uint64_t persistent_map_hash(bytes key);
const struct persistent_value *persistent_map_find(const struct persistent_map *, bytes key, uint64_t hash);
/* *ret is the map with the value under the key; takes over the caller's reference to the value, not that to the map.
 * The key is copied. False without memory: nothing was taken. */
MUST_CHECK bool persistent_map_put(
    const struct persistent_map *, bytes key, struct persistent_value *, const struct persistent_map **ret);
/* *ret is the map without the key: the same one, with a reference more, when it has none. False without memory. */
MUST_CHECK bool persistent_map_remove(const struct persistent_map *, bytes key, const struct persistent_map **ret);

/* The same in place of *map, whose reference becomes the new map's: the value under the key, or (NULL) none. False
 * without memory: nothing was changed or taken. */
MUST_CHECK bool persistent_map_replace(const struct persistent_map **map, bytes key, struct persistent_value *);

void persistent_map_hold(const struct persistent_map *);
/* Accepts NULL. */
void persistent_map_release(const struct persistent_map *);

size_t persistent_map_count(const struct persistent_map *);

/* Every key and value once, in no order that means anything. The map must be held meanwhile. */
#define PERSISTENT_MAP_LEVELS 13
struct persistent_cursor {
    const void *nodes[PERSISTENT_MAP_LEVELS]; /* the way down */
    unsigned next[PERSISTENT_MAP_LEVELS];     /* their child that comes next */
    unsigned depth;                           /* of the node that is looked at; above it all is done */
    bool done;
};
void persistent_map_begin(const struct persistent_map *, struct persistent_cursor *);
/* False at the end. ret_key may be NULL. */
bool persistent_map_next(struct persistent_cursor *, bytes *ret_key, const struct persistent_value **ret);

#endif
