/* SPDX-License-Identifier: Apache-2.0 */
/* YAML 1.1 as Kubernetes reads it (sigs.k8s.io/yaml: a document becomes JSON), on libyaml's events. Unquoted
 * yes/no/on/off/y/n are booleans, ~ is null, 0o/0x/0 and 1_000 are numbers. Limits: depth 64, nodes counted as
 * aliases expand, 256 anchors a document, duplicate keys refused (what a merge key << brings may be overridden). */
#ifndef COFFER_TEXT_YAML_H
#define COFFER_TEXT_YAML_H

#include "text/json.h"

/* The first document of in as JSON. An empty document is JSON_NULL. ERR_BAD_REQUEST with "yaml: line N: ..." (no
 * content of the input in it), or the arena's error. max_nodes bounds nodes after alias expansion (0: 1,000,000). */
MUST_CHECK err_t yaml_parse(struct arena *, bytes in, size_t max_nodes, struct json **ret, struct error *);

/* The same, but of members with one name the last counts. *ret_duplicates is a JSON_ARRAY of a sentence for each that
 * was set anew, `line 4: key "a" already set in map`; more than 64 are an error all the same. */
MUST_CHECK err_t yaml_parse_duplicates(
    struct arena *, bytes in, size_t max_nodes, struct json **ret, struct json **ret_duplicates, struct error *);

/* Every document of a stream; *ret is a JSON_ARRAY of them. */
MUST_CHECK err_t yaml_parse_all(struct arena *, bytes in, size_t max_nodes, struct json **ret, struct error *);

/* Block style as sigs.k8s.io/yaml marshals: keys sorted, strings quoted when YAML 1.1 would read them otherwise. */
void yaml_write(struct buffer *, const struct json *);

#endif
