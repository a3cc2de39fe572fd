/* SPDX-License-Identifier: Apache-2.0 */
/* Who a request comes from. In kube-apiserver's order: a client certificate that the server's CAs signed (CN the user,
 * O the groups), then a bearer token. The first that succeeds wins; a credential that is there and good for nobody is
 * 401, never anonymous (kubernetes-api.md 3). The process's own callers (net/http_local.h) say who they are. What
 * tokens are checked against: authenticator.h. */
#ifndef COFFER_ACCESS_AUTHENTICATE_H
#define COFFER_ACCESS_AUTHENTICATE_H

#include "access/authenticator.h"
#include "net/http.h"

/* Names a WebSocket protocol that carries a bearer token, in base64url, in place of a header, which browsers cannot
 * set. */
#define BEARER_PROTOCOL "base64url.bearer.authorization.k8s.io."

/* What a user was known by: a token, which is secret; or that who has none is let in at that path; or, where both are
 * empty, what the connection knows. */
struct credential {
    bytes token, open_path;
    int64_t expires; /* of a token: as in struct authenticated */
    bytes secret;
};

/* ret's texts live in the exchange's arena, or its connection. ERR_UNAUTHORIZED with the one word that kube-apiserver
 * gives, or ERR_TOO_MANY_REQUESTS where its address failed too often (failed_attempts.h); why is in the log, without
 * the credential. */
MUST_CHECK err_t authenticate(
    struct http_exchange *, struct user *ret, struct credential *ret_credential, struct error *);

/* Whether who has no credential is let in at the path, as system:anonymous. */
bool authenticate_open(bytes path);

/* Who a bearer token stands for, and for which of the audiences that are asked for; with none those of the server.
 * ret's texts live in the arena. ERR_UNAUTHORIZED: good for nobody; the message says why, which is for the log alone.
 * Others: it could not be found out (memory, the store). Reads the store, blocks on nothing; any thread that holds no
 * read transaction. */
MUST_CHECK err_t authenticate_token(
    struct arena *, bytes token, const struct audiences *, struct authenticated *ret, struct error *);

#endif
