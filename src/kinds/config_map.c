/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "kinds/cells.h"
#include "kinds/kinds.h"

#define DATA_MOST 1048576

static size_t value_size(bytes text, bool base64)
{
    size_t size = text.n, offset;
    if (base64 && base64_check(BASE64_STANDARD, text, &size, &offset) != ERR_OK)
        return text.n; /* never: the decoder takes no other */
    return size;
}

/* Returns the bytes of one map. other: the keys that it may not have; NULL: none. */
static size_t check_map(const struct field *map, const struct name_table *other, bool base64)
{
    size_t total = 0;
    for (const struct json *value = tree_first(map->parent->value, map->name); value; value = value->next)
        total += value_size(value->text, base64);
    FIELD_EACH(value, map)
    {
        struct json key = {.type = JSON_STRING, .text = value.key};
        struct field at = value;
        const char *sentence = config_map_key_error(value.key);
        at.value = &key;
        if (sentence)
            field_invalid(&at, "%s", sentence);
        if (other && name_table_find(other, value.key))
            field_invalid(&at, "duplicate of key present in binaryData");
    }
    return total;
}

static bool keys_of(struct arena *arena, const struct json *map, struct name_table *ret)
{
    *ret = (struct name_table){.arena = arena};
    for (const struct json *value = map ? map->first : NULL; value; value = value->next)
        if (!name_table_add(ret, value->key, NULL) && arena->failed)
            return false;
    return true;
}

static void check_change(const struct field *object, const struct json *old)
{
    static const char forbidden[] = "field is immutable when `immutable` is set";
    static const char *const maps[] = {"data", "binaryData"};
    if (!tree_true(old, "immutable"))
        return;
    if (!field_true(FIELD(object, "immutable")))
        field_forbidden(FIELD(object, "immutable"), forbidden);
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        if (!json_alike(FIELD(object, maps[i])->value, json_get(old, bytes_of(maps[i]))))
            field_forbidden(FIELD(object, maps[i]), forbidden);
}

static void config_map_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field root = field_root(&check, "", object);
    struct field whole = field_root(&check, "[]", NULL);
    struct name_table binaries;
    (void)kind, (void)subresource;
    if (!keys_of(arena, json_get(object, BYTES("binaryData")), &binaries)) {
        (void)arena_error(arena, error);
        return;
    }
    if (old)
        check_change(&root, old);
    size_t total =
        check_map(FIELD(&root, "data"), &binaries, false) + check_map(FIELD(&root, "binaryData"), NULL, true);
    if (total > DATA_MOST)
        field_too_long(&whole, DATA_MOST);
}

static void config_map_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *texts = json_get(object, BYTES("data")), *binaries = json_get(object, BYTES("binaryData"));
    (void)arena, (void)kind;
    put_number_cell(b, (int64_t)(texts ? texts->count : 0) + (binaries ? binaries->count : 0));
    put_age_cell(b, object, now);
}

const struct kind_rules config_map_rules = {.validate = config_map_validate, .cells = config_map_cells};
