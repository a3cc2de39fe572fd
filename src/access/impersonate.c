/* SPDX-License-Identifier: Apache-2.0 */
#include "access/impersonate.h"

#define AUTHENTICATION_GROUP "authentication.k8s.io"

/* One name that is to be taken on. */
struct wish {
    enum { WISH_USER, WISH_ACCOUNT, WISH_GROUP, WISH_UID, WISH_EXTRA } type;
    bytes namespace, name, key; /* of an account; of an extra */
};

static const struct {
    const char *kind, *version, *group, *resource;
} types[] = {
    [WISH_USER] = {"User", "", "", "users"},
    [WISH_ACCOUNT] = {"ServiceAccount", "", "", "serviceaccounts"},
    [WISH_GROUP] = {"Group", "", "", "groups"},
    [WISH_UID] = {"UID", AUTHENTICATION_GROUP "/v1", AUTHENTICATION_GROUP, "uids"},
    [WISH_EXTRA] = {"UserExtra", AUTHENTICATION_GROUP "/v1", AUTHENTICATION_GROUP, "userextras"},
};

struct wishes {
    struct wish items[IMPERSONATION_MOST];
    size_t count;
    bool user, too_many;
};

/* Without the wish there is no header: an empty value says nothing. */
static void add(struct wishes *wishes, struct wish wish)
{
    if (wishes->count == IMPERSONATION_MOST)
        wishes->too_many = true;
    else
        wishes->items[wishes->count++] = wish;
}

/* Percent-encoded, and lower case as headers are; what is no good encoding stands for itself. */
static bytes extra_key(struct arena *arena, bytes encoded)
{
    bytes decoded = http_decode(arena, encoded, false);
    uint8_t *lower = arena_alloc(arena, encoded.n + 1);

    if (!decoded.p)
        decoded = encoded;
    for (size_t i = 0; lower && i < decoded.n; i++)
        lower[i] = decoded.p[i] >= 'A' && decoded.p[i] <= 'Z' ? decoded.p[i] | 0x20 : decoded.p[i];
    return (bytes){lower, decoded.n};
}

static void gather(struct arena *arena, const struct http_exchange *x, struct wishes *wishes)
{
    static const bytes extra = {(const uint8_t *)"impersonate-extra-", 18};
    bytes user = http_header(x, BYTES("impersonate-user")), uid = http_header(x, BYTES("impersonate-uid"));
    struct wish wish = {.type = WISH_USER, .name = user};

    wishes->user = user.n > 0;
    if (user_is_account(user, &wish.namespace, &wish.name))
        wish.type = WISH_ACCOUNT;
    if (user.n > 0)
        add(wishes, wish);
    for (size_t i = 0; i < x->header_count; i++)
        if (bytes_equal(x->headers[i].name, BYTES("impersonate-group")))
            add(wishes, (struct wish){.type = WISH_GROUP, .name = x->headers[i].value});
    for (size_t i = 0; i < x->header_count; i++)
        if (bytes_start(x->headers[i].name, extra))
            add(wishes, (struct wish){.type = WISH_EXTRA,
                            .name = x->headers[i].value,
                            .key = extra_key(arena, bytes_skip(x->headers[i].name, extra.n))});
    if (uid.n > 0)
        add(wishes, (struct wish){.type = WISH_UID, .name = uid});
}

static err_t refuse_without_user(struct arena *arena, const struct wishes *wishes, struct error *error)
{
    struct buffer text;

    buffer_init(&text, arena);
    for (size_t i = 0; i < wishes->count; i++) {
        const struct wish *w = &wishes->items[i];
        buffer_format(&text, "%s{%s  %.*s  %s  %.*s}", i ? " " : "", types[w->type].kind, BYTES_FMT(w->name),
            types[w->type].version, BYTES_FMT(w->key));
    }
    if (text.failed)
        return arena_error(arena, error);
    return error_set(
        error, ERR_UNKNOWN, "requested [%.*s] without impersonating a user", BYTES_FMT(buffer_bytes(&text)));
}

static struct attributes asked(const struct user *user, const struct wish *wish)
{
    return (struct attributes){.user = user,
        .verb = BYTES("impersonate"),
        .resource_request = true,
        .group = bytes_of(types[wish->type].group),
        .version = BYTES("v1"),
        .resource = bytes_of(types[wish->type].resource),
        .subresource = wish->key,
        .namespace = wish->namespace,
        .name = wish->name};
}

/* ---- Whom they act as. */

static err_t add_extra(struct arena *arena, struct user_extra *extra, size_t *count, const struct wishes *wishes,
    bytes key, struct error *error)
{
    bytes *values = arena_alloc(arena, wishes->count * sizeof *values);

    for (size_t i = 0; i < *count; i++)
        if (bytes_equal(extra[i].key, key))
            return ERR_OK;
    if (!values)
        return arena_error(arena, error);
    extra[*count] = (struct user_extra){.key = key, .values = values};
    for (size_t i = 0; i < wishes->count; i++)
        if (wishes->items[i].type == WISH_EXTRA && bytes_equal(wishes->items[i].key, key))
            values[extra[*count].value_count++] = wishes->items[i].name;
    (*count)++;
    return ERR_OK;
}

/* The group that says whether there was a credential, unless one of the two was asked for. */
static void add_class(struct user *user, bytes *groups)
{
    bool anonymous = bytes_equal(user->name, BYTES(USER_ANONYMOUS));

    if (user_in_group(user, BYTES(USER_UNAUTHENTICATED)) ||
        (!anonymous && user_in_group(user, BYTES(USER_AUTHENTICATED))))
        return;
    groups[user->group_count++] = anonymous ? BYTES(USER_UNAUTHENTICATED) : BYTES(USER_AUTHENTICATED);
}

static err_t become(struct arena *arena, const struct wishes *wishes, struct user *ret, struct error *error)
{
    const struct wish *first = &wishes->items[0];
    struct user_extra *extra = arena_alloc(arena, wishes->count * sizeof *extra);
    bytes *groups = arena_alloc(arena, (wishes->count + 3) * sizeof *groups);

    if (!extra || !groups)
        return arena_error(arena, error);
    *ret = (struct user){.name = first->name, .groups = groups, .extra = extra};
    for (size_t i = 0; i < wishes->count; i++) {
        const struct wish *w = &wishes->items[i];
        if (w->type == WISH_GROUP)
            groups[ret->group_count++] = w->name;
        else if (w->type == WISH_UID)
            ret->uid = w->name;
        else if (w->type == WISH_EXTRA)
            TRY(add_extra(arena, extra, &ret->extra_count, wishes, w->key, error));
    }
    if (first->type == WISH_ACCOUNT) {
        struct user account;
        TRY(user_of_account(arena, first->namespace, first->name, BYTES(""), &account, error));
        ret->name = account.name;
        if (ret->group_count == 0) /* its own, where none were asked for */
            for (size_t i = 0; i < 2; i++)
                groups[ret->group_count++] = account.groups[i];
    }
    add_class(ret, groups);
    return ERR_OK;
}

err_t impersonate(struct arena *arena, const struct http_exchange *x, const struct user *real, struct user *user,
    enum impersonation *ret, struct impersonation_rights *ret_rights, struct error *error)
{
    struct wishes wishes = {.count = 0};

    *ret = IMPERSONATION_NONE;
    *ret_rights = (struct impersonation_rights){0};
    gather(arena, x, &wishes);
    if (arena->failed)
        return arena_error(arena, error);
    if (wishes.count == 0)
        return ERR_OK;
    *ret = IMPERSONATION_WRONG;
    if (wishes.too_many)
        return error_set(error, ERR_UNKNOWN, "requested more than %d names to impersonate", IMPERSONATION_MOST);
    if (!wishes.user)
        return refuse_without_user(arena, &wishes, error);
    *ret = IMPERSONATION_DENIED;
    ret_rights->items = arena_alloc(arena, wishes.count * sizeof *ret_rights->items);
    if (!ret_rights->items)
        return arena_error(arena, error);
    while (ret_rights->count < wishes.count) {
        struct attributes *a = &ret_rights->items[ret_rights->count];
        *a = asked(real, &wishes.items[ret_rights->count++]);
        if (!authorized(a))
            return ERR_OK;
    }
    *ret = IMPERSONATION_ALLOWED;
    return become(arena, &wishes, user, error);
}
