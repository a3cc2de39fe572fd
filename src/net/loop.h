/* SPDX-License-Identifier: Apache-2.0 */
/* Event loops: one thread each, epoll, timers, and a mailbox for other threads. Everything but loop_post and loop_stop
 * is called on the loop's own thread, or before its thread runs.
 *
 * A turn:  wait ─> ready() of descriptors ─> timers ─> mailbox ─> turn-end tasks ─> closing tasks */
#ifndef COFFER_NET_LOOP_H
#define COFFER_NET_LOOP_H

#include "base/pool.h"

struct loop;

/* A descriptor under watch. ready is called with EPOLLIN, EPOLLOUT... bits. Level-triggered. */
struct loop_fd {
    int fd;
    uint32_t events;
    void (*ready)(struct loop_fd *, uint32_t events);
};

/* One-shot; intrusive; 1 ms steps. Zero but for fire when new. */
struct timer {
    uint64_t due_ms;
    void (*fire)(struct timer *);
    uint64_t visit_ms; /* the loop's: the wheel looks at it then, not after due_ms */
    struct timer *next, **link;
};

MUST_CHECK struct loop *loop_new(unsigned number);
void loop_free(struct loop *);
/* Runs until loop_stop. Sets the thread-local current loop. */
void loop_run(struct loop *);
/* One turn, which waits for an event when wait is set: for tests. */
void loop_turn(struct loop *, bool wait);
void loop_stop(struct loop *); /* any thread */
struct loop *loop_current(void);
unsigned loop_number(const struct loop *);

/* False with errno set. Any thread may add; a descriptor may be in several loops by EPOLLEXCLUSIVE, with a loop_fd for
 * each. */
MUST_CHECK bool loop_add(struct loop *, struct loop_fd *);
/* False with errno set: the watch is as it was. */
bool loop_change(struct loop *, struct loop_fd *, uint32_t events);
/* ready is not called any more, also not for an event of this turn: the owner may free it. */
void loop_remove(struct loop *, struct loop_fd *);

/* Setting a timer again to a later time costs a store: it may be done for every request. */
void timer_set(struct loop *, struct timer *, uint64_t after_ms);
void timer_cancel(struct loop *, struct timer *);
/* Read once a turn. */
uint64_t loop_now_ms(const struct loop *);

/* Runs the task on the loop's thread in its next turn. Any thread; tasks of one poster keep their order. */
void loop_post(struct loop *, struct task *);
/* Runs the task at the end of this turn, after all events: where answers are gathered. */
void loop_at_turn_end(struct loop *, struct task *);
/* Runs the task after all turn-end tasks: where what was gathered is sent. Set by a closing task: in the next turn, at
 * once. */
void loop_at_turn_close(struct loop *, struct task *);

#endif
