/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of patches share. Only src/api/patch*.c include this. */
#ifndef COFFER_API_PATCH_INTERNAL_H
#define COFFER_API_PATCH_INTERNAL_H

#include "api/patch.h"

#define PATCH_DEPTH_MOST 100 /* of a patch, and of what a JSON patch makes */

struct patch_context {
    struct arena *arena;
    struct error *error;
};

/* 422 without a word about what did not fit: kube-apiserver's own sentence, and it shows nothing. */
err_t patch_unprocessable(struct error *);
#ifdef __clang_analyzer__ /* as in base/error.h */
#define patch_unprocessable(error) ((patch_unprocessable)(error), ERR_INVALID)
#endif
/* 500 with the message alone, as kube-apiserver answers what strategic merge finds wrong with a patch. */
#define patch_plain(context, ...) error_set((context)->error, ERR_UNKNOWN, __VA_ARGS__)

/* The node alone: its children stay shared with the original. NULL when the arena is full. */
struct json *patch_share(struct arena *, const struct json *);

static inline bool patch_is_container(const struct json *value)
{
    return value->type == JSON_ARRAY || value->type == JSON_OBJECT;
}

/* A deep copy of the containers without null members (not items) and, with directives, without the maps that hold a
 * "$patch". The value itself is kept. NULL when the arena is full. */
struct json *patch_clean(struct arena *, const struct json *value, bool nulls, bool directives);

/* ---- An index of names or of scalar values: found in constant time, whatever a client chose them to be. */

struct patch_key {
    bytes text;
    enum json_type type; /* JSON_STRING for names */
};

struct patch_slot {
    bytes text; /* of the key, as is type */
    uint8_t type;
    bool taken, used; /* used: the owner's mark */
    uint32_t position;
    struct json *value;
};

struct patch_index {
    struct patch_slot *slots;
    size_t mask; /* 0: so few that they are compared one after the other */
    uint32_t count, capacity;
};

static inline struct patch_key patch_name(bytes name)
{
    return (struct patch_key){name, JSON_STRING};
}

/* Room for `most` keys. False when the arena is full. */
MUST_CHECK bool patch_index_init(struct patch_index *, struct arena *, uint32_t most);
/* Room for one more; pointers to slots don't outlive it. */
MUST_CHECK bool patch_index_reserve(struct patch_index *, struct arena *);
/* NULL when absent. */
struct patch_slot *patch_index_find(const struct patch_index *, struct patch_key);
/* The slot of the key, new or not: the first one's position and value stay. There must be room. */
struct patch_slot *patch_index_put(struct patch_index *, struct patch_key, uint32_t position, struct json *value);

/* ---- Lists of a strategic merge (patch_list.c) */

struct patch_item {
    const struct json *value;
    struct patch_key key;   /* the merge key's value, or the scalar itself */
    uint32_t rank, present; /* for sorting */
};

struct patch_list {
    struct patch_item *items;
    uint32_t count;
    struct patch_index index; /* of the items as they were when it was first needed; no slots: not yet */
};

/* How the schema merges a list. */
struct patch_list_rule {
    const struct schema *items;
    const char *merge_key; /* NULL: none */
    bool merge;            /* false: the patch's list replaces */
};

/* *ret is the merged list, ordered. *ret_server is the original as upstream leaves it behind: without what was deleted,
 * followed by as many new items as took the place of deleted ones; the order of $setElementOrder rests on it. */
MUST_CHECK err_t patch_list_merge(struct patch_context *, const struct patch_list_rule *, const struct json *original,
    const struct json *patch, struct patch_list *ret, struct patch_list *ret_server);
/* The original list without the scalars of the other one. */
MUST_CHECK err_t patch_list_delete(
    struct patch_context *, const struct json *original, const struct json *scalars, struct json **ret);
MUST_CHECK err_t patch_item_of(
    struct patch_context *, const struct json *value, const char *merge_key, struct patch_item *ret);
/* The items of an array, with room for `spare` more. array NULL: none. merge_key NULL: scalars. */
MUST_CHECK err_t patch_list_of(
    struct patch_context *, const struct json *array, const char *merge_key, uint32_t spare, struct patch_list *ret);
/* Sorts: items that are in order by it, the others by server's order, the two woven by server's order. */
MUST_CHECK err_t patch_list_order(
    struct patch_context *, struct patch_list *, struct patch_list *order, struct patch_list *server);
MUST_CHECK err_t patch_list_to_json(struct patch_context *, const struct patch_list *, struct json **ret);
/* All items of both are of one type, which is no list, and there are some; *ret_maps tells whether they are maps. */
MUST_CHECK err_t patch_list_type(struct patch_context *, const struct json *a, const struct json *b, bool *ret_maps);
/* As reflect names the Go type of a value: "string", "map[string]interface {}". */
const char *patch_go_type(const struct json *);

/* mergeMap of a map under its schema (patch_strategic.c), also of items with one merge key. */
MUST_CHECK err_t patch_map_merge(struct patch_context *, const struct schema *, const struct json *original,
    const struct json *patch, struct json **ret);

#endif
