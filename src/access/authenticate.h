/* SPDX-License-Identifier: Apache-2.0 */
/* Who a request comes from. In kube-apiserver's order: a client certificate that the server's CAs signed (CN the user,
 * O the groups), then a bearer token. The first that succeeds wins; a credential that is there and good for nobody is
 * 401, never anonymous (kubernetes-api.md 3). The process's own callers (net/http_local.h) say who they are. */
#ifndef COFFER_ACCESS_AUTHENTICATE_H
#define COFFER_ACCESS_AUTHENTICATE_H

#include "access/user.h"
#include "net/http.h"

/* ret's texts live in the exchange's arena, or its connection. ERR_UNAUTHORIZED with the one word that kube-apiserver
 * gives. *ret_attempted: there was a credential. */
MUST_CHECK err_t authenticate(struct http_exchange *, struct user *ret, bool *ret_attempted, struct error *);

#endif
