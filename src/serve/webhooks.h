/* SPDX-License-Identifier: Apache-2.0 */
/* Calling the admission webhooks that want to hear of a write. Inside src/serve only.
 *
 *   mutating:   by configuration and order, one after the other, each on what the one before made; when one changed the
 *               object the server's own admission looks again, and then those webhooks that asked for it, once
 *   validating: the same order, on the object as it will be stored; the first that refuses is what the client reads
 *   deletes:    both, one after the other; nothing can be changed
 *
 * A request goes to the outbound pool for each call, under the bound of the webhook's host, and only when a
 * configuration matches it. Writes that lose a compare ask again. */
#ifndef COFFER_SERVE_WEBHOOKS_H
#define COFFER_SERVE_WEBHOOKS_H

#include "serve/steps.h"
#include "serve/webhook.h"

/* The calls of one step, on their way. */
struct webhook_run {
    struct webhook **webhooks;
    const struct kind **as;
    bool *invoked, *again; /* may be called a second time; will be */
    size_t count, next;
    bool second, changed;
    bool namespace_known;
    const struct json *namespace_labels;
};

/* Of a request that ends. */
void webhooks_end(struct request *);

/* ---- webhook_object.c: what a webhook sees, and what it makes of it. */

/* What the review is about: CREATE for a binding, an eviction and a token too. */
enum webhook_operation review_operation(const struct request *);
/* Object and old object as they are sent, in the version `as` and without what the webhook may not see; NULL: none. */
MUST_CHECK err_t review_objects(
    struct request *, const struct webhook *, const struct kind *as, struct json **ret, struct json **ret_old);
/* The object, or what was sent in its place (Scale, Binding, Eviction, TokenRequest); NULL: none. */
MUST_CHECK err_t review_subject(struct request *, const struct json **ret, const struct json **ret_old);
/* Puts request.object with the webhook's patch of `shown` in its place. */
MUST_CHECK err_t review_apply(struct request *, const struct webhook *, const struct kind *as, struct json *shown,
    const struct json *patch, bool *ret_changed);
/* CreateOptions and the like, as JSON. p is NULL when the arena is full. */
bytes review_options(struct request *);

/* kube-apiserver's 500: `Internal error occurred: SENTENCE`. */
err_t review_internal_error(struct request *, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
