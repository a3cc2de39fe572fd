/* SPDX-License-Identifier: Apache-2.0 */
#include "access/rbac_snapshot.h"
#include "base/published.h"

#include <stdlib.h>

/* ---- Rules. */

bool rbac_has(struct rbac_texts texts, bytes text)
{
    for (size_t i = 0; i < texts.count; i++)
        if (bytes_equal(texts.items[i], text))
            return true;
    return false;
}

bool rbac_has_or_all(struct rbac_texts texts, bytes text)
{
    for (size_t i = 0; i < texts.count; i++)
        if (bytes_equal(texts.items[i], BYTES("*")) || bytes_equal(texts.items[i], text))
            return true;
    return false;
}

/* "RESOURCE/SUBRESOURCE" */
static bool is_part(bytes text, bytes resource, bytes subresource)
{
    return text.n == resource.n + 1 + subresource.n && bytes_start(text, resource) && text.p[resource.n] == '/' &&
           bytes_end(text, subresource);
}

static bool has_resource(struct rbac_texts resources, bytes resource, bytes subresource)
{
    for (size_t i = 0; i < resources.count; i++) {
        bytes text = resources.items[i];
        if (bytes_equal(text, BYTES("*")))
            return true;
        if (subresource.n == 0 ? bytes_equal(text, resource)
                               : is_part(text, resource, subresource) || is_part(text, BYTES("*"), subresource))
            return true;
    }
    return false;
}

bool rbac_has_url(struct rbac_texts urls, bytes path)
{
    for (size_t i = 0; i < urls.count; i++) {
        bytes text = urls.items[i];
        if (bytes_equal(text, path))
            return true;
        if (!bytes_end(text, BYTES("*")))
            continue;
        while (bytes_end(text, BYTES("*")))
            text.n--;
        if (bytes_start(path, text))
            return true;
    }
    return false;
}

/* But for names. */
static bool covers_kind(const struct rbac_rule *rule, const struct attributes *a)
{
    return rbac_has_or_all(rule->verbs, a->verb) && rbac_has_or_all(rule->groups, a->group) &&
           has_resource(rule->resources, a->resource, a->subresource);
}

bool rbac_rule_allows(const struct rbac_rule *rule, const struct attributes *a)
{
    if (!a->resource_request)
        return rbac_has_or_all(rule->verbs, a->verb) && rbac_has_url(rule->urls, a->path);
    return covers_kind(rule, a) && (rule->names.count == 0 || rbac_has(rule->names, a->name));
}

/* ---- Walking. */

void rbac_walk_begin(struct rbac_walk *walk, const struct rbac *rbac, const struct user *user, bytes namespace)
{
    walk->rbac = rbac;
    walk->user = user;
    walk->namespace = namespace;
    walk->scope = 0;
    walk->subject = 0;
    walk->inside = false;
    for (size_t i = 0; i < RBAC_HASHES && i <= user->group_count; i++)
        walk->hashes[i] = persistent_map_hash(i == 0 ? user->name : user->groups[i - 1]);
}

/* Goes on to the next subject that is bound; false when there is none in this scope. */
static bool next_subject(struct rbac_walk *walk, const struct scope *scope)
{
    while (walk->subject <= walk->user->group_count) {
        size_t i = walk->subject++;
        bytes name = i == 0 ? walk->user->name : walk->user->groups[i - 1];
        uint64_t hash = i < RBAC_HASHES ? walk->hashes[i] : persistent_map_hash(name);
        const struct bound *bound =
            (const struct bound *)persistent_map_find(i == 0 ? scope->users : scope->groups, name, hash);
        if (bound) {
            persistent_map_begin(bound->bindings, &walk->bindings);
            walk->inside = true;
            return true;
        }
    }
    return false;
}

static bool next_in_namespace(struct rbac_walk *walk)
{
    const struct scope *scope = (const struct scope *)persistent_map_get(walk->rbac->scopes, walk->namespace);

    return scope && next_subject(walk, scope);
}

bool rbac_walk_next(struct rbac_walk *walk, struct rbac_grant *ret)
{
    for (;;) {
        const struct persistent_value *value;
        if (walk->inside && persistent_map_next(&walk->bindings, NULL, &value)) {
            ret->group = walk->subject > 1;
            ret->subject = ret->group ? walk->user->groups[walk->subject - 2] : walk->user->name;
            ret->binding = (const struct rbac_binding *)value;
            ret->role = (const struct rbac_role *)persistent_map_find(
                walk->rbac->roles, ret->binding->role_key, ret->binding->role_hash);
            return true;
        }
        walk->inside = false;
        if (walk->scope > 1 || (walk->scope == 1 && walk->namespace.n == 0))
            return false;
        if (walk->scope == 0 ? next_subject(walk, &walk->rbac->cluster) : next_in_namespace(walk))
            continue;
        walk->scope++;
        walk->subject = 0;
    }
}

/* ---- Decisions. */

static bool passes(const struct rbac_sieve *sieve, const struct rbac_sieve *asked)
{
    return (sieve->verbs & asked->verbs) && (sieve->resources & asked->resources);
}

static bool rule_allows(const struct rbac_role *role, size_t i, const struct attributes *a)
{
    const struct rbac_rule *rule = &role->rules[i];

    if (!a->resource_request || !role->names || !role->names[i])
        return rbac_rule_allows(rule, a);
    return covers_kind(rule, a) && rbac_table_has(role->names[i], rule->names, a->name);
}

static bool role_allows(const struct rbac_grant *grant, const struct attributes *a, const struct rbac_sieve *asked)
{
    const struct rbac_role *role = grant->role;

    if (!role || (!a->resource_request && grant->binding->namespace.n > 0) ||
        (a->resource_request && !passes(&role->sieve, asked)))
        return false;
    for (size_t i = 0; i < role->count; i++)
        if ((!a->resource_request || passes(&role->sieves[i], asked)) && rule_allows(role, i, a))
            return true;
    return false;
}

static bytes scope_of(const struct attributes *a)
{
    return a->resource_request ? a->namespace : BYTES_NONE;
}

bool rbac_allows(const struct rbac *rbac, const struct attributes *a, struct rbac_grant *ret_grant)
{
    const struct rbac_sieve asked = {rbac_bit(a->verb), rbac_bit(a->resource)};
    struct rbac_walk walk;
    struct rbac_grant grant;

    rbac_walk_begin(&walk, rbac, a->user, scope_of(a));
    while (rbac_walk_next(&walk, &grant))
        if (role_allows(&grant, a, &asked)) {
            if (ret_grant)
                *ret_grant = grant;
            return true;
        }
    return false;
}

/* ---- What is said. */

#define COMPARISONS_MOST 65536

/* The first subject that applies, as kube-apiserver tells it; where it takes long to find, the one that led here. */
static const struct rbac_subject *told_subject(const struct rbac_grant *grant, const struct user *user)
{
    const struct rbac_subject *subject = grant->binding->subjects;
    bool any = grant->binding->count * (user->group_count + 1) <= COMPARISONS_MOST;

    for (;; subject++) /* there is one: the binding was found by it */
        if ((subject->group == grant->group && bytes_equal(subject->as, grant->subject)) ||
            (any && (subject->group ? user_in_group(user, subject->as) : bytes_equal(subject->as, user->name))))
            return subject;
}

bytes rbac_reason(struct arena *arena, const struct rbac_grant *grant, const struct user *user)
{
    const struct rbac_binding *b = grant->binding;
    const struct rbac_subject *subject = told_subject(grant, user);
    const char *of = b->cluster_role ? "ClusterRole" : "Role";
    bytes name;

    name = subject->namespace.n > 0
               ? arena_format(arena, "%.*s/%.*s", BYTES_FMT(subject->name), BYTES_FMT(subject->namespace))
               : subject->name;
    if (!name.p)
        return BYTES_NONE;
    if (b->namespace.n == 0)
        return arena_format(arena, "RBAC: allowed by ClusterRoleBinding \"%.*s\" of %s \"%.*s\" to %.*s \"%.*s\"",
            BYTES_FMT(b->name), of, BYTES_FMT(b->role_name), BYTES_FMT(subject->kind), BYTES_FMT(name));
    return arena_format(arena, "RBAC: allowed by RoleBinding \"%.*s/%.*s\" of %s \"%.*s\" to %.*s \"%.*s\"",
        BYTES_FMT(b->name), BYTES_FMT(b->namespace), of, BYTES_FMT(b->role_name), BYTES_FMT(subject->kind),
        BYTES_FMT(name));
}

#define MISSING_MOST 16 /* told of */

static bool is_among(bytes text, const bytes *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(list[i], text))
            return true;
    return false;
}

bytes rbac_missing(struct arena *arena, const struct rbac *rbac, const struct attributes *a)
{
    struct rbac_walk walk;
    struct rbac_grant grant;
    bytes told[MISSING_MOST];
    struct buffer texts;
    size_t count = 0;

    buffer_init(&texts, arena);
    rbac_walk_begin(&walk, rbac, a->user, scope_of(a));
    while (count < MISSING_MOST && rbac_walk_next(&walk, &grant)) {
        if (grant.role || is_among(grant.binding->role_key, told, count))
            continue;
        buffer_format(&texts, "%s%s.rbac.authorization.k8s.io \"%.*s\" not found", count ? ", " : "",
            grant.binding->cluster_role ? "clusterrole" : "role", BYTES_FMT(grant.binding->role_name));
        told[count++] = grant.binding->role_key;
    }
    if (count == 0)
        return BYTES("");
    if (texts.failed)
        return BYTES_NONE;
    return arena_format(arena, count > 1 ? "RBAC: [%.*s]" : "RBAC: %.*s", BYTES_FMT(buffer_bytes(&texts)));
}

/* ---- Names. */

static int by_text(const void *a, const void *b)
{
    return bytes_compare(*(const bytes *)a, *(const bytes *)b);
}

struct names {
    bytes *items;
    size_t count, capacity;
};

static err_t add_names(struct arena *arena, struct names *names, struct rbac_texts more, struct error *error)
{
    if (names->count + more.count > RBAC_NAMES_MOST)
        return error_set(
            error, ERR_TOO_LARGE, "rules give more than %d names, too many for a filtered list", RBAC_NAMES_MOST);
    if (names->count + more.count > names->capacity) {
        size_t capacity = 2 * names->capacity + more.count;
        bytes *items = arena_alloc(arena, capacity * sizeof *items);
        if (!items)
            return arena_error(arena, error);
        if (names->count > 0)
            memcpy(items, names->items, names->count * sizeof *items);
        names->items = items;
        names->capacity = capacity;
    }
    for (size_t i = 0; i < more.count; i++)
        if (!(names->items[names->count++] = arena_copy(arena, more.items[i])).p)
            return arena_error(arena, error);
    return ERR_OK;
}

err_t rbac_names(struct arena *arena, const struct rbac *rbac, const struct attributes *a, const bytes **ret,
    size_t *ret_count, struct error *error)
{
    struct rbac_walk walk;
    struct rbac_grant grant;
    struct names names = {0};
    size_t kept = 0;

    rbac_walk_begin(&walk, rbac, a->user, scope_of(a));
    while (rbac_walk_next(&walk, &grant))
        for (size_t i = 0; grant.role && i < grant.role->count; i++)
            if (covers_kind(&grant.role->rules[i], a))
                TRY(add_names(arena, &names, grant.role->rules[i].names, error));
    if (names.count > 0)
        qsort(names.items, names.count, sizeof names.items[0], by_text);
    for (size_t i = 0; i < names.count; i++)
        if (kept == 0 || !bytes_equal(names.items[i], names.items[kept - 1]))
            names.items[kept++] = names.items[i];
    *ret = names.items;
    *ret_count = kept;
    return ERR_OK;
}
