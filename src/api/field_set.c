/* SPDX-License-Identifier: Apache-2.0 */
/* Path elements and sets: their order, and their two texts (FieldsV1, and paths for people). */
#include "api/field_set_builder.h"
#include "text/utf8.h"

#include <stdlib.h>

/* ---- Values in elements, ordered as upstream orders them: numbers, strings, truth, lists, maps, null. */

static int compare_values(const struct json *a, const struct json *b);

/* Not integers both: by what a double makes of them, and by their text where that is too long to be one. */
static int compare_decimals(bytes a, bytes b)
{
    char x[64], y[64];
    if (a.n >= sizeof(x) || b.n >= sizeof(y))
        return bytes_compare(a, b);
    memcpy(x, a.p, a.n);
    memcpy(y, b.p, b.n);
    x[a.n] = y[b.n] = '\0';
    double p = strtod(x, NULL), q = strtod(y, NULL);
    return (p > q) - (p < q);
}

static int compare_numbers(const struct json *a, const struct json *b)
{
    int64_t x, y;
    if (json_to_int64(a, &x) && json_to_int64(b, &y))
        return (x > y) - (x < y);
    return compare_decimals(a->text, b->text);
}

/* Names too, when the parents are objects. */
static int compare_children(const struct json *a, const struct json *b)
{
    const struct json *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next) {
        int order = bytes_compare(x->key, y->key);
        if (!order)
            order = compare_values(x, y);
        if (order)
            return order;
    }
    return (x != NULL) - (y != NULL);
}

static int compare_values(const struct json *a, const struct json *b)
{
    static const int ranks[] = {[JSON_NUMBER] = 0,
        [JSON_STRING] = 1,
        [JSON_FALSE] = 2,
        [JSON_TRUE] = 3,
        [JSON_ARRAY] = 4,
        [JSON_OBJECT] = 5,
        [JSON_NULL] = 6};
    if (a->type != b->type)
        return ranks[a->type] - ranks[b->type];
    if (a->type == JSON_NUMBER)
        return compare_numbers(a, b);
    if (a->type == JSON_STRING)
        return bytes_compare(a->text, b->text);
    return a->type == JSON_ARRAY || a->type == JSON_OBJECT ? compare_children(a, b) : 0;
}

int field_element_compare(const struct field_element *a, const struct field_element *b)
{
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    if (a->type == FIELD_NAME)
        return bytes_compare(a->name, b->name);
    if (a->type == FIELD_INDEX)
        return (a->index > b->index) - (a->index < b->index);
    return compare_values(a->value, b->value);
}

/* ---- Building */

/* Merge sort: linear when in order, as nearly always. */
bool field_elements_sort(struct arena *arena, void *items, size_t count, size_t size)
{
    uint8_t *from = items, *to;
#define ELEMENT(base, i) ((const struct field_element *)(const void *)((base) + (i)*size))
    size_t i = 1;
    while (i < count && field_element_compare(ELEMENT(from, i - 1), ELEMENT(from, i)) <= 0)
        i++;
    if (i >= count)
        return true;
    if (!(to = arena_alloc(arena, count * size)))
        return false;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            size_t middle = start + width < count ? start + width : count;
            size_t end = start + 2 * width < count ? start + 2 * width : count;
            for (size_t x = start, y = middle, z = start; z < end; z++) {
                bool first = y == end || (x < middle && field_element_compare(ELEMENT(from, x), ELEMENT(from, y)) <= 0);
                memcpy(to + z * size, from + (first ? x++ : y++) * size, size);
            }
        }
        uint8_t *swap = from;
        from = to;
        to = swap;
    }
#undef ELEMENT
    if (from != items)
        memcpy(items, from, count * size);
    return true;
}

void field_set_put(
    struct field_set_builder *b, const struct field_element *element, bool member, const struct field_set *children)
{
    if (!member && !children)
        return;
    if (b->count == b->capacity) {
        size_t capacity = b->capacity ? 2 * b->capacity : 4;
        struct field_node *nodes = arena_alloc(b->arena, capacity * sizeof(*nodes));
        if (!nodes)
            return;
        if (b->count)
            memcpy(nodes, b->nodes, b->count * sizeof(*nodes));
        b->nodes = nodes;
        b->capacity = capacity;
    }
    b->nodes[b->count++] = (struct field_node){*element, member, children};
}

struct field_set_builder field_set_builder_for(struct arena *arena, size_t count)
{
    struct field_node *nodes = count ? arena_alloc(arena, count * sizeof(*nodes)) : NULL;
    return (struct field_set_builder){arena, nodes, 0, nodes ? count : 0};
}

const struct field_set *field_set_built(const struct field_set_builder *b)
{
    struct field_set *set = b->count ? arena_alloc(b->arena, sizeof(*set)) : NULL;
    if (set)
        *set = (struct field_set){b->nodes, b->count};
    return set;
}

bool field_set_equal(const struct field_set *a, const struct field_set *b)
{
    if (!a || !b)
        return a == b;
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct field_node *x = &a->nodes[i], *y = &b->nodes[i];
        if (x->member != y->member || field_element_compare(&x->element, &y->element) != 0 ||
            !field_set_equal(x->children, y->children))
            return false;
    }
    return true;
}

/* ---- FieldsV1 in */

static err_t parse_value(struct arena *arena, bytes text, struct field_element *ret, struct error *error)
{
    struct json *value;
    TRY(json_parse(arena, text, &(struct json_options){.max_depth = FIELD_SET_DEPTH}, &value, NULL, error));
    if (ret->type == FIELD_KEYS) {
        if (value->type != JSON_OBJECT)
            return error_set(error, ERR_BAD_REQUEST, "the keys of a list item must be an object");
        json_sort(value);
    }
    ret->value = value;
    return ERR_OK;
}

static bool parse_index(bytes text, int64_t *ret)
{
    bool negative = text.n && text.p[0] == '-';
    uint64_t n;
    if (!bytes_to_uint64(bytes_skip(text, negative), &n) || n > INT64_MAX)
        return false;
    *ret = negative ? -(int64_t)n : (int64_t)n;
    return true;
}

/* *ret_known false: an element of a sort that a later version may know. */
static err_t parse_element(
    struct arena *arena, bytes text, struct field_element *ret, bool *ret_known, struct error *error)
{
    static const char letters[] = {[FIELD_NAME] = 'f', [FIELD_KEYS] = 'k', [FIELD_VALUE] = 'v', [FIELD_INDEX] = 'i'};
    if (text.n < 2 || text.p[1] != ':')
        return error_set(error, ERR_BAD_REQUEST, "a field must start with a letter and a colon");
    const char *letter = memchr(letters, text.p[0], sizeof(letters));
    bytes rest = bytes_skip(text, 2);
    *ret_known = letter != NULL;
    if (!letter)
        return ERR_OK;
    *ret = (struct field_element){.type = (enum field_element_type)(letter - letters), .name = rest};
    if (ret->type == FIELD_INDEX && !parse_index(rest, &ret->index))
        return error_set(error, ERR_BAD_REQUEST, "the place of a list item must be a number");
    return ret->type == FIELD_KEYS || ret->type == FIELD_VALUE ? parse_value(arena, rest, ret, error) : ERR_OK;
}

static err_t parse_level(
    struct arena *, const struct json *, bool *ret_member, const struct field_set **ret, struct error *);

/* The level's nodes as they are written. */
static err_t parse_nodes(struct arena *arena, const struct json *level, struct field_node *nodes, size_t *ret_count,
    bool *ret_member, struct error *error)
{
    size_t count = 0;
    bool known = false;
    *ret_member = false;
    for (const struct json *m = level->first; m; m = m->next) {
        struct field_node *node = &nodes[count];
        if (bytes_equal(m->key, BYTES("."))) {
            *ret_member = true;
            continue;
        }
        TRY(parse_element(arena, m->key, &node->element, &known, error));
        if (!known)
            continue;
        TRY(parse_level(arena, m, &node->member, &node->children, error));
        count++;
    }
    *ret_count = count;
    return ERR_OK;
}

/* One level. *ret_member: it has a dot, or nothing. */
static err_t parse_level(
    struct arena *arena, const struct json *level, bool *ret_member, const struct field_set **ret, struct error *error)
{
    struct field_set_builder b;
    size_t count;
    *ret = NULL;
    *ret_member = true;
    if (level->type == JSON_NULL || (level->type == JSON_OBJECT && !level->count))
        return ERR_OK;
    if (level->type != JSON_OBJECT)
        return error_set(error, ERR_BAD_REQUEST, "a set of fields must be an object");
    struct field_node *nodes = arena_alloc(arena, level->count * sizeof(*nodes));
    if (!nodes)
        return arena_error(arena, error);
    TRY(parse_nodes(arena, level, nodes, &count, ret_member, error));
    if (!field_elements_sort(arena, nodes, count, sizeof(*nodes)))
        return arena_error(arena, error);
    b = (struct field_set_builder){arena, nodes, 0, count}; /* in place */
    for (size_t i = 0; i < count; i++) {                    /* one element in two spellings: the last one's children */
        const struct field_node node = nodes[i];
        struct field_node *last = b.count ? &b.nodes[b.count - 1] : NULL;
        if (last && field_element_compare(&last->element, &node.element) == 0)
            *last = (struct field_node){
                node.element, node.member || last->member, node.children ? node.children : last->children};
        else
            field_set_put(&b, &node.element, node.member, node.children);
    }
    *ret = field_set_built(&b);
    if (arena->failed)
        return arena_error(arena, error);
    *ret_member = *ret_member || !*ret;
    return ERR_OK;
}

err_t field_set_parse(
    struct arena *arena, const struct json *fields_v1, const struct field_set **ret, struct error *error)
{
    bool member;
    return parse_level(arena, fields_v1, &member, ret, error);
}

/* ---- FieldsV1 out */

static bytes element_key(struct arena *arena, const struct field_element *element)
{
    struct buffer b;
    if (element->type == FIELD_NAME)
        return arena_join(arena, BYTES("f:"), element->name, ARENA_END);
    if (element->type == FIELD_INDEX)
        return arena_format(arena, "i:%lld", (long long)element->index);
    buffer_init(&b, arena);
    buffer_text(&b, element->type == FIELD_KEYS ? "k:" : "v:");
    json_write(&b, element->value);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

static struct json *level_json(struct arena *arena, const struct field_set *set, bool with_self)
{
    struct json *level = json_new(arena, JSON_OBJECT);
    if (level && set && with_self)
        level = json_add(level, BYTES("."), json_new(arena, JSON_OBJECT)) ? level : NULL;
    for (size_t i = 0; level && set && i < set->count; i++) {
        const struct field_node *node = &set->nodes[i];
        bytes key = element_key(arena, &node->element);
        if (!key.p || !json_add(level, key, level_json(arena, node->children, node->member)))
            return NULL;
    }
    return level;
}

struct json *field_set_json(struct arena *arena, const struct field_set *set)
{
    return level_json(arena, set, false);
}

void field_set_write(struct buffer *b, const struct field_set *set)
{
    const struct json *tree = field_set_json(b->arena, set);
    if (tree)
        json_write(b, tree);
    else
        b->failed = true;
}

/* ---- Paths for people */

/* Strings as Go quotes them. Free-form values do not occur in keys that were written by a server. */
static void write_value(struct buffer *b, const struct json *value)
{
    bytes quoted = value->type == JSON_STRING ? utf8_quote(b->arena, value->text) : BYTES_NONE;
    if (value->type == JSON_STRING && !quoted.p)
        b->failed = true;
    else if (value->type == JSON_STRING)
        buffer_put(b, quoted);
    else
        json_write(b, value);
}

void field_element_write(struct buffer *b, const struct field_element *element)
{
    buffer_byte(b, element->type == FIELD_NAME ? '.' : '[');
    if (element->type == FIELD_NAME) {
        buffer_put(b, element->name);
        return;
    }
    if (element->type == FIELD_INDEX)
        buffer_format(b, "%lld", (long long)element->index);
    if (element->type == FIELD_VALUE) {
        buffer_byte(b, '=');
        write_value(b, element->value);
    }
    if (element->type == FIELD_KEYS)
        for (const struct json *key = element->value->first; key; key = key->next) {
            buffer_put(b, key->key);
            buffer_byte(b, '=');
            write_value(b, key);
            if (key->next)
                buffer_byte(b, ',');
        }
    buffer_byte(b, ']');
}

static void each_path(
    struct buffer *path, const struct field_set *set, void (*take)(void *context, bytes path), void *context)
{
    size_t length = path->n;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; set && i < set->count; i++) {
            const struct field_node *node = &set->nodes[i];
            if (pass == 0 ? !node->member : !node->children)
                continue;
            field_element_write(path, &node->element);
            if (pass == 0 && !path->failed)
                take(context, buffer_bytes(path));
            if (pass == 1)
                each_path(path, node->children, take, context);
            path->n = length;
        }
}

bool field_set_each_path(
    struct arena *arena, const struct field_set *set, void (*take)(void *context, bytes path), void *context)
{
    struct buffer path;
    buffer_init(&path, arena);
    each_path(&path, set, take, context);
    return !path.failed;
}
