/* SPDX-License-Identifier: Apache-2.0 */
/* No user starves the others, and no kind of work another: API priority and fairness. Requests that wait or work for
 * long (writes, lists, reviews) are counted by priority level and flow (access/flow_control.h): one above its bound is
 * answered 429. What waits for a thread has its turn by level and flow (base/fair_queue.h). Gets and watches are not
 * counted: a loop answers them in microseconds, and gives nobody more than 1 ms a turn. Exempt levels, and the server's
 * own controllers, have no bound; they take turns too. Inside src/serve only. */
#ifndef COFFER_SERVE_FAIRNESS_H
#define COFFER_SERVE_FAIRNESS_H

#include "access/flow_control.h"
#include "base/fair_queue.h"

#include <stdatomic.h>

#define FAIRNESS_FLOWS 256 /* of a level, modulo this: those that fall together share a bound */

struct fairness {
    uint64_t salt; /* so that nobody can choose a name that falls on another's */
    atomic_uint flows[FLOW_LEVELS][FAIRNESS_FLOWS], levels[FLOW_LEVELS];
};

void fairness_init(struct fairness *);
/* The turns of a request of this class. */
struct fair_turn fairness_turn(const struct fairness *, const struct flow_class *);

/* Where a request is counted; all NULL: nowhere. */
struct fairness_place {
    atomic_uint *flow, *level;
};
/* Counts one more. Any thread. Not FAIRNESS_ENTERED: its flow, or its whole level, is full, and nothing was counted. */
enum fairness_result { FAIRNESS_ENTERED, FAIRNESS_FLOW_FULL, FAIRNESS_LEVEL_FULL };
MUST_CHECK enum fairness_result fairness_enter(
    struct fairness *, const struct flow_class *, const struct fair_turn *, struct fairness_place *ret);
void fairness_leave(const struct fairness_place *);

#endif
