/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include "base/clock.h"
#include "net/wheel.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A turn. Its answers are sent at its end, and clients shall not all wait for the last request. */
#define EVENTS_MAX 16

struct task_list {
    struct task *first, **last;
};

struct loop {
    int epoll;
    unsigned number;
    struct loop_fd wake;
    atomic_bool stopped;
    _Atomic(struct task *) mailbox; /* newest first */
    struct wheel wheel;
    struct task_list turn_end, turn_close;
    int event_next, event_count;
    struct epoll_event events[EVENTS_MAX];
};

static _Thread_local struct loop *current;

static void list_clear(struct task_list *list)
{
    list->first = NULL;
    list->last = &list->first;
}

static void list_add(struct task_list *list, struct task *task)
{
    task->next = NULL;
    *list->last = task;
    list->last = &task->next;
}

static struct task *list_take(struct task_list *list)
{
    struct task *task = list->first;
    list->first = task->next;
    if (!list->first)
        list->last = &list->first;
    return task;
}

/* A poster wakes the loop only when it finds the mailbox empty, so the descriptor is emptied before the mailbox is. */
static void mailbox_ready(struct loop_fd *fd, uint32_t events)
{
    (void)events;
    struct loop *loop = (struct loop *)((char *)fd - offsetof(struct loop, wake));
    eventfd_t count;
    (void)!eventfd_read(fd->fd, &count);
    struct task *newest = atomic_exchange(&loop->mailbox, NULL), *oldest = NULL;
    while (newest) {
        struct task *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct task *task = oldest;
        oldest = task->next;
        task->run(task);
    }
}

void loop_post(struct loop *loop, struct task *task)
{
    struct task *head = atomic_load(&loop->mailbox);
    do
        task->next = head;
    while (!atomic_compare_exchange_weak(&loop->mailbox, &head, task));
    if (!head)
        (void)!eventfd_write(loop->wake.fd, 1);
}

struct loop *loop_new(unsigned number)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->number = number;
    list_clear(&loop->turn_end);
    list_clear(&loop->turn_close);
    loop->wheel.now_ms = clock_monotonic_ms();
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = (struct loop_fd){eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), EPOLLIN, mailbox_ready};
    if (loop->epoll < 0 || loop->wake.fd < 0 || !loop_add(loop, &loop->wake)) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    if (loop->epoll >= 0)
        close(loop->epoll);
    if (loop->wake.fd >= 0)
        close(loop->wake.fd);
    free(loop);
}

struct loop *loop_current(void)
{
    return current;
}

unsigned loop_number(const struct loop *loop)
{
    return loop->number;
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return loop->wheel.now_ms;
}

bool loop_add(struct loop *loop, struct loop_fd *fd)
{
    struct epoll_event event = {.events = fd->events, .data.ptr = fd};
    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd->fd, &event) == 0;
}

bool loop_change(struct loop *loop, struct loop_fd *fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = fd};
    if (events == fd->events)
        return true;
    if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd->fd, &event) != 0)
        return false;
    fd->events = events;
    return true;
}

void loop_remove(struct loop *loop, struct loop_fd *fd)
{
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd->fd, NULL);
    for (int i = loop->event_next; i < loop->event_count; i++)
        if (loop->events[i].data.ptr == fd)
            loop->events[i].data.ptr = NULL;
}

void timer_set(struct loop *loop, struct timer *timer, uint64_t after_ms)
{
    wheel_set(&loop->wheel, timer, loop->wheel.now_ms + after_ms);
}

void timer_cancel(struct loop *loop, struct timer *timer)
{
    (void)loop;
    wheel_cancel(timer);
}

void loop_at_turn_end(struct loop *loop, struct task *task)
{
    list_add(&loop->turn_end, task);
}

void loop_at_turn_close(struct loop *loop, struct task *task)
{
    list_add(&loop->turn_close, task);
}

static void list_run(struct task_list *list)
{
    while (list->first) {
        struct task *task = list_take(list);
        task->run(task);
    }
}

/* Closing tasks see all turn-end tasks done, also those which they set themselves; closing tasks set by closing tasks
 * wait a turn. */
static void turn_finish(struct loop *loop)
{
    do {
        struct task_list closing;
        list_run(&loop->turn_end);
        list_clear(&closing);
        if (loop->turn_close.first)
            closing = loop->turn_close;
        list_clear(&loop->turn_close);
        list_run(&closing);
    } while (loop->turn_end.first);
}

static int turn_timeout(const struct loop *loop)
{
    if (loop->turn_end.first || loop->turn_close.first)
        return 0;
    uint64_t next = wheel_next(&loop->wheel);
    if (next == UINT64_MAX)
        return -1;
    uint64_t now = clock_monotonic_ms();
    uint64_t left = next > now ? next - now : 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

void loop_turn(struct loop *loop, bool wait)
{
    struct loop *before = current;
    current = loop;
    int count = epoll_wait(loop->epoll, loop->events, EVENTS_MAX, wait ? turn_timeout(loop) : 0);
    loop->event_count = count > 0 ? count : 0;
    loop->event_next = 0; /* timers remove descriptors too, also of events that wait in this turn */
    uint64_t now = clock_monotonic_ms();
    wheel_advance(&loop->wheel, now);
    while (loop->event_next < loop->event_count) {
        const struct epoll_event *event = &loop->events[loop->event_next++];
        struct loop_fd *fd = event->data.ptr;
        if (fd)
            fd->ready(fd, event->events);
    }
    loop->event_count = 0;
    turn_finish(loop);
    current = before;
}

void loop_run(struct loop *loop)
{
    current = loop;
    while (!atomic_load(&loop->stopped))
        loop_turn(loop, true);
    mailbox_ready(&loop->wake, 0); /* what was posted before the stop */
    turn_finish(loop);
    current = NULL;
}

void loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopped, true);
    (void)!eventfd_write(loop->wake.fd, 1);
}
