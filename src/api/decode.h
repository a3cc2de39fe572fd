/* SPDX-License-Identifier: Apache-2.0 */
/* From the bytes of a request or of storage to a pruned, typed, canonical object tree. One walker, three inputs (JSON,
 * YAML, protobuf). */
#ifndef COFFER_API_DECODE_H
#define COFFER_API_DECODE_H

#include "api/kind.h"

enum body_format { BODY_JSON, BODY_YAML, BODY_PROTOBUF };

enum field_validation { FIELD_VALIDATION_IGNORE, FIELD_VALIDATION_WARN, FIELD_VALIDATION_STRICT };

/* Of a Content-Type value; empty is JSON. ERR_UNSUPPORTED_MEDIA_TYPE with Kubernetes' sentence. */
MUST_CHECK err_t body_format_of(bytes content_type, enum body_format *ret, struct error *);

struct warnings { /* sentences for Warning headers, in order, without repeats */
    bytes *text;
    size_t count, capacity;
};
void warning_add(struct arena *, struct warnings *, bytes text);

/* Decodes a body that must hold an object of this kind. Checks kind and apiVersion (empty ones are filled in), prunes
 * unknown fields (warnings or a strict decoding error name them: `unknown field "spec"`, `duplicate field "data.a"`),
 * checks types, normalises (null members dropped, base64 decoded and re-encoded, times), orders fields canonically
 * (schema order, maps by key) and drops empty ones. Errors carry kube-apiserver's texts. The tree borrows from body:
 * keep it. */
MUST_CHECK err_t decode_object(struct arena *, const struct kind *, enum body_format, bytes body, enum field_validation,
    struct warnings *, struct json **ret, struct error *);

/* The same for a tree, what a patch made: the errors are Go's alone, without "Secret in version ...". */
MUST_CHECK err_t decode_patched(struct arena *, const struct kind *, const struct json *, enum field_validation,
    struct warnings *, struct json **ret, struct error *);

/* The same walker for any schema, from a JSON tree that may hold duplicate members: what patches and DeleteOptions use.
 * Errors are Go's alone, without "Secret in version ...". The result borrows texts and free-form children from in. */
MUST_CHECK err_t decode_tree(struct arena *, const struct schema *, const struct json *in, enum field_validation,
    struct warnings *, struct json **ret, struct error *);

/* A protobuf message as a JSON tree for decode_tree; unknown fields are skipped, members are in wire order and may
 * repeat. ERR_BAD_REQUEST. */
MUST_CHECK err_t decode_protobuf(
    struct arena *, const struct schema *, bytes message, struct json **ret, struct error *);

/* The envelope that Kubernetes puts around protobuf: "k8s\0" and a runtime.Unknown. */
struct protobuf_envelope {
    bytes api_version, kind, raw, content_encoding, content_type; /* borrowed */
};
MUST_CHECK err_t decode_envelope(bytes body, struct protobuf_envelope *ret, struct error *);

/* Between the version of a kind and the one that is stored, in place (kind.stored_as; the same for the stored one). */
MUST_CHECK err_t object_to_stored(struct arena *, const struct kind *, struct json *object, struct error *);
MUST_CHECK err_t object_from_stored(struct arena *, const struct kind *, struct json *object, struct error *);

/* Stored bytes (canonical JSON, or "k8s\0" protobuf of a kube-apiserver) to canonical JSON text without
 * resourceVersion. Our own JSON is returned as it is, unparsed. ERR_CORRUPT. */
MUST_CHECK err_t decode_stored(struct arena *, const struct kind *, bytes stored, bytes *ret, struct error *);

#endif
