/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/pod.h"
#include "kinds/service.h"

#define AFFINITY_SECONDS_MOST 86400
#define SOURCE_RANGES         "service.beta.kubernetes.io/load-balancer-source-ranges"
#define TOPOLOGY_HINTS        "service.kubernetes.io/topology-aware-hints"
#define TOPOLOGY_MODE         "service.kubernetes.io/topology-mode"

#define BALANCED_ONLY "may only be used when `type` is 'LoadBalancer'"

static const char *const policies[] = {"Cluster", "Local"};

static bool is_one_of(const struct field *field, const char *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (field_is(field, values[i]))
            return true;
    return false;
}

/* An absent one is fine. */
static void check_supported(const struct field *field, const char *const *values, size_t count)
{
    if (field->value && !is_one_of(field, values, count))
        field_unsupported(field, values, count);
}

/* ---- Types */

static void check_type(const struct field *spec)
{
    static const char *const types[] = {"LoadBalancer", "NodePort"};
    static const char *const addresses[] = {"clusterIPs", "ipFamilies", "ipFamilyPolicy"};
    struct field name = field_member(spec, "externalName");
    if (!field_count(FIELD(spec, "ports")) && !service_is_headless(spec->value) &&
        !service_is(spec->value, "ExternalName"))
        field_required(FIELD(spec, "ports"));
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (service_is(spec->value, types[i]) && service_is_headless(spec->value)) {
            struct field first = field_first(FIELD(spec, "clusterIPs"));
            field_invalid(&first, "may not be set to 'None' for %s services", types[i]);
        }
    if (!service_is(spec->value, "ExternalName"))
        return;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
        if (FIELD(spec, addresses[i])->value)
            field_forbidden(FIELD(spec, addresses[i]), "may not be set for ExternalName services");
    bytes text = field_text(&name);
    if (text.n && text.p[text.n - 1] == '.')
        text.n--;
    if (text.n)
        check_dns_subdomain_of(&name, text);
    else
        field_required(&name);
}

static void check_affinity(const struct field *spec)
{
    static const char *const kinds[] = {"ClientIP", "None"};
    const struct field *affinity = FIELD(spec, "sessionAffinity"), *config = FIELD(spec, "sessionAffinityConfig");
    const struct field *seconds = FIELD(FIELD(config, "clientIP"), "timeoutSeconds");
    CHECK_ONE_OF(affinity, kinds);
    int64_t number = field_integer(seconds, 1);
    if (field_is(affinity, "ClientIP") && (number <= 0 || number > AFFINITY_SECONDS_MOST))
        field_invalid(seconds, "must be greater than 0 and less than %d", AFFINITY_SECONDS_MOST);
}

/* ---- Ports */

static void check_service_port(const struct field *port, bool needs_name, struct name_table *names)
{
    static const char *const protocols[] = {"SCTP", "TCP", "UDP"};
    const struct field *name = FIELD(port, "name"), *application = FIELD(port, "appProtocol");
    if (field_text(name).n) {
        check_dns_label(name);
        if (!name_table_add(names, field_text(name), NULL) && !names->arena->failed)
            field_duplicate(name);
    } else if (needs_name) {
        field_required(name);
    }
    check_port_number(FIELD(port, "port"));
    CHECK_ONE_OF(FIELD(port, "protocol"), protocols);
    check_port(FIELD(port, "targetPort"));
    if (application->value)
        check_qualified_name(application);
}

/* Each number once for a protocol. */
static void check_distinct(const struct field *ports, const char *member)
{
    struct arena *arena = ports->check->arena;
    struct name_table seen = {.arena = arena};
    FIELD_EACH(port, ports)
    {
        long long number = (long long)tree_integer(port.value, member, 0);
        bytes protocol = tree_text(port.value, "protocol");
        bytes key = arena_format(arena, "%.*s %lld", BYTES_FMT(protocol), number);
        if (!number || !key.p || name_table_add(&seen, key, NULL) || arena->failed)
            continue;
        struct json shown = {.type = JSON_NUMBER,
            .text = arena_format(arena,
                "{\"Name\":\"\",\"Protocol\":\"%.*s\",\"AppProtocol\":null,\"Port\":%lld,\"TargetPort\":0,\"NodePort\":"
                "0}",
                BYTES_FMT(protocol), number)};
        if (member[0] == 'n') {
            field_duplicate(FIELD(&port, member));
        } else {
            struct field at = port;
            at.value = &shown;
            field_duplicate(&at);
        }
    }
}

static void check_ports(const struct field *spec)
{
    const struct field *ports = FIELD(spec, "ports");
    struct name_table names = {.arena = spec->check->arena};
    FIELD_EACH(port, ports)
    check_service_port(&port, field_count(ports) > 1, &names);
}

static void check_port_pairs(const struct field *spec)
{
    const struct field *ports = FIELD(spec, "ports");
    if (service_is(spec->value, "ClusterIP"))
        FIELD_EACH(port, ports)
    if (field_integer(FIELD(&port, "nodePort"), 0))
        field_forbidden(FIELD(&port, "nodePort"), "may not be used when `type` is 'ClusterIP'");
    check_distinct(ports, "nodePort");
    check_distinct(ports, "port");
}

/* ---- Balancers */

static bytes trimmed(bytes text)
{
    while (text.n && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = bytes_skip(text, 1);
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

static void check_range(const struct field *at, bytes text)
{
    struct json value = {.type = JSON_STRING, .text = trimmed(text)};
    struct field range = *at;
    range.value = &value;
    check_cidr(&range);
}

/* In the spec, or as old clients have it in an annotation. */
static void check_sources(const struct field *object, const struct field *spec)
{
    const struct field *list =
        FIELD_WITH(spec, "LoadBalancerSourceRanges", FIELD(spec, "loadBalancerSourceRanges")->value);
    const struct field *annotations = FIELD(FIELD(object, "metadata"), "annotations");
    const struct json *text = json_get(annotations->value, BYTES(SOURCE_RANGES));
    bool listed = field_count(list) > 0;
    const struct field *at = listed ? list : FIELD_KEY(annotations, BYTES(SOURCE_RANGES), text);
    if (!listed && !text)
        return;
    if (!service_is(spec->value, "LoadBalancer"))
        field_forbidden(at, BALANCED_ONLY);
    if (listed) {
        FIELD_EACH(range, list)
        check_range(&range, field_text(&range));
        return;
    }
    bytes left = trimmed(field_text(at));
    for (bool more = left.n > 0; more && at->check->error->cause_count < CAUSES_MOST;) {
        size_t comma = bytes_find(left, ',');
        check_range(at, (bytes){left.p, comma});
        more = comma < left.n;
        left = bytes_skip(left, more ? comma + 1 : comma);
    }
}

static void check_balancer(const struct field *spec)
{
    const struct field *ports = FIELD(spec, "allocateLoadBalancerNodePorts"), *class = FIELD(spec, "loadBalancerClass");
    bool balanced = service_is(spec->value, "LoadBalancer");
    if (ports->value && !balanced)
        field_forbidden(ports, BALANCED_ONLY);
    if (class->value && !balanced)
        field_forbidden(class, BALANCED_ONLY);
    else if (class->value)
        check_qualified_name(class);
}

static void check_policies(const struct field *spec)
{
    static const char *const distributions[] = {"PreferClose", "PreferSameZone", "PreferSameNode"};
    const struct field *external = FIELD(spec, "externalTrafficPolicy"), *health = FIELD(spec, "healthCheckNodePort");
    if (service_is_external(spec->value))
        check_supported(external, policies, ARRAY_LEN(policies));
    else if (field_text(external).n)
        field_invalid(external, "may only be set for externally-accessible services");
    if (field_integer(health, 0) && !service_has_health_port(spec->value))
        field_invalid(health, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'");
    check_supported(FIELD(spec, "internalTrafficPolicy"), policies, ARRAY_LEN(policies));
    check_supported(FIELD(spec, "trafficDistribution"), distributions, ARRAY_LEN(distributions));
}

/* ---- Changes */

static void check_change(const struct field *spec, const struct json *before)
{
    const struct field *list = FIELD(spec, "clusterIPs"), *class = FIELD(spec, "loadBalancerClass");
    const struct json *old = tree_first(before, "clusterIPs"), null = {.type = JSON_NULL};
    if (!service_is(spec->value, "ExternalName") && !service_is(before, "ExternalName")) {
        size_t i = 0;
        for (const struct json *ip = tree_first(spec->value, "clusterIPs"); ip && old; ip = ip->next, old = old->next) {
            struct field at = {.check = spec->check, .parent = list, .index = i++, .value = list->value};
            if (!bytes_equal(ip->text, old->text))
                field_invalid(&at, "may not change once set");
        }
    }
    if (service_is(spec->value, "LoadBalancer") && service_is(before, "LoadBalancer") &&
        !json_alike(class->value, json_get(before, BYTES("loadBalancerClass"))))
        field_invalid(
            FIELD_WITH(spec, "loadBalancerClass", class->value ? class->value : &null), "may not change once set");
}

/* ---- The status */

static void check_ingress(const struct field *ingress)
{
    static const char *const modes[] = {"Proxy", "VIP"};
    const struct field *ip = FIELD(ingress, "ip"), *host = FIELD(ingress, "hostname"), *mode = FIELD(ingress, "ipMode");
    if (field_text(ip).n)
        check_ip(ip);
    if (mode->value && !field_text(ip).n)
        field_forbidden(mode, "may not be specified when `ip` is not set");
    else
        check_supported(mode, modes, ARRAY_LEN(modes));
    if (!field_text(host).n)
        return;
    check_dns_subdomain(host);
    if (is_ip(field_text(host)))
        field_invalid(host, "must be a DNS name, not an IP address");
}

static void check_status(const struct field *object)
{
    const struct field *list = FIELD(FIELD(FIELD(object, "status"), "loadBalancer"), "ingress");
    if (field_count(list) && !service_is(FIELD(object, "spec")->value, "LoadBalancer"))
        field_forbidden(list, "may only be used when `spec.type` is 'LoadBalancer'");
    FIELD_EACH(ingress, list)
    check_ingress(&ingress);
}

/* ---- The whole */

static void check_topology(const struct field *object)
{
    const struct field *annotations = FIELD(FIELD(object, "metadata"), "annotations");
    const struct json *hints = json_get(annotations->value, BYTES(TOPOLOGY_HINTS)),
                      *mode = json_get(annotations->value, BYTES(TOPOLOGY_MODE));
    if (hints && mode && !bytes_equal(hints->text, mode->text))
        field_invalid(FIELD_KEY(annotations, BYTES(TOPOLOGY_MODE), mode),
            "must match annotations[" TOPOLOGY_HINTS "] when both are specified");
}

static void check_external(const struct field *spec)
{
    static const char *const types[] = {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"};
    FIELD_EACH(ip, FIELD(spec, "externalIPs"))
    {
        check_ip(&ip);
        check_endpoint_address(&ip);
    }
    CHECK_ONE_OF(FIELD(spec, "type"), types);
}

void service_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field root = field_root(&check, "", object);
    const struct field *spec = FIELD(&root, "spec");
    unsigned causes = error->cause_count;
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS) {
        check_status(&root);
        return;
    }
    service_allocation_check(spec, old);
    if (error->cause_count > causes)
        return;
    if (old)
        check_change(spec, json_get(old, BYTES("spec")));
    check_topology(&root);
    check_type(spec);
    check_ports(spec);
    check_labels(FIELD(spec, "selector"));
    check_affinity(spec);
    check_external(spec);
    check_port_pairs(spec);
    check_sources(&root, spec);
    check_balancer(spec);
    check_policies(spec);
}

void service_warn(struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    const struct json *spec = json_get(object, BYTES("spec"));
    bool headless = service_is_headless(spec);
    const struct {
        bool holds;
        const char *sentence;
    } rows[] = {
        {json_get(tree_at(object, "metadata", "annotations", NULL), BYTES(TOPOLOGY_HINTS)) != NULL,
            "annotation " TOPOLOGY_HINTS " is deprecated, please use " TOPOLOGY_MODE " instead"},
        {headless && tree_text(spec, "loadBalancerIP").n, "spec.loadBalancerIP is ignored for headless services"},
        {headless && tree_first(spec, "externalIPs"), "spec.externalIPs is ignored for headless services"},
        {headless && !bytes_equal(tree_text(spec, "sessionAffinity"), BYTES("None")),
            "spec.SessionAffinity is ignored for headless services"},
        {tree_text(spec, "externalName").n && !service_is(spec, "ExternalName"),
            "spec.externalName is ignored when spec.type is not \"ExternalName\""},
    };
    (void)kind;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].holds)
            warning_add(arena, warnings, bytes_of(rows[i].sentence));
}
