/* SPDX-License-Identifier: Apache-2.0 */
/* A queue in which flows (who asks) take turns: tasks of one flow leave in their order, and a thousand of one hold up
 * another's by one, not by a thousand. Bounded as a whole; whoever lets flows in bounds each. No lock: the owner has
 * one. */
#ifndef COFFER_BASE_FAIR_QUEUE_H
#define COFFER_BASE_FAIR_QUEUE_H

#include "base/bytes.h"

/* Intrusive: lives in its owner until run was called. */
struct task {
    struct task *next;
    void (*run)(struct task *);
};

/* Flows are numbered modulo this: what falls together shares a turn. */
#define FAIR_QUEUE_FLOWS 128

struct fair_queue {
    struct fair_queue_flow {
        struct task *first, **end;
        size_t count;
        struct fair_queue_flow *next; /* that waits for its turn */
    } flows[FAIR_QUEUE_FLOWS];
    struct fair_queue_flow *turn, **last;
    size_t count, limit;
};

void fair_queue_init(struct fair_queue *, size_t limit);
/* False when the queue is full. */
MUST_CHECK bool fair_queue_put(struct fair_queue *, struct task *, uint64_t flow);
/* The next one; NULL when nothing waits. */
struct task *fair_queue_take(struct fair_queue *);

#endif
