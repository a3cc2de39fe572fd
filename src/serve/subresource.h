/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of an object with a URL of their own: what each takes, touches and shows. Inside src/serve only.
 *
 *   status, finalize, ephemeralcontainers, resize   the kind itself; the rest of the object is carried over
 *   scale                                           autoscaling/v1 Scale, made from the object's numbers
 *   binding, eviction                               a Binding sets the node; an Eviction deletes
 *   token                                           a TokenRequest is answered with a token; the account stays */
#ifndef COFFER_SERVE_SUBRESOURCE_H
#define COFFER_SERVE_SUBRESOURCE_H

#include "api/managed_fields.h"
#include "serve/steps.h"

/* The kind of what the request sends and gets: its kind, or Scale, Binding, Eviction, TokenRequest. */
const struct kind *subresource_shown_kind(const struct request *);

/* The body of such another kind into what the steps work on: request.object of the kind (Scale, Binding: from old, so
 * the object is loaded here), or the options of a delete. */
MUST_CHECK err_t subresource_decode(struct request *, enum body_format);

/* What a patch of this subresource sees: the object, or the Scale made from it; and back, when it was changed. */
MUST_CHECK err_t subresource_seen(struct request *, struct json **ret);
MUST_CHECK err_t subresource_take(struct request *, struct json *sent);

/* What an apply to this subresource is to the object: the patch itself, or the replicas that an applied Scale asks for.
 */
MUST_CHECK err_t subresource_applied(struct request *, const struct json *decoded, struct json **ret);

/* The Scale made from an object. */
MUST_CHECK err_t subresource_scale(struct request *, const struct json *object, struct json **ret);

/* Text of what is shown: of the object itself, or the Scale made from it. */
MUST_CHECK err_t subresource_show(struct request *, bytes text, bytes *ret);

/* On update: what this request may not touch comes from old. On create: a status that the server owns goes. */
MUST_CHECK err_t subresource_carry(struct request *);
MUST_CHECK err_t subresource_drop_status(struct request *);

/* Who writes: fieldManager, else the User-Agent up to its first '/'. */
struct field_manager subresource_manager(const struct request *);

#endif
