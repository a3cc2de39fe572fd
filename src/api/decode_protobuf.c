/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' protobuf messages as JSON trees, by the field numbers of the schema. What comes out still goes through
 * the walker, which orders it and drops what is empty: Kubernetes writes empty strings on the wire. */
#include "api/decode.h"
#include "base/base64.h"
#include "base/clock.h"
#include "text/protobuf.h"
#include "text/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MOST 100

struct reader {
    struct arena *arena;
    struct error *error;
    unsigned depth;
};

static err_t refuse(struct error *error)
{
    return error_set(error, ERR_BAD_REQUEST, "unexpected EOF");
}

static err_t made(struct reader *r, struct json *value, struct json **ret)
{
    if (!value)
        return arena_error(r->arena, r->error);
    *ret = value;
    return ERR_OK;
}

static err_t read_value(struct reader *, const struct schema *, const struct protobuf_field *, struct json **ret);

static err_t read_text(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    (void)schema;
    if (!utf8_valid(field->content))
        return error_set(r->error, ERR_BAD_REQUEST, "string field contains invalid UTF-8");
    return made(r, json_string(r->arena, field->content), ret);
}

static err_t read_bytes(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    (void)schema;
    bytes text = base64_encode(r->arena, BASE64_STANDARD, field->content);
    return text.p ? made(r, json_string(r->arena, text), ret) : arena_error(r->arena, r->error);
}

/* {1: seconds, 2: nanos}; an empty message is no time at all. */
static err_t read_time(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    struct cursor c = cursor_of(field->content);
    struct protobuf_field part;
    char text[CLOCK_RFC3339_MICRO_SIZE];
    int64_t seconds = 0;
    uint64_t nanoseconds = 0;
    int more;
    if (field->content.n == 0)
        return made(r, json_new(r->arena, JSON_NULL), ret);
    while ((more = protobuf_next(&c, &part)) > 0) {
        if (part.number == 1 && part.wire == PROTOBUF_VARINT)
            seconds = (int64_t)part.value;
        else if (part.number == 2 && part.wire == PROTOBUF_VARINT)
            nanoseconds = part.value;
    }
    if (more < 0 || seconds < -62135596800 || seconds > 253402300799 || nanoseconds > 999999999) /* years 1 to 9999 */
        return refuse(r->error);
    if (schema->type == SCHEMA_MICRO_TIME)
        clock_format_micro(seconds, (uint32_t)(nanoseconds / 1000), text);
    else
        clock_format(seconds, text);
    bytes copy = arena_copy(r->arena, bytes_of(text));
    return copy.p ? made(r, json_string(r->arena, copy), ret) : arena_error(r->arena, r->error);
}

static err_t read_integer(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    bool small = schema->format && strcmp(schema->format, "int32") == 0;
    return made(r, json_integer(r->arena, small ? (int32_t)(uint32_t)field->value : (int64_t)field->value), ret);
}

static err_t read_boolean(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    (void)schema;
    return made(r, json_bool(r->arena, field->value != 0), ret);
}

static err_t read_double(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    double value;
    char text[32];
    (void)schema;
    memcpy(&value, &field->value, sizeof(value));
    if (!isfinite(value))
        return refuse(r->error);
    for (int digits = 15; digits <= 17; digits++) { /* the fewest that tell it from its neighbours */
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return json_parse(r->arena, arena_copy(r->arena, bytes_of(text)), &(struct json_options){0}, ret, NULL, r->error);
}

/* {1: bytes}. An empty message is no value. */
static err_t read_wrapped(struct reader *r, const struct protobuf_field *field, bytes *ret)
{
    struct cursor c = cursor_of(field->content);
    struct protobuf_field part;
    int more;
    *ret = BYTES_NONE;
    while ((more = protobuf_next(&c, &part)) > 0)
        if (part.number == 1 && part.wire == PROTOBUF_BYTES)
            *ret = part.content;
    return more < 0 ? refuse(r->error) : ERR_OK;
}

/* {1: JSON bytes}: FieldsV1, RawExtension, JSON. */
static err_t read_json(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    bytes raw;
    (void)schema;
    TRY(read_wrapped(r, field, &raw));
    return json_parse(r->arena, raw.n ? raw : BYTES("null"), &(struct json_options){0}, ret, NULL, r->error);
}

/* {1: text} */
static err_t read_quantity(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    bytes text;
    (void)schema;
    TRY(read_wrapped(r, field, &text));
    if (!utf8_valid(text))
        return refuse(r->error);
    return made(r, json_string(r->arena, text.n ? text : BYTES("0")), ret);
}

/* {1: type, 2: integer, 3: text}; type 1 is text. */
static err_t read_int_or_string(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    struct cursor c = cursor_of(field->content);
    struct protobuf_field part, text = {0};
    uint64_t type = 0, number = 0;
    int more;
    while ((more = protobuf_next(&c, &part)) > 0) {
        if (part.number == 3 && part.wire == PROTOBUF_BYTES)
            text = part;
        else if (part.wire == PROTOBUF_VARINT)
            *(part.number == 1 ? &type : &number) = part.value;
    }
    if (more < 0)
        return refuse(r->error);
    return type == 1 ? read_text(r, schema, &text, ret)
                     : made(r, json_integer(r->arena, (int32_t)(uint32_t)number), ret);
}

/* {1: key, 2: value} */
static err_t read_entry(
    struct reader *r, const struct schema *map, const struct protobuf_field *field, struct json *into)
{
    struct cursor c = cursor_of(field->content);
    struct protobuf_field part, value = {.number = 2, .wire = PROTOBUF_BYTES};
    bytes key = {(const uint8_t *)"", 0};
    struct json *member;
    int more;
    while ((more = protobuf_next(&c, &part)) > 0) {
        if (part.number == 1 && part.wire == PROTOBUF_BYTES)
            key = part.content;
        else if (part.number == 2)
            value = part;
    }
    if (more < 0 || !utf8_valid(key))
        return refuse(r->error);
    TRY(read_value(r, map->items, &value, &member));
    json_add(into, key, member);
    return ERR_OK;
}

static err_t read_message(
    struct reader *, const struct schema *, uint32_t path, bytes message, struct json **slots, struct json *into);

/* The wire has no kind. An object within another is of the first kind that its schema names, as kube-apiserver says of
 * a StatefulSet's volumeClaimTemplates. */
static err_t name_kind(struct reader *r, const struct schema *schema, struct json *object)
{
    struct json *kinds;
    if (!schema->gvk || r->depth == 0)
        return ERR_OK;
    TRY(json_parse(r->arena, bytes_of(schema->gvk), &(struct json_options){0}, &kinds, NULL, r->error));
    bytes group = json_text(kinds->first, BYTES("group")), version = json_text(kinds->first, BYTES("version"));
    if (group.n)
        version = arena_join(r->arena, group, BYTES("/"), version, ARENA_END);
    if (!version.p || !json_add(object, BYTES("kind"), json_string(r->arena, json_text(kinds->first, BYTES("kind")))) ||
        !json_add(object, BYTES("apiVersion"), json_string(r->arena, version)))
        return arena_error(r->arena, r->error);
    return ERR_OK;
}

static err_t read_object(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    struct json *object, **slots = arena_zero(r->arena, schema->property_count * sizeof(struct json *));
    if (!slots)
        return arena_error(r->arena, r->error);
    TRY(made(r, json_new(r->arena, JSON_OBJECT), &object));
    TRY(name_kind(r, schema, object));
    TRY(read_message(r, schema, 0, field->content, slots, object));
    *ret = object;
    return ERR_OK;
}

/* The first of the properties that is there. */
static err_t read_union(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    struct json *message = NULL, *value = NULL;
    TRY(read_object(r, schema, field, &message));
    for (uint32_t i = 0; i < schema->property_count && !value; i++)
        value =
            json_get(message, (bytes){(const uint8_t *)schema->properties[i].name, schema->properties[i].name_length});
    if (!value)
        return made(r, json_new(r->arena, JSON_NULL), ret);
    *ret = value;
    return ERR_OK;
}

/* A list that is a value, as in a map: {1: items}. */
static err_t read_list(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    struct cursor c = cursor_of(field->content);
    struct protobuf_field item;
    struct json *list, *value;
    int more;
    TRY(made(r, json_new(r->arena, JSON_ARRAY), &list));
    while ((more = protobuf_next(&c, &item)) > 0) {
        if (item.number != 1)
            continue;
        TRY(read_value(r, schema->items, &item, &value));
        json_append(list, value);
    }
    if (more < 0)
        return refuse(r->error);
    *ret = list;
    return ERR_OK;
}

static const struct {
    enum protobuf_wire wire;
    err_t (*read)(struct reader *, const struct schema *, const struct protobuf_field *, struct json **);
} readers[SCHEMA_TYPE_COUNT] = {
    [SCHEMA_ANY] = {PROTOBUF_BYTES, read_json},
    [SCHEMA_STRING] = {PROTOBUF_BYTES, read_text},
    [SCHEMA_BYTES] = {PROTOBUF_BYTES, read_bytes},
    [SCHEMA_TIME] = {PROTOBUF_BYTES, read_time},
    [SCHEMA_INTEGER] = {PROTOBUF_VARINT, read_integer},
    [SCHEMA_NUMBER] = {PROTOBUF_FIXED64, read_double},
    [SCHEMA_BOOLEAN] = {PROTOBUF_VARINT, read_boolean},
    [SCHEMA_ARRAY] = {PROTOBUF_BYTES, read_list},
    [SCHEMA_OBJECT] = {PROTOBUF_BYTES, read_object},
    [SCHEMA_INT_OR_STRING] = {PROTOBUF_BYTES, read_int_or_string},
    [SCHEMA_RAW_JSON] = {PROTOBUF_BYTES, read_json},
    [SCHEMA_MICRO_TIME] = {PROTOBUF_BYTES, read_time},
    [SCHEMA_QUANTITY] = {PROTOBUF_BYTES, read_quantity},
    [SCHEMA_UNION] = {PROTOBUF_BYTES, read_union},
};

static err_t read_value(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    if (!readers[schema->type].read || readers[schema->type].wire != field->wire)
        return error_set(
            r->error, ERR_BAD_REQUEST, "proto: wrong wireType = %u for field %u", field->wire, field->number);
    return readers[schema->type].read(r, schema, field, ret);
}

/* A repeated field or a map is one member however often it comes; of others the walker keeps the last. */
static err_t read_field(struct reader *r, const struct schema_property *p, const struct protobuf_field *field,
    struct json **slot, struct json *into)
{
    bytes name = {(const uint8_t *)p->name, p->name_length};
    bool many = p->schema->type == SCHEMA_ARRAY || p->schema->type == SCHEMA_MAP;
    struct json *value;
    if (!many) {
        TRY(read_value(r, p->schema, field, &value));
        json_add(into, name, value);
        return ERR_OK;
    }
    if (!*slot) {
        TRY(made(r, json_new(r->arena, p->schema->type == SCHEMA_ARRAY ? JSON_ARRAY : JSON_OBJECT), slot));
        json_add(into, name, *slot);
    }
    if (p->schema->type == SCHEMA_MAP && field->wire == PROTOBUF_BYTES)
        return read_entry(r, p->schema, field, *slot);
    TRY(read_value(r, p->schema->type == SCHEMA_MAP ? p->schema : p->schema->items, field, &value));
    json_append(*slot, value);
    return ERR_OK;
}

/* Whether members of the object lie in a message at this path. */
static bool is_inlined(const struct schema *schema, uint32_t path)
{
    for (uint32_t i = 0; i < schema->property_count; i++)
        if (schema->properties[i].protobuf >> 8 == path || schema->properties[i].protobuf >> 16 == path)
            return true;
    return false;
}

/* path: of the message within the object's. */
static err_t read_message(
    struct reader *r, const struct schema *schema, uint32_t path, bytes message, struct json **slots, struct json *into)
{
    struct cursor c = cursor_of(message);
    struct protobuf_field field;
    int more;
    if (++r->depth > DEPTH_MOST)
        return refuse(r->error);
    while ((more = protobuf_next(&c, &field)) > 0) {
        uint32_t at = path << 8 | field.number;
        const struct schema_property *p = field.number > UINT8_MAX ? NULL : schema_property_by_number(schema, at);
        if (p)
            TRY(read_field(r, p, &field, &slots[p - schema->properties], into));
        else if (field.number <= UINT8_MAX && field.wire == PROTOBUF_BYTES && is_inlined(schema, at))
            TRY(read_message(r, schema, at, field.content, slots, into));
    }
    r->depth--;
    return more < 0 ? refuse(r->error) : ERR_OK;
}

err_t decode_protobuf(
    struct arena *arena, const struct schema *schema, bytes message, struct json **ret, struct error *error)
{
    struct reader r = {.arena = arena, .error = error};
    const struct protobuf_field whole = {.wire = PROTOBUF_BYTES, .content = message};
    return read_object(&r, schema, &whole, ret);
}

/* ---- The envelope */

static err_t read_type_meta(bytes message, struct protobuf_envelope *envelope, struct error *error)
{
    struct cursor c = cursor_of(message);
    struct protobuf_field field;
    int more;
    while ((more = protobuf_next(&c, &field)) > 0) {
        if (field.number > 2)
            continue;
        if (field.wire != PROTOBUF_BYTES || !utf8_valid(field.content))
            return refuse(error);
        *(field.number == 1 ? &envelope->api_version : &envelope->kind) = field.content;
    }
    return more < 0 ? refuse(error) : ERR_OK;
}

err_t decode_envelope(bytes body, struct protobuf_envelope *ret, struct error *error)
{
    struct protobuf_envelope envelope = {0};
    struct protobuf_field field;
    int more;
    if (!bytes_start(body, BYTES("k8s\0")))
        return error_set(error, ERR_BAD_REQUEST,
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
    struct cursor c = cursor_of(bytes_skip(body, 4));
    while ((more = protobuf_next(&c, &field)) > 0) {
        bytes *const parts[] = {NULL, NULL, &envelope.raw, &envelope.content_encoding, &envelope.content_type};
        if (field.number >= ARRAY_LEN(parts))
            continue;
        if (field.wire != PROTOBUF_BYTES)
            return refuse(error);
        if (field.number == 1)
            TRY(read_type_meta(field.content, &envelope, error));
        else
            *parts[field.number] = field.content;
    }
    if (more < 0)
        return refuse(error);
    *ret = envelope;
    return ERR_OK;
}
