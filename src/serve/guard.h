/* SPDX-License-Identifier: Apache-2.0 */
/* Guards: what a write may say depends on who says it. They look at the object as admission, defaults and validation
 * left it, for creates, updates, patches, applies, subresources and deletes alike, dry runs too; the rights to the verb
 * were checked before. Inside src/serve only. */
#ifndef COFFER_SERVE_GUARD_H
#define COFFER_SERVE_GUARD_H

#include "serve/steps.h"

/* request.object is what will be stored (NULL when the write removes), request.old what is stored (NULL on create),
 * request.user who writes. Refuses with request.error: ERR_FORBIDDEN mostly, by guard_forbid. May change the object
 * only where its header says so. On the pool or, for small creates, the loop: reads the store, never waits. */
typedef err_t guard_function(struct request *, struct read_txn *);

/* The guards, a file each. */
guard_function guard_account_token;
guard_function guard_rbac;
guard_function guard_references;
guard_function guard_webhook;

/* Whether the request's user may do that to the object of core's or another group in the request's namespace. */
bool guard_may(const struct request *, const char *verb, const char *group, const char *resource,
    const char *subresource, bytes name);

/* kube-apiserver's form: `pods "a" is forbidden: SENTENCE`, with the details of the request's object. */
err_t guard_forbid(struct request *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* guard_certificates.c: requests for certificates: who may decide them and sign, and what nobody may ask for. */
guard_function guard_certificates;
/* guard_pod_security.c: what pods may ask of their node, by the labels of their namespace. Adds warnings. */
guard_function guard_pod_security;

#endif
