/* SPDX-License-Identifier: Apache-2.0 */
/* Binding and eviction. */
#include "base/clock.h"
#include "kinds/kinds.h"
#include "kinds/workload.h"
#include "text/utf8.h"

/* ---- Conditions */

bool pod_set_condition(struct arena *arena, struct json *pod, const char *type, const char *status, const char *reason,
    const char *message, int64_t now)
{
    char time[CLOCK_RFC3339_SIZE];
    struct json *conditions =
        tree_member(arena, tree_member(arena, pod, "status", JSON_OBJECT), "conditions", JSON_ARRAY);
    struct json *condition = conditions ? conditions->first : NULL;
    while (condition && !bytes_equal(tree_text(condition, "type"), bytes_of(type)))
        condition = condition->next;
    bool same = condition && bytes_equal(tree_text(condition, "status"), bytes_of(status));
    if (!condition)
        condition = json_append(conditions, json_new(arena, JSON_OBJECT));
    clock_format(now, time);
    bytes moment = arena_copy(arena, bytes_of(time));
    if (!condition || !moment.p || !tree_set_text(arena, condition, "type", bytes_of(type)) ||
        !tree_set_text(arena, condition, "status", bytes_of(status)) ||
        (!json_get(condition, BYTES("lastProbeTime")) &&
            !json_set(condition, BYTES("lastProbeTime"), json_new(arena, JSON_NULL))) ||
        (!same && !tree_set_text(arena, condition, "lastTransitionTime", moment)))
        return false;
    json_remove(condition, BYTES("reason"));
    json_remove(condition, BYTES("message"));
    return (!reason || tree_set_text(arena, condition, "reason", bytes_of(reason))) &&
           (!message || tree_set_text(arena, condition, "message", bytes_of(message)));
}

/* ---- Binding */

static err_t check_binding(struct arena *arena, bytes name, const struct json *binding, struct error *error)
{
    static const char *const kinds[] = {"Node", "<empty>"};
    struct error why;
    struct buffer text;
    if (!bytes_equal(name, tree_text(json_get(binding, BYTES("metadata")), "name")))
        return error_set(error, ERR_BAD_REQUEST, "name in URL does not match name in Binding object");
    error_init(&why, arena);
    struct check check = {arena, &why};
    struct field root = field_root(&check, "", binding);
    const struct field *target = FIELD(&root, "target"), *kind = FIELD(target, "kind");
    if (field_text(kind).n && !field_is(kind, "Node"))
        FIELD_UNSUPPORTED(kind, kinds);
    (void)check_not_empty(FIELD(target, "name"));
    if (why.code == ERR_OK)
        return ERR_OK;
    buffer_init(&text, arena);
    buffer_text(&text, why.cause_count > 1 ? "[" : "");
    for (const struct cause *cause = why.causes; cause; cause = cause->next)
        buffer_format(
            &text, "%s%.*s: %.*s", cause == why.causes ? "" : ", ", BYTES_FMT(cause->field), BYTES_FMT(cause->message));
    buffer_text(&text, why.cause_count > 1 ? "]" : "");
    return text.failed ? arena_error(arena, error)
                       : error_set(error, ERR_UNKNOWN, "%.*s", BYTES_FMT(buffer_bytes(&text)));
}

#define CONFLICT "Operation cannot be fulfilled on pods/binding \"%.*s\": "

static err_t check_bindable(struct arena *arena, bytes name, const struct json *pod, struct error *error)
{
    const struct json *spec = json_get(pod, BYTES("spec"));
    bytes node = tree_text(spec, "nodeName"), quoted = utf8_quote(arena, node);
    if (tree_text(json_get(pod, BYTES("metadata")), "deletionTimestamp").n)
        return error_set(error, ERR_CONFLICT, CONFLICT "pod %.*s is being deleted, cannot be assigned to a host",
            BYTES_FMT(name), BYTES_FMT(name));
    if (node.n)
        return error_set(error, ERR_CONFLICT, CONFLICT "pod %.*s is already assigned to node %.*s", BYTES_FMT(name),
            BYTES_FMT(name), BYTES_FMT(quoted));
    if (tree_first(spec, "schedulingGates"))
        return error_set(error, ERR_CONFLICT, CONFLICT "pod %.*s has non-empty .spec.schedulingGates", BYTES_FMT(name),
            BYTES_FMT(name));
    return ERR_OK;
}

static bool take_annotations(struct arena *arena, struct json *pod, const struct json *binding)
{
    const struct json *from = json_get(json_get(binding, BYTES("metadata")), BYTES("annotations"));
    if (!from || !from->count)
        return true;
    struct json *to = tree_member(arena, json_get(pod, BYTES("metadata")), "annotations", JSON_OBJECT);
    for (const struct json *value = from->first; value; value = value->next)
        if (!json_set(to, value->key, json_copy(arena, value)))
            return false;
    return true;
}

err_t pod_bind(struct arena *arena, const struct kind *kind, bytes name, struct json *pod, const struct json *binding,
    int64_t now, struct error *error)
{
    const struct json *node = tree_at(binding, "target", "name", NULL);
    struct json *spec = json_get(pod, BYTES("spec"));
    TRY(check_binding(arena, name, binding, error));
    TRY(check_bindable(arena, name, pod, error));
    json_remove(json_get(pod, BYTES("status")), BYTES("nominatedNodeName"));
    if (!spec || !tree_set_copy(arena, spec, "nodeName", node) || !take_annotations(arena, pod, binding) ||
        !pod_set_condition(arena, pod, "PodScheduled", "True", NULL, NULL, now))
        return arena_error(arena, error);
    schema_arrange(kind->schema, pod);
    return ERR_OK;
}

/* ---- Eviction */

#define TOO_MANY       "Cannot evict pod as it would violate the pod's disruption budget."
#define DISRUPTED_MOST 2000

static bool is_unguarded(const struct json *pod)
{
    static const char *const phases[] = {"Succeeded", "Failed", "Pending"};
    bytes phase = tree_text(json_get(pod, BYTES("status")), "phase");
    for (size_t i = 0; i < ARRAY_LEN(phases); i++)
        if (bytes_equal(phase, bytes_of(phases[i])))
            return true;
    return tree_text(json_get(pod, BYTES("metadata")), "deletionTimestamp").n > 0;
}

static err_t refuse(struct arena *arena, bytes cause, unsigned retry, struct eviction_refusal *ret, struct error *error)
{
    if (!cause.p)
        return arena_error(arena, error);
    *ret = (struct eviction_refusal){cause, retry};
    return error_set(error, ERR_TOO_MANY_REQUESTS, TOO_MANY);
}

/* None may be disrupted any more: the condition says so. */
static bool set_exhausted(struct arena *arena, struct json *status, bytes moment)
{
    struct json *conditions = tree_member(arena, status, "conditions", JSON_ARRAY);
    struct json *condition = conditions ? conditions->first : NULL;
    while (condition && !bytes_equal(tree_text(condition, "type"), BYTES("DisruptionAllowed")))
        condition = condition->next;
    bool same = condition && bytes_equal(tree_text(condition, "status"), BYTES("False"));
    if (!condition)
        condition = json_append(conditions, json_new(arena, JSON_OBJECT));
    return condition && tree_set_text(arena, condition, "type", BYTES("DisruptionAllowed")) &&
           tree_set_text(arena, condition, "status", BYTES("False")) &&
           tree_set_copy(arena, condition, "observedGeneration", json_get(status, BYTES("observedGeneration"))) &&
           (same || tree_set_text(arena, condition, "lastTransitionTime", moment)) &&
           tree_set_text(arena, condition, "reason", BYTES("InsufficientPods")) &&
           tree_set_text(arena, condition, "message", BYTES(""));
}

static err_t count_disruption(struct arena *arena, struct json *budget, bytes pod, int64_t now, struct error *error)
{
    char time[CLOCK_RFC3339_SIZE];
    struct json *status = json_get(budget, BYTES("status"));
    struct json *disrupted = tree_member(arena, status, "disruptedPods", JSON_OBJECT);
    int64_t left = tree_integer(status, "disruptionsAllowed", 0) - 1;
    clock_format(now, time);
    bytes moment = arena_copy(arena, bytes_of(time));
    if (!disrupted || !moment.p || !tree_set_integer(arena, status, "disruptionsAllowed", left) ||
        !json_set(disrupted, pod, json_string(arena, moment)) || (left == 0 && !set_exhausted(arena, status, moment)))
        return arena_error(arena, error);
    schema_arrange(pod_disruption_budget_kind.schema, budget);
    return ERR_OK;
}

static err_t ask_budget(struct arena *arena, struct json *budget, bytes pod, int64_t now,
    struct eviction_refusal *ret_refusal, struct error *error)
{
    const struct json *status = json_get(budget, BYTES("status")), *metadata = json_get(budget, BYTES("metadata"));
    const struct json *disrupted = json_get(status, BYTES("disruptedPods"));
    bytes name = tree_text(metadata, "name");
    int64_t allowed = tree_integer(status, "disruptionsAllowed", 0);
    if (tree_integer(status, "observedGeneration", 0) < tree_integer(metadata, "generation", 0))
        return refuse(arena,
            arena_format(arena, "The disruption budget %.*s is still being processed by the server.", BYTES_FMT(name)),
            10, ret_refusal, error);
    if (allowed < 0)
        return error_set(error, ERR_FORBIDDEN,
            "poddisruptionbudget.policy \"%.*s\" is forbidden: pdb disruptions allowed is negative", BYTES_FMT(name));
    if (disrupted && disrupted->count > DISRUPTED_MOST)
        return error_set(error, ERR_FORBIDDEN,
            "poddisruptionbudget.policy \"%.*s\" is forbidden: DisruptedPods map too big - too many evictions not "
            "confirmed by PDB controller",
            BYTES_FMT(name));
    if (allowed == 0)
        return refuse(arena,
            arena_format(arena, "The disruption budget %.*s needs %lld healthy pods and has %lld currently",
                BYTES_FMT(name), (long long)tree_integer(status, "desiredHealthy", 0),
                (long long)tree_integer(status, "currentHealthy", 0)),
            0, ret_refusal, error);
    return count_disruption(arena, budget, pod, now, error);
}

static bool may_go_unhealthy(const struct json *pod, const struct json *budget)
{
    const struct json *status = json_get(budget, BYTES("status"));
    int64_t desired = tree_integer(status, "desiredHealthy", 0);
    if (pod_condition_true(pod, "Ready"))
        return false;
    return bytes_equal(
               tree_text(json_get(budget, BYTES("spec")), "unhealthyPodEvictionPolicy"), BYTES("AlwaysAllow")) ||
           (desired > 0 && tree_integer(status, "currentHealthy", 0) >= desired);
}

err_t pod_evict(struct arena *arena, const struct json *pod, struct json *const *budgets, size_t count, int64_t now,
    enum eviction *ret, struct json **ret_budget, struct eviction_refusal *ret_refusal, struct error *error)
{
    const struct json *metadata = json_get(pod, BYTES("metadata"));
    struct json *found = NULL;
    *ret = EVICTION_ALLOWED;
    if (is_unguarded(pod))
        return ERR_OK;
    for (size_t i = 0; i < count; i++) {
        if (!selector_selects(
                arena, tree_at(budgets[i], "spec", "selector", NULL), json_get(metadata, BYTES("labels"))))
            continue;
        if (found)
            return error_set(error, ERR_UNKNOWN,
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
        found = budgets[i];
    }
    if (arena->failed != ERR_OK)
        return arena_error(arena, error);
    if (!found || may_go_unhealthy(pod, found))
        return ERR_OK;
    TRY(ask_budget(arena, found, tree_text(metadata, "name"), now, ret_refusal, error));
    *ret = EVICTION_COUNTED;
    *ret_budget = found;
    return ERR_OK;
}

err_t pod_set_disruption_target(
    struct arena *arena, const struct kind *kind, struct json *pod, int64_t now, struct error *error)
{
    if (!pod_set_condition(
            arena, pod, "DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting", now))
        return arena_error(arena, error);
    schema_arrange(kind->schema, pod);
    return ERR_OK;
}
