/* SPDX-License-Identifier: Apache-2.0 */
/* Sets with sets. Where one side leads, the other is searched by leaps from where the last search ended: a manager of
 * one field costs little beside a change of ten thousand. */
#include "api/field_set_builder.h"

/* The first node from `from` on whose element is not less. */
static size_t seek(const struct field_set *set, size_t from, const struct field_element *element)
{
    size_t step = 1, low = from, high;
    if (!set)
        return 0;
    while (low + step <= set->count && field_element_compare(&set->nodes[low + step - 1].element, element) < 0) {
        low += step;
        step *= 2;
    }
    high = low + step < set->count ? low + step : set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (field_element_compare(&set->nodes[middle].element, element) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The node with the same element, or NULL; *at moves on. */
static const struct field_node *find(const struct field_set *set, size_t *at, const struct field_element *element)
{
    *at = seek(set, *at, element);
    bool same = set && *at < set->count && field_element_compare(&set->nodes[*at].element, element) == 0;
    return same ? &set->nodes[*at] : NULL;
}

const struct field_set *field_set_union(struct arena *arena, const struct field_set *a, const struct field_set *b)
{
    size_t i = 0, j = 0;
    if (!a || !b || a == b)
        return a ? a : b;
    struct field_set_builder built = field_set_builder_for(arena, a->count + b->count);
    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : field_element_compare(&a->nodes[i].element, &b->nodes[j].element);
        const struct field_node *x = order <= 0 ? &a->nodes[i++] : &b->nodes[j];
        const struct field_node *y = order >= 0 ? &b->nodes[j++] : x;
        field_set_put(&built, &x->element, x->member || y->member, field_set_union(arena, x->children, y->children));
    }
    return field_set_built(&built);
}

const struct field_set *field_set_union_all(struct arena *arena, const struct field_set *const *sets, size_t count)
{
    if (count < 2)
        return count ? sets[0] : NULL;
    return field_set_union(arena, field_set_union_all(arena, sets, count / 2),
        field_set_union_all(arena, sets + count / 2, count - count / 2));
}

/* deep: what lies under a member of b goes too. */
static const struct field_set *subtract(
    struct arena *arena, const struct field_set *a, const struct field_set *b, bool deep)
{
    struct field_set_builder built = {.arena = arena};
    size_t at = 0;
    if (!a || !b)
        return a;
    for (size_t i = 0; i < a->count; i++) {
        const struct field_node *x = &a->nodes[i], *y = find(b, &at, &x->element);
        if (y && y->member && deep)
            continue;
        field_set_put(&built, &x->element, x->member && !(y && y->member),
            y ? subtract(arena, x->children, y->children, deep) : x->children);
    }
    return field_set_built(&built);
}

const struct field_set *field_set_difference(struct arena *arena, const struct field_set *a, const struct field_set *b)
{
    return subtract(arena, a, b, false);
}

const struct field_set *field_set_cut(struct arena *arena, const struct field_set *a, const struct field_set *b)
{
    return subtract(arena, a, b, true);
}

const struct field_set *field_set_intersection(
    struct arena *arena, const struct field_set *a, const struct field_set *b)
{
    struct field_set_builder built = {.arena = arena};
    size_t at = 0;
    if (!a || !b)
        return NULL;
    if (a->count > b->count) {
        const struct field_set *swap = a;
        a = b;
        b = swap;
    }
    for (size_t i = 0; i < a->count; i++) {
        const struct field_node *x = &a->nodes[i], *y = find(b, &at, &x->element);
        if (y)
            field_set_put(
                &built, &x->element, x->member && y->member, field_set_intersection(arena, x->children, y->children));
    }
    return field_set_built(&built);
}

/* ---- Paths */

static bytes take_name(bytes *path)
{
    bytes name = {path->p, bytes_find(*path, '.')};
    *path = bytes_skip(*path, name.n < path->n ? name.n + 1 : name.n);
    return name;
}

static const struct field_set *of_path(struct arena *arena, bytes path)
{
    struct field_set_builder built = {.arena = arena};
    const struct field_element element = {.type = FIELD_NAME, .name = take_name(&path)};
    field_set_put(&built, &element, !path.n, path.n ? of_path(arena, path) : NULL);
    return field_set_built(&built);
}

const struct field_set *field_set_of_paths(struct arena *arena, const char *const *paths, size_t count)
{
    const struct field_set *set = NULL;
    for (size_t i = 0; i < count; i++)
        set = field_set_union(arena, set, of_path(arena, bytes_of(paths[i])));
    return set;
}

#define PATHS_MOST 8

static const struct field_set *only(struct arena *arena, const struct field_set *set, const bytes *paths, size_t count)
{
    struct field_set_builder built = {.arena = arena};
    for (size_t i = 0; set && i < set->count; i++) {
        const struct field_node *node = &set->nodes[i];
        bytes rest[PATHS_MOST] = {{0}};
        size_t matching = 0;
        bool whole = false, here = false;
        for (size_t p = 0; p < count; p++) {
            bytes path = paths[p], name = take_name(&path);
            if (!bytes_equal(name, BYTES("*")) &&
                (node->element.type != FIELD_NAME || !bytes_equal(name, node->element.name)))
                continue;
            here = true;
            whole = whole || !path.n;
            rest[matching++] = path;
        }
        if (here) /* as upstream: what leads to a path stays a member when it is one */
            field_set_put(&built, &node->element, node->member,
                whole ? node->children : only(arena, node->children, rest, matching));
    }
    return field_set_built(&built);
}

const struct field_set *field_set_only(
    struct arena *arena, const struct field_set *set, const char *const *paths, size_t count)
{
    bytes from[PATHS_MOST] = {{0}};
    size_t n = count < PATHS_MOST ? count : PATHS_MOST;
    for (size_t i = 0; i < n; i++)
        from[i] = bytes_of(paths[i]);
    return only(arena, set, from, n);
}
