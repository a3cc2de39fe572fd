/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apply_values.h"

#define SENTENCES_MOST 20

struct check {
    struct arena *arena; /* its failed tells whether something is missing */
    struct buffer path, sentences;
    unsigned count;
};

static void check(struct check *, const struct schema *, const struct json *);

static void complain(struct check *c, const char *what, const struct field_element *element)
{
    if (c->count++ >= SENTENCES_MOST)
        return;
    if (c->count > 1)
        buffer_text(&c->sentences, "\n  ");
    buffer_put(&c->sentences, buffer_bytes(&c->path));
    buffer_text(&c->sentences, c->path.n ? ": " : "");
    buffer_text(&c->sentences, what);
    if (element)
        field_element_write(&c->sentences, element);
}

static bool is_declared(const struct schema *schema, bytes name)
{
    if (!schema || schema->type != SCHEMA_OBJECT || schema->items || schema->preserves_unknown ||
        schema->embedded_resource || !schema->property_count)
        return true;
    return schema_property(schema, name) != NULL;
}

static void check_members(struct check *c, const struct schema *schema, const struct json *value)
{
    size_t length = c->path.n;
    for (const struct json *member = value->first; member; member = member->next) {
        const struct field_element element = {.type = FIELD_NAME, .name = member->key};
        bool declared = is_declared(schema, member->key);
        field_element_write(&c->path, &element);
        if (declared)
            check(c, field_member_schema(schema, member->key), member);
        else
            complain(c, "field not declared in schema", NULL);
        c->path.n = length;
        if (!declared) /* upstream looks no further in this object */
            return;
    }
}

static void check_items(struct check *c, const struct schema *schema, const struct json *value)
{
    struct field_child *items;
    size_t count, length = c->path.n;
    if (!field_children(c->arena, schema, FIELD_SHAPE_LIST, value, &items, &count))
        return;
    if (count < value->count)
        complain(c, "an item of an associative list has no key", NULL);
    for (size_t i = 0; i < count; i++) {
        if (i && field_element_compare(&items[i - 1].element, &items[i].element) == 0)
            complain(c, "duplicate entries for key ", &items[i].element);
        field_element_write(&c->path, &items[i].element);
        check(c, field_item_schema(schema), items[i].value);
        c->path.n = length;
    }
}

/* The path counts as depth: what is deep is long. */
static void check(struct check *c, const struct schema *schema, const struct json *value)
{
    enum field_shape shape = field_shape_of(schema, value);
    if (shape == FIELD_SHAPE_SCALAR || field_shape_empty(shape, value))
        return;
    if (shape == FIELD_SHAPE_MAP)
        check_members(c, schema, value);
    else if (!field_shape_atomic(schema, shape))
        check_items(c, schema, value);
    else
        for (const struct json *item = value->first; item; item = item->next)
            check(c, field_item_schema(schema), item);
}

err_t apply_check(struct arena *arena, const struct schema *schema, const struct json *applied, struct error *error)
{
    struct check c = {.arena = arena};
    buffer_init(&c.path, arena);
    buffer_init(&c.sentences, arena);
    check(&c, schema, applied);
    if (arena->failed || c.path.failed || c.sentences.failed)
        return arena_error(arena, error);
    if (!c.count)
        return ERR_OK;
    return error_set(
        error, ERR_BAD_REQUEST, "%s%.*s", c.count > 1 ? "errors:\n  " : "", BYTES_FMT(buffer_bytes(&c.sentences)));
}
