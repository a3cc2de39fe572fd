/* SPDX-License-Identifier: Apache-2.0 */
/* Event loops: one thread each, epoll, timers, and a mailbox for other threads. Everything but loop_post and loops_stop is called on
 * the loop's own thread. */
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

/* One-shot; intrusive; 1 ms steps. */
struct timer {
    uint64_t due_ms;
    void (*fire)(struct timer *);
    struct timer *left, *right, *parent; /* the loop's; zero when not set */
    size_t heap_index;
};

MUST_CHECK struct loop *loop_new(unsigned number);
void loop_free(struct loop *);
/* Runs until loop_stop. Sets the thread-local current loop. */
void loop_run(struct loop *);
void loop_stop(struct loop *);   /* any thread */
struct loop *loop_current(void);
unsigned loop_number(const struct loop *);

MUST_CHECK bool loop_add(struct loop *, struct loop_fd *);
void loop_change(struct loop *, struct loop_fd *, uint32_t events);
void loop_remove(struct loop *, struct loop_fd *);

void timer_set(struct loop *, struct timer *, uint64_t after_ms);
void timer_cancel(struct loop *, struct timer *);
/* Read once a turn. */
uint64_t loop_now_ms(const struct loop *);

/* Runs the task on the loop's thread in its next turn. Any thread; tasks of one poster keep their order. */
void loop_post(struct loop *, struct task *);
/* Runs the task at the end of this turn, after all events: where answers are gathered. */
void loop_at_turn_end(struct loop *, struct task *);

#endif
