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
    IMPERSONATION_DENIED, /* *denied says what was not allowed: for authorize_forbid and its details */
    IMPERSONATION_WRONG   /* groups, uid or extras without a user: the error is a sentence for a plain 500 */
};

/* Sets *user, who asks, to whom they act as, and *ret. At most IMPERSONATION_MOST names; more are refused as WRONG. */
#define IMPERSONATION_MOST 64
MUST_CHECK err_t impersonate(struct arena *, const struct http_exchange *, struct user *user, enum impersonation *ret,
    struct attributes *denied, struct error *);

#endif
