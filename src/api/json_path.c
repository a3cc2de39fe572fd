/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_path_steps.h"

#include <stdlib.h>

#define LOOKS_MOST     100000
#define NUMBER_LONGEST 400

/* One evaluation. Depth first: every step maps a value to values in order, so the order of results is upstream's; only
 * a union of several inputs comes input by input here. */
struct finding {
    const struct json **ret;
    size_t most, count, looks;
    bool failed;
};

static void walk(struct finding *, const struct step *, const struct json *);

static bool look(struct finding *f, size_t count)
{
    f->looks += count;
    f->failed |= f->looks > LOOKS_MOST;
    return !f->failed;
}

static bool has_children(const struct json *value)
{
    return value->type == JSON_ARRAY || value->type == JSON_OBJECT;
}

static void walk_slice(struct finding *f, const struct step *step, const struct json *value)
{
    int64_t length = value->count, at = 0;
    if (value->type != JSON_ARRAY) {
        f->failed = true;
        return;
    }
    int64_t start = step->start < 0 ? step->start + length : step->start;
    int64_t end = step->to_end ? length : step->end;
    if (end < 0 || (end == 0 && step->single))
        end += length;
    if (start == end)
        return;
    if (start < 0 || start >= length || end < 0 || end > length || start > end || step->stride <= 0) {
        f->failed = true;
        return;
    }
    for (const struct json *item = value->first; item && at < end && look(f, 1); item = item->next, at++)
        if (at >= start && (at - start) % step->stride == 0)
            walk(f, step->next, item);
}

/* The value itself and all below it that hold anything, parents first. */
static void walk_below(struct finding *f, const struct step *step, const struct json *value)
{
    if (!has_children(value) ? value->type != JSON_STRING || value->text.n == 0 : value->count == 0)
        return;
    walk(f, step->next, value);
    if (has_children(value))
        for (const struct json *child = value->first; child && look(f, 1); child = child->next)
            walk_below(f, step, child);
}

enum number_type { NUMBER_NONE, NUMBER_INTEGER, NUMBER_FLOAT };

/* As upstream's decoder types numbers: int64 where it fits, else float64. */
static enum number_type number_of(const struct json *value, int64_t *ret_integer, double *ret_float)
{
    char text[NUMBER_LONGEST + 1];
    if (value->type != JSON_NUMBER || value->text.n > NUMBER_LONGEST)
        return NUMBER_NONE;
    if (json_to_int64(value, ret_integer))
        return NUMBER_INTEGER;
    memcpy(text, value->text.p, value->text.n);
    text[value->text.n] = 0;
    *ret_float = strtod(text, NULL);
    return NUMBER_FLOAT;
}

/* Sets *ret to -1, 0 or 1. False when the two are not of one comparable type. Truths only equal or differ. */
static bool compare(const struct json *a, const struct json *b, bool ordered, int *ret)
{
    int64_t ai = 0, bi = 0;
    double af = 0, bf = 0;
    bool a_truth = a->type == JSON_TRUE || a->type == JSON_FALSE,
         b_truth = b->type == JSON_TRUE || b->type == JSON_FALSE;
    if (a_truth && b_truth && !ordered) {
        *ret = a->type != b->type;
        return true;
    }
    if (a->type == JSON_STRING && b->type == JSON_STRING) {
        *ret = bytes_compare(a->text, b->text);
        return true;
    }
    enum number_type type = number_of(a, &ai, &af);
    if (type == NUMBER_NONE || number_of(b, &bi, &bf) != type)
        return false;
    *ret = type == NUMBER_INTEGER ? (ai > bi) - (ai < bi) : (af > bf) - (af < bf);
    return true;
}

static size_t operand_values(
    struct finding *f, const struct operand *operand, const struct json *item, const struct json **ret, bool *failed)
{
    struct finding inner = {.ret = ret, .most = 1, .looks = f->looks};
    if (!operand->is_path) {
        *ret = &operand->literal;
        return 1;
    }
    walk(&inner, operand->path, item);
    f->looks = inner.looks;
    *failed = inner.failed;
    return inner.count;
}

/* Whether the filter takes the item; sets failed when its sides cannot be compared. */
static bool filter_takes(struct finding *f, const struct filter *filter, const struct json *item)
{
    const struct json *left = NULL, *right = NULL;
    bool failed = false;
    int order = 0;
    size_t count = operand_values(f, &filter->left, item, &left, &failed);
    if (filter->test == TEST_EXISTS)
        return count > 0;
    if (!failed && count == 1)
        count = operand_values(f, &filter->right, item, &right, &failed);
    if (failed || count > 1) {
        f->failed = true;
        return false;
    }
    if (count == 0)
        return false;
    if (!compare(left, right, filter->test != TEST_EQUAL && filter->test != TEST_NOT_EQUAL, &order)) {
        f->failed = true;
        return false;
    }
    switch (filter->test) {
    case TEST_EQUAL:
        return order == 0;
    case TEST_NOT_EQUAL:
        return order != 0;
    case TEST_LESS:
        return order < 0;
    case TEST_LESS_EQUAL:
        return order <= 0;
    case TEST_GREATER:
        return order > 0;
    default:
        return order >= 0;
    }
}

static void walk_filter(struct finding *f, const struct step *step, const struct json *value)
{
    f->failed |= value->type != JSON_ARRAY;
    if (f->failed)
        return;
    for (const struct json *item = value->first; item && look(f, 1); item = item->next)
        if (filter_takes(f, step->filter, item))
            walk(f, step->next, item);
}

static void walk(struct finding *f, const struct step *step, const struct json *value)
{
    if (f->failed || !look(f, 1))
        return;
    if (!step) {
        if (f->count < f->most)
            f->ret[f->count] = value;
        f->count++;
        return;
    }
    if (value->type == JSON_NULL && step->type != STEP_FILTER && step->type != STEP_UNION)
        return; /* nothing, where upstream's filter sees no array */
    const struct json *child = NULL;
    switch (step->type) {
    case STEP_FIELD:
        if (value->type == JSON_OBJECT && look(f, value->count) && (child = json_get(value, step->name)))
            walk(f, step->next, child);
        return;
    case STEP_WILDCARD:
        for (child = has_children(value) ? value->first : NULL; child && look(f, 1); child = child->next)
            walk(f, step->next, child);
        return;
    case STEP_SLICE:
        walk_slice(f, step, value);
        return;
    case STEP_FILTER:
        walk_filter(f, step, value);
        return;
    case STEP_UNION:
        for (const struct branch *branch = step->branches; branch && look(f, 1); branch = branch->next)
            walk(f, branch->first, value);
        return;
    default:
        walk_below(f, step, value);
    }
}

size_t json_path_find(const struct json_path *path, const struct json *root, const struct json **ret, size_t most)
{
    struct finding f = {.ret = ret, .most = most};
    walk(&f, path->first, root);
    return f.failed ? 0 : f.count;
}

bool json_path_set(struct arena *arena, const struct json_path *path, struct json *root, struct json *value)
{
    for (const struct step *step = path->first; step; step = step->next) {
        if (root->type != JSON_OBJECT || step->type != STEP_FIELD)
            return false;
        if (!step->next)
            return json_set(root, step->name, value) != NULL;
        struct json *child = json_get(root, step->name);
        if (!child)
            child = json_add(root, step->name, json_new(arena, JSON_OBJECT));
        if (!child)
            return false;
        root = child;
    }
    return false;
}
