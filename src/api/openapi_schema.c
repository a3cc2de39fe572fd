/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas as OpenAPI writes them. What version 2 cannot say is left out there, or made less strict, as kube-apiserver
 * does for kubectl: a value that may be null, or that keeps unknown members, has no type. */
#include "api/float_text.h"
#include "api/openapi.h"
#include "api/schemas.h"

static void put_schema(const struct openapi *, const struct schema *, const char *description, const char *value);

/* ---- Members of objects */

void openapi_key_bytes(const struct openapi *w, bytes name)
{
    struct buffer *b = w->out;
    if (b->n && b->p[b->n - 1] != '{')
        buffer_byte(b, ',');
    json_write_string(b, name);
    buffer_byte(b, ':');
}

void openapi_key(const struct openapi *w, const char *name)
{
    openapi_key_bytes(w, bytes_of(name));
}

void openapi_text(const struct openapi *w, const char *name, const char *value)
{
    if (!value)
        return;
    openapi_key(w, name);
    json_write_string(w->out, bytes_of(value));
}

static void put_raw(const struct openapi *w, const char *name, const char *json)
{
    if (!json)
        return;
    openapi_key(w, name);
    buffer_text(w->out, json);
}

static void put_flag(const struct openapi *w, const char *name, bool value)
{
    put_raw(w, name, value ? "true" : NULL);
}

static void put_count(const struct openapi *w, const char *name, int64_t value)
{
    if (value < 0)
        return;
    openapi_key(w, name);
    buffer_uint(w->out, (uint64_t)value);
}

static void put_number(const struct openapi *w, const char *name, bool there, double value)
{
    char text[FLOAT_TEXT_SIZE];
    if (!there)
        return;
    (void)float_text(value, FLOAT_JSON, text);
    put_raw(w, name, text);
}

static void put_list(const struct openapi *w, const char *name, const char *const *values, size_t count)
{
    if (!count)
        return;
    openapi_key(w, name);
    for (size_t i = 0; i < count; i++) {
        buffer_byte(w->out, i ? ',' : '[');
        json_write_string(w->out, bytes_of(values[i]));
    }
    buffer_byte(w->out, ']');
}

void openapi_gvk(const struct openapi *w, const char *group, const char *version, const char *kind)
{
    openapi_key(w, "x-kubernetes-group-version-kind");
    buffer_byte(w->out, '{');
    openapi_text(w, "group", group);
    openapi_text(w, "kind", kind);
    openapi_text(w, "version", version);
    buffer_byte(w->out, '}');
}

void openapi_reference(const struct openapi *w, bytes name)
{
    buffer_text(w->out, w->v2 ? "{\"$ref\":\"#/definitions/" : "{\"$ref\":\"#/components/schemas/");
    buffer_put(w->out, name);
    buffer_text(w->out, "\"}");
}

/* ---- Names */

/* A group's name from its end: "com.example". */
static void put_reversed(struct buffer *b, bytes group)
{
    while (group.n) {
        size_t at = group.n;
        while (at && group.p[at - 1] != '.')
            at--;
        buffer_put(b, (bytes){group.p + at, group.n - at});
        buffer_byte(b, '.');
        group.n = at ? at - 1 : 0;
    }
}

static bytes name_with(struct arena *arena, const struct kind *k, const char *kind, const char *more)
{
    const char *built_in = k->schema ? k->schema->openapi_name : NULL, *dot = built_in ? strrchr(built_in, '.') : NULL;
    struct buffer b;
    buffer_init(&b, arena);
    if (dot) {
        buffer_put(&b, (bytes){(const uint8_t *)built_in, (size_t)(dot - built_in) + 1});
    } else {
        put_reversed(&b, bytes_of(k->group));
        buffer_text(&b, k->version);
        buffer_byte(&b, '.');
    }
    buffer_text(&b, kind);
    buffer_text(&b, more);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

bytes openapi_name(struct arena *arena, const struct kind *k)
{
    return name_with(arena, k, k->kind, "");
}

bytes openapi_list_name(struct arena *arena, const struct kind *k)
{
    return k->list_kind ? name_with(arena, k, k->list_kind, "") : name_with(arena, k, k->kind, "List");
}

/* ---- The value itself */

static const struct {
    const char *type, *format;
} types[SCHEMA_TYPE_COUNT] = {[SCHEMA_STRING] = {"string", NULL},
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
    [SCHEMA_QUANTITY] = {"string", NULL}};

static void put_type(const struct openapi *w, const struct schema *s)
{
    if (s->custom && (s->typeless || s->type == SCHEMA_INT_OR_STRING)) {
        put_flag(w, "x-kubernetes-int-or-string", s->type == SCHEMA_INT_OR_STRING);
        return;
    }
    if (w->v2 || (s->type != SCHEMA_INT_OR_STRING && s->type != SCHEMA_QUANTITY))
        openapi_text(w, "type", types[s->type].type);
    else
        put_raw(w, "oneOf",
            s->type == SCHEMA_QUANTITY ? "[{\"type\":\"string\"},{\"type\":\"number\"}]"
                                       : "[{\"type\":\"integer\"},{\"type\":\"string\"}]");
    openapi_text(w, "format", types[s->type].format ? types[s->type].format : s->format);
}

/* Whether version 2 must let anything pass. */
static bool is_open(const struct openapi *w, const struct schema *s)
{
    return w->v2 && s->custom && (s->preserves_unknown || s->nullable);
}

static void put_properties(const struct openapi *w, const struct schema *s)
{
    if (!s->property_count || s->type == SCHEMA_UNION)
        return;
    openapi_key(w, "properties");
    buffer_byte(w->out, '{');
    for (uint32_t i = 0; i < s->property_count; i++) {
        const struct schema_property *p = &s->properties[i];
        openapi_key_bytes(w, (bytes){(const uint8_t *)p->name, p->name_length});
        put_schema(w, p->schema, p->description, p->default_json);
    }
    buffer_byte(w->out, '}');
}

/* In version 2 what may be null need not be there. */
static bool is_required(const struct openapi *w, const struct schema *s, const struct schema_property *p)
{
    if (s->type == SCHEMA_UNION || (w->v2 && p->schema->custom && p->schema->nullable))
        return false;
    return p->required ||
           (s->embedded_resource && (strcmp(p->name, "apiVersion") == 0 || strcmp(p->name, "kind") == 0));
}

static void put_required(const struct openapi *w, const struct schema *s)
{
    const struct schema_constraints *c = s->constraints;
    bool any = false;
    for (size_t i = 0; i < s->property_count + (c ? c->required_count : 0); i++) {
        bool own = i < s->property_count;
        if (own && !is_required(w, s, &s->properties[i]))
            continue;
        if (!any)
            openapi_key(w, "required");
        buffer_byte(w->out, any ? ',' : '[');
        json_write_string(w->out, bytes_of(own ? s->properties[i].name : c->required[i - s->property_count]));
        any = true;
    }
    if (any)
        buffer_byte(w->out, ']');
}

static void put_items(const struct openapi *w, const struct schema *s)
{
    const struct schema *items = s->items;
    if (!items)
        return;
    openapi_key(w, s->type == SCHEMA_MAP ? "additionalProperties" : "items");
    if (items->custom && items->type == SCHEMA_ANY && items->nullable && !items->preserves_unknown && !items->typeless)
        buffer_text(w->out, "true");
    else
        put_schema(w, items, NULL, w->v2 ? NULL : items->default_json);
}

static void put_alternatives(
    const struct openapi *w, const char *name, const struct schema *const *schemas, size_t count)
{
    if (!count)
        return;
    openapi_key(w, name);
    for (size_t i = 0; i < count; i++) {
        buffer_byte(w->out, i ? ',' : '[');
        put_schema(w, schemas[i], NULL, NULL);
    }
    buffer_byte(w->out, ']');
}

static void put_constraints(const struct openapi *w, const struct schema_constraints *c)
{
    if (!c)
        return;
    put_number(w, "minimum", c->flags & HAS_MINIMUM, c->minimum);
    put_flag(w, "exclusiveMinimum", c->flags & EXCLUSIVE_MINIMUM);
    put_number(w, "maximum", c->flags & HAS_MAXIMUM, c->maximum);
    put_flag(w, "exclusiveMaximum", c->flags & EXCLUSIVE_MAXIMUM);
    put_number(w, "multipleOf", c->flags & HAS_MULTIPLE_OF, c->multiple_of);
    put_flag(w, "uniqueItems", c->flags & UNIQUE_ITEMS);
    put_count(w, "minLength", c->min_length);
    put_count(w, "maxLength", c->max_length);
    put_count(w, "minItems", c->min_items);
    put_count(w, "maxItems", c->max_items);
    put_count(w, "minProperties", c->min_properties);
    put_count(w, "maxProperties", c->max_properties);
    openapi_text(w, "pattern", c->pattern_text);
    if (c->enumeration) {
        openapi_key(w, "enum");
        json_write(w->out, c->enumeration);
    }
    if (w->v2)
        return;
    put_alternatives(w, "allOf", c->all_of, c->all_of_count);
    put_alternatives(w, "anyOf", c->any_of, c->any_of_count);
    put_alternatives(w, "oneOf", c->one_of, c->one_of_count);
    if (c->not ) {
        openapi_key(w, "not");
        put_schema(w, c->not, NULL, NULL);
    }
}

static void put_extensions(const struct openapi *w, const struct schema *s)
{
    put_raw(w, "x-kubernetes-group-version-kind", s->gvk);
    put_list(w, "x-kubernetes-list-map-keys", s->list_map_keys, s->list_map_key_count);
    openapi_text(w, "x-kubernetes-list-type", s->list_type);
    openapi_text(w, "x-kubernetes-map-type", s->map_type);
    openapi_text(w, "x-kubernetes-patch-merge-key", s->patch_merge_key);
    openapi_text(w, "x-kubernetes-patch-strategy", s->patch_strategy);
    put_flag(w, "x-kubernetes-embedded-resource", s->embedded_resource);
    put_flag(w, "x-kubernetes-preserve-unknown-fields", s->custom && s->preserves_unknown);
}

/* What stands in braces: everything but a reference. */
static void put_body(
    const struct openapi *w, const struct schema *s, const char *description, const char *value, bool open)
{
    openapi_text(w, "description", description ? description : s->description);
    if (!w->v2)
        put_raw(w, "default", value);
    if (!open) {
        put_type(w, s);
        put_required(w, s);
        put_properties(w, s);
        put_items(w, s);
    }
    put_flag(w, "nullable", !w->v2 && s->custom && s->nullable);
    put_list(w, "enum", s->enumeration, s->enumeration_count);
    put_constraints(w, s->constraints);
    put_extensions(w, s);
}

static void put_schema(const struct openapi *w, const struct schema *s, const char *description, const char *value)
{
    if (s->openapi_name && !description && !value) {
        openapi_reference(w, bytes_of(s->openapi_name));
        return;
    }
    buffer_byte(w->out, '{');
    if (!s->openapi_name) {
        put_body(w, s, description, value, is_open(w, s));
    } else if (w->v2) {
        openapi_text(w, "description", description);
        openapi_key(w, "$ref");
        buffer_text(w->out, "\"#/definitions/");
        buffer_text(w->out, s->openapi_name);
        buffer_byte(w->out, '"');
    } else {
        openapi_text(w, "description", description);
        put_raw(w, "default", value);
        openapi_key(w, "allOf");
        buffer_byte(w->out, '[');
        openapi_reference(w, bytes_of(s->openapi_name));
        buffer_byte(w->out, ']');
    }
    buffer_byte(w->out, '}');
}

/* ---- Definitions */

bool openapi_need(struct openapi_schemas *needed, const struct schema *schema)
{
    if (schema->openapi_name) {
        for (size_t i = 0; i < needed->count; i++)
            if (needed->schemas[i] == schema)
                return true;
        if (needed->count == OPENAPI_SCHEMAS_MOST)
            return false;
        needed->schemas[needed->count++] = schema;
    }
    if (schema->type == SCHEMA_UNION)
        return true;
    for (uint32_t i = 0; i < schema->property_count; i++)
        if (!openapi_need(needed, schema->properties[i].schema))
            return false;
    return !schema->items || openapi_need(needed, schema->items);
}

void openapi_definition(const struct openapi *w, const struct schema *schema)
{
    openapi_key(w, schema->openapi_name);
    buffer_byte(w->out, '{');
    put_body(w, schema, NULL, NULL, false);
    buffer_byte(w->out, '}');
}

static void put_kind_extensions(const struct openapi *w, const struct kind *k, const char *kind)
{
    openapi_key(w, "x-kubernetes-group-version-kind");
    buffer_text(w->out, "[{");
    openapi_text(w, "group", k->group);
    openapi_text(w, "kind", kind);
    openapi_text(w, "version", k->version);
    buffer_text(w->out, "}]");
    if (!k->custom || !k->selectable_field_count)
        return;
    openapi_key(w, "x-kubernetes-selectable-fields");
    for (size_t i = 0; i < k->selectable_field_count; i++) {
        buffer_text(w->out, i ? ",{" : "[{");
        openapi_text(w, "fieldPath", k->selectable_fields[i]);
        buffer_byte(w->out, '}');
    }
    buffer_byte(w->out, ']');
}

void openapi_custom_definition(const struct openapi *w, const struct kind *k)
{
    openapi_key_bytes(w, openapi_name(w->out->arena, k));
    buffer_byte(w->out, '{');
    if (is_open(w, k->schema))
        openapi_text(w, "type", "object"); /* and no more: kubectl's version 2 would refuse unknown members */
    else
        put_body(w, k->schema, NULL, NULL, false);
    put_kind_extensions(w, k, k->kind);
    buffer_byte(w->out, '}');
}

void openapi_list_definition(const struct openapi *w, const struct kind *k)
{
    bytes list = openapi_list_name(w->out->arena, k);
    const char *dot = list.p ? memrchr(list.p, '.', list.n) : NULL;
    bytes kind = dot ? (bytes){(const uint8_t *)dot + 1, list.n - (size_t)(dot + 1 - (const char *)list.p)} : list;
    const char *name = (const char *)arena_copy(w->out->arena, kind).p;

    w->out->failed = w->out->failed || !list.p || !name;
    if (w->out->failed)
        return;
    openapi_key_bytes(w, list);
    buffer_byte(w->out, '{');
    openapi_text(w, "description", "A list of objects, and where to go on reading it.");
    openapi_text(w, "type", "object");
    buffer_text(w->out, ",\"required\":[\"items\"],\"properties\":{\"apiVersion\":{\"type\":\"string\"},\"items\":{"
                        "\"type\":\"array\",\"items\":");
    openapi_reference(w, openapi_name(w->out->arena, k));
    buffer_text(w->out, "},\"kind\":{\"type\":\"string\"},\"metadata\":");
    openapi_reference(w, bytes_of(schema_list_meta.openapi_name));
    buffer_byte(w->out, '}');
    put_kind_extensions(w, k, name);
    buffer_byte(w->out, '}');
}
