/* SPDX-License-Identifier: Apache-2.0 */
/* Queries to options, and what is wrong with them in kube-apiserver's words. */
#include "serve/steps.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct kind secret = {
    .number = 1, .group = "", .version = "v1", .kind = "Secret", .plural = "secrets", .namespaced = true};

#define M64 "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"

static const struct row {
    enum verb verb;
    const char *query;
    err_t result;
    const char *message;
} rows[] = {
    {VERB_CREATE, "", ERR_OK, ""},
    {VERB_CREATE, "unknown=x&also", ERR_OK, ""},
    {VERB_CREATE, "dryRun=All&dryRun=All", ERR_OK, ""},
    {VERB_CREATE, "dryRun=Some", ERR_INVALID,
        "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: supported values: \"All\""},
    {VERB_CREATE, "dryRun=", ERR_INVALID,
        "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"\"]: supported values: \"All\""},
    {VERB_UPDATE, "dryRun=All&dryRun=x", ERR_INVALID,
        "UpdateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"All\",\"x\"]: supported values: "
        "\"All\""},
    {VERB_CREATE, "fieldValidation=Maybe", ERR_INVALID,
        "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"Maybe\": supported values: "
        "\"\", \"Ignore\", "
        "\"Strict\", \"Warn\""},
    {VERB_CREATE, "fieldManager=" M64 M64, ERR_OK, ""},
    {VERB_CREATE, "fieldManager=a%0Ab", ERR_INVALID,
        "CreateOptions.meta.k8s.io \"\" is invalid: fieldManager: Invalid value: \"a\\nb\": invalid character U+000A "
        "(at position 1)"},
    {VERB_CREATE, "fieldManager=" M64 M64 "m", ERR_INVALID,
        "CreateOptions.meta.k8s.io \"\" is invalid: fieldManager: Too long: may not be more than 128 bytes"},
    {VERB_LIST, "limit=abc", ERR_BAD_REQUEST, "strconv.ParseInt: parsing \"abc\": invalid syntax"},
    {VERB_LIST, "limit=", ERR_BAD_REQUEST, "strconv.ParseInt: parsing \"\": invalid syntax"},
    {VERB_LIST, "limit=99999999999999999999", ERR_BAD_REQUEST,
        "strconv.ParseInt: parsing \"99999999999999999999\": value out of range"},
    {VERB_LIST, "limit=-1", ERR_OK, ""},
    {VERB_LIST, "limit=%2B7", ERR_OK, ""},
    {VERB_LIST, "limit=1&limit=x", ERR_OK, ""},
    {VERB_LIST, "resourceVersion=abc", ERR_BAD_REQUEST,
        "invalid resource version: resourceVersion: Invalid value: \"abc\": strconv.ParseUint: parsing \"abc\": "
        "invalid syntax"},
    {VERB_GET, "resourceVersion=abc", ERR_BAD_REQUEST,
        "resourceVersion: Invalid value: \"abc\": strconv.ParseUint: parsing \"abc\": invalid syntax"},
    {VERB_LIST, "resourceVersionMatch=Exact", ERR_INVALID,
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden "
        "unless resourceVersion is "
        "provided"},
    {VERB_LIST, "resourceVersion=0&resourceVersionMatch=Exact", ERR_INVALID,
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is "
        "forbidden for "
        "resourceVersion \"0\""},
    {VERB_LIST, "resourceVersion=1&resourceVersionMatch=Nope", ERR_INVALID,
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Unsupported value: \"Nope\": supported values: "
        "\"Exact\", "
        "\"NotOlderThan\", \"\""},
    {VERB_LIST, "resourceVersion=5&resourceVersionMatch=Exact", ERR_OK, ""},
    {VERB_LIST, "sendInitialEvents=true", ERR_INVALID,
        "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for "
        "list"},
    {VERB_LIST, "resourceVersion=5&continue=abc", ERR_BAD_REQUEST,
        "specifying resource version is not allowed when using continue"},
    {VERB_LIST, "resourceVersion=0&continue=abc", ERR_OK, ""},
    {VERB_LIST, "labelSelector=a%3D%3D%3D", ERR_BAD_REQUEST,
        "unable to parse requirement: found '=', expected: identifier"},
    {VERB_LIST, "fieldSelector=data.a%3Db", ERR_BAD_REQUEST,
        "\"data.a\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""},
    {VERB_LIST, "limit=%zz", ERR_BAD_REQUEST, "invalid URL escape in the query"},
    {VERB_WATCH, "sendInitialEvents=true", ERR_INVALID,
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting "
        "resourceVersionMatch to "
        "NotOlderThan"},
    {VERB_WATCH, "resourceVersionMatch=NotOlderThan&resourceVersion=1", ERR_INVALID,
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden "
        "for watch unless "
        "sendInitialEvents is provided"},
    {VERB_WATCH, "continue=abc", ERR_INVALID,
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden "
        "when continue is provided"},
    {VERB_WATCH, "sendInitialEvents=true&resourceVersionMatch=NotOlderThan", ERR_OK, ""},
    {VERB_WATCH, "timeoutSeconds=x", ERR_BAD_REQUEST, "strconv.ParseInt: parsing \"x\": invalid syntax"},
    {VERB_GET, "timeout=nope", ERR_BAD_REQUEST, "invalid timeout specified in the request URL"},
    {VERB_WATCH, "timeout=nope", ERR_OK, ""},
    {VERB_GET, "timeout=32s", ERR_OK, ""},
    {VERB_GET, "limit=abc", ERR_OK, ""},
};

static struct server server = {.options = {.request_timeout_ms = 60000}};

static struct request parse(struct http_exchange *x, enum verb verb, const char *query, enum step_result *ret)
{
    *x = (struct http_exchange){.query = bytes_of(query)};
    arena_init(&x->arena, 1 << 20);
    struct request r = {.exchange = x, .arena = &x->arena, .server = &server, .verb = verb, .kind = &secret};
    error_init(&r.error, &x->arena);
    *ret = options_step(&r);
    return r;
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        struct http_exchange x;
        enum step_result result;
        struct request r = parse(&x, row->verb, row->query, &result);
        if (r.error.code != row->result || !bytes_equal(r.error.message, bytes_of(row->message)))
            fail_msg(
                "%s: %d \"%.*s\", not \"%s\"", row->query, (int)r.error.code, BYTES_FMT(r.error.message), row->message);
        assert_int_equal(result, row->result == ERR_OK ? STEP_NEXT : STEP_FAIL);
        /* An Invalid names its options object and has one cause. */
        if (row->result == ERR_INVALID) {
            assert_true(bytes_equal(r.details.group, BYTES("meta.k8s.io")));
            assert_int_equal(r.error.cause_count, 1);
        }
        arena_reset(&x.arena);
    }
}

static void test_values(void **state)
{
    struct http_exchange x;
    enum step_result result;
    struct request r = parse(&x, VERB_LIST,
        "limit=5&limit=6&resourceVersion=17&resourceVersionMatch=NotOlderThan&pretty=true&labelSelector=a%3Db",
        &result);

    (void)state;
    assert_int_equal(result, STEP_NEXT);
    assert_int_equal(r.options.limit, 5);
    assert_true(r.options.has_revision);
    assert_int_equal(r.options.revision, 17);
    assert_int_equal(r.options.match, MATCH_NOT_OLDER_THAN);
    assert_int_equal(r.options.labels.count, 1);
    assert_true(bytes_equal(r.options.pretty, BYTES("true")));
    arena_reset(&x.arena);
    r = parse(&x, VERB_LIST, "limit=-3", &result);
    assert_int_equal(r.options.limit, 0);
    arena_reset(&x.arena);
    r = parse(&x, VERB_CREATE, "", &result);
    assert_int_equal(r.options.field_validation, FIELD_VALIDATION_WARN);
    arena_reset(&x.arena);
    r = parse(&x, VERB_UPDATE, "dryRun=All&fieldValidation=Strict&timeout=2s", &result);
    assert_true(r.options.dry_run);
    assert_int_equal(r.options.field_validation, FIELD_VALIDATION_STRICT);
    assert_int_equal(r.deadline_us, 2000000);
    arena_reset(&x.arena);
}

static void test_watch_of_one_name(void **state)
{
    struct http_exchange x = {.query = BYTES("fieldSelector=metadata.name%3Dother")};
    struct request r = {.exchange = &x,
        .arena = &x.arena,
        .server = &server,
        .verb = VERB_WATCH,
        .kind = &secret,
        .legacy_watch = true,
        .name = BYTES("one")};

    (void)state;
    arena_init(&x.arena, 1 << 20);
    error_init(&r.error, &x.arena);
    assert_int_equal(options_step(&r), STEP_FAIL);
    assert_true(bytes_equal(r.error.message, BYTES("fieldSelector metadata.name doesn't match requested name")));
    x.query = BYTES("fieldSelector=type%3Dt");
    r.options = (struct request_options){0};
    /* This kind has no field "type": the selector is still refused when a name is added. */
    assert_int_equal(options_step(&r), STEP_FAIL);
    x.query = BYTES_NONE;
    r.options = (struct request_options){0};
    assert_int_equal(options_step(&r), STEP_NEXT);
    assert_true(bytes_equal(field_selector_required_name(&r.options.fields), BYTES("one")));
    arena_reset(&x.arena);
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
        bool good;
    } cases[] = {{"32s", 32000, true}, {"1m30s", 90000, true}, {"1.5s", 1500, true}, {"250ms", 250, true},
        {"0", 0, true}, {"1h", 3600000, true}, {"1ns", 1, true}, {".5s", 500, true}, {"", 0, false}, {"5", 0, false},
        {"s", 0, false}, {"-1s", 0, false}, {"1.2.3s", 0, false}, {"1x", 0, false}, {".s", 0, false},
        {"99999999999999999999999999999h", 1000000000000000, true}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t ms = 0;
        bool good = duration_parse(bytes_of(cases[i].text), &ms);
        if (good != cases[i].good || (good && ms != cases[i].ms))
            fail_msg("%s: %d, %llu ms", cases[i].text, good, (unsigned long long)ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_watch_of_one_name),
        cmocka_unit_test(test_durations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
