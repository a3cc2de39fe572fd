/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/pod_admission.h"

#include "api/references.h"
#include "kinds/kinds.h"
#include "kinds/pod.h"

#include <stdio.h>

static err_t forbid(struct error *error, const struct json *pod, const char *format, ...) PRINTF_LIKE(3, 4);
static err_t forbid(struct error *error, const struct json *pod, const char *format, ...)
{
    const struct json *metadata = json_get(pod, BYTES("metadata"));
    bytes name = tree_text(metadata, "name");
    char reason[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    if (!name.n)
        name = tree_text(metadata, "generateName");
    return error_set(error, ERR_FORBIDDEN, "pods \"%.*s\" is forbidden: %s", BYTES_FMT(name), reason);
}

static bool is_mirror(const struct json *pod)
{
    return tree_at(pod, "metadata", "annotations", MIRROR_POD_ANNOTATION, NULL) != NULL;
}

/* ---- Service account */

#define TOKEN_VOLUME "kube-api-access-"
#define TOKEN_PATH   "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_SOURCES                                                                                                  \
    "{\"projected\":{\"sources\":[{\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}},"          \
    "{\"configMap\":{\"name\":\"kube-root-ca.crt\",\"items\":[{\"key\":\"ca.crt\",\"path\":\"ca.crt\"}]}},"            \
    "{\"downwardAPI\":{\"items\":[{\"path\":\"namespace\",\"fieldRef\":{\"apiVersion\":\"v1\",\"fieldPath\":"          \
    "\"metadata.namespace\"}}]}}],\"defaultMode\":420}}"

bytes pod_service_account(const struct json *pod)
{
    bytes name = tree_text(json_get(pod, BYTES("spec")), "serviceAccountName");
    if (is_mirror(pod))
        return BYTES_NONE;
    return name.n ? name : BYTES("default");
}

static bool wants_token(const struct json *spec, const struct json *account)
{
    const struct json *own = json_get(spec, BYTES("automountServiceAccountToken"));
    const struct json *by_account = json_get(account, BYTES("automountServiceAccountToken"));
    const struct json *says = own ? own : by_account;
    return !says || says->type == JSON_TRUE;
}

static bool is_mounted(const struct json *container)
{
    const struct json *mount = tree_first(container, "volumeMounts");
    while (mount && !bytes_equal(tree_text(mount, "mountPath"), BYTES(TOKEN_PATH)))
        mount = mount->next;
    return mount != NULL;
}

static bool mount_token(struct arena *arena, struct json *spec, const char *list, bytes volume, bool *needed)
{
    for (struct json *container = tree_first(spec, list); container; container = container->next) {
        if (is_mounted(container))
            continue;
        struct json *mount = json_new(arena, JSON_OBJECT);
        if (!mount || !tree_set_text(arena, mount, "name", volume) ||
            !json_set(mount, BYTES("readOnly"), json_bool(arena, true)) ||
            !tree_set_text(arena, mount, "mountPath", BYTES(TOKEN_PATH)) ||
            !json_append(tree_member(arena, container, "volumeMounts", JSON_ARRAY), mount))
            return false;
        *needed = true;
    }
    return true;
}

static bool add_token_volume(struct arena *arena, struct json *spec, bytes name, struct error *error)
{
    struct json *volume;
    if (json_parse(arena, BYTES(TOKEN_SOURCES), NULL, &volume, NULL, error) != ERR_OK)
        return false;
    return tree_set_text(arena, volume, "name", name) &&
           json_append(tree_member(arena, spec, "volumes", JSON_ARRAY), volume);
}

static bool mount_tokens(struct arena *arena, struct json *spec, struct error *error)
{
    bool needed = false;
    const struct json *volume = tree_first(spec, "volumes");
    while (volume && !bytes_start(tree_text(volume, "name"), BYTES(TOKEN_VOLUME)))
        volume = volume->next;
    bytes name = volume ? tree_text(volume, "name") : object_generate_name(arena, BYTES(TOKEN_VOLUME));
    if (!name.p || !mount_token(arena, spec, "initContainers", name, &needed) ||
        !mount_token(arena, spec, "containers", name, &needed))
        return false;
    return volume || !needed || add_token_volume(arena, spec, name, error);
}

static err_t found(void *context, const struct reference *reference)
{
    (void)context, (void)reference;
    return ERR_FORBIDDEN; /* ends the walk */
}

static err_t check_mirror(const struct json *pod, struct error *error)
{
    const struct json *spec = json_get(pod, BYTES("spec"));
    if (tree_text(spec, "serviceAccountName").n)
        return forbid(error, pod, "a mirror pod may not reference service accounts");
    if (references_walk(pod_kind.schema, pod, TARGET_BIT(TARGET_SECRET), found, NULL) != ERR_OK)
        return forbid(error, pod, "a mirror pod may not reference secrets");
    for (const struct json *volume = tree_first(spec, "volumes"); volume; volume = volume->next) {
        const struct json *source = tree_first(json_get(volume, BYTES("projected")), "sources");
        for (; source; source = source->next)
            if (json_get(source, BYTES("serviceAccountToken")))
                return forbid(error, pod, "a mirror pod may not use ServiceAccountToken volume projections");
    }
    return ERR_OK;
}

static bool take_pull_secrets(struct arena *arena, struct json *spec, const struct json *account)
{
    const struct json *secrets = json_get(account, BYTES("imagePullSecrets"));
    return tree_first(spec, "imagePullSecrets") || !secrets || !secrets->count ||
           tree_set_copy(arena, spec, "imagePullSecrets", secrets);
}

err_t pod_admit_service_account(
    struct arena *arena, struct json *pod, bytes namespace, const struct json *account, struct error *error)
{
    struct json *spec = json_get(pod, BYTES("spec"));
    bytes name = pod_service_account(pod);
    if (!name.n)
        return check_mirror(pod, error);
    if (!account)
        return forbid(error, pod, "error looking up service account %.*s/%.*s: serviceaccount \"%.*s\" not found",
            BYTES_FMT(namespace), BYTES_FMT(name), BYTES_FMT(name));
    if (!spec || !tree_set_text(arena, spec, "serviceAccountName", name) ||
        !tree_set_text(arena, spec, "serviceAccount", name))
        return arena_error(arena, error);
    if (wants_token(spec, account) && !mount_tokens(arena, spec, error))
        return arena_error(arena, error);
    return take_pull_secrets(arena, spec, account) ? ERR_OK : arena_error(arena, error);
}

/* ---- Tolerations */

static bool tolerates(const struct json *spec, const char *taint)
{
    for (const struct json *toleration = tree_first(spec, "tolerations"); toleration; toleration = toleration->next) {
        bytes key = tree_text(toleration, "key"), effect = tree_text(toleration, "effect");
        if ((!key.n || bytes_equal(key, bytes_of(taint))) && (!effect.n || bytes_equal(effect, BYTES("NoExecute"))))
            return true;
    }
    return false;
}

err_t pod_admit_tolerations(struct arena *arena, struct json *spec, struct error *error)
{
    static const char *const taints[] = {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"};
    bool tolerated[ARRAY_LEN(taints)];
    for (size_t i = 0; i < ARRAY_LEN(taints); i++)
        tolerated[i] = tolerates(spec, taints[i]);
    for (size_t i = 0; spec && i < ARRAY_LEN(taints); i++) {
        struct json *added = json_new(arena, JSON_OBJECT);
        if (tolerated[i])
            continue;
        if (!added || !tree_set_text(arena, added, "key", bytes_of(taints[i])) ||
            !tree_set_text(arena, added, "operator", BYTES("Exists")) ||
            !tree_set_text(arena, added, "effect", BYTES("NoExecute")) ||
            !tree_set_integer(arena, added, "tolerationSeconds", 300) ||
            !json_append(tree_member(arena, spec, "tolerations", JSON_ARRAY), added))
            return arena_error(arena, error);
    }
    return ERR_OK;
}

/* ---- Priority */

bytes pod_priority_class(const struct json *pod)
{
    return tree_text(json_get(pod, BYTES("spec")), "priorityClassName");
}

static err_t admit_preemption(struct arena *arena, struct json *pod, bytes policy, struct error *error)
{
    struct json *spec = json_get(pod, BYTES("spec"));
    bytes given = tree_text(spec, "preemptionPolicy");
    if (given.n && !bytes_equal(given, policy))
        return forbid(error, pod,
            "the string value of PreemptionPolicy (%.*s) must not be provided in pod spec; priority admission "
            "controller computed %.*s from the given PriorityClass name",
            BYTES_FMT(given), BYTES_FMT(policy));
    return tree_set_text(arena, spec, "preemptionPolicy", policy) ? ERR_OK : arena_error(arena, error);
}

err_t pod_admit_priority(struct arena *arena, struct json *pod, const struct json *class, struct error *error)
{
    struct json *spec = json_get(pod, BYTES("spec"));
    bytes name = pod_priority_class(pod), of_class = tree_text(json_get(class, BYTES("metadata")), "name");
    bytes policy = class ? tree_text(class, "preemptionPolicy") : BYTES("PreemptLowerPriority");
    int64_t priority = tree_integer(class, "value", 0), given = tree_integer(spec, "priority", priority);
    if (!spec)
        return ERR_OK;
    if (name.n && !class)
        return forbid(error, pod, "no PriorityClass with name %.*s was found", BYTES_FMT(name));
    if (!name.n && class && !tree_set_text(arena, spec, "priorityClassName", of_class))
        return arena_error(arena, error);
    if (given != priority)
        return forbid(error, pod,
            "the integer value of priority (%lld) must not be provided in pod spec; priority admission controller "
            "computed %lld from the given PriorityClass name",
            (long long)given, (long long)priority);
    if (!tree_set_integer(arena, spec, "priority", priority))
        return arena_error(arena, error);
    return policy.n ? admit_preemption(arena, pod, policy, error) : ERR_OK;
}
