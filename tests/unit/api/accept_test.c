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
        if (presentation_choose(bytes_of(cases[i].accept), BYTES(""), BYTES(""), false, false, &p, &error) != ERR_OK)
            fail_msg("%s: %s", cases[i].accept, text(error.message));
        assert_int_equal(p.form, cases[i].form);
        assert_int_equal(p.v1beta1, cases[i].v1beta1);
        assert_false(p.pretty);
    }
}

static void what_cannot_be_written_is_refused(void **state)
{
    static const struct {
        const char *accept;
        bool watch;
        const char *says;
    } cases[] = {
        {"text/html", false, "406: Not Acceptable\n\nAvailable representations: application/json"},
        {"application/json;q=0", false, "406: Not Acceptable\n\nAvailable representations: application/json"},
        {"application/json;as=Nope;v=v1;g=meta.k8s.io", false,
            "only the following media types are accepted: application/json"},
        {"application/json;as=Table", false, "only the following media types are accepted: application/json"},
        {"application/yaml", false, "only the following media types are accepted: application/json"},
        {"application/vnd.kubernetes.protobuf", true,
            "only the following media types are accepted: application/json;stream=watch"},
    };
    struct presentation p;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(
            presentation_choose(bytes_of(cases[i].accept), BYTES(""), BYTES(""), false, cases[i].watch, &p, &error),
            ERR_NOT_ACCEPTABLE);
        assert_string_equal(text(error.message), cases[i].says);
    }
    assert_int_equal(presentation_choose(BYTES("application/json;as=PartialObjectMetadata" PARTIAL), BYTES(""),
                         BYTES(""), true, false, &p, &error),
        ERR_NOT_ACCEPTABLE);
    assert_int_equal(presentation_choose(BYTES("application/json;as=PartialObjectMetadata" PARTIAL), BYTES(""),
                         BYTES(""), true, true, &p, &error),
        ERR_OK);
}

static bool pretty(const char *user_agent, const char *parameter, bool watch)
{
    struct presentation p;
    assert_int_equal(
        presentation_choose(BYTES("*/*"), bytes_of(user_agent), bytes_of(parameter), false, watch, &p, &error), ERR_OK);
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
    assert_false(presentation_error_pretty(BYTES("application/json"), BYTES(""), BYTES("")));
    assert_false(presentation_error_pretty(
        BYTES("application/json;as=Table" PARTIAL ",application/json"), BYTES(""), BYTES("")));
    assert_true(presentation_error_pretty(BYTES("application/json;as=Table" PARTIAL), BYTES(""), BYTES("")));
    assert_true(presentation_error_pretty(BYTES("text/html"), BYTES(""), BYTES("")));
    assert_true(presentation_error_pretty(BYTES(""), BYTES("curl/8"), BYTES("")));
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
    const struct CMUnitTest tests[] = {TEST(accept_chooses_the_form), TEST(what_cannot_be_written_is_refused),
        TEST(people_get_indented_answers), TEST(include_is_one_of_three)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
