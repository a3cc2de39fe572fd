/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the walker share: a JSON tree and a schema in, a canonical tree out. */
#ifndef COFFER_API_DECODE_WALK_H
#define COFFER_API_DECODE_WALK_H

#include "api/decode.h"

/* Where the walk is, from the inside out. */
struct walk_place {
    const struct walk_place *up;
    enum { PLACE_FIELD, PLACE_KEY, PLACE_INDEX } kind;
    bytes name;
    uint32_t index;
    const struct schema *holder; /* of a field: the object's schema */
};

struct walk {
    struct arena *arena;
    struct error *error;
    struct warnings *sentences; /* NULL: nobody asks */
};

/* "spec.list[0].bogus" */
void walk_put_path(struct buffer *, const struct walk_place *);
/* "json: cannot unmarshal VALUE into Go struct field ..." */
err_t walk_refuse_type(struct walk *, const struct schema *, const char *value, const struct walk_place *);
err_t walk_refuse_value(struct walk *, const struct schema *, const struct json *in, const struct walk_place *);
/* Remembers `unknown field "metadata.bogus"` or its kin. */
MUST_CHECK err_t walk_note(struct walk *, const char *what, const struct walk_place *);

/* *ret is value, unless that is NULL because the arena is full. */
MUST_CHECK err_t walk_made(struct walk *, struct json *value, struct json **ret);
/* The node without its place in a list; its text or children are borrowed. */
MUST_CHECK err_t walk_same(struct walk *, const struct json *in, struct json **ret);
/* Of members of one name the last one stays, where a sort has put it. */
MUST_CHECK err_t walk_drop_repeats(struct walk *, struct json *map, const struct walk_place *);

MUST_CHECK err_t walk_value(
    struct walk *, const struct schema *, const struct json *in, const struct walk_place *, struct json **ret);
/* The same by a schema of a custom resource. */
MUST_CHECK err_t walk_custom(
    struct walk *, const struct schema *, const struct json *in, const struct walk_place *, struct json **ret);

#endif
