/* SPDX-License-Identifier: Apache-2.0 */
/* ClusterRoles with an aggregationRule: their rules are those of the roles that it selects, by name, each once. */
#include "api/selector.h"
#include "control/controllers.h"

#define GATHER_MS  20 /* what changes together is gathered once */
#define EVERYTHING BYTES("all")

static bool has_rule(const struct json *rules, const struct json *rule)
{
    const struct json *each = rules->first;

    while (each && !json_equal(each, rule))
        each = each->next;
    return each != NULL;
}

/* The roles come ordered by name. */
static err_t gather_selected(struct arena *arena, const struct json *roles, const struct json *self,
    const struct json *label_selector, struct json *into, struct error *error)
{
    struct selector selector;
    struct buffer text;

    buffer_init(&text, arena);
    label_selector_write(&text, label_selector);
    if (text.failed)
        return arena_error(arena, error);
    TRY(label_selector_parse(arena, buffer_bytes(&text), &selector, error));
    for (const struct json *role = roles->first; role; role = role->next) {
        const struct json *labels = json_at(role, BYTES("metadata"), BYTES("labels"), BYTES_NONE);
        const struct json *rules = json_get(role, BYTES("rules"));
        if (role == self || !label_selector_matches(&selector, labels))
            continue;
        for (const struct json *rule = rules ? rules->first : NULL; rule; rule = rule->next)
            if (!has_rule(into, rule) && !json_append(into, json_copy(arena, rule)))
                return arena_error(arena, error);
    }
    return ERR_OK;
}

static err_t settle(struct worker *worker, struct arena *arena, const struct kind *kind, const struct json *roles,
    struct json *role, struct error *error)
{
    const struct json *selectors = json_at(role, BYTES("aggregationRule"), BYTES("clusterRoleSelectors"), BYTES_NONE);
    const struct json *before = json_get(role, BYTES("rules"));
    struct json *rules = json_new(arena, JSON_ARRAY), *answer;
    bytes name = json_text(json_get(role, BYTES("metadata")), BYTES("name"));
    bytes path;

    if (!json_get(role, BYTES("aggregationRule")))
        return ERR_OK;
    if (!rules)
        return arena_error(arena, error);
    for (const struct json *s = selectors ? selectors->first : NULL; s; s = s->next)
        TRY(gather_selected(arena, roles, role, s, rules, error));
    if (before && before->type == JSON_ARRAY ? json_equal(before, rules) : rules->count == 0)
        return ERR_OK;
    path = api_kind_path(arena, kind, BYTES_NONE, name);
    if (!path.p || !json_set(role, BYTES("rules"), rules))
        return arena_error(arena, error);
    err_t code = worker_send(worker, arena, "PUT", path, role, &answer, error);
    return code == ERR_NOT_FOUND ? ERR_OK : code; /* it went meanwhile */
}

static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    const struct kind *kind =
        kind_by_resource(registry_current(), BYTES("rbac.authorization.k8s.io"), BYTES("v1"), BYTES("clusterroles"));
    bytes path = api_kind_path(arena, kind, BYTES_NONE, BYTES_NONE);
    const struct json *roles;
    struct json *list;

    (void)key;
    if (!path.p)
        return arena_error(arena, error);
    TRY(api_get(worker->client, arena, path, &list, error));
    roles = json_get(list, BYTES("items"));
    for (struct json *role = roles ? roles->first : NULL; role; role = role->next)
        TRY(settle(worker, arena, kind, roles, role, error));
    return ERR_OK;
}

static void changed(struct worker *worker, const struct kind *kind, const struct json *object, enum api_event_type type)
{
    (void)kind, (void)object, (void)type;
    worker_enqueue(worker, EVERYTHING, GATHER_MS);
}

static const struct collection collections[] = {{"rbac.authorization.k8s.io", "v1", "clusterroles", NULL, true}};

const struct controller cluster_role_aggregation_controller = {
    .name = "clusterrole-aggregation-controller",
    .collections = collections,
    .collection_count = ARRAY_LEN(collections),
    .changed = changed,
    .reconcile = reconcile,
};
