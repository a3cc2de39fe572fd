/* SPDX-License-Identifier: Apache-2.0 */
/* What every server has from its first start on: namespaces, the default roles and bindings of RBAC, and what priority
 * and fairness start with. Made by the steps that every write walks, as kube-apiserver's own writes. Inside src/serve
 * only. */
#ifndef COFFER_SERVE_BOOTSTRAP_H
#define COFFER_SERVE_BOOTSTRAP_H

#include "serve/default_roles.h"
#include "serve/server.h"
#include "text/json.h"

/* The default objects, in the arena: NULL without memory; a binding for a role that has none is NULL too, with
 * *ret_none set. */
struct json *bootstrap_role(struct arena *, const struct default_role *);
struct json *bootstrap_binding(struct arena *, const struct default_role *, bool *ret_none);

/* Puts into a stored role or binding what the default one has and it has not: rules, subjects, labels, annotations,
 * aggregation. *ret_changed false: it has all of it, or says by its annotation that it wants none. */
MUST_CHECK err_t bootstrap_merge(
    struct arena *, struct json *stored, const struct json *defaults, bool *ret_changed, struct error *);

#endif
