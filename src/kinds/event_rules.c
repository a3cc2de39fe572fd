/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/event_rules.h"

#include "kinds/event.h"
#include "kinds/go_value.h"

#define WORD_MOST    128
#define MESSAGE_MOST 1024

/* Errors name the fields as upstream's internal event has them: by their core names, but for the reporter. */
static const struct field *field_of(const struct field *event, enum event_field field, struct field *ret)
{
    *ret = *FIELD_WITH(event, event_field_name(field, true), event_field(event->value, field));
    if (ret->value && ret->value->type == JSON_NULL)
        ret->value = NULL;
    return ret;
}

static const struct field *reporter_of(const struct field *event, bool core, struct field *ret)
{
    *ret = *FIELD_WITH(event, event_field_name(EVENT_REPORTER, core), event_field(event->value, EVENT_REPORTER));
    return ret;
}

/* ---- All events */

static void check_namespace(const struct field *event, bool timed)
{
    struct field about;
    const struct field *named = FIELD(field_of(event, EVENT_ABOUT, &about), "namespace");
    bytes own = tree_text(json_get(event->value, BYTES("metadata")), "namespace"), other = field_text(named);
    bool anywhere = bytes_equal(own, BYTES("default")) || (timed && bytes_equal(own, BYTES("kube-system")));
    bool fine = other.n ? timed || bytes_equal(own, other) : anywhere;
    if (!fine)
        field_invalid(named, "does not match event.namespace");
}

static void check_length(const struct field *field, size_t most)
{
    if (field_text(field).n > most)
        field_invalid_as(field, BYTES("\"\""), "can have at most %zu characters", most);
}

static void check_word(const struct field *field)
{
    (void)check_not_empty(field);
    check_length(field, WORD_MOST);
}

static void check_event(const struct field *event, bool core)
{
    struct field reporter, message;
    bool timed = field_text(FIELD(event, "eventTime")).n > 0;
    check_namespace(event, timed);
    if (!timed)
        return;
    (void)check_not_empty(reporter_of(event, core, &reporter));
    check_qualified_name(&reporter);
    check_word(FIELD(event, "reportingInstance"));
    check_word(FIELD(event, "action"));
    check_word(FIELD(event, "reason"));
    check_length(field_of(event, EVENT_MESSAGE, &message), MESSAGE_MOST);
}

void event_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field event = field_root(&check, "", object);
    (void)kind, (void)subresource, (void)old;
    check_event(&event, true);
}

/* ---- Those of events.k8s.io */

static void check_series(const struct field *event)
{
    const struct field *series = FIELD(event, "series");
    if (!series->value)
        return;
    if (field_integer(FIELD(series, "count"), 0) < 2)
        field_invalid_as(FIELD(series, "count"), BYTES("\"\""), "should be at least 2");
    if (!field_text(FIELD(series, "lastObservedTime")).n)
        field_required(FIELD(series, "lastObservedTime"));
}

static void check_new(const struct field *event)
{
    static const enum event_field unset[] = {EVENT_FIRST, EVENT_LAST, EVENT_COUNT, EVENT_SOURCE};
    const struct field *type = FIELD(event, "type");
    struct field field;
    if (!field_text(FIELD(event, "eventTime")).n)
        field_required(FIELD(event, "eventTime"));
    if (!field_is(type, "Normal") && !field_is(type, "Warning"))
        field_invalid_as(type, BYTES("\"\""), "has invalid value: %.*s", BYTES_FMT(field_text(type)));
    for (size_t i = 0; i < ARRAY_LEN(unset); i++) {
        (void)field_of(event, unset[i], &field);
        if (field_count(&field) || field_text(&field).n || field_integer(&field, 0))
            field_invalid_as(&field, BYTES("\"\""), "needs to be unset");
    }
}

static bytes shown_object(const struct field *field, const struct go_member *members)
{
    return go_value_text(field->check->arena, members, field->value);
}

/* In the words of check_immutable, but with the value as Go's struct has it. */
static void check_same_object(const struct field *field, const struct json *old, const struct go_member *members)
{
    if (!json_alike(field->value, old))
        field_invalid_as(field, field->value ? shown_object(field, members) : BYTES("null"), "field is immutable");
}

static void check_same_text(const struct field *field, const struct json *old)
{
    bytes before = old && old->type == JSON_STRING ? old->text : BYTES_NONE;
    if (!bytes_equal(field_text(field), before))
        field_invalid(field, "field is immutable");
}

static void check_change(const struct field *event, const struct json *old)
{
    static const struct go_member source[] = {
        {"Component", "component", GO_TEXT, NULL}, {"Host", "host", GO_TEXT, NULL}, {0}};
    static const enum event_field times[] = {EVENT_FIRST, EVENT_LAST};
    static const char *const texts[] = {"type", "eventTime", "action"};
    struct field field;
    check_same_object(field_of(event, EVENT_ABOUT, &field), event_field(old, EVENT_ABOUT), go_object_reference);
    check_same_text(FIELD(event, "reason"), json_get(old, BYTES("reason")));
    check_same_text(field_of(event, EVENT_MESSAGE, &field), event_field(old, EVENT_MESSAGE));
    check_same_object(field_of(event, EVENT_SOURCE, &field), event_field(old, EVENT_SOURCE), source);
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        check_immutable(field_of(event, times[i], &field), event_field(old, times[i]));
    check_immutable(field_of(event, EVENT_COUNT, &field), event_field(old, EVENT_COUNT));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        check_same_text(FIELD(event, texts[i]), json_get(old, bytes_of(texts[i])));
    check_same_object(FIELD(event, "related"), json_get(old, BYTES("related")), go_object_reference);
    check_same_text(reporter_of(event, false, &field), event_field(old, EVENT_REPORTER));
    check_same_text(FIELD(event, "reportingInstance"), json_get(old, BYTES("reportingInstance")));
}

void events_event_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field event = field_root(&check, "", object);
    (void)kind, (void)subresource;
    check_event(&event, false);
    if (old)
        check_change(&event, old);
    check_series(&event);
    if (!old)
        check_new(&event);
}
