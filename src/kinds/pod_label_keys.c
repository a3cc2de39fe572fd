/* SPDX-License-Identifier: Apache-2.0 */
/* matchLabelKeys and mismatchLabelKeys: a new pod's selectors ask for its own values of those labels. */
#include "kinds/pod.h"

static bool add_requirement(
    struct arena *arena, struct json *selector, bytes key, const char *operator, const struct json * value)
{
    struct json *requirement = json_new(arena, JSON_OBJECT), *values = json_new(arena, JSON_ARRAY);
    return requirement && values && tree_set_text(arena, requirement, "key", key) &&
           tree_set_text(arena, requirement, "operator", bytes_of(operator)) &&
           json_append(values, json_string(arena, value->text)) && json_set(requirement, BYTES("values"), values) &&
           json_append(tree_member(arena, selector, "matchExpressions", JSON_ARRAY), requirement);
}

static bool merge(struct arena *arena, const struct json *term, const struct name_table *labels)
{
    static const struct {
        const char *keys, *operator;
    } lists[] = {{"matchLabelKeys", "In"}, {"mismatchLabelKeys", "NotIn"}};
    struct json *selector = json_get(term, BYTES("labelSelector"));
    for (size_t i = 0; selector && selector->type == JSON_OBJECT && i < ARRAY_LEN(lists); i++)
        for (const struct json *key = tree_first(term, lists[i].keys); key; key = key->next) {
            const struct name_row *row = name_table_find(labels, key->text);
            if (row && !add_requirement(arena, selector, key->text, lists[i].operator, row->value))
                return false;
        }
    return true;
}

bool pod_merge_label_keys(struct arena *arena, struct json *pod)
{
    static const char *const affinities[] = {"podAffinity", "podAntiAffinity"};
    const struct json *spec = json_get(pod, BYTES("spec"));
    struct name_table labels = {.arena = arena};
    for (struct json *label = tree_first(json_get(pod, BYTES("metadata")), "labels"); label; label = label->next)
        if (!name_table_add(&labels, label->key, label))
            return false;
    for (const struct json *c = tree_first(spec, "topologySpreadConstraints"); c; c = c->next)
        if (!merge(arena, c, &labels))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(affinities); i++) {
        const struct json *affinity = tree_at(spec, "affinity", affinities[i], NULL);
        const struct json *term = tree_first(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
        for (; term; term = term->next)
            if (!merge(arena, term, &labels))
                return false;
        term = tree_first(affinity, "preferredDuringSchedulingIgnoredDuringExecution");
        for (; term; term = term->next)
            if (!merge(arena, json_get(term, BYTES("podAffinityTerm")), &labels))
                return false;
    }
    return true;
}
