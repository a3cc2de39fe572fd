/* SPDX-License-Identifier: Apache-2.0 */
/* What of a collection a user may see who may not see all of it. Inside src/serve only. */
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

bool visible_same(const struct visible *, const struct visible *);

/* A copy that outlives the request, for watches of one loop to share: thousands of names in each of a user's thousand
 * watches would take all memory. NULL without memory; accept NULL. */
struct visible_kept;
struct visible_kept *visible_keep(const struct visible *);
const struct visible *visible_of(const struct visible_kept *);
struct visible_kept *visible_hold(struct visible_kept *);
void visible_release(struct visible_kept *);

#endif
