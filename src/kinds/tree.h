/* SPDX-License-Identifier: Apache-2.0 */
/* Small edits of object trees, for what rules set; and names by hash, for what rules look up. */
#ifndef COFFER_KINDS_TREE_H
#define COFFER_KINDS_TREE_H

#include "text/json.h"

/* The member, made when it is absent. NULL when the arena is full or object is NULL. */
struct json *tree_member(struct arena *, struct json *object, const char *name, enum json_type);
/* Set only what is absent. False when the arena is full. */
MUST_CHECK bool tree_default_text(struct arena *, struct json *object, const char *name, const char *text);
MUST_CHECK bool tree_default_integer(struct arena *, struct json *object, const char *name, int64_t);
MUST_CHECK bool tree_default_bool(struct arena *, struct json *object, const char *name, bool);
/* Set, whatever is there. */
MUST_CHECK bool tree_set_text(struct arena *, struct json *object, const char *name, bytes text);
MUST_CHECK bool tree_set_integer(struct arena *, struct json *object, const char *name, int64_t);
/* A deep copy of the value in the member's place; NULL takes the member away. */
MUST_CHECK bool tree_set_copy(struct arena *, struct json *object, const char *name, const struct json *value);

/* Members along names, up to NULL: tree_at(o, "spec", "template", NULL). */
struct json *tree_path(const struct json *object, const char *const *names);
#define tree_at(object, ...) tree_path((object), (const char *const[]){__VA_ARGS__})
int64_t tree_integer(const struct json *object, const char *name, int64_t absent);
bool tree_true(const struct json *object, const char *name);
bytes tree_text(const struct json *object, const char *name);
/* The first child of a member that is a list; NULL. */
struct json *tree_first(const struct json *object, const char *name);

/* Names in an arena, found in constant time whoever chose them. Zero is an empty table of no arena. */
struct name_table {
    struct arena *arena;
    struct name_row {
        bytes name; /* p NULL: free */
        void *value;
    } * rows;
    size_t count, slots;
};
/* False when the name was there already, or the arena is full (arena->failed). */
bool name_table_add(struct name_table *, bytes name, void *value);
/* The value of a name that may be there already. False when the arena is full. */
MUST_CHECK bool name_table_put(struct name_table *, bytes name, void *value);
const struct name_row *name_table_find(const struct name_table *, bytes name);

#endif
