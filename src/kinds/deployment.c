/* SPDX-License-Identifier: Apache-2.0 */
#include "api/present.h"
#include "kinds/kinds.h"
#include "kinds/workload.h"

static bool default_strategy(struct arena *arena, struct json *spec)
{
    struct json *strategy = tree_member(arena, spec, "strategy", JSON_OBJECT);
    if (!strategy || !tree_default_text(arena, strategy, "type", "RollingUpdate"))
        return false;
    if (!bytes_equal(tree_text(strategy, "type"), BYTES("RollingUpdate")))
        return true;
    struct json *rolling = tree_member(arena, strategy, "rollingUpdate", JSON_OBJECT);
    return rolling &&
           (json_get(rolling, BYTES("maxUnavailable")) ||
               tree_set_text(arena, rolling, "maxUnavailable", BYTES("25%"))) &&
           (json_get(rolling, BYTES("maxSurge")) || tree_set_text(arena, rolling, "maxSurge", BYTES("25%")));
}

static err_t deployment_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = tree_member(arena, object, "spec", JSON_OBJECT);
    if (!spec || !default_strategy(arena, spec))
        return arena_error(arena, error);
    TRY(workload_template_set_defaults(arena, json_get(spec, BYTES("template")), error));
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

static void check_strategy(const struct field *strategy)
{
    static const char *const types[] = {"Recreate", "RollingUpdate"};
    const struct field *rolling = FIELD(strategy, "rollingUpdate");
    const struct field *unavailable = FIELD(rolling, "maxUnavailable"), *surge = FIELD(rolling, "maxSurge");
    if (field_is(FIELD(strategy, "type"), "Recreate")) {
        if (rolling->value)
            field_forbidden(rolling, "may not be specified when strategy `type` is 'Recreate'");
        return;
    }
    if (!field_is(FIELD(strategy, "type"), "RollingUpdate")) {
        FIELD_UNSUPPORTED(strategy, types);
        return;
    }
    check_int_or_percent(unavailable);
    check_int_or_percent(surge);
    if (int_or_percent(unavailable) == 0 && int_or_percent(surge) == 0)
        field_invalid(unavailable, "may not be 0 when `maxSurge` is 0");
    check_at_most_all(unavailable);
}

static void check_status(const struct field *status, const struct json *old)
{
    static const char *const numbers[] = {"observedGeneration", "replicas", "updatedReplicas", "readyReplicas",
        "availableReplicas", "unavailableReplicas", "terminatingReplicas", "collisionCount"};
    static const char *const bounded[] = {"updatedReplicas", "readyReplicas", "availableReplicas"};
    WORKLOAD_NUMBERS_CHECK(status, numbers);
    workload_replicas_check(status, bounded, ARRAY_LEN(bounded), "readyReplicas");
    workload_collision_count_check(status, json_get(old, BYTES("status")));
}

static void deployment_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const char *const numbers[] = {"minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"};
    struct check check = {arena, error};
    struct field root = field_root(&check, "", object);
    const struct field *spec = FIELD(&root, "spec"), *deadline = FIELD(spec, "progressDeadlineSeconds");
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS) {
        check_status(FIELD(&root, "status"), old);
        return;
    }
    check_not_negative(FIELD(spec, "replicas"));
    if (!workload_selector_check(spec, true, "deployment"))
        field_invalid(FIELD(spec, "selector"), "invalid label selector");
    else
        workload_template_check(FIELD(spec, "template"), FIELD(spec, "selector")->value, NULL, "ReplicaSet");
    check_strategy(FIELD(spec, "strategy"));
    WORKLOAD_NUMBERS_CHECK(spec, numbers);
    if (deadline->value && field_integer(deadline, 0) <= field_integer(FIELD(spec, "minReadySeconds"), 0))
        field_invalid(deadline, "must be greater than minReadySeconds");
    if (old)
        check_immutable(FIELD(spec, "selector"), tree_at(old, "spec", "selector", NULL));
}

static void deployment_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    (void)kind;
    buffer_format(b, ",\"%lld/%lld\"", (long long)tree_integer(status, "readyReplicas", 0),
        (long long)tree_integer(spec, "replicas", 0));
    put_number_cell(b, tree_integer(status, "updatedReplicas", 0));
    put_number_cell(b, tree_integer(status, "availableReplicas", 0));
    put_age_cell(b, object, now);
    put_container_cells(arena, b, tree_at(spec, "template", "spec", NULL));
    put_selector_cell(arena, b, json_get(spec, BYTES("selector")));
}

const struct kind_rules deployment_rules = {
    .set_defaults = deployment_set_defaults,
    .validate = deployment_validate,
    .warn = workload_warn,
    .cells = deployment_cells,
};
