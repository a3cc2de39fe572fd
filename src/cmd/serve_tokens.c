/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/serve_tokens.h"

#include "access/authenticator.h"
#include "access/oidc.h"
#include "access/service_account_token.h"
#include "access/signing_keys.h"
#include "access/token_file.h"
#include "base/clock.h"
#include "base/log.h"

#define ISSUER        "https://kubernetes.default.svc.cluster.local" /* as kubeadm sets it */
#define TEXT_MOST     512
#define LONGEST_LEAST 3600 /* seconds */
#define LONGEST_MOST  (INT64_C(1) << 32)

/* One server a process. */
static struct authenticator authenticator;
static const char *token_file;

static err_t check_texts(const char *flag, const struct option_list *list, struct error *error)
{
    for (size_t i = 0; i < list->count; i++) {
        size_t n = strlen(list->items[i]);
        if (n == 0 || n > TEXT_MOST)
            return error_set(error, ERR_BAD_REQUEST, "%s: 1 to %d characters", flag, TEXT_MOST);
    }
    return ERR_OK;
}

err_t serve_tokens_check(const struct serve_token_options *o, struct error *error)
{
    int64_t longest = (int64_t)(o->longest_ms / 1000);

    TRY(check_texts("--service-account-issuer", &o->issuers, error));
    TRY(check_texts("--api-audiences", &o->audiences, error));
    if (o->longest_ms > 0 && (longest < LONGEST_LEAST || longest > LONGEST_MOST))
        return error_set(error, ERR_BAD_REQUEST, "--service-account-max-token-expiration: 1h to 2^32 seconds");
    return ERR_OK;
}

static const bytes *texts_of(struct arena *arena, const struct option_list *list)
{
    bytes *texts = arena_alloc(arena, list->count * sizeof *texts);

    for (size_t i = 0; texts && i < list->count; i++)
        texts[i] = bytes_of(list->items[i]);
    return texts;
}

/* Listening everywhere says nothing of where this server is reached: the issuer does. */
static bytes keys_url(struct arena *arena, const struct serve_token_options *o, const char *address, uint16_t port)
{
    if (o->jwks_uri)
        return bytes_of(o->jwks_uri);
    if (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0)
        return arena_join(arena, authenticator.issuers[0], BYTES("/openid/v1/jwks"), ARENA_END);
    return arena_format(
        arena, strchr(address, ':') ? "https://[%s]:%u/openid/v1/jwks" : "https://%s:%u/openid/v1/jwks", address, port);
}

static err_t set_up(
    struct arena *arena, const struct serve_token_options *o, const char *address, uint16_t port, struct error *error)
{
    static const char *issuer = ISSUER;
    const struct option_list usual = {&issuer, 1}, *issuers = o->issuers.count > 0 ? &o->issuers : &usual,
                             *audiences = o->audiences.count > 0 ? &o->audiences : issuers;

    authenticator.issuers = texts_of(arena, issuers);
    authenticator.issuer_count = issuers->count;
    authenticator.audiences = texts_of(arena, audiences);
    authenticator.audience_count = audiences->count;
    authenticator.token_seconds_most = (int64_t)(o->longest_ms / 1000);
    authenticator.anonymous = o->anonymous;
    authenticator.anonymous_given = o->anonymous_given;
    if (authenticator.issuers)
        authenticator.jwks_uri = keys_url(arena, o, address, port);
    return authenticator.issuers && authenticator.audiences && authenticator.jwks_uri.p ? ERR_OK
                                                                                        : arena_error(arena, error);
}

err_t serve_tokens_open(struct arena *arena, const struct serve_token_options *o, struct store *store,
    struct atrest *atrest, const char *address, uint16_t port, struct error *error)
{
    const struct signing_keys_options keys = {.store = store,
        .atrest = atrest,
        .private_file = o->signing_key_file,
        .public_files = o->key_files.items,
        .public_file_count = o->key_files.count,
        .lifetime_seconds = (int64_t)(o->key_lifetime_ms / 1000)};

    authenticator = (struct authenticator){.store = store, .atrest = atrest};
    TRY(set_up(arena, o, address, port, error));
    TRY(signing_keys_open(&keys, clock_wall_seconds(), error));
    token_file = o->token_file;
    TRY(token_file_load(token_file, error));
    if (o->anonymous)
        log_event(LOG_WARNING,
            "--anonymous-auth: requests without a credential are system:anonymous's, and get what is granted to it");
    authenticator_set(&authenticator);
    return oidc_open(o->config_file, error);
}

err_t serve_tokens_renew(struct error *error)
{
    err_t keys = signing_keys_renew(clock_wall_seconds(), error),
          tokens = token_file_load(token_file, keys == ERR_OK ? error : NULL);

    return keys == ERR_OK ? tokens : keys;
}

err_t serve_tokens_sign(
    struct arena *arena, bytes namespace, bytes account, bytes uid, bytes secret, bytes *ret, struct error *error)
{
    const struct token_object of = {account, uid};

    return service_account_token_issue_legacy(arena, namespace, &of, secret, ret, error);
}

err_t serve_tokens_reload(struct error *error)
{
    return oidc_reload(error);
}

void serve_tokens_close(void)
{
    struct error error;

    oidc_close();
    authenticator_set(NULL);
    error_init(&error, NULL);
    if (token_file_load(NULL, &error) != ERR_OK)
        log_event(LOG_WARNING, "the file's tokens stay in memory", log_error_text(&error));
    signing_keys_close();
}
