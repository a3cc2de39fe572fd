/* SPDX-License-Identifier: Apache-2.0 */
/* The walker: a JSON tree and a schema in, a canonical tree out, with the errors of Go's decoder in the order of the
 * document. */
#include "api/decode_walk.h"
#include "api/quantity.h"
#include "base/base64.h"
#include "base/clock.h"
#include "text/json_names.h"
#include "text/utf8.h"

#define SENTENCES_MOST 100 /* of unknown and duplicate fields, as Kubernetes bounds them */

/* ---- Errors */

/* "metadata.ownerReferences", or with the keys and indexes between: "metadata.ownerReferences[0].bogus". Fields end at
 * a custom resource, whose metadata Kubernetes decodes by itself. */
static void put_path(struct buffer *b, const struct walk_place *at, bool fields_only)
{
    if (!at || (fields_only && at->kind == PLACE_FIELD && at->holder->custom))
        return;
    put_path(b, at->up, fields_only);
    if (at->kind == PLACE_INDEX) {
        if (!fields_only)
            buffer_format(b, "[%u]", at->index);
    } else if (at->kind == PLACE_FIELD || !fields_only) {
        if (b->n)
            buffer_byte(b, '.');
        buffer_put(b, at->name);
    }
}

void walk_put_path(struct buffer *b, const struct walk_place *at)
{
    put_path(b, at, false);
}

/* Go's name of a type: map[string][]uint8, []v1.OwnerReference. */
static void put_go_type(struct buffer *b, const struct schema *schema)
{
    static const char *const names[] = {[SCHEMA_ANY] = "interface {}",
        [SCHEMA_STRING] = "string",
        [SCHEMA_BYTES] = "[]uint8",
        [SCHEMA_TIME] = "string",
        [SCHEMA_INTEGER] = "int64",
        [SCHEMA_NUMBER] = "float64",
        [SCHEMA_BOOLEAN] = "bool",
        [SCHEMA_ARRAY] = "[]",
        [SCHEMA_MAP] = "map[string]",
        [SCHEMA_OBJECT] = "v1.",
        [SCHEMA_INT_OR_STRING] = "string",
        [SCHEMA_RAW_JSON] = "v1.",
        [SCHEMA_MICRO_TIME] = "string",
        [SCHEMA_QUANTITY] = "string",
        [SCHEMA_UNION] = "v1."};
    buffer_text(b, schema->type == SCHEMA_INTEGER && schema->format ? schema->format : names[schema->type]);
    if (schema->items)
        put_go_type(b, schema->items);
    else if (bytes_end(bytes_of(names[schema->type]), BYTES("v1.")) && schema->name)
        buffer_text(b, schema->name);
}

static const char *const value_names[] = {[JSON_NULL] = "null",
    [JSON_FALSE] = "bool",
    [JSON_TRUE] = "bool",
    [JSON_NUMBER] = "number",
    [JSON_STRING] = "string",
    [JSON_ARRAY] = "array",
    [JSON_OBJECT] = "object"};

err_t walk_refuse_type(struct walk *w, const struct schema *schema, const char *value, const struct walk_place *at)
{
    struct buffer where, type;
    const struct walk_place *field = at;
    while (field && field->kind != PLACE_FIELD)
        field = field->up;
    buffer_init(&where, w->arena);
    buffer_init(&type, w->arena);
    put_path(&where, at, true);
    put_go_type(&type, schema);
    if (where.failed || type.failed)
        return arena_error(w->arena, w->error);
    if (!field)
        return error_set(w->error, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type %.*s", value,
            BYTES_FMT(buffer_bytes(&type)));
    return error_set(w->error, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go struct field %s.%.*s of type %.*s",
        value, field->holder->name ? field->holder->name : "", BYTES_FMT(buffer_bytes(&where)),
        BYTES_FMT(buffer_bytes(&type)));
}

err_t walk_refuse_value(struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at)
{
    return walk_refuse_type(w, schema, value_names[in->type], at);
}

err_t walk_note(struct walk *w, const char *what, const struct walk_place *at)
{
    struct buffer path;
    if (!w->sentences || w->sentences->count >= SENTENCES_MOST)
        return ERR_OK;
    buffer_init(&path, w->arena);
    put_path(&path, at, false);
    bytes quoted = path.failed ? BYTES_NONE : utf8_quote(w->arena, buffer_bytes(&path));
    bytes sentence = quoted.p ? arena_join(w->arena, bytes_of(what), BYTES(" field "), quoted, ARENA_END) : BYTES_NONE;
    if (!sentence.p)
        return arena_error(w->arena, w->error);
    warning_add(w->arena, w->sentences, sentence);
    return ERR_OK;
}

/* ---- Values */

err_t walk_made(struct walk *w, struct json *value, struct json **ret)
{
    if (!value)
        return arena_error(w->arena, w->error);
    *ret = value;
    return ERR_OK;
}

err_t walk_same(struct walk *w, const struct json *in, struct json **ret)
{
    struct json *value = json_new(w->arena, in->type);
    if (value) {
        *value = *in;
        value->next = NULL;
    }
    return walk_made(w, value, ret);
}

/* What Go holds where nothing was given. */
static err_t zero_value(struct walk *w, const struct schema *schema, struct json **ret)
{
    static const enum json_type types[] = {[SCHEMA_ANY] = JSON_NULL,
        [SCHEMA_STRING] = JSON_STRING,
        [SCHEMA_BYTES] = JSON_STRING,
        [SCHEMA_TIME] = JSON_NULL,
        [SCHEMA_INTEGER] = JSON_NUMBER,
        [SCHEMA_NUMBER] = JSON_NUMBER,
        [SCHEMA_BOOLEAN] = JSON_FALSE,
        [SCHEMA_ARRAY] = JSON_ARRAY,
        [SCHEMA_MAP] = JSON_OBJECT,
        [SCHEMA_OBJECT] = JSON_OBJECT,
        [SCHEMA_INT_OR_STRING] = JSON_NUMBER,
        [SCHEMA_RAW_JSON] = JSON_OBJECT,
        [SCHEMA_MICRO_TIME] = JSON_NULL,
        [SCHEMA_QUANTITY] = JSON_STRING,
        [SCHEMA_UNION] = JSON_NULL};
    const struct json nothing = {.type = JSON_OBJECT};
    if (schema->type == SCHEMA_OBJECT)
        return walk_value(w, schema, &nothing, NULL, ret);
    struct json *value = json_new(w->arena, types[schema->type]);
    if (value && (value->type == JSON_NUMBER || schema->type == SCHEMA_QUANTITY))
        value->text = BYTES("0");
    return walk_made(w, value, ret);
}

/* Of a character that is in the alphabet. */
static unsigned base64_value(uint8_t c)
{
    if (c >= 'a')
        return c - 'a' + 26U;
    if (c >= 'A')
        return c - 'A' + 0U;
    if (c >= '0')
        return c - '0' + 52U;
    return c == '+' ? 62 : 63;
}

/* Whether text that decodes to so many bytes is what an encoder writes: no line breaks, no bits left over. */
static bool base64_canonical(bytes text, size_t decoded)
{
    if (text.n != (decoded + 2) / 3 * 4)
        return false;
    if (decoded % 3 == 1)
        return (base64_value(text.p[text.n - 3]) & 15) == 0;
    return decoded % 3 == 0 || (base64_value(text.p[text.n - 2]) & 3) == 0;
}

/* Bytes may be an array of numbers too. No element goes into an error: it may be part of a secret. */
static err_t walk_byte_array(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    const struct schema element = {.type = SCHEMA_INTEGER, .format = "uint8"};
    uint8_t *p = arena_alloc(w->arena, in->count);
    size_t n = 0;
    (void)schema;
    if (!p)
        return arena_error(w->arena, w->error);
    for (const struct json *item = in->first; item; item = item->next) {
        int64_t value = 0;
        if (item->type != JSON_NULL &&
            (item->type != JSON_NUMBER || !json_to_int64(item, &value) || value < 0 || value > 255))
            return walk_refuse_value(w, &element, item, at);
        p[n++] = (uint8_t)value;
    }
    bytes text = base64_encode(w->arena, BASE64_STANDARD, (bytes){p, n});
    return text.p ? walk_made(w, json_string(w->arena, text), ret) : arena_error(w->arena, w->error);
}

static err_t walk_bytes(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    size_t decoded, offset = 0;
    if (in->type == JSON_ARRAY)
        return walk_byte_array(w, schema, in, at, ret);
    if (in->type != JSON_STRING)
        return walk_refuse_value(w, schema, in, at);
    err_t result = base64_check(BASE64_STANDARD, in->text, &decoded, &offset);
    if (result == ERR_BAD_REQUEST)
        return error_set(w->error, result, "illegal base64 data at input byte %zu", offset);
    if (result != ERR_OK)
        return arena_error(w->arena, w->error);
    if (base64_canonical(in->text, decoded))
        return walk_same(w, in, ret);
    bytes plain;
    if (base64_decode(w->arena, BASE64_STANDARD, in->text, &plain, &offset) != ERR_OK)
        return arena_error(w->arena, w->error);
    bytes text = base64_encode(w->arena, BASE64_STANDARD, plain);
    return text.p ? walk_made(w, json_string(w->arena, text), ret) : arena_error(w->arena, w->error);
}

/* The microseconds, which Go wants with six digits, of a time that clock_parse took; ret_digits: how many of them are
 * there. */
static uint32_t fraction_of(bytes text, unsigned *ret_digits)
{
    uint32_t value = 0, unit = 100000;
    *ret_digits = 0;
    for (size_t i = sizeof("2006-01-02T15:04:05."); i <= text.n && unit; i++, unit /= 10) {
        uint8_t c = text.p[i - 1];
        if (c < '0' || c > '9')
            break;
        value += (uint32_t)(c - '0') * unit;
        ++*ret_digits;
    }
    return value;
}

/* rest: of the text, which Go could not read as this part of a time. */
static err_t refuse_time(struct walk *w, bytes text, bool micro, bytes rest, const char *part)
{
    bytes quoted = utf8_quote(w->arena, text), quoted_rest = utf8_quote(w->arena, rest);
    if (!quoted.p || !quoted_rest.p)
        return arena_error(w->arena, w->error);
    return error_set(w->error, ERR_BAD_REQUEST,
        "parsing time %.*s as \"2006-01-02T15:04:05%sZ07:00\": cannot parse %.*s as \"%s\"", BYTES_FMT(quoted),
        micro ? ".000000" : "", BYTES_FMT(quoted_rest), part);
}

static err_t walk_time(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    int64_t seconds;
    unsigned digits;
    char text[CLOCK_RFC3339_MICRO_SIZE];
    bool micro = schema->type == SCHEMA_MICRO_TIME;
    (void)at;
    if (in->type != JSON_STRING)
        return error_set(
            w->error, ERR_BAD_REQUEST, "json: cannot unmarshal %s into Go value of type string", value_names[in->type]);
    if (!clock_parse(in->text, &seconds))
        return refuse_time(w, in->text, micro, in->text, "2006");
    uint32_t microseconds = fraction_of(in->text, &digits);
    size_t fraction = sizeof("2006-01-02T15:04:05") - 1, zone = fraction + 1 + digits;
    if (micro && digits < 6)
        return refuse_time(w, in->text, true, bytes_skip(in->text, fraction), ".000000");
    if (micro && in->text.p[zone] >= '0' && in->text.p[zone] <= '9')
        return refuse_time(w, in->text, true, bytes_skip(in->text, zone), "Z07:00");
    if (micro)
        clock_format_micro(seconds, microseconds, text);
    else
        clock_format(seconds, text);
    bytes copy = arena_copy(w->arena, bytes_of(text));
    return copy.p ? walk_made(w, json_string(w->arena, copy), ret) : arena_error(w->arena, w->error);
}

/* In canonical form. Among the values of a map, which is what resources come in, thousandths are the finest. */
static err_t walk_quantity(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    const __int128 milli = 1000000;
    struct quantity quantity;
    (void)schema;
    bool scalar = in->type == JSON_STRING || in->type == JSON_NUMBER;
    const char *fault = quantity_fault(scalar ? in->text : BYTES("{}"));
    if (fault || !quantity_parse(in->text, &quantity))
        return error_set(w->error, ERR_BAD_REQUEST, "%s", fault ? fault : "exceeds what a quantity can be");
    if (at && at->kind == PLACE_KEY && quantity.nano % milli) {
        quantity.nano += (quantity.nano < 0 ? -milli : milli) - quantity.nano % milli;
        quantity.written = BYTES_NONE;
    }
    bytes text = quantity_text(w->arena, &quantity);
    return text.p ? walk_made(w, json_string(w->arena, text), ret) : arena_error(w->arena, w->error);
}

static err_t walk_integer(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    int64_t value;
    bool small = schema->format && strcmp(schema->format, "int32") == 0;
    if (in->type != JSON_NUMBER)
        return walk_refuse_value(w, schema, in, at);
    if (json_to_int64(in, &value) && (!small || (value >= INT32_MIN && value <= INT32_MAX)))
        return walk_same(w, in, ret);
    bytes number = arena_format(w->arena, "number %.*s", BYTES_FMT(in->text));
    return number.p ? walk_refuse_type(w, schema, (const char *)number.p, at) : arena_error(w->arena, w->error);
}

static err_t walk_scalar(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    static const unsigned accepts[] = {[SCHEMA_STRING] = 1u << JSON_STRING,
        [SCHEMA_NUMBER] = 1u << JSON_NUMBER,
        [SCHEMA_BOOLEAN] = 1u << JSON_FALSE | 1u << JSON_TRUE,
        [SCHEMA_INT_OR_STRING] = 1u << JSON_STRING | 1u << JSON_NUMBER};
    return accepts[schema->type] & 1u << in->type ? walk_same(w, in, ret) : walk_refuse_value(w, schema, in, at);
}

static err_t walk_array(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    struct walk_place item_place = {.up = at, .kind = PLACE_INDEX};
    if (in->type != JSON_ARRAY)
        return walk_refuse_value(w, schema, in, at);
    struct json *array;
    TRY(walk_made(w, json_new(w->arena, JSON_ARRAY), &array));
    for (const struct json *item = in->first; item; item = item->next, item_place.index++) {
        struct json *value = NULL;
        TRY(walk_value(w, schema->items, item, &item_place, &value));
        json_append(array, value);
    }
    *ret = array;
    return ERR_OK;
}

/* The value of the property that is of its type, by itself. */
static err_t walk_union(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    static const unsigned holds[SCHEMA_TYPE_COUNT] = {[SCHEMA_BOOLEAN] = 1u << JSON_FALSE | 1u << JSON_TRUE,
        [SCHEMA_ARRAY] = 1u << JSON_ARRAY,
        [SCHEMA_OBJECT] = 1u << JSON_OBJECT};
    for (uint32_t i = 0; i < schema->property_count; i++)
        if (holds[schema->properties[i].schema->type] & 1u << in->type)
            return walk_value(w, schema->properties[i].schema, in, at, ret);
    return walk_refuse_value(w, schema, in, at);
}

err_t walk_drop_repeats(struct walk *w, struct json *map, const struct walk_place *at)
{
    struct json **link = &map->first;
    while (*link) {
        struct json *member = *link;
        if (member->next && bytes_equal(member->key, member->next->key)) {
            const struct walk_place key = {.up = at, .kind = PLACE_KEY, .name = member->key};
            TRY(walk_note(w, "duplicate", &key));
            *link = member->next;
            map->count--;
        } else {
            link = &member->next;
        }
    }
    return ERR_OK;
}

/* What no schema describes stays as it is. Of members of the same name the last wins here too: what is stored has each
 * but once, or could not be read again. */
static err_t walk_any(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    struct walk_place place = {.up = at, .kind = in->type == JSON_ARRAY ? PLACE_INDEX : PLACE_KEY};
    const struct json *repeated = NULL;
    struct json *value;
    TRY(walk_same(w, in, ret));
    if (in->type != JSON_OBJECT && in->type != JSON_ARRAY)
        return ERR_OK;
    (*ret)->first = (*ret)->last = NULL;
    (*ret)->count = 0;
    for (const struct json *child = in->first; child; child = child->next, place.index++) {
        place.name = child->key;
        TRY(walk_any(w, schema, child, &place, &value));
        json_add(*ret, child->key, value);
    }
    if (in->type == JSON_OBJECT && json_find_duplicate(w->arena, *ret, &repeated) != ERR_OK)
        return arena_error(w->arena, w->error);
    if (!repeated)
        return ERR_OK;
    json_sort(*ret);
    return walk_drop_repeats(w, *ret, at);
}

static err_t walk_map(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    struct walk_place key = {.up = at, .kind = PLACE_KEY};
    bool sorted = true;
    if (in->type != JSON_OBJECT)
        return walk_refuse_value(w, schema, in, at);
    struct json *map;
    TRY(walk_made(w, json_new(w->arena, JSON_OBJECT), &map));
    for (const struct json *member = in->first; member; member = member->next) {
        struct json *value = NULL;
        key.name = member->key;
        TRY(walk_value(w, schema->items, member, &key, &value));
        sorted = sorted && (!map->last || bytes_compare(map->last->key, member->key) < 0);
        json_add(map, member->key, value);
    }
    if (!sorted) {
        json_sort(map);
        TRY(walk_drop_repeats(w, map, at));
    }
    *ret = map;
    return ERR_OK;
}

static bool is_empty(const struct json *value)
{
    switch (value->type) {
    case JSON_STRING:
        return value->text.n == 0;
    case JSON_NUMBER:
        return bytes_equal(value->text, BYTES("0")) || bytes_equal(value->text, BYTES("-0"));
    case JSON_ARRAY:
    case JSON_OBJECT:
        return value->count == 0;
    default:
        return value->type != JSON_TRUE;
    }
}

/* Fills one slot a property, so that members come out in canonical order whatever the order that they came in. */
static err_t fill_slots(struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at,
    struct json **slots)
{
    struct walk_place field = {.up = at, .kind = PLACE_FIELD, .holder = schema};
    for (const struct json *member = in->first; member; member = member->next) {
        const struct schema_property *p = schema_property(schema, member->key);
        field.name = member->key;
        if (!p) {
            TRY(walk_note(w, "unknown", &field));
            continue;
        }
        struct json **slot = &slots[p - schema->properties];
        if (*slot)
            TRY(walk_note(w, "duplicate", &field));
        if (member->type != JSON_NULL)
            TRY(walk_value(w, p->schema, member, &field, slot));
    }
    return ERR_OK;
}

static err_t walk_object(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    if (in->type != JSON_OBJECT)
        return walk_refuse_value(w, schema, in, at);
    struct json *object, **slots = arena_zero(w->arena, schema->property_count * sizeof(struct json *));
    if (!slots)
        return arena_error(w->arena, w->error);
    TRY(walk_made(w, json_new(w->arena, JSON_OBJECT), &object));
    TRY(fill_slots(w, schema, in, at, slots));
    for (uint32_t i = 0; i < schema->property_count; i++) {
        const struct schema_property *p = &schema->properties[i];
        if (!slots[i] && p->presence == PRESENCE_ALWAYS)
            TRY(zero_value(w, p->schema, &slots[i]));
        if (!slots[i] && p->presence == PRESENCE_NIL)
            TRY(walk_made(w, json_new(w->arena, JSON_NULL), &slots[i]));
        if (slots[i] && (p->presence != PRESENCE_OMITTED || !is_empty(slots[i])))
            json_add(object, (bytes){(const uint8_t *)p->name, p->name_length}, slots[i]);
    }
    *ret = object;
    return ERR_OK;
}

err_t walk_value(
    struct walk *w, const struct schema *schema, const struct json *in, const struct walk_place *at, struct json **ret)
{
    static err_t (*const walkers[])(struct walk *, const struct schema *, const struct json *,
        const struct walk_place *, struct json **) = {[SCHEMA_ANY] = walk_any,
        [SCHEMA_STRING] = walk_scalar,
        [SCHEMA_BYTES] = walk_bytes,
        [SCHEMA_TIME] = walk_time,
        [SCHEMA_INTEGER] = walk_integer,
        [SCHEMA_NUMBER] = walk_scalar,
        [SCHEMA_BOOLEAN] = walk_scalar,
        [SCHEMA_ARRAY] = walk_array,
        [SCHEMA_MAP] = walk_map,
        [SCHEMA_OBJECT] = walk_object,
        [SCHEMA_INT_OR_STRING] = walk_scalar,
        [SCHEMA_RAW_JSON] = walk_any,
        [SCHEMA_MICRO_TIME] = walk_time,
        [SCHEMA_QUANTITY] = walk_quantity,
        [SCHEMA_UNION] = walk_union};
    if (schema->custom)
        return walk_custom(w, schema, in, at, ret);
    if (in->type == JSON_NULL && schema->type != SCHEMA_ANY && schema->type != SCHEMA_RAW_JSON)
        return zero_value(w, schema, ret);
    return walkers[schema->type](w, schema, in, at, ret);
}

/* ---- Entry */

void warning_add(struct arena *arena, struct warnings *warnings, bytes text)
{
    for (size_t i = 0; i < warnings->count; i++)
        if (bytes_equal(warnings->text[i], text))
            return;
    if (warnings->count == warnings->capacity) {
        size_t capacity = warnings->capacity ? 2 * warnings->capacity : 8;
        bytes *grown = arena_alloc(arena, capacity * sizeof(*grown));
        if (!grown)
            return; /* the arena remembers why */
        if (warnings->count)
            memcpy(grown, warnings->text, warnings->count * sizeof(*grown));
        warnings->text = grown, warnings->capacity = capacity;
    }
    warnings->text[warnings->count++] = text;
}

static err_t refuse_strict(struct walk *w)
{
    struct buffer all;
    buffer_init(&all, w->arena);
    for (size_t i = 0; i < w->sentences->count; i++) {
        buffer_text(&all, i ? ", " : "");
        buffer_put(&all, w->sentences->text[i]);
    }
    if (all.failed)
        return arena_error(w->arena, w->error);
    return error_set(w->error, ERR_BAD_REQUEST, "strict decoding error: %.*s", BYTES_FMT(buffer_bytes(&all)));
}

err_t decode_tree(struct arena *arena, const struct schema *schema, const struct json *in,
    enum field_validation validation, struct warnings *warnings, struct json **ret, struct error *error)
{
    struct warnings sentences = {0};
    struct walk w = {
        .arena = arena, .error = error, .sentences = validation == FIELD_VALIDATION_IGNORE ? NULL : &sentences};
    struct json *out;
    TRY(walk_value(&w, schema, in, NULL, &out));
    if (sentences.count && validation == FIELD_VALIDATION_STRICT)
        return refuse_strict(&w);
    for (size_t i = 0; i < sentences.count; i++)
        warning_add(arena, warnings, sentences.text[i]);
    if (arena->failed)
        return arena_error(arena, error);
    *ret = out;
    return ERR_OK;
}
