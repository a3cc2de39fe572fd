/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/job.h"

#include "api/present.h"
#include "base/clock.h"
#include "kinds/kinds.h"

#define CONTROLLER_UID        "batch.kubernetes.io/controller-uid"
#define JOB_NAME              "batch.kubernetes.io/job-name"
#define LEGACY_CONTROLLER_UID "controller-uid"
#define LEGACY_JOB_NAME       "job-name"

/* ---- Defaults */

static bool default_numbers(struct arena *arena, struct json *spec)
{
    if (!json_get(spec, BYTES("completions")) && !json_get(spec, BYTES("parallelism")) &&
        !tree_set_integer(arena, spec, "completions", 1))
        return false;
    return tree_default_integer(arena, spec, "parallelism", 1) &&
           tree_default_integer(
               arena, spec, "backoffLimit", json_get(spec, BYTES("backoffLimitPerIndex")) ? INT32_MAX : 6);
}

static bool default_job(struct arena *arena, struct json *object, struct json *spec)
{
    struct json *metadata = json_get(object, BYTES("metadata"));
    const struct json *labels = tree_at(spec, "template", "metadata", "labels", NULL);
    if (labels && labels->count && !tree_first(metadata, "labels") && !tree_set_copy(arena, metadata, "labels", labels))
        return false;
    return default_numbers(arena, spec) && tree_default_text(arena, spec, "completionMode", "NonIndexed") &&
           tree_default_bool(arena, spec, "suspend", false) &&
           tree_default_bool(arena, spec, "manualSelector", false) &&
           tree_default_text(arena, spec, "podReplacementPolicy",
               json_get(spec, BYTES("podFailurePolicy")) ? "Failed" : "TerminatingOrFailed");
}

static err_t job_set_defaults(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = tree_member(arena, object, "spec", JSON_OBJECT);
    if (!spec || !default_job(arena, object, spec))
        return arena_error(arena, error);
    TRY(workload_template_set_defaults(arena, json_get(spec, BYTES("template")), error));
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- What the server owns: a selector of its own, and the labels for it. */

static bool add_label(struct arena *arena, struct json *labels, const char *name, bytes value)
{
    return json_get(labels, bytes_of(name)) || tree_set_text(arena, labels, name, value);
}

static bool generate_selector(struct arena *arena, struct json *object, struct json *spec)
{
    struct json *metadata = json_get(object, BYTES("metadata"));
    struct json *template = tree_member(arena, spec, "template", JSON_OBJECT);
    struct json *labels =
        tree_member(arena, tree_member(arena, template, "metadata", JSON_OBJECT), "labels", JSON_OBJECT);
    struct json *selected =
        tree_member(arena, tree_member(arena, spec, "selector", JSON_OBJECT), "matchLabels", JSON_OBJECT);
    bytes uid = tree_text(metadata, "uid"), name = tree_text(metadata, "name");
    if (!labels || !selected || !add_label(arena, labels, LEGACY_JOB_NAME, name) ||
        !add_label(arena, labels, JOB_NAME, name) || !add_label(arena, labels, LEGACY_CONTROLLER_UID, uid) ||
        !add_label(arena, labels, CONTROLLER_UID, uid) || !add_label(arena, selected, CONTROLLER_UID, uid))
        return false;
    return tree_first(metadata, "labels") || tree_set_copy(arena, metadata, "labels", labels);
}

static err_t job_prepare(struct arena *arena, const struct kind *kind, enum subresource subresource,
    struct json *object, const struct json *old, struct error *error)
{
    struct json *spec = json_get(object, BYTES("spec"));
    if (old || subresource != SUBRESOURCE_NONE || tree_true(spec, "manualSelector"))
        return ERR_OK;
    if (!generate_selector(arena, object, spec))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Rules */

static void check_label(const struct field *metadata, const char *name, bytes expected)
{
    const struct field *labels = FIELD(metadata, "labels");
    const struct json *value = json_get(labels->value, bytes_of(name));
    if (!value)
        field_required_because(FIELD_KEY(labels, bytes_of(name), NULL), "must be '%.*s'", BYTES_FMT(expected));
    else if (!bytes_equal(value->text, expected))
        field_invalid(FIELD_KEY(labels, bytes_of(name), labels->value), "must be '%.*s'", BYTES_FMT(expected));
}

static void check_generated_selector(const struct field *job)
{
    struct arena *arena = job->check->arena;
    const struct field *spec = FIELD(job, "spec"), *selector = FIELD(spec, "selector");
    const struct field *template = FIELD(FIELD(spec, "template"), "metadata");
    bytes uid = field_text(FIELD(FIELD(job, "metadata"), "uid"));
    bytes name = field_text(FIELD(FIELD(job, "metadata"), "name"));
    struct json *expected = json_new(arena, JSON_OBJECT);
    if (field_true(FIELD(spec, "manualSelector")) || !selector->value)
        return;
    check_label(template, LEGACY_CONTROLLER_UID, uid);
    check_label(template, LEGACY_JOB_NAME, name);
    check_label(template, CONTROLLER_UID, uid);
    check_label(template, JOB_NAME, name);
    if (!expected || !tree_set_text(arena, expected, CONTROLLER_UID, uid) ||
        !tree_set_text(arena, expected, JOB_NAME, name) ||
        !tree_set_text(arena, expected, LEGACY_CONTROLLER_UID, uid) ||
        !tree_set_text(arena, expected, LEGACY_JOB_NAME, name))
        (void)arena_error(arena, job->check->error);
    else if (!selector_selects(arena, selector->value, expected))
        field_invalid(selector, "`selector` not auto-generated");
}

static void check_host_name(const struct field *job)
{
    struct arena *arena = job->check->arena;
    const struct field *spec = FIELD(job, "spec"), *name = FIELD(FIELD(job, "metadata"), "name");
    int64_t completions = field_integer(FIELD(spec, "completions"), 0);
    struct error why;
    if (!field_is(FIELD(spec, "completionMode"), "Indexed") || completions <= 0)
        return;
    bytes host = arena_format(arena, "%.*s-%lld", BYTES_FMT(field_text(name)), (long long)(completions - 1));
    error_init(&why, arena);
    validate_dns1123_label(arena, host, false, BYTES(""), &why);
    if (why.causes)
        field_invalid(name, "will not able to create pod with invalid DNS label: %.*s", BYTES_FMT(host));
}

/* A job that waits to be started may still be told where its pods go. */
static const struct json *movable(struct arena *arena, const struct json *template, const struct json *old)
{
    static const char *const of_spec[] = {"nodeSelector", "tolerations", "schedulingGates"};
    static const char *const of_metadata[] = {"annotations", "labels"};
    struct json *copy = json_copy(arena, old);
    struct json *spec = json_get(copy, BYTES("spec")), *metadata = tree_member(arena, copy, "metadata", JSON_OBJECT);
    const struct json *now = json_get(template, BYTES("spec"));
    bool done = copy && spec && metadata;
    for (size_t i = 0; done && i < ARRAY_LEN(of_spec); i++)
        done = tree_set_copy(arena, spec, of_spec[i], json_get(now, bytes_of(of_spec[i])));
    for (size_t i = 0; done && i < ARRAY_LEN(of_metadata); i++)
        done = tree_set_copy(
            arena, metadata, of_metadata[i], json_get(json_get(template, BYTES("metadata")), bytes_of(of_metadata[i])));
    const struct json *affinity = tree_at(now, "affinity", "nodeAffinity", NULL);
    struct json *own = done ? json_get(spec, BYTES("affinity")) : NULL;
    if (done && affinity && !own)
        own = tree_member(arena, spec, "affinity", JSON_OBJECT);
    if (done && own)
        done = tree_set_copy(arena, own, "nodeAffinity", affinity);
    return done ? copy : NULL;
}

static void check_change(const struct field *spec, const struct json *old)
{
    static const char *const fixed[] = {
        "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"};
    const struct field *completions = FIELD(spec, "completions"), *template = FIELD(spec, "template");
    const struct json *before = json_get(old, BYTES("spec")), *old_template = json_get(before, BYTES("template"));
    if (!field_is(FIELD(spec, "completionMode"), "Indexed"))
        check_immutable(completions, json_get(before, BYTES("completions")));
    else if (completions->value && !json_alike(completions->value, json_get(before, BYTES("completions"))) &&
             field_integer(completions, 0) != field_integer(FIELD(spec, "parallelism"), 0))
        field_invalid(completions, "can only be modified in tandem with spec.parallelism");
    check_immutable(FIELD(spec, "selector"), json_get(before, BYTES("selector")));
    if (tree_true(before, "suspend") && !tree_at(old, "status", "startTime", NULL))
        old_template = movable(spec->check->arena, template->value, old_template);
    if (!old_template)
        (void)arena_error(spec->check->arena, spec->check->error);
    else
        check_immutable(template, old_template);
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        check_immutable(FIELD(spec, fixed[i]), json_get(before, bytes_of(fixed[i])));
}

static void job_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {arena, error};
    struct field root = field_root(&check, "", object);
    const struct field *spec = FIELD(&root, "spec"), *selector = FIELD(spec, "selector");
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS) {
        job_status_check(&root, old);
        return;
    }
    check_generated_selector(&root);
    job_spec_check(spec);
    if (!selector->value)
        field_required(selector);
    unsigned causes = error->cause_count;
    check_label_selector(selector);
    if (error->cause_count == causes)
        workload_template_labels_check(FIELD(spec, "template"), selector->value);
    check_host_name(&root);
    if (old)
        check_change(spec, old);
}

/* ---- Cells */

static const char *status_of(const struct json *job)
{
    static const struct {
        const char *condition, *status;
    } ends[] = {{"Complete", "Complete"}, {"Failed", "Failed"}},
      steps[] = {
          {"Suspended", "Suspended"}, {"FailureTarget", "FailureTarget"}, {"SuccessCriteriaMet", "SuccessCriteriaMet"}};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (pod_condition_true(job, ends[i].condition))
            return ends[i].status;
    if (tree_text(json_get(job, BYTES("metadata")), "deletionTimestamp").n)
        return "Terminating";
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (pod_condition_true(job, steps[i].condition))
            return steps[i].status;
    return "Running";
}

static void put_duration(struct buffer *b, const struct json *status, int64_t now)
{
    int64_t start, end = now;
    char text[16] = "";
    bytes completed = tree_text(status, "completionTime");
    if (clock_parse(tree_text(status, "startTime"), &start) && (!completed.n || clock_parse(completed, &end)))
        human_duration(end - start, text);
    put_cell(b, bytes_of(text));
}

static void job_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    long long succeeded = (long long)tree_integer(status, "succeeded", 0);
    long long completions = (long long)tree_integer(spec, "completions", -1);
    long long parallelism = (long long)tree_integer(spec, "parallelism", 0);
    (void)kind;
    put_cell(b, bytes_of(status_of(object)));
    if (completions >= 0)
        buffer_format(b, ",\"%lld/%lld\"", succeeded, completions);
    else if (parallelism > 1)
        buffer_format(b, ",\"%lld/1 of %lld\"", succeeded, parallelism);
    else
        buffer_format(b, ",\"%lld/1\"", succeeded);
    put_duration(b, status, now);
    put_age_cell(b, object, now);
    put_container_cells(arena, b, tree_at(spec, "template", "spec", NULL));
    put_selector_cell(arena, b, json_get(spec, BYTES("selector")));
}

const struct kind_rules job_rules = {
    .set_defaults = job_set_defaults,
    .prepare = job_prepare,
    .validate = job_validate,
    .warn = workload_warn,
    .cells = job_cells,
};
