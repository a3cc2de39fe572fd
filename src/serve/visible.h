/* SPDX-License-Identifier: Apache-2.0 */
/* What of a collection a user may see who may not see all of it, and whether a watch may go on when rules changed.
 * Inside src/serve only. */
#ifndef COFFER_SERVE_VISIBLE_H
#define COFFER_SERVE_VISIBLE_H

#include "serve/steps.h"

/* Takes `coffer.dev/filtered=true` out of a field selector: the client asks for what it may see, not for all. What is
 * left is borrowed from text, or lies in the arena; p is NULL when that is full. */
bytes filtered_take(struct arena *, bytes text, bool *ret_asked);

bool visible_has(const struct visible *, bytes name);
/* For a list or watch that was not allowed as it is. *ret_any false: nothing of it is visible. Names lie in the arena,
 * at most VISIBLE_MEMORY of them. ERR_TOO_LARGE: rules give too many. */
#define VISIBLE_MEMORY (4u << 20)
MUST_CHECK err_t visible_find(
    struct arena *, const struct attributes *asked, bool filtered, struct visible *ret, bool *ret_any, struct error *);

/* The right that a watch was begun by. */
struct watch_right;
/* A copy of it in keep, which borrows the field selector; NULL where it cannot be withdrawn (system:masters). */
MUST_CHECK err_t watch_right_new(struct arena *keep, const struct request *, const struct selector *kept_fields,
    struct watch_right **ret, struct error *);
/* The names that the watch is limited to; NULL: it is not. */
const struct visible *watch_right_visible(const struct watch_right *);
/* Whether it rests on what Pods of a node need. */
bool watch_right_of_node(const struct watch_right *);
/* ERR_OK: it goes on; ERR_FORBIDDEN: it is not allowed any more; ERR_EXPIRED: what it may show has changed. Accepts
 * NULL. */
err_t watch_right_check(const struct watch_right *);

#endif
