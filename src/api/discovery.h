/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery documents from the registry of kinds: /api, /apis, /api/v1, /apis/G, /apis/G/V, aggregated ones, OpenAPI v2
 * and v3, /version. */
#ifndef COFFER_API_DISCOVERY_H
#define COFFER_API_DISCOVERY_H

#include "api/kind.h"

void discovery_api_versions(struct buffer *, bytes server_address);               /* /api */
void discovery_group_list(struct buffer *);                                       /* /apis */
MUST_CHECK bool discovery_group(struct buffer *, bytes group);                    /* /apis/G; false: no such group */
MUST_CHECK bool discovery_resources(struct buffer *, bytes group, bytes version); /* /api/v1, /apis/G/V */
void discovery_aggregated(struct buffer *, bool core);                            /* APIGroupDiscoveryList v2 */
void discovery_version(struct buffer *); /* /version, pretty as kube-apiserver prints it */
void openapi_v2_protobuf(struct buffer *);
void openapi_v2_json(struct buffer *);
void openapi_v3_index(struct buffer *);
MUST_CHECK bool openapi_v3(struct buffer *, bytes group, bytes version);

#endif
