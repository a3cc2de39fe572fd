/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/fairness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct fairness fairness;

static void test_bound(void **state)
{
    uint64_t flow = fairness_flow(&fairness, BYTES("jane"));
    atomic_uint *entered = NULL;
    (void)state;
    for (size_t i = 0; i < FAIRNESS_MOST; i++)
        assert_non_null(entered = fairness_enter(&fairness, flow));
    assert_null(fairness_enter(&fairness, flow));
    assert_null(fairness_enter(&fairness, flow));
    assert_non_null(fairness_enter(&fairness, flow + 1));
    fairness_leave(entered);
    fairness_leave(NULL);
    assert_non_null(fairness_enter(&fairness, flow));
    assert_null(fairness_enter(&fairness, flow));
}

/* Names fall evenly, and elsewhere in each process. */
static void test_spread(void **state)
{
    static unsigned in[FAIRNESS_SUBJECTS];
    struct fairness other;
    size_t same = 0;
    (void)state;
    fairness_init(&other);
    for (unsigned i = 0; i < 10 * FAIRNESS_SUBJECTS; i++) {
        char name[64];
        int n = snprintf(name, sizeof name, "system:serviceaccount:team-%u:default", i);
        bytes user = {(const uint8_t *)name, (size_t)n};
        uint64_t flow = fairness_flow(&fairness, user) % FAIRNESS_SUBJECTS;
        assert_true(++in[flow] < 40);
        same += flow == fairness_flow(&other, user) % FAIRNESS_SUBJECTS;
    }
    assert_true(same < 200);
}

static int set_up(void **state)
{
    (void)state;
    fairness_init(&fairness);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_bound, set_up), cmocka_unit_test_setup(test_spread, set_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
