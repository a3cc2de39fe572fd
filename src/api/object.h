/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as text: canonical JSON with resourceVersion spliced in, never a tree, so that a GET copies twice and parses
 * nothing; and the metadata rules that every kind shares. */
#ifndef COFFER_API_OBJECT_H
#define COFFER_API_OBJECT_H

#include "api/decode.h"

/* Where to cut canonical stored JSON: all offsets into the text. Built-in kinds are {"kind":..,"apiVersion":..,
 * "metadata":{"name":..}..}; custom ones have all members in the order of their names, and keep kind and apiVersion as
 * items of lists. */
struct object_cuts {
    size_t body;             /* of `"metadata"`: list items start here, after a '{'; 0: they are whole (custom) */
    size_t resource_version; /* where "resourceVersion":"N", goes: after name, generateName, namespace, uid */
    bool needs_comma_before; /* nothing follows in metadata there: write ,"resourceVersion":"N" */
    bytes kind, api_version;
    bytes name, namespace, uid; /* raw text without quotes; they need no unescaping */
};
/* False when text is not canonical (then parse). No allocation. */
MUST_CHECK bool object_cut(bytes text, struct object_cuts *ret);

/* Writes the object with its resourceVersion (revision 0: without one, as dry runs answer). as_item leaves out kind and
 * apiVersion, as lists do. No newline. */
void object_write(struct buffer *, bytes text, const struct object_cuts *, uint64_t revision, bool as_item);
/* The same as pieces to be sent one after the other, without copying the object; ret[2] is in revision_text, the others
 * are borrowed from text or constant. Some may be empty. */
void object_pieces(
    bytes text, const struct object_cuts *, uint64_t revision, bool as_item, char revision_text[48], bytes ret[4]);

/* A canonical tree to its canonical stored text: kind, apiVersion, metadata first, a newline last. resourceVersion and
 * selfLink are left out. */
bytes object_store_text(struct arena *, const struct kind *, const struct json *object);
/* Puts the members of an object and of its metadata in their canonical order, after some were set. */
void object_arrange(const struct kind *, struct json *object);

/* ---- Objects that cannot be read. */
/* An annotation with this key stands for an object whose bytes no key opens; clients may not write it. */
#define ANNOTATION_UNREADABLE "coffer.dev/unreadable"
/* Canonical stored text of what a list shows in such an object's place: name, namespace ("" for none), the annotation
 * with the reason. */
bytes object_stub_text(struct arena *, const struct kind *, bytes namespace, bytes name, bytes reason);
/* Whether a tree is such a stub, or poses as one. */
bool object_is_stub(const struct json *object);

/* What `kubectl apply` keeps of the configuration that it applied. */
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

/* ---- Metadata rules. */
/* What the server owns, on create: uid, creationTimestamp, generated name, namespace; clears resourceVersion, selfLink,
 * deletion fields. What is not stored gets a namespace alone. Texts for bad namespace or a set resourceVersion as
 * kube-apiserver's. */
MUST_CHECK err_t object_prepare_create(
    struct arena *, const struct kind *, struct json *object, bytes namespace, struct error *);
/* Whether the object is named as the URL says. */
MUST_CHECK err_t object_fit_name(const struct json *object, bytes name, struct error *);
/* "UID" or "ResourceVersion" that a client expects (empty: none), and what was found. */
MUST_CHECK err_t object_fit_precondition(struct arena *, const struct kind *, bytes namespace, bytes name,
    const char *what, bytes given, bytes found, struct error *);
/* A PUT's resourceVersion is the caller's to read before this clears it.
 * On update: name and namespace must fit the URL; uid, creationTimestamp and deletion fields that the client left out,
 * deletionTimestamp and generation in any case are carried over from old; others are object_validate's to refuse. */
MUST_CHECK err_t object_prepare_update(struct arena *, const struct kind *, struct json *object, const struct json *old,
    bytes namespace, bytes name, struct error *);
/* Adds causes for names, labels, annotations, owner references, finalizers (old NULL on create) of what is stored, then
 * calls the kind's validate. When there are causes composes `Secret "a" is invalid: ...` and returns ERR_INVALID. */
MUST_CHECK err_t object_validate(struct arena *, const struct kind *, enum subresource, const struct json *object,
    const struct json *old, struct error *);
/* The message for causes: `Secret "a" is invalid: E`, or `[E1, E2]` when there are several; the same sentence is said
 * once. Of what is not stored upstream names neither kind nor object. ERR_INVALID, or the arena's error. */
MUST_CHECK err_t object_compose_invalid(struct arena *, const struct kind *, bytes name, struct error *);
/* The part of it that is about metadata alone, but the name: causes in fields that start with "metadata". qualified: a
 * finalizer must be a standard one or have a domain. */
void metadata_validate(struct arena *, const struct json *metadata, bool qualified, struct error *);
/* A fresh name for generateName: base cut to 58 characters and 5 random ones. */
bytes object_generate_name(struct arena *, bytes base);

/* Validation stops adding causes there: a body of a million bad keys gets a short answer. */
#define CAUSES_MOST 100

/* Validation helpers for kinds, with Kubernetes' texts. */
void validate_dns1123_subdomain(struct arena *, bytes name, bool prefix, bytes field, struct error *);
void validate_dns1123_label(struct arena *, bytes name, bool prefix, bytes field, struct error *);
/* NULL when fine, else the sentence after "Invalid value: "x": ". */
const char *config_map_key_error(bytes key);
/* Each gets the sentences of one rule, at most four: returns how many. ret may be NULL to only count. They are
 * literals. */
size_t qualified_name_errors(bytes name, const char *ret[4]);
size_t label_value_errors(bytes value, const char *ret[4]);
bool qualified_name_valid(bytes);
bool label_value_valid(bytes);
/* Adds `Invalid value: "x": sentence`. */
void cause_invalid(struct arena *, bytes field, bytes value, const char *sentence, struct error *);

#endif
