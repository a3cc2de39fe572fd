/* SPDX-License-Identifier: Apache-2.0 */
/* What the subresources ephemeralcontainers and resize change of a pod, and may change. */
#include "kinds/pod.h"

static bool restore(struct arena *arena, struct json *pod, const struct json *old)
{
    static const char *const members[] = {"spec", "status"};
    static const char *const owned[] = {"labels", "annotations", "finalizers", "ownerReferences"};
    struct json *metadata = json_get(pod, BYTES("metadata"));
    const struct json *before = json_get(old, BYTES("metadata"));
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (!tree_set_copy(arena, pod, members[i], json_get(old, bytes_of(members[i]))))
            return false;
    for (size_t i = 0; metadata && i < ARRAY_LEN(owned); i++)
        if (!tree_set_copy(arena, metadata, owned[i], json_get(before, bytes_of(owned[i]))))
            return false;
    return true;
}

bool pod_keep_only_ephemeral_containers(struct arena *arena, struct json *pod, const struct json *old)
{
    struct json *containers = tree_at(pod, "spec", "ephemeralContainers", NULL);
    if (!restore(arena, pod, old))
        return false;
    struct json *spec = json_get(pod, BYTES("spec"));
    if (!containers) {
        json_remove(spec, BYTES("ephemeralContainers"));
        return true;
    }
    return json_set(spec, BYTES("ephemeralContainers"), containers) != NULL;
}

/* ---- Resize */

static bool same_containers(const struct json *spec, const struct json *before, const char *list)
{
    const struct json *a = tree_first(spec, list), *b = tree_first(before, list);
    for (; a && b; a = a->next, b = b->next)
        if (!bytes_equal(tree_text(a, "name"), tree_text(b, "name")))
            return false;
    return !a && !b;
}

static bool take_resources(struct arena *arena, struct json *spec, const struct json *asked, const char *list)
{
    static const char *const members[] = {"resources", "resizePolicy"};
    struct json *container = tree_first(spec, list);
    const struct json *from = tree_first(asked, list);
    for (; container && from; container = container->next, from = from->next)
        for (size_t i = 0; i < ARRAY_LEN(members); i++)
            if (!tree_set_copy(arena, container, members[i], json_get(from, bytes_of(members[i]))))
                return false;
    return true;
}

bool pod_keep_only_resources(struct arena *arena, struct json *pod, const struct json *old)
{
    const struct json *asked = json_get(pod, BYTES("spec")), *before = json_get(old, BYTES("spec"));
    if (!same_containers(asked, before, "containers") || !same_containers(asked, before, "initContainers"))
        return true; /* the rules say no */
    if (!restore(arena, pod, old))
        return false;
    struct json *spec = json_get(pod, BYTES("spec"));
    return take_resources(arena, spec, asked, "containers") && take_resources(arena, spec, asked, "initContainers");
}

static bool order_kept(const struct field *spec, const struct json *before, const char *list)
{
    const struct field *containers = FIELD(spec, list);
    const struct json *old = json_get(before, bytes_of(list)), *other = tree_first(before, list);
    bool kept = true;
    if (field_count(containers) != (old ? old->count : 0)) {
        field_forbidden(containers, "%s may not be added or removed on resize", list);
        return false;
    }
    FIELD_EACH(container, containers)
    {
        const struct field *name = FIELD(&container, "name");
        if (!bytes_equal(field_text(name), tree_text(other, "name"))) {
            field_forbidden(name, "%s may not be renamed or reordered on resize", list);
            kept = false;
        }
        other = other->next;
    }
    return kept;
}

static void check_not_removed(const struct field *resources, const struct json *old, const char *list)
{
    const struct field *now = FIELD(resources, list);
    struct name_table names = {.arena = resources->check->arena};
    FIELD_EACH(quantity, now)
    (void)name_table_add(&names, quantity.key, NULL);
    for (const struct json *before = tree_first(old, list); before; before = before->next)
        if (!name_table_find(&names, before->key)) {
            field_forbidden(now, "resource %s cannot be removed", list);
            return;
        }
}

static struct json *without_compute(struct arena *arena, const struct json *resources)
{
    static const char *const lists[] = {"requests", "limits"};
    struct json *copy = resources ? json_copy(arena, resources) : json_new(arena, JSON_OBJECT);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct json *list = json_get(copy, bytes_of(lists[i]));
        json_remove(list, BYTES("cpu"));
        json_remove(list, BYTES("memory"));
        if (list && !list->count)
            json_remove(copy, bytes_of(lists[i]));
    }
    return copy;
}

static bool only_compute_differs(struct arena *arena, const struct json *resources, const struct json *old)
{
    const struct json *now = without_compute(arena, resources), *before = without_compute(arena, old);
    return now && before && json_alike(now, before);
}

static void check_resources(const struct field *spec, const struct json *before, const char *list)
{
    const struct field *containers = FIELD(spec, list);
    const struct json *old = tree_first(before, list);
    bool init = strcmp(list, "initContainers") == 0;
    FIELD_EACH(container, containers)
    {
        const struct field *resources = FIELD(&container, "resources");
        const struct json *old_resources = json_get(old, BYTES("resources"));
        if (init && !pod_is_sidecar(old)) {
            if (!json_alike(container.value, old))
                field_forbidden(spec, "resources for non-sidecar init containers are immutable");
        } else {
            check_not_removed(resources, old_resources, "requests");
            check_not_removed(resources, old_resources, "limits");
            if (!only_compute_differs(spec->check->arena, resources->value, old_resources) ||
                !json_alike(json_get(container.value, BYTES("resizePolicy")), json_get(old, BYTES("resizePolicy"))))
                field_forbidden(
                    spec, "only cpu and memory resources %sare mutable", init ? "for sidecar containers " : "");
        }
        old = old->next;
    }
}

void pod_resize_check(const struct field *pod, const struct json *old)
{
    const struct field *spec = FIELD(pod, "spec"), *nothing = FIELD_WITH(pod, "", NULL);
    const struct json *before = json_get(old, BYTES("spec"));
    bytes quality = tree_text(json_get(old, BYTES("status")), "qosClass");
    struct json shown = {.type = JSON_STRING, .text = quality};
    if (json_get(before, BYTES("resources")) || FIELD(spec, "resources")->value) {
        field_forbidden(nothing, "pods with pod-level resources cannot be resized");
        return;
    }
    if (tree_at(old, "metadata", "annotations", MIRROR_POD_ANNOTATION, NULL)) {
        field_forbidden(nothing, "static pods cannot be resized");
        return;
    }
    if (!bytes_equal(quality, bytes_of(pod_quality_class(spec->value))))
        field_invalid(FIELD_WITH(pod, "spec", &shown), "Pod QOS Class may not change as a result of resizing");
    bool kept = order_kept(spec, before, "containers");
    if (!order_kept(spec, before, "initContainers") || !kept)
        return;
    check_resources(spec, before, "initContainers");
    check_resources(spec, before, "containers");
}
