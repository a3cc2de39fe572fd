/* SPDX-License-Identifier: Apache-2.0 */
/* Which resources a container may ask for, and how much of them. */
#include "kinds/resource_names.h"

#include <stdlib.h>

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
    if (resource_is_counted(quantity->check->arena, name) && amount.nano % 1000000000 != 0)
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
        if (!resource_may_overcommit(request->key))
            field_required_because(FIELD(resources, "limits"), "Limit must be set for non overcommitable resources");
        return;
    }
    if (!quantity_parse(limit->text, &most))
        return;
    int order = quantity_compare(&amount, &most);
    if (order != 0 && !resource_may_overcommit(request->key))
        field_invalid(at, "must be equal to %.*s limit of %.*s", BYTES_FMT(request->key), BYTES_FMT(limit->text));
    else if (order > 0)
        field_invalid(
            at, "must be less than or equal to %.*s limit of %.*s", BYTES_FMT(request->key), BYTES_FMT(limit->text));
}

static bool is_compute(bytes name)
{
    return bytes_equal(name, BYTES("cpu")) || bytes_equal(name, BYTES("memory"));
}

static int compare_texts(const void *a, const void *b)
{
    const bytes *x = a, *y = b;
    return bytes_compare(*x, *y);
}

/* "a, b" */
static bytes names_text(struct arena *arena, const struct name_table *names)
{
    struct buffer b;
    size_t count = 0;
    bytes *sorted = arena_alloc(arena, names->count * sizeof(*sorted));
    buffer_init(&b, arena);
    for (size_t i = 0; sorted && i < names->slots; i++)
        if (names->rows[i].name.p)
            sorted[count++] = names->rows[i].name;
    if (count)
        qsort(sorted, count, sizeof(*sorted), compare_texts);
    for (size_t i = 0; i < count; i++) {
        buffer_text(&b, i ? ", " : "");
        buffer_put(&b, sorted[i]);
    }
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
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
            field_not_found_because(&at, "must be one of the names in pod.spec.resourceClaims%s%.*s",
                known->count ? ": " : " which is empty", BYTES_FMT(names_text(claims->check->arena, known)));
    }
}

void pod_resources_check(const struct field *resources, const struct name_table *claims, bool pod_level)
{
    const struct field *limits = FIELD(resources, "limits"), *requests = FIELD(resources, "requests");
    struct name_table by_name = {.arena = resources->check->arena};
    enum resource_use use = pod_level ? RESOURCE_OF_POD : RESOURCE_OF_CONTAINER;
    bool compute = false, huge = false;
    FIELD_EACH(limit, limits)
    {
        resource_name_check(&limit, limit.key, use);
        resource_quantity_check(&limit, limit.key);
        if (resource_is_huge_pages(limit.key))
            check_huge_pages(&limit, limit.key);
        compute = compute || is_compute(limit.key);
        huge = huge || resource_is_huge_pages(limit.key);
        if (!name_table_add(&by_name, limit.key, (void *)(uintptr_t)limit.value))
            (void)arena_error(resources->check->arena, resources->check->error);
    }
    FIELD_EACH(request, requests)
    {
        const struct name_row *row = name_table_find(&by_name, request.key);
        resource_name_check(&request, request.key, use);
        resource_quantity_check(&request, request.key);
        check_request(resources, &request, row ? row->value : NULL);
        if (resource_is_huge_pages(request.key))
            check_huge_pages(&request, request.key);
        compute = compute || is_compute(request.key);
        huge = huge || resource_is_huge_pages(request.key);
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
