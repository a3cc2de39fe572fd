/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/service.h"

#include "kinds/cells.h"
#include "kinds/workload.h"

#include <stdlib.h>

#define CLIENT_IP_SECONDS 10800

bool service_is(const struct json *spec, const char *type)
{
    return bytes_equal(tree_text(spec, "type"), bytes_of(type));
}

bool service_is_headless(const struct json *spec)
{
    const struct json *first = tree_first(spec, "clusterIPs");
    return bytes_equal(tree_text(spec, "clusterIP"), BYTES("None")) ||
           (first && bytes_equal(first->text, BYTES("None")));
}

bool service_has_cluster_ip(const struct json *spec)
{
    return service_is(spec, "ClusterIP") || service_has_node_ports(spec);
}

bool service_has_node_ports(const struct json *spec)
{
    return service_is(spec, "NodePort") || service_is(spec, "LoadBalancer");
}

bool service_has_health_port(const struct json *spec)
{
    return service_is(spec, "LoadBalancer") && bytes_equal(tree_text(spec, "externalTrafficPolicy"), BYTES("Local"));
}

bool service_is_external(const struct json *spec)
{
    return service_has_node_ports(spec) || (service_is(spec, "ClusterIP") && tree_first(spec, "externalIPs"));
}

/* ---- Defaults */

static bool default_affinity(struct arena *arena, struct json *spec)
{
    if (bytes_equal(tree_text(spec, "sessionAffinity"), BYTES("None")))
        json_remove(spec, BYTES("sessionAffinityConfig"));
    if (!bytes_equal(tree_text(spec, "sessionAffinity"), BYTES("ClientIP")))
        return true;
    struct json *config = tree_member(arena, spec, "sessionAffinityConfig", JSON_OBJECT);
    struct json *client = tree_member(arena, config, "clientIP", JSON_OBJECT);
    return client && tree_default_integer(arena, client, "timeoutSeconds", CLIENT_IP_SECONDS);
}

static bool default_ports(struct arena *arena, struct json *spec)
{
    for (struct json *port = tree_first(spec, "ports"); port; port = port->next) {
        const struct json *target = json_get(port, BYTES("targetPort"));
        bool named = target && target->type == JSON_STRING && target->text.n;
        if (!named && tree_integer(port, "targetPort", 0) == 0 &&
            !tree_set_copy(arena, port, "targetPort", json_get(port, BYTES("port"))))
            return false;
    }
    return true;
}

static bool default_ingress(struct arena *arena, const struct json *object)
{
    struct json *balancer = tree_at(object, "status", "loadBalancer", NULL);
    for (struct json *ingress = tree_first(balancer, "ingress"); ingress; ingress = ingress->next)
        if (tree_text(ingress, "ip").n && !json_get(ingress, BYTES("ipMode")) &&
            !tree_set_text(arena, ingress, "ipMode", BYTES("VIP")))
            return false;
    return true;
}

static err_t service_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = json_get(object, BYTES("spec"));
    bool fine = default_affinity(arena, spec) && default_ports(arena, spec) && default_ingress(arena, object);
    if (service_is_external(spec))
        fine = fine && tree_default_text(arena, spec, "externalTrafficPolicy", "Cluster");
    if (service_has_cluster_ip(spec) && !json_get(spec, BYTES("internalTrafficPolicy")))
        fine = fine && tree_set_text(arena, spec, "internalTrafficPolicy", BYTES("Cluster"));
    if (service_is(spec, "LoadBalancer"))
        fine = fine && tree_default_bool(arena, spec, "allocateLoadBalancerNodePorts", true);
    if (!fine)
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

static void service_name(struct arena *arena, bytes name, bool prefix, bytes field, struct error *error)
{
    uint8_t *whole = arena_alloc(arena, name.n + 1);
    struct check check = {.arena = arena, .error = error};
    struct json value = {.type = JSON_STRING, .text = name};
    bytes path = arena_copy(arena, field);
    if (!whole || !path.p)
        return;
    struct field at = field_root(&check, (const char *)path.p, &value);
    memcpy(whole, name.p, name.n);
    if (prefix && name.n && name.p[name.n - 1] == '-')
        whole[name.n - 1] = 'a'; /* what is generated ends in something good */
    if (prefix)
        value.text.p = whole;
    check_service_name(&at);
}

/* ---- Cells */

static int compare_texts(const void *a, const void *b)
{
    return bytes_compare(*(const bytes *)a, *(const bytes *)b);
}

/* The balancer's addresses in order, each once; then the external ones. */
static void put_balanced(struct arena *arena, struct buffer *b, const struct json *object)
{
    struct json *balancer = tree_at(object, "status", "loadBalancer", NULL), *spec = json_get(object, BYTES("spec"));
    const struct json *list = json_get(balancer, BYTES("ingress"));
    bytes *found = arena_alloc(arena, (list ? list->count : 0) * sizeof(*found));
    struct buffer text;
    size_t n = 0;
    buffer_init(&text, arena);
    for (const struct json *one = found ? tree_first(balancer, "ingress") : NULL; one; one = one->next) {
        bytes ip = tree_text(one, "ip"), address = ip.n ? ip : tree_text(one, "hostname");
        if (address.n)
            found[n++] = address;
    }
    if (n)
        qsort(found, n, sizeof(*found), compare_texts);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !bytes_equal(found[i], found[i - 1])) {
            buffer_text(&text, text.n ? "," : "");
            buffer_put(&text, found[i]);
        }
    for (const struct json *ip = tree_first(spec, "externalIPs"); ip; ip = ip->next) {
        buffer_text(&text, text.n ? "," : "");
        buffer_put(&text, ip->text);
    }
    b->failed = b->failed || text.failed || !found;
    put_text_cell(b, text.n ? buffer_bytes(&text) : BYTES_NONE, "<pending>");
}

static void put_external(struct arena *arena, struct buffer *b, const struct json *object)
{
    const struct json *spec = json_get(object, BYTES("spec"));
    if (service_is(spec, "LoadBalancer"))
        put_balanced(arena, b, object);
    else if (service_is(spec, "ExternalName"))
        put_cell(b, tree_text(spec, "externalName"));
    else
        put_joined_cell(
            arena, b, json_get(spec, BYTES("externalIPs")), (struct joined){NULL, ",", NULL, NULL}, "<none>");
}

/* "80/TCP,443:30443/TCP" */
static void put_ports(struct arena *arena, struct buffer *b, const struct json *spec)
{
    struct buffer text;
    buffer_init(&text, arena);
    for (const struct json *port = tree_first(spec, "ports"); port; port = port->next) {
        int64_t node = tree_integer(port, "nodePort", 0);
        buffer_format(&text, "%s%lld", text.n ? "," : "", (long long)tree_integer(port, "port", 0));
        if (node > 0)
            buffer_format(&text, ":%lld", (long long)node);
        buffer_format(&text, "/%.*s", BYTES_FMT(tree_text(port, "protocol")));
    }
    b->failed = b->failed || text.failed;
    put_text_cell(b, text.n ? buffer_bytes(&text) : BYTES_NONE, "<none>");
}

static void service_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *address = tree_first(spec, "clusterIPs");
    (void)kind;
    put_cell(b, tree_text(spec, "type"));
    put_text_cell(b, address ? address->text : BYTES_NONE, "<none>");
    put_external(arena, b, object);
    put_ports(arena, b, spec);
    put_age_cell(b, object, now);
    put_cell(b, labels_text(arena, json_get(spec, BYTES("selector"))));
}

const struct kind_rules service_rules = {
    .set_defaults = service_set_defaults,
    .prepare = service_prepare,
    .validate = service_validate,
    .validate_name = service_name,
    .warn = service_warn,
    .cells = service_cells,
};
