/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of Secrets: what is made of them, and kube-apiserver's sentences about bad ones (tests/golden, 020-081). */
#include "writes.h"

#define OBJECT(rest)                                                                                                   \
    "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\",\"namespace\":\"golden\"}" rest           \
    ",\"type\":\"Opaque\"}"
#define HANDLED "Secret in version \"v1\" cannot be handled as a Secret: "
#define UNKNOWN "the object provided is unrecognized (must be of type Secret): "
#define PARSE   UNKNOWN "couldn't get version/kind; json parse error: "

static void bodies_become_canonical(void **state)
{
    static const struct {
        const char *body, *stored;
    } cases[] = {
        {"{\"metadata\":{\"name\":\"x\"}}", OBJECT("")},
        {"{\"type\":\"\",\"data\":{},\"metadata\":{\"labels\":null,\"name\":\"x\",\"annotations\":{}}}", OBJECT("")},
        {"{\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":null,\"b\":\"\"}}",
            OBJECT(",\"data\":{\"a\":\"\",\"b\":\"\"}")},
        {"{\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":\"Y\\nQ=\\r\\n=\"}}", OBJECT(",\"data\":{\"a\":\"YQ==\"}")},
        {"{\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":\"YR==\"}}", OBJECT(",\"data\":{\"a\":\"YQ==\"}")},
        {"{\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":\"YWJ=\"}}", OBJECT(",\"data\":{\"a\":\"YWI=\"}")},
        {"{\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":[1,2]}}", OBJECT(",\"data\":{\"a\":\"AQI=\"}")},
        {"{\"metadata\":{\"name\":\"x\"},\"data\":{\"b\":\"Yg==\",\"a\":\"YQ==\",\"b\":\"Yw==\"}}",
            OBJECT(",\"data\":{\"a\":\"YQ==\",\"b\":\"Yw==\"}")},
        {"{\"metadata\":{\"name\":\"x\"},\"immutable\":false}", OBJECT(",\"immutable\":false")},
        {"{\"metadata\":{\"name\":\"x\",\"creationTimestamp\":null,\"generation\":0}}", OBJECT("")},
        {"{\"metadata\":{\"name\":\"x\"},\"stringData\":{\"c\":\"new\",\"a\":\"over\"},\"data\":{\"a\":\"Yg==\",\"b\":"
         "\"Yg==\"}}",
            OBJECT(",\"data\":{\"a\":\"b3Zlcg==\",\"b\":\"Yg==\",\"c\":\"bmV3\"}")},
        {"{\"metadata\":{\"name\":\"x\",\"namespace\":\"golden\",\"uid\":\"u\",\"selfLink\":\"/"
         "\",\"deletionTimestamp\":\"2020-01-01T00:00:00Z\"}}",
            OBJECT("")},
        {"{\"metadata\":{\"name\":\"x\",\"ownerReferences\":[{\"uid\":\"u\",\"name\":\"n\",\"kind\":\"K\","
         "\"apiVersion\":\"v1\",\"controller\":false}]}}",
            "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\",\"namespace\":\"golden\","
            "\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":"
            "\"K\",\"name\":\"n\",\"uid\":\"u\",\"controller\":false}]},\"type\":\"Opaque\"}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(created(&secret_kind, cases[i].body), cases[i].stored);
}

static void bad_bodies_get_kubernetes_sentences(void **state)
{
#define CASE(body, sentence)                                                                                           \
    {                                                                                                                  \
        body, HANDLED sentence                                                                                         \
    }
    static const struct {
        const char *body, *says;
    } cases[] = {
        CASE("{\"data\":{\"a\":\"not base64!\"}}", "illegal base64 data at input byte 3"),
        CASE("{\"data\":{\"a\":\"YWI\"}}", "illegal base64 data at input byte 0"),
        CASE("{\"data\":{\"a\":5}}", "json: cannot unmarshal number into Go struct field Secret.data of type []uint8"),
        CASE("{\"data\":\"abc\"}",
            "json: cannot unmarshal string into Go struct field Secret.data of type map[string][]uint8"),
        CASE(
            "{\"data\":{\"a\":[300]}}", "json: cannot unmarshal number into Go struct field Secret.data of type uint8"),
        CASE("{\"stringData\":{\"a\":5}}",
            "json: cannot unmarshal number into Go struct field Secret.stringData of type string"),
        CASE("{\"metadata\":{\"labels\":{\"a\":5}}}",
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"),
        CASE("{\"immutable\":\"yes\"}",
            "json: cannot unmarshal string into Go struct field Secret.immutable of type bool"),
        CASE("{\"metadata\":[]}",
            "json: cannot unmarshal array into Go struct field Secret.metadata of type v1.ObjectMeta"),
        CASE("{\"metadata\":{\"generation\":1.5}}",
            "json: cannot unmarshal number 1.5 into Go struct field ObjectMeta.metadata.generation of type int64"),
        CASE("{\"metadata\":{\"ownerReferences\":[{\"kind\":1}]}}",
            "json: cannot unmarshal number into Go struct field OwnerReference.metadata.ownerReferences.kind of type "
            "string"),
        CASE("{\"metadata\":{\"creationTimestamp\":5}}", "json: cannot unmarshal number into Go value of type string"),
        CASE("{\"metadata\":{\"creationTimestamp\":\"x\"}}",
            "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\""),
        CASE("{\"kind\":\"Secret\",\"data\":{\"z\":1,\"a\":\"?\"}}",
            "json: cannot unmarshal number into Go struct field Secret.data of type []uint8"),
        {"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\"}",
            "ConfigMap in version \"v1\" cannot be handled as a Secret: converting (v1.ConfigMap) to (core.Secret): "
            "unknown conversion"},
        {"{\"apiVersion\":\"v1\",\"kind\":\"SecretList\"}",
            "SecretList in version \"v1\" cannot be handled as a Secret: converting (v1.SecretList) to (core.Secret): "
            "unknown conversion"},
        {"{\"apiVersion\":\"v1\",\"kind\":\"Secrets\"}",
            "Secrets in version \"v1\" cannot be handled as a Secret: no kind \"Secrets\" is registered for "
            "version \"v1\" in scheme \"pkg/runtime/scheme.go:110\""},
        {"{\"apiVersion\":\"v2\",\"kind\":\"Secret\"}",
            "Secret in version \"v2\" cannot be handled as a Secret: no kind \"Secret\" is registered for "
            "version \"v2\" in scheme \"pkg/runtime/scheme.go:110\""},
        {"{\"apiVersion\":\"v1\",\"kind\":\"Secret\",",
            PARSE "unexpected end of JSON input ({\"apiVersion\":\"v1\",\"kind\":\"Sec ...)"},
        {"not json", PARSE "invalid character 'o' in literal null (expecting 'u') (6e6f74206a736f6e)"},
        {"", PARSE "unexpected end of JSON input (<empty>)"},
        {"{", PARSE "unexpected end of JSON input ({)"},
        {"[]", PARSE "json: cannot unmarshal array into Go value of type struct { APIVersion string "
                     "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string "
                     "\"json:\\\"kind,omitempty\\\"\" } (5b5d)"},
        {"{\"kind\":5}", PARSE "json: cannot unmarshal number into Go struct field .kind of type string ({ ...)"},
        {"{\"apiVersion\":\"a/b/c\"}", UNKNOWN "unexpected GroupVersion string: a/b/c ({\"apiVersion\":\"a/b/c\"})"},
        {"null", "Secret \"\" is invalid: metadata.name: Required value: name or generateName is required"},
        {"{\"metadata\":{\"name\":\"x\",\"namespace\":\"other\"}}",
            "the namespace of the provided object does not match the namespace sent on the request"},
        {"{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"1\"}}",
            "resourceVersion should not be set on objects to be created"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(created(&secret_kind, cases[i].body), cases[i].says);
}

/* A body that cannot be read is never shown beyond its kind and version. */
static void values_stay_out_of_errors(void **state)
{
    static const char *const bodies[] = {"{\"data\":{\"p\":\"CANARY\"", "{\"stringData\":{\"p\":\"CANARY\"},,",
        "{ \"kind\":\"Secret\",\"data\":{\"CANARY", " {\"data\":{\"p\":\"CANARY\"", "stringData:\n  p: CANARY",
        "{\"data\":{\"a\":\"CANARY!\"}}", "{\"data\":{\"a\":[256,\"CANARY\"]}}",
        "{\"type\":\"kubernetes.io/"
        "dockercfg\",\"metadata\":{\"name\":\"x\"},\"stringData\":{\".dockercfg\":\"CANARY\"}}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        const char *says = created(&secret_kind, bodies[i]);
        if (strstr(says, "CANAR") || strstr(says, "43414e41") || strncmp(says, "{\"kind\":\"Secret\"", 16) == 0)
            fail_msg("%s", says);
    }
}

static void strictness_is_the_clients_choice(void **state)
{
    static const struct {
        const char *body, *strict, *first, *second;
    } cases[] = {
        {"{\"metadata\":{\"name\":\"x\",\"bogus\":1},\"extra\":true}",
            "unknown field \"metadata.bogus\", unknown field \"extra\"", "unknown field \"metadata.bogus\"",
            "unknown field \"extra\""},
        {"{\"metadata\":{\"name\":\"z\",\"name\":\"x\"},\"data\":{\"a\":\"Yg==\",\"a\":\"Yw==\"}}",
            "duplicate field \"metadata.name\", duplicate field \"data.a\"", "duplicate field \"metadata.name\"",
            "duplicate field \"data.a\""},
        {"{\"Metadata\":{\"name\":\"x\"},\"metadata\":{\"name\":\"x\"},\"DATA\":1}",
            "unknown field \"Metadata\", unknown field \"DATA\"", "unknown field \"Metadata\"",
            "unknown field \"DATA\""},
        {"{\"metadata\":{\"name\":\"x\",\"ownerReferences\":[{\"a\":1,\"apiVersion\":\"v1\",\"kind\":\"K\",\"name\":"
         "\"n\",\"uid\":\"u\",\"b\":1}]}}",
            "unknown field \"metadata.ownerReferences[0].a\", unknown field \"metadata.ownerReferences[0].b\"",
            "unknown field \"metadata.ownerReferences[0].a\"", "unknown field \"metadata.ownerReferences[0].b\""},
    };
    struct json *object;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bytes body = bytes_of(cases[i].body);
        assert_int_equal(create(&secret_kind, BODY_JSON, body, FIELD_VALIDATION_STRICT, &object), ERR_BAD_REQUEST);
        assert_string_equal(text(error.message) + strlen(HANDLED "strict decoding error: "), cases[i].strict);
        assert_int_equal(create(&secret_kind, BODY_JSON, body, FIELD_VALIDATION_WARN, &object), ERR_OK);
        assert_int_equal(warnings.count, 2);
        assert_string_equal(text(warnings.text[0]), cases[i].first);
        assert_string_equal(text(warnings.text[1]), cases[i].second);
        assert_int_equal(create(&secret_kind, BODY_JSON, body, FIELD_VALIDATION_IGNORE, &object), ERR_OK);
        assert_int_equal(warnings.count, 0);
    }
}

static void yaml_is_read_too(void **state)
{
    struct json *object;
    bytes body = BYTES("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData:\n  a: |\n    b\n");
    (void)state;
    err_t result = create(&secret_kind, BODY_YAML, body, FIELD_VALIDATION_STRICT, &object);
    assert_string_equal(outcome(result, object), OBJECT(",\"data\":{\"a\":\"Ygo=\"}"));
    assert_int_equal(
        create(&secret_kind, BODY_YAML, BYTES("stringData:\n  CANARY: [\n"), FIELD_VALIDATION_STRICT, &object),
        ERR_BAD_REQUEST);
    assert_null(strstr(text(error.message), "CANARY"));
}

static bytes unhex(const char *hex)
{
    uint8_t *p = arena_alloc(&arena, strlen(hex) / 2);
    unsigned byte;
    for (size_t i = 0; hex[2 * i]; i++) {
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        p[i] = (uint8_t)byte;
    }
    return (bytes){p, strlen(hex) / 2};
}

static void protobuf_is_read_too(void **state)
{
    static const struct {
        const char *hex, *outcome;
    } cases[] = {
        {"6b3873000a0c0a0276311206536563726574121e0a120a02673112001a0022002a0032003800420012060a01611201621a002200",
            "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"g1\",\"namespace\":\"golden\"},"
            "\"data\":{\"a\":\"Yg==\"},\"type\":\"Opaque\"}"},
        /* two entries of one key, out of order: the last wins; field 99 is skipped; stringData; immutable */
        {"6b38730012"
         "2b0a030a017812060a016212013112060a016112013212060a016212013322060a0163"
         "12016428019a0601ff",
            "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\",\"namespace\":\"golden\"},"
            "\"immutable\":true,\"data\":{\"a\":\"Mg==\",\"b\":\"Mw==\","
            "\"c\":\"ZA==\"},\"type\":\"Opaque\"}"},
        {"6b387300ffffff", UNKNOWN "unexpected EOF (6b387300ffffff)"},
        {"7b7d", UNKNOWN "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] ({})"},
        {"",
            UNKNOWN "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] (<empty>)"},
        {"6b3873000a0c0a0276311206536563726574",
            "Secret \"\" is invalid: metadata.name: Required value: name or generateName is required"},
        {"6b3873000a0c0a027631120653656372657412020aff", HANDLED "unexpected EOF"},
        {"6b3873000a0c0a0276311206536563726574120208ff", HANDLED "unexpected EOF"},
        {"6b3873000a0c0a02763112065365637265741205080a", UNKNOWN "unexpected EOF (6b3873000a0c0a02 ...)"},
        {"6b3873000a0c0a02763112065365637265741202080a", HANDLED "proto: wrong wireType = 0 for field 1"},
        {"6b3873000a0c0a027631120653656372657412050a030a01ff", HANDLED "string field contains invalid UTF-8"},
        {"6b3873000a0b0a027631120550"
         "6f647373",
            "Podss in version \"v1\" cannot be handled as a Secret: no kind \"Podss\" is registered for version \"v1\" "
            "in scheme "
            "\"pkg/runtime/scheme.go:110\""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *object = NULL;
        err_t result = create(&secret_kind, BODY_PROTOBUF, unhex(cases[i].hex), FIELD_VALIDATION_STRICT, &object);
        assert_string_equal(outcome(result, object), cases[i].outcome);
    }
}

static void content_types_are_known(void **state)
{
    static const struct {
        const char *type;
        enum body_format format;
    } cases[] = {{"", BODY_JSON}, {"application/json", BODY_JSON}, {"application/json; charset=utf-8", BODY_JSON},
        {"Application/JSON ;x", BODY_JSON}, {"application/yaml", BODY_YAML},
        {"application/vnd.kubernetes.protobuf", BODY_PROTOBUF}};
    enum body_format format;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(body_format_of(bytes_of(cases[i].type), &format, &error), ERR_OK);
        assert_int_equal(format, cases[i].format);
    }
    assert_int_equal(body_format_of(BYTES("text/plain"), &format, &error), ERR_UNSUPPORTED_MEDIA_TYPE);
    assert_string_equal(text(error.message),
        "the body of the request was in an unknown format - accepted media types include: application/json, "
        "application/yaml, application/vnd.kubernetes.protobuf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(bodies_become_canonical), TEST(bad_bodies_get_kubernetes_sentences),
        TEST(values_stay_out_of_errors), TEST(strictness_is_the_clients_choice), TEST(yaml_is_read_too),
        TEST(protobuf_is_read_too), TEST(content_types_are_known)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
