/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/tree.h"

#include "text/json_names.h"

struct json *tree_member(struct arena *arena, struct json *object, const char *name, enum json_type type)
{
    struct json *member = json_get(object, bytes_of(name));
    return member ? member : json_set(object, bytes_of(name), json_new(arena, type));
}

bool tree_default_text(struct arena *arena, struct json *object, const char *name, const char *text)
{
    return json_text(object, bytes_of(name)).n || tree_set_text(arena, object, name, bytes_of(text));
}

bool tree_default_integer(struct arena *arena, struct json *object, const char *name, int64_t number)
{
    return json_get(object, bytes_of(name)) || tree_set_integer(arena, object, name, number);
}

bool tree_default_bool(struct arena *arena, struct json *object, const char *name, bool value)
{
    return json_get(object, bytes_of(name)) || json_set(object, bytes_of(name), json_bool(arena, value));
}

bool tree_set_text(struct arena *arena, struct json *object, const char *name, bytes text)
{
    return json_set(object, bytes_of(name), json_string(arena, text)) != NULL;
}

bool tree_set_integer(struct arena *arena, struct json *object, const char *name, int64_t number)
{
    return json_set(object, bytes_of(name), json_integer(arena, number)) != NULL;
}

bool tree_set_copy(struct arena *arena, struct json *object, const char *name, const struct json *value)
{
    if (value)
        return json_set(object, bytes_of(name), json_copy(arena, value)) != NULL;
    json_remove(object, bytes_of(name));
    return true;
}

struct json *tree_path(const struct json *object, const char *const *names)
{
    struct json *at = NULL;
    for (; *names; names++) {
        at = json_get(object, bytes_of(*names));
        object = at;
    }
    return at;
}

int64_t tree_integer(const struct json *object, const char *name, int64_t absent)
{
    int64_t number;
    const struct json *member = json_get(object, bytes_of(name));
    return member && member->type == JSON_NUMBER && json_to_int64(member, &number) ? number : absent;
}

bool tree_true(const struct json *object, const char *name)
{
    const struct json *member = json_get(object, bytes_of(name));
    return member && member->type == JSON_TRUE;
}

bytes tree_text(const struct json *object, const char *name)
{
    return json_text(object, bytes_of(name));
}

struct json *tree_first(const struct json *object, const char *name)
{
    const struct json *list = json_get(object, bytes_of(name));
    return list && (list->type == JSON_ARRAY || list->type == JSON_OBJECT) ? list->first : NULL;
}

/* ---- Names */

static struct name_row *row_of(const struct name_table *table, bytes name)
{
    size_t i = json_hash_name(name) & (table->slots - 1);
    while (table->rows[i].name.p && !bytes_equal(table->rows[i].name, name))
        i = (i + 1) & (table->slots - 1);
    return &table->rows[i];
}

static bool grow(struct name_table *table)
{
    struct name_table wider = *table;
    wider.slots = table->slots ? 2 * table->slots : 16;
    wider.rows = arena_zero(table->arena, wider.slots * sizeof(*wider.rows));
    if (!wider.rows)
        return false;
    for (size_t i = 0; i < table->slots; i++)
        if (table->rows[i].name.p)
            *row_of(&wider, table->rows[i].name) = table->rows[i];
    *table = wider;
    return true;
}

bool name_table_add(struct name_table *table, bytes name, void *value)
{
    if (!name.p)
        name = BYTES("");
    if (2 * (table->count + 1) > table->slots && !grow(table))
        return false;
    struct name_row *row = row_of(table, name);
    if (row->name.p)
        return false;
    *row = (struct name_row){name, value};
    table->count++;
    return true;
}

bool name_table_put(struct name_table *table, bytes name, void *value)
{
    if (name_table_add(table, name, value))
        return true;
    struct name_row *row = table->slots ? row_of(table, name.p ? name : BYTES("")) : NULL;
    if (!row || !row->name.p)
        return false;
    row->value = value;
    return true;
}

const struct name_row *name_table_find(const struct name_table *table, bytes name)
{
    const struct name_row *row = table->slots ? row_of(table, name.p ? name : BYTES("")) : NULL;
    return row && row->name.p ? row : NULL;
}
