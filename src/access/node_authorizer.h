/* SPDX-License-Identifier: Apache-2.0 */
/* What a node may without a rule of RBAC: what the Pods bound to it need, its own Node, Lease and CSINode, and what all
 * nodes may alike (node-delivery.md 5.3). It never denies: what it does not allow, RBAC may. What a node may say in
 * its writes is serve/guard_node.c's. */
#ifndef COFFER_ACCESS_NODE_AUTHORIZER_H
#define COFFER_ACCESS_NODE_AUTHORIZER_H

#include "access/authorize.h"

/* Whether the user is a node that may. Else, with an arena, *ret_reason is kube-apiserver's sentence against it, empty
 * when there is none; p is NULL when the arena is full. Takes no lock; without an arena allocates nothing. */
bool node_authorized(const struct attributes *, struct arena *, bytes *ret_reason);

/* Whether the user says that it is a node; its name, empty when it says no more than that. */
bool node_of_user(const struct user *, bytes *ret_node);

#endif
