/* SPDX-License-Identifier: Apache-2.0 */
/* What an issuer sends and what its tokens claim, of hostile text: nobody is let in by claims of another issuer, or for
 * another audience. The same text as a configuration. */
#include "access/oidc_claims.h"
#include "access/oidc_keys.h"

#include <stdlib.h>

static const bytes audience = {(const uint8_t *)"x", 1};
static const struct oidc_issuer issuer = {.url = "https://a",
    .audiences = &audience,
    .audience_count = 1,
    .username = {{(const uint8_t *)"email", 5}, {(const uint8_t *)"p:", 2}},
    .groups = {{(const uint8_t *)"groups", 6}, {(const uint8_t *)"g:", 2}}};

static void try_claims(struct arena *arena, bytes text, struct error *error)
{
    struct json *claims;
    struct user user;

    if (json_parse(arena, text, &(struct json_options){0}, &claims, NULL, error) != ERR_OK ||
        claims->type != JSON_OBJECT || oidc_identify(arena, &issuer, claims, 1700000000, &user, error) != ERR_OK)
        return;
    if (!bytes_equal(json_text(claims, BYTES("iss")), BYTES("https://a")) || !bytes_start(user.name, BYTES("p:")) ||
        user.name.n == 2)
        abort();
    for (size_t i = 0; i < user.group_count; i++)
        if (!bytes_start(user.groups[i], BYTES("g:")) && !bytes_equal(user.groups[i], BYTES(USER_AUTHENTICATED)))
            abort();
}

static void try_documents(struct arena *arena, bytes text, struct error *error)
{
    struct oidc_keys *keys;
    const char *url;

    if (oidc_discovery_parse(arena, text, &issuer, &url, error) == ERR_OK && strncmp(url, "https://", 8) != 0)
        abort();
    if (oidc_keys_parse(arena, text, &keys, error) != ERR_OK)
        return;
    if (oidc_keys_count(keys) == 0 || oidc_keys_count(keys) > OIDC_KEYS_MAX)
        abort();
    oidc_keys_release(keys);
}

static void try_configuration(struct arena *arena, bytes text, struct error *error)
{
    struct authentication_config config;

    if (authentication_config_parse(arena, text, &(struct audiences){NULL, 0}, &config, error) != ERR_OK)
        return;
    for (size_t i = 0; i < config.issuer_count; i++)
        if (strncmp(config.issuers[i].url, "https://", 8) != 0 || config.issuers[i].audience_count == 0 ||
            config.issuers[i].username.claim.n == 0)
            abort();
    for (size_t i = 0; i < config.anonymous.path_count; i++)
        if (!config.anonymous.given || !config.anonymous.enabled || config.anonymous.paths[i].n == 0)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bytes text = {data, size};
    struct arena arena;
    struct error error;

    arena_init(&arena, 64u << 20);
    error_init(&error, &arena);
    try_claims(&arena, text, &error);
    try_documents(&arena, text, &error);
    try_configuration(&arena, text, &error);
    arena_reset(&arena);
    return 0;
}
