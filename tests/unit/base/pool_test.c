/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

static atomic_int done;
static sem_t started, release;

static void count(struct task *task)
{
    (void)task;
    atomic_fetch_add(&done, 1);
}

static void block(struct task *task)
{
    sem_post(&started);
    while (sem_wait(&release) != 0)
        ;
    count(task);
}

static void all_tasks_run_before_the_end(void **state)
{
    static struct task tasks[1000];
    (void)state;
    atomic_store(&done, 0);
    struct pool *pool = pool_new("test", 3, 1000);
    assert_non_null(pool);
    for (size_t i = 0; i < 1000; i++) {
        tasks[i].run = count;
        assert_true(pool_submit(pool, &tasks[i]));
    }
    pool_free(pool);
    assert_int_equal(atomic_load(&done), 1000);
    pool_free(NULL);
}

static void a_full_queue_refuses(void **state)
{
    static struct task tasks[5] = {{.run = block}, {.run = block}, {.run = block}, {.run = block}, {.run = block}};
    (void)state;
    atomic_store(&done, 0);
    sem_init(&started, 0, 0);
    sem_init(&release, 0, 0);
    struct pool *pool = pool_new("a name that is longer than 15 bytes", 2, 2);
    assert_non_null(pool);
    /* Two run, on two threads at once, then two wait; the fifth is one too many. */
    for (size_t i = 0; i < 2; i++) {
        assert_true(pool_submit(pool, &tasks[i]));
        assert_int_equal(sem_wait(&started), 0);
    }
    assert_true(pool_submit(pool, &tasks[2]));
    assert_true(pool_submit(pool, &tasks[3]));
    assert_false(pool_submit(pool, &tasks[4]));
    for (size_t i = 0; i < 4; i++)
        sem_post(&release);
    pool_free(pool);
    assert_int_equal(atomic_load(&done), 4);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char order[8];

struct letter {
    struct task task;
    char letter;
};

static void write_letter(struct task *task)
{
    pthread_mutex_lock(&lock);
    order[strlen(order)] = ((struct letter *)task)->letter;
    pthread_mutex_unlock(&lock);
}

static void one_thread_keeps_the_order(void **state)
{
    static struct letter letters[] = {
        {{.run = write_letter}, 'a'}, {{.run = write_letter}, 'b'}, {{.run = write_letter}, 'c'}};
    (void)state;
    struct pool *pool = pool_new("one", 1, 10);
    assert_non_null(pool);
    for (size_t i = 0; i < 3; i++)
        assert_true(pool_submit(pool, &letters[i].task));
    pool_free(pool);
    assert_string_equal(order, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_tasks_run_before_the_end),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(one_thread_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
