/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void integers_are_strict(void **state)
{
    static const char *const refused[] = {
        "", "00", "01", "+1", "-1", " 1", "1 ", "1a", "18446744073709551616", "99999999999999999999"};
    uint64_t v = 7;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_false(bytes_to_uint64(bytes_of(refused[i]), &v));
    assert_int_equal(v, 7);
    assert_true(bytes_to_uint64(BYTES("0"), &v));
    assert_int_equal(v, 0);
    assert_true(bytes_to_uint64(BYTES("18446744073709551615"), &v));
    assert_true(v == UINT64_MAX);
}

static void order_is_that_of_bytes(void **state)
{
    (void)state;
    assert_true(bytes_compare(BYTES("a"), BYTES("b")) < 0);
    assert_true(bytes_compare(BYTES("a"), BYTES("aa")) < 0);
    assert_true(bytes_compare(BYTES("\xff"), BYTES("a")) > 0);
    assert_true(bytes_compare(BYTES_NONE, BYTES("")) == 0);
    assert_true(bytes_equal(BYTES_NONE, BYTES("")));
    assert_true(bytes_start(BYTES("abc"), BYTES("ab")) && !bytes_start(BYTES("a"), BYTES("ab")));
    assert_true(bytes_end(BYTES("abc"), BYTES("bc")) && !bytes_end(BYTES("c"), BYTES("bc")));
    assert_int_equal(bytes_find(BYTES("abc"), 'c'), 2);
    assert_int_equal(bytes_find(BYTES("abc"), 'x'), 3);
    assert_int_equal(bytes_find(BYTES_NONE, 'x'), 0);
}

static void cursors_stop_at_the_end(void **state)
{
    struct cursor c = cursor_of(BYTES("\x01\x02\x03"));
    bytes b;
    uint64_t v = 9;
    (void)state;
    assert_false(cursor_take(&c, 4, &b));
    assert_false(cursor_take(&c, SIZE_MAX, &b));
    assert_true(cursor_uint(&c, 2, &v));
    assert_int_equal(v, 0x0102);
    assert_false(cursor_uint(&c, 2, &v));
    assert_int_equal(c.left, 1);
}

/* One sequence for each row of RFC 3629's table and the neighbours that it leaves out. */
static void utf8_is_strict(void **state)
{
    static const struct {
        bytes text;
        unsigned n;
    } cases[] = {
        {BYTES(""), 0},
        {BYTES("a"), 1},
        {BYTES("\x7f"), 1},
        {BYTES("\x80"), 0},
        {BYTES("\xbf"), 0},
        {BYTES("\xc0\x80"), 0},
        {BYTES("\xc1\xbf"), 0},
        {BYTES("\xc2\x80"), 2},
        {BYTES("\xdf\xbf"), 2},
        {BYTES("\xdf"), 0},
        {BYTES("\xdf\x7f"), 0},
        {BYTES("\xe0\x9f\xbf"), 0},
        {BYTES("\xe0\xa0\x80"), 3},
        {BYTES("\xed\x9f\xbf"), 3},
        {BYTES("\xed\xa0\x80"), 0},
        {BYTES("\xee\x80\x80"), 3},
        {BYTES("\xef\xbf\xbf"), 3},
        {BYTES("\xef\xbf"), 0},
        {BYTES("\xf0\x8f\xbf\xbf"), 0},
        {BYTES("\xf0\x90\x80\x80"), 4},
        {BYTES("\xf4\x8f\xbf\xbf"), 4},
        {BYTES("\xf4\x90\x80\x80"), 0},
        {BYTES("\xf5\x80\x80\x80"), 0},
        {BYTES("\xff"), 0},
        {BYTES("\xf0\x90\x80\xc0"), 0},
        {BYTES("\xf0\x90\x80"), 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(bytes_utf8(cases[i].text), cases[i].n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_strict),
        cmocka_unit_test(order_is_that_of_bytes),
        cmocka_unit_test(cursors_stop_at_the_end),
        cmocka_unit_test(utf8_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
