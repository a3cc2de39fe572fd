/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and key sets of hostile text: what parses is verified, and never passes by chance. */
#include "access/jwk.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>

static void try_token(struct arena *arena, bytes text)
{
    static EVP_PKEY *keys[2];
    struct error error;
    struct jwt jwt;

    if (!keys[0] && (!(keys[0] = EVP_EC_gen("P-256")) || !(keys[1] = EVP_RSA_gen(2048))))
        abort();
    error_init(&error, arena);
    if (jwt_parse(arena, text, &jwt, &error) != ERR_OK)
        return;
    if (!jwt_shaped(text))
        abort();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (jwt_verify(&jwt, keys[i], &error) == ERR_OK)
            abort();
    (void)!jwt_check_times(jwt.claims, 1700000000, 60, &error);
    const struct json *at = NULL;
    for (size_t n = 0; jwt_next_audience(jwt.claims, &at).p; n++)
        if (n > text.n)
            abort();
}

static void try_key(struct arena *arena, bytes text)
{
    struct json *json, *again;
    struct error error;
    struct jwk jwk;

    error_init(&error, arena);
    if (json_parse(arena, text, &(struct json_options){0}, &json, NULL, &error) != ERR_OK ||
        jwk_parse(json, &jwk, &error) != ERR_OK)
        return;
    if (jwk_make(arena, jwk.key, &again, &error) == ERR_OK && json_get(again, BYTES("kty"))->type != JSON_STRING)
        abort();
    EVP_PKEY_free(jwk.key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;

    arena_init(&arena, 64u << 20);
    try_token(&arena, (bytes){data, size});
    try_key(&arena, (bytes){data, size});
    arena_reset(&arena);
    return 0;
}
