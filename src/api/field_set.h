/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of fields as managedFields name them (FieldsV1, KEP-555): a tree of path elements.
 *
 *   f:NAME          a member            k:{"name":"x"}   an item of a list of type map
 *   v:VALUE         an item of a set    i:N              an item by place            .   the element itself
 *
 * Elements are sorted as upstream writes them (fields, keys, values, indices; each in order), so equal sets have equal
 * text. Arena memory; sets are never edited, operations make new ones that may share parts. */
#ifndef COFFER_API_FIELD_SET_H
#define COFFER_API_FIELD_SET_H

#include "api/schema.h"

struct field_set; /* NULL: empty */

/* From the value of fieldsV1. ERR_BAD_REQUEST. Depth and size are bounded. */
MUST_CHECK err_t field_set_parse(
    struct arena *, const struct json *fields_v1, const struct field_set **ret, struct error *);
/* As JSON text, {} when empty. */
void field_set_write(struct buffer *, const struct field_set *);

bool field_set_equal(const struct field_set *, const struct field_set *);
/* NULL may mean empty or a full arena: look at arena->failed. */
const struct field_set *field_set_union(struct arena *, const struct field_set *, const struct field_set *);
const struct field_set *field_set_difference(struct arena *, const struct field_set *, const struct field_set *);
const struct field_set *field_set_intersection(struct arena *, const struct field_set *, const struct field_set *);

/* The fields that are set in a value, by its schema: atomic lists, maps and scalars are leaves. */
MUST_CHECK err_t field_set_of(
    struct arena *, const struct schema *, const struct json *value, const struct field_set **ret, struct error *);
/* What differs between two values: members of `new` that are not in old or other there, and those of old that new lost.
 */
MUST_CHECK err_t field_set_compare(struct arena *, const struct schema *, const struct json *old,
    const struct json *new, const struct field_set **ret_changed, const struct field_set **ret_removed, struct error *);

/* Calls for each leaf's path as people read it: .data.k, .spec.containers[name="c"].image. Order of the set. */
void field_set_each_path(struct arena *, const struct field_set *, void (*take)(void *, bytes path), void *context);

#endif
