/* SPDX-License-Identifier: Apache-2.0 */
/* No user starves the others. Requests that wait or work for long (writes, lists) are counted by user: who has
 * FAIRNESS_MOST of them under way is answered 429 for the next. What waits for a thread waits in a flow of its user,
 * and flows take turns (base/fair_queue.h). Gets and watches are not counted: a loop answers them in microseconds,
 * and gives nobody more than 1 ms a turn. As in Kubernetes, system:masters are exempt from the bound, and so are the
 * server's own controllers; they take turns too. Inside src/serve only. */
#ifndef COFFER_SERVE_FAIRNESS_H
#define COFFER_SERVE_FAIRNESS_H

#include "base/bytes.h"

#include <stdatomic.h>

#define FAIRNESS_MOST     1024 /* a quarter of what may wait for a thread, four groups of the commit */
#define FAIRNESS_SUBJECTS 1024 /* users, modulo this: those that fall together share a bound */

struct fairness {
    uint64_t salt; /* so that nobody can choose a name that falls on another's */
    atomic_uint under_way[FAIRNESS_SUBJECTS];
};

void fairness_init(struct fairness *);
/* The number of a user's flow. */
uint64_t fairness_flow(const struct fairness *, bytes user);
/* Counts one more of the flow: what fairness_leave must be given later, or NULL when it has FAIRNESS_MOST. Any thread.
 */
MUST_CHECK atomic_uint *fairness_enter(struct fairness *, uint64_t flow);
/* NULL is nothing. */
void fairness_leave(atomic_uint *);

#endif
