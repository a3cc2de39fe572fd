/* SPDX-License-Identifier: Apache-2.0 */
#include "access/rbac_cover.h"
#include "serve/bootstrap.h"

#define RBAC_GROUP  "rbac.authorization.k8s.io"
#define AGGREGATES  "rbac.authorization.k8s.io/aggregate-to-"
#define AUTO_UPDATE "rbac.authorization.kubernetes.io/autoupdate"

/* ---- From the table to objects. */

/* The text before the separator; *rest is what comes after. */
static bytes take(bytes *rest, uint8_t separator)
{
    bytes part = {rest->p, bytes_find(*rest, separator)};

    *rest = bytes_skip(*rest, part.n < rest->n ? part.n + 1 : part.n);
    return part;
}

static bool add_list(struct arena *arena, struct json *rule, const char *name, bytes texts)
{
    struct json *list = json_add(rule, bytes_of(name), json_new(arena, JSON_ARRAY));

    while (list && texts.n > 0) {
        bytes text = take(&texts, ',');
        if (bytes_equal(text, BYTES("core")))
            text = BYTES("");
        if (!json_append(list, json_string(arena, text)))
            return false;
    }
    return list != NULL;
}

static struct json *rule_of(struct arena *arena, bytes line)
{
    struct json *rule = json_new(arena, JSON_OBJECT);
    bytes verbs = take(&line, ' '), second = take(&line, ' ');
    bool made = add_list(arena, rule, "verbs", verbs);

    if (line.n == 0)
        return made && add_list(arena, rule, "nonResourceURLs", second) ? rule : NULL;
    made = made && add_list(arena, rule, "apiGroups", second) && add_list(arena, rule, "resources", take(&line, ' '));
    if (made && line.n > 0)
        made = add_list(arena, rule, "resourceNames", line);
    return made ? rule : NULL;
}

static struct json *object_of(
    struct arena *arena, const char *kind, const char *namespace, const char *name, const char *aggregates_to)
{
    struct json *object = json_new(arena, JSON_OBJECT), *metadata, *labels, *annotations;
    bool made = json_add(object, BYTES("kind"), json_string(arena, bytes_of(kind))) &&
                json_add(object, BYTES("apiVersion"), json_string(arena, BYTES(RBAC_GROUP "/v1")));

    metadata = made ? json_add(object, BYTES("metadata"), json_new(arena, JSON_OBJECT)) : NULL;
    made = json_add(metadata, BYTES("name"), json_string(arena, bytes_of(name))) &&
           (!namespace || json_add(metadata, BYTES("namespace"), json_string(arena, bytes_of(namespace))));
    labels = made ? json_add(metadata, BYTES("labels"), json_new(arena, JSON_OBJECT)) : NULL;
    made = json_add(labels, BYTES("kubernetes.io/bootstrapping"), json_string(arena, BYTES("rbac-defaults")));
    if (made && aggregates_to) {
        bytes label = arena_join(arena, BYTES(AGGREGATES), bytes_of(aggregates_to), ARENA_END);
        made = label.p && json_add(labels, label, json_string(arena, BYTES("true")));
    }
    annotations = made ? json_add(metadata, BYTES("annotations"), json_new(arena, JSON_OBJECT)) : NULL;
    return json_add(annotations, BYTES(AUTO_UPDATE), json_string(arena, BYTES("true"))) ? object : NULL;
}

/* {"clusterRoleSelectors":[{"matchLabels":{AGGREGATES ROLE:"true"}}]} */
static bool add_aggregation(struct arena *arena, struct json *object, const char *role)
{
    bytes label = arena_join(arena, BYTES(AGGREGATES), bytes_of(role), ARENA_END);
    struct json *rule = json_add(object, BYTES("aggregationRule"), json_new(arena, JSON_OBJECT));
    struct json *list = rule ? json_add(rule, BYTES("clusterRoleSelectors"), json_new(arena, JSON_ARRAY)) : NULL;
    struct json *selector = list ? json_append(list, json_new(arena, JSON_OBJECT)) : NULL;
    struct json *labels = selector ? json_add(selector, BYTES("matchLabels"), json_new(arena, JSON_OBJECT)) : NULL;

    return label.p && labels && json_add(labels, label, json_string(arena, BYTES("true")));
}

struct json *bootstrap_role(struct arena *arena, const struct default_role *role)
{
    struct json *object =
        object_of(arena, role->namespace ? "Role" : "ClusterRole", role->namespace, role->name, role->aggregates_to);
    struct json *rules = object ? json_add(object, BYTES("rules"), json_new(arena, JSON_ARRAY)) : NULL;
    bytes lines = bytes_of(role->rules ? role->rules : "");

    while (rules && lines.n > 0)
        if (!json_append(rules, rule_of(arena, take(&lines, '\n'))))
            return NULL;
    if (rules && role->aggregates && !add_aggregation(arena, object, role->aggregates))
        return NULL;
    return rules ? object : NULL;
}

static struct json *subject_of(struct arena *arena, bytes line)
{
    struct json *subject = json_new(arena, JSON_OBJECT);
    bytes kind = take(&line, ' ');
    bool account = bytes_equal(kind, BYTES("ServiceAccount")), made;

    made = json_add(subject, BYTES("kind"), json_string(arena, kind)) != NULL;
    if (account)
        made = made && json_add(subject, BYTES("namespace"), json_string(arena, take(&line, '/')));
    else
        made = made && json_add(subject, BYTES("apiGroup"), json_string(arena, BYTES(RBAC_GROUP)));
    return made && json_add(subject, BYTES("name"), json_string(arena, line)) ? subject : NULL;
}

struct json *bootstrap_binding(struct arena *arena, const struct default_role *role, bool *ret_none)
{
    const char *of = role->namespace ? "Role" : "ClusterRole";
    bytes lines = bytes_of(role->subjects ? role->subjects : "");
    struct json *object, *subjects, *reference;

    *ret_none = !role->subjects;
    if (*ret_none)
        return NULL;
    object = object_of(arena, role->namespace ? "RoleBinding" : "ClusterRoleBinding", role->namespace,
        role->binding ? role->binding : role->name, NULL);
    subjects = object ? json_add(object, BYTES("subjects"), json_new(arena, JSON_ARRAY)) : NULL;
    while (subjects && lines.n > 0)
        if (!json_append(subjects, subject_of(arena, take(&lines, '\n'))))
            return NULL;
    reference = subjects ? json_add(object, BYTES("roleRef"), json_new(arena, JSON_OBJECT)) : NULL;
    return reference && json_add(reference, BYTES("apiGroup"), json_string(arena, BYTES(RBAC_GROUP))) &&
                   json_add(reference, BYTES("kind"), json_string(arena, bytes_of(of))) &&
                   json_add(reference, BYTES("name"), json_string(arena, bytes_of(role->name)))
               ? object
               : NULL;
}

/* ---- What a stored one lacks. */

/* Members of the default map that the stored one does not have. */
static bool merge_map(
    struct arena *arena, struct json *stored, const struct json *defaults, const char *name, bool *changed)
{
    const struct json *from = json_at(defaults, BYTES("metadata"), bytes_of(name), BYTES_NONE);
    struct json *metadata = json_get(stored, BYTES("metadata")), *to = json_get(metadata, bytes_of(name));

    if (!to && from)
        to = json_set(metadata, bytes_of(name), json_new(arena, JSON_OBJECT));
    for (const struct json *m = from ? from->first : NULL; to && m; m = m->next) {
        if (json_get(to, m->key))
            continue;
        if (!json_set(to, m->key, json_copy(arena, m)))
            return false;
        *changed = true;
    }
    return to || !from;
}

static struct json *list_of(struct arena *arena, struct json *object, const char *name)
{
    struct json *list = json_get(object, bytes_of(name));

    return list && list->type == JSON_ARRAY ? list : json_set(object, bytes_of(name), json_new(arena, JSON_ARRAY));
}

static bool merge_rules(
    struct arena *arena, struct json *stored, const struct json *defaults, bool *changed, struct error *error)
{
    const struct json *from = json_get(defaults, BYTES("rules"));
    const struct rbac_rule *held, *wanted;
    size_t held_count, wanted_count, i = 0;
    struct json *to;

    if (!from || from->count == 0 || json_get(defaults, BYTES("aggregationRule")))
        return true;
    if (rbac_rules_read(arena, stored, &held, &held_count, error) != ERR_OK ||
        rbac_rules_read(arena, defaults, &wanted, &wanted_count, error) != ERR_OK ||
        !(to = list_of(arena, stored, "rules")))
        return false;
    for (const struct json *rule = from->first; rule; rule = rule->next) {
        if (rbac_covers(held, held_count, &wanted[i++]))
            continue;
        if (!json_append(to, json_copy(arena, rule)))
            return false;
        *changed = true;
    }
    return true;
}

/* Items of a list that the stored one does not have so. */
static bool merge_list(
    struct arena *arena, struct json *stored, const struct json *defaults, const char *name, bool *changed)
{
    const struct json *from = json_get(defaults, bytes_of(name));
    struct json *to = from ? list_of(arena, stored, name) : NULL;

    for (const struct json *item = from ? from->first : NULL; to && item; item = item->next) {
        const struct json *had = to->first;
        while (had && !json_equal(had, item))
            had = had->next;
        if (had)
            continue;
        if (!json_append(to, json_copy(arena, item)))
            return false;
        *changed = true;
    }
    return to || !from;
}

static bool merge_aggregation(struct arena *arena, struct json *stored, const struct json *defaults, bool *changed)
{
    const struct json *from = json_get(defaults, BYTES("aggregationRule"));
    struct json *to = json_get(stored, BYTES("aggregationRule"));

    if (!from)
        return true;
    if (to)
        return merge_list(arena, to, from, "clusterRoleSelectors", changed);
    *changed = true;
    return json_set(stored, BYTES("aggregationRule"), json_copy(arena, from)) != NULL;
}

err_t bootstrap_merge(
    struct arena *arena, struct json *stored, const struct json *defaults, bool *ret_changed, struct error *error)
{
    const struct json *annotations = json_at(stored, BYTES("metadata"), BYTES("annotations"), BYTES_NONE);

    *ret_changed = false;
    if (bytes_equal(json_text(annotations, BYTES(AUTO_UPDATE)), BYTES("false")))
        return ERR_OK;
    return merge_map(arena, stored, defaults, "labels", ret_changed) &&
                   merge_map(arena, stored, defaults, "annotations", ret_changed) &&
                   merge_rules(arena, stored, defaults, ret_changed, error) &&
                   merge_aggregation(arena, stored, defaults, ret_changed) &&
                   merge_list(arena, stored, defaults, "subjects", ret_changed)
               ? ERR_OK
               : arena_error(arena, error);
}
