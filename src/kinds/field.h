/* SPDX-License-Identifier: Apache-2.0 */
/* Fields of an object under validation: where one is and what it holds, in one. The path is only spelled out when
 * something is wrong there. Sentences as apimachinery's field errors have them:
 *
 *   spec.containers[0].name: Required value
 *   spec.containers[0].ports[1].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP" */
#ifndef COFFER_KINDS_FIELD_H
#define COFFER_KINDS_FIELD_H

#include "api/object.h"

/* Where causes go. */
struct check {
    struct arena *arena;
    struct error *error;
};

/* Borrows all it points to. */
struct field {
    struct check *check;
    const struct field *parent;
    const char *name; /* NULL: an item of a list (index) or a map's (key) */
    bytes key;
    size_t index;
    const struct json *value; /* NULL: absent */
};

struct field field_root(struct check *, const char *name, const struct json *value);
/* A member; absent when the parent is, or when it is null. */
struct field field_member(const struct field *parent, const char *name);
/* The same as a pointer that lives as long as the block around it. */
#define FIELD(parent, name) ((const struct field[]){field_member((parent), (name))})
/* One that is not in the tree where its path says it is. */
#define FIELD_WITH(parent_field, field_name, json)                                                                     \
    ((const struct field[]){                                                                                           \
        {.check = (parent_field)->check, .parent = (parent_field), .name = (field_name), .value = (json)}})
/* parent[key] */
#define FIELD_KEY(parent_field, text, json)                                                                            \
    ((const struct field[]){{.check = (parent_field)->check, .parent = (parent_field), .key = (text), .value = (json)}})

/* Walks the items of a list or the members of a map; ends early when enough is wrong already. */
#define FIELD_EACH(item, list) for (struct field item = field_first(list); (item).value; field_next(&(item)))
struct field field_first(const struct field *list);
void field_next(struct field *item);

/* ---- What it holds. */
bytes field_text(const struct field *);                      /* BYTES_NONE when absent or no string */
int64_t field_integer(const struct field *, int64_t absent); /* the default too when it is no integer */
bool field_true(const struct field *);
bool field_is(const struct field *, const char *text);
size_t field_count(const struct field *); /* of children */
/* "a.b[0]" in the arena. p is NULL when it is full. */
bytes field_path(const struct field *);

/* ---- What is wrong with it. The formats are of the detail after the value. */
void field_required(const struct field *);
void field_required_because(const struct field *, const char *format, ...) PRINTF_LIKE(2, 3);
void field_forbidden(const struct field *, const char *format, ...) PRINTF_LIKE(2, 3);
/* The value as it stands there: strings quoted, the rest as JSON; an absent one is "". */
void field_invalid(const struct field *, const char *format, ...) PRINTF_LIKE(2, 3);
void field_invalid_as(const struct field *, bytes shown, const char *format, ...) PRINTF_LIKE(3, 4);
void field_duplicate(const struct field *);
void field_duplicate_because(const struct field *, const char *format, ...) PRINTF_LIKE(2, 3);
void field_not_found(const struct field *);
void field_not_found_because(const struct field *, const char *format, ...) PRINTF_LIKE(2, 3);
void field_too_long(const struct field *, unsigned most);
void field_too_many(const struct field *, unsigned most);
void field_unsupported(const struct field *, const char *const *supported, size_t count);
#define FIELD_UNSUPPORTED(field, values) field_unsupported((field), (values), ARRAY_LEN(values))

/* ---- Rules that many fields share. Each adds causes; those of one sentence also tell whether it was fine. */
/* Absent: "Required value"; not in the list: "Unsupported value". */
void check_one_of(const struct field *, const char *const *values, size_t count);
#define CHECK_ONE_OF(field, values) check_one_of((field), (values), ARRAY_LEN(values))
bool check_not_empty(const struct field *); /* a string, list or map */
void check_not_negative(const struct field *);
void check_positive(const struct field *); /* an absent one is 0 */
void check_dns_label(const struct field *);
void check_dns_subdomain(const struct field *);
/* The same of a name that is said to stand there. */
void check_dns_subdomain_of(const struct field *, bytes name);
void check_qualified_name(const struct field *);
void check_label_value(const struct field *);
void check_labels(const struct field *map);
/* The values that In, NotIn, Exists and DoesNotExist need or forbid; false for another operator. */
bool check_set_operator(const struct field *requirement);
/* meta/v1 LabelSelector; absent is fine. */
void check_label_selector(const struct field *);
/* "field is immutable" unless equal to the old object's. */
void check_immutable(const struct field *, const struct json *old);
/* IPv4 or IPv6 address, as Go reads it. */
void check_ip(const struct field *);
/* An address and the length of its network: 10.0.0.0/8. */
void check_cidr(const struct field *);
/* *ret_v6: of which family a good one is. */
MUST_CHECK bool ip_parse(bytes text, bool *ret_v6);
MUST_CHECK bool cidr_parse(bytes text, bool *ret_v6);

/* What a cause of field_invalid says after the value. */
bytes cause_sentence(const struct cause *);
/* ASCII letters only. p is NULL when the arena is full. */
bytes lower_case(struct arena *, bytes text);
/* Whether two canonical values say the same: absent, null, {} and [] count as one. */
bool json_alike(const struct json *, const struct json *);

#endif
