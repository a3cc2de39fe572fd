/* SPDX-License-Identifier: Apache-2.0 */
/* Cells that many kinds share. Each is a comma and a JSON value. */
#ifndef COFFER_KINDS_CELLS_H
#define COFFER_KINDS_CELLS_H

#include "api/present.h"
#include "kinds/pod.h"

/* otherwise: for an empty text. */
void put_text_cell(struct buffer *, bytes text, const char *otherwise);
void put_bool_cell(struct buffer *, bool);
/* How many items a list has. */
void put_count_cell(struct buffer *, const struct json *list);
/* A number or text as it is. */
void put_value_cell(struct buffer *, const struct json *value, const char *otherwise);
/* The texts of items, or of a member of theirs; only items whose member `where` has the value `is` (where NULL: all).
 */
struct joined {
    const char *member, *separator, *where, *is;
};
void put_joined_cell(struct arena *, struct buffer *, const struct json *list, struct joined, const char *otherwise);
/* "a,b,c + 2 more..." of the first three; "<unset>" for none. */
struct shortened {
    struct buffer text;
    size_t count;
};
void shortened_add(struct shortened *, bytes text);
void put_shortened_cell(struct buffer *, struct shortened *);

#endif
