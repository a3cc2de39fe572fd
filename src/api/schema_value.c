/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults, as structural defaulting goes: the members of an object first, then what is in them. */
#include "api/schema_value.h"

#define DEPTH_MOST 200 /* decoders stop long before; defaults within defaults end with the schema */

struct defaulting {
    struct arena *arena;
    struct error *error;
};

/* A default as a value of the caller's own. */
static err_t read_default(struct defaulting *d, const char *text, struct json **ret)
{
    return json_parse(d->arena, bytes_of(text), &(struct json_options){.max_depth = DEPTH_MOST}, ret, NULL, d->error);
}

static bool is_refused_null(const struct json *value, const struct schema *schema)
{
    return value->type == JSON_NULL && !schema->nullable;
}

/* What Go writes where nothing was given: as good as absent. */
static bool is_unset(const struct json *value, const struct schema_property *p)
{
    return p->presence == PRESENCE_ALWAYS && ((value->type == JSON_STRING && value->text.n == 0) ||
                                                 (value->type == JSON_NUMBER && bytes_equal(value->text, BYTES("0"))));
}

/* In the place of a value, whose name and neighbours stay. */
static err_t replace(struct defaulting *d, struct json *value, const char *text)
{
    struct json *made, *next = value->next;
    bytes key = value->key;
    TRY(read_default(d, text, &made));
    *value = *made;
    value->key = key;
    value->next = next;
    return ERR_OK;
}

/* Members that are missing go between their neighbours, so that what was in canonical order stays so. */
static err_t add_missing(struct defaulting *d, const struct schema *schema, struct json *object)
{
    struct json **at = &object->first, *made, *present;
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *p = &schema->properties[i];
        bytes name = {(const uint8_t *)p->name, p->name_length};
        while (schema->custom && *at && bytes_compare((*at)->key, name) < 0)
            at = &(*at)->next;
        present = *at && bytes_equal((*at)->key, name) ? *at : json_get(object, name);
        if (present && p->default_json && (is_refused_null(present, p->schema) || is_unset(present, p)))
            TRY(replace(d, present, p->default_json));
        if (!present && p->default_json) {
            TRY(read_default(d, p->default_json, &made));
            made->key = name;
            made->next = *at;
            *at = made;
            if (!made->next)
                object->last = made;
            object->count++;
        }
        if (*at && bytes_equal((*at)->key, name))
            at = &(*at)->next;
    }
    return ERR_OK;
}

static err_t set_defaults(struct defaulting *d, const struct schema *schema, struct json *value, unsigned depth);

static err_t set_element(struct defaulting *d, const struct schema *schema, struct json *value, unsigned depth)
{
    if (schema->default_json && is_refused_null(value, schema))
        TRY(replace(d, value, schema->default_json));
    return set_defaults(d, schema, value, depth);
}

static err_t set_defaults(struct defaulting *d, const struct schema *schema, struct json *value, unsigned depth)
{
    if (depth > DEPTH_MOST)
        return error_set(d->error, ERR_BAD_REQUEST, "the object is nested too deeply");
    if (value->type != JSON_OBJECT && value->type != JSON_ARRAY)
        return ERR_OK;
    if (value->type == JSON_OBJECT && schema->property_count)
        TRY(add_missing(d, schema, value));
    for (struct json *child = value->first; child; child = child->next) {
        const struct schema_property *p = value->type == JSON_OBJECT ? schema_property(schema, child->key) : NULL;
        if (p)
            TRY(set_defaults(d, p->schema, child, depth + 1));
        else if (schema->items && (schema->type == SCHEMA_ARRAY) == (value->type == JSON_ARRAY))
            TRY(set_element(d, schema->items, child, depth + 1));
    }
    return ERR_OK;
}

err_t schema_set_defaults(struct arena *arena, const struct schema *schema, struct json *value, struct error *error)
{
    struct defaulting d = {.arena = arena, .error = error};
    return set_defaults(&d, schema, value, 0);
}
