/* SPDX-License-Identifier: Apache-2.0 */
/* Which resources a container may ask for, and how much of them. */
#include "kinds/pod.h"

/* ---- Names */

static bool is_huge_pages(bytes name)
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

static bool may_overcommit(bytes name)
{
    return is_native(name) && !is_huge_pages(name);
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
    return among(name, names, ARRAY_LEN(names)) || is_huge_pages(name) ||
           bytes_start(name, BYTES("requests.hugepages-"));
}

static bool is_counted(struct arena *arena, bytes name)
{
    static const char *const names[] = {"pods", "resourcequotas", "services", "replicationcontrollers", "secrets",
        "configmaps", "persistentvolumeclaims", "services.nodeports", "services.loadbalancers"};
    return among(name, names, ARRAY_LEN(names)) || is_extended(arena, name);
}

static void check_name(const struct field *quantity, bytes name, bool pod_level)
{
    static const char *const of_containers[] = {"cpu", "memory", "ephemeral-storage"};
    static const char *const of_pods[] = {"cpu", "hugepages-", "memory"};
    struct json shown = {.type = JSON_STRING, .text = name};
    struct field at = *quantity;
    unsigned causes = at.check->error->cause_count;
    at.value = &shown;
    check_qualified_name(&at);
    if (at.check->error->cause_count != causes)
        return;
    bool plain = bytes_find(name, '/') == name.n;
    if (plain && !is_standard(name))
        field_invalid(&at, "must be a standard resource type or fully qualified");
    if (pod_level) {
        if (at.check->error->cause_count == causes && !is_huge_pages(name) && !among(name, of_pods, 3))
            FIELD_UNSUPPORTED(&at, of_pods);
    } else if (plain) {
        if (!among(name, of_containers, ARRAY_LEN(of_containers)) && !is_huge_pages(name))
            field_invalid(&at, "must be a standard resource for containers");
    } else if (!is_native(name) && !is_extended(at.check->arena, name)) {
        field_invalid(&at, "doesn't follow extended resource name standard");
    }
}

/* ---- Amounts */

static struct quantity amount_of(const struct field *quantity)
{
    struct quantity amount;
    if (!quantity_parse(field_text(quantity), &amount))
        amount = (struct quantity){0};
    return amount;
}

void resource_quantity_check(const struct field *quantity, bytes name)
{
    struct quantity amount = amount_of(quantity);
    if (amount.nano < 0)
        field_invalid(quantity, "must be greater than or equal to 0");
    if (is_counted(quantity->check->arena, name) && amount.nano % 1000000000 != 0)
        field_invalid(quantity, "must be an integer");
}

static void check_huge_pages(const struct field *quantity, bytes name)
{
    struct quantity size, amount = amount_of(quantity);
    bool whole =
        quantity_parse(bytes_skip(name, strlen("hugepages-")), &size) && size.nano > 0 && size.nano % 1000000000 == 0;
    if (!whole || amount.nano % size.nano != 0)
        field_invalid(quantity, "%.*s is not positive integer multiple of %.*s", BYTES_FMT(field_text(quantity)),
            BYTES_FMT(name));
}

static void check_request(const struct field *resources, const struct field *request, const struct json *limit)
{
    const struct field *at = FIELD_WITH(resources, "requests", request->value);
    struct quantity amount = amount_of(request), most;
    if (!limit) {
        if (!may_overcommit(request->key))
            field_required_because(FIELD(resources, "limits"), "Limit must be set for non overcommitable resources");
        return;
    }
    if (!quantity_parse(limit->text, &most))
        return;
    int order = quantity_compare(&amount, &most);
    if (order != 0 && !may_overcommit(request->key))
        field_invalid(at, "must be equal to %.*s limit of %.*s", BYTES_FMT(request->key), BYTES_FMT(limit->text));
    else if (order > 0)
        field_invalid(
            at, "must be less than or equal to %.*s limit of %.*s", BYTES_FMT(request->key), BYTES_FMT(limit->text));
}

static bool is_compute(bytes name)
{
    return bytes_equal(name, BYTES("cpu")) || bytes_equal(name, BYTES("memory"));
}

static void check_claims(const struct field *claims, const struct name_table *known)
{
    struct name_table seen = {.arena = claims->check->arena};
    FIELD_EACH(claim, claims)
    {
        const struct json *value = json_get(claim.value, BYTES("name"));
        bytes name = tree_text(claim.value, "name"), request = tree_text(claim.value, "request");
        bytes key =
            arena_format(claims->check->arena, "%.*s%s%.*s", BYTES_FMT(name), request.n ? "/" : "", BYTES_FMT(request));
        struct field at = claim;
        at.value = value;
        if (!name.n) {
            field_required(&at);
            continue;
        }
        if (request.n)
            check_dns_label(FIELD(&claim, "request"));
        if (key.p && !name_table_add(&seen, key, NULL))
            field_duplicate(&at);
        if (!name_table_find(known, name))
            field_not_found(&at);
    }
}

void pod_resources_check(const struct field *resources, const struct name_table *claims, bool pod_level)
{
    const struct field *limits = FIELD(resources, "limits"), *requests = FIELD(resources, "requests");
    struct name_table by_name = {.arena = resources->check->arena};
    bool compute = false, huge = false;
    FIELD_EACH(limit, limits)
    {
        check_name(&limit, limit.key, pod_level);
        resource_quantity_check(&limit, limit.key);
        if (is_huge_pages(limit.key))
            check_huge_pages(&limit, limit.key);
        compute = compute || is_compute(limit.key);
        huge = huge || is_huge_pages(limit.key);
        if (!name_table_add(&by_name, limit.key, (void *)(uintptr_t)limit.value))
            (void)arena_error(resources->check->arena, resources->check->error);
    }
    FIELD_EACH(request, requests)
    {
        const struct name_row *row = name_table_find(&by_name, request.key);
        check_name(&request, request.key, pod_level);
        resource_quantity_check(&request, request.key);
        check_request(resources, &request, row ? row->value : NULL);
        if (is_huge_pages(request.key))
            check_huge_pages(&request, request.key);
        compute = compute || is_compute(request.key);
        huge = huge || is_huge_pages(request.key);
    }
    if (huge && !compute)
        field_forbidden(resources, "HugePages require cpu or memory");
    check_claims(FIELD(resources, "claims"), claims);
}

/* ---- What a pod asks for itself */

static void check_container_limits(const struct field *spec)
{
    const struct field *resources = FIELD(spec, "resources"), *containers = FIELD(spec, "containers");
    const struct field *own_limits = FIELD(resources, "limits");
    struct name_table most = {.arena = spec->check->arena};
    const struct field *shown = FIELD_WITH(resources, "containers", containers->value);
    struct quantity limit;
    FIELD_EACH(own, own_limits)
    (void)name_table_add(&most, own.key, (void *)(uintptr_t)own.value);
    FIELD_EACH(container, containers)
    {
        const struct field *limits = FIELD(FIELD(&container, "resources"), "limits");
        struct field item = container;
        item.parent = shown;
        FIELD_EACH(own, limits)
        {
            const struct name_row *row = name_table_find(&most, own.key);
            const struct json *of_pod = row ? row->value : NULL;
            struct quantity amount = amount_of(&own);
            if (of_pod && quantity_parse(of_pod->text, &limit) && quantity_compare(&amount, &limit) > 0)
                field_invalid(FIELD_WITH(FIELD_KEY(&item, own.key, own.value), "limits", own.value),
                    "must be less than or equal to pod limits of %.*s", BYTES_FMT(of_pod->text));
        }
    }
}

void pod_level_resources_check(const struct field *spec, const struct pod_rules_context *context)
{
    struct arena *arena = spec->check->arena;
    const struct field *resources = FIELD(spec, "resources"), *requests = FIELD(resources, "requests");
    struct resource_sums sums;
    if (!resources->value)
        return;
    if (field_is(FIELD(FIELD(spec, "os"), "name"), "windows")) {
        field_forbidden(resources, "may not be set for a windows pod");
        return;
    }
    if (FIELD(resources, "claims")->value)
        field_forbidden(FIELD(resources, "claims"), "claims may not be set for Resources at pod-level");
    pod_resources_check(resources, &context->claims, true);
    if (!pod_sum_resources(arena, spec->value, "requests", false, &sums)) {
        (void)arena_error(arena, spec->check->error);
        return;
    }
    FIELD_EACH(request, requests)
    {
        const struct quantity *sum = resource_sums_find(&sums, request.key);
        struct quantity amount = amount_of(&request);
        if (!sum || quantity_compare(sum, &amount) <= 0)
            continue;
        bytes text = quantity_text(arena, sum);
        field_invalid(
            &request, "must be greater than or equal to aggregate container requests of %.*s", BYTES_FMT(text));
    }
    check_container_limits(spec);
}
