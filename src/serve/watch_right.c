/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/watch_right.h"

#include "base/log.h"
#include "kinds/kinds.h"
#include "serve/visible.h"

#define TOKEN_MEMORY (1u << 20)
#define NEEDS_MOST   3

struct watch_right {
    struct attributes asked;
    struct user user;
    bool filtered, node, metadata_only;
    struct visible_kept *visible; /* the names that it is limited to; NULL: it is not */
    struct user real_user;        /* who impersonates, or has the token */
    struct impersonation_rights impersonation;
    struct credential credential;
    struct watch_need needs[NEEDS_MOST];
    size_t need_count;
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

static bytes only_value(const struct user *user, const char *key)
{
    const struct user_extra *extra = user_extra(user, bytes_of(key));

    return extra && extra->value_count == 1 ? extra->values[0] : BYTES_NONE;
}

static void add_need(struct watch_right *right, const struct kind *kind, bytes key)
{
    right->needs[right->need_count++] = (struct watch_need){.kind = kind, .key = key};
}

/* By what the token said of itself. A Pod's tells its Node, and does not need it. */
static void find_needs(struct arena *keep, struct watch_right *right)
{
    const struct user *user = &right->real_user;
    bytes pod = only_value(user, USER_EXTRA_POD_NAME), node = only_value(user, USER_EXTRA_NODE_NAME), namespace, name;

    if (right->credential.secret.n > 0)
        add_need(right, &secret_kind, right->credential.secret);
    if (right->credential.token.n == 0 || !user_is_account(user->name, &namespace, &name))
        return;
    add_need(right, &service_account_kind, object_key(keep, namespace, name));
    if (pod.n > 0)
        add_need(right, &pod_kind, object_key(keep, namespace, pod));
    else if (node.n > 0)
        add_need(right, &node_kind, node);
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
    find_needs(keep, right);
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

struct watch_need *watch_right_needs(struct watch_right *right, size_t *ret_count)
{
    *ret_count = right ? right->need_count : 0;
    return right ? right->needs : NULL;
}

bool watch_need_ends(const struct watch_need *need, const struct kind *kind, const struct record *record)
{
    return need->kind == kind && (record->deleted || kind == &secret_kind) && bytes_equal(need->key, record->key.name);
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
