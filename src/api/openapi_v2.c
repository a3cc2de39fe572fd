/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI v2 as gnostic's protobuf messages (github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto), which is the
 * only form that kubectl reads: 1.20 learns from it which fields there are (explain, validation), how lists merge
 * (apply), and by the parameters of PATCH whether dryRun is understood. */
#include "api/discovery.h"
#include "api/openapi.h"
#include "text/protobuf.h"

static void put_text(struct buffer *b, uint32_t number, const char *text)
{
    if (text)
        protobuf_put_bytes(b, number, bytes_of(text));
}

static void put_message(struct buffer *b, uint32_t number, const struct buffer *message)
{
    protobuf_put_bytes(b, number, buffer_bytes(message));
    b->failed = b->failed || message->failed;
}

/* NamedAny: 1 name, 2 Any: 2 yaml. */
static void put_extension(struct buffer *b, uint32_t number, const char *name, const char *yaml)
{
    struct buffer any, named;
    if (!yaml)
        return;
    buffer_init(&any, b->arena);
    buffer_init(&named, b->arena);
    put_text(&any, 2, yaml);
    put_text(&named, 1, name);
    put_message(&named, 2, &any);
    put_message(b, number, &named);
}

static void put_schema(struct buffer *b, const struct schema *schema, const char *description);

/* Properties and Definitions alike hold NamedSchema: 1 name, 2 value. */
static void put_named_schema(struct buffer *b, const char *name, const struct buffer *schema)
{
    struct buffer named;
    buffer_init(&named, b->arena);
    put_text(&named, 1, name);
    put_message(&named, 2, schema);
    put_message(b, 1, &named);
}

static void put_properties(struct buffer *b, const struct schema *schema)
{
    struct buffer properties;
    if (!schema->property_count)
        return;
    buffer_init(&properties, b->arena);
    for (uint32_t i = 0; i < schema->property_count; i++) {
        struct buffer property;
        buffer_init(&property, b->arena);
        put_schema(&property, schema->properties[i].schema, schema->properties[i].description);
        put_named_schema(&properties, schema->properties[i].name, &property);
    }
    put_message(b, 25, &properties);
}

/* AdditionalPropertiesItem and ItemsItem: 1 schema. */
static void put_items(struct buffer *b, const struct schema *schema)
{
    struct buffer items, item;
    if (!schema->items)
        return;
    buffer_init(&items, b->arena);
    buffer_init(&item, b->arena);
    put_schema(&items, schema->items, NULL);
    put_message(&item, 1, &items);
    put_message(b, schema->type == SCHEMA_MAP ? 21 : 23, &item);
}

/* Schema, in the order of its field numbers. */
static void put_body(struct buffer *b, const struct schema *schema, const char *description)
{
    const struct openapi_type *type = &openapi_types[schema->type];
    struct buffer item;
    put_text(b, 2, schema->type == SCHEMA_INTEGER ? schema->format : type->format);
    put_text(b, 4, description ? description : schema->description);
    for (uint32_t i = 0; i < schema->property_count; i++)
        if (schema->properties[i].required)
            put_text(b, 19, schema->properties[i].name);
    buffer_init(&item, b->arena);
    put_text(&item, 1, type->type);
    put_message(b, 22, &item);
    put_items(b, schema);
    put_properties(b, schema);
    put_extension(b, 31, "x-kubernetes-group-version-kind", schema->gvk);
    put_extension(b, 31, "x-kubernetes-patch-merge-key", schema->patch_merge_key);
    put_extension(b, 31, "x-kubernetes-patch-strategy", schema->patch_strategy);
}

static void put_schema(struct buffer *b, const struct schema *schema, const char *description)
{
    if (!schema->openapi_name) {
        put_body(b, schema, description);
        return;
    }
    bytes reference = arena_join(b->arena, BYTES("#/definitions/"), bytes_of(schema->openapi_name), ARENA_END);
    b->failed = b->failed || !reference.p;
    protobuf_put_bytes(b, 1, reference);
    put_text(b, 4, description);
}

/* ParametersItem 1 Parameter, 2 NonBodyParameter, 3 QueryParameterSubSchema: 2 in, 4 name, 6 type. */
static void put_parameter(struct buffer *operation, const char *name)
{
    static const uint32_t wrappers[] = {3, 2, 1, 8};
    struct buffer inner;
    buffer_init(&inner, operation->arena);
    put_text(&inner, 2, "query");
    put_text(&inner, 4, name);
    put_text(&inner, 6, "string");
    for (size_t i = 0; i + 1 < ARRAY_LEN(wrappers); i++) {
        struct buffer outer;
        buffer_init(&outer, operation->arena);
        put_message(&outer, wrappers[i], &inner);
        inner = outer;
    }
    put_message(operation, wrappers[ARRAY_LEN(wrappers) - 1], &inner);
}

/* The path of one object with its PATCH, by which kubectl learns what the server understands. */
static void put_path(struct buffer *paths, const struct kind *kind)
{
    struct buffer operation, item, path, named;
    bytes gvk = arena_format(
        paths->arena, "{\"group\":\"%s\",\"kind\":\"%s\",\"version\":\"%s\"}", kind->group, kind->kind, kind->version);
    buffer_init(&operation, paths->arena);
    buffer_init(&item, paths->arena);
    buffer_init(&path, paths->arena);
    buffer_init(&named, paths->arena);
    put_parameter(&operation, "dryRun");
    put_parameter(&operation, "fieldValidation");
    put_extension(&operation, 13, "x-kubernetes-group-version-kind", (const char *)gvk.p);
    put_message(&item, 8, &operation);
    openapi_path(&path, kind, true);
    put_message(&named, 1, &path);
    put_message(&named, 2, &item);
    put_message(paths, 2, &named);
    paths->failed = paths->failed || !gvk.p;
}

static void put_information(struct buffer *b)
{
    struct buffer information;
    buffer_init(&information, b->arena);
    put_text(&information, 1, "Coffer");
    put_text(&information, 2, "v1.34.0+coffer");
    put_text(b, 1, "2.0");
    put_message(b, 2, &information);
}

void openapi_v2_protobuf(struct buffer *b)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    struct openapi_schemas *needed = arena_zero(b->arena, sizeof(*needed));
    struct buffer paths, definitions;
    if (!needed) {
        b->failed = true;
        return;
    }
    put_information(b);
    buffer_init(&paths, b->arena);
    buffer_init(&definitions, b->arena);
    for (size_t i = 0; i < count; i++) {
        put_path(&paths, kinds[i]);
        openapi_need(needed, kinds[i]->schema);
    }
    for (size_t i = 0; i < needed->count; i++) {
        struct buffer schema;
        buffer_init(&schema, b->arena);
        put_body(&schema, needed->schemas[i], NULL);
        put_named_schema(&definitions, needed->schemas[i]->openapi_name, &schema);
    }
    put_message(b, 8, &paths);
    put_message(b, 9, &definitions);
}

void openapi_v2_json(struct buffer *b)
{
    buffer_text(b, "{\"swagger\":\"2.0\",\"info\":{\"title\":\"Coffer\",\"version\":\"v1.34.0+coffer\"},\"paths\":{},"
                   "\"definitions\":{}}\n");
}
