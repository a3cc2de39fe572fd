/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/memory.h"
#include "text/yaml.h"
#include "yaml_facts.h"
#include "yaml_write_facts.h"

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

static bytes json_of(struct json *value)
{
    struct buffer out;
    buffer_init(&out, &arena);
    json_sort(value);
    json_write(&out, value);
    return buffer_bytes(&out);
}

/* JSON, or "ERR " and the sentence as JSON. */
static bytes answer(bytes text)
{
    struct error error;
    struct json *value;
    error_init(&error, &arena);
    if (yaml_parse(&arena, text, 0, &value, &error) == ERR_OK)
        return json_of(value);
    assert_int_equal(error.code, ERR_BAD_REQUEST);
    return json_of(json_string(&arena, arena_join(&arena, BYTES("ERR "), error.message, ARENA_END)));
}

static void assert_answer(bytes text, const char *wanted)
{
    bytes got = answer(text);
    if (!bytes_equal(got, bytes_of(wanted)))
        fail_msg("%.*s: got %.*s, not %s", BYTES_FMT(text), BYTES_FMT(got), wanted);
    arena_reset(&arena);
}

static void reads_as_go_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yaml_facts); i++)
        assert_answer(yaml_facts[i].yaml, yaml_facts[i].json);
}

/* Where Go would quote the input, omit the line, or, outside its strict mode, merge. */
static void differs_on_purpose(void **state)
{
    static const struct {
        bytes yaml;
        const char *json;
    } cases[] = {
        {BYTES("a: .inf"), "\"ERR yaml: line 1: JSON has no infinite numbers and no NaN\""},
        {BYTES("\na: .nan"), "\"ERR yaml: line 2: JSON has no infinite numbers and no NaN\""},
        {BYTES("~: a"), "\"ERR yaml: line 1: a mapping's key must be a string, a number or a boolean\""},
        {BYTES("18446744073709551615: a"),
            "\"ERR yaml: line 1: a mapping's key must be a string, a number or a boolean\""},
        {BYTES("'1': a\n1: b"), "\"ERR yaml: unmarshal errors:\\n  line 2: key \\\"1\\\" already set in map\""},
        {BYTES("? [a]\n: b"), "\"ERR yaml: line 1: invalid map key\""},
        {BYTES("a: *x"), "\"ERR yaml: line 1: unknown anchor referenced\""},
        {BYTES("a: &x [*x]"), "\"ERR yaml: line 1: anchor value contains itself\""},
        {BYTES("a: !!int x"), "\"ERR yaml: line 1: a scalar is not what its tag says\""},
        {BYTES("a: !!binary '@'"), "\"ERR yaml: line 1: !!binary value contains invalid base64 data\""},
        {BYTES("a: !!binary /w=="), "{\"a\":\"\xef\xbf\xbd\"}"},
        {BYTES("a: &x {b: 1}\nc:\n  <<: *x\n  b: 2"), "{\"a\":{\"b\":1},\"c\":{\"b\":2}}"},
        {BYTES("a: &x {b: 1}\nc:\n  b: 2\n  <<: *x"), "{\"a\":{\"b\":1},\"c\":{\"b\":1}}"},
        {BYTES("c:\n  a: 0\n  <<: [{a: 1, b: 1}, {a: 2, c: 2}]"), "{\"c\":{\"a\":1,\"c\":2,\"b\":1}}"},
        {BYTES("c:\n  <<: {a: 1, <<: {a: 3}}"), "{\"c\":{\"a\":3}}"},
        {BYTES("<<: {a: 1}\na: 2\na: 3"),
            "\"ERR yaml: unmarshal errors:\\n  line 3: key \\\"a\\\" already set in map\""},
        {BYTES("a: 2\na: 3\n<<: {b: 1}"),
            "\"ERR yaml: unmarshal errors:\\n  line 2: key \\\"a\\\" already set in map\""},
        {BYTES("<<: 5"), "\"ERR yaml: line 1: map merge requires map or sequence of maps as the value\""},
        {BYTES("a: \xff"), "\"ERR yaml: invalid leading UTF-8 octet\""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_answer(cases[i].yaml, cases[i].json);
}

static bytes repeat(const char *text, size_t times)
{
    struct buffer out;
    buffer_init(&out, &arena);
    for (size_t i = 0; i < times; i++)
        buffer_text(&out, text);
    return buffer_bytes(&out);
}

/* libyaml alone would take many seconds for these. */
static void depth_is_bounded_at_once(void **state)
{
    static const char *const openings[] = {"[", "{a: ", "- ", "? ", "[\n", "- - ? "};
    struct error error;
    struct json *value;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(openings); i++) {
        uint64_t start = clock_monotonic_ms();
        error_init(&error, &arena);
        assert_int_equal(yaml_parse(&arena, repeat(openings[i], 100000), 0, &value, &error), ERR_BAD_REQUEST);
        assert_true(clock_monotonic_ms() - start < 2000);
        arena_reset(&arena);
    }
    for (size_t depth = 63; depth <= 65; depth++) {
        bytes text = arena_join(&arena, repeat("[", depth), repeat("]", depth), ARENA_END);
        assert_int_equal(yaml_parse(&arena, text, 0, &value, NULL) == ERR_OK, depth <= 64);
    }
}

static void aliases_are_counted(void **state)
{
    struct buffer text;
    struct json *value;
    struct error error;
    (void)state;
    /* Nine levels of nine are 387 million nodes. */
    buffer_init(&text, &arena);
    buffer_text(&text, "a0: &a0 x\n");
    for (unsigned i = 1; i < 10; i++)
        buffer_format(&text, "a%u: &a%u [*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u]\n", i, i, i - 1, i - 1, i - 1,
            i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    error_init(&error, NULL);
    assert_int_equal(yaml_parse(&arena, buffer_bytes(&text), 10000, &value, &error), ERR_BAD_REQUEST);
    assert_non_null(strstr((const char *)error.message.p, "too many nodes"));
    /* Each level deepens the last by two: depth counts through aliases. */
    buffer_init(&text, &arena);
    buffer_text(&text, "a0: &a0 [x]\n");
    for (unsigned i = 1; i < 100; i++)
        buffer_format(&text, "a%u: &a%u [[*a%u]]\n", i, i, i - 1);
    assert_int_equal(yaml_parse(&arena, buffer_bytes(&text), 0, &value, &error), ERR_BAD_REQUEST);
    assert_non_null(strstr((const char *)error.message.p, "max depth"));
    buffer_init(&text, &arena);
    for (unsigned i = 0; i < 257; i++)
        buffer_format(&text, "- &a%u x\n", i);
    assert_int_equal(yaml_parse(&arena, buffer_bytes(&text), 0, &value, &error), ERR_BAD_REQUEST);
    assert_string_equal((const char *)error.message.p, "yaml: line 257: more than 256 anchors");
}

static void merges_are_bounded(void **state)
{
    struct buffer text;
    struct json *value;
    (void)state;
    buffer_init(&text, &arena);
    buffer_text(&text, "a: &a\n");
    for (unsigned i = 0; i < 5000; i++)
        buffer_format(&text, "  k%u: 1\n", i);
    buffer_text(&text, "b:\n  <<: *a\n");
    assert_int_equal(yaml_parse(&arena, buffer_bytes(&text), 0, &value, NULL), ERR_BAD_REQUEST);
}

/* libyaml alone takes a minute for these: 3 MiB of directives. */
static void tag_directives_are_bounded(void **state)
{
    struct buffer text;
    struct json *value;
    struct error error;
    (void)state;
    for (unsigned count = 100; count <= 200000; count += 199900) {
        buffer_init(&text, &arena);
        for (unsigned i = 0; i < count; i++)
            buffer_format(&text, "%%TAG !a%u! t:\r", i);
        buffer_text(&text, "--- x\n");
        error_init(&error, &arena);
        assert_int_equal(
            yaml_parse(&arena, buffer_bytes(&text), 0, &value, &error), count == 100 ? ERR_OK : ERR_BAD_REQUEST);
    }
    assert_string_equal((const char *)error.message.p, "yaml: more than 100 tag directives");
}

static void streams_hold_documents(void **state)
{
    struct json *all;
    (void)state;
    assert_int_equal(yaml_parse_all(&arena, BYTES("--- 1\n---\n--- {a: &x b}\n--- [c]\n"), 0, &all, NULL), ERR_OK);
    bytes json = json_of(all);
    assert_true(bytes_equal(json, BYTES("[1,null,{\"a\":\"b\"},[\"c\"]]")));
    assert_int_equal(yaml_parse_all(&arena, BYTES_NONE, 0, &all, NULL), ERR_OK);
    assert_int_equal(all->count, 0);
    assert_int_equal(yaml_parse_all(&arena, BYTES("--- &x 1\n--- *x\n"), 0, &all, NULL), ERR_BAD_REQUEST);
}

static bytes yaml_of(const struct json *value)
{
    struct buffer out;
    buffer_init(&out, &arena);
    yaml_write(&out, value);
    assert_false(out.failed);
    return buffer_bytes(&out);
}

static void writes_as_go_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yaml_write_facts); i++) {
        struct json *value;
        assert_int_equal(json_parse(&arena, yaml_write_facts[i].json, NULL, &value, NULL, NULL), ERR_OK);
        bytes got = yaml_of(value);
        if (!bytes_equal(got, bytes_of(yaml_write_facts[i].yaml)))
            fail_msg("%.*s: got %.*s", BYTES_FMT(yaml_write_facts[i].json), BYTES_FMT(got));
        arena_reset(&arena);
    }
}

static void what_is_written_reads_back(void **state)
{
    static const char *const texts[] = {
        "[\"\\u0085\",\"\\u2028\",\"\\u2029a\\nb\",\"\\u0001\",\"<<\",\"a\\r\\nb\",\"\\n \\n\",\"#\",\"\\ufeff\"]",
        "{\"<<\":{\"a\":1},\"y\":\"n\",\"\":\"\",\"1\":\"2\",\"~\":null,\"2001-01-01\":\"2001-01-01T00:00:00Z\","
        "\"a\\nb\":\"c: d\"}",
        "{\"a\":[1.5,-2,1e+21,123456789012345678],\"b\":[[],[[]],{}]}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct json *value, *back;
        assert_int_equal(json_parse(&arena, bytes_of(texts[i]), NULL, &value, NULL, NULL), ERR_OK);
        assert_int_equal(yaml_parse(&arena, yaml_of(value), 0, &back, NULL), ERR_OK);
        assert_true(json_equal(value, back));
    }
    bytes binary = yaml_of(json_string(&arena, BYTES("\xff")));
    assert_true(bytes_equal(binary, BYTES("!!binary /w==\n")));
}

static void every_allocation_may_fail(void **state)
{
    bytes text = BYTES("a: &x {b: [1, 2.5, yes, ~, !!binary aGk=]}\nc: *x\nd:\n  <<: *x\n  1e3: z\n");
    long n = 0;
    (void)state;
    for (;; n++) {
        struct json *value = NULL;
        struct buffer out;
        memory_fail_after(n);
        err_t code = yaml_parse(&arena, text, 0, &value, NULL);
        buffer_init(&out, &arena);
        if (code == ERR_OK)
            yaml_write(&out, value);
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        if (!fired)
            break;
        assert_true((code == ERR_NO_MEMORY && !value) || (code == ERR_OK && out.failed));
        arena_reset(&arena);
    }
    assert_true(n > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(reads_as_go_does, reset),
        cmocka_unit_test_teardown(differs_on_purpose, reset),
        cmocka_unit_test_teardown(depth_is_bounded_at_once, reset),
        cmocka_unit_test_teardown(aliases_are_counted, reset),
        cmocka_unit_test_teardown(merges_are_bounded, reset),
        cmocka_unit_test_teardown(tag_directives_are_bounded, reset),
        cmocka_unit_test_teardown(streams_hold_documents, reset),
        cmocka_unit_test_teardown(writes_as_go_does, reset),
        cmocka_unit_test_teardown(what_is_written_reads_back, reset),
        cmocka_unit_test_teardown(every_allocation_may_fail, reset),
    };
    arena_init(&arena, 1 << 28);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
