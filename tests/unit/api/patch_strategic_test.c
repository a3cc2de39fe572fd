/* SPDX-License-Identifier: Apache-2.0 */
/* Strategic merge: each directive, the orders that apimachinery makes, its sentences without the content, and that no
 * list is too long for it. */
#include "patch_fixture.h"

#include <time.h>

static void maps(void **state)
{
    static const struct patch_row rows[] = {
        {"{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}", "{\"labels\":{\"b\":null,\"c\":\"3\"}}",
            "{\"labels\":{\"a\":\"1\",\"c\":\"3\"}}"},
        {"{\"count\":1}", "{\"count\":null,\"labels\":{\"a\":null,\"b\":\"1\"}}", "{\"labels\":{\"b\":\"1\"}}"},
        {"{\"labels\":{\"a\":\"1\"}}", "{\"labels\":{\"$patch\":\"replace\",\"b\":\"2\"}}",
            "{\"labels\":{\"b\":\"2\"}}"},
        {"{\"labels\":{\"a\":\"1\"}}", "{\"labels\":{\"$patch\":\"delete\"}}", "{\"labels\":{}}"},
        {"{\"count\":1}", "{\"labels\":{\"$patch\":\"delete\"}}", "{\"count\":1}"},
        {"{\"count\":1}", "{\"$patch\":\"replace\",\"count\":2}", "{\"count\":2}"},
        {"{\"count\":1}", "{\"count\":{\"a\":null,\"b\":1}}", "{\"count\":{\"b\":1}}"},
        {"{\"whole\":{\"a\":\"1\"}}", "{\"whole\":{\"b\":null}}", "{\"whole\":{\"b\":null}}"},
        {"{\"template\":{\"name\":\"a\",\"image\":\"b\"}}",
            "{\"template\":{\"$retainKeys\":[\"name\",\"args\"],\"args\":[]}}",
            "{\"template\":{\"name\":\"a\",\"args\":[]}}"},
        {"{\"template\":{\"name\":\"a\"}}", "{\"template\":{\"$retainKeys\":[\"image\"],\"name\":\"b\"}}",
            "!invalid patch format of retainKeys"},
        {"{}", "{\"$retainKeys\":{}}", "!invalid patch format of retainKeys"},
        {"{\"labels\":{}}", "{\"labels\":{\"$patch\":\"merge\",\"secret\":\"s\"}}", "!unknown patch type in map"},
        {"{\"labels\":{\"a\":{}}}", "{\"labels\":{\"a\":{}}}",
            "!merging an object in json but data type is not struct, instead is: map"},
        {"{\"bogus\":{}}", "{\"bogus\":{}}", "!unable to find api field in struct Pod for the json field \"bogus\""},
        {"{}", "{\"bogus\":{\"a\":1}}", "{\"bogus\":{\"a\":1}}"},
    };
    (void)state;
    check_rows(PATCH_STRATEGIC, pod_schema(), rows, ARRAY_LEN(rows));
}

#define PODS "{\"items\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"},{\"name\":\"c\"}]}"

static void keyed_lists(void **state)
{
    static const struct patch_row rows[] = {
        {PODS, "{\"items\":[{\"name\":\"b\",\"image\":\"2\"}]}",
            "{\"items\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"2\"},{\"name\":\"c\"}]}"},
        {PODS, "{\"items\":[{\"name\":\"d\"}]}",
            "{\"items\":[{\"name\":\"d\"},{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"},{\"name\":\"c\"}]}"},
        {PODS, "{\"items\":[{\"name\":\"a\",\"$patch\":\"delete\"},{\"name\":\"x\",\"$patch\":\"delete\"}]}",
            "{\"items\":[{\"name\":\"b\"},{\"name\":\"c\"}]}"},
        {PODS, "{\"items\":[{\"$patch\":\"replace\"},{\"name\":\"z\",\"image\":null}]}",
            "{\"items\":[{\"name\":\"z\",\"image\":null}]}"},
        {PODS, "{\"$setElementOrder/items\":[{\"name\":\"c\"},{\"name\":\"a\"}]}",
            "{\"items\":[{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"a\",\"image\":\"1\"}]}"},
        {PODS,
            "{\"$setElementOrder/"
            "items\":[{\"name\":\"d\"},{\"name\":\"b\"}],\"items\":[{\"name\":\"d\"},{\"name\":\"a\","
            "\"$patch\":\"delete\"}]}",
            /* so: the new one takes the place of the deleted one */
            "{\"items\":[{\"name\":\"c\"},{\"name\":\"d\"},{\"name\":\"b\"}]}"},
        {"{\"items\":[{\"name\":\"x\"},{\"name\":\"s\"}]}",
            "{\"$setElementOrder/items\":[{\"name\":\"n\"}],\"items\":[{\"name\":\"n\"},{\"name\":\"x\",\"$patch\":"
            "\"delete\"}]}",
            "{\"items\":[{\"name\":\"s\"},{\"name\":\"n\"}]}"},
        {"{}",
            "{\"items\":[{\"name\":\"b\"},{\"name\":\"a\",\"$patch\":\"delete\"}],\"$setElementOrder/"
            "items\":[{\"name\":\"b\"}]}",
            "{\"items\":[{\"name\":\"b\"}]}"},
        {PODS, "{\"items\":[{\"name\":\"a\",\"$retainKeys\":[\"name\"]}]}",
            "{\"items\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}"},
        {"{\"template\":{\"ports\":[{\"port\":1,\"name\":\"a\"},{\"port\":1,\"name\":\"b\"}]}}",
            "{\"template\":{\"ports\":[{\"port\":1,\"name\":\"c\"},{\"port\":2}]}}",
            "{\"template\":{\"ports\":[{\"port\":1,\"name\":\"c\"},{\"port\":1,\"name\":\"b\"},{\"port\":2}]}}"},
        {"{\"items\":[{\"name\":\"a\",\"env\":[{\"name\":\"x\"}]}]}",
            "{\"items\":[{\"name\":\"a\",\"env\":[{\"name\":\"x\",\"value\":\"1\"},{\"name\":\"y\"}],"
            "\"$setElementOrder/env\":[{\"name\":\"y\"},{\"name\":\"x\"}]}]}",
            "!The order in patch list doesn't match $setElementOrder list"},
        {PODS, "{\"items\":[{\"image\":\"secret\"}]}", "!map does not contain declared merge key: name"},
        {PODS, "{\"items\":[{\"$patch\":\"delete\"}]}", "!map does not contain declared merge key: name"},
        {PODS, "{\"items\":[{\"name\":{}}]}", "!merge key is not a scalar: name"},
        {PODS, "{\"items\":[{\"$patch\":\"merge\"}]}", "!merging lists cannot yet be specified in the patch"},
        {PODS, "{\"items\":[{\"$patch\":\"secret\"}]}", "!unknown patch type in map"},
        {PODS, "{\"items\":[\"secret\"]}", "!list element types are not identical"},
        {PODS, "{\"items\":[[]]}", "!list element types are not identical"},
        {"{\"items\":[]}", "{\"items\":[[]]}", "!the server rejected our request due to an error in our request"},
        {"{\"items\":[]}", "{\"items\":[1]}", "!expected a map[string]interface {}, but received a int64"},
        {"{\"items\":[]}", "{\"$setElementOrder/items\":[]}", "!no elements in any of the given slices"},
        {PODS, "{\"$setElementOrder/items\":\"x\"}", "!expected a []interface {}, but received a string"},
        {PODS, "{\"$setElementOrder\":[]}", "!invalid patch format of setElementOrder list"},
        {PODS, "{\"$setElementOrderly/items\":[]}", "!invalid patch format of setElementOrder list"},
        {PODS, "{\"$setElementOrder/bogus\":[]}",
            "!unable to find api field in struct Pod for the json field \"bogus\""},
        {"{\"keyless\":[{}]}", "{\"keyless\":[{}]}", "!cannot merge lists without merge key for struct"},
        {"{\"atomic\":[{\"name\":\"a\"}]}", "{\"atomic\":[{\"value\":null}]}", "{\"atomic\":[{\"value\":null}]}"},
    };
    (void)state;
    check_rows(PATCH_STRATEGIC, pod_schema(), rows, ARRAY_LEN(rows));
}

static void scalar_lists(void **state)
{
    static const struct patch_row rows[] = {
        {"{\"finalizers\":[\"a\",\"b\"]}", "{\"finalizers\":[\"b\",\"c\"]}", "{\"finalizers\":[\"a\",\"b\",\"c\"]}"},
        {"{\"finalizers\":[\"a\",\"b\",\"c\"]}", "{\"$deleteFromPrimitiveList/finalizers\":[\"b\",\"x\"]}",
            "{\"finalizers\":[\"a\",\"c\"]}"},
        {"{\"finalizers\":[\"a\",\"b\",\"c\"]}",
            "{\"$deleteFromPrimitiveList/finalizers\":[\"b\"],\"$setElementOrder/finalizers\":[\"d\",\"c\",\"a\"],"
            "\"finalizers\":[\"d\"]}",
            "{\"finalizers\":[\"d\",\"c\",\"a\"]}"},
        {"{\"finalizers\":[\"a\"]}", "{\"$deleteFromPrimitiveList/finalizers\":null}", "{}"},
        {"{}", "{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}", "{}"},
        {"{\"finalizers\":[\"a\"]}", "{\"$deleteFromPrimitiveList/finalizers\":\"a\"}",
            "!invalid patch format of primitive list"},
        {"{\"finalizers\":[\"a\"]}", "{\"$deleteFromPrimitiveList\":[]}", "!invalid patch format of primitive list"},
        {"{\"finalizers\":[\"a\"]}", "{\"finalizers\":[{\"a\":1}]}", "!list element types are not identical"},
        {"{\"finalizers\":[]}", "{\"finalizers\":[{\"a\":1}]}", "!cannot merge lists without merge key for string"},
        {"{\"atomic\":[1,2]}", "{\"$deleteFromPrimitiveList/atomic\":[1]}", "{\"atomic\":[2]}"},
    };
    (void)state;
    check_rows(PATCH_STRATEGIC, pod_schema(), rows, ARRAY_LEN(rows));
}

/* ---- Size */

static double now(void)
{
    struct timespec t;
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* {"BEFORE":[...]AFTER: an item of each number below count, by this format, from the last one on. */
static void put_list(struct buffer *b, const char *name, const char *item, int count)
{
    buffer_format(b, "\"%s\":[", name);
    while (count-- > 0) {
        if (item[0] == '{')
            buffer_format(b, "{\"name\":\"n%d\"%s%s", count, item + 1, count ? "," : "");
        else
            buffer_format(b, "\"n%d\"%s", count, count ? "," : "");
    }
    buffer_byte(b, ']');
}

/* Sanitizers make it several times slower; what is quadratic takes minutes. */
static void check_soon(const struct buffer *object, const struct buffer *patch, const char *list, uint32_t count)
{
    struct json *from = parse(text(buffer_bytes(object))), *result;
    double start = now();
    if (apply(PATCH_STRATEGIC, pod_schema(), from, buffer_bytes(patch), &result) != ERR_OK)
        fail_msg("%s", text(error.message));
    assert_true(now() - start < 5);
    assert_int_equal(json_get(result, bytes_of(list))->count, count);
}

static void long_lists(void **state)
{
    static const struct {
        const char *list, *item, *patch_item, *order;
        uint32_t count;
    } rows[] = {
        {"items", "{}", "{,\"image\":\"x\"}", NULL, 20000},
        {"items", "{}", "{,\"$patch\":\"delete\"}", NULL, 0},
        {"items", "{}", "{,\"image\":\"x\"}", "$setElementOrder/items", 20000},
        {"finalizers", "x", "x", NULL, 20000},
        {"finalizers", "x", "x", "$setElementOrder/finalizers", 20000},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buffer object, patch;
        buffer_init(&object, &arena);
        buffer_init(&patch, &arena);
        buffer_byte(&object, '{');
        buffer_byte(&patch, '{');
        put_list(&object, rows[i].list, rows[i].item, 20000);
        put_list(&patch, rows[i].list, rows[i].patch_item, 20000);
        if (rows[i].order) {
            buffer_byte(&patch, ',');
            put_list(&patch, rows[i].order, rows[i].item, 20000);
        }
        buffer_byte(&object, '}');
        buffer_byte(&patch, '}');
        check_soon(&object, &patch, rows[i].list, rows[i].count);
    }
}

static void large_maps(void **state)
{
    struct buffer b;
    (void)state;
    buffer_init(&b, &arena);
    for (int i = 0; i < 100000; i++)
        buffer_format(&b, "%s\"k%d\":\"v\"", i ? "," : "{\"labels\":{", i);
    buffer_text(&b, "}}");
    check_soon(&b, &b, "labels", 100000);
}

/* ---- Without memory, at every allocation */

static void faults(void **state)
{
    static const char patch_text[] =
        "{\"labels\":{\"a\":null,\"b\":\"2\"},\"items\":[{\"name\":\"a\",\"$patch\":\"delete\"},{\"name\":\"b\","
        "\"$retainKeys\":[\"name\",\"env\"],\"env\":[{\"name\":\"x\",\"value\":null}]},{\"name\":\"d\"}],"
        "\"$setElementOrder/items\":[{\"name\":\"b\"},{\"name\":\"d\"},{\"name\":\"c\"}],\"finalizers\":[\"z\"],"
        "\"$deleteFromPrimitiveList/finalizers\":[\"y\"],\"atomic\":[1],\"template\":{\"env\":[{\"name\":\"1\"}]}}";
    const struct schema *schema = pod_schema();
    (void)state;
    for (int n = 0;; n++) {
        struct arena own;
        struct json *object = parse("{\"labels\":{\"a\":\"1\"},\"items\":[{\"name\":\"a\"},{\"name\":\"b\",\"image\":"
                                    "\"q\"},{\"name\":\"c\"}],\"finalizers\":[\"y\",\"x\"]}");
        struct json *patch = NULL, *result = NULL;
        arena_init(&own, 1u << 20);
        memory_fail_after(n);
        err_t code = patch_parse(&own, PATCH_STRATEGIC, bytes_of(patch_text), &patch, NULL);
        if (code == ERR_OK)
            code = patch_strategic(&own, schema, object, patch, &result, NULL);
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_int_equal(code, fired ? ERR_NO_MEMORY : ERR_OK);
        assert_true(!fired || !result);
        if (!fired)
            assert_string_equal(written(result),
                "{\"labels\":{\"b\":\"2\"},\"items\":[{\"name\":\"b\",\"env\":[{\"name\":\"x\"}]},{\"name\":\"d\"},"
                "{\"name\":\"c\"}],\"finalizers\":[\"z\",\"x\"],\"atomic\":[1],\"template\":{\"env\":[{\"name\":"
                "\"1\"}]}}");
        arena_reset(&own);
        if (!fired)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(maps), TEST(keyed_lists), TEST(scalar_lists), TEST(long_lists), TEST(large_maps), TEST(faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
