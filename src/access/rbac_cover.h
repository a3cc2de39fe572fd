/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody grants what they do not hold (kubernetes-api.md 4.2): rules broken down to single rights, each of which one
 * rule of the grantor must cover. */
#ifndef COFFER_ACCESS_RBAC_COVER_H
#define COFFER_ACCESS_RBAC_COVER_H

#include "access/rbac.h"

/* The rules that a user has in a namespace ("": in the cluster alone), in the arena; what they say is borrowed from the
 * snapshot. */
MUST_CHECK err_t rbac_rules_of(struct arena *, const struct rbac *, const struct user *, bytes namespace,
    const struct rbac_rule **ret, size_t *ret_count, struct error *);

/* Whether the held rules cover each of the wanted ones. *ret_missing says what they do not, as kube-apiserver writes
 * it: `{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`, sorted, a line each; "" when nothing is missing. More
 * than RBAC_MISSING_MOST rights are not all told. ERR_TOO_LARGE: rules that stand for too many rights to compare. */
#define RBAC_MISSING_MOST 256
MUST_CHECK err_t rbac_cover(struct arena *, const struct rbac_rule *held, size_t held_count,
    const struct rbac_rule *wanted, size_t wanted_count, bytes *ret_missing, struct error *);
/* The same of one wanted rule, when only the answer counts. */
bool rbac_covers(const struct rbac_rule *held, size_t held_count, const struct rbac_rule *wanted);

#endif
