/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of schema validation share. What is found goes into lists that may be thrown away: alternatives
 * (anyOf, oneOf) are tried, and the one that came closest speaks. */
#ifndef COFFER_API_SCHEMA_CHECK_H
#define COFFER_API_SCHEMA_CHECK_H

#include "api/schema_value.h"

/* Where the walk is, from the inside out; NULL is the root. */
struct place {
    const struct place *up;
    bytes name;
    uint32_t index;
    bool is_index, is_key; /* [3]; or [name] where a path is in brackets */
};

struct finding {
    const char *reason;
    bytes field, message;
    struct finding *next;
};

struct findings {
    struct finding *first, *last;
    unsigned count;
    unsigned matches; /* checks that were made or held, as kube-openapi counts them to find the closest alternative */
};

struct check {
    struct arena *arena;
    struct error *error;
    bool ratchet;
    bytes prefix;         /* of fields */
    uint64_t match_steps; /* of patterns so far */
};

/* "spec.list[3].name"; keys as .key, as kube-openapi writes them, or in brackets when is_key. */
bytes place_text(struct check *, const struct place *);
/* As sentences show it: "text" quoted as Go does, numbers as %v, else JSON. */
bytes value_text(struct check *, const struct json *);

/* Adds a finding unless there is the same. `message` is complete: "Required value". */
void finding_add(struct check *, struct findings *, bytes field, const char *reason, const char *format, ...)
    PRINTF_LIKE(5, 6);
/* Adds "Invalid value: VALUE: NAME in body REST". */
void finding_in_body(struct check *, struct findings *, const struct place *, const char *reason, bytes value,
    const char *format, ...) PRINTF_LIKE(6, 7);
/* The field of a place, below the prefix. */
bytes place_field(struct check *, const struct place *);
void findings_take(struct check *, struct findings *, const struct findings *from);

/* A JSON number as Go holds it. */
struct number {
    bool integer;
    int64_t whole;
    double value;
};
bool number_of(const struct json *, struct number *ret);
bool number_is_whole(double);

/* Parts of one value's validation. */
void check_number(struct check *, struct findings *, const struct schema *, const struct json *, const struct place *);
void check_string(struct check *, struct findings *, const struct schema *, const struct json *, const struct place *);
void check_enumeration(
    struct check *, struct findings *, const struct schema *, const struct json *, const struct place *);
/* The whole of one value. old: what is there in the old object, or NULL. */
struct findings check_value(
    struct check *, const struct schema *, const struct json *, const struct json *old, const struct place *);

/* Items of an old list of type map, to be found by their keys; items of other lists are none that persist. NULL: there
 * is nothing to find. */
struct list_index;
const struct list_index *list_index_of(struct check *, const struct schema *, const struct json *old);
const struct json *list_index_find(struct check *, const struct list_index *, const struct json *item);

/* Walks of the whole object after that. */
void check_lists(struct check *, struct findings *, const struct schema *, const struct json *, const struct place *);
void check_embedded(
    struct check *, struct findings *, const struct schema *, const struct json *, const struct place *);

#endif
