/* SPDX-License-Identifier: Apache-2.0 */
#include "control/work_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static bytes key_of(const struct work *work)
{
    return (bytes){work->key, work->length};
}

static void test_order_of_times(void **state)
{
    struct work_queue q = {0};
    char key[16];
    uint64_t last = 0;
    unsigned taken = 0;
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%u", i);
        assert_true(work_add(&q, bytes_of(key), i * 7919 % 1000));
    }
    assert_int_equal(work_next_ms(&q), 0);
    assert_null(work_take(&(struct work_queue){0}, 5));
    for (struct work *work; (work = work_take(&q, 499)); taken++) {
        assert_true(work->due_ms >= last);
        last = work->due_ms;
        work_done(&q, work);
    }
    assert_int_equal(taken, 500);
    assert_int_equal(work_next_ms(&q), 500);
    work_queue_free(&q);
}

static void test_each_key_once_at_the_soonest(void **state)
{
    struct work_queue q = {0};
    (void)state;
    assert_true(work_add(&q, BYTES("a"), 50));
    assert_true(work_add(&q, BYTES("b"), 20));
    assert_true(work_add(&q, BYTES("a"), 10));
    assert_true(work_add(&q, BYTES("a"), 90));
    struct work *a = work_take(&q, 10);
    assert_true(bytes_equal(key_of(a), BYTES("a")));
    work_done(&q, a);
    struct work *b = work_take(&q, 100);
    assert_true(bytes_equal(key_of(b), BYTES("b")));
    work_done(&q, b);
    assert_null(work_take(&q, 1000));
    assert_int_equal(work_next_ms(&q), UINT64_MAX);
    work_queue_free(&q);
}

/* What is asked for while it is worked on is not lost. */
static void test_added_while_taken(void **state)
{
    struct work_queue q = {0};
    (void)state;
    assert_true(work_add(&q, BYTES("a"), 1));
    struct work *a = work_take(&q, 1);
    assert_true(work_add(&q, BYTES("a"), 30));
    assert_true(work_add(&q, BYTES("a"), 20));
    assert_null(work_take(&q, 100)); /* never twice at a time */
    work_done(&q, a);
    assert_int_equal(work_next_ms(&q), 20);
    a = work_take(&q, 20);
    a->failures = 3;
    assert_true(work_add(&q, BYTES("a"), 25));
    work_again(&q, a, 500);
    assert_int_equal(work_next_ms(&q), 25);
    a = work_take(&q, 25);
    assert_int_equal(a->failures, 3);
    work_again(&q, a, 500);
    assert_int_equal(work_next_ms(&q), 500);
    work_queue_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order_of_times),
        cmocka_unit_test(test_each_key_once_at_the_soonest), cmocka_unit_test(test_added_while_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
