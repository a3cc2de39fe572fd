/* SPDX-License-Identifier: Apache-2.0 */
/* What a watch rests on, beyond its beginning: the rules that allowed it, to whom its user was and whom they acted as;
 * and the token that said who that is, which expires, and ends with its account, Secret, Pod or Node. Inside src/serve
 * only. */
#ifndef COFFER_SERVE_WATCH_RIGHT_H
#define COFFER_SERVE_WATCH_RIGHT_H

#include "serve/request.h"

struct watch_right;
/* A copy of it in keep, which borrows the field selector; NULL where it cannot be withdrawn (system:masters by a
 * certificate, whose end the connection knows). Its names are those of alike, when there is one of the same loop that
 * is limited to the same. */
MUST_CHECK err_t watch_right_new(struct arena *keep, const struct request *, const struct selector *kept_fields,
    const struct watch_right *alike, struct watch_right **ret, struct error *);
/* Before keep goes. Accepts NULL. */
void watch_right_free(struct watch_right *);
/* The names that the watch is limited to; NULL: it is not. */
const struct visible *watch_right_visible(const struct watch_right *);
/* Whether it rests on what Pods of a node need. */
bool watch_right_of_node(const struct watch_right *);
/* Whether it rests on a token; and whether that rests on this object. NULL: on none. */
bool watch_right_has_token(const struct watch_right *);
bool watch_right_token_needs(const struct watch_right *, const struct kind *, bytes key);

/* By the rules of now. ERR_OK: it goes on; ERR_FORBIDDEN: it is not allowed any more; ERR_EXPIRED: what it may show has
 * changed. Accepts NULL. */
err_t watch_right_check(const struct watch_right *);
/* By the token, which is looked at anew: ERR_OK, also while that cannot be decided; ERR_FORBIDDEN, said in the log. On
 * any thread that holds no read transaction. Accepts NULL. */
err_t watch_right_authenticate(const struct watch_right *);

#endif
