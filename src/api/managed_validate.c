/* SPDX-License-Identifier: Apache-2.0 */
#include "api/managed_fields.h"
#include "api/object.h"
#include "text/utf8.h"

#define SUBRESOURCE_MOST 256

/* ASCII's control characters, and what is no UTF-8. */
static bool is_printable(bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < ' ' || text.p[i] == 0x7f)
            return false;
    return utf8_valid(text);
}

static void validate_entry(struct arena *arena, const struct json *entry, unsigned place, struct error *error)
{
    bytes at = arena_format(arena, "metadata.managedFields[%u].", place);
    bytes operation = json_text(entry, BYTES("operation")), type = json_text(entry, BYTES("fieldsType"));
    const struct {
        bytes member, value;
        bool wrong;
        const char *sentence;
        size_t most;
    } rules[] = {
        {BYTES("operation"), operation,
            !bytes_equal(operation, BYTES("Apply")) && !bytes_equal(operation, BYTES("Update")),
            "must be `Apply` or `Update`", SIZE_MAX},
        {BYTES("fieldsType"), type, type.n && !bytes_equal(type, BYTES("FieldsV1")), "must be `FieldsV1`", SIZE_MAX},
        {BYTES("manager"), json_text(entry, BYTES("manager")), !is_printable(json_text(entry, BYTES("manager"))),
            "invalid character", FIELD_MANAGER_MOST},
        {BYTES("subresource"), json_text(entry, BYTES("subresource")), false, NULL, SUBRESOURCE_MOST},
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        bytes field = arena_join(arena, at, rules[i].member, ARENA_END);
        if (rules[i].value.n > rules[i].most)
            error_cause(error, "FieldValueTooLong", field, "Too long: may not be more than %zu bytes", rules[i].most);
        if (rules[i].wrong)
            cause_invalid(arena, field, rules[i].value, rules[i].sentence, error);
    }
}

void managed_fields_validate(struct arena *arena, const struct json *metadata, struct error *error)
{
    const struct json *list = json_get(metadata, BYTES("managedFields"));
    unsigned place = 0;
    if (!list || list->type != JSON_ARRAY)
        return;
    for (const struct json *entry = list->first; entry && error->cause_count < CAUSES_MOST; entry = entry->next)
        validate_entry(arena, entry, place++, error);
    if (arena->failed)
        (void)arena_error(arena, error);
}
