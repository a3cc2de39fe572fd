/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded pool of threads for work that may block; classes and flows of tasks take turns (fair_queue.h). Threads
 * start on first need. */
#ifndef COFFER_BASE_POOL_H
#define COFFER_BASE_POOL_H

#include "base/error.h"
#include "base/fair_queue.h"

struct pool;

/* name shows in ps and /proc (15 bytes at most). At most `threads` threads and `queue_limit` waiting tasks. */
MUST_CHECK struct pool *pool_new(const char *name, unsigned threads, size_t queue_limit);
/* First come first served. False when it is full: answer 429. Any thread. */
MUST_CHECK bool pool_submit(struct pool *, struct task *);
/* The same, among others whose turns these are. */
MUST_CHECK bool pool_submit_turn(struct pool *, struct task *, const struct fair_turn *);
/* Runs what is queued, then ends and joins the threads. */
void pool_free(struct pool *);

#endif
