/* SPDX-License-Identifier: Apache-2.0 */
/* The hub of a loop: reads each new row once, opens it when a watch here wants it, and lends it to all of them.
 *
 *   commit ──notify──> hub turn: rows after position ──> window of opened events ──> http_resume of the watches they
 * concern
 *
 * A watch is *live* while it moves with the hub: it has seen every row up to the window's start that concerns it. One
 * that did not take its window before the next came is no longer live, and reads the log itself until it has caught up.
 * A window lives for its turn, and until the last piece lent from it was taken, then it is wiped. Everything here runs
 * on the loop's thread, but watch_hub_notify and watch_hub_count. */
#ifndef COFFER_SERVE_WATCH_HUB_H
#define COFFER_SERVE_WATCH_HUB_H

#include "serve/watch.h"
#include "serve/watch_event.h"

/* Opened events of one turn, oldest first. */
struct window {
    struct arena arena;
    struct event *first, *last;
    unsigned references; /* the hub's while it is the newest, and one for each piece lent from it */
};

/* What the hub knows of a watch. */
struct watch_member {
    struct event_filter filter;
    struct http_exchange *exchange;
    struct watch_member *next, **link;                 /* of its bucket */
    struct watch_member *resumed_next, **resumed_link; /* of those that have a window to take */
    bool resumed, live;
    bool ends;                 /* when it has read the log up to now */
    struct watch_right *right; /* NULL: it cannot be withdrawn */
    uint64_t rules, graph;     /* versions of RBAC and node graph when it was last looked at; rules UINT64_MAX: never */
    bool doubted;              /* who asks must be found out again */
    err_t withdrawn;           /* what watch_right_check said, once it was no more ERR_OK: the watch ends at once */
    struct window *window;     /* while live and resumed: what to take events from */
};

/* live, filter and exchange are set by the caller; a member that has read the log up to now sets live itself. False
 * without memory. */
MUST_CHECK bool watch_hub_join(struct watch_hub *, struct watch_member *);
void watch_hub_leave(struct watch_hub *, struct watch_member *);

/* Looks at the member's right again when rules or the graph of nodes have changed since, or who asks is doubted:
 * before it sends anything, for the hub comes to all members by and by. True: it has just been withdrawn. Not while
 * this thread holds a read transaction. */
bool watch_hub_judge(struct watch_member *);

/* The right of a member that asks for the same objects and is limited to the same names; NULL: none of the newest. */
const struct watch_right *watch_hub_alike(
    const struct watch_hub *, const struct event_filter *, const struct visible *);

/* Every row up to it was given out to live watches. */
uint64_t watch_hub_position(const struct watch_hub *);

/* The member took all of its window, or needs it no more. */
void watch_hub_took(struct watch_member *);

struct window *window_get(struct window *);
void window_put(struct window *);

#endif
