/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical trees as Kubernetes' protobuf messages, by the field numbers of the schema: decode_protobuf.c's way back.
 */
#include "api/encode.h"
#include "base/base64.h"
#include "base/clock.h"
#include "text/protobuf.h"

#include <stdlib.h>

#define DEPTH_MOST 100

struct writer {
    struct arena *arena;
    struct buffer *out;
    struct error *error;
    unsigned depth;
};

/* Of what is absent but written all the same. */
static const struct json nothing = {.type = JSON_NULL};

static err_t unfit(struct writer *w, const struct schema *schema)
{
    return error_set(w->error, ERR_CORRUPT, "a value does not fit its type%s%s", schema->name ? " " : "",
        schema->name ? schema->name : "");
}

typedef err_t put_function(struct writer *, uint32_t number, const struct schema *, const struct json *);
static put_function put_value;

static err_t put_text(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    if (value->type != JSON_STRING && value->type != JSON_NULL)
        return unfit(w, schema);
    protobuf_put_bytes(w->out, number, value->type == JSON_STRING ? value->text : BYTES_NONE);
    return ERR_OK;
}

static err_t put_bytes(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    bytes decoded = BYTES_NONE;
    size_t offset;

    if (value->type == JSON_NULL)
        return ERR_OK;
    if (value->type != JSON_STRING)
        return unfit(w, schema);
    err_t result = base64_decode(w->arena, BASE64_STANDARD, value->text, &decoded, &offset);
    if (result == ERR_BAD_REQUEST)
        return unfit(w, schema);
    if (result != ERR_OK)
        return arena_error(w->arena, w->error);
    protobuf_put_bytes(w->out, number, decoded);
    return ERR_OK;
}

/* Digits after the point, as nanoseconds. */
static uint64_t fraction_of(bytes text)
{
    uint64_t nanoseconds = 0, unit = 100000000;

    for (size_t i = bytes_find(text, '.') + 1; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++, unit /= 10)
        nanoseconds += unit * (uint64_t)(text.p[i] - '0');
    return nanoseconds;
}

/* {1: seconds, 2: nanos}; no time at all is an empty message. */
static err_t put_time(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    size_t opened = protobuf_open(w->out);
    int64_t seconds;

    if (value->type != JSON_NULL) {
        if (value->type != JSON_STRING || !clock_parse(value->text, &seconds))
            return unfit(w, schema);
        protobuf_put_varint(w->out, 1, (uint64_t)seconds);
        protobuf_put_varint(w->out, 2, fraction_of(value->text));
    }
    protobuf_close(w->out, opened, number);
    return ERR_OK;
}

static err_t put_integer(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    int64_t integer = 0;

    if (value->type != JSON_NULL && !json_to_int64(value, &integer))
        return unfit(w, schema);
    protobuf_put_varint(w->out, number, (uint64_t)integer);
    return ERR_OK;
}

static err_t put_number(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    char text[64] = "0";
    double real;
    uint64_t bits;

    if (value->type != JSON_NULL && (value->type != JSON_NUMBER || value->text.n >= sizeof text))
        return unfit(w, schema);
    if (value->type == JSON_NUMBER) {
        memcpy(text, value->text.p, value->text.n);
        text[value->text.n] = 0;
    }
    real = strtod(text, NULL);
    memcpy(&bits, &real, sizeof bits);
    protobuf_put_fixed64(w->out, number, bits);
    return ERR_OK;
}

static err_t put_boolean(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    if (value->type != JSON_TRUE && value->type != JSON_FALSE && value->type != JSON_NULL)
        return unfit(w, schema);
    protobuf_put_varint(w->out, number, value->type == JSON_TRUE);
    return ERR_OK;
}

/* {1: text} */
static err_t put_quantity(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    size_t opened = protobuf_open(w->out);

    if (value->type != JSON_STRING && value->type != JSON_NULL)
        return unfit(w, schema);
    protobuf_put_bytes(w->out, 1, value->type == JSON_STRING ? value->text : BYTES("0"));
    protobuf_close(w->out, opened, number);
    return ERR_OK;
}

/* {1: JSON bytes}: FieldsV1, RawExtension, JSON. */
static err_t put_json(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    size_t opened = protobuf_open(w->out), raw;

    (void)schema;
    if (value->type != JSON_NULL) {
        raw = protobuf_open(w->out);
        json_write(w->out, value);
        protobuf_close(w->out, raw, 1);
    }
    protobuf_close(w->out, opened, number);
    return ERR_OK;
}

/* {1: type, 2: integer, 3: text}; type 1 is text. */
static err_t put_int_or_string(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    size_t opened = protobuf_open(w->out);
    bool is_text = value->type == JSON_STRING;
    int64_t integer = 0;

    if (!is_text && value->type != JSON_NULL && !json_to_int64(value, &integer))
        return unfit(w, schema);
    protobuf_put_varint(w->out, 1, is_text);
    protobuf_put_varint(w->out, 2, (uint64_t)integer);
    protobuf_put_bytes(w->out, 3, is_text ? value->text : BYTES_NONE);
    protobuf_close(w->out, opened, number);
    return ERR_OK;
}

static err_t put_array(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    if (value->type == JSON_NULL)
        return ERR_OK;
    if (value->type != JSON_ARRAY)
        return unfit(w, schema);
    for (const struct json *item = value->first; item; item = item->next)
        TRY(put_value(w, number, schema->items, item));
    return ERR_OK;
}

/* A list that is a value of a map: {1: items}. */
static err_t put_list(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    size_t opened = protobuf_open(w->out);

    TRY(put_array(w, 1, schema, value));
    protobuf_close(w->out, opened, number);
    return ERR_OK;
}

/* {1: key, 2: value}, by key: canonical trees have them in that order. */
static err_t put_map(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    if (value->type == JSON_NULL)
        return ERR_OK;
    if (value->type != JSON_OBJECT)
        return unfit(w, schema);
    for (const struct json *member = value->first; member; member = member->next) {
        size_t opened = protobuf_open(w->out);
        protobuf_put_bytes(w->out, 1, member->key);
        if (schema->items->type == SCHEMA_ARRAY)
            TRY(put_list(w, 2, schema->items, member));
        else
            TRY(put_value(w, 2, schema->items, member));
        protobuf_close(w->out, opened, number);
    }
    return ERR_OK;
}

/* JSON has the value of one of the properties, which its type tells. A boolean is true beside another value. */
static err_t put_union(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    static const enum schema_type types[] = {[JSON_FALSE] = SCHEMA_BOOLEAN,
        [JSON_TRUE] = SCHEMA_BOOLEAN,
        [JSON_NUMBER] = SCHEMA_INTEGER,
        [JSON_STRING] = SCHEMA_STRING,
        [JSON_ARRAY] = SCHEMA_ARRAY,
        [JSON_OBJECT] = SCHEMA_OBJECT};
    static const struct json yes = {.type = JSON_TRUE};
    size_t opened = protobuf_open(w->out);

    for (uint32_t n = 1; n <= schema->property_count; n++) {
        const struct schema_property *p = schema_property_by_number(schema, n);
        if (p && value->type != JSON_NULL && p->schema->type == types[value->type])
            TRY(put_value(w, n, p->schema, value));
        else if (p && p->schema->type == SCHEMA_BOOLEAN)
            TRY(put_value(w, n, p->schema, &yes));
    }
    protobuf_close(w->out, opened, number);
    return ERR_OK;
}

/* ---- Messages. Members of one JSON object may lie in nested messages: a property's path of numbers says where. */

struct level {
    const struct schema *schema;
    const struct json *object;
    uint32_t path; /* of the message that is being written; 0: the outermost */
    unsigned depth;
};

static unsigned path_length(uint32_t path)
{
    return path > 0xffff ? 3 : path > 0xff ? 2 : path > 0;
}

/* Its field number at this level; 0: it does not lie there. */
static uint32_t number_at(const struct level *level, const struct schema_property *p)
{
    unsigned length = path_length(p->protobuf);

    if (length <= level->depth || p->protobuf >> (8 * (length - level->depth)) != level->path)
        return 0;
    return p->protobuf >> (8 * (length - level->depth - 1)) & 0xff;
}

/* The property with the next greater number. */
static const struct schema_property *property_after(const struct level *level, uint32_t number, uint32_t *ret_number)
{
    const struct schema_property *found = NULL;

    for (uint32_t i = 0; i < level->schema->property_count; i++) {
        uint32_t at = number_at(level, &level->schema->properties[i]);
        if (at > number && (!found || at < *ret_number)) {
            found = &level->schema->properties[i];
            *ret_number = at;
        }
    }
    return found;
}

/* A pointer in Go that is not set is not written. A time is no pointer where it is null. */
static bool left_out(const struct schema_property *p)
{
    bool time = p->schema->type == SCHEMA_TIME || p->schema->type == SCHEMA_MICRO_TIME;

    return p->presence == PRESENCE_KEPT || (p->presence == PRESENCE_NIL && !time);
}

static err_t put_property(struct writer *w, uint32_t number, const struct schema_property *p, const struct json *object)
{
    const struct json *value = json_get(object, (bytes){(const uint8_t *)p->name, p->name_length});

    if (!value || value->type == JSON_NULL) {
        if (left_out(p))
            return ERR_OK;
        value = &nothing;
    }
    return put_value(w, number, p->schema, value);
}

static err_t put_level(struct writer *w, const struct level *level)
{
    const struct schema_property *p;
    uint32_t number = 0;

    while ((p = property_after(level, number, &number))) {
        if (path_length(p->protobuf) == level->depth + 1) {
            TRY(put_property(w, number, p, level->object));
            continue;
        }
        struct level inner = {level->schema, level->object, level->path << 8 | number, level->depth + 1};
        size_t opened = protobuf_open(w->out);
        TRY(put_level(w, &inner));
        protobuf_close(w->out, opened, number);
    }
    return ERR_OK;
}

static err_t put_message(struct writer *w, const struct schema *schema, const struct json *value)
{
    struct level outermost = {.schema = schema, .object = value};

    if ((value->type != JSON_OBJECT && value->type != JSON_NULL) || ++w->depth > DEPTH_MOST)
        return unfit(w, schema);
    TRY(put_level(w, &outermost));
    w->depth--;
    return ERR_OK;
}

static err_t put_object(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    size_t opened = protobuf_open(w->out);

    TRY(put_message(w, schema, value));
    protobuf_close(w->out, opened, number);
    return ERR_OK;
}

static put_function *const putters[] = {
    [SCHEMA_ANY] = put_json,
    [SCHEMA_STRING] = put_text,
    [SCHEMA_BYTES] = put_bytes,
    [SCHEMA_TIME] = put_time,
    [SCHEMA_MICRO_TIME] = put_time,
    [SCHEMA_QUANTITY] = put_quantity,
    [SCHEMA_UNION] = put_union,
    [SCHEMA_INTEGER] = put_integer,
    [SCHEMA_NUMBER] = put_number,
    [SCHEMA_BOOLEAN] = put_boolean,
    [SCHEMA_ARRAY] = put_array,
    [SCHEMA_MAP] = put_map,
    [SCHEMA_OBJECT] = put_object,
    [SCHEMA_INT_OR_STRING] = put_int_or_string,
    [SCHEMA_RAW_JSON] = put_json,
};

static err_t put_value(struct writer *w, uint32_t number, const struct schema *schema, const struct json *value)
{
    if (schema->type >= ARRAY_LEN(putters) || !putters[schema->type])
        return unfit(w, schema);
    return putters[schema->type](w, number, schema, value);
}

err_t encode_protobuf(
    struct arena *arena, struct buffer *out, const struct schema *schema, const struct json *value, struct error *error)
{
    struct writer w = {.arena = arena, .out = out, .error = error};

    TRY(put_message(&w, schema, value));
    return out->failed ? arena_error(out->arena, error) : ERR_OK;
}
