/* SPDX-License-Identifier: Apache-2.0 */
/* What a watch rests on, beyond its beginning: the rules that allowed it, to whom its user was and whom they acted as;
 * and what said who that is: the token, which expires, and ends with its account, Secret, Pod or Node; or that who has
 * none is let in. Inside src/serve only. */
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
/* Whether who asks can be found out anew: by a token, or because they have none. NULL: no. */
bool watch_right_can_lapse(const struct watch_right *);

/* An object that a token needs. */
struct watch_need {
    const struct kind *kind;
    bytes key;
    struct watch_member *member;     /* of the hub, as what follows */
    struct watch_need *next, **link; /* of its bucket */
};

/* What the right's token needs, in the right's memory; *ret_count 0: nothing. Accepts NULL. */
struct watch_need *watch_right_needs(struct watch_right *, size_t *ret_count);
/* Whether a token may have ended with this row: with an account, Pod or Node that went, or a Secret that changed. */
bool watch_need_ends(const struct watch_need *, const struct kind *, const struct record *);

/* By the rules of now. ERR_OK: it goes on; ERR_FORBIDDEN: it is not allowed any more; ERR_EXPIRED: what it may show has
 * changed. Accepts NULL. */
err_t watch_right_check(const struct watch_right *);
/* By who asks, which is found out anew: ERR_OK; ERR_FORBIDDEN, said in the log: they are nobody, another (other groups
 * make another), or will be nobody sooner than the watch ends; ERR_UNAVAILABLE: it cannot be decided now. On any thread
 * that holds no read transaction. Accepts NULL. */
err_t watch_right_authenticate(const struct watch_right *);

#endif
