/* SPDX-License-Identifier: Apache-2.0 */
#include "api/references.h"

#define DEPTH_MOST 64

struct walk {
    uint32_t targets;
    reference_visit *visit;
    void *context;
    unsigned depth;
};

static err_t walk_value(struct walk *, const struct schema *, const struct json *, const struct reference_step *);

static bytes text_of(const struct json *value)
{
    return value && value->type == JSON_STRING ? value->text : BYTES_NONE;
}

/* One value of a marked property: the name, or what has it. */
static err_t visit_one(struct walk *w, const struct schema_property *p, const struct json *in, const struct json *value,
    const struct reference_step *step)
{
    struct reference_step member = {step, BYTES("name"), 0};
    struct reference reference = {.target = p->target, .value = value, .step = step};

    if (value->type == JSON_OBJECT) {
        reference.name = text_of(json_get(value, BYTES("name")));
        reference.namespace = text_of(json_get(value, BYTES("namespace")));
        reference.step = &member;
    } else {
        reference.name = text_of(value);
    }
    if (p->target_namespace)
        reference.namespace = text_of(json_get(in, bytes_of(p->target_namespace)));
    return reference.name.n > 0 ? w->visit(w->context, &reference) : ERR_OK;
}

/* The values of a marked property, in however many lists and maps. */
static err_t visit_all(struct walk *w, const struct schema_property *p, const struct schema *schema,
    const struct json *in, const struct json *value, const struct reference_step *step)
{
    struct reference_step below = {step, BYTES_NONE, 0};

    if (schema->type != SCHEMA_ARRAY && schema->type != SCHEMA_MAP)
        return visit_one(w, p, in, value, step);
    if (value->type != (schema->type == SCHEMA_ARRAY ? JSON_ARRAY : JSON_OBJECT))
        return ERR_OK;
    for (const struct json *item = value->first; item; item = item->next, below.index++) {
        below.name = schema->type == SCHEMA_MAP ? item->key : BYTES_NONE;
        TRY(visit_all(w, p, schema->items, in, item, &below));
    }
    return ERR_OK;
}

static err_t walk_member(struct walk *w, const struct schema *schema, const struct json *in, const struct json *member,
    const struct reference_step *step)
{
    const struct schema_property *p = schema_property(schema, member->key);
    struct reference_step below = {step, member->key, 0};

    if (!p)
        return ERR_OK;
    if (p->target > TARGET_NONE && (w->targets & TARGET_BIT(p->target)))
        TRY(visit_all(w, p, p->schema, in, member, &below));
    return walk_value(w, p->schema, member, &below);
}

static err_t walk_children(
    struct walk *w, const struct schema *schema, const struct json *value, const struct reference_step *step)
{
    struct reference_step below = {step, BYTES_NONE, 0};

    for (const struct json *child = value->first; child; child = child->next, below.index++) {
        below.name = child->key;
        TRY(schema->items ? walk_value(w, schema->items, child, &below) : walk_member(w, schema, value, child, step));
    }
    return ERR_OK;
}

static err_t walk_value(
    struct walk *w, const struct schema *schema, const struct json *value, const struct reference_step *step)
{
    err_t code;

    if (!(schema->targets & w->targets) || value->type != (schema->type == SCHEMA_ARRAY ? JSON_ARRAY : JSON_OBJECT))
        return ERR_OK;
    if (w->depth == DEPTH_MOST)
        return ERR_TOO_LARGE;
    w->depth++;
    code = walk_children(w, schema, value, step);
    w->depth--;
    return code;
}

err_t references_walk(
    const struct schema *schema, const struct json *object, uint32_t targets, reference_visit *visit, void *context)
{
    struct walk walk = {.targets = targets, .visit = visit, .context = context};

    return walk_value(&walk, schema, object, NULL);
}

/* ---- Names that another decoder reads as a property's. */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool same_folded(bytes name, bytes property)
{
    for (; name.n > 0 && property.n > 0; property = bytes_skip(property, 1)) {
        bool long_s = bytes_start(name, BYTES("\xc5\xbf")), kelvin = bytes_start(name, BYTES("\xe2\x84\xaa"));
        uint8_t c = long_s ? 's' : kelvin ? 'k' : lower(name.p[0]);
        if (c != lower(property.p[0]))
            return false;
        name = bytes_skip(name, long_s ? 2 : kelvin ? 3 : 1);
    }
    return name.n == 0 && property.n == 0;
}

static bool folds_to_property(const struct schema *schema, bytes name)
{
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *p = &schema->properties[i];
        if (same_folded(name, (bytes){(const uint8_t *)p->name, p->name_length}))
            return true;
    }
    return false;
}

const struct json *references_disguised(const struct schema *schema, const struct json *object, uint32_t targets)
{
    const struct json *found = NULL;

    if (object->type != (schema->type == SCHEMA_ARRAY ? JSON_ARRAY : JSON_OBJECT))
        return NULL;
    for (const struct json *child = object->first; child && !found; child = child->next) {
        const struct schema_property *p = schema->items ? NULL : schema_property(schema, child->key);
        if (schema->items)
            found = references_disguised(schema->items, child, targets);
        else if (!p)
            found = folds_to_property(schema, child->key) ? child : NULL;
        else if ((p->target > TARGET_NONE && (targets & TARGET_BIT(p->target))) || (p->schema->targets & targets))
            found = references_disguised(p->schema, child, targets);
    }
    return found;
}

/* ---- Paths. */

static void put_path(struct buffer *b, const struct reference_step *step)
{
    if (step->parent)
        put_path(b, step->parent);
    if (step->name.n == 0)
        buffer_format(b, "[%zu]", step->index);
    else
        buffer_format(b, "%s%.*s", step->parent ? "." : "", BYTES_FMT(step->name));
}

bytes reference_path(struct arena *arena, const struct reference_step *step)
{
    struct buffer b;

    buffer_init(&b, arena);
    put_path(&b, step);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}
