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
