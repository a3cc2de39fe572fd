/* SPDX-License-Identifier: Apache-2.0 */
/* Acting as another: the Impersonate-* headers, each name of which the real user must be allowed to take on
 * (kubernetes-api.md 3.4). */
#ifndef COFFER_ACCESS_IMPERSONATE_H
#define COFFER_ACCESS_IMPERSONATE_H

#include "access/authorize.h"
#include "net/http.h"

enum impersonation {
    IMPERSONATION_NONE, /* no such header */
    IMPERSONATION_ALLOWED,
    IMPERSONATION_DENIED, /* the last of the rights is the one that is missing: for authorize_forbid and its details */
    IMPERSONATION_WRONG   /* groups, uid or extras without a user: the error is a sentence for a plain 500 */
};

/* What was asked for the sake of it, of who asks: all of it allowed, or (DENIED) all but the last. */
struct impersonation_rights {
    struct attributes *items;
    size_t count;
};

/* Sets *user, who asks, to whom they act as, and *ret. At most IMPERSONATION_MOST names; more are refused as WRONG. All
 * lies in the arena; rights borrow *real, which *user was before. */
#define IMPERSONATION_MOST 64
MUST_CHECK err_t impersonate(struct arena *, const struct http_exchange *, const struct user *real, struct user *user,
    enum impersonation *ret, struct impersonation_rights *ret_rights, struct error *);

#endif
