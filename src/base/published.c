/* SPDX-License-Identifier: Apache-2.0 */
#include "base/published.h"

#include "base/log.h"

static pthread_key_t at_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local struct published_value *seen[PUBLISHED_MOST];

void published_hold(const struct published_value *value)
{
    atomic_fetch_add_explicit(&((struct published_value *)(uintptr_t)value)->references, 1, memory_order_relaxed);
}

void published_release(const struct published_value *given)
{
    struct published_value *value = (struct published_value *)(uintptr_t)given;

    if (value && atomic_fetch_sub_explicit(&value->references, 1, memory_order_acq_rel) == 1 && value->free)
        value->free(value);
}

static void forget(void *all)
{
    struct published_value **values = all;

    for (unsigned i = 0; i < PUBLISHED_MOST; i++) {
        published_release(values[i]);
        values[i] = NULL;
    }
}

static void make_key(void)
{
    if (pthread_key_create(&at_exit, forget) != 0)
        log_event(LOG_WARNING, "snapshots cannot watch threads end");
}

const struct published_value *published_see(struct published *p)
{
    struct published_value *before = seen[p->number];

    if (before == atomic_load_explicit(&p->current, memory_order_acquire))
        return before;
    pthread_once(&once, make_key);
    pthread_mutex_lock(&p->mutex); /* so that it is not let go between the load and the reference */
    seen[p->number] = atomic_load(&p->current);
    published_hold(seen[p->number]);
    pthread_mutex_unlock(&p->mutex);
    published_release(before);
    (void)pthread_setspecific(at_exit, seen);
    return seen[p->number];
}

struct published_value *published_newest(struct published *p)
{
    return atomic_load_explicit(&p->current, memory_order_acquire);
}

void published_swap(struct published *p, struct published_value *value)
{
    struct published_value *old;

    pthread_mutex_lock(&p->mutex);
    old = atomic_exchange(&p->current, value);
    pthread_mutex_unlock(&p->mutex);
    published_release(old);
}
