/* SPDX-License-Identifier: Apache-2.0 */
#include "access/authenticate.h"

#include "base/clock.h"
#include "net/http_local.h"

static err_t unauthorized(struct error *error)
{
    return error_set(error, ERR_UNAUTHORIZED, "Unauthorized");
}

static err_t by_certificate(
    struct arena *arena, const struct x509_identity *peer, struct user *ret, struct error *error)
{
    bytes *credential = arena_alloc(arena, sizeof *credential);
    struct user_extra *extra = arena_alloc(arena, sizeof *extra);

    /* The handshake looked at its end once; a connection can last longer. */
    if (peer->common_name.n == 0 || clock_wall_seconds() > peer->not_after)
        return unauthorized(error);
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

err_t authenticate(struct http_exchange *x, struct user *ret, bool *ret_attempted, struct error *error)
{
    const struct http_local_user *local = http_local_user(x);
    const struct x509_identity *peer = http_peer(x);

    *ret_attempted = local || peer;
    if (local) {
        *ret = (struct user){.name = local->name, .groups = local->groups, .group_count = local->group_count};
        return user_complete(&x->arena, ret, error);
    }
    return peer ? by_certificate(&x->arena, peer, ret, error) : unauthorized(error);
}
