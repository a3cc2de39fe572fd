/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded pool of threads for work that may block, run first come first served. Threads start on first need. */
#ifndef COFFER_BASE_POOL_H
#define COFFER_BASE_POOL_H

#include "base/error.h"

/* Intrusive: lives in its owner until run was called. */
struct task {
    struct task *next;
    void (*run)(struct task *);
};

struct pool;

/* name shows in ps and /proc (15 bytes at most). At most `threads` threads and `queue_limit` waiting tasks. */
MUST_CHECK struct pool *pool_new(const char *name, unsigned threads, size_t queue_limit);
/* False when the queue is full: answer 429. Any thread. */
MUST_CHECK bool pool_submit(struct pool *, struct task *);
/* Runs what is queued, then ends and joins the threads. */
void pool_free(struct pool *);

#endif
