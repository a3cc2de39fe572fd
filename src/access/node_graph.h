/* SPDX-License-Identifier: Apache-2.0 */
/* Which objects lead to which node: what the Pods bound to it name, and what those names lead to (node-delivery.md
 * 5.2). An immutable snapshot that changes with the store: a check takes no lock, a change costs what it touches.
 *
 *   secret, configmap, claim, account ──> pod ──> node
 *   secret ──> volume ──> claim                              (the PersistentVolume says which claim)
 *   attachment ──> node
 *
 * Kept as counts of paths: one number for each object that leads to a node, so that a check is one lookup however many
 * Pods or volumes name it, and a Pod that goes takes only its own paths. With 100,000 Pods on
 * 1,000 nodes, each naming five objects and a claim, a check costs 0.3 to 0.7 us, of claims and volumes 1.5 us, a Pod
 * that comes or goes 25 us, and a Pod 0.9 KB (bench/node_graph.c). */
#ifndef COFFER_ACCESS_NODE_GRAPH_H
#define COFFER_ACCESS_NODE_GRAPH_H

#include "base/bytes.h"

enum node_object { NODE_SECRET, NODE_CONFIG_MAP, NODE_CLAIM, NODE_ACCOUNT, NODE_POD, NODE_VOLUME, NODE_ATTACHMENT };

/* What a Pod names in its namespace: NODE_SECRET to NODE_ACCOUNT. */
struct node_reference {
    enum node_object what;
    bytes name;
};

struct node_pod {
    bytes node;  /* empty: not bound yet */
    bool mirror; /* of a static pod: leads to its node itself, and nothing leads to it */
    const struct node_reference *references;
    size_t count; /* the same one may stand there often */
};

struct node_volume {
    bytes claim;          /* key, "namespace/name"; empty: bound to none */
    const bytes *secrets; /* keys of those that a kubelet needs */
    size_t count;
};

/* Whether a path leads from the object to the node. Namespace is empty for volumes and attachments. Any thread. */
bool node_graph_leads(enum node_object, bytes namespace, bytes name, bytes node);

/* What is stored under the key now, in place of what was there; NULL, or an empty node: nothing. Names that no object
 * can have lead nowhere. A Pod that was a mirror stays one until it goes. In force for every check that begins after.
 * False without memory: nothing changed. One thread at a time. */
MUST_CHECK bool node_graph_put_pod(bytes key, const struct node_pod *);
MUST_CHECK bool node_graph_put_volume(bytes name, const struct node_volume *);
MUST_CHECK bool node_graph_put_attachment(bytes name, bytes node);
/* Forgets all: before everything that is stored is read anew. */
void node_graph_clear(void);
/* Another one for each change by which something may no longer lead to a node. */
uint64_t node_graph_version(void);

#endif
