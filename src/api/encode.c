/* SPDX-License-Identifier: Apache-2.0 */
/* Documents in their encodings, and the envelope around protobuf: "k8s\0", then
 * {1: {1: apiVersion, 2: kind}, 2: message, 3: "", 4: ""}. */
#include "api/encode.h"

#include "text/protobuf.h"
#include "text/yaml.h"

#include <stdio.h>

#define FIELD_TYPE             1
#define FIELD_MESSAGE          2
#define FIELD_METADATA         1 /* of every object */
#define FIELD_RESOURCE_VERSION 6 /* of ObjectMeta */

bool encode_protobuf_possible(const struct kind *kind)
{
    return !kind->custom;
}

static void put_type(struct buffer *out, bytes api_version, bytes kind)
{
    size_t type;

    buffer_put(out, BYTES("k8s\0"));
    type = protobuf_open(out);
    protobuf_put_bytes(out, 1, api_version);
    protobuf_put_bytes(out, 2, kind);
    protobuf_close(out, type, FIELD_TYPE);
}

size_t envelope_open(struct buffer *out, bytes api_version, bytes kind)
{
    put_type(out, api_version, kind);
    return protobuf_open(out);
}

void envelope_close(struct buffer *out, size_t opened)
{
    protobuf_close(out, opened, FIELD_MESSAGE);
    envelope_end(out);
}

void envelope_head(struct buffer *out, bytes api_version, bytes kind, uint64_t n)
{
    put_type(out, api_version, kind);
    protobuf_put_head(out, FIELD_MESSAGE, n);
}

void envelope_end(struct buffer *out)
{
    protobuf_put_head(out, 3, 0); /* contentEncoding */
    protobuf_put_head(out, 4, 0); /* contentType */
}

/* ---- A resourceVersion that was not known when the object was encoded. */

/* The first field of that number with content. */
static bool find(bytes message, uint32_t number, bytes *ret)
{
    struct cursor c = cursor_of(message);
    struct protobuf_field field;

    while (protobuf_next(&c, &field) > 0)
        if (field.number == number && field.wire == PROTOBUF_BYTES) {
            *ret = field.content;
            return true;
        }
    return false;
}

struct rewriter {
    uint8_t *to;
    const uint8_t *from;
};

static void copy_until(struct rewriter *w, const uint8_t *end)
{
    size_t n = (size_t)(end - w->from);

    memmove(w->to, w->from, n);
    w->to += n;
    w->from += n;
}

/* Where a content begins, its length stands before it: another one takes its place, which is never longer. */
static void replace_length(struct rewriter *w, bytes content, uint64_t n)
{
    copy_until(w, content.p - protobuf_varint_size(content.n));
    for (; n >= 0x80; n >>= 7)
        *w->to++ = (uint8_t)(n | 0x80);
    *w->to++ = (uint8_t)n;
    w->from = content.p;
}

size_t envelope_set_revision(uint8_t *p, size_t n, uint64_t revision)
{
    bytes message, metadata, old;
    struct rewriter w = {p, p};
    char digits[24];
    size_t new_n = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)revision), metadata_n, message_n;

    if (n < 4 || !find((bytes){p + 4, n - 4}, FIELD_MESSAGE, &message) || !find(message, FIELD_METADATA, &metadata) ||
        !find(metadata, FIELD_RESOURCE_VERSION, &old) || old.n < new_n)
        return n;
    metadata_n = metadata.n - (old.n - new_n) - (protobuf_varint_size(old.n) - protobuf_varint_size(new_n));
    message_n =
        message.n - (metadata.n - metadata_n) - (protobuf_varint_size(metadata.n) - protobuf_varint_size(metadata_n));
    replace_length(&w, message, message_n);
    replace_length(&w, metadata, metadata_n);
    replace_length(&w, old, new_n);
    memcpy(w.to, digits, new_n);
    w.to += new_n;
    w.from = old.p + old.n;
    copy_until(&w, p + n);
    return (size_t)(w.to - p);
}

/* ---- Documents. */

err_t encode_document(struct arena *arena, struct buffer *out, enum encoding encoding, const struct schema *schema,
    const struct json *document, struct error *error)
{
    size_t opened;

    switch (encoding) {
    case ENCODING_JSON:
        json_write(out, document);
        break;
    case ENCODING_YAML:
        yaml_write(out, document);
        break;
    case ENCODING_PROTOBUF:
        opened = envelope_open(out, json_text(document, BYTES("apiVersion")), json_text(document, BYTES("kind")));
        TRY(encode_protobuf(arena, out, schema, document, error));
        envelope_close(out, opened);
        break;
    }
    return out->failed ? arena_error(out->arena, error) : ERR_OK;
}
