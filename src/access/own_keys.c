/* SPDX-License-Identifier: Apache-2.0 */
#include "access/own_keys.h"

#include "access/pem_keys.h"
#include "atrest/sealed_meta.h"
#include "base/log.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#define META        "token-keys"
#define DAY         (24 * 3600)
#define TOLD_BEFORE DAY        /* clients keep a set of keys for an hour, or a little longer */
#define ROUND_UP    (30 * DAY) /* a note in the store a month, not one a token */
#define ARENA_LIMIT (1u << 20)

/* ---- The record. */

static err_t read_record(
    const struct own_keys_place *place, struct arena *arena, struct json **ret, struct error *error)
{
    struct json *record;
    bytes text;
    err_t code = sealed_meta_get(place->store, place->atrest, arena, META, &text, error);

    if (code == ERR_NOT_FOUND) {
        record = json_new(arena, JSON_OBJECT);
        *ret = json_add(record, BYTES("keys"), json_new(arena, JSON_ARRAY)) ? record : NULL;
        return *ret ? ERR_OK : arena_error(arena, error);
    }
    TRY(code);
    code = json_parse(arena, text, &(struct json_options){0}, ret, NULL, NULL);
    if (code != ERR_OK && code != ERR_BAD_REQUEST)
        return arena_error(arena, error);
    if (code != ERR_OK || !json_get(*ret, BYTES("keys")) || json_get(*ret, BYTES("keys"))->type != JSON_ARRAY)
        return error_set(error, ERR_CORRUPT, "the store's record " META " is not what was written");
    return ERR_OK;
}

static err_t write_record(
    const struct own_keys_place *place, struct arena *arena, const struct json *record, struct error *error)
{
    struct buffer text;

    buffer_init(&text, arena);
    json_write(&text, record);
    if (text.failed)
        return arena_error(arena, error);
    return sealed_meta_put(place->store, place->atrest, arena, META, buffer_bytes(&text), error);
}

static int64_t time_of(const struct json *entry, const char *name)
{
    const struct json *value = json_get(entry, bytes_of(name));
    int64_t time;

    return value && json_to_int64(value, &time) ? time : 0;
}

static err_t read_key(const struct json *entry, EVP_PKEY **ret, struct error *error)
{
    if (pem_private_key(json_text(entry, BYTES("pem")), ret, NULL) == ERR_OK)
        return ERR_OK;
    return error_set(error, ERR_CORRUPT, "a key in the store's record " META " cannot be read");
}

/* ---- What is due. */

static err_t add_key(struct arena *arena, struct json *keys, int64_t now, int64_t from, struct error *error)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct json *entry = json_new(arena, JSON_OBJECT);
    bytes pem;
    err_t code = key ? pem_write_private_key(arena, key, &pem, error)
                     : error_set(error, ERR_INTERNAL, "cannot make a key that signs tokens");

    EVP_PKEY_free(key);
    TRY(code);
    if (!json_add(entry, BYTES("pem"), json_string(arena, pem)) ||
        !json_add(entry, BYTES("made"), json_integer(arena, now)) ||
        !json_add(entry, BYTES("from"), json_integer(arena, from)) ||
        !json_add(entry, BYTES("until"), json_integer(arena, 0)) || !json_append(keys, entry))
        return arena_error(arena, error);
    log_event(LOG_INFO, "made a key that signs service account tokens", log_number("signs_in_seconds", from - now));
    return ERR_OK;
}

/* The newest key that may sign already; NULL: none. */
static const struct json *signer_of(const struct json *keys, int64_t now)
{
    const struct json *signer = NULL;

    for (const struct json *k = keys->first; k; k = k->next)
        if (time_of(k, "from") <= now)
            signer = k;
    return signer;
}

/* The list without what is over; newer keys than the signer stay. */
static bool drop_old(struct arena *arena, struct json *record, int64_t now, bool *changed)
{
    struct json *keys = json_get(record, BYTES("keys")), *kept = json_new(arena, JSON_ARRAY);
    const struct json *signer = signer_of(keys, now);
    bool old = signer != NULL;

    for (const struct json *k = keys->first; k && kept; k = k->next) {
        old = old && k != signer;
        if (old && time_of(k, "until") <= now)
            *changed = true;
        else if (!json_append(kept, json_copy(arena, k)))
            return false;
    }
    return json_set(record, BYTES("keys"), kept) != NULL;
}

static err_t make_due(
    struct arena *arena, struct json *keys, int64_t now, int64_t lifetime, bool *changed, struct error *error)
{
    int64_t told = lifetime / 8 < TOLD_BEFORE ? lifetime / 8 : TOLD_BEFORE;

    if (keys->count > 0 && (lifetime == 0 || now < time_of(keys->last, "made") + lifetime))
        return ERR_OK;
    if (keys->count == OWN_KEYS_MAX) {
        log_event(LOG_WARNING, "no new key is made to sign tokens: too many old ones still have tokens that are valid",
            log_number("keys", OWN_KEYS_MAX));
        return ERR_OK;
    }
    *changed = true;
    return add_key(arena, keys, now, keys->count > 0 ? now + told : now, error);
}

static err_t load(const struct own_keys_place *place, struct arena *arena, int64_t now, bool make, int64_t lifetime,
    struct own_key *ret, size_t *ret_count, struct error *error)
{
    struct json *record, *keys;
    bool changed = false;

    TRY(read_record(place, arena, &record, error));
    if (!drop_old(arena, record, now, &changed))
        return arena_error(arena, error);
    keys = json_get(record, BYTES("keys"));
    if (make)
        TRY(make_due(arena, keys, now, lifetime, &changed, error));
    if (keys->count > OWN_KEYS_MAX)
        return error_set(error, ERR_CORRUPT, "the store's record " META " is not what was written");
    if (changed)
        TRY(write_record(place, arena, record, error));
    for (const struct json *k = keys->first; k; k = k->next) {
        struct own_key *to = &ret[*ret_count];
        TRY(read_key(k, &to->key, error));
        to->from = time_of(k, "from");
        to->until = time_of(k, "until");
        ++*ret_count;
    }
    return ERR_OK;
}

err_t own_keys_load(const struct own_keys_place *place, int64_t now, bool make, int64_t lifetime_seconds,
    struct own_key ret[OWN_KEYS_MAX], size_t *ret_count, struct error *error)
{
    struct arena arena;
    err_t code;

    *ret_count = 0;
    arena_init(&arena, ARENA_LIMIT);
    code = load(place, &arena, now, make, lifetime_seconds, ret, ret_count, error);
    arena_reset(&arena);
    while (code != ERR_OK && *ret_count > 0)
        EVP_PKEY_free(ret[--*ret_count].key);
    return code;
}

/* ---- Notes. */

static err_t find_entry(const struct json *record, const char *id, struct json **ret, struct error *error)
{
    for (struct json *k = json_get(record, BYTES("keys"))->first; k; k = k->next) {
        char found[JWK_ID_SIZE];
        EVP_PKEY *key;
        TRY(read_key(k, &key, error));
        err_t code = jwk_id(key, found, error);
        EVP_PKEY_free(key);
        TRY(code);
        if (strcmp(found, id) == 0) {
            *ret = k;
            return ERR_OK;
        }
    }
    return error_set(error, ERR_NOT_FOUND, "the key that signs tokens was replaced");
}

static err_t reserve(const struct own_keys_place *place, struct arena *arena, const char *id, int64_t until,
    int64_t *ret_until, struct error *error)
{
    struct json *record, *entry;

    TRY(read_record(place, arena, &record, error));
    TRY(find_entry(record, id, &entry, error));
    *ret_until = time_of(entry, "until");
    if (*ret_until >= until)
        return ERR_OK;
    *ret_until = until < OWN_KEYS_FOREVER - ROUND_UP ? until + ROUND_UP : OWN_KEYS_FOREVER;
    if (!json_set(entry, BYTES("until"), json_integer(arena, *ret_until)))
        return arena_error(arena, error);
    return write_record(place, arena, record, error);
}

err_t own_keys_reserve(const struct own_keys_place *place, const char id[JWK_ID_SIZE], int64_t until,
    int64_t *ret_until, struct error *error)
{
    struct arena arena;
    err_t code;

    arena_init(&arena, ARENA_LIMIT);
    code = reserve(place, &arena, id, until, ret_until, error);
    arena_reset(&arena);
    return code;
}
