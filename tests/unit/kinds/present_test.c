/* SPDX-License-Identifier: Apache-2.0 */
#include "api/present.h"
#include "base/clock.h"
#include "writes.h"

#define META(rv) "\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\"" rv ",\"labels\":{\"l\":\"1\"}}"
#define RV       ",\"resourceVersion\":\"42\""
#define STORED                                                                                                         \
    "{\"kind\":\"Secret\",\"apiVersion\":\"v1\"," META(                                                                \
        "") ",\"data\":{\"a\":\"YQ==\",\"b\":\"\"},\"type\":\"Opaque\"}\n"
#define PARTIAL "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\"," META(RV) "}"

static const char *object(const struct presentation *p, const struct kind *kind, const char *stored, bool with_columns)
{
    struct buffer b;
    buffer_init(&b, &arena);
    if (present_object(&arena, &b, p, kind, bytes_of(stored), 42, with_columns, &error) != ERR_OK)
        return text(error.message);
    return text(buffer_bytes(&b));
}

static void an_object_has_its_forms(void **state)
{
    static const struct {
        struct presentation p;
        const char *says;
    } cases[] = {
        {{.form = FORM_OBJECT}, "{\"kind\":\"Secret\",\"apiVersion\":\"v1\"," META(
                                    RV) ",\"data\":{\"a\":\"YQ==\",\"b\":\"\"},\"type\":\"Opaque\"}"},
        {{.form = FORM_PARTIAL}, PARTIAL},
        {{.form = FORM_PARTIAL, .v1beta1 = true},
            "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1beta1\"," META(RV) "}"},
        {{.form = FORM_PARTIAL_LIST},
            "you requested PartialObjectMetadataList, but the requested object is not a list (*core.Secret)"},
        {{.form = FORM_TABLE}, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/"
                               "v1\",\"metadata\":{\"resourceVersion\":\"42\"},\"columnDefinitions\":null,\"rows\":["
                               "{\"cells\":[\"a\",\"Opaque\",2,\"\\u003cunknown\\u003e\"],\"object\":" PARTIAL "}]}"},
        {{.form = FORM_TABLE, .include = INCLUDE_NONE},
            "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/"
            "v1\",\"metadata\":{\"resourceVersion\":\"42\"},\"columnDefinitions\":null,\"rows\":["
            "{\"cells\":[\"a\",\"Opaque\",2,\"\\u003cunknown\\u003e\"],\"object\":null}]}"},
        {{.form = FORM_TABLE, .include = INCLUDE_OBJECT, .v1beta1 = true},
            "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/"
            "v1beta1\",\"metadata\":{\"resourceVersion\":\"42\"},\"columnDefinitions\":null,\"rows\":["
            "{\"cells\":[\"a\",\"Opaque\",2,\"\\u003cunknown\\u003e\"],\"object\":{\"kind\":\"Secret\",\"apiVersion\":"
            "\"v1\"," META(RV) ",\"data\":{\"a\":\"YQ==\",\"b\":\"\"},\"type\":\"Opaque\"}}]}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(object(&cases[i].p, &secret_kind, STORED, false), cases[i].says);
}

static void text_that_cannot_be_cut_is_parsed(void **state)
{
    const struct presentation whole = {.form = FORM_OBJECT}, table = {.form = FORM_TABLE, .include = INCLUDE_NONE};
    (void)state;
    assert_string_equal(object(&whole, &secret_kind,
                            "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"annotations\":{\"k8s.io/"
                            "initial-events-end\":\"true\"}}}",
                            false),
        "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"42\",\"annotations\":{\"k8s.io/"
        "initial-events-end\":\"true\"}}}");
    assert_string_equal(
        object(&table, &secret_kind, "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{}}", false),
        "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/"
        "v1\",\"metadata\":{\"resourceVersion\":\"42\"},\"columnDefinitions\":null,\"rows\":[{\"cells\":[\"\",\"\",0,"
        "\"\\u003cunknown\\u003e\"],\"object\":null}]}");
}

static void tables_have_columns(void **state)
{
    const struct presentation table = {.form = FORM_TABLE, .include = INCLUDE_NONE};
    const char *says = object(&table, &namespace_kind,
        "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"},\"status\":{\"phase\":\"Active\"}"
        "}",
        true);
    struct json *tree;
    static const char *const names[] = {"Name", "Status", "Age"};
    size_t i = 0;
    (void)state;
    assert_int_equal(json_parse(&arena, bytes_of(says), &(struct json_options){0}, &tree, NULL, &error), ERR_OK);
    const struct json *columns = json_get(tree, BYTES("columnDefinitions"));
    assert_int_equal(columns->count, 3);
    for (const struct json *c = columns->first; c; c = c->next, i++) {
        assert_string_equal(text(json_text(c, BYTES("name"))), names[i]);
        assert_int_equal(c->count, 5);
        assert_true(json_text(c, BYTES("description")).n > 0);
    }
    assert_string_equal(text(json_text(columns->first, BYTES("format"))), "name");
    assert_non_null(
        strstr(says, "\"rows\":[{\"cells\":[\"n\",\"Active\",\"\\u003cunknown\\u003e\"],\"object\":null}]}"));
}

static void ages_count_from_the_creation(void **state)
{
    const struct presentation table = {.form = FORM_TABLE, .include = INCLUDE_NONE};
    char created_at[CLOCK_RFC3339_SIZE];
    (void)state;
    clock_format(clock_wall_seconds() - 5 * 86400 - 3600, created_at);
    bytes stored = arena_format(&arena,
        "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"creationTimestamp\":\"%s\"},"
        "\"type\":\"x\"}",
        created_at);
    assert_non_null(
        strstr(object(&table, &secret_kind, (const char *)stored.p, false), "\"cells\":[\"a\",\"x\",0,\"5d1h\"]"));
}

static const char *list(const struct presentation *p, bytes token, int64_t remaining)
{
    struct buffer b;
    buffer_init(&b, &arena);
    const struct present_list shown = {
        .presentation = p, .kind = &secret_kind, .revision = 267, .continue_token = token, .remaining = remaining};
    assert_int_equal(present_list_head(&arena, &b, &shown, &error), ERR_OK);
    assert_int_equal(present_item(&arena, &b, &shown, true, BYTES(STORED), 42, &error), ERR_OK);
    assert_int_equal(present_list_tail(&arena, &b, &shown, false, &error), ERR_OK);
    return text(buffer_bytes(&b));
}

static void lists_have_their_forms(void **state)
{
    struct presentation p = {.form = FORM_OBJECT};
    struct json *tree;
    (void)state;
    assert_string_equal(list(&p, BYTES_NONE, -1),
        "{\"kind\":\"SecretList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"267\"},\"items\":[{" META(
            RV) ",\"data\":{\"a\":\"YQ==\",\"b\":\"\"},"
                "\"type\":\"Opaque\"}]}");
    assert_non_null(strstr(list(&p, BYTES("tok"), 22),
        "\"metadata\":{\"resourceVersion\":\"267\",\"continue\":\"tok\",\"remainingItemCount\":22},\"items\":["));
    p.form = FORM_PARTIAL_LIST;
    assert_string_equal(list(&p, BYTES_NONE, -1), "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s."
                                                  "io/v1\",\"metadata\":{\"resourceVersion\":\"267\"},"
                                                  "\"items\":[" PARTIAL "]}");
    p.form = FORM_TABLE;
    assert_int_equal(
        json_parse(&arena, bytes_of(list(&p, BYTES("tok"), 1)), &(struct json_options){0}, &tree, NULL, &error),
        ERR_OK);
    assert_int_equal(json_get(tree, BYTES("rows"))->count, 1);
    assert_string_equal(text(json_text(json_get(tree, BYTES("metadata")), BYTES("continue"))), "tok");
}

/* kubectl apply leaves the values of a Secret in an annotation. */
static void metadata_forms_hide_what_was_applied(void **state)
{
    static const struct {
        const char *annotation, *shown;
    } cases[] = {
        {"{\\\"data\\\":{\\\"p\\\":\\\"CANARY\\\"},\\\"kind\\\":\\\"Secret\\\",\\\"stringData\\\":{\\\"q\\\":"
         "\\\"CANARY\\\",\\\"r\\\":[\\\"CANARY\\\"]}}",
            "{\\\"data\\\":{\\\"p\\\":\\\"(removed)\\\"},\\\"kind\\\":\\\"Secret\\\",\\\"stringData\\\":{\\\"q\\\":"
            "\\\"(removed)\\\",\\\"r\\\":\\\"(removed)\\\"}}\\n"},
        {"{\\\"data\\\":\\\"CANARY\\\"}", "{}\\n"},
        {"CANARY", ""},
        {"[\\\"CANARY\\\"]", ""},
        {"{\\\"data\\\":{\\\"a\\\":1},\\\"data\\\":{\\\"a\\\":\\\"CANARY\\\"}}", ""},
    };
    static const enum form forms[] = {FORM_PARTIAL, FORM_TABLE};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
            const struct presentation p = {.form = forms[f]};
            bytes stored = arena_format(&arena,
                "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"annotations\":{\"kubectl."
                "kubernetes.io/last-applied-configuration\":\"%s\"}}}",
                cases[i].annotation);
            const char *says = object(&p, &secret_kind, (const char *)stored.p, false);
            assert_null(strstr(says, "CANARY"));
            assert_non_null(
                strstr(says, text(arena_format(&arena, "last-applied-configuration\":\"%s\"}", cases[i].shown))));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(an_object_has_its_forms), TEST(text_that_cannot_be_cut_is_parsed),
        TEST(tables_have_columns), TEST(ages_count_from_the_creation), TEST(lists_have_their_forms),
        TEST(metadata_forms_hide_what_was_applied)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
