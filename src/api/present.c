/* SPDX-License-Identifier: Apache-2.0 */
#include "api/present.h"

#include "api/object.h"
#include "api/schemas.h"
#include "base/clock.h"
#include "text/yaml.h"

static const char *meta_version(const struct presentation *p)
{
    return p->v1beta1 ? "v1beta1" : "v1";
}

/* ---- Trees of stored text, with its resourceVersion */

static err_t parse(
    struct arena *arena, const struct kind *kind, bytes text, uint64_t revision, struct json **ret, struct error *error)
{
    struct json *object;
    bytes number = arena_format(arena, "%llu", (unsigned long long)revision);
    err_t result = json_parse(arena, text, &(struct json_options){.max_depth = 100}, &object, NULL, error);
    if (result == ERR_BAD_REQUEST)
        return error_set(error, ERR_CORRUPT, "a stored %s cannot be decoded", kind->kind);
    TRY(result);
    struct json *metadata = json_get(object, BYTES("metadata"));
    if (!metadata || metadata->type != JSON_OBJECT)
        return error_set(error, ERR_CORRUPT, "a stored %s has no metadata", kind->kind);
    json_remove(metadata, BYTES("selfLink"));
    if (!revision) {
        json_remove(metadata, BYTES("resourceVersion"));
    } else {
        if (!number.p || !json_set(metadata, BYTES("resourceVersion"), json_string(arena, number)))
            return arena_error(arena, error);
        schema_arrange(schema_property(kind->schema, BYTES("metadata"))->schema, metadata);
    }
    *ret = object;
    return ERR_OK;
}

/* Metadata never carries values of a Secret; to who may not see objects of the kind, it carries no object at all. */
static err_t redact(struct arena *arena, const struct presentation *p, const struct kind *kind, struct json *metadata,
    struct error *error)
{
    if (kind->rules->redact_metadata)
        return kind->rules->redact_metadata(arena, metadata, error);
    if (p->metadata_only)
        json_remove(json_get(metadata, BYTES("annotations")), BYTES(LAST_APPLIED));
    return ERR_OK;
}

static err_t put_partial(struct arena *arena, struct buffer *b, const struct presentation *p, const struct kind *kind,
    struct json *object, struct error *error)
{
    struct json *metadata = json_get(object, BYTES("metadata"));
    TRY(redact(arena, p, kind, metadata, error));
    buffer_format(
        b, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":", meta_version(p));
    json_write(b, metadata);
    buffer_byte(b, '}');
    return ERR_OK;
}

static err_t put_whole(struct arena *arena, struct buffer *b, const struct kind *kind, bytes text, uint64_t revision,
    bool as_item, struct error *error)
{
    struct object_cuts cuts;
    struct json *object;
    if (object_cut(text, &cuts)) {
        object_write(b, text, &cuts, revision, as_item);
        return ERR_OK;
    }
    TRY(parse(arena, kind, text, revision, &object, error));
    if (as_item) {
        json_remove(object, BYTES("kind"));
        json_remove(object, BYTES("apiVersion"));
    }
    json_write(b, object);
    return ERR_OK;
}

/* ---- Tables */

static void put_column(struct buffer *b, const struct column *c)
{
    buffer_text(b, "{\"name\":");
    json_write_string(b, bytes_of(c->name));
    buffer_format(b, ",\"type\":\"%s\",\"format\":\"%s\",\"description\":", c->type, c->format ? c->format : "");
    json_write_string(b, bytes_of(c->description));
    buffer_format(b, ",\"priority\":%d}", c->priority);
}

/* The name goes first, but among the columns of Events, which have it at another place. */
static bool names_itself(const struct kind *kind)
{
    for (size_t i = 0; i < kind->column_count; i++)
        if (strcmp(kind->columns[i].name, "Name") == 0)
            return true;
    return false;
}

static void put_columns(struct buffer *b, const struct kind *kind)
{
    static const struct column name = {
        "Name", "string", "name", "The object's name, unique among its kind in its namespace.", 0};
    bool comma = !names_itself(kind);
    buffer_text(b, ",\"columnDefinitions\":[");
    if (comma)
        put_column(b, &name);
    for (size_t i = 0; i < kind->column_count; i++, comma = true) {
        buffer_text(b, comma ? "," : "");
        put_column(b, &kind->columns[i]);
    }
    buffer_byte(b, ']');
}

/* Cells come each with a comma before it. */
static err_t put_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, struct error *error)
{
    struct buffer cells;
    buffer_init(&cells, arena);
    present_cells(arena, &cells, kind, object, clock_wall_seconds());
    if (cells.failed)
        return arena_error(arena, error);
    if (names_itself(kind)) {
        buffer_put(b, cells.n ? bytes_skip(buffer_bytes(&cells), 1) : BYTES_NONE);
        return ERR_OK;
    }
    json_write_string(b, json_text(json_get(object, BYTES("metadata")), BYTES("name")));
    buffer_put(b, buffer_bytes(&cells));
    return ERR_OK;
}

static err_t put_row(struct arena *arena, struct buffer *b, const struct presentation *p, const struct kind *kind,
    bytes text, uint64_t revision, struct error *error)
{
    struct json *object;
    TRY(parse(arena, kind, text, revision, &object, error));
    buffer_text(b, "{\"cells\":[");
    TRY(put_cells(arena, b, kind, object, error));
    buffer_text(b, "],\"object\":");
    if (p->include == INCLUDE_NONE)
        buffer_text(b, "null");
    else if (p->include == INCLUDE_OBJECT)
        TRY(put_whole(arena, b, kind, text, revision, false, error));
    else
        TRY(put_partial(arena, b, p, kind, object, error));
    buffer_byte(b, '}');
    return ERR_OK;
}

static void put_list_metadata(struct buffer *b, const struct present_list *list)
{
    const char *comma = "";
    buffer_text(b, ",\"metadata\":{");
    if (list->revision) {
        buffer_format(b, "\"resourceVersion\":\"%llu\"", (unsigned long long)list->revision);
        comma = ",";
    }
    if (list->continue_token.n) {
        buffer_format(b, "%s\"continue\":", comma);
        json_write_string(b, list->continue_token);
        comma = ",";
    }
    if (list->remaining >= 0)
        buffer_format(b, "%s\"remainingItemCount\":%lld", comma, (long long)list->remaining);
    buffer_byte(b, '}');
}

static void put_table_head(struct buffer *b, const struct present_list *list, bool with_columns)
{
    buffer_format(b, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%s\"", meta_version(list->presentation));
    put_list_metadata(b, list);
    if (with_columns)
        put_columns(b, list->kind);
    else
        buffer_text(b, ",\"columnDefinitions\":null");
    buffer_text(b, ",\"rows\":[");
}

/* ---- One object */

err_t present_json(struct arena *arena, struct buffer *b, const struct presentation *p, const struct kind *kind,
    bytes text, uint64_t revision, bool with_columns, struct error *error)
{
    struct json *object;
    switch (p->form) {
    case FORM_OBJECT:
        return put_whole(arena, b, kind, text, revision, false, error);
    case FORM_TABLE:
        put_table_head(b,
            &(struct present_list){.presentation = p, .kind = kind, .revision = revision, .remaining = -1},
            with_columns);
        TRY(put_row(arena, b, p, kind, text, revision, error));
        buffer_text(b, "]}");
        return ERR_OK;
    case FORM_PARTIAL:
        TRY(parse(arena, kind, text, revision, &object, error));
        return put_partial(arena, b, p, kind, object, error);
    case FORM_PARTIAL_LIST:
        break;
    }
    const char *internal = kind->group[0] ? kind->group : "core";
    return error_set(error, ERR_NOT_ACCEPTABLE,
        "you requested PartialObjectMetadataList, but the requested object is not a list (*%.*s.%s)",
        (int)strcspn(internal, "."), internal, kind->kind);
}

err_t present_json_item(struct arena *arena, struct buffer *b, const struct presentation *p, const struct kind *kind,
    bytes text, uint64_t revision, struct error *error)
{
    struct json *object;
    if (p->form == FORM_TABLE)
        return put_row(arena, b, p, kind, text, revision, error);
    if (p->form == FORM_OBJECT)
        return put_whole(arena, b, kind, text, revision, true, error);
    TRY(parse(arena, kind, text, revision, &object, error));
    return put_partial(arena, b, p, kind, object, error);
}

/* Lists of custom objects have their members in the order of their names, and always say where they go on. */
static bool is_custom(const struct present_list *list)
{
    return list->presentation->form == FORM_OBJECT && list->kind->custom;
}

static void put_list_kind(struct buffer *b, const struct kind *kind)
{
    buffer_text(b, kind->list_kind ? kind->list_kind : kind->kind);
    if (!kind->list_kind)
        buffer_text(b, "List");
}

void present_json_tail(struct buffer *b, const struct present_list *list)
{
    if (!is_custom(list)) {
        buffer_text(b, "]}");
        return;
    }
    buffer_text(b, "],\"kind\":\"");
    put_list_kind(b, list->kind);
    buffer_text(b, "\",\"metadata\":{\"continue\":");
    json_write_string(b, list->continue_token);
    if (list->remaining >= 0)
        buffer_format(b, ",\"remainingItemCount\":%lld", (long long)list->remaining);
    buffer_format(b, ",\"resourceVersion\":\"%llu\"}}", (unsigned long long)list->revision);
}

void present_json_head(struct buffer *b, const struct present_list *list)
{
    if (is_custom(list)) {
        buffer_format(b, "{\"apiVersion\":\"%s/%s\",\"items\":[", list->kind->group, list->kind->version);
        return;
    }
    const struct kind *kind = list->kind;
    if (list->presentation->form == FORM_TABLE) {
        put_table_head(b, list, true);
        return;
    }
    if (list->presentation->form == FORM_OBJECT)
        buffer_format(b, "{\"kind\":\"%s%s\",\"apiVersion\":\"%s%s%s\"", kind->list_kind ? kind->list_kind : kind->kind,
            kind->list_kind ? "" : "List", kind->group, kind->group[0] ? "/" : "", kind->version);
    else
        buffer_format(b, "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/%s\"",
            meta_version(list->presentation));
    put_list_metadata(b, list);
    buffer_text(b, ",\"items\":[");
}

/* ---- In protobuf */

/* A message with metadata alone. */
static const struct schema_property partial_properties[] = {
    {.name = "metadata", .name_length = 8, .protobuf = 1, .schema = &schema_object_meta, .presence = PRESENCE_ALWAYS}};
static const struct schema partial = {
    .type = SCHEMA_OBJECT, .name = "PartialObjectMetadata", .properties = partial_properties, .property_count = 1};

err_t present_message(struct arena *arena, struct buffer *b, const struct presentation *p, const struct kind *kind,
    bytes text, uint64_t revision, struct error *error)
{
    struct json *object;
    TRY(parse(arena, kind, text, revision, &object, error));
    if (p->form != FORM_OBJECT)
        TRY(redact(arena, p, kind, json_get(object, BYTES("metadata")), error));
    return encode_protobuf(arena, b, p->form == FORM_OBJECT ? kind->schema : &partial, object, error);
}

void present_type(
    struct arena *arena, const struct presentation *p, const struct kind *kind, bytes *ret_api_version, bytes *ret_kind)
{
    bool whole = p->form == FORM_OBJECT;
    *ret_api_version = whole ? kind_api_version(arena, kind) : arena_format(arena, "meta.k8s.io/%s", meta_version(p));
    *ret_kind = whole ? bytes_of(kind->kind) : BYTES("PartialObjectMetadata");
}

/* ---- In any encoding */

static err_t put_yaml(struct arena *arena, struct buffer *b, const struct presentation *p, const struct kind *kind,
    bytes text, uint64_t revision, bool with_columns, struct error *error)
{
    struct buffer json;
    struct json *tree;
    buffer_init(&json, arena);
    TRY(present_json(arena, &json, p, kind, text, revision, with_columns, error));
    if (json.failed)
        return arena_error(arena, error);
    TRY(json_parse(arena, buffer_bytes(&json), &(struct json_options){.max_depth = 110}, &tree, NULL, error));
    yaml_write(b, tree);
    return ERR_OK;
}

static err_t put_protobuf(struct arena *arena, struct buffer *b, const struct presentation *p, const struct kind *kind,
    bytes text, uint64_t revision, struct error *error)
{
    bytes api_version, name;
    present_type(arena, p, kind, &api_version, &name);
    size_t opened = envelope_open(b, api_version, name);
    TRY(present_message(arena, b, p, kind, text, revision, error));
    envelope_close(b, opened);
    return ERR_OK;
}

err_t present_object(struct arena *arena, struct buffer *b, const struct presentation *p, const struct kind *kind,
    bytes text, uint64_t revision, bool with_columns, struct error *error)
{
    if (p->encoding == ENCODING_YAML)
        return put_yaml(arena, b, p, kind, text, revision, with_columns, error);
    if (p->encoding == ENCODING_PROTOBUF && p->form != FORM_PARTIAL_LIST)
        return put_protobuf(arena, b, p, kind, text, revision, error);
    return present_json(arena, b, p, kind, text, revision, with_columns, error);
}
