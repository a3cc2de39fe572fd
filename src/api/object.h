/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as text: canonical JSON with resourceVersion spliced in, never a tree, so that a GET copies twice and parses nothing; and
 * the metadata rules that every kind shares. */
#ifndef COFFER_API_OBJECT_H
#define COFFER_API_OBJECT_H

#include "api/decode.h"

/* Where to cut canonical stored JSON {"kind":..,"apiVersion":..,"metadata":{"name":..}..}: all offsets into the text. */
struct object_cuts {
    size_t body;                 /* of `"metadata"`: list items start here, after a '{' */
    size_t resource_version;     /* where "resourceVersion":"N", goes: after name, generateName, namespace, uid */
    bool needs_comma_before;     /* nothing follows in metadata there: write ,"resourceVersion":"N" */
    bytes name, namespace, uid;  /* raw text without quotes; they need no unescaping */
};
/* False when text is not canonical (then parse). No allocation. */
MUST_CHECK bool object_cut(bytes text, struct object_cuts *ret);

/* Writes the object with its resourceVersion. as_item leaves out kind and apiVersion, as lists do. No newline. */
void object_write(struct buffer *, bytes text, const struct object_cuts *, uint64_t revision, bool as_item);
/* The same as three pieces, without copying the object: revision_text has room for 48 bytes. */
void object_pieces(bytes text, const struct object_cuts *, uint64_t revision, bool as_item, char revision_text[48], bytes ret[4]);

/* A canonical tree to its canonical stored text: kind, apiVersion, metadata first, a newline last. resourceVersion and selfLink are left out. */
bytes object_store_text(struct arena *, const struct json *object);

/* ---- Metadata rules. */
/* What the server owns, on create: uid, creationTimestamp, generated name, namespace; clears resourceVersion, selfLink, deletion fields.
 * Texts for bad namespace or a set resourceVersion as kube-apiserver's. */
MUST_CHECK err_t object_prepare_create(struct arena *, const struct kind *, struct json *object, bytes namespace, struct error *);
/* On update: name and namespace must fit the URL; uid, creationTimestamp, deletion fields, generation are carried over from old. */
MUST_CHECK err_t object_prepare_update(struct arena *, const struct kind *, struct json *object, const struct json *old, bytes namespace, bytes name,
    struct error *);
/* Adds causes for names, labels, annotations, owner references, finalizers (old NULL on create), then calls the kind's validate. When
 * there are causes composes `Secret "a" is invalid: ...` and returns ERR_INVALID. */
MUST_CHECK err_t object_validate(struct arena *, const struct kind *, const struct json *object, const struct json *old, struct error *);
/* A fresh name for generateName: base cut to 58 characters and 5 random ones. */
bytes object_generate_name(struct arena *, bytes base);

/* Validation helpers for kinds, with Kubernetes' texts. */
void validate_dns1123_subdomain(struct arena *, bytes name, bool prefix, bytes field, struct error *);
void validate_dns1123_label(struct arena *, bytes name, bool prefix, bytes field, struct error *);
/* NULL when fine, else the sentence after "Invalid value: "x": ". */
const char *config_map_key_error(bytes key);
bool qualified_name_valid(bytes);
bool label_value_valid(bytes);

#endif
