/* SPDX-License-Identifier: Apache-2.0 */
#include "api/present.h"
#include "kinds/kinds.h"
#include "kinds/workload.h"

/* Labels of the template stand for a selector and labels that are not given. */
static err_t replication_controller_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = json_get(object, BYTES("spec")), *metadata = json_get(object, BYTES("metadata"));
    const struct json *labels = tree_at(spec, "template", "metadata", "labels", NULL);
    TRY(workload_template_set_defaults(arena, json_get(spec, BYTES("template")), error));
    if (labels && labels->count) {
        if (!tree_first(spec, "selector") && !tree_set_copy(arena, spec, "selector", labels))
            return arena_error(arena, error);
        if (!tree_first(metadata, "labels") && !tree_set_copy(arena, metadata, "labels", labels))
            return arena_error(arena, error);
    }
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

static void check_template(const struct field *spec)
{
    struct arena *arena = spec->check->arena;
    const struct field *template = FIELD(spec, "template"), *labels = FIELD(spec, "selector");
    struct json *selector = json_new(arena, JSON_OBJECT);
    if (!template->value) {
        field_required(template);
        return;
    }
    if (!selector || (labels->value && !json_set(selector, BYTES("matchLabels"), json_copy(arena, labels->value))))
        (void)arena_error(arena, spec->check->error);
    else
        workload_template_check(template, selector, NULL, "ReplicationController");
}

static void check_status(const struct field *status)
{
    static const char *const numbers[] = {
        "replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"};
    static const char *const bounded[] = {"fullyLabeledReplicas", "readyReplicas", "availableReplicas"};
    WORKLOAD_NUMBERS_CHECK(status, numbers);
    workload_replicas_check(status, bounded, ARRAY_LEN(bounded), "readyReplicas");
}

static void replication_controller_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {arena, error};
    struct field root = field_root(&check, "", object);
    const struct field *spec = FIELD(&root, "spec");
    (void)kind, (void)old;
    if (subresource == SUBRESOURCE_STATUS) {
        check_status(FIELD(&root, "status"));
        return;
    }
    check_not_negative(FIELD(spec, "minReadySeconds"));
    if (!field_count(FIELD(spec, "selector")))
        field_required(FIELD(spec, "selector"));
    check_not_negative(FIELD(spec, "replicas"));
    check_template(spec);
}

static void replication_controller_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    bytes selector = labels_text(arena, json_get(spec, BYTES("selector")));
    (void)kind;
    put_number_cell(b, tree_integer(spec, "replicas", 0));
    put_number_cell(b, tree_integer(status, "replicas", 0));
    put_number_cell(b, tree_integer(status, "readyReplicas", 0));
    put_age_cell(b, object, now);
    put_container_cells(arena, b, tree_at(spec, "template", "spec", NULL));
    b->failed = b->failed || !selector.p;
    put_cell(b, selector);
}

const struct kind_rules replication_controller_rules = {
    .set_defaults = replication_controller_set_defaults,
    .validate = replication_controller_validate,
    .warn = workload_warn,
    .cells = replication_controller_cells,
};
