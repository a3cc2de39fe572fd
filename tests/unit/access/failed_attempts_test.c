/* SPDX-License-Identifier: Apache-2.0 */
/* Failures by address, in virtual time. */
#include "access/failed_attempts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct failed_attempts attempts;

static int set_up(void **state)
{
    (void)state;
    memset(&attempts, 0, sizeof attempts);
    return pthread_mutex_init(&attempts.lock, NULL);
}

static struct failed_attempt fail_at(const char *address, uint64_t now_ms)
{
    struct failed_attempt got;
    failed_attempts_count(&attempts, address, now_ms, &got);
    return got;
}

static size_t passed(const char *address, uint64_t now_ms, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += !fail_at(address, now_ms).limited;
    return n;
}

static void test_bucket(void **state)
{
    (void)state;
    assert_int_equal(passed("192.0.2.1", 5000, 300), FAILED_ATTEMPTS_AT_ONCE);
    assert_int_equal(passed("192.0.2.1", 5999, 10), 0);
    assert_int_equal(passed("192.0.2.1", 6000, 10), 1);
    assert_int_equal(passed("192.0.2.1", 16000, 20), 10);
    assert_int_equal(passed("192.0.2.1", 10000000, 300), FAILED_ATTEMPTS_AT_ONCE);
    assert_int_equal(passed("192.0.2.2", 5000, 300), FAILED_ATTEMPTS_AT_ONCE);
}

static void test_addresses(void **state)
{
    (void)state;
    passed("192.0.2.1", 0, 300);
    assert_true(fail_at("::ffff:192.0.2.1", 0).limited);
    passed("2001:db8:1:2::1", 0, 300);
    assert_true(fail_at("2001:db8:1:2:ffff:ffff:ffff:ffff", 0).limited);
    assert_false(fail_at("2001:db8:1:3::1", 0).limited);
    assert_false(fail_at("::1", 0).limited);
    assert_false(fail_at("no address", 0).limited);
}

/* More addresses than there is room for: those that fail most stay known. */
static void test_full_table(void **state)
{
    char address[32];
    (void)state;
    passed("192.0.2.1", 0, 300);
    for (unsigned i = 0; i < 60000; i++) {
        snprintf(address, sizeof address, "10.%u.%u.1", i >> 8, i & 255);
        assert_false(fail_at(address, 0).limited);
    }
    assert_true(fail_at("192.0.2.1", 0).limited);
}

static void test_lines(void **state)
{
    size_t told = 0;
    (void)state;
    for (int i = 0; i < 100; i++)
        told += fail_at("192.0.2.1", 1500).tell;
    assert_int_equal(told, FAILED_ATTEMPTS_LINES);
    struct failed_attempt next = fail_at("192.0.2.9", 2000);
    assert_true(next.tell);
    assert_int_equal(next.untold, 100 - FAILED_ATTEMPTS_LINES);
    assert_int_equal(fail_at("192.0.2.9", 2000).untold, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_bucket, set_up),
        cmocka_unit_test_setup(test_addresses, set_up), cmocka_unit_test_setup(test_full_table, set_up),
        cmocka_unit_test_setup(test_lines, set_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
