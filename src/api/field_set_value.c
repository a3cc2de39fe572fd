/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of values: which fields a value has, and in which two differ. */
#include "api/field_set_builder.h"

/* ---- Shapes */

enum field_shape field_shape_of(const struct schema *schema, const struct json *value)
{
    switch (schema ? schema->type : SCHEMA_ANY) {
    case SCHEMA_ARRAY:
        return FIELD_SHAPE_LIST;
    case SCHEMA_MAP:
    case SCHEMA_OBJECT:
    case SCHEMA_RAW_JSON:
        return FIELD_SHAPE_MAP;
    case SCHEMA_ANY:
    case SCHEMA_UNION:
        break;
    default:
        return FIELD_SHAPE_SCALAR;
    }
    if (value->type == JSON_OBJECT || value->type == JSON_NULL)
        return FIELD_SHAPE_MAP;
    return value->type == JSON_ARRAY ? FIELD_SHAPE_LIST : FIELD_SHAPE_SCALAR;
}

/* How a list's items are known: by these keys, by their value (no keys), or not at all (false). Without a list type the
 * strategy of patches tells. */
static bool list_keys(const struct schema *schema, const char *const **ret_keys, size_t *ret_count)
{
    const char *type = schema->list_type, *strategy = schema->patch_strategy;
    if (type) {
        bool map = strcmp(type, "map") == 0;
        *ret_keys = schema->list_map_keys;
        *ret_count = map ? schema->list_map_key_count : 0;
        return map ? schema->list_map_key_count > 0 : strcmp(type, "set") == 0;
    }
    *ret_keys = &schema->patch_merge_key;
    *ret_count = schema->patch_merge_key ? 1 : 0;
    return strategy && (strcmp(strategy, "merge") == 0 || strcmp(strategy, "merge,retainKeys") == 0);
}

bool field_shape_atomic(const struct schema *schema, enum field_shape shape)
{
    const char *const *keys;
    size_t count;
    if (shape == FIELD_SHAPE_SCALAR)
        return true;
    if (!schema || schema->type == SCHEMA_ANY || schema->type == SCHEMA_UNION)
        return shape == FIELD_SHAPE_LIST;
    if (shape == FIELD_SHAPE_LIST)
        return !list_keys(schema, &keys, &count);
    return schema->type == SCHEMA_RAW_JSON || (schema->map_type && strcmp(schema->map_type, "atomic") == 0) ||
           (schema->openapi_name && strcmp(schema->openapi_name, "io.k8s.apimachinery.pkg.runtime.RawExtension") == 0);
}

static const struct schema_property *named(const struct schema *schema, bytes name)
{
    return schema && schema->type == SCHEMA_OBJECT ? schema_property(schema, name) : NULL;
}

const struct schema *field_member_schema(const struct schema *schema, bytes name)
{
    const struct schema_property *p = named(schema, name);
    if (p)
        return p->schema;
    return schema && (schema->type == SCHEMA_MAP || schema->type == SCHEMA_OBJECT) ? schema->items : NULL;
}

const struct schema *field_item_schema(const struct schema *schema)
{
    return schema && schema->type == SCHEMA_ARRAY ? schema->items : NULL;
}

bool field_shape_empty(enum field_shape shape, const struct json *value)
{
    return !value || value->type != (shape == FIELD_SHAPE_LIST ? JSON_ARRAY : JSON_OBJECT) || !value->count;
}

/* ---- Children */

/* Adds a copy of value as a key, in the order of names. */
static bool put_key(struct arena *arena, struct json *keys, bytes name, const struct json *value)
{
    struct json *copy = json_new(arena, value->type), **at = &keys->first;
    if (!copy)
        return false;
    *copy = *value;
    copy->key = name;
    while (*at && bytes_compare((*at)->key, name) < 0)
        at = &(*at)->next;
    copy->next = *at;
    *at = copy;
    if (!copy->next)
        keys->last = copy;
    keys->count++;
    return true;
}

/* The value of a key: the item's, or its default; NULL without. */
static const struct json *key_value(
    struct arena *arena, const struct schema *items, const struct json *item, const char *key)
{
    const struct json *given = json_get(item, bytes_of(key));
    const struct schema_property *p = given ? NULL : named(items, bytes_of(key));
    struct json *value = NULL;
    struct error ignored;
    if (!p || !p->default_json)
        return given;
    error_init(&ignored, NULL);
    err_t result =
        json_parse(arena, bytes_of(p->default_json), &(struct json_options){.max_depth = 2}, &value, NULL, &ignored);
    return result == ERR_OK ? value : NULL;
}

/* False: it has none; or the arena is full. */
static bool item_element(
    struct arena *arena, const struct schema *list, const struct json *item, struct field_element *ret)
{
    const char *const *names;
    size_t count;
    if (!list_keys(list, &names, &count))
        return false;
    if (!count) {
        *ret = (struct field_element){.type = FIELD_VALUE, .value = item};
        return item->type != JSON_NULL && item->type != JSON_ARRAY && item->type != JSON_OBJECT;
    }
    struct json *keys = item->type == JSON_OBJECT ? json_new(arena, JSON_OBJECT) : NULL;
    for (size_t i = 0; keys && i < count; i++) {
        const struct json *value = key_value(arena, list->items, item, names[i]);
        if (value && !put_key(arena, keys, bytes_of(names[i]), value))
            return false;
    }
    *ret = (struct field_element){.type = FIELD_KEYS, .value = keys};
    return keys && keys->count;
}

bool field_children(struct arena *arena, const struct schema *schema, enum field_shape shape, const struct json *value,
    struct field_child **ret, size_t *ret_count)
{
    size_t count = 0, place = 0;
    *ret = NULL;
    *ret_count = 0;
    if (field_shape_empty(shape, value))
        return true;
    struct field_child *children = arena_alloc(arena, value->count * sizeof(*children));
    if (!children)
        return false;
    for (const struct json *v = value->first; v; v = v->next, place++) {
        struct field_child *child = &children[count];
        *child = (struct field_child){{.type = FIELD_NAME, .name = v->key}, v, place};
        if (shape == FIELD_SHAPE_LIST && !item_element(arena, schema, v, &child->element))
            continue;
        count++;
    }
    *ret = children;
    *ret_count = count;
    return !arena->failed && field_elements_sort(arena, children, count, sizeof(*children));
}

/* ---- The set of a value */

struct walk {
    struct arena *arena; /* its failed tells whether something is missing */
    unsigned depth;
};

static const struct field_set *set_of(struct walk *, const struct schema *, const struct json *, bool *ret_member);

static const struct schema *child_schema(
    const struct schema *schema, enum field_shape shape, const struct field_child *child)
{
    return shape == FIELD_SHAPE_LIST ? field_item_schema(schema) : field_member_schema(schema, child->element.name);
}

static const struct field_set *set_of_children(
    struct walk *w, const struct schema *schema, enum field_shape shape, const struct json *value)
{
    struct field_child *children;
    size_t count, same;
    if (!field_children(w->arena, schema, shape, value, &children, &count))
        return NULL;
    struct field_set_builder b = field_set_builder_for(w->arena, count);
    for (size_t i = 0; i < count; i += same) {
        const struct field_child *child = &children[i];
        const struct field_set *below = NULL;
        bool member = true;
        for (same = 1; i + same < count; same++)
            if (field_element_compare(&child->element, &children[i + same].element) != 0)
                break;
        if (same == 1) /* of duplicate items only that they are there */
            below = set_of(w, child_schema(schema, shape, child), child->value, &member);
        field_set_put(
            &b, &child->element, member || shape == FIELD_SHAPE_LIST || !named(schema, child->element.name), below);
    }
    return field_set_built(&b);
}

static const struct field_set *set_of(
    struct walk *w, const struct schema *schema, const struct json *value, bool *ret_member)
{
    enum field_shape shape = field_shape_of(schema, value);
    *ret_member = true;
    if (field_shape_atomic(schema, shape) || w->depth >= FIELD_SET_DEPTH)
        return NULL;
    *ret_member = value->type == JSON_NULL || (value->type == JSON_OBJECT && !value->count);
    w->depth++;
    const struct field_set *set = set_of_children(w, schema, shape, value);
    w->depth--;
    return set;
}

err_t field_set_of(struct arena *arena, const struct schema *schema, const struct json *value,
    const struct field_set **ret, struct error *error)
{
    struct walk w = {.arena = arena};
    bool member;
    const struct field_set *set = set_of(&w, schema, value, &member);
    if (arena->failed)
        return arena_error(arena, error);
    *ret = set;
    return ERR_OK;
}

/* ---- Named fields, and schemas that changed */

static const struct schema *node_schema(const struct schema *schema, const struct field_element *element)
{
    if (element->type == FIELD_NAME)
        return field_member_schema(schema, element->name);
    return element->type == FIELD_KEYS ? field_item_schema(schema) : NULL;
}

const struct field_set *field_set_with_named(
    struct arena *arena, const struct schema *schema, const struct field_set *set)
{
    struct field_set_builder b = field_set_builder_for(arena, set ? set->count : 0);
    for (size_t i = 0; set && i < set->count; i++) {
        const struct field_node *node = &set->nodes[i];
        field_set_put(&b, &node->element,
            node->member || (node->element.type == FIELD_NAME && named(schema, node->element.name)),
            field_set_with_named(arena, node_schema(schema, &node->element), node->children));
    }
    return field_set_built(&b);
}

/* Whether a schema says that values of its type are leaves, lists and maps too. */
static bool is_declared_leaf(const struct schema *schema)
{
    if (schema->type == SCHEMA_ANY || schema->type == SCHEMA_UNION)
        return false;
    enum field_shape shape = field_shape_of(schema, NULL);
    return shape != FIELD_SHAPE_SCALAR && field_shape_atomic(schema, shape);
}

/* The set itself where nothing changes, as nearly always. */
const struct field_set *field_set_reconcile(
    struct arena *arena, const struct schema *schema, const struct field_set *set)
{
    struct field_set_builder b = {.arena = arena};
    for (size_t i = 0; set && i < set->count; i++) {
        const struct field_node *node = &set->nodes[i];
        const struct schema *below = node_schema(schema, &node->element);
        bool leaf = below && node->children && is_declared_leaf(below);
        const struct field_set *children = leaf    ? NULL
                                           : below ? field_set_reconcile(arena, below, node->children)
                                                   : node->children;
        if (children != node->children && !b.capacity) {
            b = field_set_builder_for(arena, set->count);
            for (size_t j = 0; j < i && b.nodes; j++)
                field_set_put(&b, &set->nodes[j].element, set->nodes[j].member, set->nodes[j].children);
        }
        if (b.capacity)
            field_set_put(&b, &node->element, node->member || leaf, children);
    }
    return b.capacity ? field_set_built(&b) : set;
}
