/* SPDX-License-Identifier: Apache-2.0 */
/* JSON (RFC 8259) in and out over an arena. Strict grammar and UTF-8; numbers keep their text; strings without escapes
 * point into the input, which therefore must outlive the document. Why our own: docs/architecture.md, "Own code". */
#ifndef COFFER_TEXT_JSON_H
#define COFFER_TEXT_JSON_H

#include "base/arena.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A value is a node of the list that holds it: members of an object and items of an array alike. */
struct json {
    enum json_type type;
    uint32_t count; /* of children */
    bytes key;      /* name in an object, decoded; empty in an array */
    union {
        bytes text; /* JSON_STRING: decoded; JSON_NUMBER: as written */
        struct {
            struct json *first, *last;
        }; /* JSON_ARRAY, JSON_OBJECT: in order */
    };
    struct json *next; /* sibling */
};

struct json_options {
    unsigned max_depth;   /* 0: 64 */
    bool keep_duplicates; /* false: a second member of the same name is an error */
};

/* What is wrong with the text, in the words of Go's encoding/json ("invalid character 't' after top-level value",
 * "unexpected end of JSON input"), as clients and tests of kube-apiserver know them. */

/* Parses the whole of in. ERR_BAD_REQUEST with Go's sentence, or the arena's error. With keep_duplicates all members
 * stay, in order, and *ret_duplicate (may be NULL) tells whether there were any; the last one wins in Kubernetes. */
MUST_CHECK err_t json_parse(
    struct arena *, bytes in, const struct json_options *, struct json **ret, bool *ret_duplicate, struct error *);

/* Children by name; NULL when absent, or when object is NULL or no object. Linear. */
struct json *json_get(const struct json *object, bytes name);
/* json_get along names up to BYTES_NONE: json_at(o, BYTES("metadata"), BYTES("name"), BYTES_NONE). */
struct json *json_at(const struct json *object, bytes first, ...);
/* The text of a string member, or BYTES_NONE when absent or no string. */
bytes json_text(const struct json *object, bytes name);

/* Makers and editors. NULL when the arena is full; a NULL child or parent is passed through as NULL, so that calls can
 * nest. */
struct json *json_new(struct arena *, enum json_type);
struct json *json_string(struct arena *, bytes borrowed);
struct json *json_integer(struct arena *, int64_t);
struct json *json_bool(struct arena *, bool);
/* Appends; in an object the name must not be there yet. Returns value. */
struct json *json_add(struct json *object, bytes borrowed_name, struct json *value);
struct json *json_append(struct json *array, struct json *value);
/* Replaces the member of that name in place, or appends. Returns value. */
struct json *json_set(struct json *object, bytes borrowed_name, struct json *value);
/* Unlinks; no matter when absent. */
void json_remove(struct json *object, bytes name);
/* A deep copy whose strings are copied too. */
struct json *json_copy(struct arena *, const struct json *);
/* Sorts an object's members by key, in byte order. Stable, n log n. */
void json_sort(struct json *object);
/* Same types, values and names in any order of members; numbers by text. */
bool json_equal(const struct json *, const struct json *);

/* Compact, as Go's encoder writes: < > & and U+2028, U+2029 escaped as \u00XX, others raw. json_write_pretty indents by
 * `indent` spaces a level, as json.MarshalIndent does. Errors stay in the buffer. */
void json_write(struct buffer *, const struct json *);
void json_write_pretty(struct buffer *, const struct json *, unsigned indent);
/* One string with its quotes. */
void json_write_string(struct buffer *, bytes);

/* A Go int64: no fraction, no exponent. False when it is none or overflows. */
MUST_CHECK bool json_to_int64(const struct json *, int64_t *ret);

#endif
