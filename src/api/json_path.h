/* SPDX-License-Identifier: Apache-2.0 */
/* JSONPath as Kubernetes writes it in printer columns, selectable fields and scale subresources: .spec.a, .a[0].b,
 * .a[-1], .a[0:2], .a[0,2], .a['b'], .a['b\.c'] or .a.b\.c (a dot in a name is escaped, in brackets too), .items[*].x,
 * .conditions[?(@.type=="Ready")].status, ..name (kubernetes.io/docs/reference/kubectl/jsonpath). Parsed once, at most
 * 64 steps. */
#ifndef COFFER_API_JSON_PATH_H
#define COFFER_API_JSON_PATH_H

#include "text/json.h"

struct json_path;

/* ERR_BAD_REQUEST with a sentence (client-go's where it has one). simple: only .a.b['c'] are allowed, as scale and
 * selectable fields demand. text is borrowed. */
MUST_CHECK err_t json_path_parse(struct arena *, bytes text, bool simple, const struct json_path **ret, struct error *);
/* All results in order, at most `most`; returns how many there are in all. None when a step does not fit its value (an
 * index of no array or out of its bounds, a comparison of two types), as upstream's printer then leaves the cell empty,
 * and when it took more than 100,000 looks at values. */
size_t json_path_find(const struct json_path *, const struct json *root, const struct json **ret, size_t most);
/* Sets the value at a simple path, making objects on the way. False: the arena is full or something on the way is no
 * object. The path must live as long as root. */
MUST_CHECK bool json_path_set(struct arena *, const struct json_path *, struct json *root, struct json *value);

#endif
