/* SPDX-License-Identifier: Apache-2.0 */
#include "api/record.h"

#include "api/decode.h"
#include "api/object.h"

#define DEPTH_MOST 100

bytes object_key(struct arena *arena, bytes namespace, bytes name)
{
    return namespace.n > 0 ? arena_join(arena, namespace, BYTES("/"), name, ARENA_END) : arena_copy(arena, name);
}

void key_split(bytes key, bytes *ret_namespace, bytes *ret_name)
{
    size_t slash = bytes_find(key, '/');

    *ret_namespace = slash < key.n ? (bytes){key.p, slash} : BYTES_NONE;
    *ret_name = slash < key.n ? bytes_skip(key, slash + 1) : key;
}

err_t record_open(struct atrest *atrest, struct arena *arena, const struct kind *kind, const struct record *record,
    bytes *ret_text, bool *ret_stale, struct error *error)
{
    bytes path = kind_storage_path(arena, kind, record->key.name), plain;
    bool stale;

    if (!path.p)
        return arena_error(arena, error);
    TRY(atrest_open(atrest, arena, path, record->value, &plain, &stale, error));
    if (ret_stale)
        *ret_stale = stale;
    return decode_stored(arena, kind, plain, ret_text, error);
}

err_t record_parse(struct arena *arena, const struct kind *kind, bytes text, struct json **ret, struct error *error)
{
    struct json_options options = {.max_depth = DEPTH_MOST};
    err_t code = json_parse(arena, text, &options, ret, NULL, error);

    return code == ERR_BAD_REQUEST ? error_set(error, ERR_CORRUPT, "a stored %s cannot be decoded", kind->kind) : code;
}

err_t record_get(struct atrest *atrest, struct read_txn *txn, struct arena *arena, const struct kind *kind, bytes key,
    struct json **ret, uint64_t *ret_revision, struct error *error)
{
    struct record record;
    bytes text;
    err_t code =
        key.n > STORE_KEY_MAX ? ERR_NOT_FOUND : store_get(txn, (struct store_key){kind->number, key}, 0, &record, NULL);

    *ret = NULL;
    if (code == ERR_NOT_FOUND)
        return ERR_OK;
    if (code != ERR_OK)
        return error_set(error, code, "the store cannot be read");
    TRY(record_open(atrest, arena, kind, &record, &text, NULL, error));
    if (ret_revision)
        *ret_revision = record.revision;
    return record_parse(arena, kind, text, ret, error);
}

bytes record_stub(struct arena *arena, const struct kind *kind, const struct record *record, const struct error *reason)
{
    bytes namespace, name;

    key_split(record->key.name, &namespace, &name);
    return object_stub_text(arena, kind, namespace, name, reason->message);
}

bool record_unreadable(err_t code)
{
    return code == ERR_UNREADABLE || code == ERR_CORRUPT;
}
