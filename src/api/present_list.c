/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in pieces. JSON and YAML say what the list is and then its items, or the other way round; protobuf says how
 * long all of it will be, at its very start. */
#include "api/present.h"
#include "api/schemas.h"
#include "text/protobuf.h"
#include "text/yaml.h"

/* ---- YAML: keys in their order, items between "items:" and "kind:". */

/* The list without items, as a tree. */
static err_t frame_of(struct arena *arena, const struct present_list *list, struct json **ret, struct error *error)
{
    struct buffer json;
    buffer_init(&json, arena);
    present_json_head(&json, list);
    present_json_tail(&json, list);
    if (json.failed)
        return arena_error(arena, error);
    return json_parse(arena, buffer_bytes(&json), &(struct json_options){0}, ret, NULL, error);
}

/* Its lines before the items, the line that names them included, or those after them. */
static err_t put_yaml_frame(
    struct arena *arena, struct buffer *b, const struct present_list *list, bool head, struct error *error)
{
    static const char empty[] = " []\n";
    bytes name = list->presentation->form == FORM_TABLE ? BYTES("\nrows:") : BYTES("\nitems:");
    struct buffer lines;
    struct json *frame;
    TRY(frame_of(arena, list, &frame, error));
    buffer_init(&lines, arena);
    yaml_write(&lines, frame);
    if (lines.failed)
        return arena_error(arena, error);
    bytes text = buffer_bytes(&lines);
    const uint8_t *at = memmem(text.p, text.n, name.p, name.n);
    size_t n = at ? (size_t)(at - text.p) + name.n : text.n;
    buffer_put(b, head ? (bytes){text.p, n} : bytes_skip(text, at ? n + sizeof empty - 1 : n));
    return ERR_OK;
}

static err_t put_yaml_item(struct arena *arena, struct buffer *b, const struct present_list *list, bytes text,
    uint64_t revision, struct error *error)
{
    struct buffer json;
    struct json *tree;
    buffer_init(&json, arena);
    buffer_byte(&json, '[');
    TRY(present_json_item(arena, &json, list->presentation, list->kind, text, revision, error));
    buffer_byte(&json, ']');
    if (json.failed)
        return arena_error(arena, error);
    TRY(json_parse(arena, buffer_bytes(&json), &(struct json_options){.max_depth = 110}, &tree, NULL, error));
    yaml_write(b, tree);
    return ERR_OK;
}

/* ---- Protobuf. */

/* Of meta.k8s.io/v1beta1's list alone metadata follows the items. */
static bool metadata_is_last(const struct present_list *list)
{
    return list->presentation->form != FORM_OBJECT && list->presentation->v1beta1;
}

static err_t put_metadata(struct arena *arena, struct buffer *b, const struct present_list *list, struct error *error)
{
    struct json *frame;
    size_t opened = protobuf_open(b);
    TRY(frame_of(arena, list, &frame, error));
    TRY(encode_protobuf(arena, b, &schema_list_meta, json_get(frame, BYTES("metadata")), error));
    protobuf_close(b, opened, metadata_is_last(list) ? 2 : 1);
    return ERR_OK;
}

static err_t put_protobuf_head(
    struct arena *arena, struct buffer *b, const struct present_list *list, struct error *error)
{
    struct buffer metadata;
    struct json *frame;
    TRY(frame_of(arena, list, &frame, error));
    buffer_init(&metadata, arena);
    TRY(put_metadata(arena, &metadata, list, error));
    if (metadata.failed)
        return arena_error(arena, error);
    envelope_head(b, json_text(frame, BYTES("apiVersion")), json_text(frame, BYTES("kind")), metadata.n + list->size);
    if (!metadata_is_last(list))
        buffer_put(b, buffer_bytes(&metadata));
    return ERR_OK;
}

static err_t put_protobuf_item(struct arena *arena, struct buffer *b, const struct present_list *list, bytes text,
    uint64_t revision, struct error *error)
{
    size_t opened = protobuf_open(b);
    TRY(present_message(arena, b, list->presentation, list->kind, text, revision, error));
    protobuf_close(b, opened, metadata_is_last(list) ? 1 : 2);
    return ERR_OK;
}

/* ---- All. */

err_t present_list_head(struct arena *arena, struct buffer *b, const struct present_list *list, struct error *error)
{
    switch (list->presentation->encoding) {
    case ENCODING_YAML:
        return put_yaml_frame(arena, b, list, true, error);
    case ENCODING_PROTOBUF:
        return put_protobuf_head(arena, b, list, error);
    case ENCODING_JSON:
        break;
    }
    present_json_head(b, list);
    return ERR_OK;
}

err_t present_item(struct arena *arena, struct buffer *b, const struct present_list *list, bool first, bytes text,
    uint64_t revision, struct error *error)
{
    switch (list->presentation->encoding) {
    case ENCODING_YAML:
        if (first)
            buffer_byte(b, '\n');
        return put_yaml_item(arena, b, list, text, revision, error);
    case ENCODING_PROTOBUF:
        return put_protobuf_item(arena, b, list, text, revision, error);
    case ENCODING_JSON:
        break;
    }
    if (!first)
        buffer_byte(b, ',');
    return present_json_item(arena, b, list->presentation, list->kind, text, revision, error);
}

err_t present_list_tail(
    struct arena *arena, struct buffer *b, const struct present_list *list, bool empty, struct error *error)
{
    switch (list->presentation->encoding) {
    case ENCODING_YAML:
        if (empty)
            buffer_text(b, " []\n");
        return put_yaml_frame(arena, b, list, false, error);
    case ENCODING_PROTOBUF:
        if (metadata_is_last(list))
            TRY(put_metadata(arena, b, list, error));
        envelope_end(b);
        return ERR_OK;
    case ENCODING_JSON:
        break;
    }
    present_json_tail(b, list);
    return ERR_OK;
}
