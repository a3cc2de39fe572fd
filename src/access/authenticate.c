/* SPDX-License-Identifier: Apache-2.0 */
#include "access/authenticate.h"

#include "base/clock.h"
#include "net/http_local.h"

err_t authenticate(const struct http_exchange *x, struct user *ret, struct error *error)
{
    const struct http_local_user *local = http_local_user(x);
    const struct x509_identity *peer = http_peer(x);

    if (local) {
        *ret = (struct user){local->name, local->groups, local->group_count};
        return ERR_OK;
    }
    /* The handshake looked at its end once; a connection can last longer. */
    if (!peer || peer->common_name.n == 0 || clock_wall_seconds() > peer->not_after)
        return error_set(error, ERR_UNAUTHORIZED, "Unauthorized");
    *ret = (struct user){peer->common_name, peer->organizations, peer->organization_count};
    return ERR_OK;
}

struct user user_anonymous(void)
{
    static const bytes groups[] = {{(const uint8_t *)"system:unauthenticated", 22}};

    return (struct user){BYTES("system:anonymous"), groups, ARRAY_LEN(groups)};
}

bool user_in_group(const struct user *user, bytes group)
{
    for (size_t i = 0; i < user->group_count; i++)
        if (bytes_equal(user->groups[i], group))
            return true;
    return false;
}
