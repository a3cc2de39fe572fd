/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/resource_names.h"

bool resource_is_huge_pages(bytes name)
{
    return bytes_start(name, BYTES("hugepages-"));
}

static bool is_native(bytes name)
{
    return bytes_find(name, '/') == name.n || memmem(name.p, name.n, "kubernetes.io/", 14);
}

/* Beyond what Kubernetes itself knows: vendor.example/device. */
static bool is_extended(struct arena *arena, bytes name)
{
    if (is_native(name) || bytes_start(name, BYTES("requests.")))
        return false;
    bytes quota = arena_join(arena, BYTES("requests."), name, ARENA_END);
    return quota.p && qualified_name_valid(quota);
}

bool resource_may_overcommit(bytes name)
{
    return is_native(name) && !resource_is_huge_pages(name);
}

static bool among(bytes name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(name, bytes_of(names[i])))
            return true;
    return false;
}

static bool is_standard(bytes name)
{
    static const char *const names[] = {"cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory",
        "requests.ephemeral-storage", "limits.cpu", "limits.memory", "limits.ephemeral-storage", "pods",
        "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims",
        "storage", "requests.storage", "services.nodeports", "services.loadbalancers"};
    return among(name, names, ARRAY_LEN(names)) || resource_is_huge_pages(name) ||
           bytes_start(name, BYTES("requests.hugepages-"));
}

bool resource_is_counted(struct arena *arena, bytes name)
{
    static const char *const names[] = {"pods", "resourcequotas", "services", "replicationcontrollers", "secrets",
        "configmaps", "persistentvolumeclaims", "services.nodeports", "services.loadbalancers"};
    return among(name, names, ARRAY_LEN(names)) || is_extended(arena, name);
}

bool resource_is_quota(bytes name)
{
    return is_standard(name) && !bytes_equal(name, BYTES("storage"));
}

static void check_use(const struct field *name, bytes text, enum resource_use use)
{
    static const char *const of_containers[] = {"cpu", "memory", "ephemeral-storage"};
    bool plain = bytes_find(text, '/') == text.n;
    if (use == RESOURCE_OF_QUOTA && plain && !resource_is_quota(text))
        field_invalid(name, "must be a standard resource for quota");
    if (use != RESOURCE_OF_CONTAINER)
        return;
    if (plain && !among(text, of_containers, ARRAY_LEN(of_containers)) && !resource_is_huge_pages(text))
        field_invalid(name, "must be a standard resource for containers");
    if (!plain && !is_native(text) && !is_extended(name->check->arena, text))
        field_invalid(name, "doesn't follow extended resource name standard");
}

void resource_name_check(const struct field *quantity, bytes name, enum resource_use use)
{
    static const char *const of_pods[] = {"cpu", "hugepages-", "memory"};
    struct json shown = {.type = JSON_STRING, .text = name};
    struct field at = *quantity;
    unsigned causes = at.check->error->cause_count;
    at.value = &shown;
    check_qualified_name(&at);
    if (at.check->error->cause_count == causes && bytes_find(name, '/') == name.n && !is_standard(name))
        field_invalid(&at, "must be a standard resource type or fully qualified");
    if (use == RESOURCE_OF_POD && at.check->error->cause_count == causes && !resource_is_huge_pages(name) &&
        !among(name, of_pods, ARRAY_LEN(of_pods)))
        FIELD_UNSUPPORTED(&at, of_pods);
    check_use(&at, name, use);
}
