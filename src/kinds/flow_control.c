/* SPDX-License-Identifier: Apache-2.0 */
/* Flow schemas and priority levels; what they steer is access/flow_control.h. */
#include "kinds/cells.h"
#include "kinds/check_table.h"
#include "kinds/default_flow_control.h"
#include "kinds/kinds.h"
#include "text/yaml.h"

#define PRECEDENCE_MOST 10000
#define QUEUES_MOST     10000000

/* Of the objects that no cluster can do without none may change but what "exempt" says of its shares. */
static void check_mandatory(const struct kind *kind, bytes name, const struct field *spec)
{
    const struct default_flow_object *found = NULL;
    struct check *check = spec->check;
    struct json *wanted;

    for (size_t i = 0; i < default_flow_object_count; i++) {
        const struct default_flow_object *object = &default_flow_objects[i];
        if (object->mandatory && object->kind == kind && bytes_equal(name, bytes_of(object->name)))
            found = object;
    }
    if (!found || (kind == &priority_level_configuration_kind && bytes_equal(name, BYTES("exempt"))))
        return;
    bytes text = arena_format(check->arena, "{%s}", found->spec);
    if (text.p && yaml_parse(check->arena, text, 0, &wanted, check->error) == ERR_OK &&
        !(spec->value && json_equal(wanted, spec->value)))
        field_invalid(spec, "spec of '%s' must equal the fixed value", found->name);
}

/* ---- Flow schemas */

static void check_subject(const struct field *subject)
{
    static const struct {
        const char *kind, *member;
    } subjects[] = {{"Group", "group"}, {"ServiceAccount", "serviceAccount"}, {"User", "user"}};
    static const char *const kinds[] = {"Group", "ServiceAccount", "User"};
    struct field kind = field_member(subject, "kind");
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++)
        known = known || field_is(&kind, subjects[i].kind);
    if (!known) {
        FIELD_UNSUPPORTED(&kind, kinds);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
        struct field who = field_member(subject, subjects[i].member);
        if (!field_is(&kind, subjects[i].kind)) {
            if (who.value)
                field_forbidden(
                    &who, "%s is forbidden when subject kind is not '%s'", subjects[i].member, subjects[i].kind);
        } else if (!who.value) {
            field_required_because(
                &who, "%s is required when subject kind is '%s'", subjects[i].member, subjects[i].kind);
        } else {
            check_not_empty(FIELD(&who, "name"));
            if (i == 1 && !field_text(FIELD(&who, "namespace")).n)
                field_required_because(FIELD(&who, "namespace"), "must specify namespace for service account");
        }
    }
}

static void check_flow_rule(const struct field *rule)
{
    struct field subjects = field_member(rule, "subjects");
    if (!field_count(&subjects))
        field_required_because(&subjects, "subjects must contain at least one value");
    FIELD_EACH(subject, &subjects)
    check_subject(&subject);
    if (!field_count(FIELD(rule, "resourceRules")) && !field_count(FIELD(rule, "nonResourceRules")))
        field_required_because(rule, "at least one of resourceRules and nonResourceRules has to be non-empty");
    FIELD_EACH(resource, FIELD(rule, "resourceRules"))
    {
        struct field namespaces = field_member(&resource, "namespaces");
        if (!field_count(&namespaces) && !field_true(FIELD(&resource, "clusterScope")))
            field_required_because(
                &namespaces, "resource rules that are not cluster scoped must supply at least one namespace");
    }
}

static void flow_schema_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const char verbs[] = "verbs must contain at least one value";
    static const struct check_row rows[] = {{"spec.distinguisherMethod.type", CHECK_ONE_OF, "ByNamespace ByUser"},
        {"spec.priorityLevelConfiguration.name", CHECK_NEEDED, "must reference a priority level"},
        {"spec.priorityLevelConfiguration.name", CHECK_SUBDOMAIN, NULL},
        {"spec.rules[].resourceRules[].verbs", CHECK_NEEDED, verbs},
        {"spec.rules[].resourceRules[].apiGroups", CHECK_NEEDED, "resource rules must supply at least one api group"},
        {"spec.rules[].resourceRules[].resources", CHECK_NEEDED, "resource rules must supply at least one resource"},
        {"spec.rules[].nonResourceRules[].verbs", CHECK_NEEDED, verbs},
        {"spec.rules[].nonResourceRules[].nonResourceURLs", CHECK_NEEDED,
            "nonResourceURLs must contain at least one value"},
        {"status.conditions", CHECK_UNIQUE, "type"}, {"status.conditions[].type", CHECK_NEEDED, NULL}};
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    struct field precedence = field_member(&spec, "matchingPrecedence");
    int64_t place = field_integer(&precedence, 0);
    bytes name = tree_text(json_get(object, BYTES("metadata")), "name");
    (void)subresource;
    if (place <= 0)
        field_invalid(&precedence, "must be a positive value");
    if (place > PRECEDENCE_MOST)
        field_invalid(&precedence, "must not be greater than %d", PRECEDENCE_MOST);
    if (place == 1 && !bytes_equal(name, BYTES("exempt")))
        field_invalid(&precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
    FIELD_EACH(rule, FIELD(&spec, "rules"))
    check_flow_rule(&rule);
    CHECK_TABLE(arena, rows, object, old, error);
    check_mandatory(kind, name, &spec);
}

static void flow_schema_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec"));
    bytes dangling = BYTES("?");
    (void)arena, (void)kind;
    for (const struct json *c = tree_first(json_get(object, BYTES("status")), "conditions"); c; c = c->next)
        if (bytes_equal(tree_text(c, "type"), BYTES("Dangling")))
            dangling = tree_text(c, "status");
    put_cell(b, tree_text(tree_at(spec, "priorityLevelConfiguration", NULL), "name"));
    put_number_cell(b, tree_integer(spec, "matchingPrecedence", 0));
    put_text_cell(b, tree_text(tree_at(spec, "distinguisherMethod", NULL), "type"), "<none>");
    put_age_cell(b, object, now);
    put_cell(b, dangling);
}

const struct kind_rules flow_schema_rules = {.validate = flow_schema_validate, .cells = flow_schema_cells};

/* ---- Priority levels */

static void check_percent(const struct field *percent)
{
    if (field_integer(percent, 0) < 0 || field_integer(percent, 0) > 100)
        field_invalid(percent, "must be between 0 and 100, inclusive");
}

static void check_shares(const struct field *level)
{
    struct field shares = field_member(level, "nominalConcurrencyShares"),
                 borrowing = field_member(level, "borrowingLimitPercent");
    if (field_integer(&shares, 0) < 0)
        field_invalid(&shares, "must be a non-negative integer");
    check_percent(FIELD(level, "lendablePercent"));
    if (field_integer(&borrowing, 0) < 0)
        field_invalid(&borrowing, "if specified, must be a non-negative integer");
}

static void check_queuing(const struct field *queuing)
{
    static const char *const numbers[] = {"queueLengthLimit", "queues", "handSize"};
    struct field queues = field_member(queuing, "queues"), hand = field_member(queuing, "handSize");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        struct field number = field_member(queuing, numbers[i]);
        if (field_integer(&number, 0) <= 0)
            field_invalid(&number, "must be positive");
    }
    if (field_integer(&queues, 0) > QUEUES_MOST)
        field_invalid(&queues, "must not be greater than %d", QUEUES_MOST);
    if (field_integer(&hand, 0) > field_integer(&queues, 0))
        field_invalid(&hand, "should not be greater than queues (%lld)", (long long)field_integer(&queues, 0));
}

static void check_limited(const struct field *limited)
{
    static const char *const types[] = {"Queue", "Reject"};
    struct field response = field_member(limited, "limitResponse"), type = field_member(&response, "type"),
                 queuing = field_member(&response, "queuing");
    check_shares(limited);
    if (field_is(&type, "Reject") && queuing.value)
        field_forbidden(&queuing, "must be nil if limited.limitResponse.type is not Limited");
    else if (field_is(&type, "Queue") && !queuing.value)
        field_required_because(&queuing, "must not be empty if limited.limitResponse.type is Limited");
    else if (field_is(&type, "Queue"))
        check_queuing(&queuing);
    else if (!field_is(&type, "Reject"))
        FIELD_UNSUPPORTED(&type, types);
}

static void priority_level_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const char *const types[] = {"Exempt", "Limited"};
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    struct field type = field_member(&spec, "type"), limited = field_member(&spec, "limited"),
                 exempt = field_member(&spec, "exempt");
    bytes name = tree_text(json_get(object, BYTES("metadata")), "name");
    (void)subresource, (void)old;
    if (bytes_equal(name, BYTES("exempt")) != field_is(&type, "Exempt"))
        field_invalid(&type, "must be 'Exempt' if and only if `name` is 'exempt'");
    if (field_is(&type, "Exempt")) {
        if (limited.value)
            field_forbidden(&limited, "must be nil if the type is not Limited");
        check_shares(&exempt);
    } else if (field_is(&type, "Limited")) {
        if (exempt.value)
            field_forbidden(&exempt, "must be nil if the type is Limited");
        if (!limited.value)
            field_required_because(&limited, "must not be empty when type is Limited");
        else
            check_limited(&limited);
    } else {
        FIELD_UNSUPPORTED(&type, types);
    }
    check_mandatory(kind, name, &spec);
}

static void priority_level_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *limited = json_get(spec, BYTES("limited")),
                      *queuing = tree_at(limited, "limitResponse", "queuing", NULL);
    (void)arena, (void)kind;
    put_cell(b, tree_text(spec, "type"));
    put_value_cell(b, json_get(limited, BYTES("nominalConcurrencyShares")), "<none>");
    put_value_cell(b, json_get(queuing, BYTES("queues")), "<none>");
    put_value_cell(b, json_get(queuing, BYTES("handSize")), "<none>");
    put_value_cell(b, json_get(queuing, BYTES("queueLengthLimit")), "<none>");
    put_age_cell(b, object, now);
}

const struct kind_rules priority_level_configuration_rules = {
    .validate = priority_level_validate, .cells = priority_level_cells};
