/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a user may: members of system:masters everything; nodes by the graph of what their Pods need (node_graph.h);
 * everyone by the rules of RBAC (rbac.h), the virtual verbs of Coffer among them. The first that allows decides
 * (kubernetes-api.md 4). Reads the published rules, takes no lock, allocates for what it says alone. */
#ifndef COFFER_ACCESS_AUTHORIZE_H
#define COFFER_ACCESS_AUTHORIZE_H

#include "access/user.h"

struct selector;

/* What is asked, before it is known whether it exists: text from the request line, or from a review. */
struct attributes {
    const struct user *user;
    bytes verb;            /* "get" ... "deletecollection"; of other paths the lower-case method; "mount", "use" ... */
    bool resource_request; /* else path alone counts */
    bytes group, version, resource, subresource, namespace;
    bytes name;                    /* in the path, or the one that the field selector of a list or watch requires */
    bytes path;                    /* decoded */
    const struct selector *fields; /* of a list, watch or deletecollection: what it requires; NULL: nothing */
};

struct decision {
    bool allowed;
    bytes reason; /* allowed: which binding and role; else what the node authorizer says against it and which roles that
                     bindings name are missing, a line each; may be empty */
};

/* The error is for want of memory alone. */
MUST_CHECK err_t authorize(struct arena *, const struct attributes *, struct decision *ret, struct error *);
/* The same when only the answer counts; false without memory too. Allocates nothing. */
bool authorized(const struct attributes *);

/* kube-apiserver's 403, as error: `secrets "a" is forbidden: User "u" cannot get resource ...`. Returns ERR_FORBIDDEN,
 * or want of memory. */
err_t authorize_forbid(struct arena *, const struct attributes *, bytes reason, struct error *);

#endif
