/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of service accounts (kubernetes-api.md 3.2): JSON Web Tokens that this server signs and accepts.
 *
 *   bound   {"aud","exp","iat","iss","jti","kubernetes.io":{namespace, serviceaccount, pod?, secret?,
 * node?},"nbf","sub"} legacy  {"iss":"kubernetes/serviceaccount","kubernetes.io/serviceaccount/...","sub"}, the value
 * of a Secret
 *
 * A signature makes a token genuine; whether it is good is looked up at each use: the account, and the Pod, Secret or
 * Node that it is bound to, are there with the uid that it names, and not deleted for more than a minute. A legacy
 * token is good while its Secret holds it. */
#ifndef COFFER_ACCESS_SERVICE_ACCOUNT_TOKEN_H
#define COFFER_ACCESS_SERVICE_ACCOUNT_TOKEN_H

#include "access/authenticator.h"

/* Past the deletion of what it is bound to; and how far ahead nbf and iat may lie. Seconds. */
#define TOKEN_LEEWAY 60

struct token_object {
    bytes name, uid; /* name empty: none; of a node that a Pod runs on uid may be empty */
};

struct token_request {
    bytes namespace;
    struct token_object account, pod, secret, node;
    const bytes *audiences;
    size_t audience_count;
    int64_t now, seconds;
    int64_t warn_after; /* seconds; 0: none */
};

/* A bound token in the arena. May block: not on a loop. */
MUST_CHECK err_t service_account_token_issue(struct arena *, const struct token_request *, bytes *ret, struct error *);
/* What the Secret of that name in the account's namespace holds as data.token. May block. */
MUST_CHECK err_t service_account_token_issue_legacy(
    struct arena *, bytes namespace, const struct token_object *account, bytes secret, bytes *ret, struct error *);

token_function service_account_token_authenticate;

#endif
