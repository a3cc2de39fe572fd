/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/fairness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct fairness fairness;
static const struct flow_class jane = {
    .schema_uid = "s", .distinguisher = BYTES("jane"), .level = 3, .weight = 20, .most = 10, .flow_most = 4};

static enum fairness_result enter(const struct flow_class *class, struct fairness_place *ret)
{
    struct fair_turn turn = fairness_turn(&fairness, class);
    return fairness_enter(&fairness, class, &turn, ret);
}

static void test_bounds(void **state)
{
    struct flow_class joe = jane, elsewhere = jane, exempt = jane;
    struct fairness_place place, none = {0};
    (void)state;
    joe.distinguisher = BYTES("joe");
    elsewhere.level = 4;
    elsewhere.distinguisher = BYTES("jo");
    exempt.exempt = true;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(enter(&jane, &place), FAIRNESS_ENTERED);
    assert_int_equal(enter(&jane, &place), FAIRNESS_FLOW_FULL);
    assert_null(place.flow);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(enter(&joe, &place), FAIRNESS_ENTERED);
    fairness_leave(&none);
    assert_int_equal(enter(&joe, &none), FAIRNESS_FLOW_FULL);
    fairness_leave(&place);
    assert_int_equal(enter(&joe, &place), FAIRNESS_ENTERED); /* what was refused left nothing behind */
    assert_int_equal(enter(&elsewhere, &place), FAIRNESS_ENTERED);
    joe.most = 8;
    assert_int_equal(enter(&joe, &place), FAIRNESS_LEVEL_FULL);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(enter(&exempt, &place), FAIRNESS_ENTERED);
    assert_null(place.flow);
    assert_int_equal(atomic_load(&fairness.levels[3]), 8);
    assert_int_equal(atomic_load(&fairness.levels[4]), 1);
}

static uint64_t flow_of(const struct fairness *of, const char *name)
{
    struct flow_class class = jane;
    class.distinguisher = bytes_of(name);
    return fairness_turn(of, &class).flow % FAIRNESS_FLOWS;
}

/* What a level lets one flow have is counted apart from what another level's flows have. */
static void test_levels_are_apart(void **state)
{
    struct flow_class few = jane;
    struct fairness_place place;
    char name[32];
    (void)state;
    few.level = 5;
    few.flow_most = 1;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(enter(&jane, &place), FAIRNESS_ENTERED);
    for (unsigned i = 0; i < 100000; i++) {
        few.distinguisher = (bytes){(uint8_t *)name, (size_t)snprintf(name, sizeof name, "user-%u", i)};
        assert_int_equal(enter(&few, &place), FAIRNESS_ENTERED);
        fairness_leave(&place);
    }
}

/* Names fall evenly, and elsewhere in each process. */
static void test_spread(void **state)
{
    static unsigned in[FAIRNESS_FLOWS];
    struct fairness other;
    size_t same = 0;
    (void)state;
    fairness_init(&other);
    for (unsigned i = 0; i < 10 * FAIRNESS_FLOWS; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "system:serviceaccount:team-%u:default", i);
        uint64_t flow = flow_of(&fairness, name);
        assert_true(++in[flow] < 40);
        same += flow == flow_of(&other, name);
    }
    assert_true(same < 100); /* of 2560 by chance 10 */
}

static int set_up(void **state)
{
    (void)state;
    fairness_init(&fairness);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_bounds, set_up),
        cmocka_unit_test_setup(test_levels_are_apart, set_up), cmocka_unit_test_setup(test_spread, set_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
