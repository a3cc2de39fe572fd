/* SPDX-License-Identifier: Apache-2.0 */
#include "api/present.h"
#include "kinds/kinds.h"
#include "kinds/workload.h"

#include <stdlib.h>

/* ---- Defaults */

/* podCIDR is the first of podCIDRs. */
static bool align_networks(struct arena *arena, struct json *spec)
{
    bytes first = tree_text(spec, "podCIDR");
    struct json *networks = json_get(spec, BYTES("podCIDRs"));
    if (!first.n && tree_first(spec, "podCIDRs"))
        return tree_set_text(arena, spec, "podCIDR", networks->first->text);
    const struct json *head = tree_first(spec, "podCIDRs");
    if (!first.n || (head && bytes_equal(head->text, first)))
        return true;
    networks = json_set(spec, BYTES("podCIDRs"), json_new(arena, JSON_ARRAY));
    return json_append(networks, json_string(arena, first)) != NULL;
}

static err_t node_set_defaults(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = json_get(object, BYTES("spec")), *status = json_get(object, BYTES("status"));
    struct json *capacity = json_get(status, BYTES("capacity"));
    TRY(resource_list_settle(arena, capacity, error));
    TRY(resource_list_settle(arena, json_get(status, BYTES("allocatable")), error));
    if (capacity && capacity->count && !json_get(status, BYTES("allocatable")) &&
        !tree_set_copy(arena, status, "allocatable", capacity))
        return arena_error(arena, error);
    if (spec && !align_networks(arena, spec))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

#define NOT_READY "node.kubernetes.io/not-ready"

/* A new node is not ready: nothing is scheduled there before its kubelet reports. */
static bool taint(struct arena *arena, struct json *spec)
{
    struct json *taints = tree_member(arena, spec, "taints", JSON_ARRAY);
    if (!taints)
        return false;
    for (const struct json *t = taints->first; t; t = t->next)
        if (bytes_equal(tree_text(t, "key"), BYTES(NOT_READY)) &&
            bytes_equal(tree_text(t, "effect"), BYTES("NoSchedule")))
            return true;
    struct json *added = json_new(arena, JSON_OBJECT);
    return added && tree_set_text(arena, added, "key", BYTES(NOT_READY)) &&
           tree_set_text(arena, added, "effect", BYTES("NoSchedule")) && json_append(taints, added);
}

static err_t node_prepare(struct arena *arena, const struct kind *kind, enum subresource subresource,
    struct json *object, const struct json *old, struct error *error)
{
    struct json *spec = tree_member(arena, object, "spec", JSON_OBJECT);
    if (old || subresource != SUBRESOURCE_NONE)
        return ERR_OK;
    json_remove(spec, BYTES("configSource"));
    if (!spec || !taint(arena, spec))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Rules */

static void check_taints(const struct field *taints)
{
    struct arena *arena = taints->check->arena;
    struct name_table seen = {.arena = arena};
    FIELD_EACH(taint_field, taints)
    {
        const struct field *key = FIELD(&taint_field, "key"), *value = FIELD(&taint_field, "value");
        const char *sentences[4];
        bytes pair = arena_format(
            arena, "%.*s:%.*s", BYTES_FMT(field_text(key)), BYTES_FMT(field_text(FIELD(&taint_field, "effect"))));
        check_qualified_name(key);
        if (label_value_errors(field_text(value), sentences))
            field_invalid(value, "%s", sentences[0]);
        pod_taint_effect_check(FIELD(&taint_field, "effect"));
        if (!pair.p)
            (void)arena_error(arena, taints->check->error);
        else if (!name_table_add(&seen, pair, NULL))
            field_duplicate_because(&taint_field, "taints must be unique by key and effect pair");
    }
}

static void check_quantities(const struct field *status, const char *member)
{
    const struct field *list = FIELD(status, member);
    FIELD_EACH(quantity, list)
    {
        bytes name = arena_copy(status->check->arena, quantity.key);
        struct field at = *FIELD_WITH(list, (const char *)name.p, quantity.value);
        if (name.p)
            resource_quantity_check(&at, quantity.key);
    }
}

static void check_networks(const struct field *networks)
{
    bool families[2] = {false, false}, v6;
    FIELD_EACH(network, networks)
    {
        check_cidr(&network);
        if (cidr_parse(field_text(&network), &v6))
            families[v6] = true;
    }
    if (field_count(networks) > 2 || (field_count(networks) == 2 && !(families[0] && families[1])))
        field_invalid(networks, "may specify no more than one CIDR for each IP family");
}

static void check_addresses(const struct field *addresses)
{
    struct arena *arena = addresses->check->arena;
    struct name_table seen = {.arena = arena};
    FIELD_EACH(address, addresses)
    {
        bytes key = arena_format(arena, "%.*s %.*s", BYTES_FMT(tree_text(address.value, "type")),
            BYTES_FMT(tree_text(address.value, "address")));
        if (!key.p)
            (void)arena_error(arena, addresses->check->error);
        else if (!name_table_add(&seen, key, NULL))
            field_duplicate(&address);
    }
}

static void check_change(const struct field *spec, const struct json *old)
{
    const struct json *before = json_get(old, BYTES("spec"));
    bytes provider = tree_text(before, "providerID");
    if (tree_first(before, "podCIDRs") &&
        !json_alike(json_get(spec->value, BYTES("podCIDRs")), json_get(before, BYTES("podCIDRs"))))
        field_forbidden(FIELD(spec, "podCIDRs"), "node updates may not change podCIDR except from \"\" to valid");
    if (provider.n && !bytes_equal(provider, field_text(FIELD(spec, "providerID"))))
        field_forbidden(FIELD(spec, "providerID"), "node updates may not change providerID except from \"\" to valid");
    if (!bytes_equal(tree_text(before, "externalID"), field_text(FIELD(spec, "externalID"))))
        field_forbidden(FIELD(spec, "externalID"), "may not be updated");
}

static void node_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {arena, error};
    struct field root = field_root(&check, "", object);
    const struct field *spec = FIELD(&root, "spec"), *status = FIELD(&root, "status");
    (void)kind, (void)subresource;
    check_quantities(status, "capacity");
    check_quantities(status, "allocatable");
    if (old) {
        check_addresses(FIELD(status, "addresses"));
        check_change(spec, old);
    } else {
        check_networks(FIELD(spec, "podCIDRs"));
    }
    check_taints(FIELD_WITH(FIELD(&root, "metadata"), "taints", FIELD(spec, "taints")->value));
}

/* ---- Cells */

#define ROLE_PREFIX "node-role.kubernetes.io/"
#define ROLE_LABEL  "kubernetes.io/role"

static int compare_texts(const void *a, const void *b)
{
    const bytes *x = a, *y = b;
    return bytes_compare(*x, *y);
}

static void put_roles(struct arena *arena, struct buffer *b, const struct json *labels)
{
    size_t count = 0;
    struct buffer text;
    bytes *roles = arena_alloc(arena, (labels ? labels->count : 0) * sizeof(*roles));
    buffer_init(&text, arena);
    for (const struct json *label = roles && labels ? labels->first : NULL; label; label = label->next) {
        bytes role = bytes_equal(label->key, BYTES(ROLE_LABEL)) ? label->text : BYTES_NONE;
        if (bytes_start(label->key, BYTES(ROLE_PREFIX)))
            role = bytes_skip(label->key, strlen(ROLE_PREFIX));
        if (role.n)
            roles[count++] = role;
    }
    if (count)
        qsort(roles, count, sizeof(*roles), compare_texts);
    for (size_t i = 0; i < count; i++) {
        if (i && bytes_equal(roles[i], roles[i - 1]))
            continue;
        buffer_text(&text, text.n ? "," : "");
        buffer_put(&text, roles[i]);
    }
    b->failed = b->failed || text.failed || !roles;
    put_cell(b, text.n ? buffer_bytes(&text) : BYTES("<none>"));
}

static void put_address(struct buffer *b, const struct json *status, const char *type)
{
    const struct json *address = tree_first(status, "addresses");
    while (address && !bytes_equal(tree_text(address, "type"), bytes_of(type)))
        address = address->next;
    put_cell(b, address ? tree_text(address, "address") : BYTES("<none>"));
}

static void node_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    static const char *const facts[] = {"osImage", "kernelVersion", "containerRuntimeVersion"};
    const struct json *status = json_get(object, BYTES("status")), *info = json_get(status, BYTES("nodeInfo"));
    const char *state = !pod_condition(object, "Ready")       ? "Unknown"
                        : pod_condition_true(object, "Ready") ? "Ready"
                                                              : "NotReady";
    (void)kind;
    buffer_format(b, ",\"%s%s\"", state,
        tree_true(json_get(object, BYTES("spec")), "unschedulable") ? ",SchedulingDisabled" : "");
    put_roles(arena, b, tree_at(object, "metadata", "labels", NULL));
    put_age_cell(b, object, now);
    put_cell(b, tree_text(info, "kubeletVersion"));
    put_address(b, status, "InternalIP");
    put_address(b, status, "ExternalIP");
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        put_cell(b, tree_text(info, facts[i]).n ? tree_text(info, facts[i]) : BYTES("<unknown>"));
}

const struct kind_rules node_rules = {
    .set_defaults = node_set_defaults,
    .prepare = node_prepare,
    .validate = node_validate,
    .cells = node_cells,
};
