/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fair_queue.h"

#define TURN        ((uint64_t)1 << 32) /* divided by weights */
#define PASSED_MOST ((uint64_t)1 << 63)

void fair_queue_init(struct fair_queue *q, size_t limit)
{
    q->limit = limit;
}

static void line_up(struct fair_queue_class *class, struct fair_queue_flow *flow)
{
    if (!class->turn)
        class->last = &class->turn;
    flow->next = NULL;
    *class->last = flow;
    class->last = &flow->next;
}

bool fair_queue_put(struct fair_queue *q, struct task *task, const struct fair_turn *turn)
{
    struct fair_queue_class *class = &q->classes[turn->class];
    struct fair_queue_flow *flow = &q->flows[turn->class][turn->flow % FAIR_QUEUE_FLOWS];

    if (class->count >= q->limit)
        return false;
    class->weight = turn->weight;
    if (class->count == 0 && class->passed < q->passed)
        class->passed = q->passed; /* a class that slept has saved up no turns */
    if (!flow->first) {
        flow->end = &flow->first;
        line_up(class, flow);
    }
    task->next = NULL;
    *flow->end = task;
    flow->end = &task->next;
    class->count++;
    q->count++;
    return true;
}

static struct fair_queue_class *next_class(struct fair_queue *q)
{
    struct fair_queue_class *next = NULL;

    for (size_t i = 0; i < FAIR_QUEUE_CLASSES; i++) {
        struct fair_queue_class *class = &q->classes[i];
        if (class->count > 0 && (!next || class->passed < next->passed))
            next = class;
    }
    return next;
}

/* Before the numbers come to their end, all are made smaller by as much as all classes that wait have passed. */
static void begin_anew(struct fair_queue *q)
{
    for (size_t i = 0; i < FAIR_QUEUE_CLASSES; i++) {
        struct fair_queue_class *class = &q->classes[i];
        class->passed -= class->passed < q->passed ? class->passed : q->passed;
    }
    q->passed = 0;
}

struct task *fair_queue_take(struct fair_queue *q)
{
    struct fair_queue_class *class = next_class(q);

    if (!class)
        return NULL;
    struct fair_queue_flow *flow = class->turn;
    struct task *task = flow->first;
    q->passed = class->passed;
    if (q->passed >= PASSED_MOST)
        begin_anew(q);
    class->passed += TURN / (class->weight > 0 ? class->weight : 1);
    class->turn = flow->next;
    flow->first = task->next;
    class->count--;
    q->count--;
    if (flow->first)
        line_up(class, flow);
    return task;
}
