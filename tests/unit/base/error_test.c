/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void sentences_go_to_the_arena_or_are_cut(void **state)
{
    struct arena arena;
    struct error error;
    char longer[600];
    (void)state;
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    arena_init(&arena, 1 << 16);
    error_init(&error, &arena);
    assert_int_equal(error_set(&error, ERR_NOT_FOUND, "%s", longer), ERR_NOT_FOUND);
    assert_int_equal(error.message.n, 599);
    error_init(&error, NULL);
    assert_int_equal(error_set(&error, ERR_NOT_FOUND, "%s", longer), ERR_NOT_FOUND);
    assert_int_equal(error.message.n, sizeof(error.text) - 1);
    assert_int_equal(error.message.p[error.message.n], 0);
    assert_int_equal(error_set(NULL, ERR_GONE, "x"), ERR_GONE);
    arena_reset(&arena);
}

/* With and without an arena: the arguments may be the message that is replaced. */
static void a_sentence_may_quote_the_last_one(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 16);
    for (int i = 0; i < 2; i++) {
        struct error error;
        error_init(&error, i ? &arena : NULL);
        (void)error_set(&error, ERR_IO, "inner");
        (void)error_set(&error, ERR_INTERNAL, "outer: %.*s", BYTES_FMT(error.message));
        assert_string_equal((const char *)error.message.p, "outer: inner");
        assert_int_equal(error.code, ERR_INTERNAL);
    }
    arena_reset(&arena);
}

static void errno_picks_the_code(void **state)
{
    static const struct {
        int number;
        enum err_code code;
    } cases[] = {
        {ENOSPC, ERR_NO_SPACE}, {EDQUOT, ERR_NO_SPACE}, {EROFS, ERR_READ_ONLY}, {ENOMEM, ERR_NO_MEMORY}, {EIO, ERR_IO}};
    struct error error;
    (void)state;
    error_init(&error, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(error_errno(&error, cases[i].number, "open %s", "f"), cases[i].code);
        assert_int_equal(error_errno(NULL, cases[i].number, "open"), cases[i].code);
    }
    assert_string_equal((const char *)error.message.p, "open f: Input/output error");
}

static void causes_keep_their_order(void **state)
{
    struct arena arena;
    struct error error;
    (void)state;
    arena_init(&arena, 1 << 16);
    error_init(&error, &arena);
    error_cause(&error, "FieldValueInvalid", BYTES("data[a]"), "bad %d", 1);
    error_cause(&error, "FieldValueRequired", BYTES("type"), "bad %d", 2);
    assert_int_equal(error.code, ERR_INVALID);
    assert_int_equal(error.cause_count, 2);
    assert_string_equal((const char *)error.causes->message.p, "bad 1");
    assert_string_equal((const char *)error.causes->next->field.p, "type");
    assert_null(error.causes->next->next);
    for (long n = 0; n < 3; n++) {
        error_init(&error, &arena);
        memory_fail_after(n);
        error_cause(&error, "FieldValueInvalid", BYTES("data[a]"), "bad");
        assert_true(memory_fail_fired());
        memory_fail_after(-1);
        assert_int_equal(error.code, ERR_NO_MEMORY);
        assert_int_equal(error.cause_count, 0);
    }
    error_cause(NULL, "FieldValueInvalid", BYTES("x"), "bad");
    arena_reset(&arena);
}

static void codes_have_a_status(void **state)
{
    (void)state;
    assert_int_equal(error_http_status(ERR_OK), 200);
    assert_int_equal(error_http_status(ERR_INVALID), 422);
    assert_string_equal(error_reason(ERR_INVALID), "Invalid");
    assert_string_equal(error_reason(ERR_UNKNOWN), "");
    assert_int_equal(error_http_status(ERR_READ_ONLY), 507);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences_go_to_the_arena_or_are_cut),
        cmocka_unit_test(a_sentence_may_quote_the_last_one),
        cmocka_unit_test(errno_picks_the_code),
        cmocka_unit_test(causes_keep_their_order),
        cmocka_unit_test(codes_have_a_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
