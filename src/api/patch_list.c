/* SPDX-License-Identifier: Apache-2.0 */
/* Lists under strategic merge: which items are the same, and in which order they come out. All of it by indices: the
 * time grows with the length of the lists, not with their product. */
#include "api/patch_internal.h"

#include <stdlib.h>

#define NO_RANK UINT32_MAX

static err_t no_memory(const struct patch_context *context)
{
    return arena_error(context->arena, context->error);
}

const char *patch_go_type(const struct json *value)
{
    static const char *const names[] = {[JSON_NULL] = "%!s(<nil>)",
        [JSON_FALSE] = "bool",
        [JSON_TRUE] = "bool",
        [JSON_NUMBER] = "float64",
        [JSON_STRING] = "string",
        [JSON_ARRAY] = "[]interface {}",
        [JSON_OBJECT] = "map[string]interface {}"};
    int64_t whole;
    return json_to_int64(value, &whole) ? "int64" : names[value->type];
}

err_t patch_list_type(struct patch_context *context, const struct json *a, const struct json *b, bool *ret_maps)
{
    const struct json *const lists[] = {a, b};
    const struct json *first = NULL;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct json *item = lists[i] ? lists[i]->first : NULL; item; item = item->next) {
            first = first ? first : item;
            if (first->type == JSON_ARRAY)
                return patch_unprocessable(context->error);
            if (patch_go_type(first) != patch_go_type(item) || item->type == JSON_NULL)
                return patch_plain(context, "list element types are not identical");
        }
    if (!first)
        return patch_plain(context, "no elements in any of the given slices");
    *ret_maps = first->type == JSON_OBJECT;
    return ERR_OK;
}

err_t patch_item_of(
    struct patch_context *context, const struct json *value, const char *merge_key, struct patch_item *ret)
{
    const struct json *key = value;
    if (merge_key && value->type != JSON_OBJECT)
        return patch_plain(context, "expected a map[string]interface {}, but received a %s", patch_go_type(value));
    if (merge_key)
        key = json_get(value, bytes_of(merge_key));
    if (!key)
        return patch_plain(context, "map does not contain declared merge key: %s", merge_key);
    if (patch_is_container(key)) /* Go panics here: such values do not compare */
        return patch_plain(context, "merge key is not a scalar: %s", merge_key ? merge_key : "");
    bool has_text = key->type == JSON_STRING || key->type == JSON_NUMBER;
    *ret = (struct patch_item){.value = value, .key = {has_text ? key->text : BYTES_NONE, key->type}};
    return ERR_OK;
}

err_t patch_list_of(struct patch_context *context, const struct json *array, const char *merge_key, uint32_t spare,
    struct patch_list *ret)
{
    uint32_t count = array ? array->count : 0;
    struct patch_list list = {0};
    list.items = arena_alloc(context->arena, ((size_t)count + spare) * sizeof(*list.items));
    if (!list.items)
        return no_memory(context);
    for (const struct json *item = array ? array->first : NULL; item; item = item->next)
        TRY(patch_item_of(context, item, merge_key, &list.items[list.count++]));
    *ret = list;
    return ERR_OK;
}

err_t patch_list_to_json(struct patch_context *context, const struct patch_list *list, struct json **ret)
{
    struct json *array = json_new(context->arena, JSON_ARRAY);
    for (uint32_t i = 0; array && i < list->count; i++)
        if (!json_append(array, patch_share(context->arena, list->items[i].value)))
            array = NULL;
    if (!array)
        return no_memory(context);
    *ret = array;
    return ERR_OK;
}

/* ---- Order */

static err_t index_items(struct patch_context *context, struct patch_list *list)
{
    if (list->index.slots)
        return ERR_OK;
    if (!patch_index_init(&list->index, context->arena, list->count))
        return no_memory(context);
    for (uint32_t i = 0; i < list->count; i++)
        patch_index_put(&list->index, list->items[i].key, i, NULL);
    return ERR_OK;
}

static uint32_t rank_in(const struct patch_index *index, const struct patch_item *item)
{
    const struct patch_slot *slot = patch_index_find(index, item->key);
    return slot ? slot->position : NO_RANK;
}

static int compare_rank(const void *a, const void *b)
{
    const struct patch_item *x = a, *y = b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return (x->present > y->present) - (x->present < y->present);
}

/* Stable. */
static void sort_items(struct patch_item *items, uint32_t count)
{
    bool sorted = true;
    for (uint32_t i = 0; i < count; i++) {
        items[i].present = i;
        sorted = sorted && (i == 0 || items[i - 1].rank <= items[i].rank);
    }
    if (!sorted)
        qsort(items, count, sizeof(*items), compare_rank);
}

/* Weaves two sorted lists: one of the server's goes first when both stand in the server's order and it before. Theirs
 * carry that rank. */
static void weave(const struct patch_index *server, const struct patch_item *ours, uint32_t our_count,
    const struct patch_item *theirs, uint32_t their_count, struct patch_item *out)
{
    uint32_t j = 0;
    for (uint32_t i = 0; i < our_count; i++) {
        uint32_t rank = j < their_count ? rank_in(server, &ours[i]) : NO_RANK;
        while (rank != NO_RANK && j < their_count && theirs[j].rank < rank)
            *out++ = theirs[j++];
        *out++ = ours[i];
    }
    while (j < their_count)
        *out++ = theirs[j++];
}

err_t patch_list_order(
    struct patch_context *context, struct patch_list *list, struct patch_list *order, struct patch_list *server)
{
    uint32_t ordered = 0, other;
    struct patch_item *parts = arena_alloc(context->arena, list->count * sizeof(*parts));
    if (!parts)
        return no_memory(context);
    TRY(index_items(context, order));
    TRY(index_items(context, server));
    for (uint32_t i = 0; i < list->count; i++) {
        struct patch_item *item = &list->items[i];
        item->rank = rank_in(&order->index, item);
        if (item->rank != NO_RANK)
            parts[ordered++] = *item;
    }
    other = ordered;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->items[i].rank == NO_RANK) {
            parts[other] = list->items[i];
            parts[other].rank = rank_in(&server->index, &parts[other]);
            other++;
        }
    sort_items(parts, ordered);
    sort_items(parts + ordered, other - ordered);
    weave(&server->index, parts, ordered, parts + ordered, other - ordered, list->items);
    return ERR_OK;
}

/* ---- Scalars: a union */

static err_t merge_scalars(struct patch_context *context, const struct json *original, const struct json *patch,
    struct patch_list *ret, struct patch_list *ret_server)
{
    struct patch_list server, added, merged = {0};
    TRY(patch_list_of(context, original, NULL, 0, &server));
    TRY(patch_list_of(context, patch, NULL, 0, &added));
    TRY(index_items(context, &server));
    TRY(index_items(context, &added));
    merged.items = arena_alloc(context->arena, ((size_t)server.count + added.count) * sizeof(*merged.items));
    if (!merged.items)
        return no_memory(context);
    for (uint32_t i = 0; i < server.count; i++)
        if (rank_in(&server.index, &server.items[i]) == i)
            merged.items[merged.count++] = server.items[i];
    for (uint32_t i = 0; i < added.count; i++)
        if (rank_in(&added.index, &added.items[i]) == i && rank_in(&server.index, &added.items[i]) == NO_RANK)
            merged.items[merged.count++] = added.items[i];
    TRY(patch_list_order(context, &merged, &added, &server));
    *ret = merged, *ret_server = server;
    return ERR_OK;
}

err_t patch_list_delete(
    struct patch_context *context, const struct json *original, const struct json *scalars, struct json **ret)
{
    struct patch_list from, what;
    uint32_t kept = 0;
    TRY(patch_list_of(context, original, NULL, 0, &from));
    TRY(patch_list_of(context, scalars, NULL, 0, &what));
    TRY(index_items(context, &what));
    for (uint32_t i = 0; i < from.count; i++)
        if (!patch_index_find(&what.index, from.items[i].key))
            from.items[kept++] = from.items[i];
    from.count = kept;
    return patch_list_to_json(context, &from, ret);
}

/* ---- Maps with merge keys */

/* What the patch's list holds: items to merge, keys to delete, and whether it replaces. */
struct keyed_patch {
    struct patch_list plain;
    struct patch_index deleted;
    bool replace;
};

static err_t read_keyed(
    struct patch_context *context, const char *merge_key, const struct json *patch, struct keyed_patch *ret)
{
    struct keyed_patch read = {0};
    read.plain.items = arena_alloc(context->arena, patch->count * sizeof(*read.plain.items));
    if (!read.plain.items || !patch_index_init(&read.deleted, context->arena, patch->count))
        return no_memory(context);
    for (const struct json *value = patch->first; value; value = value->next) {
        const struct json *directive = json_get(value, BYTES("$patch"));
        bytes word = json_text(value, BYTES("$patch"));
        struct patch_item item;
        if (directive && bytes_equal(word, BYTES("replace"))) {
            read.replace = true;
            continue;
        }
        if (directive && bytes_equal(word, BYTES("merge")))
            return patch_plain(context, "merging lists cannot yet be specified in the patch");
        if (directive && !bytes_equal(word, BYTES("delete")))
            return patch_plain(context, "unknown patch type in map");
        TRY(patch_item_of(context, value, merge_key, &item));
        if (directive)
            patch_index_put(&read.deleted, item.key, 0, NULL);
        else
            read.plain.items[read.plain.count++] = item;
    }
    *ret = read;
    return ERR_OK;
}

/* Merges each item into the one of the same key, which may have come by the patch too, or appends it. */
static err_t merge_items(struct patch_context *context, const struct patch_list_rule *rule,
    const struct patch_list *plain, struct patch_list *list)
{
    struct patch_index index;
    if (!patch_index_init(&index, context->arena, list->count + plain->count))
        return no_memory(context);
    for (uint32_t i = 0; i < list->count; i++)
        patch_index_put(&index, list->items[i].key, i, NULL);
    for (uint32_t i = 0; i < plain->count; i++) {
        const struct patch_item *item = &plain->items[i];
        uint32_t at = patch_index_put(&index, item->key, list->count, NULL)->position;
        if (at == list->count) {
            list->items[list->count++] = *item;
            continue;
        }
        struct json *merged;
        TRY(patch_map_merge(context, rule->items, list->items[at].value, item->value, &merged));
        list->items[at].value = merged;
    }
    return ERR_OK;
}

static err_t merge_keyed(struct patch_context *context, const struct patch_list_rule *rule, const struct json *original,
    const struct json *patch, struct patch_list *ret, struct patch_list *ret_server)
{
    struct keyed_patch read;
    struct patch_list list, left = {0};
    TRY(read_keyed(context, rule->merge_key, patch, &read));
    if (read.replace) { /* items of one key stand together, as upstream has it */
        TRY(patch_list_order(context, &read.plain, &left, &read.plain));
        *ret = read.plain, *ret_server = left;
        return ERR_OK;
    }
    TRY(patch_list_of(context, original, rule->merge_key, patch->count, &list));
    uint32_t before = list.count;
    list.count = 0;
    for (uint32_t i = 0; i < before; i++)
        if (!patch_index_find(&read.deleted, list.items[i].key))
            list.items[list.count++] = list.items[i];
    left.count = list.count;
    TRY(merge_items(context, rule, &read.plain, &list));
    left.items = arena_alloc(context->arena, (before + 1) * sizeof(*left.items));
    if (!left.items)
        return no_memory(context);
    memcpy(left.items, list.items, (list.count < before ? list.count : before) * sizeof(*left.items));
    TRY(patch_list_order(context, &list, &read.plain, &left));
    left.count = list.count < before ? list.count : before;
    left.index = (struct patch_index){0};
    *ret = list, *ret_server = left;
    return ERR_OK;
}

err_t patch_list_merge(struct patch_context *context, const struct patch_list_rule *rule, const struct json *original,
    const struct json *patch, struct patch_list *ret, struct patch_list *ret_server)
{
    bool maps;
    *ret = *ret_server = (struct patch_list){0};
    if ((!original || original->count == 0) && patch->count == 0)
        return ERR_OK;
    TRY(patch_list_type(context, original, patch, &maps));
    if (maps && !rule->merge_key)
        return patch_plain(context, "cannot merge lists without merge key for %s",
            rule->items->type == SCHEMA_STRING ? "string" : "struct");
    if (!maps && rule->merge_key)
        return patch_plain(context, "expected a map[string]interface {}, but received a %s",
            patch_go_type(patch->count ? patch->first : original->first));
    return maps ? merge_keyed(context, rule, original, patch, ret, ret_server)
                : merge_scalars(context, original, patch, ret, ret_server);
}
