/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' protobuf messages as JSON trees, by the field numbers of the schema. What comes out still goes through
 * the walker, which orders it and drops what is empty: Kubernetes writes empty strings on the wire. */
#include "api/decode.h"
#include "base/base64.h"
#include "base/clock.h"
#include "text/protobuf.h"
#include "text/utf8.h"

#define DEPTH_MOST 32

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
    char text[CLOCK_RFC3339_SIZE];
    int64_t seconds = 0;
    int more;
    (void)schema;
    if (field->content.n == 0)
        return made(r, json_new(r->arena, JSON_NULL), ret);
    while ((more = protobuf_next(&c, &part)) > 0)
        if (part.number == 1 && part.wire == PROTOBUF_VARINT)
            seconds = (int64_t)part.value;
    if (more < 0 || seconds < -62135596800 || seconds > 253402300799) /* years 1 to 9999 */
        return refuse(r->error);
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

/* {1: JSON bytes}: FieldsV1. */
static err_t read_json(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    struct cursor c = cursor_of(field->content);
    struct protobuf_field part;
    bytes raw = BYTES("null");
    int more;
    (void)schema;
    while ((more = protobuf_next(&c, &part)) > 0)
        if (part.number == 1 && part.wire == PROTOBUF_BYTES)
            raw = part.content;
    if (more < 0)
        return refuse(r->error);
    return json_parse(r->arena, raw, &(struct json_options){0}, ret, NULL, r->error);
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

static err_t read_message(struct reader *, const struct schema *, bytes message, struct json *into);

static err_t read_object(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    struct json *object;
    TRY(made(r, json_new(r->arena, JSON_OBJECT), &object));
    TRY(read_message(r, schema, field->content, object));
    *ret = object;
    return ERR_OK;
}

static const struct {
    enum protobuf_wire wire;
    err_t (*read)(struct reader *, const struct schema *, const struct protobuf_field *, struct json **);
} readers[] = {
    [SCHEMA_STRING] = {PROTOBUF_BYTES, read_text},
    [SCHEMA_BYTES] = {PROTOBUF_BYTES, read_bytes},
    [SCHEMA_TIME] = {PROTOBUF_BYTES, read_time},
    [SCHEMA_INTEGER] = {PROTOBUF_VARINT, read_integer},
    [SCHEMA_BOOLEAN] = {PROTOBUF_VARINT, read_boolean},
    [SCHEMA_OBJECT] = {PROTOBUF_BYTES, read_object},
    [SCHEMA_INT_OR_STRING] = {PROTOBUF_BYTES, read_int_or_string},
    [SCHEMA_RAW_JSON] = {PROTOBUF_BYTES, read_json},
};

static err_t read_value(
    struct reader *r, const struct schema *schema, const struct protobuf_field *field, struct json **ret)
{
    if (schema->type >= ARRAY_LEN(readers) || !readers[schema->type].read || readers[schema->type].wire != field->wire)
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

static err_t read_message(struct reader *r, const struct schema *schema, bytes message, struct json *into)
{
    struct cursor c = cursor_of(message);
    struct protobuf_field field;
    int more;
    struct json **slots = arena_zero(r->arena, schema->property_count * sizeof(struct json *));
    if (!slots)
        return arena_error(r->arena, r->error);
    if (++r->depth > DEPTH_MOST)
        return refuse(r->error);
    while ((more = protobuf_next(&c, &field)) > 0) {
        const struct schema_property *p = schema_property_by_number(schema, field.number);
        if (p)
            TRY(read_field(r, p, &field, &slots[p - schema->properties], into));
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
