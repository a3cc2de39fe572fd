/* SPDX-License-Identifier: Apache-2.0 */
#include "text/json.h"

struct json *json_new(struct arena *arena, enum json_type type)
{
    struct json *value = arena_alloc(arena, sizeof(*value));
    if (value)
        *value = (struct json){.type = type};
    return value;
}

struct json *json_string(struct arena *arena, bytes borrowed)
{
    struct json *value = json_new(arena, JSON_STRING);
    if (value)
        value->text = borrowed;
    return value;
}

struct json *json_integer(struct arena *arena, int64_t number)
{
    struct json *value = json_new(arena, JSON_NUMBER);
    if (!value)
        return NULL;
    value->text = arena_format(arena, "%lld", (long long)number);
    return value->text.p ? value : NULL;
}

struct json *json_bool(struct arena *arena, bool truth)
{
    return json_new(arena, truth ? JSON_TRUE : JSON_FALSE);
}

struct json *json_get(const struct json *object, bytes name)
{
    if (!object || object->type != JSON_OBJECT)
        return NULL;
    struct json *member = object->first;
    while (member && !bytes_equal(member->key, name))
        member = member->next;
    return member;
}

struct json *json_at(const struct json *object, bytes first, ...)
{
    va_list names;
    struct json *value = json_get(object, first);
    va_start(names, first);
    for (bytes name = va_arg(names, bytes); value && name.p; name = va_arg(names, bytes))
        value = json_get(value, name);
    va_end(names);
    return value;
}

bytes json_text(const struct json *object, bytes name)
{
    const struct json *member = json_get(object, name);
    return member && member->type == JSON_STRING ? member->text : BYTES_NONE;
}

struct json *json_append(struct json *parent, struct json *value)
{
    if (!parent || !value)
        return NULL;
    value->next = NULL;
    if (parent->last)
        parent->last->next = value;
    else
        parent->first = value;
    parent->last = value;
    parent->count++;
    return value;
}

struct json *json_add(struct json *object, bytes borrowed_name, struct json *value)
{
    if (!object || !value)
        return NULL;
    value->key = borrowed_name;
    return json_append(object, value);
}

/* What points to the member of that name, or to NULL; *ret_before is the member before it. */
static struct json **find_link(struct json *object, bytes name, struct json **ret_before)
{
    struct json **link = &object->first;
    *ret_before = NULL;
    while (*link && !bytes_equal((*link)->key, name)) {
        *ret_before = *link;
        link = &(*link)->next;
    }
    return link;
}

struct json *json_set(struct json *object, bytes borrowed_name, struct json *value)
{
    struct json *before;
    if (!object || !value)
        return NULL;
    struct json **link = find_link(object, borrowed_name, &before), *old = *link;
    if (!old)
        return json_add(object, borrowed_name, value);
    value->key = borrowed_name;
    value->next = old->next;
    *link = value;
    if (object->last == old)
        object->last = value;
    return value;
}

void json_remove(struct json *object, bytes name)
{
    struct json *before;
    if (!object || object->type != JSON_OBJECT)
        return;
    struct json **link = find_link(object, name, &before), *old = *link;
    if (!old)
        return;
    *link = old->next;
    if (object->last == old)
        object->last = before;
    object->count--;
}

static bool copy_text(struct arena *arena, bytes *text)
{
    if (!text->p)
        return true;
    *text = arena_copy(arena, *text);
    return text->p != NULL;
}

struct json *json_copy(struct arena *arena, const struct json *from)
{
    struct json *copy = from ? json_new(arena, from->type) : NULL;
    if (!copy)
        return NULL;
    copy->key = from->key;
    if (!copy_text(arena, &copy->key))
        return NULL;
    if (from->type == JSON_STRING || from->type == JSON_NUMBER) {
        copy->text = from->text;
        return copy_text(arena, &copy->text) ? copy : NULL;
    }
    if (from->type == JSON_ARRAY || from->type == JSON_OBJECT)
        for (const struct json *child = from->first; child; child = child->next)
            if (!json_append(copy, json_copy(arena, child)))
                return NULL;
    return copy;
}

/* Takes from the two sorted lists, the first one's when equal. */
static struct json *merge(struct json *a, struct json *b)
{
    struct json *first = NULL, **end = &first;
    while (a && b) {
        struct json **least = bytes_compare(a->key, b->key) <= 0 ? &a : &b;
        *end = *least;
        end = &(*end)->next;
        *least = *end;
    }
    *end = a ? a : b;
    return first;
}

static bool is_sorted(const struct json *object)
{
    for (const struct json *m = object->first; m && m->next; m = m->next)
        if (bytes_compare(m->key, m->next->key) > 0)
            return false;
    return true;
}

/* Merge sort from the bottom: runs[i] is a sorted list of 2^i members or empty, as the digits of a counter. */
void json_sort(struct json *object)
{
    struct json *runs[32] = {NULL}, *sorted = NULL;
    if (!object || object->type != JSON_OBJECT || is_sorted(object))
        return;
    for (struct json *member = object->first, *next; member; member = next) {
        size_t i = 0;
        next = member->next;
        member->next = NULL;
        for (; runs[i]; i++) {
            member = merge(runs[i], member);
            runs[i] = NULL;
        }
        runs[i] = member;
    }
    for (size_t i = 0; i < ARRAY_LEN(runs); i++)
        sorted = merge(runs[i], sorted);
    object->first = object->last = sorted;
    while (object->last->next)
        object->last = object->last->next;
}

/* Members mostly come in the same order: the search begins where the last one ended. */
static bool members_equal(const struct json *a, const struct json *b)
{
    const struct json *expected = b->first;
    for (const struct json *member = a->first; member; member = member->next) {
        const struct json *other =
            expected && bytes_equal(expected->key, member->key) ? expected : json_get(b, member->key);
        if (!other || !json_equal(member, other))
            return false;
        expected = other->next;
    }
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    if (a->type != b->type)
        return false;
    if (a->type == JSON_STRING || a->type == JSON_NUMBER)
        return bytes_equal(a->text, b->text);
    if (a->type != JSON_ARRAY && a->type != JSON_OBJECT)
        return true;
    if (a->count != b->count)
        return false;
    if (a->type == JSON_OBJECT)
        return members_equal(a, b);
    for (a = a->first, b = b->first; a; a = a->next, b = b->next)
        if (!json_equal(a, b))
            return false;
    return true;
}

bool json_to_int64(const struct json *value, int64_t *ret)
{
    int64_t number = 0;
    if (!value || value->type != JSON_NUMBER)
        return false;
    bool negative = value->text.n && value->text.p[0] == '-';
    for (size_t i = negative; i < value->text.n; i++) {
        int digit = value->text.p[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, digit, &number))
            return false;
    }
    /* Built up below zero, where the range is one longer. */
    if (!negative && __builtin_sub_overflow(0, number, &number))
        return false;
    *ret = number;
    return value->text.n > negative;
}
