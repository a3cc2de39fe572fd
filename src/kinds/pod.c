/* SPDX-License-Identifier: Apache-2.0 */
/* Pod: what all its parts' files say, put together. */
#include "base/clock.h"
#include "kinds/kinds.h"
#include "kinds/pod_admission.h"
#include "kinds/workload.h"

/* ---- Defaults */

static bool default_host_ports(struct arena *arena, const struct json *spec, const char *list)
{
    for (struct json *container = tree_first(spec, list); container; container = container->next)
        for (struct json *port = tree_first(container, "ports"); port; port = port->next)
            if (!tree_integer(port, "hostPort", 0) &&
                !tree_set_integer(arena, port, "hostPort", tree_integer(port, "containerPort", 0)))
                return false;
    return true;
}

/* podIP is the first of podIPs. */
static bool align_addresses(struct arena *arena, struct json *status)
{
    bytes first = tree_text(status, "podIP");
    struct json *addresses = json_get(status, BYTES("podIPs"));
    if (!first.n && tree_first(status, "podIPs"))
        return tree_set_text(arena, status, "podIP", tree_text(addresses->first, "ip"));
    if (!first.n || bytes_equal(tree_text(tree_first(status, "podIPs"), "ip"), first))
        return true;
    struct json *address = json_new(arena, JSON_OBJECT);
    addresses = json_set(status, BYTES("podIPs"), json_new(arena, JSON_ARRAY));
    return address && tree_set_text(arena, address, "ip", first) && json_append(addresses, address);
}

static err_t pod_set_defaults(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    /* A pod can't end before it does; a template may say so. */
    if (tree_integer(spec, "terminationGracePeriodSeconds", 0) < 0 &&
        !tree_set_integer(arena, spec, "terminationGracePeriodSeconds", 1))
        return arena_error(arena, error);
    TRY(pod_spec_set_defaults(arena, spec, error));
    bool done =
        !spec || (pod_default_requests(arena, spec) && tree_default_bool(arena, spec, "enableServiceLinks", true) &&
                     (!tree_true(spec, "hostNetwork") || (default_host_ports(arena, spec, "containers") &&
                                                             default_host_ports(arena, spec, "initContainers"))));
    if (!done || (status && !align_addresses(arena, status)))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- What the server owns */

static bool set_birth(struct arena *arena, struct json *pod, int64_t now)
{
    struct json *spec = json_get(pod, BYTES("spec"));
    struct json *status = json_set(pod, BYTES("status"), json_new(arena, JSON_OBJECT));
    if (!status || !tree_set_text(arena, status, "phase", BYTES("Pending")) ||
        !tree_set_text(arena, status, "qosClass", bytes_of(pod_quality_class(spec))) ||
        !pod_merge_label_keys(arena, pod) || !pod_take_app_armor_annotations(arena, pod))
        return false;
    return !tree_first(spec, "schedulingGates") ||
           pod_set_condition(arena, pod, "PodScheduled", "False", "SchedulingGated",
               "Scheduling is blocked due to non-empty scheduling gates", now);
}

/* A client that leaves these out means what is there. */
static bool carry_admitted(struct arena *arena, struct json *spec, const struct json *old)
{
    static const char *const members[] = {"priority", "preemptionPolicy"};
    const struct json *before = json_get(old, BYTES("spec"));
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (!json_get(spec, bytes_of(members[i])) &&
            !tree_set_copy(arena, spec, members[i], json_get(before, bytes_of(members[i]))))
            return false;
    return true;
}

static bool carry_status(struct arena *arena, struct json *pod, const struct json *old)
{
    struct json *status = tree_member(arena, pod, "status", JSON_OBJECT);
    const struct json *before = json_get(old, BYTES("status"));
    const struct json *quality = json_get(before, BYTES("qosClass"));
    if (!status || !align_addresses(arena, status))
        return false;
    if (!tree_integer(status, "observedGeneration", 0) && json_get(before, BYTES("observedGeneration")) &&
        !tree_set_copy(arena, status, "observedGeneration", json_get(before, BYTES("observedGeneration"))))
        return false;
    return tree_text(status, "qosClass").n || !quality || tree_set_copy(arena, status, "qosClass", quality);
}

static bool prepare_change(
    struct arena *arena, enum subresource subresource, struct json *pod, const struct json *old, struct error *error)
{
    struct json *spec = json_get(pod, BYTES("spec"));
    switch (subresource) {
    case SUBRESOURCE_STATUS:
        return carry_status(arena, pod, old);
    case SUBRESOURCE_EPHEMERAL_CONTAINERS:
        return pod_keep_only_ephemeral_containers(arena, pod, old);
    case SUBRESOURCE_RESIZE:
        return pod_keep_only_resources(arena, pod, old);
    default:
        return carry_admitted(arena, spec, old) && pod_admit_tolerations(arena, spec, error) == ERR_OK;
    }
}

static err_t pod_prepare(struct arena *arena, const struct kind *kind, enum subresource subresource,
    struct json *object, const struct json *old, struct error *error)
{
    bool done =
        old ? prepare_change(arena, subresource, object, old, error) : set_birth(arena, object, clock_wall_seconds());
    if (!done)
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Rules */

static void check_tokens(const struct field *spec)
{
    const struct field *volumes = FIELD(spec, "volumes");
    if (field_text(FIELD(spec, "serviceAccountName")).n)
        return;
    FIELD_EACH(volume, volumes)
    {
        const struct field *sources = FIELD(FIELD(&volume, "projected"), "sources");
        FIELD_EACH(source, sources)
        if (FIELD(&source, "serviceAccountToken")->value)
            field_forbidden(
                FIELD(&source, "serviceAccountToken"), "must not be specified when serviceAccountName is not set");
    }
}

/* Node and Pod Security looked at them when the Pod was made. */
static void check_app_armor_changes(const struct field *annotations, const struct json *old)
{
    for (const struct json *now = annotations->value ? annotations->value->first : NULL; now; now = now->next) {
        const struct json *before = json_get(old, now->key);
        if (!bytes_start(now->key, BYTES(APP_ARMOR_ANNOTATION)))
            continue;
        if (!before)
            field_forbidden(FIELD_KEY(annotations, now->key, now), "may not add AppArmor annotations");
        else if (!bytes_equal(before->text, now->text))
            field_forbidden(FIELD_KEY(annotations, now->key, now), "may not remove or update AppArmor annotations");
    }
    for (const struct json *before = old ? old->first : NULL; before; before = before->next)
        if (bytes_start(before->key, BYTES(APP_ARMOR_ANNOTATION)) && !json_get(annotations->value, before->key))
            field_forbidden(FIELD_KEY(annotations, before->key, NULL), "may not remove or update AppArmor annotations");
}

static void check_annotation_changes(const struct field *annotations, const struct json *old)
{
    const struct json *before = tree_at(old, "metadata", "annotations", MIRROR_POD_ANNOTATION, NULL);
    const struct json *now = json_get(annotations->value, BYTES(MIRROR_POD_ANNOTATION));
    const struct field *mirror = FIELD_KEY(annotations, BYTES(MIRROR_POD_ANNOTATION), now);
    if (before && (!now || !bytes_equal(now->text, before->text)))
        field_forbidden(mirror, "may not remove or update mirror pod annotation");
    else if (!before && now)
        field_forbidden(mirror, "may not add mirror pod annotation");
    check_app_armor_changes(annotations, tree_at(old, "metadata", "annotations", NULL));
}

static void pod_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {arena, error};
    struct field pod = field_root(&check, "", object);
    const struct field *metadata = FIELD(&pod, "metadata"), *annotations = FIELD(metadata, "annotations");
    const struct field *spec = FIELD(&pod, "spec");
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS && old) {
        check_annotation_changes(annotations, old);
        pod_status_update_check(&pod, old);
        return;
    }
    pod_annotations_check(annotations, spec->value);
    pod_spec_check(spec, true, field_text(FIELD(metadata, "name")));
    check_tokens(spec);
    pod_images_check(spec);
    if (!old) {
        if (field_count(FIELD(spec, "ephemeralContainers")))
            field_forbidden(FIELD(spec, "ephemeralContainers"), "cannot be set on create");
        if (field_text(FIELD(spec, "nodeName")).n && field_count(FIELD(spec, "schedulingGates")))
            field_forbidden(FIELD(spec, "nodeName"), "cannot be set until all schedulingGates have been cleared");
        return;
    }
    check_annotation_changes(annotations, old);
    if (subresource == SUBRESOURCE_EPHEMERAL_CONTAINERS)
        pod_ephemeral_containers_update_check(&pod, old);
    else if (subresource == SUBRESOURCE_RESIZE)
        pod_resize_check(&pod, old);
    else if (subresource != SUBRESOURCE_BINDING)
        pod_update_check(&pod, old);
}

static void pod_warn(struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    (void)kind;
    workload_warn_name(arena, object, "the Pod's hostname", warnings);
    pod_spec_warn(arena, object, "", warnings);
}

/* How long a delete leaves the pod: not at all where no node runs it. */
static int64_t pod_grace_period(const struct json *pod, int64_t given)
{
    const struct json *spec = json_get(pod, BYTES("spec"));
    bytes phase = tree_text(json_get(pod, BYTES("status")), "phase");
    int64_t period = given >= 0 ? given : tree_integer(spec, "terminationGracePeriodSeconds", 0);
    if (!tree_text(spec, "nodeName").n || bytes_equal(phase, BYTES("Failed")) || bytes_equal(phase, BYTES("Succeeded")))
        return 0;
    return period < 0 ? 1 : period;
}

const struct kind_rules pod_rules = {
    .set_defaults = pod_set_defaults,
    .prepare = pod_prepare,
    .validate = pod_validate,
    .warn = pod_warn,
    .cells = pod_cells,
    .grace_period = pod_grace_period,
};
