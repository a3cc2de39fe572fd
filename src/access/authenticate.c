/* SPDX-License-Identifier: Apache-2.0 */
#include "access/authenticate.h"

#include "access/bootstrap_token.h"
#include "access/failed_attempts.h"
#include "access/oidc.h"
#include "access/service_account_token.h"
#include "access/token_file.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/http_local.h"

#include <strings.h>

static err_t by_certificate(
    struct arena *arena, const struct x509_identity *peer, struct user *ret, struct error *error)
{
    bytes *credential = arena_alloc(arena, sizeof *credential);
    struct user_extra *extra = arena_alloc(arena, sizeof *extra);

    if (peer->common_name.n == 0)
        return error_set(error, ERR_UNAUTHORIZED, "the certificate names nobody");
    /* The handshake looked at its end once; a connection can last longer. */
    if (clock_wall_seconds() > peer->not_after)
        return error_set(error, ERR_UNAUTHORIZED, "the certificate has expired");
    if (!credential || !extra)
        return arena_error(arena, error);
    *credential = arena_format(arena, "X509SHA256=%s", peer->sha256_hex);
    if (!credential->p)
        return arena_error(arena, error);
    *extra = (struct user_extra){BYTES(USER_EXTRA_CREDENTIAL), credential, 1};
    *ret = (struct user){.name = peer->common_name,
        .groups = peer->organizations,
        .group_count = peer->organization_count,
        .extra = extra,
        .extra_count = 1};
    return user_complete(arena, ret, error);
}

/* ---- Bearer tokens. */

err_t authenticate_token(
    struct arena *arena, bytes token, const struct audiences *asked, struct authenticated *ret, struct error *error)
{
    static token_function *const kinds[] = {
        token_file_authenticate, service_account_token_authenticate, bootstrap_token_authenticate, oidc_authenticate};
    const struct authenticator *a = authenticator_current();
    struct audiences own;
    struct error why;
    bool refused = false;

    if (!a)
        return error_set(error, ERR_UNAUTHORIZED, "tokens are not accepted");
    own = (struct audiences){a->audiences, a->audience_count};
    error_init(&why, error ? error->arena : NULL);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct error *tell = refused ? NULL : &why; /* the first that knew it says what is wrong */
        *ret = (struct authenticated){.expires = INT64_MAX};
        err_t code = kinds[i](arena, token, asked->count > 0 ? asked : &own, ret, tell);
        if (code == ERR_UNAUTHORIZED)
            refused = true;
        else if (code != ERR_NOT_FOUND)
            return code == ERR_OK ? ERR_OK : error_set(error, code, "the token cannot be checked now");
    }
    return refused ? error_set(error, ERR_UNAUTHORIZED, "%.*s", BYTES_FMT(why.message))
                   : error_set(error, ERR_UNAUTHORIZED, "the token is of no kind that is known");
}

/* From "Bearer TOKEN", the word in any case. Empty: it is something else. */
static bytes token_of_header(bytes header)
{
    bytes scheme, rest;

    header = bytes_trim(header);
    scheme = (bytes){header.p, bytes_find(header, ' ')};
    rest = bytes_skip(header, scheme.n);
    if (scheme.n != 6 || strncasecmp((const char *)scheme.p, "bearer", 6) != 0)
        return BYTES_NONE;
    rest = bytes_trim(rest);
    return (bytes){rest.p, bytes_find(rest, ' ')};
}

/* From Sec-WebSocket-Protocol; false: it names none. */
static bool token_of_protocol(struct http_exchange *x, bytes *ret)
{
    bytes rest = http_websocket_asked(x) ? http_header(x, BYTES("sec-websocket-protocol")) : BYTES_NONE;

    while (rest.n > 0) {
        bytes item = {rest.p, bytes_find(rest, ',')};
        size_t offset;
        rest = bytes_skip(rest, item.n < rest.n ? item.n + 1 : item.n);
        item = bytes_trim(item);
        if (!bytes_start(item, BYTES(BEARER_PROTOCOL)))
            continue;
        item = bytes_skip(item, sizeof BEARER_PROTOCOL - 1);
        if (base64_decode(&x->arena, BASE64_URL_UNPADDED, item, ret, &offset) != ERR_OK)
            *ret = BYTES_NONE;
        return true;
    }
    return false;
}

static bool find_token(struct http_exchange *x, bytes *ret)
{
    bytes header = http_header(x, BYTES("authorization"));

    if (header.n == 0)
        return token_of_protocol(x, ret);
    *ret = token_of_header(header);
    return true;
}

static err_t by_token(
    struct http_exchange *x, bytes token, struct user *ret, struct credential *ret_credential, struct error *error)
{
    const struct audiences own = {NULL, 0};
    struct authenticated found;

    if (token.n == 0)
        return error_set(error, ERR_UNAUTHORIZED, "the header holds no bearer token");
    TRY(authenticate_token(&x->arena, token, &own, &found, error));
    *ret = found.user;
    *ret_credential = (struct credential){.token = token, .expires = found.expires, .secret = found.secret};
    return ERR_OK;
}

/* ---- All of it. */

static struct failed_attempts failed_attempts = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The credential was looked at before, also of an address that is over its limit: only so it is known that it is none
 * that must pass. What that costs is less than the handshake before it. */
static err_t refuse(const struct http_exchange *x, struct error *error)
{
    struct failed_attempt attempt;

    failed_attempts_count(&failed_attempts, http_peer_address(x), clock_monotonic_ms(), &attempt);
    if (attempt.tell)
        log_event(LOG_INFO, "a credential was refused", log_text("address", http_peer_address(x)),
            log_error_text(error), log_number("status", attempt.limited ? 429 : 401),
            log_number("not_told", (long long)attempt.untold));
    return attempt.limited ? error_set(error, ERR_TOO_MANY_REQUESTS,
                                 "too many failed attempts to authenticate from this address, please try again later")
                           : error_set(error, ERR_UNAUTHORIZED, "Unauthorized");
}

static err_t by_credentials(struct http_exchange *x, struct user *ret, struct credential *ret_credential,
    bool *ret_attempted, struct error *error)
{
    const struct x509_identity *peer = http_peer(x);
    bytes token = BYTES_NONE;
    err_t code = ERR_UNAUTHORIZED;

    *ret_attempted = peer != NULL;
    if (peer)
        code = by_certificate(&x->arena, peer, ret, error);
    if (code == ERR_UNAUTHORIZED && find_token(x, &token)) {
        *ret_attempted = true;
        code = by_token(x, token, ret, ret_credential, error);
    }
    return code;
}

bool authenticate_open(bytes path)
{
    const struct authenticator *a = authenticator_current();

    return a && oidc_anonymous(path, a->anonymous);
}

err_t authenticate(struct http_exchange *x, struct user *ret, struct credential *ret_credential, struct error *error)
{
    const struct http_local_user *local = http_local_user(x);
    bool attempted;
    err_t code;

    *ret_credential = (struct credential){.expires = INT64_MAX};
    if (local) {
        *ret = (struct user){.name = local->name, .groups = local->groups, .group_count = local->group_count};
        return user_complete(&x->arena, ret, error);
    }
    code = by_credentials(x, ret, ret_credential, &attempted, error);
    if (code == ERR_UNAUTHORIZED && !attempted && authenticate_open(x->path)) {
        *ret = user_anonymous;
        ret_credential->open_path = x->path;
        return ERR_OK;
    }
    if (code != ERR_UNAUTHORIZED)
        return code;
    return attempted ? refuse(x, error) : error_set(error, ERR_UNAUTHORIZED, "Unauthorized");
}
