/* SPDX-License-Identifier: Apache-2.0 */
/* What requests look at without reading the store: immutable snapshots, swapped by the commit that changed what they
 * are made from, before that write is acknowledged: the registry of kinds, made from CustomResourceDefinitions, the
 * rules of RBAC, the graph of nodes (access/node_graph.h) and the admission webhooks (webhook.h). */
#ifndef COFFER_SERVE_SNAPSHOTS_H
#define COFFER_SERVE_SNAPSHOTS_H

#include "api/kind.h"
#include "serve/server.h"

struct snapshots;

/* Reads all that is stored, and follows every commit from then on. Before the first request. */
MUST_CHECK err_t snapshots_open(struct server *, struct error *);
void snapshots_close(struct server *);

/* The number in the store's keys of the kind with this group and plural: given when first asked for, for ever, and
 * durable on return. Blocks: not on a loop, nor on the commit thread. */
MUST_CHECK err_t snapshots_allot_number(struct server *, bytes group, bytes plural, uint16_t *ret, struct error *);

#endif
