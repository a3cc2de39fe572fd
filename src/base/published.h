/* SPDX-License-Identifier: Apache-2.0 */
/* An immutable value that every thread looks at and few replace: a snapshot. A value counts its references; each thread
 * that looks holds one to what it saw last, so that a look is one load, and the last thread that looks anew lets the
 * old value go.
 *
 *   published.current ──> value <── thread        (until that thread looks again)
 */
#ifndef COFFER_BASE_PUBLISHED_H
#define COFFER_BASE_PUBLISHED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* The first member of what is published. */
struct published_value {
    atomic_uint references;
    void (*free)(struct published_value *); /* after the last reference; NULL: a constant */
};

#define PUBLISHED_MOST 8 /* in the process */

struct published {
    unsigned number; /* below PUBLISHED_MOST, each its own */
    pthread_mutex_t mutex;
    _Atomic(struct published_value *) current;
};
#define PUBLISHED(number, first)                                                                                       \
    {                                                                                                                  \
        number, PTHREAD_MUTEX_INITIALIZER, first                                                                       \
    }

/* The newest value, borrowed: valid until this thread looks again, at this one. Takes no lock unless the value changed
 * since the thread's last look. */
const struct published_value *published_see(struct published *);
/* The same for whoever changes it, who must be one thread at a time or hold a lock of their own. */
struct published_value *published_newest(struct published *);
/* Puts another in its place, and takes over the caller's reference to it. In force for every published_see that begins
 * after. */
void published_swap(struct published *, struct published_value *);

void published_hold(const struct published_value *);
void published_release(const struct published_value *);

#endif
