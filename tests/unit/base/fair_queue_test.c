/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fair_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define MANY 4000

static struct fair_queue queue;
static struct numbered {
    struct task task;
    unsigned flow, number;
} tasks[MANY];

static bool put(size_t i, unsigned flow)
{
    tasks[i].flow = flow;
    tasks[i].number = (unsigned)i;
    return fair_queue_put(&queue, &tasks[i].task, flow);
}

static struct numbered *take(void)
{
    return (struct numbered *)(void *)fair_queue_take(&queue);
}

static void test_turns(void **state)
{
    (void)state;
    fair_queue_init(&queue, MANY);
    for (size_t i = 0; i < 1000; i++)
        assert_true(put(i, 7));
    assert_int_equal(take()->flow, 7);
    assert_true(put(1000, 8));
    assert_true(put(1001, 8));
    assert_true(put(1002, 9));
    static const unsigned wanted[] = {7, 8, 9, 7, 8, 7, 7};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_int_equal(take()->flow, wanted[i]);
    assert_int_equal(queue.count, 1003 - 8);
}

static void test_bounds(void **state)
{
    (void)state;
    fair_queue_init(&queue, 10);
    for (size_t i = 0; i < 10; i++)
        assert_true(put(i, i < 7 ? 1 : 2));
    assert_false(put(10, 3));
    assert_non_null(take());
    assert_true(put(10, 3));
    for (size_t i = 0; i < 10; i++)
        assert_non_null(take());
    assert_null(take());
    assert_true(put(0, 1));
    assert_non_null(take());
    assert_null(take());
}

/* What comes out is what went in, each flow in its order, and no flow that waits is passed over twice. */
static void test_random(void **state)
{
    unsigned waiting[5] = {0}, newest[5] = {0}, passed[5] = {0}, in = 0, out = 0;
    (void)state;
    srandom(1);
    fair_queue_init(&queue, MANY);
    while (out < MANY) {
        if (in < MANY && (random() % 2 || queue.count == 0)) {
            unsigned flow = (unsigned)(random() % 3 ? 0 : random() % 5);
            assert_true(put(in++, flow));
            waiting[flow]++;
            continue;
        }
        struct numbered *got = take();
        assert_true(newest[got->flow] == 0 || got->number > newest[got->flow]);
        newest[got->flow] = got->number;
        waiting[got->flow]--;
        passed[got->flow] = 0;
        for (unsigned i = 0; i < 5; i++)
            if (i != got->flow && waiting[i] > 0)
                assert_true(++passed[i] <= 5);
        out++;
    }
    assert_null(take());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns), cmocka_unit_test(test_bounds), cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
