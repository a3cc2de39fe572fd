/* SPDX-License-Identifier: Apache-2.0 */
/* Label and field selectors, parsed once per request, matched against canonical text or trees. */
#ifndef COFFER_API_SELECTOR_H
#define COFFER_API_SELECTOR_H

#include "api/kind.h"

struct requirement {
    enum selector_operator {
        SELECT_EXISTS,
        SELECT_NOT_EXISTS,
        SELECT_EQUALS,
        SELECT_NOT_EQUALS,
        SELECT_IN,
        SELECT_NOT_IN,
        SELECT_GREATER,
        SELECT_LESS
    }
    operator;
    bytes key;
    const bytes *values;
    size_t value_count;
    int64_t number; /* GREATER, LESS */
};

/* Owns nothing: arena memory. count 0 matches all. */
struct selector {
    const struct requirement *requirements;
    size_t count;
};

/* Kubernetes' grammar and error sentences (ERR_BAD_REQUEST). */
MUST_CHECK err_t label_selector_parse(struct arena *, bytes text, struct selector *ret, struct error *);
/* Fields must be metadata.name, metadata.namespace, or selectable in the kind: else "field label not supported: x".
 * kind NULL: any field. */
MUST_CHECK err_t field_selector_parse(
    struct arena *, const struct kind *, bytes text, struct selector *ret, struct error *);

/* A LabelSelector (meta/v1) as such a text: "a=b,c in (d,e)". */
void label_selector_write(struct buffer *, const struct json *label_selector);

/* labels is the object metadata.labels or NULL. */
bool label_selector_matches(const struct selector *, const struct json *labels);
bool field_selector_matches(const struct selector *, const struct kind *, const struct json *object);
/* Whether a value of this name and namespace can match by those two fields alone; false lets a range skip without
 * decrypting. */
bool field_selector_may_match_name(const struct selector *, bytes namespace, bytes name);
/* The name that the selector requires (metadata.name=x), or BYTES_NONE. */
bytes field_selector_required_name(const struct selector *);
/* Whether it names nothing but metadata.name and metadata.namespace, which a key tells without decrypting. */
bool field_selector_only_names(const struct selector *);

#endif
