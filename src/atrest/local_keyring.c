/* SPDX-License-Identifier: Apache-2.0 */
#include "atrest/local_keyring.h"

#include "atrest/kms_v2.h"
#include "atrest/seed_cache.h"
#include "atrest/unlock_file.h"
#include "base/memory.h"
#include "base/random.h"
#include "crypt/aead.h"
#include "crypt/kdf.h"
#include "crypt/key_region.h"
#include "text/utf8.h"

#include <stdio.h>
#include <stdlib.h>

#define PREFIX       "k8s:enc:kms:v2:coffer:"
#define WRAP_FORMAT  1
#define WRAPPED_SIZE (1 + AES_GCM_NONCE_SIZE + KMS_V2_SEED_SIZE + AES_GCM_TAG_SIZE)
#define LABEL        "coffer key id v1" /* its NUL is part of what is hashed */
#define LABEL_SIZE   16
#define KEY_ID_SIZE  (sizeof("local:") - 1 + (size_t)2 * LABEL_SIZE + sizeof(":1"))
#define SEED_LABEL   "coffer seed v1" /* its NUL is part of the additional data */

struct local_keyring {
    struct atrest_provider provider; /* first: a pointer to it is one to the keyring */
    struct secret key, seed;         /* in the key region */
    struct seed_cache *seeds;
    uint8_t wrapped[WRAPPED_SIZE];                            /* seed */
    char key_id[KEY_ID_SIZE];                                 /* of key */
    uint8_t associated[sizeof(SEED_LABEL) + KEY_ID_SIZE - 1]; /* additional data of wrapping: SEED_LABEL, NUL, key_id */
};

/* The key's public name: a hash of its 256 random bits gives nothing away. */
static void name_key(struct local_keyring *keyring)
{
    uint8_t input[sizeof(LABEL) + UNLOCK_KEY_SIZE], digest[SHA256_SIZE];
    char hex[2 * LABEL_SIZE];

    memcpy(input, LABEL, sizeof(LABEL));
    memcpy(input + sizeof(LABEL), keyring->key.p, UNLOCK_KEY_SIZE);
    sha256((bytes){input, sizeof(input)}, digest);
    memory_wipe(input, sizeof(input));
    for (size_t i = 0; i < LABEL_SIZE; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    snprintf(keyring->key_id, KEY_ID_SIZE, "local:%.*s:1", (int)sizeof(hex), hex);
    memcpy(keyring->associated, SEED_LABEL, sizeof(SEED_LABEL));
    memcpy(keyring->associated + sizeof(SEED_LABEL), keyring->key_id, KEY_ID_SIZE - 1);
}

static bytes associated(const struct local_keyring *keyring)
{
    return (bytes){keyring->associated, sizeof(keyring->associated)};
}

static err_t wrap(struct local_keyring *keyring, struct error *error)
{
    uint8_t *nonce = keyring->wrapped + 1;
    keyring->wrapped[0] = WRAP_FORMAT;
    random_bytes(nonce, AES_GCM_NONCE_SIZE);
    err_t result = aes_gcm_seal(keyring->key, nonce, associated(keyring), (bytes){keyring->seed.p, keyring->seed.n},
        nonce + AES_GCM_NONCE_SIZE);
    return result == ERR_OK ? ERR_OK : error_set(error, result, "cannot wrap a new seed");
}

/* The seed of a stored value: from the cache, or unwrapped into the arena and kept. */
static err_t seed_of(
    struct local_keyring *keyring, struct arena *arena, bytes wrapped, struct secret *ret, struct error *error)
{
    struct secret seed = seed_cache_find(keyring->seeds, wrapped);
    if (seed.p) {
        *ret = seed;
        return ERR_OK;
    }
    if (wrapped.n != WRAPPED_SIZE || wrapped.p[0] != WRAP_FORMAT)
        return error_set(error, ERR_UNREADABLE, "the stored value is damaged: its wrapped key has an unknown form");
    seed = (struct secret){arena_alloc(arena, KMS_V2_SEED_SIZE), KMS_V2_SEED_SIZE};
    if (!seed.p)
        return arena_error(arena, error);
    const uint8_t *nonce = wrapped.p + 1;
    bytes sealed = bytes_skip(wrapped, 1 + AES_GCM_NONCE_SIZE);
    err_t result = aes_gcm_open(keyring->key, nonce, associated(keyring), sealed, seed.p);
    if (result == ERR_UNREADABLE)
        return error_set(error, result, "the stored value is damaged: its wrapped key was changed");
    if (result != ERR_OK)
        return error_set(error, result, "cannot unwrap the key of a stored value");
    seed_cache_add(keyring->seeds, wrapped, seed);
    *ret = seed;
    return ERR_OK;
}

static err_t seal(struct atrest_provider *provider, struct arena *arena, bytes path, bytes plain, struct buffer *ret,
    struct error *error)
{
    const struct local_keyring *keyring = (const struct local_keyring *)provider;
    const struct kms_v2_source source = {.type = KMS_V2_SEED,
        .key_id = {(const uint8_t *)keyring->key_id, KEY_ID_SIZE - 1},
        .wrapped = {keyring->wrapped, sizeof(keyring->wrapped)}};
    (void)arena;
    return kms_v2_seal(ret, &source, keyring->seed, path, plain, error);
}

/* key_id is public, but a damaged store may have put anything there. */
static err_t no_key(struct arena *arena, bytes key_id, struct error *error)
{
    bytes quoted = utf8_quote(arena, key_id);
    if (!quoted.p)
        return arena_error(arena, error);
    return error_set(error, ERR_UNREADABLE, "no key %.*s: it was written with another unlock key", BYTES_FMT(quoted));
}

static err_t open_value(struct atrest_provider *provider, struct arena *arena, bytes path, bytes stored,
    bytes *ret_plain, bool *ret_stale, struct error *error)
{
    struct local_keyring *keyring = (struct local_keyring *)provider;
    struct kms_v2_object object;
    struct secret source = {NULL, 0};

    TRY(kms_v2_decode(arena, stored, &object, error));
    if (!bytes_equal(object.source.key_id, (bytes){(const uint8_t *)keyring->key_id, KEY_ID_SIZE - 1}))
        return no_key(arena, object.source.key_id, error);
    TRY(seed_of(keyring, arena, object.source.wrapped, &source, error));
    TRY(kms_v2_open(arena, &object, source, path, ret_plain, error));
    *ret_stale = object.source.type != KMS_V2_SEED;
    return ERR_OK;
}

static void free_keyring(struct atrest_provider *provider)
{
    struct local_keyring *keyring = (struct local_keyring *)provider;
    seed_cache_free(keyring->seeds);
    key_region_give(keyring->seed);
    key_region_give(keyring->key);
    free(keyring);
}

static err_t fill(struct local_keyring *keyring, const char *path, struct error *error)
{
    keyring->seeds = seed_cache_new();
    keyring->key = key_region_take(UNLOCK_KEY_SIZE);
    keyring->seed = key_region_take(KMS_V2_SEED_SIZE);
    if (!keyring->seeds || !keyring->key.p || !keyring->seed.p)
        return error_set(error, ERR_NO_MEMORY, "no memory for the unlock key %s", path);
    TRY(unlock_file_read(path, keyring->key.p, error));
    name_key(keyring);
    random_bytes(keyring->seed.p, keyring->seed.n);
    TRY(wrap(keyring, error));
    seed_cache_add(keyring->seeds, (bytes){keyring->wrapped, WRAPPED_SIZE}, keyring->seed);
    return ERR_OK;
}

err_t local_keyring_open(const char *path, struct atrest_provider **ret, struct error *error)
{
    struct local_keyring *keyring = calloc(1, sizeof(*keyring));
    if (!keyring)
        return error_set(error, ERR_NO_MEMORY, "no memory for the unlock key %s", path);
    keyring->provider = (struct atrest_provider){
        .kind = "local keyring", .prefix = BYTES(PREFIX), .seal = seal, .open = open_value, .free = free_keyring};
    err_t result = fill(keyring, path, error);
    if (result != ERR_OK) {
        free_keyring(&keyring->provider);
        return result;
    }
    *ret = &keyring->provider;
    return ERR_OK;
}

const char *local_keyring_key_id(const struct atrest_provider *provider)
{
    return ((const struct local_keyring *)provider)->key_id;
}
