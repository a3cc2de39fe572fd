/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of type set and map hold nothing twice. Texts of items are sorted: time grows with n log n. */
#include "api/schema_check.h"

#include <stdlib.h>

struct item {
    bytes text;
    uint32_t index;
};

static int by_text(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int order = bytes_compare(x->text, y->text);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int by_index(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

/* What an item is told apart by: in a map, its keys alone. */
static bytes identity(struct check *c, const struct schema *schema, const struct json *item, bool map)
{
    struct buffer b;
    buffer_init(&b, c->arena);
    if (!map) {
        json_write(&b, item);
        return b.failed ? BYTES_NONE : buffer_bytes(&b);
    }
    buffer_byte(&b, '{');
    for (uint32_t i = 0; i < schema->list_map_key_count; i++) {
        bytes name = bytes_of(schema->list_map_keys[i]);
        const struct json *key = json_get(item, name);
        if (!key)
            continue;
        buffer_text(&b, b.n > 1 ? "," : "");
        json_write_string(&b, name);
        buffer_byte(&b, ':');
        json_write(&b, key);
    }
    buffer_byte(&b, '}');
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

/* ---- Items of another list. */

struct list_index {
    const struct schema *schema;
    uint32_t count;
    struct {
        struct item item;
        const struct json *value;
    } entries[];
};

const struct list_index *list_index_of(struct check *c, const struct schema *schema, const struct json *old)
{
    if (old->type != JSON_ARRAY || !schema->list_type || strcmp(schema->list_type, "map") != 0)
        return NULL;
    struct list_index *index = arena_alloc(c->arena, sizeof(*index) + old->count * sizeof(index->entries[0]));
    if (!index)
        return NULL;
    *index = (struct list_index){.schema = schema};
    for (const struct json *o = old->first; o; o = o->next) {
        bytes text = identity(c, schema, o, true);
        if (!text.p)
            return NULL;
        index->entries[index->count].item = (struct item){text, index->count};
        index->entries[index->count++].value = o;
    }
    if (index->count)
        qsort(index->entries, index->count, sizeof(index->entries[0]), by_text); /* an entry begins with its item */
    return index;
}

const struct json *list_index_find(struct check *c, const struct list_index *index, const struct json *item)
{
    uint32_t low = 0, high = index ? index->count : 0;
    bytes text = high && item->type == JSON_OBJECT ? identity(c, index->schema, item, true) : BYTES_NONE;
    while (text.p && low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = bytes_compare(text, index->entries[middle].item.text);
        if (order == 0)
            return index->entries[middle].value;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* ---- Items of one list. */

/* The second of each run of equals speaks, as upstream has it, in the order of the list. */
static void refuse_repeats(
    struct check *c, struct findings *list, struct item *items, uint32_t n, const struct place *at)
{
    uint32_t repeats = 0;
    struct place place = {.up = at, .is_index = true};
    qsort(items, n, sizeof(*items), by_text);
    for (uint32_t i = 1; i < n; i++)
        if (bytes_equal(items[i].text, items[i - 1].text) &&
            (i == 1 || !bytes_equal(items[i - 1].text, items[i - 2].text)))
            items[repeats++] = items[i]; /* behind what is still compared: repeats < i */
    qsort(items, repeats, sizeof(*items), by_index);
    for (uint32_t i = 0; i < repeats; i++) {
        place.index = items[i].index;
        finding_add(
            c, list, place_field(c, &place), "FieldValueDuplicate", "Duplicate value: %.*s", BYTES_FMT(items[i].text));
    }
}

static void check_unique(struct check *c, struct findings *list, const struct schema *schema, const struct json *array,
    const struct place *at)
{
    bool map = strcmp(schema->list_type, "map") == 0;
    struct place place = {.up = at, .is_index = true};
    struct item *items;
    uint32_t n = 0;
    for (const struct json *item = array->first; map && item; item = item->next, place.index++)
        if (item->type != JSON_OBJECT && item->type != JSON_NULL) {
            finding_add(c, list, place_field(c, &place), "FieldValueInvalid",
                "Invalid value: %.*s: must be an object for an array of list-type map", BYTES_FMT(value_text(c, item)));
            return;
        }
    items = array->count > 1 ? arena_alloc(c->arena, array->count * sizeof(*items)) : NULL;
    if (!items)
        return;
    for (const struct json *item = array->first; item; item = item->next, n++) {
        items[n] = (struct item){identity(c, schema, item, map), n};
        if (!items[n].text.p)
            return;
    }
    refuse_repeats(c, list, items, n, at);
}

void check_lists(struct check *c, struct findings *list, const struct schema *schema, const struct json *value,
    const struct place *at)
{
    struct place place = {.up = at, .is_index = true};
    if (value->type == JSON_ARRAY && schema->type == SCHEMA_ARRAY) {
        if (schema->list_type && strcmp(schema->list_type, "atomic") != 0)
            check_unique(c, list, schema, value, at);
        for (const struct json *item = schema->items ? value->first : NULL; item; item = item->next, place.index++)
            check_lists(c, list, schema->items, item, &place);
    } else if (value->type == JSON_OBJECT && (schema->property_count || schema->type == SCHEMA_MAP)) {
        for (const struct json *member = value->first; member; member = member->next) {
            const struct schema_property *p = schema_property(schema, member->key);
            const struct schema *of = p ? p->schema : schema->type == SCHEMA_MAP ? schema->items : NULL;
            place = (struct place){.up = at, .name = member->key, .is_key = !p};
            if (of)
                check_lists(c, list, of, member, &place);
        }
    }
}
