/* SPDX-License-Identifier: Apache-2.0 */
#include "../../conformance/json_test_suite.h"
#include "base/clock.h"
#include "base/memory.h"
#include "json_facts.h"
#include "text/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena arena;

static int reset(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static struct json *parse(bytes text)
{
    struct json *value;
    assert_int_equal(json_parse(&arena, text, NULL, &value, NULL, NULL), ERR_OK);
    return value;
}

static bytes written(const struct json *value)
{
    struct buffer out;
    buffer_init(&out, &arena);
    json_write(&out, value);
    assert_false(out.failed);
    return buffer_bytes(&out);
}

static void assert_bytes(bytes got, const char *wanted)
{
    assert_int_equal(got.n, strlen(wanted));
    assert_memory_equal(got.p, wanted, got.n);
}

static void assert_refused(bytes text, const struct json_options *options, const char *sentence)
{
    struct json *value = NULL;
    struct error error;
    error_init(&error, NULL);
    assert_int_equal(json_parse(&arena, text, options, &value, NULL, &error), ERR_BAD_REQUEST);
    assert_null(value);
    assert_string_equal((const char *)error.message.p, sentence);
}

/* Of what may go either way, the suite's huge numbers stay as text; malformed UTF-8 and other encodings are refused. */
static void the_suite_agrees(void **state)
{
    const struct json_options keep = {.keep_duplicates = true};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_test_suite); i++) {
        struct json *value;
        err_t code = json_parse(&arena, json_test_suite[i].text, &keep, &value, NULL, NULL);
        if (json_test_suite[i].verdict == 'y' && code != ERR_OK)
            fail_msg("refused: %s", json_test_suite[i].name);
        if (json_test_suite[i].verdict == 'n' && code == ERR_OK)
            fail_msg("accepted: %s", json_test_suite[i].name);
        arena_reset(&arena);
    }
}

static void deep_texts_are_refused(void **state)
{
    static uint8_t text[250001];
    struct json *value;
    (void)state;
    memset(text, '[', 100000);
    assert_refused((bytes){text, 100000}, NULL, "exceeded max depth");
    for (size_t i = 0; i + 5 <= sizeof(text); i += 5)
        memcpy(text + i, "[{\"\":", 5);
    assert_refused((bytes){text, sizeof(text)}, &(struct json_options){.max_depth = 100000}, "exceeded max depth");
    for (unsigned depth = 63; depth <= 65; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(
            json_parse(&arena, (bytes){text, 2 * (size_t)depth}, NULL, &value, NULL, NULL) == ERR_OK, depth <= 64);
    }
}

static void sentences_are_those_of_go(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_facts); i++)
        assert_refused(json_facts[i].text, NULL, json_facts[i].sentence);
    assert_refused(BYTES_NONE, NULL, "unexpected end of JSON input");
    assert_refused(BYTES("\"\xff\""), NULL, "invalid UTF-8 in string literal");
}

/* What is written is what Go 1.26 writes for the same value. */
static void strings_are_written_as_go_does(void **state)
{
    static const struct {
        bytes text;
        const char *written;
    } cases[] = {
        {BYTES("\"<>&\""), "\"\\u003c\\u003e\\u0026\""},
        {BYTES("\"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa\""), "\"\\u2028\\u2029\xe2\x80\xaa\""},
        {BYTES("\"\\b\\f\\n\\r\\t\\u0000\\u001f\\/\\\\\\\"\x7f\""), "\"\\b\\f\\n\\r\\t\\u0000\\u001f/\\\\\\\"\x7f\""},
        {BYTES("\"\\ud83d\\ude00\\u00e9\""), "\"\xf0\x9f\x98\x80\xc3\xa9\""},
        {BYTES("\"a\\ud800b\\udc00\\ud800\\u0041\\ud800\""), "\"a\xef\xbf\xbd"
                                                             "b\xef\xbf\xbd\xef\xbf\xbd"
                                                             "A\xef\xbf\xbd\""},
        {BYTES(" [ 1.50 , -0 , 1E+2 , true , null , { } , [ ] , \"\" ] "), "[1.50,-0,1E+2,true,null,{},[],\"\"]"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_bytes(written(parse(cases[i].text)), cases[i].written);
    assert_bytes(written(json_string(&arena, BYTES("a\xff\xc3"))), "\"a\\ufffd\\ufffd\"");
    assert_bytes(written(json_string(&arena, BYTES_NONE)), "\"\"");
}

/* Every byte at every place of the eight that are looked at together. */
static void no_byte_slips_through_a_word(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++)
        for (unsigned at = 1; at < 20; at++) {
            uint8_t text[23];
            struct json *value;
            memset(text, 'x', sizeof(text));
            text[0] = text[22] = '"';
            text[at] = (uint8_t)c;
            text[at + 1] = 'n';
            bool good = (c >= 0x20 && c < 0x80 && c != '"') || c == '\\';
            assert_int_equal(json_parse(&arena, (bytes){text, 23}, NULL, &value, NULL, NULL) == ERR_OK, good);
            if (good) {
                struct json *again = parse(written(value));
                assert_true(json_equal(value, again));
                assert_int_equal(value->text.n, c == '\\' ? 20 : 21);
            }
            arena_reset(&arena);
        }
}

static void duplicates_are_found_at_every_size(void **state)
{
    static const unsigned sizes[] = {2, 3, 16, 17, 18, 100, 5000};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (int twice = 0; twice < 2; twice++) {
            struct json_options keep = {.keep_duplicates = true};
            struct buffer text;
            struct json *value;
            bool duplicate;
            buffer_init(&text, &arena);
            buffer_byte(&text, '{');
            for (unsigned k = 0; k < sizes[i]; k++)
                buffer_format(&text, "%s\"name-%u\":%u", k ? "," : "", twice && k + 1 == sizes[i] ? k / 2 : k, k);
            buffer_byte(&text, '}');
            assert_int_equal(json_parse(&arena, buffer_bytes(&text), NULL, &value, NULL, NULL) == ERR_OK, !twice);
            assert_int_equal(json_parse(&arena, buffer_bytes(&text), &keep, &value, &duplicate, NULL), ERR_OK);
            assert_int_equal(duplicate, twice);
            assert_int_equal(value->count, sizes[i]);
            arena_reset(&arena);
        }
    }
    assert_refused(BYTES("{\"a\":{\"b\\n\":1,\"\\u0062\\n\":2}}"), NULL, "duplicate field \"b\\n\"");
}

/* Names whose number is a million cost a second or two when each is compared with each; here a fraction of it under
 * sanitizers. */
static void large_objects_take_linear_time(void **state)
{
    struct buffer text;
    struct json *value;
    (void)state;
    buffer_init(&text, &arena);
    buffer_byte(&text, '{');
    for (unsigned i = 0; i < 300000; i++)
        buffer_format(&text, "%s\"%x\":1", i ? "," : "", i);
    buffer_byte(&text, '}');
    uint64_t start = clock_monotonic_ms();
    assert_int_equal(json_parse(&arena, buffer_bytes(&text), NULL, &value, NULL, NULL), ERR_OK);
    json_sort(value);
    assert_true(clock_monotonic_ms() - start < 5000);
    assert_bytes(value->first->key, "0");
    assert_bytes(value->last->key, "ffff");
}

static void editors_keep_the_list(void **state)
{
    struct json *object = parse(BYTES("{\"a\":1,\"b\":2,\"c\":3}"));
    (void)state;
    json_set(object, BYTES("b"), json_string(&arena, BYTES("x")));
    json_set(object, BYTES("c"), json_bool(&arena, true));
    json_set(object, BYTES("d"), json_integer(&arena, INT64_MIN));
    assert_bytes(written(object), "{\"a\":1,\"b\":\"x\",\"c\":true,\"d\":-9223372036854775808}");
    json_remove(object, BYTES("d"));
    json_remove(object, BYTES("a"));
    json_remove(object, BYTES("none"));
    json_add(object, BYTES("e"), json_new(&arena, JSON_ARRAY));
    json_append(json_get(object, BYTES("e")), json_new(&arena, JSON_NULL));
    assert_bytes(written(object), "{\"b\":\"x\",\"c\":true,\"e\":[null]}");
    assert_int_equal(object->count, 3);
    json_remove(object, BYTES("e"));
    json_remove(object, BYTES("c"));
    json_remove(object, BYTES("b"));
    assert_null(object->first);
    assert_null(object->last);
    assert_null(json_add(object, BYTES("x"), NULL));
    assert_null(json_set(NULL, BYTES("x"), json_new(&arena, JSON_NULL)));
    json_remove(NULL, BYTES("x"));
}

static void members_are_found(void **state)
{
    struct json *object = parse(BYTES("{\"a\":{\"b\":{\"c\":\"x\"}},\"n\":1}"));
    (void)state;
    assert_bytes(json_text(json_at(object, BYTES("a"), BYTES("b"), BYTES_NONE), BYTES("c")), "x");
    assert_null(json_at(object, BYTES("a"), BYTES("x"), BYTES("c"), BYTES_NONE));
    assert_null(json_at(object, BYTES("n"), BYTES("x"), BYTES_NONE));
    assert_null(json_text(object, BYTES("n")).p);
    assert_null(json_get(NULL, BYTES("n")));
}

static void sorting_is_stable(void **state)
{
    const struct json_options keep = {.keep_duplicates = true};
    struct json *value;
    bool duplicate;
    (void)state;
    assert_int_equal(
        json_parse(&arena, BYTES("{\"b\":1,\"a\":2,\"b\":3,\"\":4,\"aa\":5,\"a\":6}"), &keep, &value, &duplicate, NULL),
        ERR_OK);
    json_sort(value);
    assert_bytes(written(value), "{\"\":4,\"a\":2,\"a\":6,\"aa\":5,\"b\":1,\"b\":3}");
    assert_bytes(value->last->key, "b");
    assert_null(value->last->next);
    json_sort(NULL);
    json_sort(json_new(&arena, JSON_OBJECT));
}

static void equality_ignores_the_order_of_members(void **state)
{
    struct json *a = parse(BYTES("{\"a\":[1,{\"x\":null}],\"b\":\"s\"}"));
    (void)state;
    assert_true(json_equal(a, parse(BYTES("{\"b\":\"s\",\"a\":[1,{\"x\":null}]}"))));
    assert_true(json_equal(a, json_copy(&arena, a)));
    static const char *const others[] = {"{\"b\":\"s\",\"a\":[1,{\"x\":true}]}", "{\"b\":\"s\"}",
        "{\"b\":\"t\",\"a\":[1,{\"x\":null}]}", "{\"b\":\"s\",\"c\":[1,{\"x\":null}]}",
        "{\"b\":\"s\",\"a\":[{\"x\":null},1]}", "{\"b\":\"s\",\"a\":[1.0,{\"x\":null}]}"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_false(json_equal(a, parse(bytes_of(others[i]))));
}

static void integers_are_exact(void **state)
{
    static const struct {
        const char *text;
        bool whole;
        int64_t value;
    } cases[] = {{"0", true, 0}, {"-0", true, 0}, {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN}, {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0}, {"1.0", false, 0}, {"1e2", false, 0}, {"\"1\"", false, 0}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t value = 0;
        assert_int_equal(json_to_int64(parse(bytes_of(cases[i].text)), &value), cases[i].whole);
        assert_true(value == cases[i].value);
    }
}

static void pretty_is_marshal_indent(void **state)
{
    struct buffer out;
    (void)state;
    buffer_init(&out, &arena);
    json_write_pretty(&out, parse(BYTES("{\"a\":[1,[]],\"b\":{},\"c\":{\"d\":null}}")), 2);
    assert_bytes(
        buffer_bytes(&out), "{\n  \"a\": [\n    1,\n    []\n  ],\n  \"b\": {},\n  \"c\": {\n    \"d\": null\n  }\n}");
}

static void every_allocation_may_fail(void **state)
{
    bytes text = BYTES("{\"a\":[1,\"\\u00e9x\",{\"b\":null}],\"c\":{\"d\":\"e\"},\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":"
                       "1,\"6\":1,\"7\":1,"
                       "\"8\":1,\"9\":1,\"10\":1,\"11\":1,\"12\":1,\"13\":1,\"14\":1,\"15\":1,\"16\":1}");
    long n = 0;
    (void)state;
    for (;; n++) {
        struct json *value = NULL;
        memory_fail_after(n);
        err_t code = json_parse(&arena, text, NULL, &value, NULL, NULL);
        struct json *copy = code == ERR_OK ? json_copy(&arena, value) : NULL;
        struct buffer out;
        buffer_init(&out, &arena);
        if (copy)
            json_write(&out, copy);
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        if (!fired)
            break;
        assert_true((code == ERR_NO_MEMORY && !value) || (code == ERR_OK && (!copy || out.failed)));
        arena_reset(&arena);
    }
    assert_true(n > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_suite_agrees, reset),
        cmocka_unit_test_teardown(deep_texts_are_refused, reset),
        cmocka_unit_test_teardown(sentences_are_those_of_go, reset),
        cmocka_unit_test_teardown(strings_are_written_as_go_does, reset),
        cmocka_unit_test_teardown(no_byte_slips_through_a_word, reset),
        cmocka_unit_test_teardown(duplicates_are_found_at_every_size, reset),
        cmocka_unit_test_teardown(large_objects_take_linear_time, reset),
        cmocka_unit_test_teardown(editors_keep_the_list, reset),
        cmocka_unit_test_teardown(members_are_found, reset),
        cmocka_unit_test_teardown(sorting_is_stable, reset),
        cmocka_unit_test_teardown(equality_ignores_the_order_of_members, reset),
        cmocka_unit_test_teardown(integers_are_exact, reset),
        cmocka_unit_test_teardown(pretty_is_marshal_indent, reset),
        cmocka_unit_test_teardown(every_allocation_may_fail, reset),
    };
    arena_init(&arena, 1 << 28);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
