/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a user may. For now members of system:masters may do everything, and nobody else anything. */
#ifndef COFFER_ACCESS_AUTHORIZE_H
#define COFFER_ACCESS_AUTHORIZE_H

#include "access/authenticate.h"

/* What is asked, before it is known whether it exists: text from the request line. */
struct attributes {
    const struct user *user;
    const char *verb;      /* "get" ... "deletecollection"; of other paths the lower-case method */
    bool resource_request; /* else path alone counts */
    bytes group, version, resource, subresource, namespace, name;
    bytes path;     /* decoded */
    bool anonymous; /* the route is open to everyone */
};

/* ERR_UNAUTHORIZED for everyone who may not: an identity that can do nothing is no identity yet. */
MUST_CHECK err_t authorize(const struct attributes *, struct error *);

#endif
