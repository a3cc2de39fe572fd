/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks: what authentication found out, or impersonation put in its place (kubernetes-api.md 3). All texts live as
 * long as the request's arena, or the process's own identities for ever. */
#ifndef COFFER_ACCESS_USER_H
#define COFFER_ACCESS_USER_H

#include "base/arena.h"

struct user_extra {
    bytes key; /* lower case */
    const bytes *values;
    size_t value_count;
};

struct user {
    bytes name, uid; /* uid may be empty */
    const bytes *groups;
    size_t group_count;
    const struct user_extra *extra;
    size_t extra_count;
};

#define USER_MASTERS         "system:masters"
#define USER_AUTHENTICATED   "system:authenticated"
#define USER_UNAUTHENTICATED "system:unauthenticated"
#define USER_ANONYMOUS       "system:anonymous"
#define USER_ACCOUNT_PREFIX  "system:serviceaccount:" /* NAMESPACE:NAME */
#define USER_ACCOUNTS        "system:serviceaccounts" /* group; with :NAMESPACE the group of that namespace's */
#define USER_NODE_PREFIX     "system:node:"
#define USER_NODES           "system:nodes"

/* Keys of extra (kube-apiserver's; values: X509SHA256=HEX or JTI=ID, names and uids of what a token is bound to). */
#define USER_EXTRA_CREDENTIAL "authentication.kubernetes.io/credential-id"
#define USER_EXTRA_POD_NAME   "authentication.kubernetes.io/pod-name"
#define USER_EXTRA_POD_UID    "authentication.kubernetes.io/pod-uid"
#define USER_EXTRA_NODE_NAME  "authentication.kubernetes.io/node-name"
#define USER_EXTRA_NODE_UID   "authentication.kubernetes.io/node-uid"

/* The user of a request without a credential. */
extern const struct user user_anonymous;

bool user_in_group(const struct user *, bytes group);
/* NULL when there is none of that key. */
const struct user_extra *user_extra(const struct user *, bytes key);
/* Adds what belongs to every user that is authenticated: the group system:authenticated, when it is not there yet. */
MUST_CHECK err_t user_complete(struct arena *, struct user *, struct error *);
/* The user name of a service account; p is NULL when the arena is full. */
bytes user_account_name(struct arena *, bytes namespace, bytes name);
/* A service account: its name, uid (may be empty) and groups. */
MUST_CHECK err_t user_of_account(
    struct arena *, bytes namespace, bytes name, bytes uid, struct user *ret, struct error *);
/* Whether the name is a service account's; its parts, borrowed. */
bool user_is_account(bytes name, bytes *ret_namespace, bytes *ret_account);
/* Whether the user is a node, by name and group (node-delivery.md 5.1); its name. */
bool user_is_node(const struct user *, bytes *ret_node);
/* Whether they are the same in all of it, groups and extras in the same order. */
bool user_same(const struct user *, const struct user *);
/* A copy of all of it. */
MUST_CHECK err_t user_copy(struct arena *, const struct user *, struct user *ret, struct error *);

#endif
