/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' strategic merge of maps, by the patch strategies of their schema. What stands for one field in the patch
 * (its value, the order of its list, the scalars to delete from it) is gathered first, so that the members' order in
 * the patch decides nothing: order and value, then deletions. */
#include "api/patch_internal.h"
#include "text/utf8.h"

/* What the patch says about one field; NULL: nothing. */
struct field {
    bytes name;
    const struct json *value, *order, *deleted;
    bool used;
};

struct fields {
    struct field *list;
    uint32_t count;
    struct patch_index by_name;
    struct patch_index retained;
    bool retain;
};

static err_t no_memory(const struct patch_context *context)
{
    return arena_error(context->arena, context->error);
}

/* ---- Reading the patch */

enum directive { ORDER, DELETED };

static const struct {
    const char *prefix, *sentence;
} directives[] = {
    [ORDER] = {"$setElementOrder", "invalid patch format of setElementOrder list"},
    [DELETED] = {"$deleteFromPrimitiveList", "invalid patch format of primitive list"},
};

static struct field *field_of(struct fields *fields, bytes name)
{
    uint32_t i = patch_index_put(&fields->by_name, patch_name(name), fields->count, NULL)->position;
    if (i == fields->count)
        fields->list[fields->count++] = (struct field){.name = name};
    return &fields->list[i];
}

static err_t read_member(struct patch_context *context, struct fields *fields, const struct json *member)
{
    for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
        bytes prefix = bytes_of(directives[i].prefix);
        if (!bytes_start(member->key, prefix))
            continue;
        if (member->key.n == prefix.n || member->key.p[prefix.n] != '/')
            return error_set(context->error, ERR_BAD_REQUEST, "%s", directives[i].sentence);
        struct field *field = field_of(fields, bytes_skip(member->key, prefix.n + 1));
        *(i == ORDER ? &field->order : &field->deleted) = member;
        return ERR_OK;
    }
    field_of(fields, member->key)->value = member;
    return ERR_OK;
}

static err_t read_retained(struct patch_context *context, const struct json *list, struct fields *fields)
{
    static const char sentence[] = "invalid patch format of retainKeys";
    if (list->type != JSON_ARRAY)
        return error_set(context->error, ERR_BAD_REQUEST, sentence);
    if (!patch_index_init(&fields->retained, context->arena, list->count))
        return no_memory(context);
    for (const struct json *name = list->first; name; name = name->next)
        if (name->type == JSON_STRING)
            patch_index_put(&fields->retained, patch_name(name->text), 0, NULL);
    for (uint32_t i = 0; i < fields->count; i++) {
        const struct field *field = &fields->list[i];
        if (field->value && field->value->type != JSON_NULL &&
            !patch_index_find(&fields->retained, patch_name(field->name)))
            return error_set(context->error, ERR_BAD_REQUEST, sentence);
    }
    fields->retain = true;
    return ERR_OK;
}

static err_t read_fields(struct patch_context *context, const struct json *patch, struct fields *ret)
{
    const struct json *retained = NULL;
    *ret = (struct fields){.list = arena_alloc(context->arena, patch->count * sizeof(*ret->list))};
    if (!ret->list || !patch_index_init(&ret->by_name, context->arena, patch->count))
        return no_memory(context);
    for (const struct json *member = patch->first; member; member = member->next) {
        if (bytes_equal(member->key, BYTES("$retainKeys")))
            retained = member;
        else
            TRY(read_member(context, ret, member));
    }
    return retained ? read_retained(context, retained, ret) : ERR_OK;
}

/* ---- What the schema says of a field */

static err_t look_up(struct patch_context *context, const struct schema *schema, bytes name, const struct schema **ret)
{
    if (schema->type == SCHEMA_MAP)
        return patch_plain(context, "merging an object in json but data type is not struct, instead is: map");
    const struct schema_property *property = schema_property(schema, name);
    if (property) {
        *ret = property->schema;
        return ERR_OK;
    }
    bytes quoted = utf8_quote(context->arena, name);
    if (!quoted.p)
        return no_memory(context);
    return patch_plain(context, "unable to find api field in struct %s for the json field %.*s",
        schema->name ? schema->name : "", BYTES_FMT(quoted));
}

/* One of the words of "merge,retainKeys". */
static bool has_strategy(const struct schema *schema, bytes word)
{
    bytes rest = bytes_of(schema->patch_strategy);
    while (rest.n) {
        size_t n = bytes_find(rest, ',');
        if (bytes_equal((bytes){rest.p, n}, word))
            return true;
        rest = bytes_skip(rest, n < rest.n ? n + 1 : n);
    }
    return false;
}

static err_t list_rule(
    struct patch_context *context, const struct schema *schema, bytes name, struct patch_list_rule *ret)
{
    const struct schema *list;
    TRY(look_up(context, schema, name, &list));
    if (list->type != SCHEMA_ARRAY)
        return patch_plain(context, "expected slice or array type, but got: struct");
    *ret = (struct patch_list_rule){list->items, list->patch_merge_key, has_strategy(list, BYTES("merge"))};
    return ERR_OK;
}

/* ---- One field: current and *ret are NULL where it is not there */

/* A value that takes the place of nothing, or of one of another type. */
static err_t take_value(struct patch_context *context, const struct json *value, const struct json **ret)
{
    const struct json *directive = json_get(value, BYTES("$patch"));
    *ret = NULL;
    if (directive && directive->type != JSON_NULL)
        return ERR_OK;
    *ret = patch_clean(context->arena, value, true, true);
    return *ret ? ERR_OK : no_memory(context);
}

static err_t merge_value(struct patch_context *context, const struct schema *schema, const struct field *field,
    const struct json *current, const struct json **ret)
{
    const struct json *value = field->value;
    struct json *merged;
    *ret = NULL;
    if (value->type == JSON_NULL)
        return ERR_OK;
    if (!current || (current->type != value->type && (patch_is_container(current) || patch_is_container(value))))
        return take_value(context, value, ret);
    *ret = value;
    if (value->type == JSON_OBJECT) {
        const struct schema *of;
        TRY(look_up(context, schema, field->name, &of));
        if (has_strategy(of, BYTES("replace")))
            return ERR_OK;
        TRY(patch_map_merge(context, of, current, value, &merged));
        *ret = merged;
    } else if (value->type == JSON_ARRAY) {
        struct patch_list_rule rule;
        struct patch_list list, server;
        TRY(list_rule(context, schema, field->name, &rule));
        if (!rule.merge)
            return ERR_OK;
        TRY(patch_list_merge(context, &rule, current, value, &list, &server));
        TRY(patch_list_to_json(context, &list, &merged));
        *ret = merged;
    }
    return ERR_OK;
}

static err_t delete_scalars(struct patch_context *context, const struct schema *schema, const struct field *field,
    const struct json *current, const struct json **ret)
{
    struct patch_list_rule rule;
    struct json *list;
    bool maps;
    *ret = field->deleted->type == JSON_NULL ? NULL : current;
    if (!*ret || current->type != JSON_ARRAY)
        return ERR_OK;
    if (field->deleted->type != JSON_ARRAY)
        return error_set(context->error, ERR_BAD_REQUEST, "%s", directives[DELETED].sentence);
    TRY(list_rule(context, schema, field->name, &rule));
    if (current->count == 0 && field->deleted->count == 0)
        return ERR_OK;
    TRY(patch_list_type(context, current, field->deleted, &maps));
    if (maps)
        return error_set(context->error, ERR_BAD_REQUEST, "%s", directives[DELETED].sentence);
    TRY(patch_list_delete(context, current, field->deleted, &list));
    *ret = list;
    return ERR_OK;
}

/* ---- $setElementOrder */

static err_t check_list(struct patch_context *context, const struct json *list)
{
    if (!list || list->type == JSON_ARRAY)
        return ERR_OK;
    return patch_plain(context, "expected a []interface {}, but received a %s", patch_go_type(list));
}

static bool is_same(const struct patch_item *a, const struct patch_item *b)
{
    return a->key.type == b->key.type && bytes_equal(a->key.text, b->key.text);
}

/* The items of the patch that are not directives must come in the order of the list, and all of them. */
static err_t check_order(
    struct patch_context *context, const char *merge_key, const struct json *value, const struct patch_list *order)
{
    uint32_t i = 0;
    if (!value || value->count == 0 || order->count == 0)
        return ERR_OK;
    for (const struct json *item = value->first; item; item = item->next) {
        struct patch_item one;
        if (merge_key && bytes_equal(json_text(item, BYTES("$patch")), BYTES("delete")))
            continue;
        if (!json_get(item, BYTES("$patch"))) {
            TRY(patch_item_of(context, item, merge_key, &one));
            while (i < order->count && !is_same(&one, &order->items[i]))
                i++;
        }
        if (i == order->count)
            return patch_plain(context, "The order in patch list doesn't match $setElementOrder list");
        i += json_get(item, BYTES("$patch")) == NULL;
    }
    return ERR_OK;
}

/* The list before it is ordered, and the server's order. */
static err_t list_to_order(struct patch_context *context, const struct patch_list_rule *rule,
    const struct json *current, const struct json *value, struct patch_list *ret, struct patch_list *ret_server)
{
    *ret_server = (struct patch_list){0};
    if (current && value && rule->merge)
        return patch_list_merge(context, rule, current, value, ret, ret_server);
    if (current)
        TRY(patch_list_of(context, current, rule->merge_key, 0, ret_server));
    if (!value) {
        TRY(patch_list_of(context, current, rule->merge_key, 0, ret));
        return ERR_OK;
    }
    const struct json *clean = current ? value : patch_clean(context->arena, value, false, true);
    return clean ? patch_list_of(context, clean, rule->merge_key, 0, ret) : no_memory(context);
}

static err_t order_list(struct patch_context *context, const struct schema *schema, const struct field *field,
    const struct json *current, const struct json **ret)
{
    struct patch_list_rule rule;
    struct patch_list order, list, server;
    struct json *ordered;
    bool maps;
    TRY(check_list(context, field->order));
    TRY(check_list(context, current));
    TRY(check_list(context, field->value));
    TRY(list_rule(context, schema, field->name, &rule));
    *ret = NULL;
    if (!current && !field->value)
        return ERR_OK;
    TRY(patch_list_of(context, field->order, rule.merge_key, 0, &order));
    TRY(check_order(context, rule.merge_key, field->value, &order));
    TRY(patch_list_type(context, current, field->value, &maps));
    TRY(list_to_order(context, &rule, current, field->value, &list, &server));
    TRY(patch_list_order(context, &list, &order, &server));
    TRY(patch_list_to_json(context, &list, &ordered));
    *ret = ordered;
    return ERR_OK;
}

/* ---- Maps */

static err_t apply_field(struct patch_context *context, const struct schema *schema, struct field *field,
    const struct json *current, const struct json **ret)
{
    field->used = true;
    *ret = current;
    if (field->order)
        TRY(order_list(context, schema, field, current, ret));
    else if (field->value)
        TRY(merge_value(context, schema, field, current, ret));
    return field->deleted ? delete_scalars(context, schema, field, *ret, ret) : ERR_OK;
}

/* Appends a field that may be there to a map. */
static err_t put(struct patch_context *context, struct json *map, bytes name, const struct json *value)
{
    if (value && !json_add(map, name, patch_share(context->arena, value)))
        return no_memory(context);
    return ERR_OK;
}

static err_t merge_fields(struct patch_context *context, const struct schema *schema, const struct json *original,
    struct fields *fields, struct json *merged)
{
    const struct json *value;
    for (const struct json *member = original->first; member; member = member->next) {
        struct patch_slot *slot = patch_index_find(&fields->by_name, patch_name(member->key));
        if (fields->retain && !patch_index_find(&fields->retained, patch_name(member->key)))
            continue;
        value = member;
        if (slot)
            TRY(apply_field(context, schema, &fields->list[slot->position], member, &value));
        TRY(put(context, merged, member->key, value));
    }
    for (uint32_t i = 0; i < fields->count; i++) {
        struct field *field = &fields->list[i];
        if (field->used)
            continue;
        TRY(apply_field(context, schema, field, NULL, &value));
        TRY(put(context, merged, field->name, value));
    }
    return ERR_OK;
}

/* {"$patch": ...}: what it leaves of a map. */
static err_t apply_directive(
    struct patch_context *context, const struct json *directive, const struct json *patch, struct json *merged)
{
    bool replace = directive->type == JSON_STRING && bytes_equal(directive->text, BYTES("replace"));
    if (!replace && !(directive->type == JSON_STRING && bytes_equal(directive->text, BYTES("delete"))))
        return patch_plain(context, "unknown patch type in map");
    for (const struct json *member = replace ? patch->first : NULL; member; member = member->next)
        if (member != directive)
            TRY(put(context, merged, member->key, member));
    return ERR_OK;
}

err_t patch_map_merge(struct patch_context *context, const struct schema *schema, const struct json *original,
    const struct json *patch, struct json **ret)
{
    const struct json *directive = json_get(patch, BYTES("$patch"));
    struct json *merged = json_new(context->arena, JSON_OBJECT);
    struct fields fields;
    if (!merged)
        return no_memory(context);
    merged->key = original->key;
    if (directive) {
        TRY(apply_directive(context, directive, patch, merged));
    } else {
        TRY(read_fields(context, patch, &fields));
        TRY(merge_fields(context, schema, original, &fields, merged));
    }
    *ret = merged;
    return ERR_OK;
}

err_t patch_strategic(struct arena *arena, const struct schema *schema, const struct json *object,
    const struct json *patch, struct json **ret, struct error *error)
{
    struct patch_context context = {arena, error};
    if (patch->type != JSON_OBJECT)
        return error_set(error, ERR_BAD_REQUEST, "invalid JSON document");
    return patch_map_merge(&context, schema, object, patch, ret);
}
