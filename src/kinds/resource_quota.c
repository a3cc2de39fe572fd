/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/cells.h"
#include "kinds/go_value.h"
#include "kinds/kinds.h"
#include "kinds/resource_names.h"

static err_t resource_quota_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    const struct json *status = json_get(object, BYTES("status"));
    (void)kind;
    TRY(resource_list_settle(arena, tree_at(object, "spec", "hard", NULL), error));
    TRY(resource_list_settle(arena, json_get(status, BYTES("hard")), error));
    return resource_list_settle(arena, json_get(status, BYTES("used")), error);
}

/* ---- Scopes: which of the objects count. */

enum { COUNTS_PODS = 1, COUNTS_COMPUTE = 2, COUNTS_CLAIMS = 4, EXISTS_ONLY = 8 };

static const struct {
    const char *name, *opposite; /* told once, at the first of the two */
    unsigned flags;
} scopes[] = {{"BestEffort", "NotBestEffort", COUNTS_PODS | EXISTS_ONLY},
    {"NotBestEffort", NULL, COUNTS_PODS | COUNTS_COMPUTE | EXISTS_ONLY},
    {"Terminating", "NotTerminating", COUNTS_PODS | COUNTS_COMPUTE | EXISTS_ONLY},
    {"NotTerminating", NULL, COUNTS_PODS | COUNTS_COMPUTE | EXISTS_ONLY},
    {"PriorityClass", NULL, COUNTS_PODS | COUNTS_COMPUTE},
    {"CrossNamespacePodAffinity", NULL, COUNTS_PODS | COUNTS_COMPUTE | EXISTS_ONLY},
    {"VolumeAttributesClass", NULL, COUNTS_CLAIMS}};

static int find_scope(bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        if (bytes_equal(name, bytes_of(scopes[i].name)))
            return (int)i;
    return -1;
}

static unsigned counts(bytes resource)
{
    static const struct {
        const char *name;
        unsigned flag;
    } rows[] = {{"pods", COUNTS_PODS}, {"cpu", COUNTS_COMPUTE}, {"memory", COUNTS_COMPUTE},
        {"requests.cpu", COUNTS_COMPUTE}, {"requests.memory", COUNTS_COMPUTE}, {"limits.cpu", COUNTS_COMPUTE},
        {"limits.memory", COUNTS_COMPUTE}, {"persistentvolumeclaims", COUNTS_CLAIMS},
        {"requests.storage", COUNTS_CLAIMS}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (bytes_equal(resource, bytes_of(rows[i].name)))
            return rows[i].flag;
    return 0;
}

static const char unfit[] = "unsupported scope applied to resource";

/* How many of the quota's resources know nothing of the scope; upstream says so once for each. */
static size_t misfits(const struct json *spec, bytes scope)
{
    int row = find_scope(scope);
    size_t n = 0;
    for (const struct json *hard = row < 0 ? NULL : tree_first(spec, "hard"); hard; hard = hard->next)
        n += resource_is_quota(hard->key) && !(counts(hard->key) & scopes[row].flags);
    return n;
}

static bool conflicting(const struct name_table *seen, size_t row)
{
    return scopes[row].opposite && name_table_find(seen, bytes_of(scopes[row].name)) &&
           name_table_find(seen, bytes_of(scopes[row].opposite));
}

static void check_scopes(const struct field *spec)
{
    const struct field *list = FIELD(spec, "scopes");
    struct name_table seen = {.arena = spec->check->arena};
    FIELD_EACH(scope, list)
    {
        if (find_scope(field_text(&scope)) < 0)
            field_invalid(list, "unsupported scope");
        if (misfits(spec->value, field_text(&scope)))
            field_invalid(list, unfit);
        (void)name_table_add(&seen, field_text(&scope), NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        if (conflicting(&seen, i))
            field_invalid(list, "conflicting scopes");
}

/* ---- The scope selector: errors name the list, not its items. */

static void check_operator(const struct field *list, const struct field *requirement)
{
    const struct json *operator= FIELD(requirement, "operator")->value, *values = FIELD(requirement, "values")->value;
    const struct field *at = FIELD_WITH(list, "operator", operator), *held = FIELD_WITH(list, "values", values);
    int row = find_scope(field_text(FIELD(requirement, "scopeName")));
    if (row >= 0 && scopes[row].flags & EXISTS_ONLY && !field_is(at, "Exists"))
        field_invalid(at,
            "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
            "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
            "ResourceQuotaScopeCrossNamespacePodAffinity");
    if (field_is(at, "In") || field_is(at, "NotIn")) {
        if (!field_count(held))
            field_required_because(
                held, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector");
    } else if (field_is(at, "Exists") || field_is(at, "DoesNotExist")) {
        if (field_count(held))
            field_invalid(held, "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector");
    } else {
        field_invalid(at, "not a valid selector operator");
    }
}

static void check_selector(const struct field *spec)
{
    static const struct go_member requirement_members[] = {{"ScopeName", "scopeName", GO_TEXT, NULL},
        {"Operator", "operator", GO_TEXT, NULL}, {"Values", "values", GO_LIST, NULL}, {0}};
    static const struct go_member members[] = {
        {"MatchExpressions", "matchExpressions", GO_LIST_OF, requirement_members}, {0}};
    const struct field *selector = FIELD(spec, "scopeSelector"), *list = FIELD(selector, "matchExpressions");
    struct arena *arena = spec->check->arena;
    struct name_table seen = {.arena = arena};
    FIELD_EACH(requirement, list)
    {
        const struct field *name = FIELD(&requirement, "scopeName");
        if (find_scope(field_text(name)) < 0)
            field_invalid(FIELD_WITH(list, "scopeName", name->value), "unsupported scope");
        if (misfits(spec->value, field_text(name)))
            field_invalid_as(list, go_value_text(arena, members, selector->value), unfit);
        check_operator(list, &requirement);
        (void)name_table_add(&seen, field_text(name), NULL);
    }
    const struct json *plain = FIELD(spec, "scopes")->value, null = {.type = JSON_NULL};
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        if (conflicting(&seen, i))
            field_invalid(FIELD_WITH(selector, "matchExpressions", plain ? plain : &null), "conflicting scopes");
}

/* ---- The whole */

static void check_amounts(const struct field *list)
{
    FIELD_EACH(quantity, list)
    {
        resource_name_check(&quantity, quantity.key, RESOURCE_OF_QUOTA);
        resource_quantity_check(&quantity, quantity.key);
    }
}

static bool same_scopes(const struct json *spec, const struct json *before)
{
    const struct json *lists[2] = {tree_first(spec, "scopes"), tree_first(before, "scopes")};
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        bool found[2] = {false, false};
        for (size_t j = 0; j < 2; j++)
            for (const struct json *scope = lists[j]; scope; scope = scope->next)
                found[j] = found[j] || bytes_equal(scope->text, bytes_of(scopes[i].name));
        if (found[0] != found[1])
            return false;
    }
    return true;
}

static void resource_quota_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    struct field status = field_root(&check, "status", json_get(object, BYTES("status")));
    const struct field *list = FIELD(&spec, "scopes");
    const struct json null = {.type = JSON_NULL};
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS) {
        check_amounts(FIELD(&status, "hard"));
        check_amounts(FIELD(&status, "used"));
        return;
    }
    check_amounts(FIELD(&spec, "hard"));
    check_scopes(&spec);
    check_selector(&spec);
    if (old && !same_scopes(spec.value, json_get(old, BYTES("spec"))))
        field_invalid(FIELD_WITH(&spec, "scopes", list->value ? list->value : &null), "field is immutable");
}

/* ---- Cells */

/* "pods: 1/10, secrets: 3/5": limits in the second cell, all else in the first. */
static void resource_quota_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *status = json_get(object, BYTES("status")), *used = json_get(status, BYTES("used"));
    struct buffer cells[2];
    (void)kind;
    for (size_t i = 0; i < 2; i++)
        buffer_init(&cells[i], arena);
    for (const struct json *hard = tree_first(status, "hard"); hard; hard = hard->next) {
        struct buffer *cell = &cells[bytes_start(hard->key, BYTES("limits."))];
        bytes taken = json_text(used, hard->key);
        buffer_format(cell, "%s%.*s: %.*s/%.*s", cell->n ? ", " : "", BYTES_FMT(hard->key),
            BYTES_FMT(taken.n ? taken : BYTES("0")), BYTES_FMT(hard->text));
    }
    for (size_t i = 0; i < 2; i++) {
        b->failed = b->failed || cells[i].failed;
        put_cell(b, buffer_bytes(&cells[i]));
    }
    put_age_cell(b, object, now);
}

const struct kind_rules resource_quota_rules = {
    .set_defaults = resource_quota_set_defaults, .validate = resource_quota_validate, .cells = resource_quota_cells};
