/* SPDX-License-Identifier: Apache-2.0 */
/* A queue in which classes of tasks have turns by their weights, and in a class flows (who asks) take turns: tasks of
 * one flow leave in their order, and a thousand of one hold up another's by one, not by a thousand. Classes share
 * nothing but the turns: neither does one wait in another's flow, nor find the queue full of another's. Whoever lets
 * flows in bounds each. No lock: the owner has one. */
#ifndef COFFER_BASE_FAIR_QUEUE_H
#define COFFER_BASE_FAIR_QUEUE_H

#include "base/bytes.h"

/* Intrusive: lives in its owner until run was called. */
struct task {
    struct task *next;
    void (*run)(struct task *);
};

#define FAIR_QUEUE_FLOWS   128 /* of a class; numbered modulo this: what falls together shares a turn */
#define FAIR_QUEUE_CLASSES 32

/* Whose turn a task waits for. All zero is a class and flow as any other. */
struct fair_turn {
    uint64_t flow;
    unsigned class;  /* below FAIR_QUEUE_CLASSES */
    unsigned weight; /* of the class, from now on; 0 counts as 1 */
};

struct fair_queue {
    struct fair_queue_class {
        struct fair_queue_flow *turn, **last;
        unsigned weight;
        size_t count;
        uint64_t passed; /* turns it has had, weighed; the one with the fewest is next */
    } classes[FAIR_QUEUE_CLASSES];
    uint64_t passed; /* of the class that was last */
    size_t count, limit;
    struct fair_queue_flow {
        struct task *first, **end;
        struct fair_queue_flow *next; /* of its class, that waits for its turn */
    } flows[FAIR_QUEUE_CLASSES][FAIR_QUEUE_FLOWS];
};

/* limit: tasks of a class. The queue is all zero before: most of it is never touched. */
void fair_queue_init(struct fair_queue *, size_t limit);
/* False when the queue is full for this class. */
MUST_CHECK bool fair_queue_put(struct fair_queue *, struct task *, const struct fair_turn *);
/* The next one; NULL when nothing waits. */
struct task *fair_queue_take(struct fair_queue *);

#endif
