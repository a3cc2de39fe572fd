/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fair_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 4000

static struct fair_queue queue;
static struct numbered {
    struct task task;
    unsigned flow, class, number;
} tasks[MANY];

static void begin(size_t limit)
{
    memset(&queue, 0, sizeof queue);
    fair_queue_init(&queue, limit);
}

static bool put_of(size_t i, unsigned flow, unsigned class, unsigned weight)
{
    tasks[i].flow = flow;
    tasks[i].class = class;
    tasks[i].number = (unsigned)i;
    return fair_queue_put(&queue, &tasks[i].task, &(struct fair_turn){.flow = flow, .class = class, .weight = weight});
}

static bool put(size_t i, unsigned flow)
{
    return put_of(i, flow, 0, 0);
}

static struct numbered *take(void)
{
    return (struct numbered *)(void *)fair_queue_take(&queue);
}

static void test_turns(void **state)
{
    (void)state;
    begin(MANY);
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
    begin(10);
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
    begin(MANY);
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

/* While classes wait they leave by their weights, however many flows and tasks each has. */
static void test_weights(void **state)
{
    static const unsigned weights[] = {100, 20, 5};
    unsigned left[3] = {0};
    (void)state;
    begin(MANY);
    for (size_t i = 0; i < 3000; i++)
        assert_true(put_of(i, (unsigned)(i % 3 ? i % 3 : 3 + i % 90), (unsigned)(i % 3), weights[i % 3]));
    for (size_t i = 0; i < 1000; i++)
        left[take()->class]++;
    for (size_t i = 0; i < 3; i++)
        assert_in_range(left[i], weights[i] * 1000 / 125 - 1, weights[i] * 1000 / 125 + 1);
}

/* A class that had nothing to do has saved up no turns, and one that had much is not held back for it. */
static void test_sleepers(void **state)
{
    unsigned left[3] = {0};
    (void)state;
    begin(MANY);
    for (size_t i = 0; i < 1000; i++)
        assert_true(put_of(i, 1, 1, 10));
    for (size_t i = 0; i < 900; i++)
        assert_int_equal(take()->class, 1);
    for (size_t i = 1000; i < 1100; i++)
        assert_true(put_of(i, 2, 2, 10));
    for (size_t i = 0; i < 100; i++)
        left[take()->class]++;
    assert_in_range(left[1], 49, 51);
    assert_in_range(left[2], 49, 51);
}

/* A weight counts from the next turn on; what is small, and none, is not for ever passed over. */
static void test_changed_weight(void **state)
{
    size_t turns = 0;
    (void)state;
    begin(MANY);
    assert_true(put_of(0, 1, 1, 0));
    for (size_t i = 1; i < 1000; i++)
        assert_true(put_of(i, 2, 2, 100));
    while (take()->class != 1)
        turns++;
    assert_in_range(turns, 0, 101);
    assert_true(put_of(1000, 1, 1, 1));
    for (turns = 0; take()->class != 1; turns++)
        assert_true(turns < 101);
    assert_in_range(turns, 50, 101);
}

/* Whatever the others' names: a task waits for its class's turn, never in a flow of another class, and is never refused
 * because another class is full. */
static void test_classes_are_apart(void **state)
{
    size_t turns = 0;
    (void)state;
    begin(1000);
    for (size_t i = 0; i < 1000; i++)
        assert_true(put_of(i, (unsigned)i, 1, 1));
    assert_false(put_of(1000, 1000, 1, 1));
    for (size_t i = 1000; i < 1500; i++)
        assert_true(put_of(i, (unsigned)i, 2, 100));
    while (take()->class != 2)
        turns++;
    assert_in_range(turns, 0, 1);
    for (size_t i = 1; i < 100; i++)
        turns += take()->class != 2;
    assert_in_range(turns, 0, 2);
}

/* When the counts come to their end, whoever waits goes on as before. */
static void test_end_of_numbers(void **state)
{
    unsigned left[3] = {0};
    (void)state;
    begin(MANY);
    queue.passed = UINT64_MAX - ((uint64_t)20 << 32);
    for (size_t i = 0; i < 2000; i++)
        assert_true(put_of(i, 1, (unsigned)(1 + i % 2), 1));
    for (size_t i = 0; i < 1000; i++)
        left[take()->class]++;
    assert_in_range(left[1], 499, 501);
    assert_true(put_of(2000, 1, 0, 1));
    for (left[0] = 0; take()->class != 0;)
        assert_true(++left[0] < 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_turns), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_random), cmocka_unit_test(test_weights), cmocka_unit_test(test_sleepers),
        cmocka_unit_test(test_changed_weight), cmocka_unit_test(test_classes_are_apart),
        cmocka_unit_test(test_end_of_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
