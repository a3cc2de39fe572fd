/* SPDX-License-Identifier: Apache-2.0 */
#include "access/signing_keys.h"

#include "access/own_keys.h"
#include "access/pem_keys.h"
#include "base/file.h"
#include "base/published.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define PUBLISHED_SIGNING_KEYS 6
#define FILE_LIMIT             (1u << 20)
#define KEYS_MAX               128
#define SIGN_RETRIES           3

struct signing_key {
    EVP_PKEY *key;
    char id[JWK_ID_SIZE];
    enum jwt_algorithm algorithm;
    bool own, signs;
    int64_t from;          /* of an own one */
    _Atomic int64_t until; /* of an own one: what the store has noted */
};

struct signing_keys {
    struct published_value published;
    uint64_t version;
    size_t count;
    struct signing_key keys[KEYS_MAX];
};

static struct signing_keys none = {.published = {.references = 1}};
static struct published published = PUBLISHED(PUBLISHED_SIGNING_KEYS, &none.published);
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER; /* the store's record, and what is published */
static struct signing_keys_options options;

static const struct signing_keys *see(void)
{
    return (const struct signing_keys *)published_see(&published);
}

static void keys_free(struct published_value *value)
{
    struct signing_keys *keys = (struct signing_keys *)value;

    for (size_t i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->keys[i].key);
    free(keys);
}

/* ---- Loading. */

/* Takes the key over, also on failure. One that is there already is not added again. */
static err_t add(struct signing_keys *keys, EVP_PKEY *key, struct signing_key **ret, struct error *error)
{
    struct signing_key *to = &keys->keys[keys->count];
    enum jwt_algorithm algorithm = jwk_algorithm(key);
    err_t code = ERR_OK;

    if (keys->count == KEYS_MAX)
        code = error_set(error, ERR_INVALID, "there are more than %d keys for tokens", KEYS_MAX);
    else if (algorithm == JWT_ALGORITHM_COUNT)
        code = error_set(error, ERR_INVALID, "tokens need RSA of 2048 to 8192 bits, or ECDSA on P-256, P-384 or P-521");
    else
        code = jwk_id(key, to->id, error);
    for (size_t i = 0; code == ERR_OK && i < keys->count; i++)
        if (strcmp(keys->keys[i].id, to->id) == 0) {
            EVP_PKEY_free(key);
            *ret = &keys->keys[i];
            return ERR_OK;
        }
    if (code != ERR_OK) {
        EVP_PKEY_free(key);
        return code;
    }
    to->key = key;
    to->algorithm = algorithm;
    keys->count++;
    *ret = to;
    return ERR_OK;
}

/* The file's name before what is wrong with it. */
static err_t name_file(err_t code, const char *file, const struct error *inner, struct error *error)
{
    return error_set(error, code, "%s: %.*s", file, BYTES_FMT(inner->message));
}

static err_t add_private(struct signing_keys *keys, struct arena *arena, struct error *error)
{
    struct signing_key *signer;
    struct error inner;
    EVP_PKEY *key;
    bytes text;
    err_t code;

    error_init(&inner, arena);
    TRY(file_read_private(arena, options.private_file, FILE_LIMIT, &text, error));
    code = pem_private_key(text, &key, &inner);
    if (code == ERR_OK)
        code = add(keys, key, &signer, &inner);
    if (code != ERR_OK)
        return name_file(code, options.private_file, &inner, error);
    signer->signs = true;
    return ERR_OK;
}

static err_t add_public(struct signing_keys *keys, struct arena *arena, const char *file, struct error *error)
{
    struct signing_key *added;
    EVP_PKEY *found[KEYS_MAX];
    struct error inner;
    size_t count = 0;
    bytes text;
    err_t code;

    error_init(&inner, arena);
    TRY(file_read(arena, file, FILE_LIMIT, &text, error));
    code = pem_keys(text, KEYS_MAX, found, &count, &inner);
    for (size_t i = 0; i < count; i++)
        if (code == ERR_OK)
            code = add(keys, found[i], &added, &inner);
        else
            EVP_PKEY_free(found[i]);
    return code == ERR_OK ? ERR_OK : name_file(code, file, &inner, error);
}

static err_t add_own(struct signing_keys *keys, int64_t now, struct error *error)
{
    const struct own_keys_place place = {options.store, options.atrest};
    struct own_key own[OWN_KEYS_MAX];
    struct signing_key *added;
    size_t count;
    err_t code = ERR_OK;

    TRY(own_keys_load(&place, now, options.private_file == NULL, options.lifetime_seconds, own, &count, error));
    for (size_t i = 0; i < count; i++) {
        if (code != ERR_OK) {
            EVP_PKEY_free(own[i].key);
            continue;
        }
        code = add(keys, own[i].key, &added, error);
        if (code != ERR_OK)
            continue;
        added->own = true;
        added->signs = options.private_file == NULL;
        added->from = own[i].from;
        added->until = own[i].until;
    }
    return code;
}

static err_t fill(struct signing_keys *keys, int64_t now, struct error *error)
{
    struct arena arena;
    err_t code = ERR_OK;

    arena_init(&arena, 16u << 20);
    if (options.private_file)
        code = add_private(keys, &arena, error);
    if (code == ERR_OK)
        code = add_own(keys, now, error);
    for (size_t i = 0; code == ERR_OK && i < options.public_file_count; i++)
        code = add_public(keys, &arena, options.public_files[i], error);
    arena_reset(&arena);
    return code;
}

static err_t renew(int64_t now, struct error *error)
{
    struct signing_keys *keys = calloc(1, sizeof *keys);
    err_t code;

    if (!keys)
        return error_set(error, ERR_NO_MEMORY, "no memory for the keys of tokens");
    keys->published = (struct published_value){.references = 1, .free = keys_free};
    keys->version = ((const struct signing_keys *)published_newest(&published))->version + 1;
    code = fill(keys, now, error);
    if (code == ERR_OK)
        published_swap(&published, &keys->published);
    else
        keys_free(&keys->published);
    return code;
}

err_t signing_keys_renew(int64_t now, struct error *error)
{
    pthread_mutex_lock(&changing);
    err_t code = renew(now, error);
    pthread_mutex_unlock(&changing);
    return code;
}

err_t signing_keys_open(const struct signing_keys_options *given, int64_t now, struct error *error)
{
    options = *given;
    return signing_keys_renew(now, error);
}

void signing_keys_close(void)
{
    none.version = signing_keys_version() + 1;
    published_hold(&none.published);
    published_swap(&published, &none.published);
    (void)see();
}

/* ---- Using. */

uint64_t signing_keys_version(void)
{
    return see()->version;
}

err_t signing_keys_verify(const struct jwt *jwt, struct error *error)
{
    const struct signing_keys *keys = see();
    bool known = false;

    for (size_t i = 0; i < keys->count; i++) {
        const struct signing_key *key = &keys->keys[i];
        if (jwt->key_id.n > 0 ? !bytes_equal(jwt->key_id, bytes_of(key->id)) : !jwt_fits(jwt->algorithm, key->key))
            continue;
        known = true;
        err_t code = jwt_verify(jwt, key->key, error);
        if (code != ERR_UNAUTHORIZED)
            return code;
    }
    return error_set(error, ERR_UNAUTHORIZED,
        known ? "the token's signature is not its key's" : "the token is signed by a key that is not known");
}

/* The newest that may; before the first may, the first. */
static const struct signing_key *signer_of(const struct signing_keys *keys, int64_t now)
{
    const struct signing_key *signer = NULL;

    for (size_t i = 0; i < keys->count; i++)
        if (keys->keys[i].signs && (!signer || keys->keys[i].from <= now))
            signer = &keys->keys[i];
    return signer;
}

static err_t note(const struct signing_key *key, int64_t expires, struct error *error)
{
    const struct own_keys_place place = {options.store, options.atrest};
    int64_t until;

    if (!key->own || atomic_load(&key->until) >= expires)
        return ERR_OK;
    pthread_mutex_lock(&changing);
    err_t code = own_keys_reserve(&place, key->id, expires, &until, error);
    if (code == ERR_OK)
        atomic_store(&((struct signing_key *)(uintptr_t)key)->until, until);
    pthread_mutex_unlock(&changing);
    return code;
}

err_t signing_keys_sign(
    struct arena *arena, const struct json *claims, int64_t now, int64_t expires, bytes *ret, struct error *error)
{
    err_t code = ERR_NOT_FOUND;

    for (unsigned i = 0; code == ERR_NOT_FOUND && i < SIGN_RETRIES; i++) { /* it may be replaced meanwhile */
        const struct signing_key *key = signer_of(see(), now);
        if (!key)
            return error_set(error, ERR_INTERNAL, "there is no key to sign tokens with");
        code = note(key, expires, error);
        if (code == ERR_OK)
            return jwt_sign(arena, key->algorithm, key->key, bytes_of(key->id), claims, ret, error);
    }
    return code;
}

err_t signing_keys_public(struct arena *arena, struct json **ret_set, struct json **ret_algorithms, struct error *error)
{
    const struct signing_keys *keys = see();
    struct json *set = json_new(arena, JSON_OBJECT), *list, *algorithms = json_new(arena, JSON_ARRAY);
    bool told[JWT_ALGORITHM_COUNT] = {false};

    list = json_add(set, BYTES("keys"), json_new(arena, JSON_ARRAY));
    if (!list || !algorithms)
        return arena_error(arena, error);
    for (size_t i = 0; i < keys->count; i++) {
        enum jwt_algorithm algorithm = keys->keys[i].algorithm;
        struct json *key;
        TRY(jwk_make(arena, keys->keys[i].key, &key, error));
        if (!json_append(list, key) ||
            (!told[algorithm] && !json_append(algorithms, json_string(arena, bytes_of(jwt_algorithm_name(algorithm))))))
            return arena_error(arena, error);
        told[algorithm] = true;
    }
    *ret_set = set;
    *ret_algorithms = algorithms;
    return ERR_OK;
}
