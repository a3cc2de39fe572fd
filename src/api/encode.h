/* SPDX-License-Identifier: Apache-2.0 */
/* From canonical trees to the other forms that clients ask for: protobuf by the schema's numbers, YAML. */
#ifndef COFFER_API_ENCODE_H
#define COFFER_API_ENCODE_H

#include "api/kind.h"

/* Whether the kind can be shown as protobuf (custom resources can't, nor can what stands for them). */
bool encode_protobuf_possible(const struct kind *);
/* A message of this schema as kube-apiserver's generated code writes it: fields by number, maps by key, empty strings
 * and zero numbers where Go's are no pointers. ERR_CORRUPT: the tree is not of the schema. */
MUST_CHECK err_t encode_protobuf(
    struct arena *, struct buffer *, const struct schema *, const struct json *, struct error *);
/* "k8s\0" and the runtime.Unknown around a message; api_version "v1". */
void encode_envelope(struct buffer *, bytes api_version, bytes kind, bytes raw);

/* As sigs.k8s.io/yaml writes a JSON tree: keys sorted, strings quoted where they must be. A newline at the end. */
void encode_yaml(struct arena *, struct buffer *, const struct json *);

#endif
