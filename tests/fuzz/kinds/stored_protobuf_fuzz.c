/* SPDX-License-Identifier: Apache-2.0 */
/* Stored protobuf of every built-in kind: a line with its name, or with any byte, then the message. What can be read
 * can be written again, and reads as the same; so does its YAML. */
#include "api/encode.h"
#include "api/object.h"
#include "kinds/kinds.h"
#include "text/yaml.h"

#include <stdlib.h>

static struct json *read_object(struct arena *arena, const struct kind *kind, bytes body)
{
    struct warnings none = {0};
    struct json *object;
    struct error error;
    error_init(&error, arena);
    return decode_object(arena, kind, BODY_PROTOBUF, body, FIELD_VALIDATION_IGNORE, &none, &object, &error) == ERR_OK
               ? object
               : NULL;
}

static bytes text_of(struct arena *arena, const struct json *object)
{
    struct buffer b;
    buffer_init(&b, arena);
    json_write(&b, object);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

static void check_round(struct arena *arena, const struct kind *kind, const struct json *object)
{
    struct buffer b;
    struct error error;
    bytes first = text_of(arena, object);
    error_init(&error, arena);
    buffer_init(&b, arena);
    if (encode_document(arena, &b, ENCODING_PROTOBUF, kind->schema, object, &error) != ERR_OK) {
        if (!arena->failed)
            abort();
        return;
    }
    const struct json *again = read_object(arena, kind, buffer_bytes(&b));
    if (arena->failed)
        return;
    if (!again || !bytes_equal(first, text_of(arena, again)))
        abort();
    uint8_t *copy = arena_alloc(arena, b.n);
    if (!copy)
        return;
    memcpy(copy, b.p, b.n);
    size_t n = envelope_set_revision(copy, b.n, 7);
    if (n > b.n || (!read_object(arena, kind, (bytes){copy, n}) && !arena->failed))
        abort();
    buffer_init(&b, arena);
    yaml_write(&b, object);
}

static const struct kind *kind_of(bytes name)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(bytes_of(kinds[i]->kind), name))
            return kinds[i];
    return kinds[name.n ? name.p[0] % count : 0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buffer body;
    bytes in = {data, size}, name = {data, bytes_find(in, '\n')};
    if (name.n == size || size > 1 << 16)
        return 0;
    kinds_register_all();
    arena_init(&arena, 256u << 20);
    const struct kind *kind = kind_of(name);
    buffer_init(&body, &arena);
    size_t opened = envelope_open(&body, kind_api_version(&arena, kind), bytes_of(kind->kind));
    buffer_put(&body, bytes_skip(in, name.n + 1));
    envelope_close(&body, opened);
    struct json *object = read_object(&arena, kind, buffer_bytes(&body));
    if (object && !arena.failed)
        check_round(&arena, kind, object);
    arena_reset(&arena);
    return 0;
}
