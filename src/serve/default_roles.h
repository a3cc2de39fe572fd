/* SPDX-License-Identifier: Apache-2.0 */
/* The roles and bindings that every cluster starts with, as Kubernetes 1.34 has them (kubernetes-api.md 4.3), and those
 * of Coffer's own controllers. Inside src/serve only. */
#ifndef COFFER_SERVE_DEFAULT_ROLES_H
#define COFFER_SERVE_DEFAULT_ROLES_H

#include <stddef.h>

struct default_role {
    const char *namespace; /* NULL: a ClusterRole */
    const char *name;
    const char *aggregates_to; /* "edit": its rules become that role's; NULL: nobody's */
    const char *aggregates;    /* takes in the rules of roles that are marked so; NULL: has its own */
    /* A line each: "VERBS GROUPS RESOURCES [NAMES]" or "VERBS URLS", lists with commas, "core" for the empty group. */
    const char *rules;
    /* Who is bound to it: "User NAME", "Group NAME", "ServiceAccount NAMESPACE/NAME", a line each; "" for a binding of
     * nobody, NULL for none. */
    const char *subjects;
    const char *binding; /* its name; NULL: the role's */
};

extern const struct default_role default_roles[], default_controller_roles[], default_coffer_roles[];
extern const size_t default_role_count, default_controller_role_count, default_coffer_role_count;

#endif
