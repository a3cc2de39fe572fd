/* SPDX-License-Identifier: Apache-2.0 */
#include "api/managed_fields.h"
#include "api/object.h"

#define SUBRESOURCE_MOST 256

static void validate_length(bytes field, bytes text, size_t most, struct error *error)
{
    if (text.n > most)
        error_cause(error, "FieldValueTooLong", field, "Too long: may not be more than %zu bytes", most);
}

/* Upstream refuses all that Unicode does not print; what could break a line is what matters. */
static void validate_manager(struct arena *arena, bytes field, bytes name, struct error *error)
{
    for (size_t i = 0; i < name.n && error->cause_count < CAUSES_MOST; i++) {
        if (name.p[i] >= ' ' && name.p[i] != 0x7f)
            continue;
        bytes sentence = arena_format(arena, "invalid character U+%04X (at position %zu)", name.p[i], i);
        if (sentence.p)
            cause_invalid(arena, field, name, (const char *)sentence.p, error);
    }
}

static void validate_entry(struct arena *arena, const struct json *entry, unsigned place, struct error *error)
{
    bytes at = arena_format(arena, "metadata.managedFields[%u].", place);
    bytes operation = json_text(entry, BYTES("operation")), type = json_text(entry, BYTES("fieldsType"));
    bytes manager = arena_join(arena, at, BYTES("manager"), ARENA_END);
    if (!bytes_equal(operation, BYTES("Apply")) && !bytes_equal(operation, BYTES("Update")))
        cause_invalid(arena, arena_join(arena, at, BYTES("operation"), ARENA_END), operation,
            "must be `Apply` or `Update`", error);
    if (type.n && !bytes_equal(type, BYTES("FieldsV1")))
        cause_invalid(arena, arena_join(arena, at, BYTES("fieldsType"), ARENA_END), type, "must be `FieldsV1`", error);
    validate_length(manager, json_text(entry, BYTES("manager")), FIELD_MANAGER_MOST, error);
    validate_manager(arena, manager, json_text(entry, BYTES("manager")), error);
    validate_length(arena_join(arena, at, BYTES("subresource"), ARENA_END), json_text(entry, BYTES("subresource")),
        SUBRESOURCE_MOST, error);
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
