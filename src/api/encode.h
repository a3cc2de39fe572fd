/* SPDX-License-Identifier: Apache-2.0 */
/* From canonical trees to bytes that clients ask for: JSON, YAML, and protobuf by the schema's numbers. */
#ifndef COFFER_API_ENCODE_H
#define COFFER_API_ENCODE_H

#include "api/kind.h"

enum encoding { ENCODING_JSON, ENCODING_YAML, ENCODING_PROTOBUF };

/* Whether the kind can be shown as protobuf: custom resources can't. */
bool encode_protobuf_possible(const struct kind *);

/* A message of this schema as kube-apiserver's generated code writes it: fields by number, maps by key, and empty
 * texts, zero numbers and empty messages wherever Go has no pointer. What the schema has no number for is left out.
 * ERR_CORRUPT: the tree is not of the schema. */
MUST_CHECK err_t encode_protobuf(
    struct arena *, struct buffer *, const struct schema *, const struct json *, struct error *);

/* "k8s\0" and the runtime.Unknown around a message; api_version "v1". The message is what is written between the two.
 */
size_t envelope_open(struct buffer *, bytes api_version, bytes kind);
void envelope_close(struct buffer *, size_t opened);
/* The same for a message of n bytes that comes in pieces: first this, then the message, then the end. */
void envelope_head(struct buffer *, bytes api_version, bytes kind, uint64_t n);
void envelope_end(struct buffer *);
/* Puts a resourceVersion that is no longer than the one in its place into an encoded object's metadata, in the same
 * memory. Returns the new size. Another message than an object's, or one without a version, is left as it is. */
size_t envelope_set_revision(uint8_t *p, size_t n, uint64_t revision);

/* A whole document, with its kind and apiVersion, in any encoding. JSON has no newline at the end, YAML has one. */
MUST_CHECK err_t encode_document(
    struct arena *, struct buffer *, enum encoding, const struct schema *, const struct json *document, struct error *);

#endif
