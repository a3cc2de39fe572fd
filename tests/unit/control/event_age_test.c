/* SPDX-License-Identifier: Apache-2.0 */
#include "control/event_age.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW       1700000000 /* 2023-11-14T22:13:20Z */
#define CREATED   "\"metadata\":{\"creationTimestamp\":\"2023-11-14T22:00:00Z\"}"
#define AT(clock) (NOW - (22 * 3600 + 13 * 60 + 20) + (clock))
#define TEN_PAST  AT(22 * 3600 + 10 * 60)

static int64_t last_write(const char *text)
{
    struct arena arena;
    struct json *event;
    arena_init(&arena, 1 << 16);
    assert_int_equal(json_parse(&arena, bytes_of(text), NULL, &event, NULL, NULL), ERR_OK);
    int64_t last = event_last_write(event, NOW);
    arena_reset(&arena);
    return last;
}

static void test_latest_counts(void **state)
{
    (void)state;
    assert_int_equal(last_write("{" CREATED "}"), AT(22 * 3600));
    assert_int_equal(last_write("{" CREATED ",\"lastTimestamp\":\"2023-11-14T22:10:00Z\"}"), TEN_PAST);
    assert_int_equal(last_write("{" CREATED ",\"eventTime\":\"2023-11-14T22:10:00.123456Z\"}"), TEN_PAST);
    assert_int_equal(
        last_write("{" CREATED ",\"series\":{\"lastObservedTime\":\"2023-11-14T22:10:00.5Z\"}}"), TEN_PAST);
    assert_int_equal(last_write("{\"metadata\":{\"creationTimestamp\":\"2023-11-14T22:00:00Z\",\"managedFields\":[{"
                                "\"time\":\"2023-11-14T22:10:00Z\"},{\"time\":\"2023-11-14T22:05:00Z\"},{}]}}"),
        TEN_PAST);
    assert_int_equal(last_write("{" CREATED ",\"lastTimestamp\":\"2023-11-14T21:00:00Z\"}"), AT(22 * 3600));
}

/* What a client wrote cannot make an event live for ever. */
static void test_future_is_now(void **state)
{
    (void)state;
    assert_int_equal(last_write("{" CREATED ",\"lastTimestamp\":\"2999-01-01T00:00:00Z\"}"), NOW);
}

static void test_nothing_is_said(void **state)
{
    (void)state;
    assert_int_equal(last_write("{}"), 0);
    assert_int_equal(last_write("{\"metadata\":{\"name\":\"x\"},\"lastTimestamp\":\"2023-11-14T22:10:00Z\"}"), 0);
    assert_int_equal(last_write("{\"metadata\":{\"creationTimestamp\":null}}"), 0);
    assert_int_equal(last_write("{" CREATED ",\"lastTimestamp\":\"soon\",\"series\":7}"), AT(22 * 3600));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_latest_counts), cmocka_unit_test(test_future_is_now),
        cmocka_unit_test(test_nothing_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
