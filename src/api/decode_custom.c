/* SPDX-License-Identifier: Apache-2.0 */
/* Custom resources: what the schema does not know is pruned, the rest stays as it is, of whatever type; members come in
 * the order of their names, numbers as Go holds and writes them. */
#include "api/custom_schema.h"
#include "api/decode_walk.h"
#include "api/float_text.h"
#include "api/schema_check.h"

/* What has no schema at all loses the members of its objects. */
static const struct schema nothing = {.type = SCHEMA_ANY, .custom = true, .nullable = true};
const struct schema custom_any = {.type = SCHEMA_ANY, .custom = true, .nullable = true, .preserves_unknown = true};

static err_t walk_number(struct walk *w, const struct json *in, struct json **ret)
{
    char text[FLOAT_TEXT_SIZE];
    struct number number;
    TRY(walk_same(w, in, ret));
    if (!number_of(in, &number)) {
        bytes name = arena_format(w->arena, "number %.*s", BYTES_FMT(in->text));
        static const struct schema float64 = {.type = SCHEMA_NUMBER};
        return name.p ? walk_refuse_type(w, &float64, (const char *)name.p, NULL) : arena_error(w->arena, w->error);
    }
    if (number.integer) {
        if (number.whole == 0)
            (*ret)->text = BYTES("0");
        return ERR_OK;
    }
    size_t n = float_text(number.value, FLOAT_JSON, text);
    (*ret)->text = arena_copy(w->arena, (bytes){(const uint8_t *)text, n});
    return (*ret)->text.p ? ERR_OK : arena_error(w->arena, w->error);
}

static err_t walk_items(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    struct walk_place place = {.up = at, .kind = PLACE_INDEX};
    const struct schema *of = schema->type == SCHEMA_ARRAY && schema->items ? schema->items : &nothing;
    if (schema->preserves_unknown && of == &nothing)
        of = &custom_any;
    struct json *array, *value;
    TRY(walk_made(w, json_new(w->arena, JSON_ARRAY), &array));
    for (const struct json *item = in->first; item; item = item->next, place.index++) {
        TRY(walk_value(w, of, item, &place, &value));
        json_append(array, value);
    }
    *ret = array;
    return ERR_OK;
}

/* The schema of a member, NULL when it is pruned. */
static const struct schema *schema_of(
    const struct schema *schema, const struct json *member, const struct schema_property **ret_property)
{
    *ret_property = schema_property(schema, member->key);
    if (*ret_property)
        return (*ret_property)->schema;
    if (schema->type == SCHEMA_MAP)
        return schema->items ? schema->items : &nothing;
    return schema->preserves_unknown ? &custom_any : NULL;
}

/* What an embedded object says of itself must be right before anything else can be: "spec.template.metadata: Invalid
 * value: {"name":1}: SENTENCE". */
static err_t refuse_embedded(struct walk *w, const struct json *member, const struct walk_place *at, bytes sentence)
{
    struct buffer path, value;
    buffer_init(&path, w->arena);
    buffer_init(&value, w->arena);
    walk_put_path(&path, at);
    json_write(&value, member);
    bytes copy = arena_copy(w->arena, sentence); /* it may lie in the error */
    if (path.failed || value.failed || !copy.p)
        return arena_error(w->arena, w->error);
    return error_set(w->error, ERR_BAD_REQUEST, "%.*s: Invalid value: %.*s: %.*s", BYTES_FMT(buffer_bytes(&path)),
        BYTES_FMT(buffer_bytes(&value)), BYTES_FMT(copy));
}

static err_t walk_embedded(struct walk *w, const struct schema *schema, const struct json *member,
    const struct walk_place *at, struct json **ret)
{
    bool metadata = bytes_equal(member->key, BYTES("metadata"));
    if (!metadata && member->type != JSON_STRING &&
        (bytes_equal(member->key, BYTES("apiVersion")) || bytes_equal(member->key, BYTES("kind"))))
        return refuse_embedded(w, member, at, BYTES("must be a string"));
    err_t result = walk_value(w, schema, member, at, ret);
    return metadata && result == ERR_BAD_REQUEST ? refuse_embedded(w, member, at, w->error->message) : result;
}

static err_t walk_members(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    struct walk_place place = {.up = at, .kind = PLACE_FIELD, .holder = schema};
    const struct schema_property *property;
    struct json *object, *value;
    bool sorted = true;
    TRY(walk_made(w, json_new(w->arena, JSON_OBJECT), &object));
    for (const struct json *member = in->first; member; member = member->next) {
        const struct schema *of = schema_of(schema, member, &property);
        place.name = member->key;
        if (!of) {
            TRY(walk_note(w, "unknown", &place));
            continue;
        }
        /* a null with a default is the defaults' to replace */
        if (member->type == JSON_NULL && !of->nullable && !of->default_json && !(property && property->default_json))
            continue;
        TRY((schema->embedded_resource ? walk_embedded : walk_value)(w, of, member, &place, &value));
        sorted = sorted && (!object->last || bytes_compare(object->last->key, member->key) < 0);
        json_add(object, member->key, value);
    }
    if (!sorted) {
        json_sort(object);
        TRY(walk_drop_repeats(w, object, at));
    }
    *ret = object;
    return ERR_OK;
}

err_t walk_custom(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    switch (in->type) {
    case JSON_OBJECT:
        return walk_members(w, schema, in, at, ret);
    case JSON_ARRAY:
        return walk_items(w, schema, in, at, ret);
    case JSON_NUMBER:
        return walk_number(w, in, ret);
    default:
        return walk_same(w, in, ret);
    }
}
