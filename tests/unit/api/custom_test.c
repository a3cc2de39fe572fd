/* SPDX-License-Identifier: Apache-2.0 */
/* Custom resources: what kube-apiserver 1.34.4 said to the same definitions and objects (golden/custom). */
#include "api/custom_kind.h"
#include "api/object.h"
#include "api/schema_value.h"
#include "fixture.h"

static struct json *parsed(bytes text_)
{
    struct json *value;
    assert_int_equal(
        ERR_OK, json_parse(&arena, text_, &(struct json_options){.keep_duplicates = true}, &value, NULL, &error));
    return value;
}

static struct kind_set *compiled(const char *file)
{
    struct kind_set *set;
    if (custom_kinds_compile(parsed(golden(file)), 300, &set, &error) != ERR_OK)
        fail_msg("%s: %s", file, text(error.message));
    assert_non_null(set);
    return set;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lines in order: maps have none in Go. */
static const char *sorted_lines(bytes all)
{
    const char *lines[128];
    size_t n = 0;
    struct buffer b;
    while (all.n) {
        size_t end = bytes_find(all, '\n');
        lines[n++] = text((bytes){all.p, end});
        all = bytes_skip(all, end < all.n ? end + 1 : end);
    }
    qsort(lines, n, sizeof(*lines), by_text);
    buffer_init(&b, &arena);
    for (size_t i = 0; i < n; i++) {
        buffer_text(&b, lines[i]);
        buffer_byte(&b, '\n');
    }
    return text(buffer_bytes(&b));
}

/* What the server would say: causes, or the object's spec as it is stored. */
static bytes answer(const struct kind *kind, const struct json *in)
{
    struct json *object;
    struct buffer b;
    struct error why;
    buffer_init(&b, &arena);
    error_init(&why, &arena);
    err_t result = decode_tree(&arena, kind->schema, in, FIELD_VALIDATION_IGNORE, NULL, &object, &why);
    if (result == ERR_OK)
        result = schema_set_defaults(&arena, kind->schema, object, &why);
    if (result != ERR_OK) {
        buffer_format(&b, "400 %s in version \"%s\" cannot be handled as a %s: %s", kind->kind, kind->version,
            kind->kind, text(why.message));
        return buffer_bytes(&b);
    }
    result = object_validate(&arena, kind, SUBRESOURCE_NONE, object, NULL, &why);
    for (const struct cause *c = why.causes; c; c = c->next)
        buffer_format(&b, "%s|%s|%s\n", c->reason, text(c->field), text(c->message));
    assert_int_equal(why.causes ? ERR_INVALID : ERR_OK, result);
    if (why.causes)
        return buffer_bytes(&b);
    buffer_text(&b, "OK ");
    const struct json *spec = json_get(object, BYTES("spec"));
    if (spec)
        json_write(&b, spec);
    else
        buffer_text(&b, "null");
    return buffer_bytes(&b);
}

static void test_values(void **state)
{
    struct kind_set *set = compiled("custom/values-definition.json");
    const struct json *cases = parsed(golden("custom/values.json"));
    unsigned wrong = 0;
    (void)state;
    for (const struct json *c = cases->first; c; c = c->next) {
        bytes in = c->first->text;
        if (in.p[0] == '!')
            in = bytes_skip(in, 1);
        else
            in = arena_join(&arena,
                BYTES("{\"apiVersion\":\"x.io/v1\",\"kind\":\"Tests\",\"metadata\":{\"name\":\"a\"},\"spec\":"), in,
                BYTES("}"), ARENA_END);
        const char *ours = sorted_lines(answer(set->kinds[0], parsed(in))), *theirs = sorted_lines(c->last->text);
        if (strcmp(ours, theirs) == 0)
            continue;
        print_error("%s\n  ours:   %s  theirs: %s", text(c->first->text), ours, theirs);
        wrong++;
    }
    kind_release(set->kinds[0]);
    assert_int_equal(0, wrong);
}

/* ---- Rules. */

static struct kind_set *kinds_of(const char *versions)
{
    struct kind_set *set;
    bytes definition = arena_format(&arena,
        "{\"metadata\":{\"generation\":1},\"spec\":{\"group\":\"x.io\",\"scope\":\"Namespaced\",\"names\":{\"plural\":"
        "\"ws\","
        "\"singular\":\"w\",\"kind\":\"W\",\"listKind\":\"WList\",\"shortNames\":[\"wx\"],\"categories\":[\"all\"]},"
        "\"versions\":%s}}",
        versions);
    assert_int_equal(ERR_OK, custom_kinds_compile(parsed(definition), 300, &set, &error));
    return set;
}

static const char *causes(const struct kind *kind, enum subresource which, const char *object, const char *old)
{
    struct buffer b;
    struct error why;
    buffer_init(&b, &arena);
    error_init(&why, &arena);
    err_t result =
        object_validate(&arena, kind, which, parsed(bytes_of(object)), old ? parsed(bytes_of(old)) : NULL, &why);
    assert_int_equal(why.causes ? ERR_INVALID : ERR_OK, result);
    for (const struct cause *c = why.causes; c; c = c->next)
        buffer_format(&b, "%s: %s\n", text(c->field), text(c->message));
    return text(buffer_bytes(&b));
}

#define META "\"apiVersion\":\"x.io/v1\",\"kind\":\"W\",\"metadata\":{\"name\":\"a\"}"

/* What was wrong before and has not changed stays; what changed must be right. */
static void test_ratcheting(void **state)
{
    (void)state;
    struct kind_set *set = kinds_of(
        "[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\","
        "\"properties\":{\"a\":{\"type\":\"string\",\"maxLength\":1},\"b\":{\"type\":\"integer\"},\"l\":{\"type\":"
        "\"array\","
        "\"items\":{\"type\":\"string\",\"maxLength\":1}},\"m\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\","
        "\"x-kubernetes-list-map-keys\":[\"k\"],\"items\":{\"type\":\"object\",\"required\":[\"k\"],\"properties\":{"
        "\"k\":{\"type\":\"string\"},\"v\":{\"type\":\"string\",\"maxLength\":1}}}},\"s\":{\"type\":\"array\","
        "\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}}}}}}]");
    static const struct {
        const char *old, *new, *said;
    } cases[] = {
        {"{" META ",\"a\":\"xx\",\"b\":1}", "{" META ",\"a\":\"xx\",\"b\":2}", ""},
        {"{" META ",\"a\":\"xx\"}", "{" META ",\"a\":\"yy\"}", "a: Too long: may not be more than 1 byte\n"},
        {"{" META ",\"l\":[\"xx\"]}", "{" META ",\"l\":[\"xx\"],\"b\":2}", ""},
        {"{" META ",\"l\":[\"xx\"]}", "{" META ",\"l\":[\"xx\",\"y\"]}",
            "l[0]: Too long: may not be more than 1 byte\n"},
        {"{" META ",\"m\":[{\"k\":\"1\",\"v\":\"xx\"}]}",
            "{" META ",\"m\":[{\"k\":\"0\",\"v\":\"y\"},{\"k\":\"1\",\"v\":\"xx\"}]}", ""},
        {"{" META ",\"m\":[{\"k\":\"1\",\"v\":\"xx\"}]}", "{" META ",\"m\":[{\"k\":\"2\",\"v\":\"xx\"}]}",
            "m[0].v: Too long: may not be more than 1 byte\n"},
        {"{" META ",\"s\":[\"x\",\"x\"]}", "{" META ",\"s\":[\"x\",\"x\",\"x\"]}", ""},
        {"{" META ",\"s\":[\"x\"]}", "{" META ",\"s\":[\"x\",\"x\"]}", "s[1]: Duplicate value: \"x\"\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(cases[i].said, causes(set->kinds[0], SUBRESOURCE_NONE, cases[i].new, cases[i].old));
    kind_release(set->kinds[0]);
}

static void test_subresources(void **state)
{
    (void)state;
    struct kind_set *set = kinds_of(
        "[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"subresources\":{\"status\":{},\"scale\":{"
        "\"specReplicasPath\":\".spec.r\",\"statusReplicasPath\":\".status.r\",\"labelSelectorPath\":\".status.s\"}},"
        "\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\","
        "\"x-kubernetes-preserve-unknown-fields\":true},\"status\":{\"type\":\"object\",\"properties\":{\"p\":{"
        "\"type\":\"string\"},\"r\":{\"x-kubernetes-preserve-unknown-fields\":true}}}}}}}]");
    const struct kind *kind = set->kinds[0];
    assert_true(kind_has_status(kind));
    assert_false(kind->keeps_status);
    assert_non_null(kind_subresource_find(kind, BYTES("scale")));
    assert_string_equal(".status.s", kind->scale->label_selector);
    assert_string_equal("status.p: Invalid value: \"integer\": p in body must be of type string: \"integer\"\n",
        causes(kind, SUBRESOURCE_STATUS, "{" META ",\"spec\":{\"r\":-1},\"status\":{\"p\":1}}", "{" META "}"));
    assert_string_equal(".spec.r: Invalid value: -1: should be a non-negative integer\n",
        causes(kind, SUBRESOURCE_NONE, "{" META ",\"spec\":{\"r\":-1}}", NULL));
    assert_string_equal(".spec.r: Invalid value: 3000000000: should be less than or equal to 2147483647\n",
        causes(kind, SUBRESOURCE_NONE, "{" META ",\"spec\":{\"r\":3000000000}}", NULL));
    kind_release(kind);
}

/* The version that is asked for prunes and defaults; versions of one schema are the same but for their name. */
static void test_versions(void **state)
{
    (void)state;
    struct kind_set *set = kinds_of(
        "[{\"name\":\"v1beta1\",\"served\":true,\"storage\":false,\"deprecated\":true,\"schema\":{\"openAPIV3Schema\":{"
        "\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"d\":{\"type\":\"integer\",\"default\":7}}}}}"
        ","
        "{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\","
        "\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"}}}}},"
        "{\"name\":\"v2alpha1\",\"served\":false,\"storage\":false},"
        "{\"name\":\"v10\",\"served\":true,\"storage\":false,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\","
        "\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"string\"}}}}}]");
    assert_int_equal(3, set->count);
    const struct kind *v10 = set->kinds[0], *v1 = set->kinds[1], *beta = set->kinds[2];
    assert_string_equal("v10", v10->version);
    assert_string_equal("v1", v1->version);
    assert_string_equal("v1beta1", beta->version);
    assert_null(v1->stored_as);
    assert_ptr_equal(v1, v10->stored_as);
    assert_ptr_equal(v1->schema, v10->schema);
    assert_string_equal("x.io/v1beta1 W is deprecated", beta->deprecation);
    assert_string_equal("x.io/ws", v1->storage_prefix);
    bytes shown, stored = BYTES("{\"a\":\"1\",\"apiVersion\":\"x.io/"
                                "v1\",\"b\":\"2\",\"kind\":\"W\",\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}}\n");
    assert_int_equal(ERR_OK, decode_stored(&arena, v1, stored, &shown, &error));
    assert_ptr_equal(stored.p, shown.p);
    assert_int_equal(ERR_OK, decode_stored(&arena, beta, stored, &shown, &error));
    assert_string_equal("{\"a\":\"1\",\"apiVersion\":\"x.io/"
                        "v1beta1\",\"d\":7,\"kind\":\"W\",\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}}\n",
        text(shown));
    kind_release(v1);
}

/* From the second generation on a read fits objects to the schema of today. */
static void test_changed_definition(void **state)
{
    struct kind_set *set;
    (void)state;
    const char *definition = "{\"metadata\":{\"generation\":2},\"spec\":{\"group\":\"x.io\",\"scope\":\"Cluster\","
                             "\"names\":{\"plural\":\"ws\","
                             "\"kind\":\"W\"},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,"
                             "\"schema\":{\"openAPIV3Schema\":{"
                             "\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"default\":1}}}}}]}}";
    assert_int_equal(ERR_OK, custom_kinds_compile(parsed(bytes_of(definition)), 300, &set, &error));
    bytes shown,
        stored = BYTES(
            "{\"apiVersion\":\"x.io/v1\",\"gone\":1,\"kind\":\"W\",\"metadata\":{\"name\":\"a\",\"uid\":\"u\"}}\n");
    assert_int_equal(ERR_OK, decode_stored(&arena, set->kinds[0], stored, &shown, &error));
    assert_string_equal(
        "{\"apiVersion\":\"x.io/v1\",\"kind\":\"W\",\"metadata\":{\"name\":\"a\",\"uid\":\"u\"},\"n\":1}\n",
        text(shown));
    kind_release(set->kinds[0]);
}

static void take(void *context, bytes place)
{
    struct buffer *b = context;
    buffer_put(b, place);
    buffer_byte(b, ' ');
}

static void test_ignored_rules(void **state)
{
    struct warnings warnings = {0};
    struct buffer places;
    (void)state;
    const struct json *definition =
        parsed(BYTES("{\"spec\":{\"versions\":[{\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{"
                     "\"a\":{\"type\":"
                     "\"string\",\"format\":\"odd\",\"x-kubernetes-validations\":[{\"rule\":\"true\"}]}}}}}]}}"));
    buffer_init(&places, &arena);
    custom_definition_rules(&arena, definition, take, &places);
    assert_string_equal("spec.versions[0].schema.openAPIV3Schema.properties[a].x-kubernetes-validations[0] ",
        text(buffer_bytes(&places)));
    custom_definition_warn(&arena, definition, &warnings);
    assert_int_equal(2, warnings.count);
    assert_string_equal("unrecognized format \"odd\"", text(warnings.text[0]));
}

/* Each allocation may fail; what was made goes. */
static void test_no_memory(void **state)
{
    const struct json *definition = parsed(golden("custom/values-definition.json"));
    struct error why;
    unsigned refused = 0;
    (void)state;
    for (size_t limit = 2048; limit < (256u << 10); limit += limit / 8) {
        struct arena small;
        struct json *object;
        struct kind_set *set = compiled("custom/values-definition.json");
        arena_init(&small, limit);
        error_init(&why, NULL);
        err_t result = decode_tree(&small, set->kinds[0]->schema,
            parsed(BYTES("{" META ",\"spec\":{\"map\":[{\"name\":\"a\"},{\"name\":\"a\"}],\"n\":1.25,\"emb\":{}}}")),
            FIELD_VALIDATION_IGNORE, NULL, &object, &why);
        if (result == ERR_OK)
            result = schema_set_defaults(&small, set->kinds[0]->schema, object, &why);
        if (result == ERR_OK)
            result = schema_validate(&small, set->kinds[0]->schema, object, NULL, false, BYTES(""), &why);
        assert_true(result == ERR_OK || result == ERR_TOO_MANY_REQUESTS);
        refused += result != ERR_OK;
        arena_reset(&small);
        error_init(&why, &small);
        custom_definition_validate(&small, definition, NULL, &why);
        arena_reset(&small);
        kind_release(set->kinds[0]);
    }
    assert_true(refused > 0);
}

/* A pattern of 1,000 states and a string of a megabyte and more: linear, and too long all the same. */
static void test_matches_are_bounded(void **state)
{
    static const char head[] =
        "{\"metadata\":{\"name\":\"foos.ex.com\"},\"spec\":{\"group\":\"ex.com\",\"scope\":"
        "\"Namespaced\",\"names\":{\"plural\":\"foos\",\"singular\":\"foo\",\"kind\":\"Foo\","
        "\"listKind\":\"FooList\"},\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,"
        "\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":"
        "\"object\",\"properties\":{\"s\":{\"type\":\"string\",\"pattern\":\"x{1000}y\"}}}}}}}]}}";
    struct kind_set *set;
    struct buffer b;
    (void)state;
    assert_int_equal(ERR_OK, custom_kinds_compile(parsed(bytes_of(head)), 300, &set, &error));
    for (size_t kilobytes = 1; kilobytes <= 2048; kilobytes *= 2048) {
        buffer_init(&b, &arena);
        buffer_text(&b, "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"s\":\"");
        for (size_t i = 0; i < kilobytes * 1024; i++)
            buffer_byte(&b, 'x');
        buffer_text(&b, "\"}}");
        assert_non_null(strstr(text(answer(set->kinds[0], parsed(buffer_bytes(&b)))),
            kilobytes == 1 ? "should match 'x{1000}y'" : "too long to be matched against their patterns"));
    }
    kind_release(set->kinds[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values),
        TEST(test_ratcheting),
        TEST(test_subresources),
        TEST(test_versions),
        TEST(test_changed_definition),
        TEST(test_ignored_rules),
        TEST(test_no_memory),
        TEST(test_matches_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
