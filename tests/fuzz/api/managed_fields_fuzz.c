/* SPDX-License-Identifier: Apache-2.0 */
/* Three JSON texts on lines of their own: a stored ConfigMap, an applied configuration, and an update. What the stored
 * one says of owners is hostile; whatever is made of it must be readable again. Where it is canonical besides, as all
 * that is stored, a second apply changes nothing, unless the first left no owner at all: then the second is the one
 * with which tracking begins. */
#include "api/decode.h"
#include "api/managed_fields.h"
#include "api/schemas.h"

#include <stdlib.h>

static const struct kind config_map = {.group = "",
    .version = "v1",
    .kind = "ConfigMap",
    .plural = "configmaps",
    .namespaced = true,
    .schema = &schema_config_map,
    .rules = &no_rules};

static struct json *object_of(struct arena *arena, bytes *lines)
{
    struct json *value = NULL;
    struct error ignored;
    bytes line = {lines->p, bytes_find(*lines, '\n')};
    error_init(&ignored, arena);
    *lines = bytes_skip(*lines, line.n < lines->n ? line.n + 1 : line.n);
    if (json_parse(arena, line, &(struct json_options){0}, &value, NULL, &ignored) != ERR_OK)
        return NULL;
    return value->type == JSON_OBJECT ? value : NULL;
}

static void check_owners(struct arena *arena, const struct json *object)
{
    const struct json *list = json_at(object, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE);
    for (const struct json *entry = list && list->type == JSON_ARRAY ? list->first : NULL; entry; entry = entry->next) {
        const struct field_set *set, *again;
        struct error ignored;
        error_init(&ignored, arena);
        if (field_set_parse(arena, json_get(entry, BYTES("fieldsV1")), &set, &ignored) != ERR_OK || !set)
            abort();
        if (field_set_parse(arena, field_set_json(arena, set), &again, &ignored) != ERR_OK ||
            !field_set_equal(set, again))
            abort();
    }
}

static const struct field_manager manager = {.name = BYTES("m"), .now = 1700000000};

static struct json *apply(
    struct arena *arena, const struct json *old, const struct json *applied, bool force, bool *ret_changed)
{
    struct json *merged;
    struct error error;
    error_init(&error, arena);
    if (managed_fields_apply(arena, &config_map, old, applied, &manager, force, &merged, ret_changed, &error) != ERR_OK)
        return NULL;
    check_owners(arena, merged);
    return merged;
}

static void check_apply_twice(struct arena *arena, const struct json *old, const struct json *applied)
{
    struct warnings none = {0};
    struct error error;
    struct json *canonical, *merged;
    bool changed;
    error_init(&error, arena);
    if (decode_patched(arena, &config_map, old, FIELD_VALIDATION_IGNORE, &none, &canonical, &error) != ERR_OK)
        return;
    merged = apply(arena, canonical, applied, true, &changed);
    if (merged && json_at(merged, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE) &&
        (!apply(arena, merged, applied, false, &changed) || changed))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kind *const kinds[] = {&config_map};
    static bool registered;
    struct arena arena;
    struct error error;
    bytes lines = {data, size};
    bool changed;
    if (!registered)
        kinds_register(kinds, 1);
    registered = true;
    arena_init(&arena, 64u << 20);
    error_init(&error, &arena);
    struct json *old = object_of(&arena, &lines), *applied = object_of(&arena, &lines),
                *update = object_of(&arena, &lines);
    if (old && applied) {
        (void)apply(&arena, old, applied, true, &changed);
        check_apply_twice(&arena, old, applied);
    }
    if (old && update && json_get(update, BYTES("metadata")) &&
        managed_fields_update(&arena, &config_map, update, old, &manager, &error) == ERR_OK)
        check_owners(&arena, update);
    managed_fields_validate(&arena, json_get(old, BYTES("metadata")), &error);
    arena_reset(&arena);
    return 0;
}
