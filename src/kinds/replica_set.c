/* SPDX-License-Identifier: Apache-2.0 */
#include "api/present.h"
#include "kinds/kinds.h"
#include "kinds/workload.h"

static err_t replica_set_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    TRY(workload_template_set_defaults(arena, tree_at(object, "spec", "template", NULL), error));
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

static void check_status(const struct field *status)
{
    static const char *const numbers[] = {"replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas",
        "observedGeneration", "terminatingReplicas"};
    static const char *const bounded[] = {"fullyLabeledReplicas", "readyReplicas", "availableReplicas"};
    WORKLOAD_NUMBERS_CHECK(status, numbers);
    workload_replicas_check(status, bounded, ARRAY_LEN(bounded), "readyReplicas");
}

static void replica_set_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const char *const numbers[] = {"replicas", "minReadySeconds"};
    struct check check = {arena, error};
    struct field root = field_root(&check, "", object);
    const struct field *spec = FIELD(&root, "spec");
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS) {
        check_status(FIELD(&root, "status"));
        return;
    }
    WORKLOAD_NUMBERS_CHECK(spec, numbers);
    if (!workload_selector_check(spec, true, "deployment"))
        field_invalid(FIELD(spec, "selector"), "invalid label selector");
    else
        workload_template_check(FIELD(spec, "template"), FIELD(spec, "selector")->value, NULL, "ReplicaSet");
    if (old)
        check_immutable(FIELD(spec, "selector"), tree_at(old, "spec", "selector", NULL));
}

static void replica_set_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    (void)kind;
    put_number_cell(b, tree_integer(spec, "replicas", 0));
    put_number_cell(b, tree_integer(status, "replicas", 0));
    put_number_cell(b, tree_integer(status, "readyReplicas", 0));
    put_age_cell(b, object, now);
    put_container_cells(arena, b, tree_at(spec, "template", "spec", NULL));
    put_selector_cell(arena, b, json_get(spec, BYTES("selector")));
}

const struct kind_rules replica_set_rules = {
    .set_defaults = replica_set_set_defaults,
    .validate = replica_set_validate,
    .warn = workload_warn,
    .cells = replica_set_cells,
};
