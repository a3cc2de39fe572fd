/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two values. What Go's encoder always writes (a struct, a list that may be null) is there on both
 * sides: so the owner of a new Deployment owns what it gave under spec, but not spec itself. */
#include "api/field_set_builder.h"

struct walk {
    struct arena *arena; /* its failed tells whether something is missing */
    unsigned depth;
};

/* Of one place: whether it is among what changed or was removed itself, and what is below it. */
struct difference {
    bool changed, removed;
    const struct field_set *changed_below, *removed_below;
};

static const struct json empty_object = {.type = JSON_OBJECT};

/* ---- Members that are always there */

static const struct json *zero_of(const struct schema_property *p)
{
    static const struct json text = {.type = JSON_STRING},
                             number = {.type = JSON_NUMBER, .text = {(const uint8_t *)"0", 1}},
                             no = {.type = JSON_FALSE}, none = {.type = JSON_NULL};
    switch (p->presence == PRESENCE_NIL ? SCHEMA_ANY : p->schema->type) {
    case SCHEMA_OBJECT:
        return &empty_object;
    case SCHEMA_STRING:
        return &text;
    case SCHEMA_INTEGER:
    case SCHEMA_NUMBER:
    case SCHEMA_INT_OR_STRING:
        return &number;
    case SCHEMA_BOOLEAN:
        return &no;
    default:
        return &none;
    }
}

static bool is_null_or_empty(const struct json *value)
{
    return !value || value->type == JSON_NULL ||
           ((value->type == JSON_ARRAY || value->type == JSON_OBJECT) && !value->count);
}

/* An object with its missing members; the value itself when none is. NULL when the arena is full. */
static const struct json *completed(struct walk *w, const struct schema *schema, const struct json *value)
{
    struct json *copy = NULL;
    if (!schema || schema->type != SCHEMA_OBJECT || value->type != JSON_OBJECT)
        return value;
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *p = &schema->properties[i];
        bytes name = {(const uint8_t *)p->name, p->name_length};
        if ((p->presence != PRESENCE_ALWAYS && p->presence != PRESENCE_NIL) ||
            !is_null_or_empty(json_get(copy ? copy : value, name)))
            continue;
        if (!copy) { /* shallow: the members keep their own children */
            copy = json_new(w->arena, JSON_OBJECT);
            for (const struct json *m = value->first; m && copy; m = m->next) {
                struct json *member = json_new(w->arena, m->type);
                if (member)
                    *member = *m;
                copy = json_append(copy, member) ? copy : NULL;
            }
        }
        struct json *zero = json_new(w->arena, JSON_NULL);
        if (!copy || !zero)
            return NULL;
        *zero = *zero_of(p);
        json_set(copy, name, zero);
    }
    return copy ? copy : value;
}

/* ---- The walk */

static struct difference compare(struct walk *, const struct schema *, const struct json *old, const struct json *new);

/* Children of one element on both sides; at most one of the counts is 0. */
static struct difference compare_same(struct walk *w, const struct schema *schema, const struct field_child *old,
    size_t old_count, const struct field_child *new, size_t new_count)
{
    struct difference d = {0};
    if (old_count <= 1 && new_count <= 1)
        return compare(w, schema, old_count ? old->value : NULL, new_count ? new->value : NULL);
    if (old_count >= 2 && new_count >= 2) { /* duplicates before and after: as one atomic list */
        bool same = old_count == new_count;
        for (size_t i = 0; same && i < old_count; i++)
            same = json_equal(old[i].value, new[i].value);
        d.changed = !same;
        return d;
    }
    if (old_count >= 2) { /* no longer duplicate */
        if (new_count)
            d = compare(w, schema, NULL, new->value);
        d.removed = true;
        return d;
    }
    if (old_count)
        d = compare(w, schema, old->value, NULL);
    d.changed = true;
    return d;
}

static size_t run(const struct field_child *children, size_t count, size_t from, const struct field_element *element)
{
    size_t n = 0;
    while (from + n < count && field_element_compare(&children[from + n].element, element) == 0)
        n++;
    return n;
}

static void compare_children(struct walk *w, const struct schema *schema, enum field_shape shape,
    const struct json *old, const struct json *new, struct difference *ret)
{
    struct field_set_builder changed = {.arena = w->arena}, removed = {.arena = w->arena};
    struct field_child *a, *b;
    size_t a_count, b_count, a_same, b_same;
    if (!field_children(w->arena, schema, shape, old, &a, &a_count) ||
        !field_children(w->arena, schema, shape, new, &b, &b_count))
        return;
    for (size_t i = 0, j = 0; i < a_count || j < b_count; i += a_same, j += b_same) {
        bool from_old = j == b_count || (i < a_count && field_element_compare(&a[i].element, &b[j].element) <= 0);
        const struct field_element *element = from_old ? &a[i].element : &b[j].element;
        const struct schema *below =
            shape == FIELD_SHAPE_LIST ? field_item_schema(schema) : field_member_schema(schema, element->name);
        a_same = run(a, a_count, i, element);
        b_same = run(b, b_count, j, element);
        struct difference d = compare_same(w, below, a + i, a_same, b + j, b_same);
        field_set_put(&changed, element, d.changed, d.changed_below);
        field_set_put(&removed, element, d.removed, d.removed_below);
    }
    ret->changed_below = field_set_built(&changed);
    ret->removed_below = field_set_built(&removed);
}

/* As values of one shape; one that is of another counts as empty. */
static struct difference compare_as(
    struct walk *w, const struct schema *schema, enum field_shape shape, const struct json *old, const struct json *new)
{
    struct difference d = {.changed = !old, .removed = !new};
    bool leaf = field_shape_atomic(schema, shape) || w->depth >= FIELD_SET_DEPTH ||
                (field_shape_empty(shape, old) && field_shape_empty(shape, new));
    if (leaf) {
        d.changed = !old || (new && !json_equal(old, new));
        return d;
    }
    w->depth++;
    compare_children(w, schema, shape, old, new, &d);
    w->depth--;
    return d;
}

static struct difference compare(
    struct walk *w, const struct schema *schema, const struct json *old, const struct json *new)
{
    struct difference d = {0}, other;
    old = old ? completed(w, schema, old) : NULL;
    new = new ? completed(w, schema, new) : NULL;
    if (w->arena->failed)
        return d;
    enum field_shape before = field_shape_of(schema, old ? old : new), after = field_shape_of(schema, new ? new : old);
    d = compare_as(w, schema, after, old, new);
    if (before != after) { /* no schema says, and the value is something else now */
        other = compare_as(w, schema, before, old, new);
        d.changed = d.changed || other.changed;
        d.changed_below = field_set_union(w->arena, d.changed_below, other.changed_below);
        d.removed_below = field_set_union(w->arena, d.removed_below, other.removed_below);
    }
    return d;
}

err_t field_set_compare(struct arena *arena, const struct schema *schema, const struct json *old,
    const struct json *new, const struct field_set **ret_changed, const struct field_set **ret_removed,
    struct error *error)
{
    struct walk w = {.arena = arena};
    struct difference d = compare(&w, schema, old ? old : &empty_object, new ? new : &empty_object);
    if (arena->failed)
        return arena_error(arena, error);
    *ret_changed = d.changed_below;
    *ret_removed = d.removed_below;
    return ERR_OK;
}
