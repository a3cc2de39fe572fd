/* SPDX-License-Identifier: Apache-2.0 */
#include "access/authenticator.h"

#include "api/record.h"

static const struct authenticator *current;

void authenticator_set(const struct authenticator *authenticator)
{
    current = authenticator;
}

const struct authenticator *authenticator_current(void)
{
    return current;
}

bool audiences_hold(const struct audiences *audiences, bytes audience)
{
    for (size_t i = 0; i < audiences->count; i++)
        if (bytes_equal(audiences->list[i], audience))
            return true;
    return false;
}

err_t audiences_own(struct arena *arena, const struct audiences *asked, struct authenticated *ret, struct error *error)
{
    const struct audiences own = {current->audiences, current->audience_count};
    bytes *both = arena_alloc(arena, asked->count * sizeof *both);
    size_t n = 0;

    if (!both)
        return arena_error(arena, error);
    for (size_t i = 0; i < asked->count; i++)
        if (audiences_hold(&own, asked->list[i]))
            both[n++] = asked->list[i];
    ret->audiences = both;
    ret->audience_count = n;
    return n > 0 ? ERR_OK : error_set(error, ERR_UNAUTHORIZED, "the token is not for the audience that was asked for");
}

err_t authenticator_get(
    struct arena *arena, const char *kind_name, bytes namespace, bytes name, struct json **ret, struct error *error)
{
    const struct kind *kind = kind_by_name(registry_current(), BYTES(""), BYTES("v1"), bytes_of(kind_name));
    bytes key = object_key(arena, namespace, name);
    struct read_txn *txn;
    err_t code;

    *ret = NULL;
    if (!key.p)
        return arena_error(arena, error);
    if (!kind || name.n == 0 || key.n > STORE_KEY_MAX)
        return ERR_OK;
    TRY(store_read_begin(current->store, &txn, error));
    code = record_get(current->atrest, txn, arena, kind, key, ret, NULL, error);
    store_read_end(txn);
    return code;
}
