/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static void formats(void **state)
{
    char text[CLOCK_HTTP_SIZE];
    (void)state;
    clock_format(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    clock_format(951782399, text);
    assert_string_equal(text, "2000-02-28T23:59:59Z");
    clock_format(-62167219200, text);
    assert_string_equal(text, "0000-01-01T00:00:00Z");
    clock_format(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59Z");
    clock_format_micro(1767323045, 6, text);
    assert_string_equal(text, "2026-01-02T03:04:05.000006Z");
    clock_format_http(784111777, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
}

/* libc's calendar is the reference, over 8,000 years. */
static void agrees_with_libc(void **state)
{
    (void)state;
    for (int64_t seconds = -62135596800; seconds < 250000000000; seconds += 86400LL * 97 + 12345) {
        char ours[CLOCK_HTTP_SIZE], theirs[64];
        time_t t = seconds;
        struct tm tm;
        int64_t back;
        gmtime_r(&t, &tm);
        clock_format_http(seconds, ours);
        strftime(theirs, sizeof(theirs), "%a, %d %b ", &tm);
        assert_memory_equal(ours, theirs, strlen(theirs));
        clock_format(seconds, ours);
        assert_true(clock_parse(bytes_of(ours), &back));
        assert_int_equal(back, seconds);
    }
}

static void parses_strictly(void **state)
{
    static const char *const refused[] = {"", "2026", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:60:05Z", "2026-01-02T03:04:60Z",
        "2026-01-02 03:04:05Z", "2026-01-02T03:04:05z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+0100",
        "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05Zx", "+026-01-02T03:04:05Z", "0000-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01"};
    int64_t seconds = 5;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_false(clock_parse(bytes_of(refused[i]), &seconds));
    assert_int_equal(seconds, 5);
    assert_true(clock_parse(BYTES("2026-01-02T03:04:05.123456789Z"), &seconds));
    assert_int_equal(seconds, 1767323045);
    assert_true(clock_parse(BYTES("2026-01-02T04:34:05+01:30"), &seconds));
    assert_int_equal(seconds, 1767323045);
    assert_true(clock_parse(BYTES("2024-02-29T00:00:00-08:00"), &seconds));
    assert_int_equal(seconds, 1709193600);
}

static void clocks_run(void **state)
{
    (void)state;
    uint64_t ms = clock_monotonic_ms(), us = clock_monotonic_us();
    assert_true(us / 1000 >= ms);
    assert_true(us / 1000 - ms < 10000);
    assert_true(clock_wall_seconds() > 1700000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(agrees_with_libc),
        cmocka_unit_test(parses_strictly),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
