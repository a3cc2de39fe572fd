/* SPDX-License-Identifier: Apache-2.0 */
/* Names of members by hash: those that an object has twice, found in linear time; and the hash, for tables of names. */
#ifndef COFFER_TEXT_JSON_NAMES_H
#define COFFER_TEXT_JSON_NAMES_H

#include "text/json.h"

/* *ret is the first member whose name an earlier one has, or NULL. Fails only as arena_alloc does, by what arena may
 * still take; its own use of memory ends with the call. */
MUST_CHECK err_t json_find_duplicate(struct arena *, const struct json *object, const struct json **ret);

/* Below 2^61, by a point drawn for this process: who doesn't know it can't choose names that collide. */
uint64_t json_hash_name(bytes name);

#endif
