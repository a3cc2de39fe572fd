/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "net/wheel.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

struct probe {
    struct timer timer;
    uint64_t fired_ms;
    unsigned count;
};

static struct wheel wheel;

static void on_fire(struct timer *timer)
{
    struct probe *probe = (struct probe *)timer;
    assert_true(wheel.now_ms >= timer->due_ms);
    probe->fired_ms = wheel.now_ms;
    probe->count++;
}

/* Every delay fires in its millisecond, whatever the steps in which time goes on. */
static void timers_fire_when_due(void **state)
{
    static const uint64_t delays[] = {
        1, 2, 63, 64, 65, 100, 4095, 4096, 4097, 10000, 262143, 262144, 300000, 16777215, 16777216, 50000000};
    static const uint64_t starts[] = {0, 1, 63, 64, 4095, 1234567, 16777215};
    (void)state;
    for (size_t s = 0; s < ARRAY_LEN(starts); s++) {
        struct probe probes[ARRAY_LEN(delays)] = {0};
        wheel = (struct wheel){.now_ms = starts[s]};
        for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
            probes[i].timer.fire = on_fire;
            wheel_set(&wheel, &probes[i].timer, starts[s] + delays[i]);
        }
        for (uint64_t at; (at = wheel_next(&wheel)) != UINT64_MAX;)
            wheel_advance(&wheel, at);
        for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
            assert_int_equal(probes[i].count, 1);
            assert_int_equal(probes[i].fired_ms, starts[s] + delays[i]);
        }
    }
}

static void timers_move_and_end(void **state)
{
    struct probe later = {.timer.fire = on_fire}, sooner = {.timer.fire = on_fire}, never = {.timer.fire = on_fire};
    (void)state;
    wheel = (struct wheel){.now_ms = 1000};
    wheel_set(&wheel, &later.timer, 1010);
    wheel_set(&wheel, &sooner.timer, 9000);
    wheel_set(&wheel, &never.timer, 1010);
    wheel_set(&wheel, &later.timer, 5000);
    wheel_set(&wheel, &sooner.timer, 1020);
    wheel_cancel(&never.timer);
    wheel_cancel(&never.timer);
    wheel_advance(&wheel, 4999);
    assert_int_equal(later.count, 0);
    assert_int_equal(sooner.count, 1);
    wheel_advance(&wheel, 60000);
    assert_int_equal(later.count, 1);
    assert_int_equal(later.fired_ms, 5000);
    assert_int_equal(never.count, 0);
    assert_true(wheel_next(&wheel) == UINT64_MAX);
}

/* Against a plain model: random sets, cancels and steps. */
static void timers_against_model(void **state)
{
    enum { N = 200 };
    static struct probe probes[N];
    uint64_t due[N] = {0};
    unsigned expected[N] = {0};
    unsigned seed = 1;
    (void)state;
    wheel = (struct wheel){.now_ms = 77};
    for (int i = 0; i < N; i++)
        probes[i] = (struct probe){.timer.fire = on_fire};
    for (int step = 0; step < 20000; step++) {
        int i = rand_r(&seed) % N, what = rand_r(&seed) % 8;
        if (what < 4) {
            due[i] = wheel.now_ms + 1 + (uint64_t)rand_r(&seed) % (what == 0 ? 300000 : 200);
            wheel_set(&wheel, &probes[i].timer, due[i]);
        } else if (what == 4) {
            due[i] = 0;
            wheel_cancel(&probes[i].timer);
        } else {
            uint64_t now = wheel.now_ms + (uint64_t)rand_r(&seed) % 150;
            wheel_advance(&wheel, now);
            for (int j = 0; j < N; j++)
                if (due[j] && due[j] <= now)
                    expected[j]++, due[j] = 0;
            for (int j = 0; j < N; j++)
                assert_int_equal(probes[j].count, expected[j]);
        }
    }
}

struct step {
    struct task task;
    struct loop *loop;
    int number, *next, seen;
};

static void record(struct task *task)
{
    struct step *step = (struct step *)task;
    step->seen = (*step->next)++;
}

static void record_and_set_end(struct task *task)
{
    struct step *step = (struct step *)task;
    record(task);
    loop_at_turn_end(step->loop, &(step + 1)->task);
}

static void turn_order(void **state)
{
    struct loop *loop = loop_new(3);
    int next = 0;
    struct step steps[4];
    (void)state;
    assert_non_null(loop);
    for (int i = 0; i < 4; i++)
        steps[i] = (struct step){.task.run = record, .loop = loop, .next = &next};
    steps[1].task.run = record_and_set_end; /* sets steps[2] */
    loop_at_turn_close(loop, &steps[3].task);
    loop_at_turn_end(loop, &steps[1].task);
    loop_post(loop, &steps[0].task);
    loop_turn(loop, true);
    for (int i = 0; i < 4; i++)
        assert_int_equal(steps[i].seen, i);
    assert_int_equal(loop_number(loop), 3);
    loop_free(loop);
}

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

enum { POSTERS = 4, POSTS = 5000 };

struct post {
    struct task task;
    int poster, number;
};

static struct loop *shared;
static int last_seen[POSTERS];
static atomic_int received;

static void on_post(struct task *task)
{
    struct post *post = (struct post *)task;
    assert_ptr_equal(loop_current(), shared);
    assert_int_equal(last_seen[post->poster]++, post->number);
    free(post);
    if (atomic_fetch_add(&received, 1) + 1 == POSTERS * POSTS)
        loop_stop(shared);
}

static void *poster(void *number)
{
    for (int i = 0; i < POSTS; i++) {
        struct post *post = malloc(sizeof *post);
        assert_non_null(post);
        *post = (struct post){.task.run = on_post, .poster = (int)(intptr_t)number, .number = i};
        loop_post(shared, &post->task);
    }
    return NULL;
}

/* From many threads: none is lost, each poster's order is kept, and the loop always wakes. */
static void mailbox(void **state)
{
    pthread_t threads[POSTERS], runner;
    (void)state;
    shared = loop_new(0);
    assert_non_null(shared);
    assert_int_equal(pthread_create(&runner, NULL, run_loop, shared), 0);
    for (intptr_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, poster, (void *)i), 0);
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    pthread_join(runner, NULL);
    assert_int_equal(received, POSTERS * POSTS);
    loop_free(shared);
}

struct end {
    struct loop_fd fd;
    struct end *other;
    int ready;
};

static struct loop *pipe_loop;

static void on_ready(struct loop_fd *fd, uint32_t events)
{
    struct end *end = (struct end *)fd;
    assert_true(events & EPOLLIN);
    end->ready++;
    loop_remove(pipe_loop, &end->other->fd);
}

/* Two descriptors are ready in one turn; the first handler removes the other, which may be freed memory by then. */
static void removed_in_the_same_turn(void **state)
{
    int fds[2][2];
    struct end ends[2] = {0};
    (void)state;
    pipe_loop = loop_new(0);
    assert_non_null(pipe_loop);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(fds[i]), 0);
        ends[i] = (struct end){.fd = {fds[i][0], EPOLLIN, on_ready}, .other = &ends[!i]};
        assert_true(loop_add(pipe_loop, &ends[i].fd));
        assert_int_equal(write(fds[i][1], "x", 1), 1);
    }
    loop_turn(pipe_loop, true);
    assert_int_equal(ends[0].ready + ends[1].ready, 1);
    loop_free(pipe_loop);
    for (int i = 0; i < 4; i++)
        close(fds[i / 2][i % 2]);
}

static struct end removed;

static void count_ready(struct loop_fd *fd, uint32_t events)
{
    (void)events;
    ((struct end *)fd)->ready++;
}

static void on_expired(struct timer *timer)
{
    struct probe *probe = (struct probe *)timer;
    probe->count++;
    loop_remove(pipe_loop, &removed.fd);
}

/* A timer comes before the events of its turn, whose number is the same as the turn's before. */
static void removed_by_a_timer(void **state)
{
    int fds[2];
    struct probe probe = {.timer.fire = on_expired};
    (void)state;
    pipe_loop = loop_new(0);
    assert_non_null(pipe_loop);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    removed.fd = (struct loop_fd){fds[0], EPOLLIN, count_ready};
    assert_true(loop_add(pipe_loop, &removed.fd));
    loop_turn(pipe_loop, true);
    assert_int_equal(removed.ready, 1);
    timer_set(pipe_loop, &probe.timer, 1);
    for (uint64_t due = probe.timer.due_ms; clock_monotonic_ms() < due;)
        ;
    loop_turn(pipe_loop, true);
    assert_int_equal(probe.count, 1);
    assert_int_equal(removed.ready, 1);
    loop_free(pipe_loop);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_when_due),
        cmocka_unit_test(timers_move_and_end),
        cmocka_unit_test(timers_against_model),
        cmocka_unit_test(turn_order),
        cmocka_unit_test(mailbox),
        cmocka_unit_test(removed_in_the_same_turn),
        cmocka_unit_test(removed_by_a_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
