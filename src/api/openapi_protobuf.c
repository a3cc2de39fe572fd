/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI v2 as gnostic's protobuf messages (github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto), the only
 * form in which kubectl reads it: 1.20 learns from it which fields there are (explain, validation), how lists merge
 * (apply), and by the parameters of PATCH whether dryRun is understood. Made from the JSON, member by member, by
 * tables. */
#include "api/encode.h"
#include "api/openapi.h"
#include "text/protobuf.h"

#include <stdlib.h>

struct message;

enum form {
    FORM_TEXT,    /* string, or a list of them */
    FORM_BOOLEAN, /* bool */
    FORM_INTEGER, /* int64 */
    FORM_DOUBLE,  /* double */
    FORM_ANY,     /* Any{2 yaml}, or a list of them */
    FORM_MESSAGE, /* a message, or a list of them */
    FORM_MAP,     /* {1 name, 2 message} for each member */
    FORM_SCHEMA_OR_TRUE,
    FORM_PARAMETERS
};

struct member {
    const char *name;
    enum form form;
    uint8_t field, inside; /* inside, unless 0: of the message that the field is */
    const struct message *message;
};

struct message {
    const struct member *members;
    size_t count;
    uint8_t extensions; /* NamedAny{1 name, 2 Any}, for each member whose name begins with x- */
    uint8_t wrapped;    /* unless 0: the message is in this field of another */
};

#define MESSAGE(name, ...)                                                                                             \
    static const struct message name##_message = {name##_members, ARRAY_LEN(name##_members), __VA_ARGS__}

static const struct message schema_message;

static const struct member schema_members[] = {{"$ref", FORM_TEXT, 1, 0, NULL}, {"format", FORM_TEXT, 2, 0, NULL},
    {"description", FORM_TEXT, 4, 0, NULL}, {"multipleOf", FORM_DOUBLE, 6, 0, NULL},
    {"maximum", FORM_DOUBLE, 7, 0, NULL}, {"exclusiveMaximum", FORM_BOOLEAN, 8, 0, NULL},
    {"minimum", FORM_DOUBLE, 9, 0, NULL}, {"exclusiveMinimum", FORM_BOOLEAN, 10, 0, NULL},
    {"maxLength", FORM_INTEGER, 11, 0, NULL}, {"minLength", FORM_INTEGER, 12, 0, NULL},
    {"pattern", FORM_TEXT, 13, 0, NULL}, {"maxItems", FORM_INTEGER, 14, 0, NULL},
    {"minItems", FORM_INTEGER, 15, 0, NULL}, {"uniqueItems", FORM_BOOLEAN, 16, 0, NULL},
    {"maxProperties", FORM_INTEGER, 17, 0, NULL}, {"minProperties", FORM_INTEGER, 18, 0, NULL},
    {"required", FORM_TEXT, 19, 0, NULL}, {"enum", FORM_ANY, 20, 0, NULL},
    {"additionalProperties", FORM_SCHEMA_OR_TRUE, 21, 0, &schema_message}, {"type", FORM_TEXT, 22, 1, NULL},
    {"items", FORM_MESSAGE, 23, 1, &schema_message}, {"properties", FORM_MAP, 25, 1, &schema_message}};
static const struct message schema_message = {schema_members, ARRAY_LEN(schema_members), 31, 0};

static const struct member response_members[] = {
    {"description", FORM_TEXT, 1, 0, NULL}, {"schema", FORM_MESSAGE, 2, 1, &schema_message}};
MESSAGE(response, 5, 1);

static const struct member body_parameter_members[] = {{"name", FORM_TEXT, 2, 0, NULL}, {"in", FORM_TEXT, 3, 0, NULL},
    {"required", FORM_BOOLEAN, 4, 0, NULL}, {"schema", FORM_MESSAGE, 5, 0, &schema_message}};
MESSAGE(body_parameter, 6, 1);
static const struct member query_parameter_members[] = {{"in", FORM_TEXT, 2, 0, NULL}, {"name", FORM_TEXT, 4, 0, NULL},
    {"type", FORM_TEXT, 6, 0, NULL}, {"uniqueItems", FORM_BOOLEAN, 20, 0, NULL}};
MESSAGE(query_parameter, 23, 3);
static const struct member path_parameter_members[] = {{"required", FORM_BOOLEAN, 1, 0, NULL},
    {"in", FORM_TEXT, 2, 0, NULL}, {"name", FORM_TEXT, 4, 0, NULL}, {"type", FORM_TEXT, 5, 0, NULL},
    {"uniqueItems", FORM_BOOLEAN, 19, 0, NULL}};
MESSAGE(path_parameter, 22, 4);

static const struct member operation_members[] = {{"tags", FORM_TEXT, 1, 0, NULL},
    {"operationId", FORM_TEXT, 5, 0, NULL}, {"produces", FORM_TEXT, 6, 0, NULL}, {"consumes", FORM_TEXT, 7, 0, NULL},
    {"parameters", FORM_PARAMETERS, 8, 0, NULL}, {"responses", FORM_MAP, 9, 1, &response_message}};
MESSAGE(operation, 13, 0);
static const struct member path_members[] = {{"get", FORM_MESSAGE, 2, 0, &operation_message},
    {"put", FORM_MESSAGE, 3, 0, &operation_message}, {"post", FORM_MESSAGE, 4, 0, &operation_message},
    {"delete", FORM_MESSAGE, 5, 0, &operation_message}, {"patch", FORM_MESSAGE, 8, 0, &operation_message},
    {"parameters", FORM_PARAMETERS, 9, 0, NULL}};
MESSAGE(path, 10, 0);
static const struct member information_members[] = {
    {"title", FORM_TEXT, 1, 0, NULL}, {"version", FORM_TEXT, 2, 0, NULL}};
MESSAGE(information, 7, 0);
static const struct member document_members[] = {{"swagger", FORM_TEXT, 1, 0, NULL},
    {"info", FORM_MESSAGE, 2, 0, &information_message}, {"paths", FORM_MAP, 8, 2, &path_message},
    {"definitions", FORM_MAP, 9, 1, &schema_message}};
MESSAGE(document, 16, 0);

static void put_message(struct buffer *, uint32_t number, const struct message *, const struct json *);

static void put_any(struct buffer *b, uint32_t number, const struct json *value)
{
    size_t any = protobuf_open(b), yaml = protobuf_open(b);
    json_write(b, value);
    protobuf_close(b, yaml, 2);
    protobuf_close(b, any, number);
}

static void put_named(struct buffer *b, uint32_t number, const struct message *message, const struct json *value)
{
    size_t named = protobuf_open(b);
    protobuf_put_bytes(b, 1, value->key);
    if (message)
        put_message(b, 2, message, value);
    else
        put_any(b, 2, value);
    protobuf_close(b, named, number);
}

static void put_double(struct buffer *b, uint32_t number, const struct json *value)
{
    char text[64] = "";
    double d;
    uint64_t bits;
    memcpy(text, value->text.p, value->text.n < sizeof(text) ? value->text.n : sizeof(text) - 1);
    d = strtod(text, NULL);
    memcpy(&bits, &d, sizeof(bits));
    protobuf_put_fixed64(b, number, bits);
}

/* ParametersItem{1 Parameter}, of 1 body or 2 others. */
static void put_parameter(struct buffer *b, uint32_t number, const struct json *value)
{
    bytes in = json_text(value, BYTES("in"));
    size_t item = protobuf_open(b), parameter = protobuf_open(b), other = protobuf_open(b);
    if (bytes_equal(in, BYTES("body"))) {
        put_message(b, 0, &body_parameter_message, value);
    } else {
        put_message(b, 0, bytes_equal(in, BYTES("path")) ? &path_parameter_message : &query_parameter_message, value);
        protobuf_close(b, other, 2);
    }
    protobuf_close(b, parameter, 1);
    protobuf_close(b, item, number);
}

static void put_value(struct buffer *b, uint32_t number, const struct member *m, const struct json *value)
{
    int64_t whole;
    switch (m->form) {
    case FORM_TEXT:
        protobuf_put_bytes(b, number, value->text);
        break;
    case FORM_BOOLEAN:
        protobuf_put_varint(b, number, value->type == JSON_TRUE);
        break;
    case FORM_INTEGER:
        if (json_to_int64(value, &whole))
            protobuf_put_varint(b, number, (uint64_t)whole);
        break;
    case FORM_DOUBLE:
        put_double(b, number, value);
        break;
    case FORM_ANY:
        put_any(b, number, value);
        break;
    case FORM_SCHEMA_OR_TRUE:
        if (value->type == JSON_OBJECT)
            put_message(b, 1, m->message, value);
        else
            protobuf_put_varint(b, 2, value->type == JSON_TRUE);
        break;
    case FORM_MESSAGE:
        put_message(b, number, m->message, value);
        break;
    case FORM_MAP:
        put_named(b, number, m->message, value);
        break;
    case FORM_PARAMETERS:
        put_parameter(b, number, value);
        break;
    }
}

static void put_member(struct buffer *b, const struct member *m, const struct json *value)
{
    bool nested = m->inside || m->form == FORM_SCHEMA_OR_TRUE;
    size_t opened = nested ? protobuf_open(b) : 0;
    uint32_t number = m->inside ? m->inside : m->field;
    if (value->type == JSON_ARRAY || m->form == FORM_MAP)
        for (const struct json *child = value->first; child; child = child->next)
            put_value(b, number, m, child);
    else
        put_value(b, number, m, value);
    if (nested)
        protobuf_close(b, opened, m->field);
}

static void put_members(struct buffer *b, const struct message *message, const struct json *value)
{
    for (const struct json *child = value->first; child; child = child->next) {
        if (bytes_start(child->key, BYTES("x-"))) {
            put_named(b, message->extensions, NULL, child);
            continue;
        }
        for (size_t i = 0; i < message->count; i++)
            if (bytes_equal(child->key, bytes_of(message->members[i].name)))
                put_member(b, &message->members[i], child);
    }
}

/* number 0: into the message that is open. */
static void put_message(struct buffer *b, uint32_t number, const struct message *message, const struct json *value)
{
    size_t outer = protobuf_open(b), inner = protobuf_open(b);
    put_members(b, message, value);
    if (message->wrapped)
        protobuf_close(b, inner, message->wrapped);
    if (number)
        protobuf_close(b, outer, number);
}

err_t openapi_protobuf(struct arena *arena, bytes v2_json, struct buffer *out, struct error *error)
{
    struct json_options options = {.max_depth = 256};
    struct json *document;
    TRY(json_parse(arena, v2_json, &options, &document, NULL, error));
    put_message(out, 0, &document_message, document);
    return out->failed ? arena_error(arena, error) : ERR_OK;
}
