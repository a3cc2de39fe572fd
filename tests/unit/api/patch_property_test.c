/* SPDX-License-Identifier: Apache-2.0 */
/* Between any two objects there is a patch of each type that makes the second of the first; merging twice is merging
 * once. The diffs here are the obvious ones. COFFER_TEST_SEED repeats a run. */
#include "patch_fixture.h"

#define CASES 4000

/* ---- Random objects */

static uint64_t seed;

static uint32_t below(uint32_t bound)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % bound;
}

static const char *const words[] = {"a", "b", "c", "d", "e/f", "g~h", "", "\xc3\xa9"};

static bytes word(void)
{
    return bytes_of(words[below(ARRAY_LEN(words))]);
}

static struct json *some_scalar(bool nulls)
{
    switch (below(nulls ? 5 : 4)) {
    case 0:
        return json_string(&arena, word());
    case 1:
        return json_integer(&arena, below(3));
    case 2:
        return json_bool(&arena, true);
    case 3:
        return json_bool(&arena, false);
    default:
        return json_new(&arena, JSON_NULL);
    }
}

/* nulls: in objects too. In arrays they always are. */
static struct json *some_value(unsigned depth, bool nulls);

static struct json *some_object(unsigned depth, bool nulls)
{
    struct json *object = json_new(&arena, JSON_OBJECT);
    for (uint32_t n = below(6); n > 0; n--)
        json_set(object, word(), some_value(depth, nulls));
    return object;
}

static struct json *some_value(unsigned depth, bool nulls)
{
    uint32_t form = depth ? below(4) : 2;
    if (form == 0)
        return some_object(depth - 1, nulls);
    if (form > 1)
        return some_scalar(nulls);
    struct json *array = json_new(&arena, JSON_ARRAY);
    for (uint32_t n = below(5); n > 0; n--)
        json_append(array, below(6) ? some_value(depth - 1, nulls) : json_new(&arena, JSON_NULL));
    return array;
}

static struct json *copy(const struct json *value)
{
    return json_copy(&arena, value);
}

static struct json *null(void)
{
    return json_new(&arena, JSON_NULL);
}

/* ---- Merge patch */

static struct json *merge_diff(const struct json *from, const struct json *to)
{
    struct json *patch = json_new(&arena, JSON_OBJECT);
    for (const struct json *old = from->first; old; old = old->next)
        if (!json_get(to, old->key))
            json_add(patch, old->key, null());
    for (const struct json *new = to->first; new; new = new->next) {
        const struct json *old = json_get(from, new->key);
        if (old && json_equal(old, new))
            continue;
        bool both = old && old->type == JSON_OBJECT && new->type == JSON_OBJECT;
        json_add(patch, new->key, both ? merge_diff(old, new) : copy(new));
    }
    return patch;
}

/* ---- JSON patch */

static bytes child_path(bytes path, bytes name)
{
    struct buffer b;
    buffer_init(&b, &arena);
    buffer_put(&b, path);
    buffer_byte(&b, '/');
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '~' || name.p[i] == '/')
            buffer_text(&b, name.p[i] == '~' ? "~0" : "~1");
        else
            buffer_byte(&b, name.p[i]);
    return buffer_bytes(&b);
}

static void operation(struct json *patch, const char *op, bytes path, const struct json *value)
{
    struct json *o = json_append(patch, json_new(&arena, JSON_OBJECT));
    json_add(o, BYTES("op"), json_string(&arena, bytes_of(op)));
    json_add(o, BYTES("path"), json_string(&arena, path));
    if (value)
        json_add(o, BYTES("value"), copy(value));
}

static void json_diff(struct json *patch, bytes path, const struct json *from, const struct json *to);

static void array_diff(struct json *patch, bytes path, const struct json *from, const struct json *to)
{
    const struct json *old = from->first, *new = to->first;
    uint32_t i = 0;
    for (; old && new; old = old->next, new = new->next, i++)
        json_diff(patch, child_path(path, arena_format(&arena, "%u", i)), old, new);
    for (; old; old = old->next)
        operation(patch, "remove", child_path(path, arena_format(&arena, "%u", i)), NULL);
    for (; new; new = new->next)
        operation(patch, "add", child_path(path, BYTES("-")), new);
}

static void json_diff(struct json *patch, bytes path, const struct json *from, const struct json *to)
{
    if (below(3) == 0)
        operation(patch, "test", path, from);
    if (json_equal(from, to))
        return;
    if (from->type == JSON_ARRAY && to->type == JSON_ARRAY) {
        array_diff(patch, path, from, to);
        return;
    }
    if (from->type != JSON_OBJECT || to->type != JSON_OBJECT) {
        operation(patch, "replace", path, to);
        return;
    }
    for (const struct json *old = from->first; old; old = old->next)
        if (!json_get(to, old->key))
            operation(patch, "remove", child_path(path, old->key), NULL);
    for (const struct json *new = to->first; new; new = new->next) {
        const struct json *old = json_get(from, new->key);
        if (old)
            json_diff(patch, child_path(path, new->key), old, new);
        else
            operation(patch, "add", child_path(path, new->key), new);
    }
}

/* ---- Strategic merge: objects of the fixture's Pod */

static struct json *some_pod(void);

static struct json *some_list(const char *key, struct json *(*item)(bytes name))
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g"};
    struct json *list = json_new(&arena, JSON_ARRAY);
    uint32_t start = below(7), step = 1 + below(6);
    for (uint32_t n = 1 + below(6), i = 0; i < n; i++) {
        bytes name = bytes_of(names[(start + i * step) % 7]);
        struct json *value = item ? item(name) : json_string(&arena, name);
        if (key && !json_get(value, bytes_of(key)))
            json_add(value, bytes_of(key), json_string(&arena, name));
        json_append(list, value);
    }
    return list;
}

static struct json *some_env(bytes name)
{
    struct json *env = json_new(&arena, JSON_OBJECT);
    json_add(env, BYTES("name"), json_string(&arena, name));
    if (below(2))
        json_add(env, BYTES("value"), some_scalar(false));
    return env;
}

static struct json *some_port(bytes name)
{
    struct json *port = json_new(&arena, JSON_OBJECT);
    if (below(2))
        json_add(port, BYTES("name"), json_string(&arena, word()));
    json_add(port, BYTES("port"), json_integer(&arena, name.p[0]));
    return port;
}

static struct json *some_item(bytes name)
{
    struct json *item = json_new(&arena, JSON_OBJECT);
    if (name.n)
        json_add(item, BYTES("name"), json_string(&arena, name));
    if (below(2))
        json_add(item, BYTES("image"), json_string(&arena, word()));
    if (below(3) == 0)
        json_add(item, BYTES("args"), some_list(NULL, NULL));
    if (below(2))
        json_add(item, BYTES("env"), some_list("name", some_env));
    if (below(3) == 0)
        json_add(item, BYTES("ports"), some_list("port", some_port));
    return item;
}

static struct json *some_strings(void)
{
    struct json *map = json_new(&arena, JSON_OBJECT);
    for (uint32_t n = below(5); n > 0; n--)
        json_set(map, word(), json_string(&arena, word()));
    return map;
}

static struct json *some_pod(void)
{
    struct json *pod = json_new(&arena, JSON_OBJECT);
    if (below(2))
        json_add(pod, BYTES("labels"), some_strings());
    if (below(2))
        json_add(pod, BYTES("whole"), some_strings());
    if (below(3))
        json_add(pod, BYTES("items"), some_list("name", some_item));
    if (below(2))
        json_add(pod, BYTES("finalizers"), some_list(NULL, NULL));
    if (below(2))
        json_add(pod, BYTES("atomic"), some_list("name", some_env));
    if (below(2))
        json_add(pod, BYTES("template"), some_item(BYTES("")));
    if (below(2))
        json_add(pod, BYTES("count"), json_integer(&arena, below(3)));
    return pod;
}

static struct json *strategic_diff(const struct schema *, const struct json *from, const struct json *to);

static bytes directive(const char *prefix, bytes field)
{
    return arena_join(&arena, bytes_of(prefix), BYTES("/"), field, ARENA_END);
}

static const struct json *item_with(const struct json *list, bytes key, const struct json *value)
{
    const struct json *item = list->first;
    while (item && !json_equal(key.n ? json_get(item, key) : item, value))
        item = item->next;
    return item;
}

static void scalars_diff(struct json *patch, const struct json *from, const struct json *to)
{
    struct json *added = json_new(&arena, JSON_ARRAY), *deleted = json_new(&arena, JSON_ARRAY);
    for (const struct json *item = to->first; item; item = item->next)
        if (!item_with(from, BYTES_NONE, item))
            json_append(added, copy(item));
    for (const struct json *item = from->first; item; item = item->next)
        if (!item_with(to, BYTES_NONE, item))
            json_append(deleted, copy(item));
    json_add(patch, directive("$setElementOrder", to->key), copy(to));
    if (deleted->count)
        json_add(patch, directive("$deleteFromPrimitiveList", to->key), deleted);
    if (added->count)
        json_add(patch, to->key, added);
}

static void items_diff(
    struct json *patch, const struct schema *items, bytes key, const struct json *from, const struct json *to)
{
    struct json *list = json_new(&arena, JSON_ARRAY), *order = json_new(&arena, JSON_ARRAY);
    for (const struct json *new = to->first; new; new = new->next) {
        const struct json *old = item_with(from, key, json_get(new, key));
        struct json *one = old ? strategic_diff(items, old, new) : copy(new), *name = json_new(&arena, JSON_OBJECT);
        if (old)
            json_set(one, key, copy(json_get(new, key)));
        json_append(list, one);
        json_add(name, key, copy(json_get(new, key)));
        json_append(order, name);
    }
    for (const struct json *old = from->first; old; old = old->next) {
        struct json *deleted = json_new(&arena, JSON_OBJECT);
        if (item_with(to, key, json_get(old, key)))
            continue;
        json_add(deleted, key, copy(json_get(old, key)));
        json_add(deleted, BYTES("$patch"), json_string(&arena, BYTES("delete")));
        json_append(list, deleted);
    }
    json_add(patch, to->key, list);
    json_add(patch, directive("$setElementOrder", to->key), order);
}

static void field_diff(struct json *patch, const struct schema *schema, const struct json *from, const struct json *to)
{
    bool merge = schema->patch_strategy && strncmp(schema->patch_strategy, "merge", 5) == 0;
    bool replace = schema->patch_strategy && strcmp(schema->patch_strategy, "replace") == 0;
    if (to->type == JSON_ARRAY && merge && schema->patch_merge_key)
        items_diff(patch, schema->items, bytes_of(schema->patch_merge_key), from, to);
    else if (to->type == JSON_ARRAY && merge)
        scalars_diff(patch, from, to);
    else if (to->type == JSON_OBJECT && !replace)
        json_add(patch, to->key, strategic_diff(schema, from, to));
    else
        json_add(patch, to->key, copy(to));
}

/* What the second lacks is told by nulls, or by naming all that it has. */
static struct json *strategic_diff(const struct schema *schema, const struct json *from, const struct json *to)
{
    struct json *patch = json_new(&arena, JSON_OBJECT), *retained = json_new(&arena, JSON_ARRAY);
    bool retain = below(4) == 0;
    for (const struct json *old = from->first; old; old = old->next)
        if (!json_get(to, old->key) && !retain)
            json_add(patch, old->key, null());
    for (const struct json *new = to->first; new; new = new->next) {
        const struct json *old = json_get(from, new->key);
        const struct schema_property *property = schema_property(schema, new->key);
        json_append(retained, json_string(&arena, new->key));
        if (old && json_equal(old, new))
            continue;
        if (old && old->type == new->type)
            field_diff(patch, property ? property->schema : schema->items, old, new);
        else
            json_add(patch, new->key, copy(new));
    }
    if (retain)
        json_add(patch, BYTES("$retainKeys"), retained);
    return patch;
}

/* ---- The properties */

static void check(enum patch_type type, const struct schema *schema, const struct json *from, const struct json *to,
    const struct json *patch)
{
    struct json *result = NULL, *again = NULL;
    bytes body = bytes_of(written(patch));
    const char *before = written(from);
    if (apply(type, schema, from, body, &result) != ERR_OK || (to && !json_equal(result, to)))
        fail_msg("%s\nby %s\nis not %s\nbut %s", before, text(body), to ? written(to) : "an object",
            result ? written(result) : text(error.message));
    assert_string_equal(written(from), before);
    if (type == PATCH_JSON)
        return;
    if (apply(type, schema, result, body, &again) != ERR_OK || strcmp(written(result), written(again)) != 0)
        fail_msg("%s\nagain by %s\nis %s", written(result), text(body), again ? written(again) : text(error.message));
}

static void start(void)
{
    const char *given = getenv("COFFER_TEST_SEED");
    seed = given ? strtoull(given, NULL, 10) : 20261121;
    print_message("COFFER_TEST_SEED=%llu\n", (unsigned long long)seed);
}

static void next_case(void)
{
    arena_reset(&arena);
    error_init(&error, &arena);
}

static void merge_patches(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < CASES; i++) {
        struct json *from = some_object(3, false), *to = some_object(3, false);
        check(PATCH_MERGE, NULL, from, to, merge_diff(from, to));
        check(PATCH_MERGE, NULL, from, NULL, some_object(3, true));
        next_case();
    }
}

static void json_patches(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < CASES; i++) {
        struct json *from = some_object(3, true), *to = some_object(3, true), *patch = json_new(&arena, JSON_ARRAY);
        json_diff(patch, BYTES(""), from, to);
        check(PATCH_JSON, NULL, from, to, patch);
        next_case();
    }
}

static void strategic_patches(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < CASES; i++) {
        const struct schema *schema = pod_schema();
        struct json *from = some_pod(), *to = some_pod();
        check(PATCH_STRATEGIC, schema, from, to, strategic_diff(schema, from, to));
        next_case();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(merge_patches), TEST(json_patches), TEST(strategic_patches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
