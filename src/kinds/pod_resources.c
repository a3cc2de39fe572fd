/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/pod.h"

#define NANO_PER_MILLI 1000000

/* ---- Canonical form */

static bytes quantity_source(const struct json *value)
{
    return value->type == JSON_STRING || value->type == JSON_NUMBER ? value->text : BYTES_NONE;
}

/* A canonical quantity always parses; what does not counts as nothing. */
static struct quantity quantity_of(const struct json *value)
{
    struct quantity quantity = {0};
    if (!value || !quantity_parse(quantity_source(value), &quantity))
        quantity = (struct quantity){0};
    return quantity;
}

static void round_up_to_milli(struct quantity *quantity)
{
    __int128 rest = quantity->nano % NANO_PER_MILLI;
    if (!rest)
        return;
    quantity->nano += rest > 0 ? NANO_PER_MILLI - rest : -NANO_PER_MILLI - rest;
    quantity->written = BYTES_NONE;
}

err_t resource_list_settle(struct arena *arena, struct json *list, struct error *error)
{
    for (struct json *value = list && list->type == JSON_OBJECT ? list->first : NULL; value; value = value->next) {
        struct quantity quantity;
        bytes source = quantity_source(value);
        if (!quantity_parse(source, &quantity)) {
            const char *fault = quantity_fault(source);
            return error_set(error, ERR_BAD_REQUEST, "%s", fault ? fault : "quantity out of range");
        }
        round_up_to_milli(&quantity);
        value->text = quantity_text(arena, &quantity);
        value->type = JSON_STRING;
        if (!value->text.p)
            return arena_error(arena, error);
    }
    return ERR_OK;
}

/* ---- Sums */

const struct quantity *resource_sums_find(const struct resource_sums *sums, bytes name)
{
    const struct name_row *row = name_table_find(&sums->by_name, name);
    return row ? row->value : NULL;
}

/* Adds, or keeps the greater; a sum beyond what quantities can be is the greater one too. */
static bool include(struct resource_sums *sums, bytes name, const struct quantity *quantity, bool add)
{
    const struct name_row *row = name_table_find(&sums->by_name, name);
    if (row) {
        struct quantity *sum = (struct quantity *)row->value;
        if (add && quantity_add(sum, quantity))
            return true;
        if (quantity_compare(quantity, sum) > 0)
            *sum = *quantity;
        return true;
    }
    struct quantity *fresh = arena_alloc(sums->by_name.arena, sizeof(*fresh));
    if (!fresh)
        return false;
    *fresh = *quantity;
    return name_table_add(&sums->by_name, name, fresh);
}

static bool include_list(struct resource_sums *sums, const struct json *list, bool add)
{
    for (const struct json *value = list ? list->first : NULL; value; value = value->next) {
        struct quantity quantity = quantity_of(value);
        quantity.written = BYTES_NONE;
        if (!include(sums, value->key, &quantity, add))
            return false;
    }
    return true;
}

bool resource_list_sum(struct arena *arena, const struct json *list, struct resource_sums *ret)
{
    *ret = (struct resource_sums){{.arena = arena}};
    return include_list(ret, list, true);
}

static bool include_sums(struct resource_sums *sums, const struct resource_sums *others, bool add)
{
    for (size_t i = 0; i < others->by_name.slots; i++) {
        const struct name_row *row = &others->by_name.rows[i];
        if (row->name.p && !include(sums, row->name, row->value, add))
            return false;
    }
    return true;
}

bool pod_is_sidecar(const struct json *init_container)
{
    return bytes_equal(tree_text(init_container, "restartPolicy"), BYTES("Always"));
}

/* Init containers run one after the other, beside the sidecars that were started before. */
static bool sum_init_containers(struct arena *arena, const struct json *spec, const char *member,
    struct resource_sums *total, struct resource_sums *greediest)
{
    struct resource_sums sidecars = {{.arena = arena}};
    for (const struct json *container = tree_first(spec, "initContainers"); container; container = container->next) {
        const struct json *list = tree_at(container, "resources", member, NULL);
        struct resource_sums step = {{.arena = arena}};
        if (pod_is_sidecar(container)) {
            if (!include_list(total, list, true) || !include_list(&sidecars, list, true))
                return false;
        } else if (!include_list(&step, list, true)) {
            return false;
        }
        if (!include_sums(&step, &sidecars, true) || !include_sums(greediest, &step, false))
            return false;
    }
    return true;
}

bool pod_sum_resources(
    struct arena *arena, const struct json *spec, const char *member, bool pod_level, struct resource_sums *ret)
{
    struct resource_sums total = {{.arena = arena}}, greediest = {{.arena = arena}};
    for (const struct json *container = tree_first(spec, "containers"); container; container = container->next)
        if (!include_list(&total, tree_at(container, "resources", member, NULL), true))
            return false;
    if (!sum_init_containers(arena, spec, member, &total, &greediest) || !include_sums(&total, &greediest, false))
        return false;
    static const char *const own[] = {"cpu", "memory"};
    for (size_t i = 0; pod_level && i < ARRAY_LEN(own); i++) {
        const struct json *value = tree_at(spec, "resources", member, own[i], NULL);
        const struct name_row *row = name_table_find(&total.by_name, bytes_of(own[i]));
        struct quantity quantity = quantity_of(value);
        if (value && row)
            *(struct quantity *)row->value = quantity;
        else if (value && !include(&total, bytes_of(own[i]), &quantity, true))
            return false;
    }
    *ret = total;
    return true;
}

/* ---- Requests */

static bool requests_from_limits(struct arena *arena, struct json *resources, bool (*applies)(bytes))
{
    const struct json *limits = json_get(resources, BYTES("limits"));
    if (!limits || !limits->count)
        return true;
    struct json *requests = tree_member(arena, resources, "requests", JSON_OBJECT);
    struct name_table known = {.arena = arena};
    for (const struct json *request = requests ? requests->first : NULL; request; request = request->next)
        if (!name_table_add(&known, request->key, NULL))
            return false;
    for (const struct json *limit = limits->first; requests && limit; limit = limit->next)
        if ((!applies || applies(limit->key)) && !name_table_find(&known, limit->key) &&
            !json_add(requests, limit->key, json_copy(arena, limit)))
            return false;
    if (requests)
        json_sort(requests);
    return requests != NULL;
}

static bool is_pod_level(bytes name)
{
    return bytes_equal(name, BYTES("cpu")) || bytes_equal(name, BYTES("memory")) ||
           bytes_start(name, BYTES("hugepages-"));
}

/* A pod that limits itself requests what its containers do, else what it limits itself to. */
static bool default_pod_level(struct arena *arena, struct json *spec)
{
    static const char *const shared[] = {"cpu", "memory"};
    struct json *resources = json_get(spec, BYTES("resources"));
    struct resource_sums sums;
    if (!tree_first(resources, "limits"))
        return true;
    if (!pod_sum_resources(arena, spec, "requests", false, &sums))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
        const struct quantity *sum = resource_sums_find(&sums, bytes_of(shared[i]));
        if (!sum || tree_at(resources, "requests", shared[i], NULL))
            continue;
        bytes text = quantity_text(arena, sum);
        if (!text.p || !tree_set_text(arena, tree_member(arena, resources, "requests", JSON_OBJECT), shared[i], text))
            return false;
    }
    return requests_from_limits(arena, resources, is_pod_level);
}

bool pod_default_requests(struct arena *arena, struct json *spec)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (struct json *container = tree_first(spec, lists[i]); container; container = container->next)
            if (!requests_from_limits(arena, json_get(container, BYTES("resources")), NULL))
                return false;
    return default_pod_level(arena, spec);
}

/* ---- Quality of service */

struct quality {
    bool any, guaranteed;
    struct quantity sums[2][2]; /* requests and limits of cpu and memory */
};

static void weigh(struct quality *quality, const struct json *resources)
{
    static const char *const names[] = {"cpu", "memory"};
    static const char *const lists[] = {"requests", "limits"};
    for (size_t list = 0; list < 2; list++)
        for (size_t name = 0; name < 2; name++) {
            struct quantity quantity = quantity_of(tree_at(resources, lists[list], names[name], NULL));
            if (quantity.nano > 0) {
                quality->any = true;
                if (!quantity_add(&quality->sums[list][name], &quantity))
                    quality->guaranteed = false;
            } else if (list == 1) {
                quality->guaranteed = false; /* every container must be limited in both */
            }
        }
}

const char *pod_quality_class(const struct json *spec)
{
    static const char *const lists[] = {"containers", "initContainers"};
    const struct json *own = json_get(spec, BYTES("resources"));
    struct quality quality = {.guaranteed = true};
    if (own)
        weigh(&quality, own);
    for (size_t i = 0; !own && i < ARRAY_LEN(lists); i++)
        for (const struct json *container = tree_first(spec, lists[i]); container; container = container->next)
            weigh(&quality, json_get(container, BYTES("resources")));
    if (!quality.any)
        return "BestEffort";
    for (size_t name = 0; name < 2; name++)
        if (quantity_compare(&quality.sums[0][name], &quality.sums[1][name]) != 0)
            quality.guaranteed = false;
    return quality.guaranteed ? "Guaranteed" : "Burstable";
}
