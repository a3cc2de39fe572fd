/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of fields as managedFields name them (FieldsV1, KEP-555): a tree of path elements.
 *
 *   f:NAME          a member            k:{"name":"x"}   an item of a list of type map
 *   v:VALUE         an item of a set    i:N              an item by place            .   the element itself
 *
 * Elements are sorted as upstream writes them (fields, keys, values, indices; each in order), so equal sets have equal
 * text. Arena memory; sets are never edited, operations make new ones that may share parts.
 *
 * Which values are leaves, by the schema: scalars; lists that are neither of type map nor of type set; maps and objects
 * of map type atomic. Where no schema says (SCHEMA_ANY, unknown members that are kept) maps are walked, lists are
 * leaves. So is whatever lies deeper than FIELD_SET_DEPTH, that a stored object never outgrows what the parser reads.
 *
 * Cost: all are linear in what they walk, but for the sorting of members and items; an operation on a small and a large
 * set costs small * log(large), but for union. */
#ifndef COFFER_API_FIELD_SET_H
#define COFFER_API_FIELD_SET_H

#include "api/schema.h"

#define FIELD_SET_DEPTH 50

struct field_element {
    enum field_element_type { FIELD_NAME, FIELD_KEYS, FIELD_VALUE, FIELD_INDEX } type;
    union {
        bytes name;
        const struct json *value; /* FIELD_KEYS: an object with its members in order; FIELD_VALUE: any */
        int64_t index;
    };
};

/* Is a member, or has children, or both. */
struct field_node {
    struct field_element element;
    bool member;
    const struct field_set *children;
};

struct field_set {                  /* NULL: empty; none has no nodes */
    const struct field_node *nodes; /* sorted, each element once */
    size_t count;
};

int field_element_compare(const struct field_element *, const struct field_element *);
/* As people read it: .name, [name="c"], [="x"], [0]. */
void field_element_write(struct buffer *, const struct field_element *);

/* From the value of fieldsV1. ERR_BAD_REQUEST. Elements of an unknown sort are left out. */
MUST_CHECK err_t field_set_parse(
    struct arena *, const struct json *fields_v1, const struct field_set **ret, struct error *);
/* The value of fieldsV1. NULL when the arena is full. */
struct json *field_set_json(struct arena *, const struct field_set *);
/* As JSON text, {} when empty. */
void field_set_write(struct buffer *, const struct field_set *);

bool field_set_equal(const struct field_set *, const struct field_set *);

/* ---- Algebra. NULL may mean empty or a full arena: look at arena->failed. */

const struct field_set *field_set_union(struct arena *, const struct field_set *, const struct field_set *);
/* Of all of them, in the time of a sort. */
const struct field_set *field_set_union_all(struct arena *, const struct field_set *const *, size_t count);
/* Members of the first that are no members of the second; what lies under such a member stays. */
const struct field_set *field_set_difference(struct arena *, const struct field_set *, const struct field_set *);
const struct field_set *field_set_intersection(struct arena *, const struct field_set *, const struct field_set *);
/* As difference, but what lies under a member of the second goes too. */
const struct field_set *field_set_cut(struct arena *, const struct field_set *, const struct field_set *);
/* Only what is one of these paths or lies under one: names with dots between, * for any element; at most 8. */
const struct field_set *field_set_only(
    struct arena *, const struct field_set *, const char *const *paths, size_t count);
/* The set of these paths, names with dots between. */
const struct field_set *field_set_of_paths(struct arena *, const char *const *paths, size_t count);

/* ---- Sets and values. */

/* The fields that are set in a value, by its schema. schema NULL: none says. */
MUST_CHECK err_t field_set_of(
    struct arena *, const struct schema *, const struct json *value, const struct field_set **ret, struct error *);
/* What differs between two values: members of `new` that are not in old or other there, and those of old that new lost.
 * Members that Go always writes count as there with their zero value on both sides. Either may be NULL: an empty
 * object. */
MUST_CHECK err_t field_set_compare(struct arena *, const struct schema *, const struct json *old,
    const struct json *new, const struct field_set **ret_changed, const struct field_set **ret_removed, struct error *);
/* The set with each named field of an object that it goes through as a member too. NULL as in algebra. */
const struct field_set *field_set_with_named(struct arena *, const struct schema *, const struct field_set *);
/* The set after the schema became atomic somewhere above its members: the atomic field takes their place. */
const struct field_set *field_set_reconcile(struct arena *, const struct schema *, const struct field_set *);

/* Calls for each member's path as people read it: .data.k, .spec.containers[name="c"].image. On each level the members
 * first, then what lies under them, as upstream lists them. False when the arena of b is full. */
MUST_CHECK bool field_set_each_path(
    struct arena *, const struct field_set *, void (*take)(void *context, bytes path), void *context);

/* ---- How a schema says that values are walked: for those who walk values beside sets. */

enum field_shape { FIELD_SHAPE_SCALAR, FIELD_SHAPE_LIST, FIELD_SHAPE_MAP };
enum field_shape field_shape_of(const struct schema *, const struct json *value);
/* A leaf whatever it holds. */
bool field_shape_atomic(const struct schema *, enum field_shape);
/* Of a member of a map or object, of an item; NULL: none says. */
const struct schema *field_member_schema(const struct schema *, bytes name);
const struct schema *field_item_schema(const struct schema *);
/* Whether value is NULL, of another type than the shape's, or has no children. */
bool field_shape_empty(enum field_shape, const struct json *value);

struct field_child {
    struct field_element element;
    const struct json *value;
    size_t place; /* among the value's children */
};
/* A value's children in the order of their elements; equal elements (duplicate items) in the order of the value. Items
 * that have no element (null, without any key) are left out. False when the arena is full. */
MUST_CHECK bool field_children(struct arena *, const struct schema *, enum field_shape, const struct json *value,
    struct field_child **ret, size_t *ret_count);

#endif
