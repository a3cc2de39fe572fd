/* SPDX-License-Identifier: Apache-2.0 */
#include "api/present.h"
#include "fixture.h"

#define PARTIAL ";v=v1;g=meta.k8s.io"

static void accept_chooses_the_form(void **state)
{
    static const struct {
        const char *accept;
        enum form form;
        bool v1beta1;
    } cases[] = {
        {"", FORM_OBJECT, false},
        {" ", FORM_OBJECT, false},
        {"*/*", FORM_OBJECT, false},
        {"application/*", FORM_OBJECT, false},
        {"application/json", FORM_OBJECT, false},
        {"application/json;as=Table" PARTIAL, FORM_TABLE, false},
        {"application/json;as=Table;v=v1beta1;g=meta.k8s.io", FORM_TABLE, true},
        {"application/json; as=Table; g=meta.k8s.io; v=v1", FORM_TABLE, false},
        {"application/json;as=Table" PARTIAL ",application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
            FORM_TABLE, false},
        {"application/json;as=PartialObjectMetadata;v=v9;g=meta.k8s.io, application/json", FORM_OBJECT, false},
        {"application/yaml;q=0.2, application/json;q=0.9", FORM_OBJECT, false},
        {"application/yaml;stream=watch, */*", FORM_OBJECT, false},
        {"text/html, */*;q=0.1", FORM_OBJECT, false},
        {"application/vnd.kubernetes.protobuf,application/json", FORM_OBJECT, false},
        {"application/json;q=0.5,application/json;as=Table" PARTIAL ";q=0.8", FORM_TABLE, false},
        {"application/json;as=PartialObjectMetadata" PARTIAL, FORM_PARTIAL, false},
        {"application/json;as=PartialObjectMetadataList" PARTIAL, FORM_PARTIAL_LIST, false},
        {"application/json;stream=watch", FORM_OBJECT, false},
        {"application/json;q=x", FORM_OBJECT, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct presentation p;
        if (presentation_choose(bytes_of(cases[i].accept), BYTES(""), BYTES(""), NULL, false, false, &p, &error) !=
            ERR_OK)
            fail_msg("%s: %s", cases[i].accept, text(error.message));
        assert_int_equal(p.form, cases[i].form);
        assert_int_equal(p.v1beta1, cases[i].v1beta1);
        assert_false(p.pretty);
    }
}

static void accept_chooses_the_encoding(void **state)
{
#define PROTOBUF "application/vnd.kubernetes.protobuf"
    static const struct {
        const char *accept;
        bool watch;
        enum encoding encoding;
        enum form form;
    } cases[] = {
        {"application/json", false, ENCODING_JSON, FORM_OBJECT},
        {"application/yaml", false, ENCODING_YAML, FORM_OBJECT},
        {"application/yaml, */*", false, ENCODING_YAML, FORM_OBJECT},
        {"application/yaml, application/json", true, ENCODING_JSON, FORM_OBJECT},
        {"application/yaml;as=Table" PARTIAL, false, ENCODING_YAML, FORM_TABLE},
        {PROTOBUF, false, ENCODING_PROTOBUF, FORM_OBJECT},
        {PROTOBUF, true, ENCODING_PROTOBUF, FORM_OBJECT},
        {PROTOBUF ";stream=watch", true, ENCODING_PROTOBUF, FORM_OBJECT},
        {PROTOBUF ",application/json;q=0.1", false, ENCODING_JSON, FORM_OBJECT},
        {PROTOBUF ",*/*", true, ENCODING_JSON, FORM_OBJECT},
        {PROTOBUF ",application/yaml", false, ENCODING_YAML, FORM_OBJECT},
        {PROTOBUF ";as=PartialObjectMetadata" PARTIAL, false, ENCODING_PROTOBUF, FORM_PARTIAL},
        {PROTOBUF ";as=Table" PARTIAL "," PROTOBUF, false, ENCODING_PROTOBUF, FORM_OBJECT},
    };
    static const struct kind custom = {.custom = true, .kind = "Foo"};
    struct presentation p;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (presentation_choose(bytes_of(cases[i].accept), BYTES("curl/8"), BYTES(""), NULL, false, cases[i].watch, &p,
                &error) != ERR_OK)
            fail_msg("%s: %s", cases[i].accept, text(error.message));
        assert_int_equal(p.encoding, cases[i].encoding);
        assert_int_equal(p.form, cases[i].form);
        assert_int_equal(p.pretty, p.encoding == ENCODING_JSON && !cases[i].watch);
    }
    assert_int_equal(presentation_choose(BYTES(PROTOBUF), BYTES(""), BYTES(""), &custom, false, false, &p, &error),
        ERR_NOT_ACCEPTABLE);
    assert_int_equal(presentation_choose(BYTES(PROTOBUF ";as=PartialObjectMetadataList" PARTIAL), BYTES(""), BYTES(""),
                         &custom, true, false, &p, &error),
        ERR_OK);
}

#define ALL  "application/json, application/yaml, application/vnd.kubernetes.protobuf"
#define ONLY "only the following media types are accepted: "

static void what_cannot_be_written_is_refused(void **state)
{
    static const struct {
        const char *accept;
        bool watch;
        const char *says;
    } cases[] = {
        {"text/html", false, "406: Not Acceptable\n\nAvailable representations: " ALL},
        {"application/json;q=0", false, "406: Not Acceptable\n\nAvailable representations: " ALL},
        {"application/json;as=Nope;v=v1;g=meta.k8s.io", false, ONLY ALL},
        {"application/json;as=Table", false, ONLY ALL},
        {"application/yaml;as=Nope", false, ONLY ALL},
        {"application/vnd.kubernetes.protobuf;as=Table" PARTIAL, false, ONLY ALL},
        {"application/json;as=Table", true, ONLY ALL},
        {"application/yaml;stream=watch", true, ONLY ALL},
        {"application/yaml", true,
            ONLY "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"},
    };
    struct presentation p;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(presentation_choose(
                             bytes_of(cases[i].accept), BYTES(""), BYTES(""), NULL, false, cases[i].watch, &p, &error),
            ERR_NOT_ACCEPTABLE);
        assert_string_equal(text(error.message), cases[i].says);
    }
    assert_int_equal(presentation_choose(BYTES("application/json;as=PartialObjectMetadata" PARTIAL), BYTES(""),
                         BYTES(""), NULL, true, false, &p, &error),
        ERR_NOT_ACCEPTABLE);
    assert_int_equal(presentation_choose(BYTES("application/json;as=PartialObjectMetadata" PARTIAL), BYTES(""),
                         BYTES(""), NULL, true, true, &p, &error),
        ERR_OK);
}

static bool pretty(const char *user_agent, const char *parameter, bool watch)
{
    struct presentation p;
    assert_int_equal(
        presentation_choose(BYTES("*/*"), bytes_of(user_agent), bytes_of(parameter), NULL, false, watch, &p, &error),
        ERR_OK);
    return p.pretty;
}

static void people_get_indented_answers(void **state)
{
    (void)state;
    assert_true(pretty("curl/7.88.1", "", false));
    assert_true(pretty("Mozilla/5.0", "", false));
    assert_true(pretty("Wget/1", "", false));
    assert_false(pretty("kubectl/v1.33", "", false));
    assert_true(pretty("kubectl/v1.33", "true", false));
    assert_true(pretty("kubectl/v1.33", "1", false));
    assert_false(pretty("curl/7.88.1", "false", false));
    assert_false(pretty("curl/7.88.1", "maybe", false));
    assert_false(pretty("curl/7.88.1", "", true));
}

static struct presentation error_form(const char *accept, const char *user_agent)
{
    struct presentation p;
    presentation_of_error(bytes_of(accept), bytes_of(user_agent), BYTES(""), &p);
    return p;
}

static void errors_have_a_form_too(void **state)
{
    (void)state;
    assert_false(error_form("application/json", "").pretty);
    assert_false(error_form("application/json;as=Table" PARTIAL ",application/json", "").pretty);
    assert_true(error_form("application/json;as=Table" PARTIAL, "").pretty);
    assert_true(error_form("text/html", "").pretty);
    assert_true(error_form("", "curl/8").pretty);
    assert_int_equal(error_form("application/yaml", "curl/8").encoding, ENCODING_YAML);
    assert_false(error_form("application/yaml", "curl/8").pretty);
    assert_int_equal(error_form("application/yaml;stream=watch", "").encoding, ENCODING_JSON);
    assert_int_equal(error_form(PROTOBUF, "").encoding, ENCODING_PROTOBUF);
    assert_int_equal(error_form(PROTOBUF ",application/json", "").encoding, ENCODING_JSON);
    assert_int_equal(error_form(PROTOBUF ";as=Table" PARTIAL, "").encoding, ENCODING_JSON);
}

static void include_is_one_of_three(void **state)
{
    struct presentation p = {.form = FORM_TABLE};
    (void)state;
    assert_int_equal(presentation_include(BYTES("None"), &p, &error), ERR_OK);
    assert_int_equal(p.include, INCLUDE_NONE);
    assert_int_equal(presentation_include(BYTES("Object"), &p, &error), ERR_OK);
    assert_int_equal(p.include, INCLUDE_OBJECT);
    assert_int_equal(presentation_include(BYTES(""), &p, &error), ERR_OK);
    assert_int_equal(p.include, INCLUDE_METADATA);
    assert_int_equal(presentation_include(BYTES("Nope"), &p, &error), ERR_BAD_REQUEST);
    assert_string_equal(text(error.message), "Unable to convert to Table as requested: includeObject: Invalid value: "
                                             "\"Nope\": must be 'Metadata', 'Object', 'None', or empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(accept_chooses_the_form), TEST(accept_chooses_the_encoding),
        TEST(what_cannot_be_written_is_refused), TEST(errors_have_a_form_too), TEST(people_get_indented_answers),
        TEST(include_is_one_of_three)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
