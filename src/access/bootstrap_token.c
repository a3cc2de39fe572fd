/* SPDX-License-Identifier: Apache-2.0 */
#include "access/bootstrap_token.h"

#include "api/record.h"
#include "base/base64.h"
#include "base/clock.h"

#include <openssl/crypto.h>

#define ID_SIZE      6
#define SECRET_SIZE  16
#define TYPE         "bootstrap.kubernetes.io/token"
#define GROUP        "system:bootstrappers"
#define GROUP_MIDDLE 255 /* characters between GROUP: and the last one */
#define GROUPS_MOST  32
#define SCRATCH      ((size_t)64 << 20) /* a Secret of 3 MiB, as a tree */

static err_t refuse(struct error *error, const char *reason)
{
    return error_set(error, ERR_UNAUTHORIZED, "the bootstrap token%s", reason);
}

static bool is_word(bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (!((b.p[i] >= 'a' && b.p[i] <= 'z') || (b.p[i] >= '0' && b.p[i] <= '9')))
            return false;
    return true;
}

static bool split(bytes token, bytes *ret_id, bytes *ret_secret)
{
    if (token.n != ID_SIZE + 1 + SECRET_SIZE || token.p[ID_SIZE] != '.')
        return false;
    *ret_id = (bytes){token.p, ID_SIZE};
    *ret_secret = bytes_skip(token, ID_SIZE + 1);
    return is_word(*ret_id) && is_word(*ret_secret);
}

/* An item of data, decoded; BYTES_NONE when absent. */
static err_t read_item(
    struct arena *arena, const struct json *secret, const char *name, bytes *ret, struct error *error)
{
    const struct json *value = json_get(json_get(secret, BYTES("data")), bytes_of(name));
    size_t offset;
    err_t code;

    *ret = BYTES_NONE;
    if (!value || value->type != JSON_STRING)
        return ERR_OK;
    code = base64_decode(arena, BASE64_STANDARD, value->text, ret, &offset);
    return code == ERR_OK || code == ERR_BAD_REQUEST ? ERR_OK : arena_error(arena, error);
}

static err_t check_secret(struct arena *arena, const struct json *object, bytes id, bytes secret, struct error *error)
{
    bytes held, other;

    TRY(read_item(arena, object, "token-id", &other, error));
    TRY(read_item(arena, object, "token-secret", &held, error));
    if (!bytes_equal(json_text(object, BYTES("type")), BYTES(TYPE)) || !bytes_equal(other, id))
        return refuse(error, "'s Secret is none of that type and id");
    if (held.n != secret.n || CRYPTO_memcmp(held.p, secret.p, secret.n) != 0)
        return refuse(error, "'s Secret holds another");
    if (json_text(json_get(object, BYTES("metadata")), BYTES("deletionTimestamp")).n > 0)
        return refuse(error, "'s Secret is being deleted");
    return ERR_OK;
}

static err_t check_use(struct arena *arena, const struct json *object, int64_t *ret_expires, struct error *error)
{
    bytes expiration, use;

    TRY(read_item(arena, object, "expiration", &expiration, error));
    TRY(read_item(arena, object, "usage-bootstrap-authentication", &use, error));
    if (expiration.n > 0 && (!clock_parse(expiration, ret_expires) || clock_wall_seconds() >= *ret_expires))
        return refuse(error, " has expired");
    return bytes_equal(use, BYTES("true")) ? ERR_OK : refuse(error, " is not for authentication");
}

/* GROUP:[a-z0-9:-]{0,255}[a-z0-9] */
static bool group_fits(bytes group)
{
    bytes rest;

    if (!bytes_start(group, BYTES(GROUP ":")))
        return false;
    rest = bytes_skip(group, sizeof GROUP);
    if (rest.n == 0 || rest.n > GROUP_MIDDLE + 1 || !is_word((bytes){rest.p + rest.n - 1, 1}))
        return false;
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] != ':' && rest.p[i] != '-' && !is_word((bytes){rest.p + i, 1}))
            return false;
    return true;
}

/* In order, each once. */
static size_t insert(bytes *groups, size_t count, bytes group)
{
    size_t at = count;

    for (size_t i = 0; i < count; i++)
        if (bytes_equal(groups[i], group))
            return count;
    for (; at > 0 && bytes_compare(groups[at - 1], group) > 0; at--)
        groups[at] = groups[at - 1];
    groups[at] = group;
    return count + 1;
}

static err_t read_groups(
    struct arena *arena, struct arena *scratch, const struct json *object, struct user *ret, struct error *error)
{
    bytes *groups = arena_alloc(arena, (GROUPS_MOST + 1) * sizeof *groups), list;
    size_t count = 0;

    TRY(read_item(scratch, object, "auth-extra-groups", &list, error));
    list = arena_copy(arena, list);
    if (!groups || !list.p)
        return arena_error(arena, error);
    count = insert(groups, count, BYTES(GROUP));
    while (list.n > 0) {
        bytes group = {list.p, bytes_find(list, ',')};
        list = bytes_skip(list, group.n < list.n ? group.n + 1 : group.n);
        if (count > GROUPS_MOST || !group_fits(group))
            return refuse(error, "'s Secret names groups that it may not");
        count = insert(groups, count, group);
    }
    ret->groups = groups;
    ret->group_count = count;
    return user_complete(arena, ret, error);
}

static err_t authenticate_in(struct arena *arena, struct arena *scratch, bytes id, bytes secret,
    const struct audiences *asked, struct authenticated *ret, struct error *error)
{
    bytes name = arena_join(scratch, BYTES("bootstrap-token-"), id, ARENA_END);
    struct json *object;
    err_t code;

    ret->user = (struct user){.name = arena_join(arena, BYTES("system:bootstrap:"), id, ARENA_END)};
    if (!name.p || !ret->user.name.p)
        return arena_error(name.p ? arena : scratch, error);
    code = authenticator_get(scratch, "Secret", BYTES("kube-system"), name, &object, error);
    if (record_unreadable(code))
        return refuse(error, "'s Secret cannot be read");
    TRY(code);
    if (!object)
        return refuse(error, " has no Secret");
    TRY(check_secret(scratch, object, id, secret, error));
    TRY(check_use(scratch, object, &ret->expires, error));
    ret->secret = object_key(arena, BYTES("kube-system"), name);
    if (!ret->secret.p)
        return arena_error(arena, error);
    TRY(audiences_own(arena, asked, ret, error));
    return read_groups(arena, scratch, object, &ret->user, error);
}

err_t bootstrap_token_authenticate(
    struct arena *arena, bytes token, const struct audiences *asked, struct authenticated *ret, struct error *error)
{
    struct arena scratch;
    bytes id, secret;
    err_t code;

    if (!split(token, &id, &secret))
        return error_set(error, ERR_NOT_FOUND, "the token is no bootstrap token");
    arena_init(&scratch, SCRATCH);
    code = authenticate_in(arena, &scratch, id, secret, asked, ret, error);
    arena_reset(&scratch);
    return code;
}
