/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/watch_right.h"

#include "base/log.h"
#include "kinds/kinds.h"
#include "serve/visible.h"

#define TOKEN_MEMORY (1u << 20)

struct watch_right {
    struct attributes asked;
    struct user user;
    bool filtered, node, metadata_only;
    struct visible_kept *visible; /* the names that it is limited to; NULL: it is not */
    struct user real_user;        /* who impersonates, or has the token */
    struct impersonation_rights impersonation;
    struct credential credential;
};

static bytes copy(struct arena *keep, bytes text)
{
    return text.n > 0 ? arena_copy(keep, text) : BYTES("");
}

static struct attributes copy_attributes(struct arena *keep, const struct attributes *a, const struct user *user)
{
    return (struct attributes){.user = user,
        .resource_request = true,
        .verb = copy(keep, a->verb),
        .group = copy(keep, a->group),
        .version = copy(keep, a->version),
        .resource = copy(keep, a->resource),
        .subresource = copy(keep, a->subresource),
        .namespace = copy(keep, a->namespace),
        .name = copy(keep, a->name)};
}

static err_t copy_impersonation(
    struct arena *keep, const struct impersonation_rights *from, struct watch_right *to, struct error *error)
{
    struct attributes *items = arena_alloc(keep, (from->count + 1) * sizeof *items);

    if (!items)
        return arena_error(keep, error);
    for (size_t i = 0; i < from->count; i++)
        items[i] = copy_attributes(keep, &from->items[i], &to->real_user);
    to->impersonation = (struct impersonation_rights){items, from->count};
    return ERR_OK;
}

static bool rests_on_nothing(const struct request *r)
{
    return user_in_group(&r->user, BYTES(USER_MASTERS)) && r->impersonation.count == 0 && r->credential.token.n == 0;
}

err_t watch_right_new(struct arena *keep, const struct request *r, const struct selector *kept_fields,
    const struct watch_right *alike, struct watch_right **ret, struct error *error)
{
    struct watch_right *right;
    bytes node;

    *ret = NULL;
    if (rests_on_nothing(r))
        return ERR_OK;
    right = arena_zero(keep, sizeof *right);
    if (!right)
        return arena_error(keep, error);
    TRY(user_copy(keep, &r->user, &right->user, error));
    right->asked = copy_attributes(keep, &r->attributes, &right->user);
    right->asked.fields = r->attributes.fields ? kept_fields : NULL;
    right->filtered = r->filtered;
    right->metadata_only = r->visible.metadata_only;
    right->node = user_is_node(&r->user, &node);
    right->real_user = right->user;
    if (r->impersonation.count > 0) {
        TRY(user_copy(keep, &r->real_user, &right->real_user, error));
        TRY(copy_impersonation(keep, &r->impersonation, right, error));
    }
    right->credential = (struct credential){.token = copy(keep, r->credential.token),
        .open_path = copy(keep, r->credential.open_path),
        .expires = r->credential.expires,
        .secret = copy(keep, r->credential.secret)};
    if (keep->failed)
        return arena_error(keep, error);
    if (r->visible.limited) {
        right->visible = alike ? visible_hold(alike->visible) : visible_keep(&r->visible);
        if (!right->visible)
            return error_set(error, ERR_NO_MEMORY, "no memory for the names that a watch may show");
    }
    *ret = right;
    return ERR_OK;
}

void watch_right_free(struct watch_right *right)
{
    if (right)
        visible_release(right->visible);
}

const struct visible *watch_right_visible(const struct watch_right *right)
{
    return right ? visible_of(right->visible) : NULL;
}

bool watch_right_of_node(const struct watch_right *right)
{
    return right && right->node;
}

bool watch_right_can_lapse(const struct watch_right *right)
{
    return right && (right->credential.token.n > 0 || right->credential.open_path.n > 0);
}

static bool has_extra(const struct user *user, const char *key, bytes value)
{
    const struct user_extra *extra = user_extra(user, bytes_of(key));

    return extra && extra->value_count == 1 && bytes_equal(extra->values[0], value);
}

bool watch_right_needs_secret(const struct watch_right *right)
{
    return right && right->credential.secret.n > 0;
}

/* A Pod's token tells its Node, and does not need it. */
bool watch_right_needs(const struct watch_right *right, const struct kind *kind, const struct record *record)
{
    const struct user *user = right ? &right->real_user : NULL;
    bytes of_namespace, account, namespace, name;

    if (!right || right->credential.token.n == 0)
        return false;
    if (kind == &secret_kind)
        return bytes_equal(right->credential.secret, record->key.name);
    if (!record->deleted || (kind != &service_account_kind && kind != &pod_kind && kind != &node_kind) ||
        !user_is_account(user->name, &of_namespace, &account))
        return false;
    key_split(record->key.name, &namespace, &name);
    if (kind == &node_kind)
        return has_extra(user, USER_EXTRA_NODE_NAME, name) && !user_extra(user, BYTES(USER_EXTRA_POD_NAME));
    if (!bytes_equal(namespace, of_namespace))
        return false;
    return kind == &service_account_kind ? bytes_equal(account, name) : has_extra(user, USER_EXTRA_POD_NAME, name);
}

static bool may_impersonate(const struct watch_right *right)
{
    size_t i = 0;

    while (i < right->impersonation.count && authorized(&right->impersonation.items[i]))
        i++;
    return i == right->impersonation.count;
}

static bool shows(const struct watch_right *right, const struct visible *now)
{
    const struct visible all = {.metadata_only = right->metadata_only}, *named = visible_of(right->visible);

    return visible_same(named ? named : &all, now);
}

err_t watch_right_check(const struct watch_right *right)
{
    struct arena arena;
    struct error error;
    struct visible now = {0};
    err_t code = ERR_OK;
    bool any = true;

    if (!right)
        return ERR_OK;
    if (!may_impersonate(right))
        return ERR_FORBIDDEN;
    if (authorized(&right->asked))
        return shows(right, &now) ? ERR_OK : ERR_EXPIRED;
    arena_init(&arena, VISIBLE_MEMORY);
    error_init(&error, &arena);
    code = visible_find(&arena, &right->asked, right->filtered, &now, &any, &error);
    if (code != ERR_OK || !any) /* without memory to look: it may come again */
        code = ERR_FORBIDDEN;
    else if (!shows(right, &now))
        code = ERR_EXPIRED;
    arena_reset(&arena);
    return code;
}

static err_t authenticate_again(struct arena *arena, const struct watch_right *right, struct error *error)
{
    const struct credential *credential = &right->credential;
    const struct audiences own = {NULL, 0};
    struct authenticated found;

    if (credential->token.n == 0)
        return authenticate_open(credential->open_path)
                   ? ERR_OK
                   : error_set(error, ERR_UNAUTHORIZED, "nobody is let in there without a credential");
    TRY(authenticate_token(arena, credential->token, &own, &found, error));
    if (!user_same(&found.user, &right->real_user))
        return error_set(error, ERR_UNAUTHORIZED, "the token stands for another user, or one of other groups");
    return found.expires >= credential->expires ? ERR_OK : error_set(error, ERR_UNAUTHORIZED, "the token ends sooner");
}

err_t watch_right_authenticate(const struct watch_right *right)
{
    struct arena arena;
    struct error error;
    err_t code;

    if (!watch_right_can_lapse(right))
        return ERR_OK;
    arena_init(&arena, TOKEN_MEMORY);
    error_init(&error, &arena);
    code = authenticate_again(&arena, right, &error);
    if (code == ERR_UNAUTHORIZED)
        log_event(LOG_INFO, "a watch ended, its credential is good no more", log_error_text(&error));
    arena_reset(&arena);
    return code == ERR_OK ? ERR_OK : code == ERR_UNAUTHORIZED ? ERR_FORBIDDEN : ERR_UNAVAILABLE;
}
