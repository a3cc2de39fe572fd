/* SPDX-License-Identifier: Apache-2.0 */
/* JSON patch and JSON merge patch: the tables of their RFCs, what kube-apiserver's library makes of the rest, limits.
 */
#include "patch_fixture.h"

#include <time.h>

#define UNPROCESSABLE "!the server rejected our request due to an error in our request"

static void content_types(void **state)
{
    static const struct {
        const char *content_type;
        bool custom;
        int type; /* -1: 415 */
    } rows[] = {
        {"application/json-patch+json", false, PATCH_JSON},
        {"application/merge-patch+json; charset=utf-8", false, PATCH_MERGE},
        {"application/strategic-merge-patch+json", false, PATCH_STRATEGIC},
        {"application/apply-patch+yaml", true, PATCH_APPLY},
        {"application/strategic-merge-patch+json", true, -1},
        {"application/json", false, -1},
        {"", false, -1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum patch_type type;
        err_t code = patch_type_of(bytes_of(rows[i].content_type), rows[i].custom, &type, &error);
        assert_int_equal(code, rows[i].type < 0 ? ERR_UNSUPPORTED_MEDIA_TYPE : ERR_OK);
        if (rows[i].type < 0)
            assert_string_equal(text(error.message),
                rows[i].custom
                    ? "the body of the request was in an unknown format - accepted media types include: "
                      "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
                    : "415: Unsupported Media Type");
        else
            assert_int_equal(type, rows[i].type);
    }
}

static void malformed_bodies(void **state)
{
    static const struct {
        enum patch_type type;
        const char *body, *sentence;
    } rows[] = {
        {PATCH_MERGE, "{\"data\":", "error decoding patch: unexpected end of JSON input"},
        {PATCH_STRATEGIC, "{\"data\":", "unexpected end of JSON input"},
        {PATCH_MERGE, "[1]",
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"},
        {PATCH_STRATEGIC, "true", "json: cannot unmarshal bool into Go value of type map[string]interface {}"},
        {PATCH_MERGE, "null", "Invalid JSON Patch"},
        {PATCH_JSON, "{\"op\":\"remove\"}",
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"},
        {PATCH_JSON, "[5]",
            "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"},
        {PATCH_JSON, "[{\"path\":[]}]",
            "error decoding patch: json: cannot unmarshal array into Go struct field jsonPatchOp.path of type string"},
        {PATCH_APPLY, "- 1",
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go "
            "value of type map[string]interface {}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json *patch = NULL;
        assert_int_equal(patch_parse(&arena, rows[i].type, bytes_of(rows[i].body), &patch, &error), ERR_BAD_REQUEST);
        assert_string_equal(text(error.message), rows[i].sentence);
        assert_null(patch);
    }
}

static void apply_bodies(void **state)
{
    static const char *const rows[][2] = {
        {"a: 1\nb: [x]\n", "{\"a\":1,\"b\":[\"x\"]}"},
        {"{a: x}", "{\"a\":\"x\"}"},
        {"{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
        {"", "{}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json *patch;
        assert_int_equal(patch_parse(&arena, PATCH_APPLY, bytes_of(rows[i][0]), &patch, &error), ERR_OK);
        assert_string_equal(written(patch), rows[i][1]);
    }
}

static void flaws(void **state)
{
    static const struct {
        enum patch_type type;
        const char *body, *parsed, *flaws;
    } rows[] = {
        {PATCH_MERGE, "{\"a\":1,\"b\":{\"c\":1,\"c\":2},\"a\":[{\"x\":1,\"x\":2},[{\"y.z\":1,\"y.z\":2}]]}",
            "{\"a\":[{\"x\":2},[{\"y.z\":2}]],\"b\":{\"c\":2}}",
            "duplicate field \"a\";duplicate field \"a[0].x\";duplicate field \"a[1][0].y.z\";"
            "duplicate field \"b.c\";"},
        {PATCH_JSON, "[{\"op\":\"add\",\"foo\":1,\"path\":\"/a\",\"path\":\"/b\",\"value\":{\"a\":1,\"a\":2}}]",
            "[{\"op\":\"add\",\"foo\":1,\"path\":\"/b\",\"value\":{\"a\":2}}]",
            "json patch duplicate field \"[0].path\";json patch duplicate field \"[0].value.a\";"
            "json patch unknown field \"[0].foo\";"},
        {PATCH_JSON, "null", "[]", ""},
        {PATCH_STRATEGIC, "null", "{}", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct warnings warnings = {0};
        struct json *patch;
        struct buffer b;
        assert_int_equal(
            patch_parse_strict(&arena, rows[i].type, bytes_of(rows[i].body), &warnings, &patch, &error), ERR_OK);
        buffer_init(&b, &arena);
        for (size_t w = 0; w < warnings.count; w++)
            buffer_format(&b, "%.*s;", BYTES_FMT(warnings.text[w]));
        assert_string_equal(text(buffer_bytes(&b)), rows[i].flaws);
        assert_string_equal(written(patch), rows[i].parsed);
    }
}

/* RFC 6902, appendix A. */
static void rfc_6902(void **state)
{
    static const struct patch_row rows[] = {
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
            "{\"foo\":\"bar\",\"baz\":\"qux\"}"},
        {"{\"foo\":[\"bar\",\"baz\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
            "{\"foo\":[\"bar\",\"qux\",\"baz\"]}"},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]", "{\"foo\":\"bar\"}"},
        {"{\"foo\":[\"bar\",\"qux\",\"baz\"]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]",
            "{\"foo\":[\"bar\",\"baz\"]}"},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]",
            "{\"baz\":\"boo\",\"foo\":\"bar\"}"},
        {"{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},\"qux\":{\"corge\":\"grault\"}}",
            "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
            "{\"foo\":{\"bar\":\"baz\"},\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}"},
        {"{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}",
            "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
            "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}"},
        {"{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}",
            "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"qux\"},{\"op\":\"test\",\"path\":\"/foo/1\",\"value\":2}]",
            "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}"},
        {"{\"baz\":\"qux\"}", "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"bar\"}]", UNPROCESSABLE},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/child\",\"value\":{\"grandchild\":{}}}]",
            "{\"foo\":\"bar\",\"child\":{\"grandchild\":{}}}"},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"xyz\":123}]",
            "{\"foo\":\"bar\",\"baz\":\"qux\"}"},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz/bat\",\"value\":\"qux\"}]", UNPROCESSABLE},
        {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10}]", "{\"/\":9,\"~1\":10}"},
        {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":\"10\"}]", UNPROCESSABLE},
        {"{\"foo\":[\"bar\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\",\"def\"]}]",
            "{\"foo\":[\"bar\",[\"abc\",\"def\"]]}"},
    };
    (void)state;
    check_rows(PATCH_JSON, NULL, rows, ARRAY_LEN(rows));
}

static void json_patch_traits(void **state)
{
    static const struct patch_row rows[] = {
        {"{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/-1\",\"value\":3}]", "{\"a\":[1,2,3]}"},
        {"{\"a\":[1,2]}", "[{\"op\":\"replace\",\"path\":\"/a/-1\",\"value\":3}]", "{\"a\":[1,3]}"},
        {"{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/-2\"}]", "{\"a\":[2]}"},
        {"{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/-3\"}]", UNPROCESSABLE},
        {"{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/01\"}]", "{\"a\":[1]}"},
        {"{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/-\"}]", UNPROCESSABLE},
        {"{\"a\":[1,2]}", "[{\"op\":\"remove\",\"path\":\"/a/99999999999999999999\"}]", UNPROCESSABLE},
        {"{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/3\",\"value\":3}]", UNPROCESSABLE},
        {"{\"a\":[1,2]}", "[{\"op\":\"add\",\"path\":\"/a/\",\"value\":3}]", UNPROCESSABLE},
        {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"/b\",\"value\":2}]", "{\"a\":1,\"b\":2}"},
        {"{\"a\":1}", "[{\"op\":\"copy\",\"from\":\"/b\",\"path\":\"/c\"}]", "{\"a\":1,\"c\":null}"},
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/b\",\"value\":null}]", "{\"a\":1}"},
        {"{\"a\":1}", "[{\"op\":\"move\",\"from\":\"/b\",\"path\":\"/c\"}]", UNPROCESSABLE},
        {"{\"a\":1}", "[{\"op\":\"remove\",\"path\":\"/b\"}]", UNPROCESSABLE},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"x/b\",\"value\":2}]", "{\"a\":1,\"b\":2}"},
        {"{\"a\":1}", "[{\"op\":\"add\",\"path\":\"\",\"value\":{}}]", UNPROCESSABLE},
        {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":{\"b\":2}}]", "{\"b\":2}"},
        {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":2}]", UNPROCESSABLE},
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"\",\"value\":{\"a\":1}}]", "{\"a\":1}"},
        {"{\"a\":1}", "[{\"op\":\"frob\",\"path\":\"/a\"}]", UNPROCESSABLE},
        {"{\"a\":1}", "[null]", UNPROCESSABLE},
        {"{\"a\":1}", "[{\"op\":\"add\",\"value\":1}]", UNPROCESSABLE},
        {"{\"a\":{\"b\":{}}}", "[{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a/b/c\"}]", UNPROCESSABLE},
        {"{\"a\":{\"b\":1}}",
            "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},{\"op\":\"add\",\"path\":\"/a/d\",\"value\":2}]",
            "{\"a\":{\"b\":1,\"d\":2},\"c\":{\"b\":1}}"},
        {"{\"a\":{\"x\":1,\"y\":[null]}}",
            "[{\"op\":\"test\",\"path\":\"/a\",\"value\":{\"y\":[null],\"x\":1}},{\"op\":\"remove\",\"path\":\"/a\"},"
            "{\"op\":\"add\",\"path\":\"/a\",\"value\":3}]",
            "{\"a\":3}"},
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1.0}]", UNPROCESSABLE},
        {"{}", "[]", "{}"},
    };
    (void)state;
    check_rows(PATCH_JSON, NULL, rows, ARRAY_LEN(rows));
}

/* RFC 7386, appendix A, with each row's values as members: a patch of an object is an object here. */
static void rfc_7386(void **state)
{
    static const struct patch_row rows[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"{\"v\":[\"a\",\"b\"]}", "{\"v\":[\"c\",\"d\"]}", "{\"v\":[\"c\",\"d\"]}"},
        {"{\"v\":{\"a\":\"b\"}}", "{\"v\":[\"c\"]}", "{\"v\":[\"c\"]}"},
        {"{\"v\":{\"a\":\"foo\"}}", "{\"v\":\"bar\"}", "{\"v\":\"bar\"}"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"{\"v\":[1,2]}", "{\"v\":{\"a\":\"b\",\"c\":null}}", "{\"v\":{\"a\":\"b\"}}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        /* kube-apiserver's: nulls of maps in lists go, those in lists stay */
        {"{}", "{\"a\":[{\"b\":null,\"c\":1},null]}", "{\"a\":[{\"c\":1},null]}"},
        {"{\"a\":{}}", "{\"a\":[{\"b\":null}]}", "{\"a\":[{}]}"},
        {"{\"a\":null}", "{\"a\":{\"b\":null}}", "{\"a\":{}}"},
    };
    (void)state;
    check_rows(PATCH_MERGE, NULL, rows, ARRAY_LEN(rows));
}

/* ---- Limits: hostile patches end soon */

static struct buffer body;

static void start_body(const char *first)
{
    buffer_init(&body, &arena);
    buffer_text(&body, first);
}

static double now(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Sanitizers make it several times slower; what is quadratic takes minutes. */
static err_t apply_soon(const char *object, struct json **ret)
{
    struct json *parsed = parse(object);
    double start = now();
    err_t code = apply(PATCH_JSON, NULL, parsed, buffer_bytes(&body), ret);
    assert_true(now() - start < 5);
    return code;
}

static void too_many_operations(void **state)
{
    struct json *result = NULL;
    (void)state;
    start_body("[{\"op\":\"test\",\"path\":\"/a\",\"value\":1}");
    for (int i = 1; i < 10000; i++)
        buffer_text(&body, ",{\"op\":\"test\",\"path\":\"/a\",\"value\":1}");
    struct buffer whole = body;
    buffer_byte(&body, ']');
    assert_int_equal(apply_soon("{\"a\":1}", &result), ERR_OK);
    body = whole;
    buffer_text(&body, ",{\"op\":\"test\",\"path\":\"/a\",\"value\":1}]");
    assert_int_equal(apply_soon("{\"a\":1}", &result), ERR_TOO_LARGE);
    assert_string_equal(text(error.message),
        "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001");
}

static void long_list(void **state)
{
    struct json *result;
    (void)state;
    start_body("[{\"op\":\"add\",\"path\":\"/a\",\"value\":[0");
    for (int i = 0; i < 300000; i++)
        buffer_text(&body, ",0");
    buffer_text(&body, "]}");
    for (int i = 0; i < 4000; i++)
        buffer_text(&body, ",{\"op\":\"add\",\"path\":\"/a/7\",\"value\":1},{\"op\":\"remove\",\"path\":\"/a/99999\"}");
    buffer_byte(&body, ']');
    assert_int_equal(apply_soon("{}", &result), ERR_OK);
    assert_int_equal(result->first->count, 300001);
}

static void large_map(void **state)
{
    struct json *result;
    struct buffer object;
    (void)state;
    buffer_init(&object, &arena);
    buffer_text(&object, "{\"m\":{\"k\":0");
    for (int i = 0; i < 50000; i++)
        buffer_format(&object, ",\"k%d\":0", i);
    buffer_text(&object, "}}");
    start_body("[{\"op\":\"test\",\"path\":\"/m/k\",\"value\":0}");
    for (int i = 0; i < 9000; i++)
        buffer_format(&body, ",{\"op\":\"%s\",\"path\":\"/m/k%d\",\"value\":1}", i % 2 ? "remove" : "add", 49999 - i);
    buffer_byte(&body, ']');
    assert_int_equal(apply_soon(text(buffer_bytes(&object)), &result), ERR_OK);
    assert_int_equal(result->first->count, 50001 - 4500);
}

static void copies_are_bounded(void **state)
{
    struct json *result = NULL;
    (void)state;
    start_body("[{\"op\":\"add\",\"path\":\"/a\",\"value\":{\"x\":\"");
    for (int i = 0; i < 1000; i++)
        buffer_byte(&body, 'x');
    buffer_text(&body, "\"}}");
    for (int i = 0; i < 12; i++) /* doubles */
        buffer_format(&body, ",{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/c%d\"}", i);
    buffer_byte(&body, ']');
    assert_int_equal(apply_soon("{}", &result), ERR_INVALID);
    assert_null(result);
}

static void depth_is_bounded(void **state)
{
    static const char *const operations[] = {
        ",{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/a/b\"}",
        ",{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/c\"},{\"op\":\"add\",\"path\":\"/a\",\"value\":{}},"
        "{\"op\":\"move\",\"from\":\"/c\",\"path\":\"/a/b\"}",
    };
    (void)state;
    for (size_t o = 0; o < ARRAY_LEN(operations); o++) {
        struct json *result = NULL;
        start_body("[{\"op\":\"add\",\"path\":\"/a\",\"value\":{}}");
        for (int i = 0; i < (o ? 3000 : 200); i++)
            buffer_text(&body, operations[o]);
        buffer_byte(&body, ']');
        assert_int_equal(apply_soon("{}", &result), ERR_INVALID);
        assert_null(result);
    }
    start_body("");
    for (int i = 0; i < 101; i++)
        buffer_text(&body, "{\"a\":");
    struct json *patch;
    assert_int_equal(patch_parse(&arena, PATCH_MERGE, buffer_bytes(&body), &patch, &error), ERR_BAD_REQUEST);
    assert_string_equal(text(error.message), "error decoding patch: exceeded max depth");
}

/* ---- Without memory, at every allocation */

static void faults(void **state)
{
    static const struct {
        enum patch_type type;
        const char *patch;
    } rows[] = {
        {PATCH_JSON, "[{\"op\":\"add\",\"path\":\"/a/1\",\"value\":{\"x\":[1],\"x\":[1]},\"y\":1},"
                     "{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b~1\"},{\"op\":\"move\",\"from\":\"/m/k\",\"path\":"
                     "\"/m/l\"},{\"op\":\"test\",\"path\":\"/m\",\"value\":{\"l\":1}},{\"op\":\"replace\",\"path\":\"/"
                     "a/0\",\"value\":2}]"},
        {PATCH_MERGE, "{\"a\":null,\"m\":{\"n\":1,\"n\":2},\"z\":[{\"q\":null}]}"},
        {PATCH_APPLY, "a: {b: c}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int n = 0;; n++) {
            struct arena own;
            struct json *object = parse("{\"a\":[1,2],\"m\":{\"k\":1}}"), *patch = NULL, *result = NULL;
            struct warnings warnings = {0};
            arena_init(&own, 1u << 20);
            memory_fail_after(n);
            err_t code = patch_parse_strict(&own, rows[i].type, bytes_of(rows[i].patch), &warnings, &patch, NULL);
            if (code == ERR_OK && rows[i].type != PATCH_APPLY)
                code = (rows[i].type == PATCH_JSON ? patch_json : patch_merge)(&own, object, patch, &result, NULL);
            bool fired = memory_fail_fired();
            memory_fail_after(-1);
            assert_int_equal(code, fired ? ERR_NO_MEMORY : ERR_OK);
            assert_true(!fired || !result);
            arena_reset(&own);
            if (!fired)
                break;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(content_types), TEST(malformed_bodies), TEST(apply_bodies), TEST(flaws),
        TEST(rfc_6902), TEST(json_patch_traits), TEST(rfc_7386), TEST(too_many_operations), TEST(long_list),
        TEST(large_map), TEST(copies_are_bounded), TEST(depth_is_bounded), TEST(faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
