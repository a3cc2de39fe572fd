/* SPDX-License-Identifier: Apache-2.0 */
/* One snapshot from another: compiled objects are made first, then the maps that they change, and published last. */
#include "access/rbac_snapshot.h"

#include <stdlib.h>

#define PUBLISHED_RBAC 1
#define OBJECT_MEMORY  (64u << 20)

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

/* ---- From objects. */

static bool read_texts(struct arena *arena, const struct json *list, struct rbac_texts *ret)
{
    bytes *items;

    *ret = (struct rbac_texts){0};
    if (!list || list->type != JSON_ARRAY || list->count == 0)
        return true;
    items = arena_alloc(arena, list->count * sizeof *items);
    for (const struct json *item = list->first; items && item; item = item->next) {
        bytes text = item->type == JSON_STRING ? arena_copy(arena, item->text) : BYTES("");
        if (!text.p)
            return false;
        items[ret->count++] = text;
    }
    ret->items = items;
    return items != NULL;
}

static bool read_rule(struct arena *arena, const struct json *rule, struct rbac_rule *ret)
{
    return read_texts(arena, json_get(rule, BYTES("verbs")), &ret->verbs) &&
           read_texts(arena, json_get(rule, BYTES("apiGroups")), &ret->groups) &&
           read_texts(arena, json_get(rule, BYTES("resources")), &ret->resources) &&
           read_texts(arena, json_get(rule, BYTES("resourceNames")), &ret->names) &&
           read_texts(arena, json_get(rule, BYTES("nonResourceURLs")), &ret->urls);
}

err_t rbac_rules_read(struct arena *arena, const struct json *object, const struct rbac_rule **ret, size_t *ret_count,
    struct error *error)
{
    const struct json *list = json_get(object, BYTES("rules"));
    size_t count = list && list->type == JSON_ARRAY ? list->count : 0, at = 0;
    struct rbac_rule *rules = arena_zero(arena, count * sizeof *rules);

    if (!rules)
        return arena_error(arena, error);
    for (const struct json *rule = count ? list->first : NULL; rule; rule = rule->next)
        if (!read_rule(arena, rule, &rules[at++]))
            return arena_error(arena, error);
    *ret = rules;
    *ret_count = count;
    return ERR_OK;
}

uint64_t rbac_bit(bytes text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a: who makes others' bits meet gains a look at rules */

    if (text.n > 0 && text.p[0] == '*')
        return UINT64_MAX;
    for (size_t i = 0; i < text.n && text.p[i] != '/'; i++)
        hash = (hash ^ text.p[i]) * 1099511628211u;
    return UINT64_C(1) << (hash >> 58);
}

static uint64_t bits_of(struct rbac_texts texts)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < texts.count; i++)
        bits |= rbac_bit(texts.items[i]);
    return bits;
}

static bool make_sieves(struct rbac_role *role)
{
    struct rbac_sieve *sieves = arena_alloc(&role->memory, role->count * sizeof *sieves);

    for (size_t i = 0; sieves && i < role->count; i++) {
        sieves[i] = (struct rbac_sieve){bits_of(role->rules[i].verbs), bits_of(role->rules[i].resources)};
        role->sieve.verbs |= sieves[i].verbs;
        role->sieve.resources |= sieves[i].resources;
    }
    role->sieves = sieves;
    return sieves != NULL;
}

static void role_free(struct persistent_value *value)
{
    struct rbac_role *role = (struct rbac_role *)value;

    arena_reset(&role->memory);
    free(role);
}

/* Plain arenas are refused memory by the system, or for the object's size. */
static err_t too_large(const struct arena *memory, struct error *error)
{
    if (memory->failed == ERR_NO_MEMORY)
        return error_set(error, ERR_NO_MEMORY, "no memory for the rules of RBAC");
    return error_set(error, ERR_TOO_LARGE, "its rules take more than %u MiB", OBJECT_MEMORY >> 20);
}

static err_t role_new(bytes key, const struct json *object, struct persistent_value **ret, struct error *error)
{
    struct rbac_role *role = calloc(1, sizeof *role);
    err_t code;

    if (!role)
        return error_set(error, ERR_NO_MEMORY, "no memory for a role");
    role->value = (struct persistent_value){1, role_free};
    arena_init_plain(&role->memory, OBJECT_MEMORY);
    role->key = arena_copy(&role->memory, key);
    code = role->key.p ? rbac_rules_read(&role->memory, object, &role->rules, &role->count, error) : ERR_NO_MEMORY;
    if (code != ERR_OK || !make_sieves(role))
        code = too_large(&role->memory, error);
    if (code == ERR_OK)
        *ret = &role->value;
    else
        role_free(&role->value);
    return code;
}

static void binding_free(struct persistent_value *value)
{
    struct rbac_binding *binding = (struct rbac_binding *)value;

    arena_reset(&binding->memory);
    free(binding);
}

static bool read_subject(struct arena *arena, const struct json *from, bytes namespace, struct rbac_subject *ret)
{
    bytes kind = json_text(from, BYTES("kind")), name = json_text(from, BYTES("name"));
    bytes given = json_text(from, BYTES("namespace"));

    *ret = (struct rbac_subject){.group = bytes_equal(kind, BYTES("Group")),
        .kind = arena_copy(arena, kind),
        .name = arena_copy(arena, name),
        .namespace = BYTES("")};
    ret->as = ret->name;
    if (bytes_equal(kind, BYTES("ServiceAccount"))) {
        ret->namespace = arena_copy(arena, given.n > 0 ? given : namespace);
        ret->as = user_account_name(arena, ret->namespace, name);
    }
    return !arena->failed;
}

static bool read_binding(struct rbac_binding *b, bytes key, const struct json *object)
{
    const struct json *subjects = json_get(object, BYTES("subjects")), *role = json_get(object, BYTES("roleRef"));
    size_t slash, count = subjects && subjects->type == JSON_ARRAY ? subjects->count : 0;
    struct rbac_subject *list = arena_zero(&b->memory, count * sizeof *list);

    b->key = arena_copy(&b->memory, key);
    if (!list || !b->key.p)
        return false;
    slash = bytes_find(b->key, '/');
    b->namespace = slash < key.n ? (bytes){b->key.p, slash} : BYTES("");
    b->name = slash < key.n ? bytes_skip(b->key, slash + 1) : b->key;
    b->cluster_role = bytes_equal(json_text(role, BYTES("kind")), BYTES("ClusterRole"));
    b->role_name = arena_copy(&b->memory, json_text(role, BYTES("name")));
    b->role_key =
        b->cluster_role ? b->role_name : arena_join(&b->memory, b->namespace, BYTES("/"), b->role_name, ARENA_END);
    if (!b->role_name.p || !b->role_key.p)
        return false;
    b->role_hash = persistent_map_hash(b->role_key);
    for (const struct json *s = count ? subjects->first : NULL; s; s = s->next)
        if (!read_subject(&b->memory, s, b->namespace, &list[b->count++]))
            return false;
    b->subjects = list;
    return true;
}

static err_t binding_new(bytes key, const struct json *object, struct persistent_value **ret, struct error *error)
{
    struct rbac_binding *binding = calloc(1, sizeof *binding);

    if (!binding)
        return error_set(error, ERR_NO_MEMORY, "no memory for a role binding");
    binding->value = (struct persistent_value){1, binding_free};
    arena_init_plain(&binding->memory, OBJECT_MEMORY);
    if (!read_binding(binding, key, object)) {
        err_t code = too_large(&binding->memory, error);
        binding_free(&binding->value);
        return code;
    }
    *ret = &binding->value;
    return ERR_OK;
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
        TRY(kind == RBAC_ROLES ? role_new(key, object, &value, error) : binding_new(key, object, &value, error));
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
