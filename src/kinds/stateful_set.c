/* SPDX-License-Identifier: Apache-2.0 */
#include "api/present.h"
#include "kinds/kinds.h"
#include "kinds/pod_volumes.h"
#include "kinds/workload.h"

/* ---- Defaults */

static bool default_strategy(struct arena *arena, struct json *spec)
{
    struct json *strategy = tree_member(arena, spec, "updateStrategy", JSON_OBJECT);
    bool given = tree_text(strategy, "type").n > 0;
    if (!strategy || !tree_default_text(arena, strategy, "type", "RollingUpdate"))
        return false;
    if (!given && !tree_member(arena, strategy, "rollingUpdate", JSON_OBJECT))
        return false;
    struct json *rolling = json_get(strategy, BYTES("rollingUpdate"));
    return !rolling || !bytes_equal(tree_text(strategy, "type"), BYTES("RollingUpdate")) ||
           tree_default_integer(arena, rolling, "partition", 0);
}

static bool default_retention(struct arena *arena, struct json *spec)
{
    struct json *policy = tree_member(arena, spec, "persistentVolumeClaimRetentionPolicy", JSON_OBJECT);
    return policy && tree_default_text(arena, policy, "whenDeleted", "Retain") &&
           tree_default_text(arena, policy, "whenScaled", "Retain");
}

/* Each is a whole claim. */
static err_t default_claims(struct arena *arena, struct json *spec, struct error *error)
{
    for (struct json *claim = tree_first(spec, "volumeClaimTemplates"); claim; claim = claim->next) {
        struct json *status = tree_member(arena, claim, "status", JSON_OBJECT);
        struct json *resources = tree_at(claim, "spec", "resources", NULL);
        if (!tree_set_text(arena, claim, "kind", BYTES("PersistentVolumeClaim")) ||
            !tree_set_text(arena, claim, "apiVersion", BYTES("v1")) || !status ||
            !tree_default_text(arena, status, "phase", "Pending"))
            return arena_error(arena, error);
        TRY(resource_list_settle(arena, json_get(resources, BYTES("requests")), error));
        TRY(resource_list_settle(arena, json_get(resources, BYTES("limits")), error));
    }
    return ERR_OK;
}

static err_t stateful_set_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = tree_member(arena, object, "spec", JSON_OBJECT);
    if (!spec || !default_strategy(arena, spec) || !default_retention(arena, spec))
        return arena_error(arena, error);
    TRY(default_claims(arena, spec, error));
    TRY(workload_template_set_defaults(arena, json_get(spec, BYTES("template")), error));
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Rules */

static void check_rolling(const struct field *rolling)
{
    const struct field *unavailable = FIELD(rolling, "maxUnavailable");
    check_not_negative(FIELD(rolling, "partition"));
    if (!unavailable->value)
        return;
    check_int_or_percent(unavailable);
    if (int_or_percent(unavailable) == 0)
        field_invalid(unavailable, "cannot be 0");
    check_at_most_all(unavailable);
}

static void check_policies(const struct field *spec)
{
    static const char *const retention[] = {"Retain", "Delete"};
    static const char *const moments[] = {"whenDeleted", "whenScaled"};
    const struct field *management = FIELD(spec, "podManagementPolicy"), *strategy = FIELD(spec, "updateStrategy");
    const struct field *rolling = FIELD(strategy, "rollingUpdate"), *type = FIELD(strategy, "type");
    if (!field_is(management, "OrderedReady") && !field_is(management, "Parallel"))
        field_invalid(management, "must be 'OrderedReady' or 'Parallel'");
    if (field_is(type, "OnDelete")) {
        if (rolling->value)
            field_invalid(rolling, "only allowed for updateStrategy 'RollingUpdate'");
    } else if (!field_is(type, "RollingUpdate")) {
        field_invalid(strategy, "must be 'RollingUpdate' or 'OnDelete'");
    } else if (rolling->value) {
        check_rolling(rolling);
    }
    for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
        const struct field *moment = FIELD(FIELD(spec, "persistentVolumeClaimRetentionPolicy"), moments[i]);
        if (!field_is(moment, "Retain") && !field_is(moment, "Delete"))
            FIELD_UNSUPPORTED(moment, retention);
    }
}

static bool add_claims(struct arena *arena, const struct json *spec, struct json *volumes, struct name_table *names)
{
    for (const struct json *claim = tree_first(spec, "volumeClaimTemplates"); claim; claim = claim->next) {
        bytes name = tree_text(json_get(claim, BYTES("metadata")), "name");
        struct json *volume = json_new(arena, JSON_OBJECT), *source = json_new(arena, JSON_OBJECT);
        if (!volume || !source || !tree_set_text(arena, volume, "name", name) ||
            !tree_set_text(arena, source, "claimName", name) ||
            !json_set(volume, BYTES("persistentVolumeClaim"), source))
            return false;
        if (name_table_add(names, name, NULL) && !json_append(volumes, volume))
            return false;
    }
    return arena->failed == ERR_OK;
}

/* The template as its pods will be: claims are volumes, names are the controller's. */
static struct json *identified(struct arena *arena, const struct json *spec)
{
    struct json *copy = json_copy(arena, json_get(spec, BYTES("template")));
    struct json *pod = json_get(copy, BYTES("spec")), *volumes = json_new(arena, JSON_ARRAY);
    struct name_table names = {.arena = arena};
    if (!copy || !pod || !volumes || !add_claims(arena, spec, volumes, &names))
        return NULL;
    json_remove(pod, BYTES("subdomain"));
    json_remove(pod, BYTES("hostname"));
    for (const struct json *volume = tree_first(pod, "volumes"); volume; volume = volume->next)
        if (!name_table_find(&names, tree_text(volume, "name")) && !json_append(volumes, json_copy(arena, volume)))
            return NULL;
    return json_set(pod, BYTES("volumes"), volumes) ? copy : NULL;
}

static void check_change(const struct field *spec, const struct json *old)
{
    static const char *const updatable[] = {"replicas", "template", "updateStrategy", "minReadySeconds", "ordinals",
        "revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy"};
    struct arena *arena = spec->check->arena;
    struct json *copy = json_copy(arena, spec->value);
    for (size_t i = 0; copy && i < ARRAY_LEN(updatable); i++)
        if (!tree_set_copy(arena, copy, updatable[i], json_get(old, bytes_of(updatable[i]))))
            copy = NULL;
    if (!copy)
        (void)arena_error(arena, spec->check->error);
    else if (!json_alike(copy, old))
        field_forbidden(spec, "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
                              "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
                              "'minReadySeconds' are forbidden");
}

static void check_status(const struct field *status, const struct json *old)
{
    static const char *const numbers[] = {"replicas", "readyReplicas", "currentReplicas", "updatedReplicas",
        "availableReplicas", "observedGeneration", "collisionCount"};
    static const char *const bounded[] = {"readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"};
    WORKLOAD_NUMBERS_CHECK(status, numbers);
    workload_replicas_check(status, bounded, ARRAY_LEN(bounded), "status.readyReplicas");
    workload_collision_count_check(status, json_get(old, BYTES("status")));
}

static void stateful_set_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const char *const numbers[] = {"replicas", "minReadySeconds"};
    struct check check = {arena, error};
    struct field root = field_root(&check, "", object);
    const struct field *spec = FIELD(&root, "spec"), *claims = FIELD(spec, "volumeClaimTemplates");
    const struct field *start = FIELD(FIELD(spec, "ordinals"), "start");
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS) {
        check_status(FIELD(&root, "status"), old);
        return;
    }
    check_policies(spec);
    if (!old)
        FIELD_EACH(claim, claims)
    persistent_claim_spec_check(FIELD(&claim, "spec"));
    WORKLOAD_NUMBERS_CHECK(spec, numbers);
    check_not_negative(FIELD_WITH(spec, "ordinals.start", start->value));
    if (!old && field_text(FIELD(spec, "serviceName")).n)
        check_dns_label(FIELD(spec, "serviceName"));
    bool selects = workload_selector_check(spec, true, "statefulset");
    const struct json *template = identified(arena, spec->value);
    if (!selects)
        field_invalid(FIELD(spec, "selector"), "%s", "");
    else if (!template && arena->failed != ERR_OK)
        (void)arena_error(arena, error);
    else
        workload_template_check(FIELD(spec, "template"), FIELD(spec, "selector")->value, template, "StatefulSet");
    if (old)
        check_change(spec, json_get(old, BYTES("spec")));
}

static void stateful_set_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    (void)kind;
    buffer_format(b, ",\"%lld/%lld\"", (long long)tree_integer(status, "readyReplicas", 0),
        (long long)tree_integer(spec, "replicas", 0));
    put_age_cell(b, object, now);
    put_container_cells(arena, b, tree_at(spec, "template", "spec", NULL));
}

static void stateful_set_warn(
    struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    (void)kind;
    pod_spec_warn(arena, tree_at(object, "spec", "template", NULL), "spec.template", warnings);
}

const struct kind_rules stateful_set_rules = {
    .warn = stateful_set_warn,
    .set_defaults = stateful_set_set_defaults,
    .validate = stateful_set_validate,
    .validate_name = validate_dns1123_label,
    .cells = stateful_set_cells,
};
