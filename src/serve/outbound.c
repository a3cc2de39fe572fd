/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/outbound.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS      64
#define RUNNING_MOST 16 /* of one destination */
#define WAITING_MOST 512
#define QUEUE        4096

/* One that somebody runs for or waits for; it goes with the last of them. */
struct outbound_destination {
    struct outbound *outbound;
    struct outbound_destination *next;
    struct outbound_task *first, **end; /* that wait */
    size_t waiting, running;
    size_t n;
    uint8_t name[];
};

struct outbound {
    pthread_mutex_t mutex;
    struct outbound_destination *destinations; /* a few: those that are called right now */
    struct pool *pool;
    bool stopping;
};

struct outbound *outbound_new(void)
{
    struct outbound *outbound = calloc(1, sizeof *outbound);

    if (!outbound)
        return NULL;
    pthread_mutex_init(&outbound->mutex, NULL);
    outbound->pool = pool_new("outbound", THREADS, QUEUE);
    if (!outbound->pool) {
        outbound_free(outbound);
        return NULL;
    }
    return outbound;
}

/* Below, all static functions are called with the mutex held. */

static struct outbound_destination *find(struct outbound *outbound, bytes name)
{
    struct outbound_destination *d = outbound->destinations;

    while (d && !bytes_equal(name, (bytes){d->name, d->n}))
        d = d->next;
    if (d)
        return d;
    d = calloc(1, sizeof *d + name.n);
    if (!d)
        return NULL;
    *d = (struct outbound_destination){.outbound = outbound, .next = outbound->destinations, .n = name.n};
    memcpy(d->name, name.p, name.n);
    d->end = &d->first;
    return outbound->destinations = d;
}

static void forget(struct outbound *outbound, struct outbound_destination *d)
{
    struct outbound_destination **at = &outbound->destinations;

    if (d->running > 0 || d->waiting > 0)
        return;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    free(d);
}

static struct outbound_task *take_waiting(struct outbound_destination *d)
{
    struct outbound_task *t = d->first;

    if (!t)
        return NULL;
    d->first = t->next;
    if (!d->first)
        d->end = &d->first;
    d->waiting--;
    return t;
}

static void run(struct task *task);

static bool start(struct outbound_destination *d, struct outbound_task *t)
{
    t->task.run = run;
    if (d->outbound->stopping || !pool_submit(d->outbound->pool, &t->task))
        return false;
    d->running++;
    return true;
}

/* ---- */

/* A thread of the pool: the task, then the place that it held is the next one's. */
static void run(struct task *task)
{
    struct outbound_task *t = (struct outbound_task *)((char *)task - offsetof(struct outbound_task, task)), *next;
    struct outbound_destination *d = t->destination;
    struct outbound *outbound = d->outbound;

    t->run(t);
    pthread_mutex_lock(&outbound->mutex);
    while ((next = take_waiting(d)) && !start(d, next)) {
        pthread_mutex_unlock(&outbound->mutex);
        next->refuse(next);
        pthread_mutex_lock(&outbound->mutex);
    }
    d->running--; /* until here it kept the destination */
    forget(outbound, d);
    pthread_mutex_unlock(&outbound->mutex);
}

bool outbound_submit(struct outbound *outbound, bytes name, struct outbound_task *t)
{
    struct outbound_destination *d;
    bool accepted = false;

    pthread_mutex_lock(&outbound->mutex);
    d = find(outbound, name);
    if (d) {
        t->destination = d;
        t->next = NULL;
        if (d->running < RUNNING_MOST) {
            accepted = start(d, t);
        } else if (d->waiting < WAITING_MOST && !outbound->stopping) {
            *d->end = t;
            d->end = &t->next;
            d->waiting++;
            accepted = true;
        }
        forget(outbound, d);
    }
    pthread_mutex_unlock(&outbound->mutex);
    return accepted;
}

static struct outbound_task *take_any(struct outbound *outbound)
{
    for (struct outbound_destination *d = outbound->destinations; d; d = d->next)
        if (d->first)
            return take_waiting(d);
    return NULL;
}

void outbound_stop(struct outbound *outbound)
{
    struct outbound_task *t;

    if (!outbound->pool)
        return;
    pthread_mutex_lock(&outbound->mutex);
    outbound->stopping = true;
    while ((t = take_any(outbound))) {
        pthread_mutex_unlock(&outbound->mutex);
        t->refuse(t);
        pthread_mutex_lock(&outbound->mutex);
    }
    pthread_mutex_unlock(&outbound->mutex);
    pool_free(outbound->pool);
    outbound->pool = NULL;
}

void outbound_free(struct outbound *outbound)
{
    if (!outbound)
        return;
    outbound_stop(outbound);
    pthread_mutex_destroy(&outbound->mutex);
    free(outbound);
}
