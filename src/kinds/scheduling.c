/* SPDX-License-Identifier: Apache-2.0 */
/* Priority classes, runtime classes and disruption budgets: what decides where and whether pods run. */
#include "kinds/cells.h"
#include "kinds/check_table.h"
#include "kinds/kinds.h"
#include "kinds/workload.h"

#define USER_PRIORITY_MOST 1000000000

static void priority_class_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"preemptionPolicy", CHECK_ONE_OF, "PreemptLowerPriority Never"},
        {"value", CHECK_FORBIDDEN, "may not be changed in an update."}, {"preemptionPolicy", CHECK_UNCHANGED, NULL}};
    struct check check = {.arena = arena, .error = error};
    struct field value = field_root(&check, "value", json_get(object, BYTES("value")));
    struct field name = field_root(&check, "metadata.name", tree_at(object, "metadata", "name", NULL));
    bool critical = field_is(&name, "system-cluster-critical") || field_is(&name, "system-node-critical");
    (void)kind, (void)subresource;
    if (bytes_start(field_text(&name), BYTES("system-"))) {
        if (!critical)
            field_forbidden(&name,
                "priority class names with 'system-' prefix are reserved for system use only. error: "
                "%.*s is not a known system priority class",
                BYTES_FMT(field_text(&name)));
    } else if (field_integer(&value, 0) > USER_PRIORITY_MOST) {
        field_forbidden(&value, "maximum allowed value of a user defined priority is %d", USER_PRIORITY_MOST);
    }
    CHECK_TABLE(arena, rows, object, old, error);
}

const struct kind_rules priority_class_rules = {.validate = priority_class_validate};

static void runtime_class_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"handler", CHECK_LABEL, ""},
        {"scheduling.nodeSelector", CHECK_LABELS, NULL}, {"handler", CHECK_UNCHANGED, NULL}};
    (void)kind, (void)subresource;
    CHECK_TABLE(arena, rows, object, old, error);
}

const struct kind_rules runtime_class_rules = {.validate = runtime_class_validate};

/* ---- Disruption budgets */

static void budget_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"spec.selector", CHECK_SELECTOR, NULL},
        {"spec.unhealthyPodEvictionPolicy", CHECK_ONE_OF, "AlwaysAllow IfHealthyBudget"},
        {"status.disruptionsAllowed", CHECK_NOT_NEGATIVE, NULL}, {"status.currentHealthy", CHECK_NOT_NEGATIVE, NULL},
        {"status.desiredHealthy", CHECK_NOT_NEGATIVE, NULL}, {"status.expectedPods", CHECK_NOT_NEGATIVE, NULL}};
    static const char *const numbers[] = {"minAvailable", "maxUnavailable"};
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    (void)kind, (void)subresource;
    if (json_get(spec.value, BYTES("minAvailable")) && json_get(spec.value, BYTES("maxUnavailable")))
        field_invalid(&spec, "minAvailable and maxUnavailable cannot be both set");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct field number = field_member(&spec, numbers[i]);
        if (!number.value)
            continue;
        check_int_or_percent(&number);
        check_at_most_all(&number);
    }
    CHECK_TABLE(arena, rows, object, old, error);
}

static void budget_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    static const char *const numbers[] = {"minAvailable", "maxUnavailable"};
    (void)arena, (void)kind;
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        const struct json *number = tree_at(object, "spec", numbers[i], NULL);
        put_cell(b, number ? number->text : BYTES("N/A"));
    }
    put_number_cell(b, tree_integer(json_get(object, BYTES("status")), "disruptionsAllowed", 0));
    put_age_cell(b, object, now);
}

const struct kind_rules pod_disruption_budget_rules = {.validate = budget_validate, .cells = budget_cells};
