/* SPDX-License-Identifier: Apache-2.0 */
#include "api/field_set.h"
#include "base/memory.h"
#include "fixture.h"

static struct json *parse(const char *in)
{
    struct json *value = NULL;
    assert_int_equal(
        json_parse(&arena, bytes_of(in), &(struct json_options){.max_depth = 200}, &value, NULL, &error), ERR_OK);
    return value;
}

static const struct field_set *set_of(const char *in)
{
    const struct field_set *set = NULL;
    err_t result = field_set_parse(&arena, parse(in), &set, &error);
    if (result != ERR_OK)
        fail_msg("%s: %.*s", in, BYTES_FMT(error.message));
    return set;
}

static const char *written(const struct field_set *set)
{
    struct buffer b;
    buffer_init(&b, &arena);
    field_set_write(&b, set);
    return text(buffer_bytes(&b));
}

/* ---- Texts */

static void sets_are_written_in_order(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"{}", "{}"},
        {"{\"f:b\":{},\"f:a\":{}}", "{\"f:a\":{},\"f:b\":{}}"},
        {"{\"f:a\":null}", "{\"f:a\":{}}"},
        {"{\"f:a\":{\".\":{}}}", "{\"f:a\":{}}"},
        {"{\"f:a\":{\"f:b\":{},\".\":{}}}", "{\"f:a\":{\".\":{},\"f:b\":{}}}"},
        {"{\"f:a\":{\"f:b\":{}}}", "{\"f:a\":{\"f:b\":{}}}"},
        {"{\"i:10\":{},\"i:9\":{},\"v:\\\"x\\\"\":{},\"v:2\":{},\"v:10\":{},\"v:true\":{},\"k:{\\\"n\\\":1}\":{},\"f:"
         "z\":"
         "{}}",
            "{\"f:z\":{},\"k:{\\\"n\\\":1}\":{},\"v:2\":{},\"v:10\":{},\"v:\\\"x\\\"\":{},\"v:true\":{},\"i:9\":{},\"i:"
            "10\":{}}"},
        {"{\"k:{\\\"b\\\":\\\"<\\\", \\\"a\\\":80}\":{}}", "{\"k:{\\\"a\\\":80,\\\"b\\\":\\\"\\\\u003c\\\"}\":{}}"},
        {"{\"k:{\\\"a\\\":1}\":{\"f:x\":{}},\"k:{ \\\"a\\\":1}\":{\"f:y\":{}}}", "{\"k:{\\\"a\\\":1}\":{\"f:y\":{}}}"},
        {"{\"x:later\":{},\"f:a\":{}}", "{\"f:a\":{}}"},
        {"{\"f:a\":{\"x:later\":{}}}", "{\"f:a\":{}}"},
        {"{\"f:\":{},\"f:a.b/c\":{}}", "{\"f:\":{},\"f:a.b/c\":{}}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(written(set_of(cases[i].in)), cases[i].out);
}

static void what_is_no_set_is_refused(void **state)
{
    static const char *const cases[] = {"[]", "1", "{\"f\":{}}", "{\"fa\":{}}", "{\"\":{}}", "{\"f:a\":1}",
        "{\"f:a\":[]}", "{\"k:[]\":{}}", "{\"k:{\":{}}", "{\"v:\":{}}", "{\"i:x\":{}}", "{\"i:\":{}}",
        "{\"i:99999999999999999999\":{}}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct field_set *set = NULL;
        assert_int_equal(field_set_parse(&arena, parse(cases[i]), &set, &error), ERR_BAD_REQUEST);
        assert_null(set);
    }
}

static void put_path(void *context, bytes path)
{
    buffer_put(context, path);
    buffer_byte(context, '\n');
}

static void paths_are_for_people(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, &arena);
    assert_true(field_set_each_path(&arena,
        set_of("{\"f:a\":{\"f:b\":{},\"k:{\\\"n\\\":\\\"x\\\",\\\"p\\\":80}\":{\".\":{},\"f:c\":{}}},\"f:z\":{\"v:"
               "\\\"q\\\"\":"
               "{},\"i:3\":{},\".\":{}}}"),
        put_path, &b));
    assert_string_equal(text(buffer_bytes(&b)), ".z\n.a.b\n.a[n=\"x\",p=80]\n.a[n=\"x\",p=80].c\n.z[=\"q\"]\n.z[3]\n");
}

/* ---- Algebra */

static void sets_are_combined(void **state)
{
    static const struct {
        const char *a, *b, *all, *both, *difference, *cut;
    } cases[] = {
        {"{}", "{\"f:a\":{}}", "{\"f:a\":{}}", "{}", "{}", "{}"},
        {"{\"f:a\":{}}", "{}", "{\"f:a\":{}}", "{}", "{\"f:a\":{}}", "{\"f:a\":{}}"},
        {"{\"f:a\":{},\"f:c\":{}}", "{\"f:b\":{},\"f:c\":{}}", "{\"f:a\":{},\"f:b\":{},\"f:c\":{}}", "{\"f:c\":{}}",
            "{\"f:a\":{}}", "{\"f:a\":{}}"},
        {"{\"f:a\":{\".\":{},\"f:b\":{}}}", "{\"f:a\":{\"f:b\":{}}}", "{\"f:a\":{\".\":{},\"f:b\":{}}}",
            "{\"f:a\":{\"f:b\":{}}}", "{\"f:a\":{}}", "{\"f:a\":{}}"},
        {"{\"f:a\":{\".\":{},\"f:b\":{}}}", "{\"f:a\":{}}", "{\"f:a\":{\".\":{},\"f:b\":{}}}", "{\"f:a\":{}}",
            "{\"f:a\":{\"f:b\":{}}}", "{}"},
        {"{\"f:a\":{\"f:b\":{}}}", "{\"f:a\":{\"f:b\":{}}}", "{\"f:a\":{\"f:b\":{}}}", "{\"f:a\":{\"f:b\":{}}}", "{}",
            "{}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct field_set *a = set_of(cases[i].a), *b = set_of(cases[i].b), *sets[] = {b, a, NULL, b, a};
        assert_string_equal(written(field_set_union(&arena, a, b)), cases[i].all);
        assert_string_equal(written(field_set_union(&arena, b, a)), cases[i].all);
        assert_string_equal(written(field_set_union_all(&arena, sets, ARRAY_LEN(sets))), cases[i].all);
        assert_string_equal(written(field_set_intersection(&arena, a, b)), cases[i].both);
        assert_string_equal(written(field_set_intersection(&arena, b, a)), cases[i].both);
        assert_string_equal(written(field_set_difference(&arena, a, b)), cases[i].difference);
        assert_string_equal(written(field_set_cut(&arena, a, b)), cases[i].cut);
        assert_true(field_set_equal(a, set_of(cases[i].a)));
        assert_int_equal(field_set_equal(a, b), strcmp(cases[i].a, cases[i].b) == 0);
    }
}

/* One of many: the search leaps. */
static void small_and_large_sets(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, &arena);
    for (int i = 0; i < 3000; i++)
        buffer_format(&b, "%c\"f:%05d\":{}", i ? ',' : '{', 2 * i);
    buffer_byte(&b, '}');
    const struct field_set *large = set_of(text(buffer_bytes(&b)));
    assert_int_equal(large->count, 3000);
    for (int i = 0; i <= 6000; i += 77) {
        const struct field_set *one = set_of(text(arena_format(&arena, "{\"f:%05d\":{},\"f:%05d\":{}}", i, i + 1000)));
        size_t there = (size_t)(i % 2 == 0 && i < 6000) + (size_t)(i % 2 == 0 && i + 1000 < 6000);
        const struct field_set *both = field_set_intersection(&arena, one, large);
        assert_int_equal(both ? both->count : 0, there);
        assert_int_equal(field_set_difference(&arena, large, one)->count, 3000 - there);
        assert_int_equal(field_set_union(&arena, large, one)->count, 3002 - there);
    }
}

static void sets_are_narrowed_to_paths(void **state)
{
    static const char *const paths[] = {"spec.list.*.a", "status"};
    (void)state;
    assert_string_equal(written(field_set_only(&arena,
                            set_of("{\"f:spec\":{\"f:list\":{\"k:{\\\"n\\\":1}\":{\"f:a\":{\"f:x\":{}},\"f:b\":{}}},"
                                   "\"f:other\":{}},\"f:status\":{\"f:y\":{}}}"),
                            paths, ARRAY_LEN(paths))),
        "{\"f:spec\":{\"f:list\":{\"k:{\\\"n\\\":1}\":{\"f:a\":{\"f:x\":{}}}}},\"f:status\":{\"f:y\":{}}}");
    static const char *const names[] = {"a.b", "a", "c.d.e"};
    assert_string_equal(written(field_set_of_paths(&arena, names, ARRAY_LEN(names))),
        "{\"f:a\":{\".\":{},\"f:b\":{}},\"f:c\":{\"f:d\":{\"f:e\":{}}}}");
}

/* ---- Values: the walk is tested with the reference; here what that has not */

static const struct schema text_schema = {.type = SCHEMA_STRING};
static const struct schema any_schema = {.type = SCHEMA_ANY};
static const char *const keys[] = {"name"};
static const struct schema_property item_properties[] = {
    {.name = "name", .name_length = 4, .schema = &text_schema},
    {.name = "value", .name_length = 5, .schema = &text_schema},
};
static const struct schema item_schema = {.type = SCHEMA_OBJECT, .properties = item_properties, .property_count = 2};
static const struct schema keyed_schema = {
    .type = SCHEMA_ARRAY, .items = &item_schema, .list_type = "map", .list_map_keys = keys, .list_map_key_count = 1};
static const struct schema merged_schema = {
    .type = SCHEMA_ARRAY, .items = &item_schema, .patch_strategy = "merge,retainKeys", .patch_merge_key = "name"};
static const struct schema always_schema = {.type = SCHEMA_OBJECT, .properties = item_properties, .property_count = 2};
static const struct schema_property properties[] = {
    {.name = "keyed", .name_length = 5, .schema = &keyed_schema},
    {.name = "merged", .name_length = 6, .schema = &merged_schema},
    {.name = "any", .name_length = 3, .schema = &any_schema},
    {.name = "struct", .name_length = 6, .schema = &always_schema, .presence = PRESENCE_ALWAYS},
    {.name = "nil", .name_length = 3, .schema = &keyed_schema, .presence = PRESENCE_NIL},
};
static const struct schema schema = {
    .type = SCHEMA_OBJECT, .properties = properties, .property_count = ARRAY_LEN(properties)};

static void values_have_fields(void **state)
{
    static const struct {
        const char *value, *set;
    } cases[] = {
        {"{}", "{}"},
        {"{\"any\":{\"m\":{\"x\":1,\"y\":{}},\"l\":[{\"z\":1}],\"n\":null}}",
            "{\"f:any\":{\"f:l\":{},\"f:m\":{\".\":{},\"f:x\":{},\"f:y\":{}},\"f:n\":{}}}"},
        {"{\"any\":[1]}", "{\"f:any\":{}}"},
        {"{\"any\":null,\"keyed\":null}", "{\"f:any\":{},\"f:keyed\":{}}"},
        {"{\"keyed\":[]}", "{}"},
        {"{\"keyed\":[{\"name\":\"b\"},{\"name\":\"a\",\"value\":\"1\"}]}",
            "{\"f:keyed\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{},\"f:value\":{}},\"k:{\\\"name\\\":"
            "\\\"b\\\"}\":{\".\":{},\"f:name\":{}}}}"},
        {"{\"keyed\":[{\"name\":\"a\",\"value\":\"1\"},{\"name\":\"a\"}]}",
            "{\"f:keyed\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{}}}"},
        {"{\"keyed\":[{\"value\":\"1\"},null,\"x\"]}", "{}"},
        {"{\"merged\":[{\"name\":\"a\"}]}", "{\"f:merged\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{}}}}"},
        {"{\"unknown\":{\"a\":1}}", "{\"f:unknown\":{\".\":{},\"f:a\":{}}}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct field_set *set;
        assert_int_equal(field_set_of(&arena, &schema, parse(cases[i].value), &set, &error), ERR_OK);
        assert_string_equal(written(set), cases[i].set);
    }
}

static void values_differ(void **state)
{
    static const struct {
        const char *old, *new, *changed, *removed;
    } cases[] = {
        {"{}", "{}", "{}", "{}"},
        /* what Go always writes is there already */
        {"{}", "{\"struct\":{\"name\":\"a\"},\"nil\":[{\"name\":\"x\"}]}",
            "{\"f:nil\":{\"k:{\\\"name\\\":\\\"x\\\"}\":{\".\":{},\"f:name\":{}}},\"f:struct\":{\"f:name\":{}}}", "{}"},
        {"{\"struct\":{\"name\":\"a\"}}", "{\"struct\":{}}", "{}", "{\"f:struct\":{\"f:name\":{}}}"},
        {"{\"nil\":[]}", "{\"nil\":null}", "{}", "{}"},
        /* free values that become something else */
        {"{\"any\":1}", "{\"any\":{\"a\":1}}", "{\"f:any\":{\".\":{},\"f:a\":{}}}", "{}"},
        {"{\"any\":{\"a\":1}}", "{\"any\":[1]}", "{\"f:any\":{}}", "{\"f:any\":{\"f:a\":{}}}"},
        {"{\"any\":{\"a\":1}}", "{\"any\":null}", "{}", "{\"f:any\":{\"f:a\":{}}}"},
        {"{\"any\":{}}", "{\"any\":null}", "{\"f:any\":{}}", "{}"},
        {"{\"any\":null}", "{}", "{}", "{\"f:any\":{}}"},
        /* duplicate items */
        {"{\"keyed\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", "{\"keyed\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", "{}",
            "{}"},
        {"{\"keyed\":[{\"name\":\"a\"},{\"name\":\"a\"}]}",
            "{\"keyed\":[{\"name\":\"a\"},{\"name\":\"a\",\"value\":\"1\"}]}",
            "{\"f:keyed\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{}}}", "{}"},
        {"{\"keyed\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", "{\"keyed\":[{\"name\":\"a\"}]}",
            "{\"f:keyed\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{}}}}",
            "{\"f:keyed\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{}}}"},
        {"{\"keyed\":[{\"name\":\"a\"}]}", "{\"keyed\":[{\"name\":\"a\"},{\"name\":\"a\"}]}",
            "{\"f:keyed\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{}}}",
            "{\"f:keyed\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\".\":{},\"f:name\":{}}}}"},
        /* the order of items says nothing */
        {"{\"keyed\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", "{\"keyed\":[{\"name\":\"b\"},{\"name\":\"a\"}]}", "{}",
            "{}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct field_set *changed, *removed;
        assert_int_equal(
            field_set_compare(&arena, &schema, parse(cases[i].old), parse(cases[i].new), &changed, &removed, &error),
            ERR_OK);
        assert_string_equal(written(changed), cases[i].changed);
        assert_string_equal(written(removed), cases[i].removed);
    }
}

/* What lies deeper is one leaf, so that fieldsV1 never outgrows the parser. */
static void depth_is_bounded(void **state)
{
    struct buffer b;
    const struct field_set *set, *removed;
    size_t depth = 0;
    (void)state;
    buffer_init(&b, &arena);
    for (int i = 0; i < 150; i++)
        buffer_text(&b, "{\"a\":");
    buffer_byte(&b, '1');
    for (int i = 0; i < 150; i++)
        buffer_byte(&b, '}');
    struct json *deep = parse(text(buffer_bytes(&b)));
    assert_int_equal(field_set_of(&arena, NULL, deep, &set, &error), ERR_OK);
    for (const struct field_set *s = set; s; s = s->nodes[0].children)
        depth++;
    assert_int_equal(depth, FIELD_SET_DEPTH);
    assert_int_equal(field_set_compare(&arena, NULL, NULL, deep, &set, &removed, &error), ERR_OK);
    depth = 0;
    for (const struct field_set *s = set; s; s = s->nodes[0].children)
        depth++;
    assert_int_equal(depth, FIELD_SET_DEPTH);
}

static void schemas_change(void **state)
{
    static const struct schema atomic = {.type = SCHEMA_MAP, .items = &text_schema, .map_type = "atomic"};
    static const struct schema list = {.type = SCHEMA_ARRAY, .items = &item_schema};
    static const struct schema_property now[] = {
        {.name = "map", .name_length = 3, .schema = &atomic},
        {.name = "list", .name_length = 4, .schema = &list},
        {.name = "any", .name_length = 3, .schema = &any_schema},
    };
    static const struct schema changed = {.type = SCHEMA_OBJECT, .properties = now, .property_count = ARRAY_LEN(now)};
    (void)state;
    assert_string_equal(written(field_set_reconcile(&arena, &changed,
                            set_of("{\"f:map\":{\"f:a\":{}},\"f:list\":{\".\":{},\"k:{\\\"name\\\":\\\"x\\\"}\":{\"f:"
                                   "name\":{}}},\"f:any\":"
                                   "{\"f:b\":{}},\"f:gone\":{\"f:c\":{}}}"))),
        "{\"f:any\":{\"f:b\":{}},\"f:gone\":{\"f:c\":{}},\"f:list\":{},\"f:map\":{}}");
}

/* ---- Faults */

static void faults(void **state)
{
    struct json *fields = parse("{\"f:a\":{\".\":{},\"k:{\\\"n\\\":1}\":{\"f:b\":{}}},\"f:A\":{}}");
    struct json *old = parse("{\"keyed\":[{\"name\":\"b\"},{\"name\":\"a\"}]}"),
                *new = parse("{\"keyed\":[{\"name\":\"c\"}]}");
    (void)state;
    for (int n = 0;; n++) {
        struct arena own;
        const struct field_set *set = NULL, *changed = NULL, *removed = NULL;
        arena_init(&own, 1u << 20);
        memory_fail_after(n);
        err_t result = field_set_parse(&own, fields, &set, NULL);
        if (result == ERR_OK)
            result = field_set_compare(&own, &schema, old, new, &changed, &removed, NULL);
        if (result == ERR_OK)
            result = field_set_of(&own, &schema, old, &set, NULL);
        const struct field_set *all = result == ERR_OK ? field_set_union(&own, changed, removed) : NULL;
        all = field_set_with_named(&own, &schema, field_set_intersection(&own, all, removed));
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        if (fired && result == ERR_OK)
            assert_int_equal(own.failed, ERR_NO_MEMORY);
        else
            assert_int_equal(result, fired ? ERR_NO_MEMORY : ERR_OK);
        arena_reset(&own);
        if (!fired)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sets_are_written_in_order),
        TEST(what_is_no_set_is_refused),
        TEST(paths_are_for_people),
        TEST(sets_are_combined),
        TEST(small_and_large_sets),
        TEST(sets_are_narrowed_to_paths),
        TEST(values_have_fields),
        TEST(values_differ),
        TEST(depth_is_bounded),
        TEST(schemas_change),
        TEST(faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
