/* SPDX-License-Identifier: Apache-2.0 */
/* The environment that exec hands over: what wins, what is refused. */
#include "base/memory.h"
#include "cmd/command.h"
#include "cmd/exec_environment.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

const struct command *const commands[] = {NULL};

static struct secret text(const char *value)
{
    static uint8_t copies[8][64];
    static size_t next;
    uint8_t *p = copies[next++ % 8];
    size_t n = strlen(value);
    assert_true(n < sizeof copies[0]);
    memcpy(p, value, n);
    return (struct secret){p, n};
}

static void test_order(void **state)
{
    (void)state;
    struct arena arena;
    struct error error;
    struct environment e;
    char **list;
    char texts[][16] = {"ZED=1", "PATH=/bin", "=odd", "odd", "EMPTY=", "PATH=/late"};
    char *inherited[] = {texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], NULL};
    arena_init(&arena, 1 << 20);
    error_init(&error, &arena);
    environment_init(&e, &arena);
    assert_int_equal(environment_inherit(&e, inherited, &error), ERR_OK);
    assert_int_equal(environment_put(&e, BYTES("A"), text("first"), "A", &error), ERR_OK);
    assert_int_equal(environment_put(&e, BYTES("ZED"), text("two=2"), "ZED", &error), ERR_OK);
    assert_int_equal(environment_put(&e, BYTES("A"), text(""), "A", &error), ERR_OK);
    assert_int_equal(environment_list(&e, &list, &error), ERR_OK);
    static const char *const expected[] = {"A=", "EMPTY=", "PATH=/late", "ZED=two=2"};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_string_equal(list[i], expected[i]);
    assert_null(list[ARRAY_LEN(expected)]);
    arena_reset(&arena);
}

static void test_limits(void **state)
{
    (void)state;
    static uint8_t large[ENVIRONMENT_MAX_LINE];
    struct arena arena;
    struct error error;
    struct environment e;
    arena_init(&arena, 1 << 20);
    error_init(&error, &arena);
    environment_init(&e, &arena);
    memset(large, 'x', sizeof large);
    /* "N=" and a NUL take three bytes */
    assert_int_equal(environment_put(&e, BYTES("N"), (struct secret){large, sizeof large - 3}, "k", &error), ERR_OK);
    assert_int_equal(
        environment_put(&e, BYTES("N"), (struct secret){large, sizeof large - 2}, "key k", &error), ERR_INVALID);
    assert_true(bytes_start(error.message, BYTES("key k is 131070 bytes")));
    large[70000] = 0;
    assert_int_equal(environment_put(&e, BYTES("N"), (struct secret){large, 70001}, "key k", &error), ERR_INVALID);
    assert_true(bytes_start(error.message, BYTES("key k holds a NUL")));
    assert_int_equal(e.count, 1);
    arena_reset(&arena);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(environment_name_valid(BYTES("A")));
    assert_true(environment_name_valid(BYTES("1bad.but-taken /x")));
    assert_false(environment_name_valid(BYTES("")));
    assert_false(environment_name_valid(BYTES("a=b")));
    assert_false(environment_name_valid(BYTES("a\nb")));
    assert_false(environment_name_valid(BYTES("a\0b")));
    assert_false(environment_name_valid(BYTES("\xc3\xa9")));
    assert_true(environment_name_loads_code(BYTES("LD_PRELOAD")));
    assert_true(environment_name_loads_code(BYTES("PATH")));
    assert_false(environment_name_loads_code(BYTES("PATHS")));
    assert_false(environment_name_loads_code(BYTES("OLD_PATH")));
}

static void test_no_memory(void **state)
{
    (void)state;
    char line[] = "ZED=1", *inherited[] = {line, NULL};
    for (long n = 0;; n++) {
        struct arena arena;
        struct error error;
        struct environment e;
        char **list = NULL;
        arena_init(&arena, 1 << 20);
        error_init(&error, &arena);
        environment_init(&e, &arena);
        memory_fail_after(n);
        err_t code = environment_inherit(&e, inherited, &error);
        if (code == ERR_OK)
            code = environment_put(&e, BYTES("A"), text("v"), "A", &error);
        if (code == ERR_OK)
            code = environment_list(&e, &list, &error);
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_int_equal(code == ERR_OK, list != NULL);
        assert_true(code == ERR_OK || (fired && code == ERR_NO_MEMORY));
        arena_reset(&arena);
        if (!fired)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
