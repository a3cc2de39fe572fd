/* SPDX-License-Identifier: Apache-2.0 */
#include "api/quantity.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What apimachinery 0.34.4's ParseQuantity and String give. */
static void reads_and_writes_as_upstream(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"0", "0"},
        {"-0", "0"},
        {"+", "0"},
        {".", "0"},
        {"m", "0"},
        {"Ti", "0"},
        {"0Pi", "0"},
        {"E", "0"},
        {"0.000", "0"},
        {"1", "1"},
        {"+1", "+1"},
        {"01", "01"},
        {"1.", "1."},
        {"1.Ki", "1.Ki"},
        {"0129Mi", "0129Mi"},
        {" 5\t", "5"},
        {"100m", "100m"},
        {"0.1", "100m"},
        {".5", "500m"},
        {"1.5", "1500m"},
        {"1.123", "1.123"},
        {"1.1230", "1123m"},
        {"1000m", "1"},
        {"1000", "1k"},
        {"1000k", "1M"},
        {"1500k", "1500k"},
        {"1000E", "1000E"}, /* ours: upstream loses the power and writes 1 */
        {"1e3", "1e3"},
        {"1E3", "1E3"},
        {"1e2", "100"},
        {"1e+3", "1e+3"},
        {"1e4", "10e3"},
        {"1000e3", "1e6"},
        {"1e-2", "10e-3"},
        {"140e-5", "1400e-6"},
        {"1e27", "1e27"},
        {"1024", "1024"},
        {"1Ki", "1Ki"},
        {"1024Ki", "1Mi"},
        {"1028Ki", "1028Ki"},
        {"1.5Gi", "1536Mi"},
        {"-1.5Gi", "-1536Mi"},
        {"0.5Ki", "512"},
        {"0.5Mi", "512Ki"},
        {"1.1Ki", "1126400m"},
        {"8Ei", "9223372036854775807"},
        {"-8Ei", "-9223372036854775807"},
        {"7Ei", "7Ei"},
        {"99999999999999999999Ki", "9223372036854775807"},
        {"0.0000000001", "1n"},
        {"-0.0000000001", "-1n"},
        {"1.0000000001", "1000000001n"},
        {"0.1n", "1n"},
        {"1e-1000", "1e-9"},
        {"0e100", "0"},
        {"0.0000000000000000000000000000001Ki", "1n"},
        {"12345678901234567890", "12345678901234567890"},
        {"9223372036854775807.999999999999", "9223372036854775808"},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quantity q;
        assert_null(quantity_fault(bytes_of(cases[i].in)));
        assert_true(quantity_parse(bytes_of(cases[i].in), &q));
        assert_string_equal((const char *)quantity_text(&arena, &q).p, cases[i].out);
    }
    arena_reset(&arena);
}

static void refuses_as_upstream(void **state)
{
#define FORMAT  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
#define SUFFIX  "unable to parse quantity's suffix"
#define NUMERIC "unable to parse numeric part of quantity"
    static const struct {
        const char *in, *fault;
    } cases[] = {
        {"", FORMAT},
        {" ", FORMAT},
        {"1.2.3", FORMAT},
        {"1x", FORMAT},
        {"--1", SUFFIX},
        {"1 m", FORMAT},
        {"1Ki1x", FORMAT},
        {"e", SUFFIX},
        {"1e", SUFFIX},
        {"1e-", SUFFIX},
        {"1k5", SUFFIX},
        {"1KI", FORMAT},
        {"1ki", SUFFIX},
        {"1mm", SUFFIX},
        {"1Ee", SUFFIX},
        {"Pi", NUMERIC},
        {"+Ei", NUMERIC},
        {"1e28", NUMERIC}, /* ours: upstream goes on */
        {"-1e28", NUMERIC},
        {"1e2147483647", NUMERIC},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quantity q = {.nano = 7};
        assert_string_equal(quantity_fault(bytes_of(cases[i].in)), cases[i].fault);
        assert_false(quantity_parse(bytes_of(cases[i].in), &q));
        assert_true(q.nano == 7);
    }
}

static struct quantity quantity_of(const char *text)
{
    struct quantity q;
    assert_true(quantity_parse(bytes_of(text), &q));
    return q;
}

static void compares_by_value(void **state)
{
    static const struct {
        const char *a, *b;
        int order;
    } cases[] = {
        {"1", "1000m", 0},
        {"1Ki", "1024", 0},
        {"1e3", "1k", 0},
        {"1", "1Ki", -1},
        {"1", "-1Ei", 1},
        {"0.0000000001", "0", 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quantity a = quantity_of(cases[i].a), b = quantity_of(cases[i].b);
        assert_int_equal(quantity_compare(&a, &b), cases[i].order);
        assert_int_equal(quantity_compare(&b, &a), -cases[i].order);
    }
}

static void adds_and_keeps_the_format(void **state)
{
    static const struct {
        const char *a, *b, *sum;
    } cases[] = {
        {"1.123", "1.877", "3"},
        {"0", "1Ki", "1Ki"},
        {"1Ki", "1", "1025"},
        {"1Mi", "1k", "1049576"},
        {"1Gi", "1Gi", "2Gi"},
        {"500Mi", "524Mi", "1Gi"},
        {"1e3", "1", "1001"},
        {"7Ei", "7Ei", "14Ei"},
        {"2", "-2Ki", "-2046"},
    };
    struct arena arena;
    struct quantity large = quantity_of("9e27"), before = large;
    (void)state;
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct quantity a = quantity_of(cases[i].a), b = quantity_of(cases[i].b);
        assert_true(quantity_add(&a, &b));
        assert_string_equal((const char *)quantity_text(&arena, &a).p, cases[i].sum);
    }
    arena_reset(&arena);
    assert_false(quantity_add(&large, &before));
    assert_int_equal(quantity_compare(&large, &before), 0);
    arena_init(&arena, 0);
    assert_null(quantity_text(&arena, &large).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_as_upstream),
        cmocka_unit_test(refuses_as_upstream),
        cmocka_unit_test(compares_by_value),
        cmocka_unit_test(adds_and_keeps_the_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
