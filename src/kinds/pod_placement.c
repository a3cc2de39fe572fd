/* SPDX-License-Identifier: Apache-2.0 */
/* Where a pod may run: affinity, tolerations, spreading. */
#include "kinds/pod_volumes.h"

/* ---- Nodes */

static void check_node_requirement(const struct field *requirement, bool check_values)
{
    const struct field *operator= FIELD(requirement, "operator"), *values = FIELD(requirement, "values");
    bool compares = field_is(operator, "Gt") || field_is(operator, "Lt");
    if (!check_set_operator(requirement) && !compares)
        field_invalid(operator, "not a valid selector operator");
    if (compares && field_count(values) != 1)
        field_required_because(values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
    check_qualified_name(FIELD(requirement, "key"));
    if (check_values)
        FIELD_EACH(value, values)
    check_label_value(&value);
}

static void check_node_field(const struct field *requirement)
{
    const struct field *operator= FIELD(requirement, "operator"), *values = FIELD(requirement, "values");
    const struct field *key = FIELD(requirement, "key");
    if (!field_is(operator, "In") && !field_is(operator, "NotIn"))
        field_invalid(operator, "not a valid selector operator");
    else if (field_count(values) != 1)
        field_required_because(
            values, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector");
    if (!field_is(key, "metadata.name")) {
        field_invalid(key, "not a valid field selector key");
        return;
    }
    FIELD_EACH(value, values)
    check_dns_subdomain(&value);
}

static void check_node_term(const struct field *term, bool check_values)
{
    const struct field *expressions = FIELD(term, "matchExpressions"), *fields = FIELD(term, "matchFields");
    FIELD_EACH(expression, expressions)
    check_node_requirement(&expression, check_values);
    FIELD_EACH(field, fields)
    check_node_field(&field);
}

void node_selector_check(const struct field *selector, bool check_values)
{
    const struct field *terms = FIELD(selector, "nodeSelectorTerms");
    if (!field_count(terms))
        field_required_because(terms, "must have at least one node selector term");
    FIELD_EACH(term, terms)
    check_node_term(&term, check_values);
}

static void check_weight(const struct field *weight)
{
    int64_t number = field_integer(weight, 0);
    if (number <= 0 || number > 100)
        field_invalid_as(
            weight, arena_format(weight->check->arena, "%lld", (long long)number), "must be in the range 1-100");
}

#define REQUIRED  "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"

static void check_node_affinity(const struct field *affinity)
{
    const struct field *required = FIELD(affinity, REQUIRED), *preferred = FIELD(affinity, PREFERRED);
    if (required->value)
        node_selector_check(required, true);
    FIELD_EACH(term, preferred)
    {
        check_weight(FIELD(&term, "weight"));
        check_node_term(FIELD(&term, "preference"), false);
    }
}

/* ---- Pods */

static void check_label_keys(const struct field *owner, const char *member)
{
    const struct field *keys = FIELD(owner, member);
    if (!field_count(keys))
        return;
    if (!FIELD(owner, "labelSelector")->value) {
        field_forbidden(keys, "must not be specified when labelSelector is not set");
        return;
    }
    FIELD_EACH(key, keys)
    check_qualified_name(&key);
}

/* A new pod's keys are requirements of the selector already: one that is there twice was there before. */
static void check_keys_once(const struct field *term)
{
    const struct field *keys = FIELD(term, "matchLabelKeys"), *selector = FIELD(term, "labelSelector");
    const struct field *labels = FIELD(selector, "matchLabels"), *others = FIELD(selector, "matchExpressions");
    struct name_table places = {.arena = term->check->arena}, selected = {.arena = term->check->arena};
    FIELD_EACH(key, keys)
    if (!name_table_put(&places, field_text(&key), (void *)(uintptr_t)key.index))
        (void)arena_error(term->check->arena, term->check->error);
    FIELD_EACH(label, labels)
    (void)name_table_add(&selected, label.key, NULL);
    FIELD_EACH(requirement, others)
    {
        const struct field *key = FIELD(&requirement, "key");
        const struct name_row *place = name_table_find(&places, field_text(key));
        struct field at = {.check = term->check, .parent = term, .value = key->value};
        bool again = !name_table_add(&selected, field_text(key), NULL);
        at.index = place ? (size_t)(uintptr_t)place->value : 0;
        if (place && again)
            field_invalid(&at, "exists in both matchLabelKeys and labelSelector");
    }
}

static void check_match_label_keys(const struct field *term)
{
    const struct field *keys = FIELD(term, "matchLabelKeys"), *others = FIELD(term, "mismatchLabelKeys");
    check_label_keys(term, "matchLabelKeys");
    check_label_keys(term, "mismatchLabelKeys");
    check_keys_once(term);
    struct name_table mismatched = {.arena = term->check->arena};
    FIELD_EACH(other, others)
    (void)name_table_add(&mismatched, field_text(&other), NULL);
    FIELD_EACH(key, keys)
    if (name_table_find(&mismatched, field_text(&key)))
        field_invalid(&key, "exists in both matchLabelKeys and mismatchLabelKeys");
}

static void check_pod_term(const struct field *term)
{
    const struct field *topology = FIELD(term, "topologyKey"), *namespaces = FIELD(term, "namespaces");
    check_label_selector(FIELD(term, "labelSelector"));
    check_label_selector(FIELD(term, "namespaceSelector"));
    FIELD_EACH(namespace, namespaces)
    check_dns_label(FIELD_WITH(term, "namespace", namespace.value));
    check_match_label_keys(term);
    if (!field_text(topology).n)
        field_required_because(topology, "can not be empty");
    check_qualified_name(topology);
}

static void check_pod_affinity(const struct field *affinity)
{
    const struct field *required = FIELD(affinity, REQUIRED), *preferred = FIELD(affinity, PREFERRED);
    FIELD_EACH(term, required)
    check_pod_term(&term);
    FIELD_EACH(term, preferred)
    {
        check_weight(FIELD(&term, "weight"));
        check_pod_term(FIELD(&term, "podAffinityTerm"));
    }
}

void pod_affinity_check(const struct field *affinity)
{
    check_node_affinity(FIELD(affinity, "nodeAffinity"));
    check_pod_affinity(FIELD(affinity, "podAffinity"));
    check_pod_affinity(FIELD(affinity, "podAntiAffinity"));
}

/* ---- Tolerations */

void pod_taint_effect_check(const struct field *effect)
{
    static const char *const effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute"};
    CHECK_ONE_OF(effect, effects);
}

static void check_toleration(const struct field *toleration)
{
    static const char *const operators[] = {"Equal", "Exists"};
    const struct field *key = FIELD(toleration, "key"), *operator= FIELD(toleration, "operator");
    const struct field *value = FIELD(toleration, "value"), *effect = FIELD(toleration, "effect");
    const struct field *as = FIELD_WITH(toleration, "operator", value->value);
    const char *sentences[4];
    if (field_text(key).n)
        check_qualified_name(key);
    else if (!field_is(operator, "Exists"))
        field_invalid(operator,
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"");
    if (FIELD(toleration, "tolerationSeconds")->value && !field_is(effect, "NoExecute"))
        field_invalid(effect, "effect must be 'NoExecute' when `tolerationSeconds` is set");
    if (field_is(operator, "Equal") || !field_text(operator).n) {
        if (label_value_errors(field_text(value), sentences))
            field_invalid(as, "%s", sentences[0]);
    } else if (!field_is(operator, "Exists")) {
        FIELD_UNSUPPORTED(operator, operators);
    } else if (field_text(value).n) {
        field_invalid(as, "value must be empty when `operator` is 'Exists'");
    }
    if (field_text(effect).n)
        pod_taint_effect_check(effect);
}

void pod_tolerations_check(const struct field *tolerations)
{
    FIELD_EACH(toleration, tolerations)
    check_toleration(&toleration);
}

/* ---- Spreading */

static void check_minimum_domains(const struct field *constraint)
{
    const struct field *domains = FIELD(constraint, "minDomains"), *action = FIELD(constraint, "whenUnsatisfiable");
    if (!domains->value)
        return;
    check_positive(domains);
    if (!field_is(action, "DoNotSchedule"))
        field_invalid(domains, "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not %.*s",
            BYTES_FMT(field_text(action)));
}

static void check_constraint(const struct field *constraint)
{
    static const char *const actions[] = {"DoNotSchedule", "ScheduleAnyway"};
    static const char *const policies[] = {"Honor", "Ignore"};
    static const char *const policy_members[] = {"nodeAffinityPolicy", "nodeTaintsPolicy"};
    const struct field *topology = FIELD(constraint, "topologyKey"), *action = FIELD(constraint, "whenUnsatisfiable");
    check_positive(FIELD(constraint, "maxSkew"));
    if (!field_text(topology).n)
        field_required_because(topology, "can not be empty");
    if (!field_is(action, actions[0]) && !field_is(action, actions[1]))
        FIELD_UNSUPPORTED(action, actions);
    check_minimum_domains(constraint);
    for (size_t i = 0; i < ARRAY_LEN(policy_members); i++)
        if (FIELD(constraint, policy_members[i])->value)
            CHECK_ONE_OF(FIELD(constraint, policy_members[i]), policies);
    check_match_label_keys(constraint);
    check_label_selector(FIELD(constraint, "labelSelector"));
}

static bytes spread_key(const struct field *constraint)
{
    return arena_format(constraint->check->arena, "{%.*s, %.*s}",
        BYTES_FMT(field_text(FIELD(constraint, "topologyKey"))),
        BYTES_FMT(field_text(FIELD(constraint, "whenUnsatisfiable"))));
}

/* Of constraints that say the same all but the last are told. */
void pod_spread_check(const struct field *constraints)
{
    struct check *check = constraints->check;
    struct name_table last = {.arena = check->arena};
    FIELD_EACH(constraint, constraints)
    if (!name_table_put(&last, spread_key(&constraint), (void *)(uintptr_t)constraint.value))
        (void)arena_error(check->arena, check->error);
    FIELD_EACH(constraint, constraints)
    {
        bytes key = spread_key(&constraint);
        const struct name_row *row = name_table_find(&last, key);
        struct json shown = {.type = JSON_STRING, .text = key};
        check_constraint(&constraint);
        if (row && row->value != constraint.value)
            field_duplicate(FIELD_WITH(&constraint, "{topologyKey, whenUnsatisfiable}", &shown));
    }
}
