/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fair_queue.h"

void fair_queue_init(struct fair_queue *q, size_t limit)
{
    *q = (struct fair_queue){.limit = limit};
    q->last = &q->turn;
}

static void line_up(struct fair_queue *q, struct fair_queue_flow *flow)
{
    flow->next = NULL;
    *q->last = flow;
    q->last = &flow->next;
}

bool fair_queue_put(struct fair_queue *q, struct task *task, uint64_t number)
{
    struct fair_queue_flow *flow = &q->flows[number % FAIR_QUEUE_FLOWS];

    if (q->count >= q->limit)
        return false;
    if (flow->count == 0) {
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

struct task *fair_queue_take(struct fair_queue *q)
{
    struct fair_queue_flow *flow = q->turn;

    if (!flow)
        return NULL;
    struct task *task = flow->first;
    q->turn = flow->next;
    if (!q->turn)
        q->last = &q->turn;
    flow->first = task->next;
    flow->count--;
    q->count--;
    if (flow->count > 0)
        line_up(q, flow);
    return task;
}
