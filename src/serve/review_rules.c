/* SPDX-License-Identifier: Apache-2.0 */
/* What may the caller do in a namespace: the rules of all roles that are bound to them, in the cluster and there, as
 * they are written: ordered by their bindings, each binding once. Rules about paths hold in the cluster alone. */
#include "access/rbac.h"
#include "kinds/kinds.h"
#include "serve/review.h"

#include <stdlib.h>

#define NODE_SENTENCE "node authorizer does not support user rule resolution"

struct grants {
    struct rbac_grant *items;
    size_t count;
};

/* Those of the cluster first. */
static int order_of(const void *a, const void *b)
{
    const struct rbac_binding *x = ((const struct rbac_grant *)a)->binding,
                              *y = ((const struct rbac_grant *)b)->binding;
    bool x_cluster = x->namespace.n == 0, y_cluster = y->namespace.n == 0;

    return x_cluster != y_cluster ? y_cluster - x_cluster : bytes_compare(x->key, y->key);
}

static err_t find_grants(struct request *r, bytes namespace, struct grants *ret)
{
    const struct rbac *rbac = rbac_current();
    struct rbac_grant grant;
    struct rbac_walk walk;
    size_t n = 0, kept = 0;

    rbac_walk_begin(&walk, rbac, &r->user, namespace);
    while (rbac_walk_next(&walk, &grant))
        n++;
    ret->items = arena_alloc(r->arena, n * sizeof *ret->items);
    if (!ret->items)
        return arena_error(r->arena, &r->error);
    rbac_walk_begin(&walk, rbac, &r->user, namespace);
    for (size_t i = 0; i < n; i++)
        (void)rbac_walk_next(&walk, &ret->items[i]);
    if (n > 0)
        qsort(ret->items, n, sizeof *ret->items, order_of);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || ret->items[i].binding != ret->items[kept - 1].binding)
            ret->items[kept++] = ret->items[i];
    ret->count = kept;
    return ERR_OK;
}

/* ---- Writing. */

static bool put_texts(struct arena *arena, struct json *rule, const char *name, struct rbac_texts texts)
{
    return texts.count == 0 || json_add(rule, bytes_of(name), review_texts(arena, texts.items, texts.count));
}

static bool put_rule(struct arena *arena, const struct rbac_rule *from, struct json *resources)
{
    struct json *rule = json_append(resources, json_new(arena, JSON_OBJECT));

    return rule && put_texts(arena, rule, "verbs", from->verbs) && put_texts(arena, rule, "apiGroups", from->groups) &&
           put_texts(arena, rule, "resources", from->resources) && put_texts(arena, rule, "resourceNames", from->names);
}

static bool put_path_rule(struct arena *arena, const struct rbac_rule *from, struct json *paths)
{
    struct json *rule = json_append(paths, json_new(arena, JSON_OBJECT));

    return rule && put_texts(arena, rule, "verbs", from->verbs) &&
           put_texts(arena, rule, "nonResourceURLs", from->urls);
}

static bool put_grant(struct arena *arena, const struct rbac_grant *grant, struct json *resources, struct json *paths)
{
    bool cluster = grant->binding->namespace.n == 0;

    for (size_t i = 0; grant->role && i < grant->role->count; i++) {
        const struct rbac_rule *rule = &grant->role->rules[i];
        if ((rule->resources.count > 0 && !put_rule(arena, rule, resources)) ||
            (cluster && rule->urls.count > 0 && !put_path_rule(arena, rule, paths)))
            return false;
    }
    return true;
}

/* ---- What is not known: what nodes may, and roles that nobody made. */

static bytes tell_flaws(struct request *r, bytes namespace, bool node)
{
    const struct attributes attributes = {.user = &r->user, .resource_request = true, .namespace = namespace};
    bytes missing = rbac_missing(r->arena, rbac_current(), &attributes);

    if (!missing.p)
        return BYTES_NONE;
    missing = bytes_skip(missing, missing.n > 0 ? sizeof "RBAC: " - 1 : 0);
    if (!node || missing.n == 0)
        return node ? BYTES(NODE_SENTENCE) : missing;
    return arena_join(r->arena, BYTES("[" NODE_SENTENCE ", "), missing, BYTES("]"), ARENA_END);
}

err_t review_rules(struct request *r)
{
    bytes namespace = json_text(json_get(r->object, BYTES("spec")), BYTES("namespace")), node, flaws;
    struct json *status = json_new(r->arena, JSON_OBJECT), *resources, *paths;
    bool is_node = user_is_node(&r->user, &node), fine;
    struct grants grants = {0};

    if (namespace.n == 0)
        return error_set(&r->error, ERR_BAD_REQUEST, "no namespace on request");
    resources = json_add(status, BYTES("resourceRules"), json_new(r->arena, JSON_ARRAY));
    paths = json_add(status, BYTES("nonResourceRules"), json_new(r->arena, JSON_ARRAY));
    fine = resources && paths && json_add(status, BYTES("incomplete"), json_bool(r->arena, is_node));
    flaws = tell_flaws(r, namespace, is_node);
    if (flaws.n > 0)
        fine = fine && json_add(status, BYTES("evaluationError"), json_string(r->arena, flaws));
    TRY(find_grants(r, namespace, &grants));
    for (size_t i = 0; fine && i < grants.count; i++)
        fine = put_grant(r->arena, &grants.items[i], resources, paths);
    if (!fine || !flaws.p)
        return arena_error(r->arena, &r->error);
    TRY(review_begin_anew(r));
    if (!json_add(r->object, BYTES("spec"), json_new(r->arena, JSON_OBJECT)))
        return arena_error(r->arena, &r->error);
    return review_set_status(r, status);
}
