/* SPDX-License-Identifier: Apache-2.0 */
#include "api/custom_check.h"

#include "text/utf8.h"

struct subject subject_member(const struct subject *up, const char *name)
{
    struct subject s = {.to = up->to, .value = json_get(up->value, bytes_of(name))};
    s.place = (struct place){.up = up->root ? NULL : &up->place, .name = bytes_of(name)};
    return s;
}

struct subject subject_key(const struct subject *up, const struct json *member)
{
    struct subject s = {.to = up->to, .value = member};
    s.place = (struct place){.up = up->root ? NULL : &up->place, .name = member->key, .is_key = true};
    return s;
}

struct subject subject_item(const struct subject *up, const struct json *item, uint32_t index)
{
    struct subject s = {.to = up->to, .value = item};
    s.place = (struct place){.up = up->root ? NULL : &up->place, .index = index, .is_index = true};
    return s;
}

bytes subject_text(const struct subject *s)
{
    return s->value && s->value->type == JSON_STRING ? s->value->text : BYTES_NONE;
}

bool subject_true(const struct subject *s)
{
    return s->value && s->value->type == JSON_TRUE;
}

bool subject_given(const struct subject *s)
{
    return s->value && s->value->type != JSON_NULL;
}

/* ---- Sentences. */

static void say(const struct subject *s, const char *reason, bytes what, const char *format, va_list arguments)
{
    struct check *c = &s->to->check;
    bytes detail = arena_vformat(c->arena, format, arguments);
    if (detail.p && what.p)
        finding_add(c, &s->to->found, place_field(c, s->root ? NULL : &s->place), reason, "%.*s%s%.*s", BYTES_FMT(what),
            detail.n ? ": " : "", BYTES_FMT(detail));
}

void subject_required(const struct subject *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(s, "FieldValueRequired", BYTES("Required value"), format, arguments);
    va_end(arguments);
}

void subject_forbidden(const struct subject *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(s, "FieldValueForbidden", BYTES("Forbidden"), format, arguments);
    va_end(arguments);
}

static bytes invalid_value(const struct subject *s, bytes shown)
{
    return shown.p ? arena_join(s->to->check.arena, BYTES("Invalid value: "), shown, ARENA_END) : BYTES_NONE;
}

void subject_invalid(const struct subject *s, const char *format, ...)
{
    va_list arguments;
    bytes shown = s->value ? value_text(&s->to->check, s->value) : BYTES("\"\"");
    va_start(arguments, format);
    say(s, "FieldValueInvalid", invalid_value(s, shown), format, arguments);
    va_end(arguments);
}

void subject_invalid_as(const struct subject *s, bytes shown, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(s, "FieldValueInvalid", invalid_value(s, shown), format, arguments);
    va_end(arguments);
}

void subject_unsupported(const struct subject *s, const char *supported)
{
    struct check *c = &s->to->check;
    bytes shown = value_text(c, s->value);
    finding_add(c, &s->to->found, place_field(c, &s->place), "FieldValueNotSupported",
        "Unsupported value: %.*s: supported values: %s", BYTES_FMT(shown), supported);
}
