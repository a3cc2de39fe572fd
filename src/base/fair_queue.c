/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fair_queue.h"

#define TURN ((uint64_t)1 << 32) /* divided by weights */

void fair_queue_init(struct fair_queue *q, size_t limit)
{
    *q = (struct fair_queue){.limit = limit};
}

/* A class that slept has saved up no turns. */
static void line_up(struct fair_queue *q, struct fair_queue_flow *flow)
{
    struct fair_queue_class *class = &q->classes[flow->class];

    if (!class->turn) {
        class->last = &class->turn;
        if (class->passed < q->passed)
            class->passed = q->passed;
    }
    flow->next = NULL;
    *class->last = flow;
    class->last = &flow->next;
}

bool fair_queue_put(struct fair_queue *q, struct task *task, const struct fair_turn *turn)
{
    struct fair_queue_flow *flow = &q->flows[turn->flow % FAIR_QUEUE_FLOWS];

    if (q->count >= q->limit)
        return false;
    q->classes[turn->class].weight = turn->weight;
    if (flow->count == 0) {
        flow->class = turn->class;
        flow->end = &flow->first;
        line_up(q, flow);
    }
    task->next = NULL;
    *flow->end = task;
    flow->end = &task->next;
    flow->count++;
    q->count++;
    return true;
}

static struct fair_queue_class *next_class(struct fair_queue *q)
{
    struct fair_queue_class *next = NULL;

    for (size_t i = 0; i < FAIR_QUEUE_CLASSES; i++) {
        struct fair_queue_class *class = &q->classes[i];
        if (class->turn && (!next || class->passed < next->passed))
            next = class;
    }
    return next;
}

struct task *fair_queue_take(struct fair_queue *q)
{
    struct fair_queue_class *class = next_class(q);

    if (!class)
        return NULL;
    struct fair_queue_flow *flow = class->turn;
    struct task *task = flow->first;
    q->passed = class->passed;
    class->passed += TURN / (class->weight > 0 ? class->weight : 1);
    class->turn = flow->next;
    flow->first = task->next;
    flow->count--;
    q->count--;
    if (flow->count > 0)
        line_up(q, flow);
    return task;
}
