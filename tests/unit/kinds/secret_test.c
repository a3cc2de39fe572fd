/* SPDX-License-Identifier: Apache-2.0 */
/* Validation of Secrets, in kube-apiserver's words (tests/golden, 032-042, 054, 087-122, 289). */
#include "base/base64.h"
#include "writes.h"

#define LABEL_NAME                                                                                                     \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric " \
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "                            \
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define LABEL_VALUE                                                                                                    \
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "    \
    "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation "  \
    "is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
#define KEY                                                                                                            \
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "  \
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
#define X        "Secret \"x\" is invalid: "
#define REDACTED "Invalid value: \"<secret contents redacted>\": "

static void bad_secrets_are_refused(void **state)
{
    static const struct {
        const char *body, *says;
    } cases[] = {
        {"{\"metadata\":{\"name\":\"Bad_Name\"}}",
            "Secret \"Bad_Name\" is invalid: metadata.name: Invalid value: \"Bad_Name\": a lowercase RFC 1123 "
            "subdomain must consist "
            "of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character "
            "(e.g. 'example.com', regex used for validation is "
            "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"},
        {"{\"data\":{\"a/b\":\"\"},\"metadata\":{\"name\":\"x\"}}", X "data[a/b]: Invalid value: \"a/b\": " KEY},
        {"{\"metadata\":{\"name\":\"x\",\"labels\":{\"a b\":\"c d\",\"ok\":\"-bad\"}}}",
            X "[metadata.labels: Invalid value: \"a b\": " LABEL_NAME
              ", metadata.labels: Invalid value: \"c d\": " LABEL_VALUE
              ", metadata.labels: Invalid value: \"-bad\": " LABEL_VALUE "]"},
        {"{\"metadata\":{\"name\":\"x\",\"annotations\":{\"a b\":\"c\"}}}",
            X "metadata.annotations: Invalid value: \"a b\": " LABEL_NAME},
        {"{\"metadata\":{\"name\":\"x\",\"annotations\":{\"Example.com/a\":\"c\"},\"finalizers\":[\"nogroup\"]}}",
            X "metadata.finalizers[0]: Invalid value: \"nogroup\": name is neither a standard finalizer name nor is it "
              "fully qualified"},
        {"{\"metadata\":{\"name\":\"x\",\"finalizers\":[\"a.b/c\",\"orphan\",\"foregroundDeletion\"]}}",
            X "metadata.finalizers: Invalid value: [\"a.b/c\",\"orphan\",\"foregroundDeletion\"]: finalizer orphan and "
              "foregroundDeletion cannot be both set"},
        {"{\"metadata\":{\"name\":\"x\",\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"name\":\"\","
         "\"uid\":\"\"}]}}",
            X "[metadata.ownerReferences.name: Invalid value: \"\": must not be empty, metadata.ownerReferences.uid: "
              "Invalid value: \"\": must not be empty]"},
        {"{\"metadata\":{\"name\":\"x\",\"generation\":-1}}",
            X "metadata.generation: Invalid value: -1: must be greater than or equal to 0"},
        {"{\"metadata\":{\"name\":\"x\",\"annotations\":{\"coffer.dev/unreadable\":\"\"}}}",
            X "metadata.annotations[coffer.dev/unreadable]: Forbidden: marks an object that the server cannot read; it "
              "may not be written"},
        {"{\"metadata\":{\"name\":\"x\"},\"stringData\":{\"a\":\"(removed)\"}}",
            X "data[a]: Invalid value: \"(removed)\": the mark of a value that was left out cannot be stored in its "
              "place: "
              "read the Secret itself"},
        {"{\"metadata\":{\"name\":\"x\",\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":"
         "\"{\\\"data\\\":{\\\"p\\\":\\\"(removed)\\\"}}\"}}}",
            X
            "metadata.annotations[kubectl.kubernetes.io/last-applied-configuration]: Invalid value: \"(removed)\": the "
            "mark of a value that was left out cannot be stored in its place: read the Secret itself"},
        {"{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/dockerconfigjson\"}",
            X "data[.dockerconfigjson]: Required value"},
        {"{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/"
         "dockerconfigjson\",\"data\":{\".dockerconfigjson\":\"e25vcGU=\"}}",
            X "data[.dockerconfigjson]: " REDACTED "invalid character 'n' looking for beginning of object key string"},
        {"{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/dockercfg\",\"data\":{\".dockercfg\":\"bm9wZQ==\"}}",
            X "data[.dockercfg]: " REDACTED "invalid character 'o' in literal null (expecting 'u')"},
        {"{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/dockercfg\",\"stringData\":{\".dockercfg\":\"[]\"}}",
            X "data[.dockercfg]: " REDACTED
              "json: cannot unmarshal array into Go value of type map[string]interface {}"},
        {"{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/basic-auth\"}",
            X "[data[username]: Required value, data[password]: Required value]"},
        {"{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/ssh-auth\",\"data\":{\"ssh-privatekey\":\"\"}}",
            X "data[ssh-privatekey]: Required value"},
        {"{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/tls\",\"data\":{\"tls.crt\":\"\"}}",
            X "data[tls.key]: Required value"},
        {"{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/service-account-token\"}",
            X "metadata.annotations[kubernetes.io/service-account.name]: Required value"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(created(&secret_kind, cases[i].body), cases[i].says);
    assert_non_null(strstr(created(&secret_kind, "{\"metadata\":{\"generateName\":\"A-\"}}"),
        "metadata.generateName: Invalid value: \"A-\""));
}

static void good_secrets_of_each_type_pass(void **state)
{
    static const char *const bodies[] = {"{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/"
                                         "dockerconfigjson\",\"stringData\":{\".dockerconfigjson\":\"{}\"}}",
        "{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/basic-auth\",\"data\":{\"password\":\"\"}}",
        "{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/ssh-auth\",\"stringData\":{\"ssh-privatekey\":\"k\"}}",
        "{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/tls\",\"data\":{\"tls.crt\":\"\",\"tls.key\":\"\"}}",
        "{\"metadata\":{\"name\":\"x\"},\"type\":\"bootstrap.kubernetes.io/token\"}",
        "{\"metadata\":{\"name\":\"x\"},\"type\":\"example.com/own\"}",
        "{\"metadata\":{\"name\":\"x\",\"annotations\":{\"kubernetes.io/"
        "service-account.name\":\"s\"}},\"type\":\"kubernetes.io/service-account-token\"}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct json *object;
        if (create(&secret_kind, BODY_JSON, bytes_of(bodies[i]), FIELD_VALIDATION_STRICT, &object) != ERR_OK)
            fail_msg("%s: %s", bodies[i], text(error.message));
    }
    (void)created(&secret_kind, bodies[3]);
    assert_int_equal(warnings.count, 1);
    assert_string_equal(text(warnings.text[0]), "tls: failed to find any PEM data in certificate input");
    (void)created(&secret_kind,
        "{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/"
        "tls\",\"stringData\":{\"tls.crt\":\"-----BEGIN CERTIFICATE-----\",\"tls.key\":\"k\"}}");
    assert_string_equal(text(warnings.text[0]), "tls: failed to find any PEM data in key input");
}

/* {"metadata":{"name":"x"},"data":{"a":n bytes in base64}} */
static bytes sized(size_t n)
{
    uint8_t *plain = arena_zero(&arena, n);
    assert_non_null(plain);
    return arena_join(&arena, BYTES("{\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":\""),
        base64_encode(&arena, BASE64_STANDARD, (bytes){plain, n}), BYTES("\"}}"), ARENA_END);
}

static void a_mebibyte_is_the_most(void **state)
{
    struct json *object;
    (void)state;
    assert_int_equal(create(&secret_kind, BODY_JSON, sized(1048576), FIELD_VALIDATION_WARN, &object), ERR_OK);
    assert_int_equal(create(&secret_kind, BODY_JSON, sized(1048577), FIELD_VALIDATION_WARN, &object), ERR_INVALID);
    assert_string_equal(text(error.message), X "data: Too long: may not be more than 1048576 bytes");
    assert_string_equal(error.causes->reason, "FieldValueTooLong");
}

static void annotations_have_a_limit(void **state)
{
    struct json *object;
    char *value = malloc(262144);
    (void)state;
    memset(value, 'c', 262144);
    for (int over = 0; over < 2; over++) {
        bytes body = arena_join(&arena, BYTES("{\"metadata\":{\"name\":\"x\",\"annotations\":{\"a\":\""),
            (bytes){(uint8_t *)value, (size_t)(262143 + over)}, BYTES("\"}}}"), ARENA_END);
        assert_int_equal(
            create(&secret_kind, BODY_JSON, body, FIELD_VALIDATION_WARN, &object), over ? ERR_INVALID : ERR_OK);
    }
    assert_string_equal(text(error.message), X "metadata.annotations: Too long: may not be more than 262144 bytes");
    free(value);
}

static void a_million_bad_keys_get_a_short_answer(void **state)
{
    struct json *object;
    struct buffer body;
    (void)state;
    buffer_init(&body, &arena);
    buffer_text(&body, "{\"metadata\":{\"name\":\"x\"},\"data\":{");
    for (int i = 0; i < 100000; i++)
        buffer_format(&body, "%s\"/%d\":\"\"", i ? "," : "", i);
    buffer_text(&body, "}}");
    assert_int_equal(
        create(&secret_kind, BODY_JSON, buffer_bytes(&body), FIELD_VALIDATION_STRICT, &object), ERR_INVALID);
    assert_int_equal(error.cause_count, CAUSES_MOST);
}

/* ---- Updates */

#define FIXED "field is immutable when `immutable` is set"

static void updates_keep_what_must_stay(void **state)
{
    static const struct {
        const char *old, *body, *says;
    } cases[] = {
        {"{\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":\"Yg==\"}}",
            "{\"metadata\":{\"name\":\"x\"},\"type\":\"example.com/other\"}",
            X "type: Invalid value: \"example.com/other\": field is immutable"},
        {"{\"metadata\":{\"name\":\"x\"},\"type\":\"kubernetes.io/basic-auth\",\"data\":{\"username\":\"\"}}",
            "{\"metadata\":{\"name\":\"x\"},\"data\":{\"username\":\"\"}}",
            X "type: Invalid value: \"Opaque\": field is immutable"},
        {"{\"metadata\":{\"name\":\"x\"},\"immutable\":true,\"data\":{\"a\":\"Yg==\"}}",
            "{\"metadata\":{\"name\":\"x\"},\"immutable\":true,\"data\":{\"a\":\"Yw==\"}}",
            X "data: Forbidden: " FIXED},
        {"{\"metadata\":{\"name\":\"x\"},\"immutable\":true,\"data\":{\"a\":\"Yg==\"}}",
            "{\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":\"Yg==\"}}", X "immutable: Forbidden: " FIXED},
        {"{\"metadata\":{\"name\":\"x\"},\"immutable\":true}",
            "{\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":\"Yg==\"}}",
            X "[immutable: Forbidden: " FIXED ", data: Forbidden: " FIXED "]"},
        {"{\"metadata\":{\"name\":\"x\"},\"immutable\":true,\"data\":{\"a\":\"Yg==\"}}",
            "{\"metadata\":{\"name\":\"x\",\"labels\":{\"l\":\"1\"}},\"immutable\":true,\"data\":{\"a\":\"Yg==\"}}",
            "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\",\"namespace\":\"golden\","
            "\"labels\":{\"l\":\"1\"}},\"immutable\":true,\"data\":"
            "{\"a\":\"Yg==\"},\"type\":\"Opaque\"}"},
        {"{\"metadata\":{\"name\":\"x\"}}", "{\"metadata\":{\"name\":\"other\"}}",
            "the name of the object (other) does not match the name on the URL (x)"},
        {"{\"metadata\":{\"name\":\"x\"}}", "{\"metadata\":{}}",
            "the name of the object (x based on URL) was undeterminable: name must be provided"},
        {"{\"metadata\":{\"name\":\"x\"}}", "{\"metadata\":{\"name\":\"x\",\"namespace\":\"b\"}}",
            "the namespace of the object (b) does not match the namespace on the request (golden)"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(updated(&secret_kind, cases[i].body, existing(&secret_kind, cases[i].old)), cases[i].says);
}

static void the_servers_fields_are_carried_over(void **state)
{
    struct json *object, *old = existing(&secret_kind, "{\"metadata\":{\"name\":\"x\",\"generation\":7}}");
    const struct json *metadata = json_get(old, BYTES("metadata"));
    (void)state;
    assert_int_equal(update(&secret_kind, "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"5\",\"generation\":9}}",
                         old, &object),
        ERR_OK);
    assert_true(json_equal(metadata, json_get(object, BYTES("metadata"))));
}

/* Said other than they are, they are refused. */
static void the_servers_fields_cannot_change(void **state)
{
    static const struct {
        const char *member, *says;
    } cases[] = {{"\"uid\":\"u\"", "metadata.uid: Invalid value: \"u\": field is immutable"},
        {"\"creationTimestamp\":\"2001-01-01T00:00:00Z\"",
            "metadata.creationTimestamp: Invalid value: \"2001-01-01T00:00:00Z\": field is immutable"},
        {"\"deletionTimestamp\":\"2001-01-01T00:00:00Z\"",
            "metadata.deletionTimestamp: Invalid value: \"2001-01-01T00:00:00Z\": field is immutable"},
        {"\"deletionGracePeriodSeconds\":5",
            "metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable"}};
    struct json *old = existing(&secret_kind, "{\"metadata\":{\"name\":\"x\"}}");
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bytes body = arena_format(&arena, "{\"metadata\":{\"name\":\"x\",%s}}", cases[i].member);
        bytes says = arena_format(&arena, X "%s", cases[i].says);
        assert_string_equal(updated(&secret_kind, (const char *)body.p, old), text(says));
    }
}

static void no_finalizer_joins_a_deletion(void **state)
{
    struct json *old = existing(
        &secret_kind, "{\"metadata\":{\"name\":\"fin\",\"finalizers\":[\"example.com/one\",\"example.com/zero\"]}}");
    (void)state;
    assert_non_null(json_set(json_get(old, BYTES("metadata")), BYTES("deletionTimestamp"),
        json_string(&arena, BYTES("2026-01-01T00:00:00Z"))));
    assert_string_equal(
        updated(&secret_kind,
            "{\"metadata\":{\"name\":\"fin\",\"finalizers\":[\"example.com/one\",\"example.com/two\"]}}", old),
        "Secret \"fin\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is "
        "being deleted, found new finalizers "
        "[]string{\"example.com/two\"}");
    assert_string_equal(
        updated(&secret_kind, "{\"metadata\":{\"name\":\"fin\",\"finalizers\":[\"example.com/zero\"]}}", old),
        "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"fin\",\"namespace\":\"golden\","
        "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\","
        "\"finalizers\":[\"example.com/zero\"]},\"type\":\"Opaque\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(bad_secrets_are_refused), TEST(good_secrets_of_each_type_pass),
        TEST(a_mebibyte_is_the_most), TEST(annotations_have_a_limit), TEST(a_million_bad_keys_get_a_short_answer),
        TEST(updates_keep_what_must_stay), TEST(the_servers_fields_are_carried_over),
        TEST(the_servers_fields_cannot_change), TEST(no_finalizer_joins_a_deletion)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
