/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and ports of services. There is no network behind them and no record of which are taken: they are drawn at
 * random, so that objects look as clients expect them. */
#include "base/random.h"
#include "kinds/service.h"

#define DRAWN_NETWORK "10.96" /* a /16 */

static bool same_lists(const struct json *a, const struct json *b, const char *name)
{
    return json_alike(json_get(a, bytes_of(name)), json_get(b, bytes_of(name)));
}

static bool same_texts(const struct json *a, const struct json *b, const char *name)
{
    return bytes_equal(tree_text(a, name), tree_text(b, name));
}

static struct json *set_list(struct arena *arena, struct json *spec, const char *name, bytes first)
{
    struct json *list = json_set(spec, bytes_of(name), json_new(arena, JSON_ARRAY));
    return json_append(list, json_string(arena, first)) ? list : NULL;
}

/* ---- Between clients that know clusterIP alone, and those that know clusterIPs. */

static bool settle_lists(struct arena *arena, struct json *spec, const struct json *before)
{
    bytes ip = tree_text(spec, "clusterIP");
    bool kept_list = before && same_lists(spec, before, "clusterIPs");
    if (!ip.n) {
        if (kept_list && tree_text(before, "clusterIP").n)
            json_remove(spec, BYTES("clusterIPs"));
        return true;
    }
    if (!tree_first(spec, "clusterIPs") || (kept_list && !same_texts(spec, before, "clusterIP")))
        return set_list(arena, spec, "clusterIPs", ip);
    return true;
}

/* ---- What an update leaves out stays. */

static bool port_is_used(const struct json *spec, int64_t number)
{
    for (const struct json *port = tree_first(spec, "ports"); port; port = port->next)
        if (tree_integer(port, "nodePort", 0) == number)
            return true;
    return false;
}

/* Of the port with the same name. */
static bool keep_node_ports(struct arena *arena, struct json *spec, const struct json *before)
{
    struct name_table known = {.arena = arena};
    for (struct json *port = tree_first(before, "ports"); port; port = port->next)
        if (!name_table_add(&known, tree_text(port, "name"), port) && arena->failed)
            return false;
    for (struct json *port = tree_first(spec, "ports"); port; port = port->next) {
        const struct name_row *row = name_table_find(&known, tree_text(port, "name"));
        int64_t number = row ? tree_integer(row->value, "nodePort", 0) : 0;
        if (number && !tree_integer(port, "nodePort", 0) && !port_is_used(spec, number) &&
            !tree_set_integer(arena, port, "nodePort", number))
            return false;
    }
    return true;
}

static bool keep(struct arena *arena, struct json *spec, const struct json *before)
{
    if (service_has_cluster_ip(before) && service_has_cluster_ip(spec)) {
        if (!tree_text(spec, "clusterIP").n && tree_text(before, "clusterIP").n &&
            !tree_set_text(arena, spec, "clusterIP", tree_text(before, "clusterIP")))
            return false;
        if (!tree_first(spec, "clusterIPs") && same_texts(spec, before, "clusterIP") &&
            !tree_set_copy(arena, spec, "clusterIPs", json_get(before, BYTES("clusterIPs"))))
            return false;
    }
    if (service_has_node_ports(before) && service_has_node_ports(spec) && !keep_node_ports(arena, spec, before))
        return false;
    if (service_has_health_port(before) && service_has_health_port(spec) &&
        tree_integer(spec, "healthCheckNodePort", 0) == 0)
        return tree_set_copy(arena, spec, "healthCheckNodePort", json_get(before, BYTES("healthCheckNodePort")));
    return true;
}

/* ---- What only the former type had goes, where the client did not touch it. */

static bool same_node_ports(const struct json *spec, const struct json *before)
{
    for (const struct json *port = tree_first(spec, "ports"); port; port = port->next) {
        int64_t number = tree_integer(port, "nodePort", 0);
        if (number && !port_is_used(before, number))
            return false;
    }
    return true;
}

static void drop(struct json *spec, const struct json *before)
{
    static const char *const addresses[] = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"};
    static const char *const balanced[] = {"allocateLoadBalancerNodePorts", "loadBalancerClass"};
    if (service_has_cluster_ip(before) && !service_has_cluster_ip(spec) && same_texts(spec, before, "clusterIP"))
        for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
            if (same_lists(spec, before, addresses[i]))
                json_remove(spec, bytes_of(addresses[i]));
    if (service_has_node_ports(before) && !service_has_node_ports(spec) && same_node_ports(spec, before))
        for (struct json *port = tree_first(spec, "ports"); port; port = port->next)
            json_remove(port, BYTES("nodePort"));
    if (service_has_health_port(before) && !service_has_health_port(spec) &&
        same_lists(spec, before, "healthCheckNodePort"))
        json_remove(spec, BYTES("healthCheckNodePort"));
    if (service_is(before, "LoadBalancer") && !service_is(spec, "LoadBalancer"))
        for (size_t i = 0; i < ARRAY_LEN(balanced); i++)
            if (same_lists(spec, before, balanced[i]))
                json_remove(spec, bytes_of(balanced[i]));
    if (service_is_external(before) && !service_is_external(spec) && same_texts(spec, before, "externalTrafficPolicy"))
        json_remove(spec, BYTES("externalTrafficPolicy"));
}

/* ---- Drawing */

static const char *family_of(bytes ip)
{
    return memchr(ip.p, ':', ip.n) ? "IPv6" : "IPv4";
}

/* A headless service without a selector may have addresses of both families. */
static bool set_families(struct arena *arena, struct json *spec)
{
    bool free_form = service_is_headless(spec) && !tree_first(spec, "selector");
    const struct json *given = tree_first(spec, "clusterIPs");
    bytes policy = tree_text(spec, "ipFamilyPolicy");
    struct json *families = json_get(spec, BYTES("ipFamilies"));
    const char *first = given && !service_is_headless(spec) ? family_of(given->text) : "IPv4";
    if (!tree_first(spec, "ipFamilies") && !(families = set_list(arena, spec, "ipFamilies", bytes_of(first))))
        return false;
    if (!tree_default_text(arena, spec, "ipFamilyPolicy", free_form ? "RequireDualStack" : "SingleStack"))
        return false;
    if (!free_form || bytes_equal(policy, BYTES("SingleStack")) || families->count != 1)
        return true;
    bool four = bytes_equal(families->first->text, BYTES("IPv4"));
    return json_append(families, json_string(arena, four ? BYTES("IPv6") : BYTES("IPv4"))) != NULL;
}

static bool draw_address(struct arena *arena, struct json *spec)
{
    const struct json *family = tree_first(spec, "ipFamilies");
    if (tree_text(spec, "clusterIP").n || tree_first(spec, "clusterIPs"))
        return true;
    if (!family || !bytes_equal(family->text, BYTES("IPv4")))
        return true;                              /* is refused */
    uint32_t host = 2 + random_below(0xffff - 2); /* neither the network, nor `kubernetes`, nor the broadcast */
    bytes ip = arena_format(arena, DRAWN_NETWORK ".%u.%u", host >> 8, host & 0xff);
    return ip.p && tree_set_text(arena, spec, "clusterIP", ip) && set_list(arena, spec, "clusterIPs", ip);
}

static int64_t draw_port(const struct json *spec)
{
    const struct json *ports = json_get(spec, BYTES("ports"));
    int64_t number;
    do
        number = NODE_PORT_FIRST + random_below(NODE_PORT_LAST - NODE_PORT_FIRST + 1);
    while (port_is_used(spec, number) && ports->count < (NODE_PORT_LAST - NODE_PORT_FIRST) / 2);
    return number;
}

static bool draw_node_ports(struct arena *arena, struct json *spec)
{
    const struct json *wanted = json_get(spec, BYTES("allocateLoadBalancerNodePorts"));
    if (service_has_node_ports(spec) && !(service_is(spec, "LoadBalancer") && wanted && wanted->type == JSON_FALSE))
        for (struct json *port = tree_first(spec, "ports"); port; port = port->next)
            if (!tree_integer(port, "nodePort", 0) && !tree_set_integer(arena, port, "nodePort", draw_port(spec)))
                return false;
    return !service_has_health_port(spec) || tree_integer(spec, "healthCheckNodePort", 0) ||
           tree_set_integer(arena, spec, "healthCheckNodePort", draw_port(spec));
}

err_t service_prepare(struct arena *arena, const struct kind *kind, enum subresource subresource, struct json *object,
    const struct json *old, struct error *error)
{
    struct json *spec = tree_member(arena, object, "spec", JSON_OBJECT);
    const struct json *before = json_get(old, BYTES("spec"));
    if (!spec)
        return arena_error(arena, error);
    if (subresource != SUBRESOURCE_NONE)
        return ERR_OK;
    if (!settle_lists(arena, spec, before) || (before && !keep(arena, spec, before)))
        return arena_error(arena, error);
    if (before)
        drop(spec, before);
    if (service_is(spec, "ExternalName"))
        json_remove(spec, BYTES("internalTrafficPolicy"));
    if (service_has_cluster_ip(spec) &&
        !(set_families(arena, spec) && draw_address(arena, spec) && draw_node_ports(arena, spec)))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Rules */

static void check_matching(const struct field *spec)
{
    const struct field *list = FIELD(spec, "clusterIPs");
    bytes ip = field_text(FIELD(spec, "clusterIP"));
    if (ip.n && !field_count(list))
        field_required(list);
    else if (ip.n && !bytes_equal(list->value->first->text, ip))
        field_invalid(list, "first value must match `clusterIP`");
    else if (!ip.n && field_count(list))
        field_invalid(list, "must be empty when `clusterIP` is not specified");
}

static void check_families(const struct field *spec)
{
    static const char *const families[] = {"IPv4", "IPv6"};
    static const char *const policies[] = {"PreferDualStack", "RequireDualStack", "SingleStack"};
    struct name_table seen = {.arena = spec->check->arena};
    const struct field *policy = FIELD(spec, "ipFamilyPolicy");
    FIELD_EACH(family, FIELD(spec, "ipFamilies"))
    {
        if (!field_is(&family, "IPv4") && !field_is(&family, "IPv6"))
            FIELD_UNSUPPORTED(&family, families);
        if (!name_table_add(&seen, field_text(&family), NULL) && !spec->check->arena->failed)
            field_duplicate(&family);
    }
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (field_is(policy, policies[i]))
            return;
    if (policy->value)
        FIELD_UNSUPPORTED(policy, policies);
}

/* False: some are none, and further sentences would mislead. */
static bool check_addresses(const struct field *list)
{
    bool fine = true;
    FIELD_EACH(ip, list)
    {
        unsigned causes = list->check->error->cause_count;
        if (ip.index == 0 && field_is(&ip, "None")) {
            if (field_count(list) > 1)
                field_invalid(list, "'None' must be the first and only value");
        } else {
            check_ip(&ip);
        }
        fine = fine && list->check->error->cause_count == causes;
    }
    if (field_count(list) > 2)
        field_invalid(list, "may only hold up to 2 values");
    return fine;
}

static void check_both(const struct field *spec)
{
    const struct field *list = FIELD(spec, "clusterIPs");
    const struct json *family = tree_first(spec->value, "ipFamilies");
    bool found[2] = {false, false};
    FIELD_EACH(ip, list)
    found[family_of(field_text(&ip))[3] == '6'] = true;
    if (field_count(list) > 1 && !(found[0] && found[1]))
        field_invalid(list, "may specify no more than one IP for each IP family");
    if (service_is_headless(spec->value))
        return;
    FIELD_EACH(ip, list)
    {
        if (family && !bytes_equal(family->text, bytes_of(family_of(field_text(&ip)))))
            field_invalid(
                &ip, "expected an %.*s value as indicated by `ipFamilies[%zu]`", BYTES_FMT(family->text), ip.index);
        family = family ? family->next : NULL;
    }
}

/* One family, IPv4, is what services are given addresses of; who brings an address may have the other. */
static void check_configured(const struct field *spec)
{
    const struct field *families = FIELD(spec, "ipFamilies"), *policy = FIELD(spec, "ipFamilyPolicy");
    bool headless = service_is_headless(spec->value);
    if (headless && !tree_first(spec->value, "selector"))
        return;
    if (field_is(policy, "SingleStack") && field_count(families) > 1)
        field_invalid(
            policy, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified");
    else if (field_is(policy, "RequireDualStack"))
        field_invalid(policy, "this cluster is not configured for dual-stack services");
    else
        FIELD_EACH(family, families)
    if (field_is(&family, "IPv6") && (headless || field_count(FIELD(spec, "clusterIPs")) <= family.index))
        field_invalid(&family, "not configured on this cluster");
}

/* The first that cannot be had is the only one told. */
static void check_node_ports(const struct field *spec, bool is_new)
{
    unsigned causes = spec->check->error->cause_count;
    struct name_table seen = {.arena = spec->check->arena};
    FIELD_EACH(port, FIELD(spec, "ports"))
    {
        const struct field *node = FIELD(&port, "nodePort");
        int64_t number = field_integer(node, 0);
        if (number == 0 || spec->check->error->cause_count > causes)
            continue;
        if (number < NODE_PORT_FIRST || number > NODE_PORT_LAST)
            field_invalid(node, "provided port is not in the valid range. The range of valid ports is %d-%d",
                NODE_PORT_FIRST, NODE_PORT_LAST);
        else if (!name_table_add(&seen, node->value->text, NULL) && is_new && !spec->check->arena->failed)
            field_invalid(node, "provided port is already allocated");
    }
}

void service_allocation_check(const struct field *spec, const struct json *old)
{
    const struct json *before = json_get(old, BYTES("spec"));
    const struct error *error = spec->check->error;
    unsigned causes = error->cause_count;
    const struct field *health = FIELD(spec, "healthCheckNodePort");
    if (service_has_cluster_ip(spec->value)) {
        check_matching(spec);
        check_families(spec);
        if (check_addresses(FIELD(spec, "clusterIPs")))
            check_both(spec);
        if (error->cause_count == causes)
            check_configured(spec);
    }
    if (error->cause_count == causes && service_has_node_ports(spec->value))
        check_node_ports(spec, !old);
    if (error->cause_count > causes || !service_has_health_port(spec->value))
        return;
    int64_t number = field_integer(health, 0);
    if (service_has_health_port(before) && number != tree_integer(before, "healthCheckNodePort", 0))
        field_forbidden(health, "field is immutable");
    else if (number < NODE_PORT_FIRST || number > NODE_PORT_LAST)
        field_invalid(health, "provided port is not in the valid range. The range of valid ports is %d-%d",
            NODE_PORT_FIRST, NODE_PORT_LAST);
}
