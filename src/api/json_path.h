/* SPDX-License-Identifier: Apache-2.0 */
/* JSONPath as Kubernetes writes it in printer columns, selectable fields and scale subresources: .spec.a, .a[0].b,
 * .a[-1], .a['b.c'], .a\.b, .items[*].x, .conditions[?(@.type=="Ready")].status, ..name
 * (kubernetes.io/docs/reference/kubectl/jsonpath). Parsed once, at most 64 steps. */
#ifndef COFFER_API_JSON_PATH_H
#define COFFER_API_JSON_PATH_H

#include "text/json.h"

struct json_path;

/* ERR_BAD_REQUEST with a sentence. simple: only .a.b['c'] are allowed, as scale and selectable fields demand. */
MUST_CHECK err_t json_path_parse(struct arena *, bytes text, bool simple, const struct json_path **ret, struct error *);
/* All results in order, at most `most`; returns how many there are in all. */
size_t json_path_find(const struct json_path *, const struct json *root, const struct json **ret, size_t most);
/* Sets the value at a simple path, making objects on the way. False: the arena is full or something on the way is no
 * object. */
MUST_CHECK bool json_path_set(struct arena *, const struct json_path *, struct json *root, struct json *value);

#endif
