/* SPDX-License-Identifier: Apache-2.0 */
#include "access/oidc_keys.h"

#include "net/http_client.h"

#include <openssl/evp.h>
#include <stdlib.h>

#define SCRATCH (8 * OIDC_DOCUMENT_MAX) /* two documents and a tree */
#define ID_MAX  256                     /* bytes of a kid */

struct oidc_key {
    EVP_PKEY *key;
    enum jwt_algorithm algorithm; /* JWT_ALGORITHM_COUNT: all that fit */
    size_t id_size;
    uint8_t id[ID_MAX];
};

struct oidc_keys {
    atomic_uint references;
    size_t count;
    struct oidc_key keys[];
};

size_t oidc_keys_count(const struct oidc_keys *keys)
{
    return keys->count;
}

struct oidc_keys *oidc_keys_hold(struct oidc_keys *keys)
{
    atomic_fetch_add_explicit(&keys->references, 1, memory_order_relaxed);
    return keys;
}

void oidc_keys_release(struct oidc_keys *keys)
{
    if (!keys || atomic_fetch_sub_explicit(&keys->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->keys[i].key);
    free(keys);
}

/* ---- Documents. */

static err_t parse_object(struct arena *arena, bytes document, const char *what, struct json **ret, struct error *error)
{
    const struct json_options options = {.max_depth = JWT_DEPTH_MAX, .keep_duplicates = true};
    err_t code = json_parse(arena, document, &options, ret, NULL, NULL);

    if (code == ERR_BAD_REQUEST || (code == ERR_OK && (*ret)->type != JSON_OBJECT))
        return error_set(error, ERR_INVALID, "the %s is no JSON object", what);
    return code == ERR_OK ? ERR_OK : arena_error(arena, error);
}

err_t oidc_discovery_parse(
    struct arena *arena, bytes document, const struct oidc_issuer *issuer, const char **ret, struct error *error)
{
    struct json *object;
    bytes url;

    TRY(parse_object(arena, document, "discovery document", &object, error));
    if (!bytes_equal(json_text(object, BYTES("issuer")), bytes_of(issuer->url)))
        return error_set(error, ERR_INVALID, "the discovery document is of another issuer");
    url = json_text(object, BYTES("jwks_uri"));
    if (!bytes_start(url, BYTES("https://")) || memchr(url.p, 0, url.n))
        return error_set(error, ERR_INVALID, "the discovery document names no https URL of the keys (jwks_uri)");
    url = arena_copy(arena, url);
    *ret = (const char *)url.p;
    return url.p ? ERR_OK : arena_error(arena, error);
}

/* Other sorts of keys, and other uses, are no error: the set serves others too. */
static err_t add(struct oidc_keys *keys, const struct json *member, struct error *error)
{
    struct oidc_key *to = &keys->keys[keys->count];
    struct jwk jwk;
    err_t code = member->type == JSON_OBJECT ? jwk_parse(member, &jwk, error) : ERR_INVALID;

    if (code != ERR_OK)
        return code == ERR_INVALID ? ERR_OK : code;
    if (jwk.id.n > ID_MAX) {
        EVP_PKEY_free(jwk.key);
        return ERR_OK;
    }
    to->key = jwk.key;
    to->algorithm = jwk.algorithm;
    to->id_size = jwk.id.n;
    if (jwk.id.n > 0)
        memcpy(to->id, jwk.id.p, jwk.id.n);
    keys->count++;
    return ERR_OK;
}

static err_t add_all(struct oidc_keys *keys, const struct json *list, struct error *error)
{
    for (const struct json *member = list->first; member; member = member->next)
        TRY(add(keys, member, error));
    return keys->count > 0 ? ERR_OK : error_set(error, ERR_INVALID, "the key set holds no key that verifies tokens");
}

err_t oidc_keys_parse(struct arena *arena, bytes document, struct oidc_keys **ret, struct error *error)
{
    const struct json *list;
    struct json *object;
    struct oidc_keys *keys;
    err_t code;

    TRY(parse_object(arena, document, "key set", &object, error));
    list = json_get(object, BYTES("keys"));
    if (!list || list->type != JSON_ARRAY)
        return error_set(error, ERR_INVALID, "the key set has no list of keys");
    if (list->count > OIDC_KEYS_MAX)
        return error_set(error, ERR_INVALID, "the key set holds more than %d keys", OIDC_KEYS_MAX);
    keys = calloc(1, sizeof *keys + list->count * sizeof *keys->keys);
    if (!keys)
        return error_set(error, ERR_NO_MEMORY, "no memory for the keys of an issuer");
    keys->references = 1;
    code = add_all(keys, list, error);
    if (code == ERR_OK)
        *ret = keys;
    else
        oidc_keys_release(keys);
    return code;
}

/* ---- Fetching. */

static err_t get(struct http_client *client, struct arena *arena, const char *url, bytes *ret, struct error *error)
{
    const char *accept = "Accept: application/json";
    const struct http_call call = {.method = "GET", .url = url, .headers = &accept, .header_count = 1};
    struct http_reply reply;

    TRY(http_client_call(client, arena, &call, &reply, error));
    if (reply.status != 200)
        return error_set(error, ERR_INVALID, "%.512s: answered %d", url, reply.status);
    *ret = reply.body;
    return ERR_OK;
}

static err_t fetch_in(struct arena *arena, struct http_client *client, const struct oidc_issuer *issuer,
    const atomic_bool *stopping, struct oidc_keys **ret, struct error *error)
{
    const char *url;
    bytes document;

    TRY(get(client, arena, issuer->discovery_url, &document, error));
    TRY(oidc_discovery_parse(arena, document, issuer, &url, error));
    if (atomic_load(stopping))
        return error_set(error, ERR_UNAVAILABLE, "the issuer is not watched any more");
    TRY(get(client, arena, url, &document, error));
    return oidc_keys_parse(arena, document, ret, error);
}

err_t oidc_keys_fetch(
    const struct oidc_issuer *issuer, const atomic_bool *stopping, struct oidc_keys **ret, struct error *error)
{
    const struct http_client_options options = {
        .ca_pem = issuer->ca_pem, .timeout_ms = OIDC_CALL_SECONDS * 1000, .max_body = OIDC_DOCUMENT_MAX};
    struct http_client *client;
    struct arena arena;
    err_t code;

    TRY(http_client_global(error));
    TRY(http_client_new(&options, &client, error));
    arena_init_plain(&arena, SCRATCH);
    code = fetch_in(&arena, client, issuer, stopping, ret, error);
    arena_reset(&arena);
    http_client_free(client);
    return code;
}

/* ---- Verifying. */

static bool may_be(const struct oidc_key *key, const struct jwt *jwt)
{
    if (jwt->key_id.n > 0 && !bytes_equal(jwt->key_id, (bytes){key->id, key->id_size}))
        return false;
    return (key->algorithm == JWT_ALGORITHM_COUNT || key->algorithm == jwt->algorithm) &&
           jwt_fits(jwt->algorithm, key->key);
}

err_t oidc_keys_verify(const struct oidc_keys *keys, const struct jwt *jwt, bool *ret_unknown, struct error *error)
{
    bool known = false;

    for (size_t i = 0; i < keys->count; i++) {
        if (!may_be(&keys->keys[i], jwt))
            continue;
        known = true;
        err_t code = jwt_verify(jwt, keys->keys[i].key, error);
        if (code != ERR_UNAUTHORIZED)
            return code;
    }
    *ret_unknown = !known || jwt->key_id.n == 0;
    return error_set(error, ERR_UNAUTHORIZED,
        known ? "the token's signature is not its key's" : "the token is signed by a key that is not known");
}
