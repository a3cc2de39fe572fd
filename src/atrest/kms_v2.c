/* SPDX-License-Identifier: Apache-2.0 */
#include "atrest/kms_v2.h"

#include "base/memory.h"
#include "base/random.h"
#include "crypt/aead.h"
#include "crypt/kdf.h"
#include "text/utf8.h"

#include <assert.h>

#define INFO_SIZE 32
#define KEY_SIZE  32

enum { ENCRYPTED_DATA = 1, KEY_ID, WRAPPED, ANNOTATIONS, TYPE, ANNOTATION_KEY = 1, ANNOTATION_VALUE };

static err_t malformed(struct error *error, const char *what)
{
    return error_set(error, ERR_UNREADABLE, "the stored value is damaged: %s", what);
}

/* A DNS name with at least two labels (RFC 1123), as the API server asks of annotation keys. */
static bool is_qualified_domain(bytes name)
{
    size_t label = 0, dots = 0;
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        bool inner = c == '-' && label > 0 && i + 1 < name.n && name.p[i + 1] != '.';
        if (c == '.' && label == 0)
            return false;
        if (c != '.' && !inner && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return false;
        dots += c == '.';
        label = c == '.' ? 0 : label + 1;
    }
    return dots > 0 && label > 0 && name.n <= 253;
}

static bool decode_annotation(bytes entry, struct protobuf_pair *ret)
{
    struct cursor cursor = cursor_of(entry);
    struct protobuf_field field;
    struct protobuf_pair pair = {0};
    int got;

    while ((got = protobuf_next(&cursor, &field)) > 0) {
        bool known = field.number == ANNOTATION_KEY || field.number == ANNOTATION_VALUE;
        if (known && field.wire != PROTOBUF_BYTES)
            return false;
        if (known)
            *(field.number == ANNOTATION_KEY ? &pair.key : &pair.value) = field.content;
    }
    *ret = pair;
    return got == 0 && is_qualified_domain(pair.key);
}

/* The second walk over the message, for values that have annotations. */
static err_t decode_annotations(
    struct arena *arena, bytes stored, size_t count, struct kms_v2_source *source, struct error *error)
{
    struct cursor cursor = cursor_of(stored);
    struct protobuf_field field;
    size_t size = 0;
    struct protobuf_pair *pairs = arena_alloc(arena, count * sizeof(*pairs));

    if (!pairs)
        return arena_error(arena, error);
    while (protobuf_next(&cursor, &field) > 0) {
        if (field.number != ANNOTATIONS)
            continue;
        struct protobuf_pair *pair = &pairs[source->annotation_count++];
        if (!decode_annotation(field.content, pair))
            return malformed(error, "an annotation's key is no qualified domain name");
        size += pair->key.n + pair->value.n;
        if (size > KMS_V2_ANNOTATIONS_MAX)
            return malformed(error, "its annotations are too large");
    }
    source->annotations = pairs;
    return ERR_OK;
}

static err_t check_object(const struct kms_v2_object *object, struct error *error)
{
    const struct kms_v2_source *source = &object->source;
    if (object->encrypted_data.n == 0)
        return malformed(error, "it holds no data");
    if (source->key_id.n == 0 || source->key_id.n > KMS_V2_KEY_ID_MAX || !utf8_valid(source->key_id))
        return malformed(error, "its key id is not 1 to 1024 bytes of UTF-8");
    if (source->wrapped.n == 0 || source->wrapped.n > KMS_V2_SOURCE_MAX)
        return malformed(error, "its wrapped key is not 1 to 1024 bytes");
    return ERR_OK;
}

err_t kms_v2_decode(struct arena *arena, bytes stored, struct kms_v2_object *ret, struct error *error)
{
    static const uint8_t wires[] = {[ENCRYPTED_DATA] = PROTOBUF_BYTES,
        [KEY_ID] = PROTOBUF_BYTES,
        [WRAPPED] = PROTOBUF_BYTES,
        [ANNOTATIONS] = PROTOBUF_BYTES,
        [TYPE] = PROTOBUF_VARINT};
    struct cursor cursor = cursor_of(stored);
    struct kms_v2_object object = {0};
    bytes *members[] = {[ENCRYPTED_DATA] = &object.encrypted_data,
        [KEY_ID] = &object.source.key_id,
        [WRAPPED] = &object.source.wrapped};
    struct protobuf_field field;
    size_t annotations = 0;
    int got;

    while ((got = protobuf_next(&cursor, &field)) > 0) {
        if (field.number > TYPE)
            continue;
        if (field.wire != wires[field.number])
            return malformed(error, "a field has another form than it should");
        if (field.number < ANNOTATIONS)
            *members[field.number] = field.content;
        else if (field.number == ANNOTATIONS)
            annotations++;
        else if (field.value > KMS_V2_SEED)
            return malformed(error, "its type is unknown");
        else
            object.source.type = (enum kms_v2_type)field.value;
    }
    if (got < 0)
        return malformed(error, "it is no protobuf message");
    TRY(check_object(&object, error));
    if (annotations)
        TRY(decode_annotations(arena, stored, annotations, &object.source, error));
    *ret = object;
    return ERR_OK;
}

err_t kms_v2_open(struct arena *arena, const struct kms_v2_object *object, struct secret source, bytes path,
    bytes *ret_plain, struct error *error)
{
    uint8_t derived[KEY_SIZE];
    struct secret key = source;
    struct cursor cursor = cursor_of(object->encrypted_data);
    bytes info = BYTES_NONE, nonce;
    bool seeded = object->source.type == KMS_V2_SEED;

    if (seeded ? source.n < KMS_V2_SEED_SIZE : source.n != KEY_SIZE)
        return malformed(error, "its unwrapped key has the wrong size");
    if ((seeded && !cursor_take(&cursor, INFO_SIZE, &info)) || !cursor_take(&cursor, AES_GCM_NONCE_SIZE, &nonce) ||
        cursor.left < AES_GCM_TAG_SIZE)
        return malformed(error, "its data is too short");
    uint8_t *plain = arena_alloc(arena, cursor.left - AES_GCM_TAG_SIZE);
    if (!plain)
        return arena_error(arena, error);
    if (seeded) {
        hkdf_expand(source, info, derived, sizeof(derived));
        key = (struct secret){derived, sizeof(derived)};
    }
    err_t result = aes_gcm_open(key, nonce.p, path, (bytes){cursor.p, cursor.left}, plain);
    memory_wipe(derived, sizeof(derived));
    if (result == ERR_UNREADABLE)
        return malformed(error, "it was changed, or moved here from another place");
    if (result != ERR_OK)
        return error_set(error, result, "cannot decrypt the stored value");
    *ret_plain = (bytes){plain, cursor.left - AES_GCM_TAG_SIZE};
    return ERR_OK;
}

static void put_source(struct buffer *buffer, const struct kms_v2_source *source)
{
    protobuf_put_bytes(buffer, KEY_ID, source->key_id);
    protobuf_put_bytes(buffer, WRAPPED, source->wrapped);
    for (size_t i = 0; i < source->annotation_count; i++) {
        const struct protobuf_pair *pair = &source->annotations[i];
        protobuf_put_head(buffer, ANNOTATIONS,
            2 + protobuf_varint_size(pair->key.n) + pair->key.n + protobuf_varint_size(pair->value.n) + pair->value.n);
        protobuf_put_bytes(buffer, ANNOTATION_KEY, pair->key);
        protobuf_put_bytes(buffer, ANNOTATION_VALUE, pair->value);
    }
    protobuf_put_varint(buffer, TYPE, source->type);
}

err_t kms_v2_seal(struct buffer *buffer, const struct kms_v2_source *source, struct secret seed, bytes path,
    bytes plain, struct error *error)
{
    uint8_t derived[KEY_SIZE];
    size_t size = INFO_SIZE + AES_GCM_NONCE_SIZE + plain.n + AES_GCM_TAG_SIZE;

    assert(source->type == KMS_V2_SEED && seed.n >= KMS_V2_SEED_SIZE);
    protobuf_put_head(buffer, ENCRYPTED_DATA, size);
    uint8_t *info = buffer_reserve(buffer, size), *nonce;
    if (!info)
        return arena_error(buffer->arena, error);
    nonce = info + INFO_SIZE;
    random_bytes(info, INFO_SIZE + AES_GCM_NONCE_SIZE);
    hkdf_expand(seed, (bytes){info, INFO_SIZE}, derived, sizeof(derived));
    err_t result =
        aes_gcm_seal((struct secret){derived, sizeof(derived)}, nonce, path, plain, nonce + AES_GCM_NONCE_SIZE);
    memory_wipe(derived, sizeof(derived));
    if (result != ERR_OK)
        return error_set(error, result, "cannot encrypt a value");
    buffer->n += size;
    put_source(buffer, source);
    return buffer->failed ? arena_error(buffer->arena, error) : ERR_OK;
}
