/* SPDX-License-Identifier: Apache-2.0 */
/* HorizontalPodAutoscaler: defaults, rules and cells, all of them of the stored version. */
#include "kinds/autoscaling.h"

#include "api/schemas.h"
#include "kinds/cells.h"
#include "kinds/check_table.h"
#include "kinds/kinds.h"

#define STABILIZATION_MOST 3600
#define PERIOD_MOST        1800
#define METRICS_SHOWN      2

/* ---- Defaults */

static const struct direction {
    const char *name, *policies;
    bool waits;
} directions[] = {{"scaleUp",
                      "[{\"type\":\"Pods\",\"value\":4,\"periodSeconds\":15},{\"type\":\"Percent\",\"value\":100,"
                      "\"periodSeconds\":15}]",
                      true},
    {"scaleDown", "[{\"type\":\"Percent\",\"value\":100,\"periodSeconds\":15}]", false}};

static err_t set_direction(
    struct arena *arena, struct json *behavior, const struct direction *direction, struct error *error)
{
    struct json *rules = tree_member(arena, behavior, direction->name, JSON_OBJECT), *policies;
    TRY(json_parse(arena, bytes_of(direction->policies), &(struct json_options){0}, &policies, NULL, error));
    bool fine = tree_default_text(arena, rules, "selectPolicy", "Max");
    if (direction->waits)
        fine = fine && tree_default_integer(arena, rules, "stabilizationWindowSeconds", 0);
    if (!json_get(rules, BYTES("policies")))
        fine = fine && json_set(rules, BYTES("policies"), policies);
    return fine ? ERR_OK : arena_error(arena, error);
}

/* v1 has a field for the metric, and an annotation for others. */
static err_t set_cpu(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = json_get(object, BYTES("spec"));
    if (tree_text(tree_at(object, "metadata", "annotations", NULL), AUTOSCALING_METRICS).n)
        return ERR_OK;
    if (!tree_default_integer(arena, spec, "targetCPUUtilizationPercentage", AUTOSCALING_DEFAULT_CPU))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

static err_t autoscaler_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = json_get(object, BYTES("spec")), *behavior = json_get(spec, BYTES("behavior"));
    if (kind->stored_as)
        return set_cpu(arena, kind, object, error);
    if (!tree_first(spec, "metrics") && !json_append(json_set(spec, BYTES("metrics"), json_new(arena, JSON_ARRAY)),
                                            autoscaling_cpu_metric(arena, false, AUTOSCALING_DEFAULT_CPU)))
        return arena_error(arena, error);
    for (size_t i = 0; behavior && i < ARRAY_LEN(directions); i++) {
        TRY(set_direction(arena, behavior, &directions[i], error));
        schema_arrange(&schema_hpa_scaling_rules, json_get(behavior, bytes_of(directions[i].name)));
    }
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Rules */

/* In the order in which they are looked at: of a metric with several sources only the first is. */
static const struct metric_source {
    const char *type, *member;
    const char *needs[2], *otherwise; /* one of these members of target */
} sources[] = {{"Object", "object", {"averageValue", "value"}, "must set either a target value or averageValue"},
    {"External", "external", {"averageValue", "value"},
        "must set either a target value for metric or a per-pod target"},
    {"Pods", "pods", {"averageValue", "averageValue"}, "must specify a positive target averageValue"},
    {"Resource", "resource", {"averageUtilization", "averageValue"},
        "must set either a target raw value or a target utilization"},
    {"ContainerResource", "containerResource", {"averageUtilization", "averageValue"},
        "must set either a target raw value or a target utilization"}};

static bool is_positive(const struct field *quantity)
{
    struct quantity parsed;
    return quantity_parse(field_text(quantity), &parsed) && parsed.nano > 0;
}

static void check_target(const struct field *target)
{
    static const char *const quantities[] = {"value", "averageValue"};
    struct field type = field_member(target, "type"), percent = field_member(target, "averageUtilization");
    if (!field_text(&type).n)
        field_required_because(&type, "must specify a metric target type");
    if (!field_is(&type, "Utilization") && !field_is(&type, "Value") && !field_is(&type, "AverageValue"))
        field_invalid(&type, "must be either Utilization, Value, or AverageValue");
    for (size_t i = 0; i < ARRAY_LEN(quantities); i++) {
        struct field quantity = field_member(target, quantities[i]);
        if (quantity.value && !is_positive(&quantity))
            field_invalid(&quantity, "must be positive");
    }
    if (percent.value && field_integer(&percent, 0) < 1)
        field_invalid(&percent, "must be greater than 0");
}

static void check_source(const struct field *source, const struct metric_source *row)
{
    struct field target = field_member(source, "target");
    check_target(&target);
    if (!field_member(&target, row->needs[0]).value && !field_member(&target, row->needs[1]).value)
        field_required_because(FIELD(&target, row->needs[0]), "%s", row->otherwise);
}

static void check_metric(const struct field *metric)
{
    static const char *const types[] = {"ContainerResource", "External", "Object", "Pods", "Resource"};
    struct field type = field_member(metric, "type");
    size_t count = 0;
    bool known = false;
    if (!field_text(&type).n)
        field_required_because(&type, "must specify a metric source type");
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        struct field source = field_member(metric, sources[i].member);
        bool wanted = field_is(&type, sources[i].type);
        known = known || wanted;
        if (source.value && count++ == 0)
            check_source(&source, &sources[i]);
        if (wanted && !source.value)
            field_required_because(&source, "must populate information for the given metric source");
    }
    for (size_t i = 0; count > 1 && i < ARRAY_LEN(sources); i++) {
        struct field source = field_member(metric, sources[i].member);
        if (source.value && !field_is(&type, sources[i].type))
            field_forbidden(&source, "must populate the given metric source only");
    }
    if (!known)
        FIELD_UNSUPPORTED(&type, types);
}

/* New ones name the group of what they scale. */
static void check_group(const struct field *reference)
{
    struct field version = field_member(reference, "apiVersion");
    if (bytes_find(field_text(&version), '/') == field_text(&version).n)
        field_invalid_as(&version,
            arena_join(version.check->arena, BYTES("\""), field_text(&version), BYTES("\""), ARENA_END),
            "apiVersion must specify API group");
}

static void check_scaling_rules(const struct field *rules)
{
    struct field window = field_member(rules, "stabilizationWindowSeconds"), policies = field_member(rules, "policies");
    if (!rules->value)
        return;
    if (field_integer(&window, 0) < 0)
        field_invalid(&window, "must be greater than or equal to zero");
    if (field_integer(&window, 0) > STABILIZATION_MOST)
        field_invalid(&window, "must be less than or equal to %d", STABILIZATION_MOST);
    if (!field_count(&policies))
        field_required_because(&policies, "must specify at least one Policy");
    FIELD_EACH(policy, &policies)
    {
        struct field period = field_member(&policy, "periodSeconds");
        check_positive(FIELD(&policy, "value"));
        check_positive(&period);
        if (field_integer(&period, 0) > PERIOD_MOST)
            field_invalid(&period, "must be less than or equal to %d", PERIOD_MOST);
    }
}

static void check_replicas(const struct field *spec)
{
    struct field least = field_member(spec, "minReplicas"), most = field_member(spec, "maxReplicas");
    if (least.value && field_integer(&least, 1) < 1)
        field_invalid(&least, "must be greater than or equal to 1");
    if (field_integer(&most, 0) < 1)
        field_invalid(&most, "must be greater than 0");
    if (least.value && field_integer(&most, 0) < field_integer(&least, 0))
        field_invalid(&most, "must be greater than or equal to `minReplicas`");
}

static void validate_stored(struct arena *arena, const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"spec.scaleTargetRef.kind", CHECK_NEEDED, NULL},
        {"spec.scaleTargetRef.kind", CHECK_PATH_SEGMENT, NULL}, {"spec.scaleTargetRef.name", CHECK_NEEDED, NULL},
        {"spec.scaleTargetRef.name", CHECK_PATH_SEGMENT, NULL},
        {"spec.metrics[].resource.name", CHECK_NEEDED, "must specify a resource name"},
        {"spec.metrics[].containerResource.name", CHECK_NEEDED, "must specify a resource name"},
        {"spec.metrics[].containerResource.container", CHECK_NEEDED, "must specify a container"},
        {"spec.metrics[].pods.metric.name", CHECK_NEEDED, "must specify a metric name"},
        {"spec.metrics[].object.metric.name", CHECK_NEEDED, "must specify a metric name"},
        {"spec.metrics[].object.describedObject.kind", CHECK_NEEDED, NULL},
        {"spec.metrics[].object.describedObject.name", CHECK_NEEDED, NULL},
        {"spec.metrics[].external.metric.name", CHECK_NEEDED, "must specify a metric name"},
        {"spec.behavior.scaleUp.selectPolicy", CHECK_ONE_OF, "Disabled Max Min"},
        {"spec.behavior.scaleDown.selectPolicy", CHECK_ONE_OF, "Disabled Max Min"},
        {"spec.behavior.scaleUp.policies[].type", CHECK_ONE_OF, "Percent Pods"},
        {"spec.behavior.scaleDown.policies[].type", CHECK_ONE_OF, "Percent Pods"},
        {"status.currentReplicas", CHECK_NOT_NEGATIVE, NULL}, {"status.desiredReplicas", CHECK_NOT_NEGATIVE, NULL}};
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    check_replicas(&spec);
    if (!old)
        check_group(FIELD(&spec, "scaleTargetRef"));
    FIELD_EACH(metric, FIELD(&spec, "metrics"))
    check_metric(&metric);
    check_scaling_rules(FIELD(FIELD(&spec, "behavior"), "scaleUp"));
    check_scaling_rules(FIELD(FIELD(&spec, "behavior"), "scaleDown"));
    CHECK_TABLE(arena, rows, object, old, error);
}

static void autoscaler_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    (void)subresource;
    if (!kind->stored_as) {
        validate_stored(arena, object, old, error);
        return;
    }
    struct json *stored = json_copy(arena, object);
    struct error why;
    error_init(&why, arena);
    if (stored && autoscaling_to_stored(arena, kind, stored, &why) == ERR_OK)
        validate_stored(arena, stored, old, error);
    else if (arena->failed)
        (void)arena_error(arena, error);
    else
        error_cause(
            error, "FieldValueInvalid", BYTES("metadata.annotations"), "Invalid value: %.*s", BYTES_FMT(why.message));
}

/* ---- Cells */

/* "cpu: 12%/80%", with <unknown> for what was not measured yet. */
static void put_metric(struct buffer *b, const struct json *metric, const struct json *measured)
{
    static const char *const members[] = {"averageValue", "averageUtilization", "value"};
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct json *source = json_get(metric, bytes_of(sources[i].member)),
                          *target = json_get(source, BYTES("target")),
                          *current = json_at(measured, bytes_of(sources[i].member), BYTES("current"), BYTES_NONE);
        if (!source)
            continue;
        size_t m = 0;
        while (m + 1 < ARRAY_LEN(members) && !json_get(target, bytes_of(members[m])))
            m++;
        const struct json *is = json_get(current, bytes_of(members[m])),
                          *wanted = json_get(target, bytes_of(members[m]));
        const char *unit = m == 1 ? "%" : "";
        if (tree_text(source, "name").n)
            buffer_format(b, "%.*s: ", BYTES_FMT(tree_text(source, "name")));
        if (is)
            buffer_format(b, "%.*s%s/", BYTES_FMT(is->text), unit);
        else
            buffer_text(b, "<unknown>/");
        if (wanted)
            buffer_format(b, "%.*s%s", BYTES_FMT(wanted->text), unit);
        else
            buffer_text(b, "<auto>");
        if (m == 0 && (bytes_equal(tree_text(metric, "type"), BYTES("External")) ||
                          bytes_equal(tree_text(metric, "type"), BYTES("Object"))))
            buffer_text(b, " (avg)");
        return;
    }
    buffer_text(b, "<unknown type>");
}

static void put_targets(struct arena *arena, struct buffer *b, const struct json *object)
{
    struct buffer text;
    size_t count = 0;
    const struct json *measured = tree_first(json_get(object, BYTES("status")), "currentMetrics");
    buffer_init(&text, arena);
    for (const struct json *m = tree_first(json_get(object, BYTES("spec")), "metrics"); m; m = m->next) {
        if (count++ < METRICS_SHOWN) {
            buffer_text(&text, count > 1 ? ", " : "");
            put_metric(&text, m, measured);
        }
        measured = measured ? measured->next : NULL;
    }
    if (count > METRICS_SHOWN)
        buffer_format(&text, " + %zu more...", count - METRICS_SHOWN);
    b->failed = b->failed || text.failed;
    put_text_cell(b, text.n ? buffer_bytes(&text) : BYTES_NONE, "<none>");
}

static void autoscaler_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    struct json *stored = kind->stored_as ? json_copy(arena, object) : NULL;
    struct error error;
    error_init(&error, arena);
    if (stored && autoscaling_to_stored(arena, kind, stored, &error) == ERR_OK)
        object = stored;
    const struct json *spec = json_get(object, BYTES("spec")), *target = json_get(spec, BYTES("scaleTargetRef")),
                      *least = json_get(spec, BYTES("minReplicas"));
    put_cell(b, arena_join(arena, tree_text(target, "kind"), BYTES("/"), tree_text(target, "name"), ARENA_END));
    put_targets(arena, b, object);
    put_cell(b, least ? least->text : BYTES("<unset>"));
    put_number_cell(b, tree_integer(spec, "maxReplicas", 0));
    put_number_cell(b, tree_integer(json_get(object, BYTES("status")), "currentReplicas", 0));
    put_age_cell(b, object, now);
}

const struct kind_rules horizontal_pod_autoscaler_rules = {.set_defaults = autoscaler_set_defaults,
    .validate = autoscaler_validate,
    .cells = autoscaler_cells,
    .to_stored = autoscaling_to_stored,
    .from_stored = autoscaling_from_stored};
