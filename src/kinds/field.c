/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/field.h"

#include "text/utf8.h"

struct field field_root(struct check *check, const char *name, const struct json *value)
{
    return (struct field){.check = check, .name = name, .value = value};
}

struct field field_member(const struct field *parent, const char *name)
{
    const struct json *value = json_get(parent->value, bytes_of(name));
    if (value && value->type == JSON_NULL)
        value = NULL;
    return (struct field){.check = parent->check, .parent = parent, .name = name, .value = value};
}

struct field field_first(const struct field *list)
{
    struct field item = {.check = list->check, .parent = list};
    bool holds = list->value && (list->value->type == JSON_ARRAY || list->value->type == JSON_OBJECT);
    if (!holds || list->check->error->cause_count >= CAUSES_MOST || !list->value->first)
        return item;
    item.value = list->value->first;
    if (list->value->type == JSON_OBJECT)
        item.key = item.value->key;
    return item;
}

void field_next(struct field *item)
{
    bool map = item->parent->value->type == JSON_OBJECT;
    item->index++;
    item->value = item->check->error->cause_count >= CAUSES_MOST ? NULL : item->value->next;
    item->key = map && item->value ? item->value->key : BYTES_NONE;
}

bytes field_text(const struct field *field)
{
    return field->value && field->value->type == JSON_STRING ? field->value->text : BYTES_NONE;
}

int64_t field_integer(const struct field *field, int64_t absent)
{
    int64_t number;
    return field->value && field->value->type == JSON_NUMBER && json_to_int64(field->value, &number) ? number : absent;
}

bool field_true(const struct field *field)
{
    return field->value && field->value->type == JSON_TRUE;
}

bool field_is(const struct field *field, const char *text)
{
    return bytes_equal(field_text(field), bytes_of(text));
}

size_t field_count(const struct field *field)
{
    return field->value && (field->value->type == JSON_ARRAY || field->value->type == JSON_OBJECT) ? field->value->count
                                                                                                   : 0;
}

/* ---- Paths */

static void put_path(struct buffer *b, const struct field *field)
{
    if (field->parent)
        put_path(b, field->parent);
    if (field->name) {
        if (b->n && *field->name)
            buffer_byte(b, '.');
        buffer_text(b, field->name);
    } else if (field->key.p) {
        buffer_byte(b, '[');
        buffer_put(b, field->key);
        buffer_byte(b, ']');
    } else {
        buffer_format(b, "[%zu]", field->index);
    }
}

bytes field_path(const struct field *field)
{
    struct buffer b;
    buffer_init(&b, field->check->arena);
    put_path(&b, field);
    if (b.failed) {
        (void)arena_error(field->check->arena, field->check->error);
        return BYTES_NONE;
    }
    return buffer_bytes(&b);
}

/* ---- Causes */

static bytes shown_value(const struct field *field)
{
    struct buffer b;
    if (!field->value)
        return BYTES("\"\"");
    if (field->value->type == JSON_STRING)
        return utf8_quote(field->check->arena, field->value->text);
    buffer_init(&b, field->check->arena);
    json_write(&b, field->value);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

/* "Sort" or "Sort: value", then ": detail" when there is one. */
static void add(const struct field *field, const char *reason, const char *sort, bytes shown, bytes detail)
{
    struct check *check = field->check;
    bytes path = field_path(field);
    if (check->arena->failed != ERR_OK) {
        (void)arena_error(check->arena, check->error);
        return;
    }
    bytes message = arena_join(check->arena, bytes_of(sort), shown.n ? BYTES(": ") : BYTES(""), shown,
        detail.n ? BYTES(": ") : BYTES(""), detail, ARENA_END);
    if (!message.p)
        (void)arena_error(check->arena, check->error);
    else
        error_cause(check->error, reason, path, "%.*s", BYTES_FMT(message));
}

void field_required(const struct field *field)
{
    add(field, "FieldValueRequired", "Required value", BYTES_NONE, BYTES_NONE);
}

#define DETAIL(format)                                                                                                 \
    va_list args;                                                                                                      \
    va_start(args, format);                                                                                            \
    bytes detail = arena_vformat(field->check->arena, format, args);                                                   \
    va_end(args)

void field_required_because(const struct field *field, const char *format, ...)
{
    DETAIL(format);
    add(field, "FieldValueRequired", "Required value", BYTES_NONE, detail);
}

void field_forbidden(const struct field *field, const char *format, ...)
{
    DETAIL(format);
    add(field, "FieldValueForbidden", "Forbidden", BYTES_NONE, detail);
}

void field_invalid(const struct field *field, const char *format, ...)
{
    DETAIL(format);
    add(field, "FieldValueInvalid", "Invalid value", shown_value(field), detail);
}

void field_invalid_as(const struct field *field, bytes shown, const char *format, ...)
{
    DETAIL(format);
    add(field, "FieldValueInvalid", "Invalid value", shown, detail);
}

void field_duplicate(const struct field *field)
{
    add(field, "FieldValueDuplicate", "Duplicate value", shown_value(field), BYTES_NONE);
}

void field_duplicate_because(const struct field *field, const char *format, ...)
{
    DETAIL(format);
    add(field, "FieldValueDuplicate", "Duplicate value", shown_value(field), detail);
}

void field_not_found(const struct field *field)
{
    add(field, "FieldValueNotFound", "Not found", shown_value(field), BYTES_NONE);
}

void field_not_found_because(const struct field *field, const char *format, ...)
{
    DETAIL(format);
    add(field, "FieldValueNotFound", "Not found", shown_value(field), detail);
}

void field_too_long(const struct field *field, unsigned most)
{
    bytes detail = arena_format(field->check->arena, "may not be more than %u bytes", most);
    add(field, "FieldValueTooLong", "Too long", BYTES_NONE, detail);
}

void field_too_many(const struct field *field, unsigned most)
{
    bytes shown = arena_format(field->check->arena, "%zu", field_count(field));
    bytes detail = arena_format(field->check->arena, "must have at most %u items", most);
    add(field, "FieldValueTooMany", "Too many", shown, detail);
}

void field_unsupported(const struct field *field, const char *const *supported, size_t count)
{
    struct buffer b;
    buffer_init(&b, field->check->arena);
    buffer_text(&b, "supported values: ");
    for (size_t i = 0; i < count; i++)
        buffer_format(&b, "%s\"%s\"", i ? ", " : "", supported[i]);
    add(field, "FieldValueNotSupported", "Unsupported value", shown_value(field), buffer_bytes(&b));
}
