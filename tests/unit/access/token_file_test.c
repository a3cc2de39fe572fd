/* SPDX-License-Identifier: Apache-2.0 */
#include "access/token_file.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const bytes own = {(const uint8_t *)"api", 3};
static const struct authenticator authenticator = {.audiences = &own, .audience_count = 1};
static const struct audiences asked = {&own, 1};

/* The user of the token, its uid and groups as one text; "" when there is none. */
static const char *who(struct arena *arena, const char *token)
{
    struct authenticated found = {.audience_count = 0};
    struct buffer text;
    if (token_file_authenticate(arena, bytes_of(token), &asked, &found, NULL) != ERR_OK)
        return "";
    buffer_init(&text, arena);
    buffer_format(&text, "%.*s/%.*s", BYTES_FMT(found.user.name), BYTES_FMT(found.user.uid));
    for (size_t i = 0; i < found.user.group_count; i++)
        buffer_format(&text, " %.*s", BYTES_FMT(found.user.groups[i]));
    buffer_byte(&text, 0);
    return (const char *)text.p;
}

static void lines_are_read_as_csv(void **state)
{
    static const char text[] = "t1,user one,u1,\"a,b\"\r\n"
                               "\n"
                               ",nobody,u2\n"
                               "\"t\"\"3\",\"user\n3\",u3,c,further,columns\n"
                               "t4,first,1\n"
                               "t4,last,2,\"\"\n"
                               "t5,x,,a";
    static const struct {
        const char *token, *user;
    } rows[] = {
        {"t1", "user one/u1 a b system:authenticated"},
        {"t\"3", "user\n3/u3 c system:authenticated"},
        {"t4", "last/2 system:authenticated"},
        {"t5", "x/ a system:authenticated"},
        {"", ""},
        {"t", ""},
        {"t11", ""},
    };
    struct arena arena;
    struct error error;
    (void)state;
    arena_init(&arena, 1 << 20);
    error_init(&error, &arena);
    authenticator_set(&authenticator);
    assert_int_equal(token_file_parse("file", bytes_of(text), &error), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(who(&arena, rows[i].token), rows[i].user);
    arena_reset(&arena);
}

static void what_is_malformed_is_told_by_its_line_and_changes_nothing(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"a,b,c\nsecret,b\n", "file, line 2: not TOKEN,USER,UID and perhaps \"GROUP,...\""},
        {"secret", "file, line 1: not TOKEN,USER,UID and perhaps \"GROUP,...\""},
        {"a,b,c\n\n\"d\n\",e,f\n\"secret,x,y", "file, line 5: not TOKEN,USER,UID and perhaps \"GROUP,...\""},
        {"sec\"ret,b,c", "file, line 1: not TOKEN,USER,UID and perhaps \"GROUP,...\""},
        {"\"secret\"x,b,c", "file, line 1: not TOKEN,USER,UID and perhaps \"GROUP,...\""},
    };
    struct arena arena;
    struct error error;
    (void)state;
    arena_init(&arena, 1 << 20);
    error_init(&error, &arena);
    assert_int_equal(token_file_parse("file", BYTES("kept,user,uid"), &error), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(token_file_parse("file", bytes_of(rows[i].text), &error), ERR_INVALID);
        assert_true(bytes_equal(error.message, bytes_of(rows[i].message)));
        assert_string_equal(who(&arena, "kept"), "user/uid system:authenticated");
    }
    assert_int_equal(token_file_load(NULL, &error), ERR_OK);
    assert_string_equal(who(&arena, "kept"), "");
    arena_reset(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read_as_csv),
        cmocka_unit_test(what_is_malformed_is_told_by_its_line_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
