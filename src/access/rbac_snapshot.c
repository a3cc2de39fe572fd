/* SPDX-License-Identifier: Apache-2.0 */
/* One snapshot from another: compiled objects are made first, then the maps that they change, and published last. */
#include "access/rbac_snapshot.h"

#include <stdlib.h>

#define PUBLISHED_RBAC 1

static struct rbac empty = {.published.references = 1};
static struct published published = PUBLISHED(PUBLISHED_RBAC, &empty.published);

const struct rbac *rbac_current(void)
{
    return (const struct rbac *)published_see(&published);
}

uint64_t rbac_version(const struct rbac *rbac)
{
    return rbac->version;
}

const struct rbac_role *rbac_role_find(const struct rbac *rbac, bytes key)
{
    return (const struct rbac_role *)persistent_map_get(rbac->roles, key);
}

/* ---- Bindings, by whom they name. */

static void bound_free(struct persistent_value *value)
{
    persistent_map_release(((struct bound *)value)->bindings);
    free(value);
}

/* The binding among those of one name, or (put false) not. */
static bool change_bound(const struct persistent_map **names, bytes name, struct rbac_binding *binding, bool put)
{
    const struct bound *old = (const struct bound *)persistent_map_get(*names, name);
    struct bound *next = calloc(1, sizeof *next);
    bool done;

    if (!next)
        return false;
    next->value = (struct persistent_value){1, bound_free};
    next->bindings = old ? old->bindings : NULL;
    persistent_map_hold(next->bindings);
    if (put)
        persistent_value_hold(&binding->value);
    done = persistent_map_replace(&next->bindings, binding->key, put ? &binding->value : NULL);
    if (!done && put)
        persistent_value_release(&binding->value);
    if (done && next->bindings && persistent_map_replace(names, name, &next->value))
        return true;
    done = done && !next->bindings && persistent_map_replace(names, name, NULL);
    persistent_value_release(&next->value);
    return done;
}

static bool change_scope(struct scope *scope, struct rbac_binding *binding, bool put)
{
    for (size_t i = 0; i < binding->count; i++) {
        const struct rbac_subject *subject = &binding->subjects[i];
        if (!change_bound(subject->group ? &scope->groups : &scope->users, subject->as, binding, put))
            return false;
    }
    return true;
}

static void scope_free(struct persistent_value *value)
{
    struct scope *scope = (struct scope *)value;

    persistent_map_release(scope->users);
    persistent_map_release(scope->groups);
    free(scope);
}

static bool change_namespace(struct rbac *rbac, struct rbac_binding *binding, bool put)
{
    const struct scope *old = (const struct scope *)persistent_map_get(rbac->scopes, binding->namespace);
    struct scope *next = calloc(1, sizeof *next);
    bool empty_now;

    if (!next)
        return false;
    *next = (struct scope){{1, scope_free}, old ? old->users : NULL, old ? old->groups : NULL};
    persistent_map_hold(next->users);
    persistent_map_hold(next->groups);
    if (!change_scope(next, binding, put)) {
        scope_free(&next->value);
        return false;
    }
    empty_now = !next->users && !next->groups;
    if (persistent_map_replace(&rbac->scopes, binding->namespace, empty_now ? NULL : &next->value)) {
        if (empty_now)
            scope_free(&next->value);
        return true;
    }
    scope_free(&next->value);
    return false;
}

static bool change_subjects(struct rbac *rbac, struct rbac_binding *binding, bool put)
{
    return binding->namespace.n > 0 ? change_namespace(rbac, binding, put) : change_scope(&rbac->cluster, binding, put);
}

/* ---- Snapshots. */

static void rbac_free(struct published_value *value)
{
    struct rbac *rbac = (struct rbac *)value;

    persistent_map_release(rbac->roles);
    persistent_map_release(rbac->bindings);
    persistent_map_release(rbac->scopes);
    persistent_map_release(rbac->cluster.users);
    persistent_map_release(rbac->cluster.groups);
    free(rbac);
}

static struct rbac *rbac_copy(const struct rbac *old)
{
    struct rbac *rbac = malloc(sizeof *rbac);

    if (!rbac)
        return NULL;
    *rbac = (struct rbac){.published = {1, rbac_free}, /* other threads count the references of the old one */
        .version = old->version + 1,
        .roles = old->roles,
        .bindings = old->bindings,
        .scopes = old->scopes,
        .cluster = {.users = old->cluster.users, .groups = old->cluster.groups}};
    persistent_map_hold(rbac->roles);
    persistent_map_hold(rbac->bindings);
    persistent_map_hold(rbac->scopes);
    persistent_map_hold(rbac->cluster.users);
    persistent_map_hold(rbac->cluster.groups);
    return rbac;
}

/* binding NULL: takes the one at the key out. Takes over no reference. */
static bool change_binding(struct rbac *rbac, bytes key, struct persistent_value *value)
{
    const struct persistent_value *found = persistent_map_get(rbac->bindings, key);
    struct rbac_binding *old = (struct rbac_binding *)(uintptr_t)found, *binding = (struct rbac_binding *)value;

    if (old && !change_subjects(rbac, old, false))
        return false;
    if (binding && !change_subjects(rbac, binding, true))
        return false;
    if (value)
        persistent_value_hold(value);
    if (persistent_map_replace(&rbac->bindings, key, value))
        return true;
    persistent_value_release(value);
    return false;
}

static bool change_role(struct rbac *rbac, bytes key, struct persistent_value *value)
{
    if (value)
        persistent_value_hold(value);
    if (persistent_map_replace(&rbac->roles, key, value))
        return true;
    persistent_value_release(value);
    return false;
}

err_t rbac_put(enum rbac_kind kind, bytes key, const struct json *object, struct error *error)
{
    struct persistent_value *value = NULL;
    struct rbac *next;
    bool done;

    if (object)
        TRY(kind == RBAC_ROLES ? rbac_role_new(object, &value, error) : rbac_binding_new(key, object, &value, error));
    next = rbac_copy((const struct rbac *)published_newest(&published));
    done = next && (kind == RBAC_ROLES ? change_role(next, key, value) : change_binding(next, key, value));
    persistent_value_release(value);
    if (done) {
        published_swap(&published, &next->published);
        return ERR_OK;
    }
    if (next)
        rbac_free(&next->published);
    return error_set(error, ERR_NO_MEMORY, "no memory for the rules of RBAC");
}

err_t rbac_clear(struct error *error)
{
    struct rbac *next = calloc(1, sizeof *next);

    if (!next)
        return error_set(error, ERR_NO_MEMORY, "no memory for the rules of RBAC");
    next->published = (struct published_value){1, rbac_free};
    next->version = ((const struct rbac *)published_newest(&published))->version + 1;
    published_swap(&published, &next->published);
    return ERR_OK;
}
