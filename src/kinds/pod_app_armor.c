/* SPDX-License-Identifier: Apache-2.0 */
/* AppArmor profiles that a new pod asks for by annotations, as before Kubernetes 1.30: what nodes read is the field. */
#include "kinds/pod.h"

#define PROFILE_MOST 4095

/* The type that an annotation means, and of "Localhost" the profile. NULL: none that the field could say. */
static const char *type_of(bytes annotation, bytes *ret_profile)
{
    bytes profile;

    if (bytes_equal(annotation, BYTES("unconfined")))
        return "Unconfined";
    if (bytes_equal(annotation, BYTES("runtime/default")))
        return "RuntimeDefault";
    if (!bytes_start(annotation, BYTES(APP_ARMOR_LOCALHOST)))
        return NULL;
    profile = bytes_skip(annotation, strlen(APP_ARMOR_LOCALHOST));
    if (profile.n == 0 || profile.n > PROFILE_MOST || profile.p[0] <= ' ' || profile.p[profile.n - 1] <= ' ')
        return NULL;
    *ret_profile = profile;
    return "Localhost";
}

/* A container says nothing that its pod says already. */
static bool set_profile(struct arena *arena, struct json *container, const struct json *of_pod, bytes annotation)
{
    bytes profile = BYTES_NONE;
    const char *type = type_of(annotation, &profile);
    struct json *field;

    if (!type)
        return true;
    field = json_new(arena, JSON_OBJECT);
    if (!field || !tree_set_text(arena, field, "type", bytes_of(type)) ||
        (profile.n > 0 && !tree_set_text(arena, field, "localhostProfile", profile)))
        return false;
    return (of_pod && json_equal(field, of_pod)) ||
           json_set(tree_member(arena, container, "securityContext", JSON_OBJECT), BYTES("appArmorProfile"), field);
}

bool pod_take_app_armor_annotations(struct arena *arena, struct json *pod)
{
    static const char *const lists[] = {"initContainers", "containers"};
    const struct json *spec = json_get(pod, BYTES("spec")),
                      *of_pod = tree_at(spec, "securityContext", "appArmorProfile", NULL);
    const struct json *annotations = tree_at(pod, "metadata", "annotations", NULL);

    if (!annotations || bytes_equal(tree_text(json_get(spec, BYTES("os")), "name"), BYTES("windows")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (struct json *c = tree_first(spec, lists[i]); c; c = c->next) {
            bytes key = arena_join(arena, BYTES(APP_ARMOR_ANNOTATION), tree_text(c, "name"), ARENA_END);
            if (!key.p)
                return false;
            if (!tree_at(c, "securityContext", "appArmorProfile", NULL) &&
                !set_profile(arena, c, of_pod, json_text(annotations, key)))
                return false;
        }
    return true;
}
