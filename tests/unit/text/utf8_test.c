/* SPDX-License-Identifier: Apache-2.0 */
#include "text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void every_code_point_round_trips(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        uint8_t text[4];
        uint32_t back = 0;
        unsigned n = utf8_put(c, text);
        bool surrogate = c >= 0xd800 && c < 0xe000;
        assert_int_equal(utf8_next((bytes){text, n}, &back), surrogate ? 0 : n);
        assert_int_equal(back, surrogate ? 0 : c);
        assert_int_equal(utf8_next((bytes){text, n - 1}, &back), 0);
    }
}

static void validity_is_found_behind_words_of_ascii(void **state)
{
    (void)state;
    assert_true(utf8_valid(BYTES_NONE));
    assert_true(utf8_valid(BYTES("0123456789abcdef\xc3\xa9"
                                 "0123456789")));
    assert_false(utf8_valid(BYTES("0123456789abcdef\xc3")));
    assert_false(utf8_valid(BYTES("0123456789abcdef\xed\xa0\x80")));
}

/* What Go 1.26's strconv.Quote gives. */
static void quotes_as_go_does(void **state)
{
    static const struct {
        bytes text;
        const char *quoted;
    } cases[] = {
        {BYTES(""), "\"\""},
        {BYTES("a b"), "\"a b\""},
        {BYTES("\"\\"), "\"\\\"\\\\\""},
        {BYTES("\a\b\t\n\v\f\r"), "\"\\a\\b\\t\\n\\v\\f\\r\""},
        {BYTES("\0\x1f\x7f"), "\"\\x00\\x1f\\x7f\""},
        {BYTES("\xc3\xa9\xe2\x98\xba\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe2\x98\xba\xf0\x9f\x98\x80\""},
        {BYTES("\xff\xc3"), "\"\\xff\\xc3\""},
        {BYTES("\xc2\x80\xc2\xa0\xc2\xad"), "\"\\u0080\\u00a0\\u00ad\""},
        {BYTES("\xe2\x80\xa8\xe2\x80\x8b\xef\xbb\xbf\xef\xbf\xbd"), "\"\\u2028\\u200b\\ufeff\xef\xbf\xbd\""},
        {BYTES("\xf3\xa0\x80\x81\xf4\x8f\xbf\xbf"), "\"\\U000e0001\\U0010ffff\""},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal((const char *)utf8_quote(&arena, cases[i].text).p, cases[i].quoted);
    arena_reset(&arena);
    arena_init(&arena, 0);
    assert_null(utf8_quote(&arena, BYTES("x")).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_round_trips),
        cmocka_unit_test(validity_is_found_behind_words_of_ascii),
        cmocka_unit_test(quotes_as_go_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
