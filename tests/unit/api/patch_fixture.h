/* SPDX-License-Identifier: Apache-2.0 */
/* Patches on texts. */
#ifndef COFFER_TESTS_API_PATCH_FIXTURE_H
#define COFFER_TESTS_API_PATCH_FIXTURE_H

#include "api/patch.h"
#include "base/memory.h"
#include "fixture.h"
#include "text/yaml.h"

static inline struct json *parse(const char *json)
{
    struct json *value;
    assert_int_equal(
        json_parse(&arena, bytes_of(json), &(struct json_options){.max_depth = 512}, &value, NULL, &error), ERR_OK);
    return value;
}

static inline const char *written(const struct json *value)
{
    struct buffer b;
    buffer_init(&b, &arena);
    json_write(&b, value);
    assert_false(b.failed);
    return text(buffer_bytes(&b));
}

/* Parses and applies. */
static inline err_t apply(
    enum patch_type type, const struct schema *schema, const struct json *object, bytes patch, struct json **ret)
{
    struct json *parsed;
    TRY(patch_parse(&arena, type, patch, &parsed, &error));
    if (type == PATCH_STRATEGIC)
        return patch_strategic(&arena, schema, object, parsed, ret, &error);
    return (type == PATCH_JSON ? patch_json : patch_merge)(&arena, object, parsed, ret, &error);
}

/* A row of a table: expected is JSON, or "!" and the error's sentence. */
struct patch_row {
    const char *object, *patch, *expected;
};

static inline void check_row(enum patch_type type, const struct schema *schema, const struct patch_row *row)
{
    struct json *object = parse(row->object), *result = NULL;
    err_t code = apply(type, schema, object, bytes_of(row->patch), &result);
    assert_string_equal(written(object), written(parse(row->object)));
    if (row->expected[0] == '!') {
        assert_int_not_equal(code, ERR_OK);
        assert_null(result);
        assert_string_equal(text(error.message), row->expected + 1);
        return;
    }
    if (code != ERR_OK)
        fail_msg("%s: %s", row->patch, text(error.message));
    assert_string_equal(written(result), row->expected);
}

static inline void check_rows(
    enum patch_type type, const struct schema *schema, const struct patch_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_row(type, schema, &rows[i]);
}

/* A small Pod: each form that a field can have under strategic merge. */
static const char schema_text[] =
    "t.Env: {type: object, properties: {name: {type: string}, value: {type: string}}}\n"
    "t.Port: {type: object, properties: {port: {type: integer, format: int32}, name: {type: string}}}\n"
    "t.Item:\n"
    "  type: object\n"
    "  properties:\n"
    "    name: {type: string}\n"
    "    image: {type: string}\n"
    "    args: {type: array, items: {type: string}}\n"
    "    env: {type: array, items: {$ref: t.Env}, x-kubernetes-patch-strategy: merge, x-kubernetes-patch-merge-key: "
    "name}\n"
    "    ports: {type: array, items: {$ref: t.Port}, x-kubernetes-patch-strategy: merge, "
    "x-kubernetes-patch-merge-key: port}\n"
    "t.Pod:\n"
    "  type: object\n"
    "  properties:\n"
    "    labels: {type: object, additionalProperties: {type: string}}\n"
    "    nested: {type: object, additionalProperties: {type: object, additionalProperties: {type: string}}}\n"
    "    items: {type: array, items: {$ref: t.Item}, x-kubernetes-patch-strategy: 'merge,retainKeys', "
    "x-kubernetes-patch-merge-key: name}\n"
    "    finalizers: {type: array, items: {type: string}, x-kubernetes-patch-strategy: merge}\n"
    "    keyless: {type: array, items: {$ref: t.Env}, x-kubernetes-patch-strategy: merge}\n"
    "    atomic: {type: array, items: {$ref: t.Env}}\n"
    "    whole: {type: object, additionalProperties: {type: string}, x-kubernetes-patch-strategy: replace}\n"
    "    template: {$ref: t.Item}\n"
    "    count: {type: integer, format: int32}\n";

static inline const struct schema *pod_schema(void)
{
    struct schema_list list = {0};
    struct json *file;
    if (yaml_parse(&arena, bytes_of(schema_text), 0, &file, &error) != ERR_OK ||
        schemas_load(&arena, file, &list, &error) != ERR_OK || schemas_link(&list, &error) != ERR_OK)
        fail_msg("%s", text(error.message));
    return list.schemas[list.count - 1];
}

#endif
