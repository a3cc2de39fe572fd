/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI v3 documents from the schemas: enough for kubectl's validation, explain and patches. */
#include "api/openapi.h"

#include "api/discovery.h"

/* ---- Version 3: schemas */

static void put_description(struct buffer *b, const char *description)
{
    if (!description)
        return;
    buffer_text(b, "\"description\":");
    json_write_string(b, bytes_of(description));
    buffer_byte(b, ',');
}

static void put_keyword(struct buffer *b, const char *name, const char *value)
{
    if (value)
        buffer_format(b, ",\"%s\":\"%s\"", name, value);
}

static void put_list(struct buffer *b, const char *name, const char *const *values, size_t count)
{
    if (!count)
        return;
    buffer_format(b, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++)
        buffer_format(b, "%s\"%s\"", i ? "," : "", values[i]);
    buffer_byte(b, ']');
}

static void put_schema(struct buffer *b, const struct schema *schema, const char *description);

static void put_required(struct buffer *b, const struct schema *schema)
{
    bool comma = false;
    for (uint32_t i = 0; i < schema->property_count; i++) {
        if (!schema->properties[i].required)
            continue;
        buffer_format(b, "%s\"%s\"", comma ? "," : ",\"required\":[", schema->properties[i].name);
        comma = true;
    }
    if (comma)
        buffer_byte(b, ']');
}

static void put_object(struct buffer *b, const struct schema *schema)
{
    if (!schema->property_count)
        return;
    buffer_text(b, ",\"properties\":{");
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *p = &schema->properties[i];
        buffer_format(b, "%s\"%s\":", i ? "," : "", p->name);
        put_schema(b, p->schema, p->description);
    }
    buffer_byte(b, '}');
    put_required(b, schema);
}

const struct openapi_type openapi_types[] = {[SCHEMA_ANY] = {"object", NULL},
    [SCHEMA_STRING] = {"string", NULL},
    [SCHEMA_BYTES] = {"string", "byte"},
    [SCHEMA_TIME] = {"string", "date-time"},
    [SCHEMA_INTEGER] = {"integer", NULL},
    [SCHEMA_NUMBER] = {"number", NULL},
    [SCHEMA_BOOLEAN] = {"boolean", NULL},
    [SCHEMA_ARRAY] = {"array", NULL},
    [SCHEMA_MAP] = {"object", NULL},
    [SCHEMA_OBJECT] = {"object", NULL},
    [SCHEMA_INT_OR_STRING] = {"string", "int-or-string"},
    [SCHEMA_RAW_JSON] = {"object", NULL},
    [SCHEMA_MICRO_TIME] = {"string", "date-time"},
    [SCHEMA_QUANTITY] = {"string", NULL},
    [SCHEMA_UNION] = {"object", NULL}};

/* What stands in braces: everything but a reference. */
static void put_body(struct buffer *b, const struct schema *schema, const char *description)
{
    put_description(b, description ? description : schema->description);
    buffer_format(b, "\"type\":\"%s\"", openapi_types[schema->type].type);
    put_keyword(b, "format", schema->type == SCHEMA_INTEGER ? schema->format : openapi_types[schema->type].format);
    put_object(b, schema);
    if (schema->items) {
        buffer_text(b, schema->type == SCHEMA_MAP ? ",\"additionalProperties\":" : ",\"items\":");
        put_schema(b, schema->items, NULL);
    }
    put_list(b, "enum", schema->enumeration, schema->enumeration_count);
    if (schema->gvk)
        buffer_format(b, ",\"x-kubernetes-group-version-kind\":%s", schema->gvk);
    put_list(b, "x-kubernetes-list-map-keys", schema->list_map_keys, schema->list_map_key_count);
    put_keyword(b, "x-kubernetes-list-type", schema->list_type);
    put_keyword(b, "x-kubernetes-map-type", schema->map_type);
    put_keyword(b, "x-kubernetes-patch-merge-key", schema->patch_merge_key);
    put_keyword(b, "x-kubernetes-patch-strategy", schema->patch_strategy);
}

static void put_schema(struct buffer *b, const struct schema *schema, const char *description)
{
    buffer_byte(b, '{');
    if (schema->openapi_name) {
        put_description(b, description);
        buffer_format(b, "\"allOf\":[{\"$ref\":\"#/components/schemas/%s\"}]", schema->openapi_name);
    } else {
        put_body(b, schema, description);
    }
    buffer_byte(b, '}');
}

/* ---- The schemas that a document needs, each once */

void openapi_need(struct openapi_schemas *needed, const struct schema *schema)
{
    if (schema->openapi_name) {
        for (size_t i = 0; i < needed->count; i++)
            if (needed->schemas[i] == schema)
                return;
        if (needed->count == OPENAPI_SCHEMAS_MOST)
            return;
        needed->schemas[needed->count++] = schema;
    }
    for (uint32_t i = 0; i < schema->property_count; i++)
        openapi_need(needed, schema->properties[i].schema);
    if (schema->items)
        openapi_need(needed, schema->items);
}

/* ---- Paths */

struct operation {
    const char *method, *action;
    enum verb verb;
    bool writes; /* takes dryRun and fieldValidation */
};
/* patch is there even where it is not served: kubectl looks at its parameters to learn that the server validates
 * fields. */
static const struct operation object_operations[] = {{"get", "get", VERB_GET, false}, {"put", "put", VERB_UPDATE, true},
    {"delete", "delete", VERB_DELETE, false}, {"patch", "patch", VERB_COUNT, true}};
static const struct operation collection_operations[] = {{"get", "list", VERB_LIST, false},
    {"post", "post", VERB_CREATE, true}, {"delete", "deletecollection", VERB_DELETECOLLECTION, false}};

static void put_operation(struct buffer *b, const struct kind *k, const struct operation *o)
{
    static const char *const parameters[] = {"dryRun", "fieldManager", "fieldValidation"};
    buffer_format(b, "\"%s\":{", o->method);
    if (o->writes) {
        buffer_text(b, "\"parameters\":[");
        for (size_t i = 0; i < ARRAY_LEN(parameters); i++)
            buffer_format(b,
                "%s{\"name\":\"%s\",\"in\":\"query\",\"schema\":{\"type\":\"string\",\"uniqueItems\":true}}",
                i ? "," : "", parameters[i]);
        buffer_text(b, "],");
    }
    buffer_format(b,
        "\"responses\":{\"200\":{\"description\":\"OK\"}},\"x-kubernetes-action\":\"%s\",\"x-kubernetes-group-version-"
        "kind\":{\"group\":\"%s\","
        "\"kind\":\"%s\",\"version\":\"%s\"}}",
        o->action, k->group, k->kind, k->version);
}

void openapi_path(struct buffer *b, const struct kind *k, bool object)
{
    buffer_format(b, "%s%s/%s/%s%s%s", k->group[0] ? "/apis/" : "/api", k->group, k->version,
        k->namespaced ? "namespaces/{namespace}/" : "", k->plural, object ? "/{name}" : "");
}

static void put_path(struct buffer *b, const struct kind *k, bool object)
{
    const struct operation *operations = object ? object_operations : collection_operations;
    size_t count = object ? ARRAY_LEN(object_operations) : ARRAY_LEN(collection_operations);
    bool comma = false;
    buffer_byte(b, '"');
    openapi_path(b, k, object);
    buffer_text(b, "\":{");
    for (size_t i = 0; i < count; i++) {
        if (operations[i].verb != VERB_COUNT && !(k->verbs & VERB_BIT(operations[i].verb)))
            continue;
        buffer_text(b, comma ? "," : "");
        put_operation(b, k, &operations[i]);
        comma = true;
    }
    buffer_byte(b, '}');
}

/* ---- Documents */

static bool in_version(const struct kind *kind, bytes group, bytes version)
{
    return bytes_equal(group, bytes_of(kind->group)) && bytes_equal(version, bytes_of(kind->version));
}

bool openapi_v3(struct buffer *b, bytes group, bytes version)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    struct openapi_schemas *needed = arena_zero(b->arena, sizeof(*needed));
    bool comma = false;
    if (!needed) {
        b->failed = true;
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (!in_version(kinds[i], group, version))
            continue;
        buffer_text(b,
            comma
                ? ","
                : "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"Coffer\",\"version\":\"v1.34.0+coffer\"},\"paths\":{");
        put_path(b, kinds[i], false);
        buffer_byte(b, ',');
        put_path(b, kinds[i], true);
        openapi_need(needed, kinds[i]->schema);
        comma = true;
    }
    if (!comma)
        return false;
    buffer_text(b, "},\"components\":{\"schemas\":{");
    for (size_t i = 0; i < needed->count; i++) {
        buffer_format(b, "%s\"%s\":{", i ? "," : "", needed->schemas[i]->openapi_name);
        put_body(b, needed->schemas[i], NULL);
        buffer_byte(b, '}');
    }
    buffer_text(b, "}}}\n");
    return true;
}

/* FNV-1a of the document: it changes when the document does, which is all that ?hash= is for. */
static uint64_t hash_of(struct arena *arena, const struct kind *k)
{
    struct buffer b;
    uint64_t hash = 14695981039346656037u;
    buffer_init(&b, arena);
    if (!openapi_v3(&b, bytes_of(k->group), bytes_of(k->version)) || b.failed)
        return 0;
    for (size_t i = 0; i < b.n; i++)
        hash = (hash ^ b.p[i]) * 1099511628211u;
    return hash;
}

void openapi_v3_index(struct buffer *b)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    bool comma = false;
    buffer_text(b, "{\"paths\":{");
    for (size_t i = 0; i < count; i++) {
        const struct kind *k = kinds[i];
        if (i && strcmp(k->group, kinds[i - 1]->group) == 0 && strcmp(k->version, kinds[i - 1]->version) == 0)
            continue;
        const char *root = k->group[0] ? "apis/" : "api";
        buffer_format(b, "%s\"%s%s/%s\":{\"serverRelativeURL\":\"/openapi/v3/%s%s/%s?hash=%016llX\"}", comma ? "," : "",
            root, k->group, k->version, root, k->group, k->version, (unsigned long long)hash_of(b->arena, k));
        comma = true;
    }
    buffer_text(b, "}}\n");
}
