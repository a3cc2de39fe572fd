/* SPDX-License-Identifier: Apache-2.0 */
/* From stored objects to the graph of nodes (node_graph.h): what they name is found by their schemas' marks
 * (api/references.h), so that no field can be forgotten. */
#ifndef COFFER_ACCESS_NODE_ROWS_H
#define COFFER_ACCESS_NODE_ROWS_H

#include "api/kind.h"

/* The Pod, PersistentVolume or VolumeAttachment that is stored under the key now, a canonical tree; NULL: it is gone.
 * The arena holds what is needed meanwhile. ERR_NO_MEMORY and the arena's error: nothing changed. By whoever follows
 * the store: one thread at a time. */
MUST_CHECK err_t node_rows_pod(struct arena *, const struct kind *, bytes key, const struct json *pod, struct error *);
MUST_CHECK err_t node_rows_volume(
    struct arena *, const struct kind *, bytes key, const struct json *volume, struct error *);
MUST_CHECK err_t node_rows_attachment(
    struct arena *, const struct kind *, bytes key, const struct json *attachment, struct error *);

#endif
