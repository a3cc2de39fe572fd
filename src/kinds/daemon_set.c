/* SPDX-License-Identifier: Apache-2.0 */
#include "api/present.h"
#include "kinds/kinds.h"
#include "kinds/workload.h"

#define TEMPLATE_GENERATION "deprecated.daemonset.template.generation"

static bool default_strategy(struct arena *arena, struct json *spec)
{
    struct json *strategy = tree_member(arena, spec, "updateStrategy", JSON_OBJECT);
    if (!strategy || !tree_default_text(arena, strategy, "type", "RollingUpdate"))
        return false;
    if (!bytes_equal(tree_text(strategy, "type"), BYTES("RollingUpdate")))
        return true;
    struct json *rolling = tree_member(arena, strategy, "rollingUpdate", JSON_OBJECT);
    return rolling && tree_default_integer(arena, rolling, "maxUnavailable", 1) &&
           tree_default_integer(arena, rolling, "maxSurge", 0);
}

/* Upstream's converter keeps the template's generation in an annotation. */
static bool set_template_generation(struct arena *arena, struct json *object, uint64_t generation)
{
    struct json *metadata = json_get(object, BYTES("metadata"));
    struct json *annotations = tree_member(arena, metadata, "annotations", JSON_OBJECT);
    bytes text = arena_format(arena, "%llu", (unsigned long long)generation);
    if (!annotations || !text.p || !tree_set_text(arena, annotations, TEMPLATE_GENERATION, text))
        return false;
    json_sort(annotations);
    return true;
}

static uint64_t template_generation(const struct json *object)
{
    uint64_t generation;
    bytes text = tree_text(tree_at(object, "metadata", "annotations", NULL), TEMPLATE_GENERATION);
    return bytes_to_uint64(text, &generation) && generation < INT64_MAX ? generation : 0;
}

static err_t daemon_set_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = tree_member(arena, object, "spec", JSON_OBJECT);
    if (!spec || !default_strategy(arena, spec))
        return arena_error(arena, error);
    TRY(workload_template_set_defaults(arena, json_get(spec, BYTES("template")), error));
    if (!template_generation(object) && !set_template_generation(arena, object, 0))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

static err_t daemon_set_prepare(struct arena *arena, const struct kind *kind, enum subresource subresource,
    struct json *object, const struct json *old, struct error *error)
{
    uint64_t generation = 1;
    if (subresource != SUBRESOURCE_NONE)
        return ERR_OK;
    if (old)
        generation = template_generation(old) +
                     !json_alike(tree_at(object, "spec", "template", NULL), tree_at(old, "spec", "template", NULL));
    if (!set_template_generation(arena, object, generation))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

static void check_strategy(const struct field *strategy)
{
    static const char *const types[] = {"RollingUpdate", "OnDelete"};
    const struct field *rolling = FIELD(strategy, "rollingUpdate");
    const struct field *unavailable = FIELD(rolling, "maxUnavailable"), *surge = FIELD(rolling, "maxSurge");
    if (field_is(FIELD(strategy, "type"), "OnDelete"))
        return;
    if (!field_is(FIELD(strategy, "type"), "RollingUpdate")) {
        FIELD_UNSUPPORTED(strategy, types);
        return;
    }
    check_int_or_percent(unavailable);
    check_int_or_percent(surge);
    check_at_most_all(unavailable);
    check_at_most_all(surge);
    if (int_or_percent(unavailable) && int_or_percent(surge))
        field_invalid(surge, "may not be set when maxUnavailable is non-zero");
    else if (!int_or_percent(unavailable) && !int_or_percent(surge))
        field_required_because(unavailable, "cannot be 0 when maxSurge is 0");
}

static void check_status(const struct field *status, const struct json *old)
{
    static const char *const numbers[] = {"currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled",
        "numberReady", "observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable",
        "collisionCount"};
    WORKLOAD_NUMBERS_CHECK(status, numbers);
    workload_collision_count_check(status, json_get(old, BYTES("status")));
}

static void daemon_set_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct json all = {.type = JSON_OBJECT};
    struct check check = {arena, error};
    struct field root = field_root(&check, "", object);
    const struct field *spec = FIELD(&root, "spec"), *selector = FIELD(spec, "selector");
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS) {
        check_status(FIELD(&root, "status"), old);
        return;
    }
    if (old)
        check_immutable(selector, tree_at(old, "spec", "selector", NULL));
    bool selects = workload_selector_check(spec, false, "daemonset");
    workload_template_check(FIELD(spec, "template"), selects ? selector->value : &all, NULL, "DaemonSet");
    check_not_negative(FIELD(spec, "minReadySeconds"));
    check_strategy(FIELD(spec, "updateStrategy"));
    check_not_negative(FIELD(spec, "revisionHistoryLimit"));
}

static void daemon_set_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    static const char *const numbers[] = {
        "desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable"};
    const struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    const struct json *pod = tree_at(spec, "template", "spec", NULL);
    bytes nodes = labels_text(arena, json_get(pod, BYTES("nodeSelector")));
    (void)kind;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        put_number_cell(b, tree_integer(status, numbers[i], 0));
    b->failed = b->failed || !nodes.p;
    put_cell(b, nodes);
    put_age_cell(b, object, now);
    put_container_cells(arena, b, pod);
    put_selector_cell(arena, b, json_get(spec, BYTES("selector")));
}

const struct kind_rules daemon_set_rules = {
    .set_defaults = daemon_set_set_defaults,
    .prepare = daemon_set_prepare,
    .validate = daemon_set_validate,
    .warn = workload_warn,
    .cells = daemon_set_cells,
};
