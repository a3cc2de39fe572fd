/* SPDX-License-Identifier: Apache-2.0 */
#include "api/conditions.h"

#include "base/clock.h"

static const struct json *list_of(const struct json *status)
{
    const struct json *list = json_get(status, BYTES("conditions"));
    return list && list->type == JSON_ARRAY ? list : NULL;
}

struct json *condition_find(const struct json *status, const char *type)
{
    const struct json *list = list_of(status);
    struct json *c = list ? list->first : NULL;
    while (c && !bytes_equal(json_text(c, BYTES("type")), bytes_of(type)))
        c = c->next;
    return c;
}

bool condition_is_true(const struct json *status, const char *type)
{
    return bytes_equal(json_text(condition_find(status, type), BYTES("status")), BYTES("True"));
}

static struct json *add(struct arena *arena, struct json *status, const char *type)
{
    struct json *list = json_get(status, BYTES("conditions")), *made = json_new(arena, JSON_OBJECT);
    if (!list || list->type != JSON_ARRAY)
        list = json_set(status, BYTES("conditions"), json_new(arena, JSON_ARRAY));
    json_add(made, BYTES("type"), json_string(arena, bytes_of(type)));
    json_add(made, BYTES("status"), json_string(arena, BYTES("")));
    json_add(made, BYTES("lastTransitionTime"), json_string(arena, BYTES("")));
    json_add(made, BYTES("reason"), json_string(arena, BYTES("")));
    json_add(made, BYTES("message"), json_string(arena, BYTES("")));
    return arena->failed == ERR_OK && list ? json_append(list, made) : NULL;
}

static bool set_text(struct arena *arena, struct json *condition, bytes name, bytes text, bool *changed)
{
    if (bytes_equal(json_text(condition, name), text))
        return true;
    *changed = true;
    return json_set(condition, name, json_string(arena, text)) != NULL;
}

bool condition_set(
    struct arena *arena, struct json *status, const struct condition *condition, int64_t now, bool *ret_changed)
{
    char when[CLOCK_RFC3339_SIZE];
    struct json *c = condition_find(status, condition->type);
    bool turned = false, fine;
    if (!c && !(c = add(arena, status, condition->type)))
        return false;
    fine = set_text(arena, c, BYTES("status"), bytes_of(condition->status), &turned);
    if (turned) {
        clock_format(now, when);
        bytes copy = arena_copy(arena, bytes_of(when));
        fine = fine && copy.p && set_text(arena, c, BYTES("lastTransitionTime"), copy, ret_changed);
        *ret_changed = true;
    }
    return fine && set_text(arena, c, BYTES("reason"), bytes_of(condition->reason), ret_changed) &&
           set_text(arena, c, BYTES("message"), condition->message, ret_changed);
}

void condition_remove(struct json *status, const char *type, bool *ret_changed)
{
    const struct json *gone = condition_find(status, type);
    struct json *list = json_get(status, BYTES("conditions")), *last = NULL;
    if (!gone || !list)
        return;
    while (last ? last->next != gone : list->first != gone)
        last = last ? last->next : list->first;
    if (last)
        last->next = gone->next;
    else
        list->first = gone->next;
    if (!gone->next)
        list->last = last;
    list->count--;
    *ret_changed = true;
}
