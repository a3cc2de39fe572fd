/* SPDX-License-Identifier: Apache-2.0 */
#include "api/apply_values.h"

/* ---- Copies */

/* The node alone, without its place in a list; children are shared. */
static struct json *copy_node(struct arena *arena, const struct json *from)
{
    struct json *copy = json_new(arena, from->type);
    if (copy) {
        *copy = *from;
        copy->next = NULL;
    }
    return copy;
}

struct json *apply_copy(struct arena *arena, const struct json *from)
{
    struct json *copy = copy_node(arena, from);
    if (!copy || (from->type != JSON_ARRAY && from->type != JSON_OBJECT))
        return copy;
    copy->first = copy->last = NULL;
    copy->count = 0;
    for (const struct json *child = from->first; child; child = child->next)
        if (!json_append(copy, apply_copy(arena, child)))
            return NULL;
    return copy;
}

/* ---- Merging */

struct merge {
    struct arena *arena; /* its failed tells whether something is missing */
    bool custom;
    unsigned depth;
};

static struct json *merge(struct merge *, const struct schema *, const struct json *live, const struct json *applied);

static void put_member(struct merge *m, const struct schema *schema, struct json *to, bytes name,
    const struct json *live, const struct json *applied)
{
    if (!live && !applied)
        return;
    struct json *value = merge(m, field_member_schema(schema, name), live, applied);
    if (value)
        json_add(to, name, value);
}

/* Declared members in the order of the schema. */
static void merge_declared(
    struct merge *m, const struct schema *schema, const struct json *live, const struct json *applied, struct json *to)
{
    for (uint32_t i = 0; i < schema->property_count; i++) {
        bytes name = {(const uint8_t *)schema->properties[i].name, schema->properties[i].name_length};
        put_member(m, schema, to, name, json_get(live, name), json_get(applied, name));
    }
}

/* Other members in the order of their names. */
static void merge_named(struct merge *m, const struct schema *schema, bool declared_too, const struct json *live,
    const struct json *applied, struct json *to)
{
    struct field_child *a, *b;
    size_t a_count, b_count;
    if (!field_children(m->arena, schema, FIELD_SHAPE_MAP, live, &a, &a_count) ||
        !field_children(m->arena, schema, FIELD_SHAPE_MAP, applied, &b, &b_count))
        return;
    for (size_t i = 0, j = 0; i < a_count || j < b_count;) {
        int order = i == a_count ? 1 : j == b_count ? -1 : field_element_compare(&a[i].element, &b[j].element);
        bytes name = order <= 0 ? a[i].element.name : b[j].element.name;
        const struct json *x = order <= 0 ? a[i++].value : NULL, *y = order >= 0 ? b[j++].value : NULL;
        if (declared_too || !schema_property(schema, name))
            put_member(m, schema, to, name, x, y);
    }
}

static struct json *merge_map(
    struct merge *m, const struct schema *schema, const struct json *live, const struct json *applied)
{
    bool declared = schema && schema->type == SCHEMA_OBJECT && !m->custom;
    struct json *to = json_new(m->arena, JSON_OBJECT);
    if (!to)
        return NULL;
    if (declared)
        merge_declared(m, schema, live, applied, to);
    merge_named(m, schema, !declared, live, applied, to);
    return to->count ? to : NULL;
}

/* ---- Lists whose items are known by keys or values */

#define NONE SIZE_MAX

/* One side: items by place, and for each its counterpart on the other side. */
struct side {
    const struct json **items;
    size_t *other; /* NONE: it has none */
    size_t count;
};

struct list_merge {
    struct merge *m;
    const struct schema *items;
    struct side live, applied;
    bool *duplicate, *merged; /* of applied items: live has it twice; it was put out already */
    size_t next_shared;       /* the next applied item that live has too, or NONE */
    struct json *to;
};

static bool side_init(struct arena *arena, const struct json *list, struct side *ret)
{
    size_t count = field_shape_empty(FIELD_SHAPE_LIST, list) ? 0 : list->count, i = 0;
    ret->count = count;
    ret->items = arena_alloc(arena, count * sizeof(struct json *));
    ret->other = arena_alloc(arena, count * sizeof(size_t));
    if (!ret->items || !ret->other)
        return false;
    for (const struct json *item = count ? list->first : NULL; item; item = item->next, i++) {
        ret->items[i] = item;
        ret->other[i] = NONE;
    }
    return true;
}

/* Finds the counterparts by walking both sides in the order of their elements. */
static bool pair(struct list_merge *l, const struct schema *list, const struct json *live, const struct json *applied)
{
    struct field_child *a, *b;
    size_t a_count, b_count;
    struct arena *arena = l->m->arena;
    if (!side_init(arena, live, &l->live) || !side_init(arena, applied, &l->applied) ||
        !field_children(arena, list, FIELD_SHAPE_LIST, live, &a, &a_count) ||
        !field_children(arena, list, FIELD_SHAPE_LIST, applied, &b, &b_count))
        return false;
    l->duplicate = arena_zero(arena, l->applied.count);
    l->merged = arena_zero(arena, l->applied.count);
    if (!l->duplicate || !l->merged)
        return false;
    for (size_t i = 0, j = 0; i < a_count && j < b_count;) {
        int order = field_element_compare(&a[i].element, &b[j].element);
        if (order == 0) {
            size_t x = a[i].place, y = b[j].place;
            l->duplicate[y] = l->applied.other[y] != NONE;
            l->live.other[x] = y;
            l->applied.other[y] = x;
        }
        i += order <= 0;
        j += order > 0;
    }
    return true;
}

static void advance_shared(struct list_merge *l)
{
    size_t i = l->next_shared == NONE ? 0 : l->next_shared + 1;
    while (i < l->applied.count && l->applied.other[i] == NONE)
        i++;
    l->next_shared = i < l->applied.count ? i : NONE;
}

/* live NONE: of the applied item's counterpart, but duplicates are not merged with what replaces them. */
static void put_item(struct list_merge *l, size_t live, size_t applied)
{
    const struct json *x = live == NONE ? NULL : l->live.items[live];
    const struct json *y = applied == NONE ? NULL : l->applied.items[applied];
    if (applied != NONE) {
        size_t other = l->applied.other[applied];
        x = other == NONE || l->duplicate[applied] ? NULL : l->live.items[other];
        l->merged[applied] = true;
    }
    struct json *item = merge(l->m, l->items, x, y);
    if (item)
        json_append(l->to, item);
}

/* Applied items keep their order; live ones that are not applied stay before the next shared item. */
static void merge_items(struct list_merge *l)
{
    const struct side *live = &l->live, *applied = &l->applied;
    for (size_t i = 0, j = 0; i < live->count || j < applied->count;) {
        if (i < live->count && j < applied->count && live->other[i] == j) {
            put_item(l, NONE, j++);
            i++;
            advance_shared(l);
            continue;
        }
        if (i < live->count && j < applied->count && live->other[i] != NONE && l->next_shared != NONE &&
            l->next_shared != live->other[i]) {
            i++;
            continue;
        }
        if (i < live->count && live->other[i] == NONE) {
            put_item(l, i++, NONE);
            continue;
        }
        if (i < live->count && l->merged[live->other[i]])
            i++;
        if (j < applied->count) {
            bool shared = l->next_shared == j;
            put_item(l, NONE, j++);
            if (shared)
                advance_shared(l);
        }
    }
}

static struct json *merge_list(
    struct merge *m, const struct schema *schema, const struct json *live, const struct json *applied)
{
    struct list_merge l = {.m = m, .items = field_item_schema(schema), .next_shared = NONE};
    l.to = json_new(m->arena, JSON_ARRAY);
    if (!l.to || !pair(&l, schema, live, applied))
        return NULL;
    advance_shared(&l);
    merge_items(&l);
    return l.to->count ? l.to : NULL;
}

/* As a value of the shape of what is applied. NULL: nothing, or the arena is full. */
static struct json *merge(
    struct merge *m, const struct schema *schema, const struct json *live, const struct json *applied)
{
    struct json *merged;
    if (!live || !applied)
        return apply_copy(m->arena, live ? live : applied);
    enum field_shape shape = field_shape_of(schema, applied);
    if (field_shape_atomic(schema, shape) || m->depth >= FIELD_SET_DEPTH ||
        (field_shape_empty(shape, live) && field_shape_empty(shape, applied)))
        return apply_copy(m->arena, applied);
    m->depth++;
    merged = shape == FIELD_SHAPE_LIST ? merge_list(m, schema, live, applied) : merge_map(m, schema, live, applied);
    m->depth--;
    return merged;
}

struct json *apply_merge(
    struct arena *arena, const struct schema *schema, bool custom, const struct json *live, const struct json *applied)
{
    struct merge m = {.arena = arena, .custom = custom};
    struct json *merged = merge(&m, schema, live, applied);
    if (arena->failed)
        return NULL;
    return merged ? merged : json_new(arena, JSON_OBJECT);
}

/* ---- Taking out */

static const struct field_node *find(const struct field_set *set, const struct field_element *element)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = field_element_compare(&set->nodes[middle].element, element);
        if (order == 0)
            return &set->nodes[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* What is left of each child, by its place; NULL: nothing. */
static bool remove_children(struct arena *arena, const struct schema *schema, enum field_shape shape,
    const struct json *value, const struct field_set *set, struct json **left)
{
    struct field_child *children;
    size_t count, place = 0;
    if (!field_children(arena, schema, shape, value, &children, &count))
        return false;
    for (const struct json *child = value->first; child; child = child->next)
        if (!(left[place++] = copy_node(arena, child)))
            return false;
    for (size_t i = 0; i < count; i++) {
        const struct field_child *child = &children[i];
        const struct field_node *node = find(set, &child->element);
        const struct schema *below =
            shape == FIELD_SHAPE_LIST ? field_item_schema(schema) : field_member_schema(schema, child->element.name);
        if (node)
            left[child->place] = node->member ? NULL : apply_remove(arena, below, child->value, node->children);
        if (node && !node->member && !left[child->place])
            return false;
    }
    return true;
}

struct json *apply_remove(
    struct arena *arena, const struct schema *schema, const struct json *value, const struct field_set *set)
{
    enum field_shape shape = field_shape_of(schema, value);
    struct json *rest = copy_node(arena, value), **left;
    if (!rest || !set || shape == FIELD_SHAPE_SCALAR)
        return rest;
    rest->type = JSON_NULL;
    rest->first = rest->last = NULL;
    rest->count = 0;
    if (field_shape_atomic(schema, shape) || field_shape_empty(shape, value))
        return rest;
    left = arena_alloc(arena, value->count * sizeof(struct json *));
    if (!left || !remove_children(arena, schema, shape, value, set, left))
        return NULL;
    for (size_t i = 0; i < value->count; i++)
        if (left[i] && json_append(rest, left[i]))
            rest->type = value->type;
    return rest;
}
