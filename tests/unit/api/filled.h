/* SPDX-License-Identifier: Apache-2.0 */
/* Objects made from a schema: each field that names another object of some sort is filled in, and what leads to it. */
#ifndef COFFER_TESTS_API_FILLED_H
#define COFFER_TESTS_API_FILLED_H

#include "api/references.h"
#include "fixture.h"

struct filling {
    uint32_t targets;
    unsigned count; /* of the names given so far: name-1, name-2 ... */
    unsigned only;  /* fills in just the field whose turn it is; 0: all */
};

static inline struct json *fill(struct filling *, const struct schema *);

static inline bool turn(struct filling *f)
{
    f->count++;
    return f->only == 0 || f->only == f->count;
}

static inline struct json *fill_name(struct filling *f, const struct schema *schema)
{
    struct json *value, *name = json_string(&arena, arena_format(&arena, "name-%u", f->count));
    if (schema->type == SCHEMA_STRING)
        return name;
    value = json_new(&arena, schema->type == SCHEMA_ARRAY ? JSON_ARRAY : JSON_OBJECT);
    if (schema->type == SCHEMA_ARRAY)
        assert_non_null(json_append(value, fill_name(f, schema->items)));
    else
        assert_non_null(json_set(
            value, schema->items ? BYTES("key") : BYTES("name"), schema->items ? fill_name(f, schema->items) : name));
    return value;
}

static inline struct json *fill_object(struct filling *f, const struct schema *schema)
{
    struct json *object = json_new(&arena, JSON_OBJECT), *value;
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *p = &schema->properties[i];
        bool marked = p->target > TARGET_NONE && (TARGET_BIT(p->target) & f->targets);
        value = marked ? (turn(f) ? fill_name(f, p->schema) : NULL) : fill(f, p->schema);
        if (value)
            assert_non_null(json_set(object, bytes_of(p->name), value));
    }
    return object->count > 0 ? object : NULL;
}

/* NULL when it holds no such field, or it is not their turn. */
static inline struct json *fill(struct filling *f, const struct schema *schema)
{
    struct json *value, *item;
    if (!(schema->targets & f->targets))
        return NULL;
    if (!schema->items)
        return fill_object(f, schema);
    item = fill(f, schema->items);
    if (!item)
        return NULL;
    value = json_new(&arena, schema->type == SCHEMA_ARRAY ? JSON_ARRAY : JSON_OBJECT);
    assert_non_null(schema->type == SCHEMA_ARRAY ? json_append(value, item) : json_set(value, BYTES("key"), item));
    return value;
}

#endif
