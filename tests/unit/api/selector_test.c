/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schemas.h"
#include "api/selector.h"
#include "fixture.h"

static const char *const selectable[] = {"type"};
static const struct kind secret = {.group = "",
    .version = "v1",
    .kind = "Secret",
    .plural = "secrets",
    .namespaced = true,
    .schema = &schema_secret,
    .rules = &no_rules,
    .selectable_fields = selectable,
    .selectable_field_count = 1};
static const struct kind cluster = {
    .group = "", .version = "v1", .kind = "Namespace", .plural = "namespaces", .schema = &schema_namespace};

static struct json *parse(const char *json)
{
    struct json *value;
    assert_int_equal(json_parse(&arena, bytes_of(json), &(struct json_options){0}, &value, NULL, &error), ERR_OK);
    return value;
}

static void labels_match(void **state)
{
    static const struct {
        const char *selector, *labels;
        bool matches;
    } cases[] = {
        {"", "{}", true},
        {"  ", "{\"a\":\"b\"}", true},
        {"a", "{\"a\":\"\"}", true},
        {"a", "{}", false},
        {"!a", "{}", true},
        {"! a", "{\"a\":\"b\"}", false},
        {"a=b", "{\"a\":\"b\"}", true},
        {"a==b", "{\"a\":\"c\"}", false},
        {" a = b , c ", "{\"a\":\"b\",\"c\":\"\"}", true},
        {"a!=b", "{}", true},
        {"a!=b", "{\"a\":\"b\"}", false},
        {"a=", "{\"a\":\"\"}", true},
        {"a=", "{}", false},
        {"a=,b", "{\"a\":\"\",\"b\":\"x\"}", true},
        {"a in (b,c)", "{\"a\":\"c\"}", true},
        {"a in (c,b,a,c)", "{\"a\":\"a\"}", true},
        {"a in (b,c)", "{\"a\":\"d\"}", false},
        {"a in ()", "{\"a\":\"\"}", true},
        {"a in (,b)", "{\"a\":\"\"}", true},
        {"a in (b,)", "{\"a\":\"\"}", true},
        {"a in (b,,c)", "{\"a\":\"\"}", true},
        {"a notin (b)", "{}", true},
        {"a notin (b)", "{\"a\":\"b\"}", false},
        {"a notin (x),!zzz", "{\"a\":\"y\"}", true},
        {"a>1", "{\"a\":\"2\"}", true},
        {"a>1", "{\"a\":\"1\"}", false},
        {"a<1", "{\"a\":\"-5\"}", true},
        {"a<1", "{\"a\":\"x\"}", false},
        {"a>1", "{}", false},
        {"in", "{\"in\":\"\"}", true},
        {"in in (in)", "{\"in\":\"in\"}", true},
        {"notin=in", "{\"notin\":\"in\"}", true},
        {"example.com/a=b", "{\"example.com/a\":\"b\"}", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct selector selector;
        if (label_selector_parse(&arena, bytes_of(cases[i].selector), &selector, &error) != ERR_OK)
            fail_msg("%s: %s", cases[i].selector, text(error.message));
        if (label_selector_matches(&selector, parse(cases[i].labels)) != cases[i].matches)
            fail_msg("%s, %s", cases[i].selector, cases[i].labels);
    }
    struct selector selector;
    assert_int_equal(label_selector_parse(&arena, BYTES("!a"), &selector, &error), ERR_OK);
    assert_true(label_selector_matches(&selector, NULL));
}

static void bad_label_selectors_say_why(void **state)
{
    static const struct {
        const char *selector, *says;
    } cases[] = {
        {"a===", "unable to parse requirement: found '=', expected: identifier"},
        {",a", "found ',', expected: !, identifier, or 'end of string'"},
        {"a,", "found '', expected: identifier after ','"},
        {"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
        {"a=b c", "found 'c', expected: ',' or 'end of string'"},
        {"!", "unable to parse requirement: found '', expected: identifier"},
        {"a in b", "unable to parse requirement: found 'b' expected: '('"},
        {"a in (b", "unable to parse requirement: found '', expected: ',' or ')'"},
        {"a in (=", "unable to parse requirement: found '(', expected: ',', ')' or identifier"},
        {"a in (b,=", "unable to parse requirement: found '=', expected: ',', or identifier"},
        {"a>x", "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value "
                "must be an integer"},
        {"a=-x", "unable to parse requirement: values[0][a]: Invalid value: \"-x\": a valid label must be an empty "
                 "string or consist of alphanumeric "
                 "characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  "
                 "or 'my_value',  or '12345', "
                 "regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"},
        {"/x", "unable to parse requirement: <nil>: Invalid value: \"/x\": prefix part must be non-empty"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct selector selector = {NULL, 77};
        assert_int_equal(label_selector_parse(&arena, bytes_of(cases[i].selector), &selector, &error), ERR_BAD_REQUEST);
        assert_string_equal(text(error.message), cases[i].says);
        assert_int_equal(selector.count, 77);
    }
}

static void fields_match(void **state)
{
    static const char object[] = "{\"metadata\":{\"name\":\"n\",\"namespace\":\"s\"},\"type\":\"a,b=c\\\\d\"}";
    static const struct {
        const char *selector;
        bool matches, may;
    } cases[] = {
        {"", true, true},
        {",", true, true},
        {"metadata.name=n", true, true},
        {"metadata.name==n,metadata.namespace!=x", true, true},
        {"metadata.name=x", false, false},
        {"metadata.name!=n", false, false},
        {"metadata.namespace!=s", false, false},
        {"type=a\\,b\\=c\\\\d", true, true},
        {"type!=a", true, true},
        {"type=", false, true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct selector selector;
        if (field_selector_parse(&arena, &secret, bytes_of(cases[i].selector), &selector, &error) != ERR_OK)
            fail_msg("%s: %s", cases[i].selector, text(error.message));
        if (field_selector_matches(&selector, &secret, parse(object)) != cases[i].matches)
            fail_msg("%s", cases[i].selector);
        assert_int_equal(field_selector_may_match_name(&selector, BYTES("s"), BYTES("n")), cases[i].may);
    }
}

static void bad_field_selectors_say_why(void **state)
{
    static const struct {
        const char *selector, *says;
    } cases[] = {
        {"metadata.name", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"},
        {"data.a=b", "field label not supported: data.a"},
        {"type=b=c", "invalid field selector: unescaped character in value: 61"},
        {"type=\\x", "invalid field selector: invalid escape sequence: \\x"},
        {"type=\\", "invalid field selector: invalid escape sequence: \\"},
    };
    struct selector selector;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(
            field_selector_parse(&arena, &secret, bytes_of(cases[i].selector), &selector, &error), ERR_BAD_REQUEST);
        assert_string_equal(text(error.message), cases[i].says);
    }
    assert_int_equal(
        field_selector_parse(&arena, &cluster, BYTES("metadata.namespace=a"), &selector, &error), ERR_BAD_REQUEST);
}

static void the_required_name_is_found(void **state)
{
    struct selector selector;
    (void)state;
    assert_int_equal(field_selector_parse(&arena, &secret, BYTES("type=x,metadata.name=a"), &selector, &error), ERR_OK);
    assert_string_equal(text(field_selector_required_name(&selector)), "a");
    assert_int_equal(field_selector_parse(&arena, &secret, BYTES("metadata.name!=a"), &selector, &error), ERR_OK);
    assert_null(field_selector_required_name(&selector).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(labels_match), TEST(bad_label_selectors_say_why), TEST(fields_match),
        TEST(bad_field_selectors_say_why), TEST(the_required_name_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
