/* SPDX-License-Identifier: Apache-2.0 */
#include "access/authorize.h"

#include "access/node_authorizer.h"
#include "access/rbac.h"

static bool is_master(const struct attributes *a)
{
    return user_in_group(a->user, BYTES(USER_MASTERS));
}

bool authorized(const struct attributes *a)
{
    return is_master(a) || node_authorized(a, NULL, NULL) || rbac_allows(rbac_current(), a, NULL);
}

err_t authorize(struct arena *arena, const struct attributes *a, struct decision *ret, struct error *error)
{
    const struct rbac *rbac = rbac_current();
    struct rbac_grant grant;
    bytes against = BYTES("");

    *ret = (struct decision){.allowed = true, .reason = BYTES("")};
    if (is_master(a) || node_authorized(a, arena, &against))
        return ERR_OK;
    ret->allowed = rbac_allows(rbac, a, &grant);
    ret->reason = ret->allowed ? rbac_reason(arena, &grant, a->user) : rbac_missing(arena, rbac, a);
    if (!ret->allowed && against.n > 0 && ret->reason.p)
        ret->reason = arena_join(arena, against, ret->reason.n > 0 ? BYTES("\n") : BYTES(""), ret->reason, ARENA_END);
    return ret->reason.p ? ERR_OK : arena_error(arena, error);
}

static bytes resource_text(struct arena *arena, const struct attributes *a)
{
    return a->subresource.n > 0 ? arena_join(arena, a->resource, BYTES("/"), a->subresource, ARENA_END) : a->resource;
}

static bytes forbidden_text(struct arena *arena, const struct attributes *a)
{
    bytes resource = resource_text(arena, a), scope = BYTES("at the cluster scope"), what;

    if (!a->resource_request)
        return arena_format(arena, "User \"%.*s\" cannot %.*s path \"%.*s\"", BYTES_FMT(a->user->name),
            BYTES_FMT(a->verb), BYTES_FMT(a->path));
    if (a->namespace.n > 0)
        scope = arena_format(arena, "in the namespace \"%.*s\"", BYTES_FMT(a->namespace));
    what = arena_format(arena, "User \"%.*s\" cannot %.*s resource \"%.*s\" in API group \"%.*s\" %.*s",
        BYTES_FMT(a->user->name), BYTES_FMT(a->verb), BYTES_FMT(resource), BYTES_FMT(a->group), BYTES_FMT(scope));
    return resource.p && scope.p ? what : BYTES_NONE;
}

err_t authorize_forbid(struct arena *arena, const struct attributes *a, bytes reason, struct error *error)
{
    bytes what = forbidden_text(arena, a), object = BYTES("");

    if (a->resource_request) {
        object = a->group.n > 0 ? arena_join(arena, a->resource, BYTES("."), a->group, ARENA_END) : a->resource;
        object = a->name.n > 0 ? arena_format(arena, "%.*s \"%.*s\" is ", BYTES_FMT(object), BYTES_FMT(a->name))
                               : arena_join(arena, object, BYTES(" is "), ARENA_END);
    }
    if (arena->failed)
        return arena_error(arena, error);
    return error_set(error, ERR_FORBIDDEN, "%.*sforbidden: %.*s%s%.*s", BYTES_FMT(object), BYTES_FMT(what),
        reason.n > 0 ? ": " : "", BYTES_FMT(reason));
}
