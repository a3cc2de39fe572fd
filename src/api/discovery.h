/* SPDX-License-Identifier: Apache-2.0 */
/* Documents about a registry of kinds: discovery (/api, /apis, /apis/G, /apis/G/V, aggregated), OpenAPI v2 and v3, and
 * /version. Errors stay in the buffer. */
#ifndef COFFER_API_DISCOVERY_H
#define COFFER_API_DISCOVERY_H

#include "api/kind.h"

/* The kinds of one version of a group, by their plurals; a part of the registry's list. */
struct group_version {
    const struct kind *const *kinds;
    size_t count; /* never 0 */
};
/* All of them in the order in which kube-apiserver lists them, by which clients choose where a name is in several: the
 * core first, its other groups, then custom groups by name; the versions of a group by preference: v2, v1, v1beta1.
 * NULL when the arena is full. */
const struct group_version *group_versions(struct arena *, const struct registry *, size_t *ret_count);
/* NULL when there is none. */
const struct kind *const *group_version_find(const struct registry *, bytes group, bytes version, size_t *ret_count);

void discovery_api_versions(struct buffer *, bytes server_address);  /* /api */
void discovery_group_list(struct buffer *, const struct registry *); /* /apis */
/* /apis/G and /api/v1, /apis/G/V; false: no such group, no such version. */
MUST_CHECK bool discovery_group(struct buffer *, const struct registry *, bytes group);
MUST_CHECK bool discovery_resources(struct buffer *, const struct registry *, bytes group, bytes version);
void discovery_aggregated(struct buffer *, const struct registry *, bool core); /* APIGroupDiscoveryList v2 */
void discovery_version(struct buffer *); /* /version, pretty as kube-apiserver prints it */

void openapi_v2_json(struct buffer *, const struct registry *);
void openapi_v2_protobuf(struct buffer *, const struct registry *);
void openapi_v3(struct buffer *, const struct kind *const *kinds, size_t count); /* of one group version */

#endif
