/* SPDX-License-Identifier: Apache-2.0 */
/* NodeRestriction: what a node may say in the writes that it may make (node-delivery.md 5.4). Of other users it says
 * nothing. Inside src/serve only. */
#ifndef COFFER_SERVE_GUARD_NODE_H
#define COFFER_SERVE_GUARD_NODE_H

#include "serve/guard.h"

/* A row of guard.c. Changes nothing. */
guard_function guard_node;

/* guard_node_token.c: the same of a TokenRequest, which is request.sent: bound to a Pod of the node, for an audience
 * that this Pod asks for or RBAC grants. */
MUST_CHECK err_t guard_node_token(struct request *, struct read_txn *, bytes node);

#endif
