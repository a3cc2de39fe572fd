/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks. For now a client certificate that the server's CAs signed is the only way in: its CN is the user, its O are
 * the groups. The process's own callers (net/http_local.h) say who they are. */
#ifndef COFFER_ACCESS_AUTHENTICATE_H
#define COFFER_ACCESS_AUTHENTICATE_H

#include "net/http.h"

struct user {
    bytes name;
    const bytes *groups;
    size_t group_count;
};

/* *ret borrows from the connection's identity. ERR_UNAUTHORIZED with the one word that kube-apiserver gives. */
MUST_CHECK err_t authenticate(const struct http_exchange *, struct user *ret, struct error *);

/* The user of a request without an identity, where a route allows one: system:anonymous in system:unauthenticated. */
struct user user_anonymous(void);

bool user_in_group(const struct user *, bytes group);

#endif
