/* SPDX-License-Identifier: Apache-2.0 */
/* Work that waits for other machines: a pool of threads of its own, so that no commit ever waits behind it, and a bound
 * for each destination, so that one that is slow holds up nobody but its own callers.
 *
 *   submit ──> destination: RUNNING_MOST at once ──> pool
 *                 └─ WAITING_MOST more wait ─┘   above: refused (429)
 *
 * Any thread. */
#ifndef COFFER_SERVE_OUTBOUND_H
#define COFFER_SERVE_OUTBOUND_H

#include "base/pool.h"

struct outbound;
struct outbound_destination;

/* Intrusive: lives in its owner until run or refuse was called. */
struct outbound_task {
    void (*run)(struct outbound_task *);    /* on a thread of the pool; the task may be gone when it returns */
    void (*refuse)(struct outbound_task *); /* instead, on any thread: it waited, and the pool ended */
    struct outbound_destination *destination;
    struct outbound_task *next;
    struct task task;
};

MUST_CHECK struct outbound *outbound_new(void);
/* The name says whose bound it is: "host:port". False: as many wait for it as may, or there is no memory; neither
 * function will be called. */
MUST_CHECK bool outbound_submit(struct outbound *, bytes name, struct outbound_task *);
/* Runs what the pool has taken on, refuses what waits and what comes later, joins the threads. */
void outbound_stop(struct outbound *);
/* Stops too. Accepts NULL. */
void outbound_free(struct outbound *);

#endif
