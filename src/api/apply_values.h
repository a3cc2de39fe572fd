/* SPDX-License-Identifier: Apache-2.0 */
/* Values under server-side apply: merging and taking out fields. Only src/api/apply*.c include this. */
#ifndef COFFER_API_APPLY_VALUES_H
#define COFFER_API_APPLY_VALUES_H

#include "api/field_set.h"

/* A tree of its own that borrows texts. NULL when the arena is full. */
struct json *apply_copy(struct arena *, const struct json *);
/* live with what applied sets over it. A tree of its own that borrows texts; members in canonical order (custom: by
 * name). Items of keyed lists and sets: those that are applied in their order, the others where they were between them.
 * NULL when the arena is full. */
struct json *apply_merge(
    struct arena *, const struct schema *, bool custom, const struct json *live, const struct json *applied);

/* The value without the fields of the set; what loses its last member or item becomes null, as upstream: its other
 * owners keep it. Shares parts with value. NULL when the arena is full. */
struct json *apply_remove(struct arena *, const struct schema *, const struct json *value, const struct field_set *);

/* Whether an applied configuration can be merged: each field is declared (where the schema keeps no others), each item
 * of a keyed list has a key, none stands there twice. ERR_BAD_REQUEST with upstream's words: `.a.b: field not declared
 * in schema`. */
MUST_CHECK err_t apply_check(struct arena *, const struct schema *, const struct json *applied, struct error *);

#endif
