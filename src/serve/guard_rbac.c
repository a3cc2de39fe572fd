/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody gives rights away that they do not hold: rules of a role need each of them, or the verb escalate; binding a
 * role needs its rules, or the verb bind; an aggregation rule, which takes in roles of tomorrow, needs everything
 * (kubernetes-api.md 4.2). */
#include "access/rbac_cover.h"
#include "kinds/kinds.h"
#include "serve/guard.h"
#include "text/utf8.h"

static const bytes star = {(const uint8_t *)"*", 1};
static const struct rbac_rule everything[] = {
    {.verbs = {&star, 1}, .groups = {&star, 1}, .resources = {&star, 1}},
    {.verbs = {&star, 1}, .urls = {&star, 1}},
};

static bool may(const struct request *r, const char *verb, const char *resource, bytes name)
{
    return guard_may(r, verb, "rbac.authorization.k8s.io", resource, "", name);
}

static err_t forbid_missing(struct request *r, bytes missing)
{
    struct buffer groups;

    buffer_init(&groups, r->arena);
    for (size_t i = 0; i < r->user.group_count; i++) {
        buffer_text(&groups, i ? " " : "");
        buffer_put(&groups, utf8_quote(r->arena, r->user.groups[i]));
    }
    if (groups.failed)
        return arena_error(r->arena, &r->error);
    return guard_forbid(r,
        "user %.*s (groups=[%.*s]) is attempting to grant RBAC permissions not currently held:\n%.*s",
        BYTES_FMT(utf8_quote(r->arena, r->user.name)), BYTES_FMT(buffer_bytes(&groups)), BYTES_FMT(missing));
}

/* What of the wanted rules the user does not hold; "" for nothing. The snapshot stays: nothing here asks for another.
 */
static err_t missing_of(struct request *r, const struct rbac_rule *wanted, size_t count, bytes *ret)
{
    const struct rbac_rule *held;
    size_t held_count;

    TRY(rbac_rules_of(r->arena, rbac_current(), &r->user, r->namespace, &held, &held_count, &r->error));
    return rbac_cover(r->arena, held, held_count, wanted, count, ret, &r->error);
}

static err_t guard_rules(struct request *r)
{
    bool aggregates = json_get(r->object, BYTES("aggregationRule")) || json_get(r->old, BYTES("aggregationRule"));
    const struct rbac_rule *rules;
    bytes missing;
    size_t count;

    if (may(r, "escalate", r->kind->plural, r->name))
        return ERR_OK;
    if (aggregates) {
        TRY(missing_of(r, everything, ARRAY_LEN(everything), &missing));
        if (missing.n > 0)
            return guard_forbid(r, "must have cluster-admin privileges to use an aggregationRule");
    }
    TRY(rbac_rules_read(r->arena, r->object, &rules, &count, &r->error));
    TRY(missing_of(r, rules, count, &missing));
    return missing.n > 0 ? forbid_missing(r, missing) : ERR_OK;
}

static err_t guard_binding(struct request *r)
{
    const struct json *reference = json_get(r->object, BYTES("roleRef"));
    bool cluster = bytes_equal(json_text(reference, BYTES("kind")), BYTES("ClusterRole"));
    bytes name = json_text(reference, BYTES("name")), missing = BYTES(""),
          key = cluster ? name : object_key(r->arena, r->namespace, name);
    const struct rbac_role *role;
    const struct rbac_rule *held;
    const struct rbac *rbac;
    size_t held_count;

    if (!key.p)
        return arena_error(r->arena, &r->error);
    if (may(r, "bind", cluster ? "clusterroles" : "roles", name))
        return ERR_OK;
    rbac = rbac_current();
    role = rbac_role_find(rbac, key);
    if (!role)
        return status_not_found(&r->error, &r->details, r->kind, name);
    TRY(rbac_rules_of(r->arena, rbac, &r->user, r->namespace, &held, &held_count, &r->error));
    TRY(rbac_cover(r->arena, held, held_count, role->rules, role->count, &missing, &r->error));
    return missing.n > 0 ? forbid_missing(r, missing) : ERR_OK;
}

/* The garbage collector, and whoever puts its marks, grants nothing. */
static bool only_garbage_fields(struct request *r)
{
    static const char *const fields[] = {"ownerReferences", "finalizers", "managedFields", "resourceVersion"};
    struct json *before = json_copy(r->arena, r->old), *after = json_copy(r->arena, r->object);

    if (!before || !after)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        json_remove(json_get(before, BYTES("metadata")), bytes_of(fields[i]));
        json_remove(json_get(after, BYTES("metadata")), bytes_of(fields[i]));
    }
    return json_equal(before, after);
}

err_t guard_rbac(struct request *r, struct read_txn *txn)
{
    bool role = r->kind == &role_kind || r->kind == &cluster_role_kind;
    bool binding = r->kind == &role_binding_kind || r->kind == &cluster_role_binding_kind;

    (void)txn;
    if ((!role && !binding) || !r->object || r->removes || user_in_group(&r->user, BYTES(USER_MASTERS)) ||
        (r->old && only_garbage_fields(r)))
        return ERR_OK;
    return role ? guard_rules(r) : guard_binding(r);
}
