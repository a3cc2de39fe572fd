/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/pod.h"

/* ---- Image references: [HOST[:PORT]/]PATH[:TAG][@DIGEST]. */

static bool is_lower_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Letters and digits, joined by '.', '_', "__" or any number of '-'. */
static bool is_path_component(bytes text)
{
    size_t i = 0;
    if (!text.n || !is_lower_or_digit(text.p[text.n - 1]))
        return false;
    while (i < text.n) {
        size_t start;
        if (!is_lower_or_digit(text.p[i]))
            return false;
        while (i < text.n && is_lower_or_digit(text.p[i]))
            i++;
        start = i;
        while (i < text.n && !is_lower_or_digit(text.p[i]))
            i++;
        bytes joint = {text.p + start, i - start};
        bool dashes = joint.n > 0;
        for (size_t j = 0; j < joint.n; j++)
            dashes = dashes && joint.p[j] == '-';
        if (joint.n && !dashes && !bytes_equal(joint, BYTES(".")) && !bytes_equal(joint, BYTES("_")) &&
            !bytes_equal(joint, BYTES("__")))
            return false;
    }
    return true;
}

static bool is_host(bytes text)
{
    bool marked = bytes_equal(text, BYTES("localhost"));
    for (size_t i = 0; i < text.n; i++)
        marked = marked || text.p[i] == '.' || text.p[i] == ':' || (text.p[i] >= 'A' && text.p[i] <= 'Z');
    return marked;
}

static bool is_repository(bytes text)
{
    size_t slash = bytes_find(text, '/');
    if (slash < text.n && is_host((bytes){text.p, slash}))
        text = bytes_skip(text, slash + 1);
    for (;;) {
        slash = bytes_find(text, '/');
        if (!is_path_component((bytes){text.p, slash}))
            return false;
        if (slash == text.n)
            return true;
        text = bytes_skip(text, slash + 1);
    }
}

const char *pod_pull_policy(bytes image)
{
    size_t at = bytes_find(image, '@');
    bytes named = {image.p, at}, tag = BYTES_NONE;
    for (size_t i = named.n; i > 0 && named.p[i - 1] != '/'; i--) {
        if (named.p[i - 1] != ':')
            continue;
        tag = bytes_skip(named, i);
        named.n = i - 1;
        break;
    }
    if (!is_repository(named))
        return "IfNotPresent";
    bool untagged = !tag.p && at == image.n;
    return untagged || bytes_equal(tag, BYTES("latest")) ? "Always" : "IfNotPresent";
}

/* ---- Parts of a spec */

static err_t default_environment(struct arena *arena, struct json *container, struct error *error)
{
    for (struct json *variable = tree_first(container, "env"); variable; variable = variable->next) {
        struct json *reference = tree_at(variable, "valueFrom", "resourceFieldRef", NULL);
        if (reference && !tree_default_text(arena, reference, "divisor", "0"))
            return arena_error(arena, error);
    }
    return ERR_OK;
}

static err_t default_containers(struct arena *arena, const struct json *spec, const char *list, struct error *error)
{
    for (struct json *container = tree_first(spec, list); container; container = container->next) {
        struct json *resources = tree_member(arena, container, "resources", JSON_OBJECT);
        if (!resources ||
            !tree_default_text(arena, container, "imagePullPolicy", pod_pull_policy(tree_text(container, "image"))))
            return arena_error(arena, error);
        TRY(resource_list_settle(arena, json_get(resources, BYTES("limits")), error));
        TRY(resource_list_settle(arena, json_get(resources, BYTES("requests")), error));
        TRY(default_environment(arena, container, error));
    }
    return ERR_OK;
}

static bool default_downward_files(struct arena *arena, const struct json *source)
{
    for (struct json *file = tree_first(source, "items"); file; file = file->next) {
        struct json *reference = json_get(file, BYTES("resourceFieldRef"));
        if (reference && !tree_default_text(arena, reference, "divisor", "0"))
            return false;
    }
    return true;
}

static bool default_volume(struct arena *arena, struct json *volume)
{
    struct json *image = json_get(volume, BYTES("image"));
    bool sourceless = volume->count == (json_get(volume, BYTES("name")) ? 1u : 0u);
    if (sourceless)
        return tree_member(arena, volume, "emptyDir", JSON_OBJECT) != NULL;
    if (image && !tree_default_text(arena, image, "pullPolicy", pod_pull_policy(tree_text(image, "reference"))))
        return false;
    struct json *source = tree_first(json_get(volume, BYTES("projected")), "sources");
    for (; source; source = source->next)
        if (!default_downward_files(arena, json_get(source, BYTES("downwardAPI"))))
            return false;
    return default_downward_files(arena, json_get(volume, BYTES("downwardAPI")));
}

/* Restart policies of single containers are for sidecars alone, as long as upstream's ContainerRestartRules is off. */
static void drop_restart_policies(const struct json *spec)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (struct json *container = tree_first(spec, lists[i]); container; container = container->next) {
            json_remove(container, BYTES("restartPolicyRules"));
            if (i == 0 || !pod_is_sidecar(container))
                json_remove(container, BYTES("restartPolicy"));
        }
}

/* The deprecated name of serviceAccountName says the same. */
static bool mirror_service_account(struct arena *arena, struct json *spec)
{
    bytes name = tree_text(spec, "serviceAccountName");
    if (!name.n)
        name = tree_text(spec, "serviceAccount");
    return !name.n || (tree_set_text(arena, spec, "serviceAccountName", name) &&
                          tree_set_text(arena, spec, "serviceAccount", name));
}

err_t pod_spec_set_defaults(struct arena *arena, struct json *spec, struct error *error)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    struct json *resources = json_get(spec, BYTES("resources"));
    if (!spec)
        return ERR_OK;
    drop_restart_policies(spec);
    for (struct json *volume = tree_first(spec, "volumes"); volume; volume = volume->next)
        if (!default_volume(arena, volume))
            return arena_error(arena, error);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        TRY(default_containers(arena, spec, lists[i], error));
    TRY(resource_list_settle(arena, json_get(resources, BYTES("limits")), error));
    TRY(resource_list_settle(arena, json_get(resources, BYTES("requests")), error));
    TRY(resource_list_settle(arena, json_get(spec, BYTES("overhead")), error));
    if (!tree_member(arena, spec, "securityContext", JSON_OBJECT) || !mirror_service_account(arena, spec))
        return arena_error(arena, error);
    return ERR_OK;
}
