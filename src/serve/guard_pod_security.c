/* SPDX-License-Identifier: Apache-2.0 */
/* Pod Security admission: what kube-apiserver's plugin PodSecurity does with
 *
 *   defaults: {enforce: DEFAULT, audit: DEFAULT, warn: DEFAULT}, exemptions: {namespaces: [kube-system]}
 *
 * Pods are refused or warned of, templates warned of; labels of namespaces are checked. Violations that a namespace
 * wants audited alone leave no trace: there is no audit log. */
#include "base/clock.h"
#include "kinds/kinds.h"
#include "kinds/tree.h"
#include "serve/admission.h"
#include "serve/guard.h"

#include <stdlib.h>

#define EXEMPT_NAMESPACE "kube-system"
#define PODS_MOST        3000    /* that a new label is tried on ... */
#define PODS_MOST_US     1000000 /* ... and for how long */
#define POD_MEMORY       (64u << 20)

/* ---- Pods, and templates of them. */

static const struct holder {
    const struct kind *kind;
    const char *path[5]; /* of what has a pod's metadata and spec */
} holders[] = {
    {&pod_kind, {NULL}},
    {&pod_template_kind, {"template"}},
    {&replication_controller_kind, {"spec", "template"}},
    {&replica_set_kind, {"spec", "template"}},
    {&deployment_kind, {"spec", "template"}},
    {&stateful_set_kind, {"spec", "template"}},
    {&daemon_set_kind, {"spec", "template"}},
    {&job_kind, {"spec", "template"}},
    {&cron_job_kind, {"spec", "jobTemplate", "spec", "template"}},
};

static const struct json *held_pod(const struct request *r)
{
    for (size_t i = 0; i < ARRAY_LEN(holders); i++)
        if (holders[i].kind == r->kind)
            return holders[i].path[0] ? tree_path(r->object, holders[i].path) : r->object;
    return NULL;
}

static bool image_differs(const struct json *container, const struct json *old)
{
    return !bytes_equal(tree_text(container, "image"), tree_text(old, "image"));
}

static bool images_differ(const struct json *containers, const struct json *old)
{
    for (; containers && old; containers = containers->next, old = old->next)
        if (image_differs(containers, old))
            return true;
    return containers || old;
}

/* Ephemeral containers are known by name. */
static err_t debug_images_differ(struct request *r, const struct json *containers, const struct json *old, bool *ret)
{
    struct name_table known = {.arena = r->arena};

    for (; old; old = old->next)
        if (!name_table_put(&known, tree_text(old, "name"), (void *)(uintptr_t)old))
            return arena_error(r->arena, &r->error);
    for (; containers && !*ret; containers = containers->next) {
        const struct name_row *row = name_table_find(&known, tree_text(containers, "name"));
        *ret = !row || image_differs(containers, row->value);
    }
    return ERR_OK;
}

/* Whether a pod comes into being, or runs something else than before. Nothing else of a pod that can change does matter
 * to any check. */
static err_t runs_otherwise(struct request *r, bool *ret)
{
    const struct json *spec = json_get(r->object, BYTES("spec")), *old = json_get(r->old, BYTES("spec"));

    *ret = r->creates || images_differ(tree_first(spec, "containers"), tree_first(old, "containers")) ||
           images_differ(tree_first(spec, "initContainers"), tree_first(old, "initContainers"));
    return debug_images_differ(r, tree_first(spec, "ephemeralContainers"), tree_first(old, "ephemeralContainers"), ret);
}

/* *ret: `"baseline:latest": host namespaces (hostPID=true)`; BYTES_NONE when nothing is forbidden. */
static err_t find_violations(
    struct request *r, struct pod_security_standard standard, const struct json *pod, bytes *ret)
{
    bytes found = pod_security_violations(
        r->arena, standard, json_get(pod, BYTES("metadata")), json_get(pod, BYTES("spec")), true);
    struct buffer b;

    *ret = BYTES_NONE;
    if (!found.p)
        return arena_error(r->arena, &r->error);
    if (found.n == 0)
        return ERR_OK;
    buffer_init(&b, r->arena);
    buffer_byte(&b, '"');
    pod_security_standard_write(&b, standard);
    buffer_text(&b, "\": ");
    buffer_put(&b, found);
    *ret = buffer_bytes(&b);
    return b.failed ? arena_error(r->arena, &r->error) : ERR_OK;
}

static err_t warn(struct request *r, struct pod_security_standard standard, const struct json *pod)
{
    bytes found, sentence;

    TRY(find_violations(r, standard, pod, &found));
    if (found.n == 0)
        return ERR_OK;
    sentence = arena_join(r->arena, BYTES("would violate PodSecurity "), found, ARENA_END);
    if (!sentence.p)
        return arena_error(r->arena, &r->error);
    warning_add(r->arena, &r->warnings, sentence);
    return ERR_OK;
}

static err_t enforce(struct request *r, struct pod_security_standard standard, const struct json *pod)
{
    bytes found;

    TRY(find_violations(r, standard, pod, &found));
    return found.n == 0 ? ERR_OK : guard_forbid(r, "violates PodSecurity %.*s", BYTES_FMT(found));
}

/* The labels as they are stored. They still are when the write commits: a create rests on its namespace's revision
 * already, an update from here on. */
static err_t policy_in_force(struct request *r, struct read_txn *txn, struct pod_security_policy *ret)
{
    struct json *namespace;
    uint64_t revision;

    TRY(admission_get(r, txn, &namespace_kind, r->namespace, &namespace, &revision));
    *ret = pod_security_policy_of(
        tree_at(namespace, "metadata", "labels", NULL), r->server->options.pod_security_default, NULL);
    if (namespace && !r->creates)
        return compare_add(r, COMPARE_REVISION, &namespace_kind, r->namespace, revision);
    return ERR_OK;
}

static err_t guard_pod(struct request *r, struct read_txn *txn, const struct json *pod)
{
    struct pod_security_policy policy;
    bool concerned = true;

    if (bytes_equal(r->namespace, BYTES(EXEMPT_NAMESPACE)))
        return ERR_OK;
    if (r->kind != &pod_kind) {
        if (r->subresource != SUBRESOURCE_NONE)
            return ERR_OK;
        TRY(policy_in_force(r, txn, &policy));
        return warn(r, policy.warn, pod);
    }
    TRY(runs_otherwise(r, &concerned));
    if (!concerned)
        return ERR_OK;
    TRY(policy_in_force(r, txn, &policy));
    TRY(enforce(r, policy.enforce, pod));
    return pod_security_standard_equal(policy.warn, policy.enforce) ? ERR_OK : warn(r, policy.warn, pod);
}

/* ---- Namespaces. */

static bool same_causes(const struct error *a, const struct error *b)
{
    const struct cause *x = a->causes, *y = b->causes;

    while (x && y && bytes_equal(x->field, y->field) && bytes_equal(x->message, y->message))
        x = x->next, y = y->next;
    return !x && !y;
}

/* What was wrong before may stay. */
static err_t refuse_labels(struct request *r, const struct error *wrong, const struct error *before)
{
    if (wrong->code == ERR_OK || (!r->creates && same_causes(wrong, before)))
        return ERR_OK;
    r->error = *wrong;
    status_invalid_details(&r->details, r->kind, r->name);
    return object_compose_invalid(r->arena, r->kind, r->name, &r->error);
}

static err_t warn_exempt(struct request *r, const struct pod_security_policy *policy, const struct json *labels)
{
    enum pod_security_level by_default = r->server->options.pod_security_default;
    const struct pod_security_policy plain = pod_security_policy_of(NULL, by_default, NULL);
    struct buffer b;

    if (pod_security_policy_equivalent(policy, &plain) || pod_security_policy_allows_all(policy))
        return ERR_OK;
    buffer_init(&b, r->arena);
    buffer_format(&b, "namespace \"%.*s\" is exempt from Pod Security, and the policy (", BYTES_FMT(r->name));
    pod_security_policy_write(&b, policy, labels);
    buffer_text(&b, ") will be ignored");
    if (b.failed)
        return arena_error(r->arena, &r->error);
    warning_add(r->arena, &r->warnings, buffer_bytes(&b));
    return ERR_OK;
}

/* Pods that have the same against them. */
struct offence {
    bytes what, first; /* the reasons; the name of the first pod */
    size_t pods;
};

struct survey {
    struct request *r;
    struct pod_security_standard standard;
    struct name_table offences; /* by what */
    size_t checked;
};

static err_t note_offence(struct survey *s, bytes what, bytes name)
{
    const struct name_row *row = name_table_find(&s->offences, what);
    struct offence *offence = row ? row->value : arena_zero(s->r->arena, sizeof *offence);

    if (offence && !row) {
        *offence = (struct offence){arena_copy(s->r->arena, what), arena_copy(s->r->arena, name), 0};
        if (!offence->what.p || !offence->first.p || !name_table_put(&s->offences, offence->what, offence))
            offence = NULL;
    }
    if (!offence)
        return arena_error(s->r->arena, &s->r->error);
    offence->pods++;
    return ERR_OK;
}

/* One that cannot be read is an offence of its own: nobody knows what it may do. */
static err_t survey_pod(struct survey *s, struct arena *scratch, const struct record *record)
{
    struct request *r = s->r;
    struct json *pod = NULL;
    bytes text, namespace, name, what = BYTES("cannot be read");
    struct error error;
    err_t code;

    error_init(&error, scratch);
    key_split(record->key.name, &namespace, &name);
    code = record_open(r->server->atrest, scratch, &pod_kind, record, &text, NULL, &error);
    if (code == ERR_OK)
        code = record_parse(scratch, &pod_kind, text, &pod, &error);
    if (code != ERR_OK && !record_unreadable(code))
        return error_set(&r->error, code, "a pod of the namespace cannot be looked at");
    if (code == ERR_OK)
        what = pod_security_violations(
            scratch, s->standard, json_get(pod, BYTES("metadata")), json_get(pod, BYTES("spec")), false);
    if (!what.p)
        return arena_error(scratch, &r->error);
    return what.n > 0 ? note_offence(s, what, name) : ERR_OK;
}

static err_t survey_pods(struct survey *s, struct range *range)
{
    uint64_t end = clock_monotonic_us() + PODS_MOST_US;
    struct record record;
    err_t code = ERR_OK;

    while (code == ERR_OK && s->checked < PODS_MOST && clock_monotonic_us() < end && range_next(range, &record) == 1) {
        struct arena scratch;
        arena_init(&scratch, POD_MEMORY);
        code = survey_pod(s, &scratch, &record);
        arena_reset(&scratch);
        s->checked++;
    }
    return code;
}

static int compare_sentences(const void *a, const void *b)
{
    return bytes_compare(*(const bytes *)a, *(const bytes *)b);
}

/* `a: privileged`, `a (and 1 other pod): privileged`, in order. */
static err_t warn_of_offences(struct survey *s)
{
    struct arena *arena = s->r->arena;
    bytes *sentences = arena_alloc(arena, s->offences.count * sizeof *sentences);
    size_t n = 0;

    if (!sentences)
        return arena_error(arena, &s->r->error);
    for (size_t i = 0; i < s->offences.slots; i++) {
        const struct offence *o = s->offences.rows[i].name.p ? s->offences.rows[i].value : NULL;
        struct buffer b;
        if (!o)
            continue;
        buffer_init(&b, arena);
        buffer_put(&b, o->first);
        if (o->pods > 1)
            buffer_format(&b, " (and %zu other pod%s)", o->pods - 1, o->pods == 2 ? "" : "s");
        buffer_format(&b, ": %.*s", BYTES_FMT(o->what));
        if (b.failed)
            return arena_error(arena, &s->r->error);
        sentences[n++] = buffer_bytes(&b);
    }
    qsort(sentences, n, sizeof *sentences, compare_sentences);
    for (size_t i = 0; i < n; i++)
        warning_add(arena, &s->r->warnings, sentences[i]);
    return ERR_OK;
}

static err_t tell_survey(struct survey *s, uint64_t pods)
{
    struct buffer head;

    if (s->checked < pods) {
        bytes sentence = arena_format(s->r->arena,
            "new PodSecurity enforce level only checked against the first %zu of %llu existing pods", s->checked,
            (unsigned long long)pods);
        if (!sentence.p)
            return arena_error(s->r->arena, &s->r->error);
        warning_add(s->r->arena, &s->r->warnings, sentence);
    }
    if (s->offences.count == 0)
        return ERR_OK;
    buffer_init(&head, s->r->arena);
    buffer_format(&head, "existing pods in namespace \"%.*s\" violate the new PodSecurity enforce level \"",
        BYTES_FMT(s->r->name));
    pod_security_standard_write(&head, s->standard);
    buffer_byte(&head, '"');
    if (head.failed)
        return arena_error(s->r->arena, &s->r->error);
    warning_add(s->r->arena, &s->r->warnings, buffer_bytes(&head));
    return warn_of_offences(s);
}

/* Pods that are there stay; who changes the labels is told which would not come about any more. */
static err_t warn_of_existing(struct request *r, struct read_txn *txn, struct pod_security_standard standard)
{
    bytes prefix = arena_join(r->arena, r->name, BYTES("/"), ARENA_END);
    struct range range = {.txn = txn, .kind = pod_kind.number, .prefix = prefix, .start = prefix}, all = range;
    struct survey survey = {.r = r, .standard = standard, .offences = {.arena = r->arena}};
    uint64_t pods;
    err_t code;

    if (!prefix.p)
        return arena_error(r->arena, &r->error);
    TRY(range_begin(&all, &r->error));
    pods = range_count(&all);
    range_end(&all);
    TRY(range_begin(&range, &r->error));
    code = survey_pods(&survey, &range);
    range_end(&range);
    return code == ERR_OK ? tell_survey(&survey, pods) : code;
}

static err_t guard_namespace(struct request *r, struct read_txn *txn)
{
    enum pod_security_level by_default = r->server->options.pod_security_default;
    const struct json *labels = tree_at(r->object, "metadata", "labels", NULL);
    struct pod_security_policy policy, before;
    struct error wrong, wrong_before;

    if (r->subresource != SUBRESOURCE_NONE)
        return ERR_OK;
    error_init(&wrong, r->arena);
    error_init(&wrong_before, r->arena);
    policy = pod_security_policy_of(labels, by_default, &wrong);
    before = pod_security_policy_of(tree_at(r->old, "metadata", "labels", NULL), by_default, &wrong_before);
    TRY(refuse_labels(r, &wrong, &wrong_before));
    if (!r->creates &&
        (pod_security_standard_equal(policy.enforce, before.enforce) ||
            policy.enforce.level == POD_SECURITY_PRIVILEGED ||
            (policy.enforce.minor == before.enforce.minor && policy.enforce.level < before.enforce.level)))
        return ERR_OK;
    if (bytes_equal(r->name, BYTES(EXEMPT_NAMESPACE)))
        return warn_exempt(r, &policy, labels);
    return r->creates ? ERR_OK : warn_of_existing(r, txn, policy.enforce);
}

err_t guard_pod_security(struct request *r, struct read_txn *txn)
{
    const struct json *pod;

    if (!r->object || r->verb == VERB_DELETE)
        return ERR_OK;
    if (r->kind == &namespace_kind)
        return guard_namespace(r, txn);
    pod = held_pod(r);
    return pod ? guard_pod(r, txn, pod) : ERR_OK;
}
