/* SPDX-License-Identifier: Apache-2.0 */
#include "access/user.h"

static const bytes anonymous_groups[] = {{(const uint8_t *)USER_UNAUTHENTICATED, sizeof USER_UNAUTHENTICATED - 1}};

const struct user user_anonymous = {
    .name = {(const uint8_t *)USER_ANONYMOUS, sizeof USER_ANONYMOUS - 1},
    .groups = anonymous_groups,
    .group_count = ARRAY_LEN(anonymous_groups),
};

bool user_in_group(const struct user *user, bytes group)
{
    for (size_t i = 0; i < user->group_count; i++)
        if (bytes_equal(user->groups[i], group))
            return true;
    return false;
}

const struct user_extra *user_extra(const struct user *user, bytes key)
{
    for (size_t i = 0; i < user->extra_count; i++)
        if (bytes_equal(user->extra[i].key, key))
            return &user->extra[i];
    return NULL;
}

err_t user_complete(struct arena *arena, struct user *user, struct error *error)
{
    bytes *groups;

    if (user_in_group(user, BYTES(USER_AUTHENTICATED)))
        return ERR_OK;
    groups = arena_alloc(arena, (user->group_count + 1) * sizeof *groups);
    if (!groups)
        return arena_error(arena, error);
    if (user->group_count > 0)
        memcpy(groups, user->groups, user->group_count * sizeof *groups);
    groups[user->group_count++] = BYTES(USER_AUTHENTICATED);
    user->groups = groups;
    return ERR_OK;
}

bytes user_account_name(struct arena *arena, bytes namespace, bytes name)
{
    return arena_join(arena, BYTES(USER_ACCOUNT_PREFIX), namespace, BYTES(":"), name, ARENA_END);
}

err_t user_of_account(
    struct arena *arena, bytes namespace, bytes name, bytes uid, struct user *ret, struct error *error)
{
    bytes *groups = arena_alloc(arena, 3 * sizeof *groups);

    if (!groups)
        return arena_error(arena, error);
    groups[0] = BYTES(USER_ACCOUNTS);
    groups[1] = arena_join(arena, BYTES(USER_ACCOUNTS ":"), namespace, ARENA_END);
    groups[2] = BYTES(USER_AUTHENTICATED);
    *ret = (struct user){
        .name = user_account_name(arena, namespace, name), .uid = uid, .groups = groups, .group_count = 3};
    return ret->name.p && groups[1].p ? ERR_OK : arena_error(arena, error);
}

bool user_is_account(bytes name, bytes *ret_namespace, bytes *ret_account)
{
    bytes rest;
    size_t colon;

    if (!bytes_start(name, BYTES(USER_ACCOUNT_PREFIX)))
        return false;
    rest = bytes_skip(name, sizeof USER_ACCOUNT_PREFIX - 1);
    colon = bytes_find(rest, ':');
    if (colon == 0 || colon + 1 >= rest.n)
        return false;
    *ret_namespace = (bytes){rest.p, colon};
    *ret_account = bytes_skip(rest, colon + 1);
    return bytes_find(*ret_account, ':') == ret_account->n;
}

bool user_is_node(const struct user *user, bytes *ret_node)
{
    if (!bytes_start(user->name, BYTES(USER_NODE_PREFIX)) || !user_in_group(user, BYTES(USER_NODES)))
        return false;
    *ret_node = bytes_skip(user->name, sizeof USER_NODE_PREFIX - 1);
    return ret_node->n > 0;
}

static bool same_list(const bytes *a, size_t a_count, const bytes *b, size_t b_count)
{
    size_t i = 0;

    while (a_count == b_count && i < a_count && bytes_equal(a[i], b[i]))
        i++;
    return a_count == b_count && i == a_count;
}

bool user_same(const struct user *a, const struct user *b)
{
    size_t i = 0;

    if (!bytes_equal(a->name, b->name) || !bytes_equal(a->uid, b->uid) || a->extra_count != b->extra_count ||
        !same_list(a->groups, a->group_count, b->groups, b->group_count))
        return false;
    while (i < a->extra_count && bytes_equal(a->extra[i].key, b->extra[i].key) &&
           same_list(a->extra[i].values, a->extra[i].value_count, b->extra[i].values, b->extra[i].value_count))
        i++;
    return i == a->extra_count;
}

static const bytes *copy_list(struct arena *arena, const bytes *list, size_t count)
{
    bytes *copy = arena_alloc(arena, (count + 1) * sizeof *copy);

    for (size_t i = 0; copy && i < count; i++)
        if (!(copy[i] = arena_copy(arena, list[i])).p)
            return NULL;
    return copy;
}

err_t user_copy(struct arena *arena, const struct user *user, struct user *ret, struct error *error)
{
    struct user_extra *extra = arena_alloc(arena, (user->extra_count + 1) * sizeof *extra);

    *ret = (struct user){.name = arena_copy(arena, user->name),
        .uid = arena_copy(arena, user->uid),
        .groups = copy_list(arena, user->groups, user->group_count),
        .group_count = user->group_count,
        .extra = extra,
        .extra_count = user->extra_count};
    for (size_t i = 0; extra && i < user->extra_count; i++)
        extra[i] = (struct user_extra){arena_copy(arena, user->extra[i].key),
            copy_list(arena, user->extra[i].values, user->extra[i].value_count), user->extra[i].value_count};
    return arena->failed ? arena_error(arena, error) : ERR_OK;
}
