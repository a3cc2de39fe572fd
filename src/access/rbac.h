/* SPDX-License-Identifier: Apache-2.0 */
/* RBAC: roles, and who they are bound to, compiled from the objects of rbac.authorization.k8s.io/v1 into a published
 * snapshot that shares what did not change (kubernetes-api.md 4.1). A check is a few looks into hash tries: it takes no
 * lock and allocates nothing.
 *
 *   rbac ──> roles     "NAMESPACE/NAME", or "NAME" of a ClusterRole ──> its rules
 *        ──> bindings  the same of bindings                         ──> role's key, subjects
 *        ──> cluster   scope: users, groups ──by name──> bindings ──by key──> binding
 *        ──> scopes    NAMESPACE ──> scope
 *
 * A ServiceAccount is the user of its name. Order plays no part: rules only add rights. */
#ifndef COFFER_ACCESS_RBAC_H
#define COFFER_ACCESS_RBAC_H

#include "access/authorize.h"
#include "base/persistent_map.h"
#include "text/json.h"

struct rbac;

/* The newest snapshot, borrowed: valid until this thread asks again. Never NULL. */
const struct rbac *rbac_current(void);
/* Another one for each change. */
uint64_t rbac_version(const struct rbac *);

/* ---- Changing, by whoever follows the store: one thread at a time. */

enum rbac_kind { RBAC_ROLES, RBAC_BINDINGS };
/* The Role, ClusterRole, or binding of either sort, at that key ("NAMESPACE/NAME", or "NAME" of a cluster's); NULL: it
 * is gone. In force for whoever asks for rbac_current after. Without memory nothing changed. */
MUST_CHECK err_t rbac_put(enum rbac_kind, bytes key, const struct json *object, struct error *);
/* Forgets all: for tests, and before all is read anew. */
MUST_CHECK err_t rbac_clear(struct error *);

/* ---- What a rule says. */

struct rbac_texts {
    const bytes *items;
    size_t count;
};
struct rbac_rule {
    struct rbac_texts verbs, groups, resources, names, urls;
};
/* A sieve of verbs and resources: a bit for each text that a rule names, all of them for a star. What has not both bits
 * is not allowed; most roles that a user has are passed over by it. */
struct rbac_sieve {
    uint64_t verbs, resources;
};
struct rbac_role {
    struct persistent_value value;
    const struct rbac_rule *rules;
    const struct rbac_sieve *sieves; /* of each rule */
    struct rbac_sieve sieve;         /* of all of them */
    const uint32_t **names;          /* of each rule: rbac_table_has's table; NULL: no rule names many */
    size_t count;
};
/* The rules of an object, in the arena. */
MUST_CHECK err_t rbac_rules_read(
    struct arena *, const struct json *object, const struct rbac_rule **ret, size_t *ret_count, struct error *);
bool rbac_rule_allows(const struct rbac_rule *, const struct attributes *);
/* By key; NULL when there is none. */
const struct rbac_role *rbac_role_find(const struct rbac *, bytes key);

/* ---- Which roles a user has: bindings of the cluster first, then (namespace not empty) those of the namespace. */

struct rbac_subject {
    bool group; /* else a user */
    bytes kind, name, namespace;
    bytes as; /* the name of user or group */
};
struct rbac_binding {
    struct persistent_value value;
    bytes key, namespace, name;
    bytes role_key, role_name;
    uint64_t role_hash;
    bool cluster_role;
    const struct rbac_subject *subjects;
    size_t count;
};
#define RBAC_HASHES 8 /* of the user and the first groups: kept from one scope to the other */
struct rbac_walk {
    const struct rbac *rbac;
    const struct user *user;
    uint64_t hashes[RBAC_HASHES];
    bytes namespace;
    unsigned scope;
    size_t subject; /* 0: the user; then the groups */
    bool inside;
    struct persistent_cursor bindings;
};
struct rbac_grant {
    const struct rbac_binding *binding;
    const struct rbac_role *role; /* NULL: nobody made it */
    bool group;                   /* what the binding was found by: one of the user's groups, else the user */
    bytes subject;
};
void rbac_walk_begin(struct rbac_walk *, const struct rbac *, const struct user *, bytes namespace);
/* A binding that names the user and two of its groups comes three times. False at the end. */
bool rbac_walk_next(struct rbac_walk *, struct rbac_grant *ret);

/* ---- Decisions. */

/* Whether a rule allows it; *ret_grant (may be NULL) is why. */
bool rbac_allows(const struct rbac *, const struct attributes *, struct rbac_grant *ret_grant);
/* What is said of it: `RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to Group "g"`. p is NULL when the
 * arena is full. */
bytes rbac_reason(struct arena *, const struct rbac_grant *, const struct user *);
/* Against one that no rule allows: which roles bindings name and nobody made, `RBAC: role... "x" not found`; else "".
 */
bytes rbac_missing(struct arena *, const struct rbac *, const struct attributes *);
/* The names for which rules with resourceNames allow what the attributes ask without a name: sorted, each once, in the
 * arena. ERR_TOO_LARGE: they are more than RBAC_NAMES_MOST, counted as often as bindings give them; it takes half a
 * millisecond to sort so many. */
#define RBAC_NAMES_MOST 4096
MUST_CHECK err_t rbac_names(struct arena *, const struct rbac *, const struct attributes *, const bytes **ret,
    size_t *ret_count, struct error *);

#endif
