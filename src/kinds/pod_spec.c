/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a pod's spec, in upstream's order, and of templates. */
#include "kinds/pod.h"

/* As Go prints the internal type. */
static bytes claim_text(const struct field *claim)
{
    struct buffer b;
    const struct json null = {.type = JSON_NULL};
    const struct field *name = FIELD(claim, "resourceClaimName"), *template = FIELD(claim, "resourceClaimTemplateName");
    buffer_init(&b, claim->check->arena);
    buffer_text(&b, "{\"Name\":");
    json_write_string(&b, field_text(FIELD(claim, "name")));
    buffer_text(&b, ",\"ResourceClaimName\":");
    json_write(&b, name->value ? name->value : &null);
    buffer_text(&b, ",\"ResourceClaimTemplateName\":");
    json_write(&b, template->value ? template->value : &null);
    buffer_byte(&b, '}');
    return buffer_bytes(&b);
}

static void check_spec_claims(const struct field *claims, struct pod_rules_context *context)
{
    FIELD_EACH(claim, claims)
    {
        const struct field *name = FIELD(&claim, "name");
        const struct field *named = FIELD(&claim, "resourceClaimName");
        const struct field *template = FIELD(&claim, "resourceClaimTemplateName");
        if (check_not_empty(name)) {
            if (!name_table_add(&context->claims, field_text(name), NULL))
                field_duplicate(name);
            else
                check_dns_label(name);
        }
        if (named->value && template->value)
            field_invalid_as(&claim, claim_text(&claim),
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified");
        else if (!named->value && !template->value)
            field_invalid_as(
                &claim, claim_text(&claim), "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
        if (named->value)
            check_dns_subdomain(named);
        if (template->value)
            check_dns_subdomain(template);
    }
}

static void check_host_network(const struct field *spec, const struct pod_rules_context *context)
{
    const struct field *containers = FIELD(spec, "containers");
    if (!field_true(FIELD(spec, "hostNetwork")))
        return;
    FIELD_EACH(container, containers)
    {
        const struct field *ports = FIELD(&container, "ports");
        FIELD_EACH(port, ports)
        {
            const struct field *host = FIELD(&port, "hostPort");
            int64_t number = field_integer(host, 0);
            if ((context->is_pod || number) && number != field_integer(FIELD(&port, "containerPort"), 0))
                field_invalid_as(host, arena_format(spec->check->arena, "%lld", (long long)number),
                    "must match `containerPort` when `hostNetwork` is true");
        }
    }
}

/* ---- Names */

/* As a subdomain, but with underscores inside, and one before each label. */
static bool is_search(bytes domain)
{
    bool fits = domain.n > 0;
    for (bytes rest = domain; fits;) {
        size_t dot = bytes_find(rest, '.');
        bytes label = {rest.p, dot};
        if (bytes_start(label, BYTES("_")))
            label = bytes_skip(label, 1);
        fits = label.n > 0;
        for (size_t i = 0; i < label.n; i++) {
            uint8_t c = label.p[i];
            bool end = i == 0 || i + 1 == label.n, plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
            fits = fits && (plain || (!end && (c == '-' || c == '_')));
        }
        if (dot == rest.n)
            break;
        rest = bytes_skip(rest, dot + 1);
    }
    return fits;
}

static void check_search(const struct field *search)
{
    bytes domain = field_text(search);
    if (bytes_equal(domain, BYTES(".")))
        return;
    if (bytes_end(domain, BYTES(".")))
        domain.n--;
    struct json shown = {.type = JSON_STRING, .text = domain};
    struct field at = *search;
    at.value = &shown;
    if (domain.n > 253)
        field_invalid(&at, "must be no more than 253 characters");
    if (!is_search(domain))
        field_invalid(&at,
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or "
            "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for "
            "validation is "
            "'_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')");
}

static void check_dns(const struct field *spec)
{
    const struct field *config = FIELD(spec, "dnsConfig"), *servers = FIELD(config, "nameservers");
    const struct field *searches = FIELD(config, "searches"), *options = FIELD(config, "options");
    bool none = field_is(FIELD(spec, "dnsPolicy"), "None");
    if (none && !config->value) {
        field_required_because(config, "must provide `dnsConfig` when `dnsPolicy` is None");
        return;
    }
    if (none && !field_count(servers)) {
        field_required_because(servers, "must provide at least one DNS nameserver when `dnsPolicy` is None");
        return;
    }
    if (field_count(servers) > 3)
        field_invalid(servers, "must not have more than 3 nameservers");
    FIELD_EACH(server, servers)
    check_ip(&server);
    if (field_count(searches) > 32)
        field_invalid(searches, "must not have more than 32 search paths");
    size_t letters = field_count(searches);
    FIELD_EACH(search, searches)
    letters += field_text(&search).n;
    if (letters > 2049)
        field_invalid(searches, "must not have more than 2048 characters (including spaces) in the search list");
    FIELD_EACH(search, searches)
    check_search(&search);
    FIELD_EACH(option, options)
    if (!field_text(FIELD(&option, "name")).n)
        field_required_because(&option, "must not be empty");
}

static void check_host_aliases(const struct field *aliases)
{
    FIELD_EACH(alias, aliases)
    {
        const struct field *names = FIELD(&alias, "hostnames");
        check_ip(FIELD(&alias, "ip"));
        FIELD_EACH(name, names)
        check_dns_subdomain(&name);
    }
}

static void check_gates(const struct field *spec)
{
    const struct field *gates = FIELD(spec, "readinessGates"), *scheduling = FIELD(spec, "schedulingGates");
    struct name_table seen = {.arena = spec->check->arena};
    FIELD_EACH(gate, gates)
    check_qualified_name(FIELD(&gate, "conditionType"));
    FIELD_EACH(gate, scheduling)
    {
        const struct json *name = json_get(gate.value, BYTES("name"));
        struct field at = gate;
        at.value = name;
        check_qualified_name(&at);
        if (!name_table_add(&seen, field_text(&at), NULL))
            field_duplicate(&at);
    }
}

static void check_names(const struct field *spec)
{
    static const struct {
        const char *member;
        void (*check)(const struct field *);
    } names[] = {
        {"serviceAccountName", check_dns_subdomain},
        {"nodeName", check_dns_subdomain},
        {"hostname", check_dns_label},
        {"subdomain", check_dns_label},
        {"priorityClassName", check_dns_subdomain},
        {"runtimeClassName", check_dns_subdomain},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (field_text(FIELD(spec, names[i].member)).n)
            names[i].check(FIELD(spec, names[i].member));
}

/* ---- Small rules */

static void check_deadline(const struct field *deadline)
{
    int64_t seconds = field_integer(deadline, 1);
    if (seconds < 1 || seconds > INT32_MAX)
        field_invalid(deadline, "must be between 1 and 2147483647, inclusive");
}

static void check_host_users(const struct field *spec)
{
    static const struct {
        const char *member, *shown;
    } shared[] = {{"hostNetwork", "hostNetwork"}, {"hostPID", "HostPID"}, {"hostIPC", "HostIPC"}};
    for (size_t i = 0; i < ARRAY_LEN(shared); i++)
        if (field_true(FIELD(spec, shared[i].member)))
            field_forbidden(FIELD_WITH(spec, shared[i].shown, NULL), "when `hostUsers` is false");
}

static void check_system(const struct field *system)
{
    static const char *const names[] = {"linux", "windows"};
    const struct field *name = FIELD(system, "name");
    if (system->value && !field_text(name).n)
        field_required(name);
    else if (system->value && !field_is(name, names[0]) && !field_is(name, names[1]))
        FIELD_UNSUPPORTED(FIELD_WITH(system->parent, "os", name->value), names);
}

static void check_overhead(const struct field *overhead, const struct pod_rules_context *context)
{
    if (!overhead->value)
        return;
    struct json *limits = json_new(overhead->check->arena, JSON_OBJECT);
    struct json *copy = json_copy(overhead->check->arena, overhead->value);
    if (!json_set(limits, BYTES("limits"), copy))
        (void)arena_error(overhead->check->arena, overhead->check->error);
    else
        pod_resources_check(FIELD_WITH(overhead->parent, "overhead", limits), &context->claims, false);
}

static void check_policies(const struct field *spec)
{
    static const char *const restart[] = {"Always", "OnFailure", "Never"};
    static const char *const dns[] = {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"};
    CHECK_ONE_OF(FIELD(spec, "restartPolicy"), restart);
    CHECK_ONE_OF(FIELD(spec, "dnsPolicy"), dns);
}

void pod_spec_check(const struct field *spec, bool is_pod, bytes name)
{
    static const char *const preemption[] = {"PreemptLowerPriority", "Never"};
    const struct field *grace = FIELD(spec, "terminationGracePeriodSeconds"), *users = FIELD(spec, "hostUsers");
    struct pod_rules_context context = {.is_pod = is_pod,
        .name = name,
        .grace = field_integer(grace, 0),
        .has_grace = grace->value != NULL,
        .restart_policy = field_text(FIELD(spec, "restartPolicy")),
        .host_users = !users->value || field_true(users),
        .claims = {.arena = spec->check->arena}};
    if (!grace->value)
        field_required(grace);
    pod_volumes_check(FIELD(spec, "volumes"), &context);
    check_spec_claims(FIELD(spec, "resourceClaims"), &context);
    pod_containers_check(spec, &context);
    pod_level_resources_check(spec, &context);
    check_host_network(spec, &context);
    check_policies(spec);
    check_labels(FIELD(spec, "nodeSelector"));
    pod_security_check(spec);
    pod_affinity_check(FIELD(spec, "affinity"));
    check_dns(spec);
    check_gates(spec);
    pod_spread_check(FIELD(spec, "topologySpreadConstraints"));
    if (!context.host_users)
        check_host_users(spec);
    check_deadline(FIELD(spec, "activeDeadlineSeconds"));
    check_names(spec);
    pod_tolerations_check(FIELD(spec, "tolerations"));
    check_host_aliases(FIELD(spec, "hostAliases"));
    if (FIELD(spec, "preemptionPolicy")->value)
        CHECK_ONE_OF(FIELD(spec, "preemptionPolicy"), preemption);
    check_overhead(FIELD(spec, "overhead"), &context);
    check_system(FIELD(spec, "os"));
}

/* ---- Annotations and templates */

#define DELETION_COST "controller.kubernetes.io/pod-deletion-cost"

/* A 32 bit number without a sign of plus or leading zeros. */
static bool is_cost(bytes text)
{
    uint64_t number;
    bool negative = text.n && text.p[0] == '-';
    if (negative)
        text = bytes_skip(text, 1);
    return bytes_to_uint64(text, &number) && number <= (uint64_t)INT32_MAX + (negative ? 1 : 0) &&
           !(negative && number == 0);
}

void pod_annotations_check(const struct field *annotations, const struct json *spec)
{
    const struct json *mirror = json_get(annotations->value, BYTES(MIRROR_POD_ANNOTATION));
    const struct json *cost = json_get(annotations->value, BYTES(DELETION_COST));
    if (mirror && !tree_text(spec, "nodeName").n)
        field_invalid(FIELD_KEY(annotations, BYTES(MIRROR_POD_ANNOTATION), mirror),
            "must set spec.nodeName if mirror pod annotation is set");
    if (cost && !is_cost(cost->text))
        field_invalid(FIELD_KEY(annotations, BYTES(DELETION_COST), cost), "must be a 32bit integer");
}

static void check_annotations(const struct field *annotations)
{
    size_t total = 0;
    FIELD_EACH(annotation, annotations)
    {
        bytes lower = lower_case(annotations->check->arena, annotation.key);
        const char *sentences[4];
        size_t count = lower.p ? qualified_name_errors(lower, sentences) : 0;
        struct json key = {.type = JSON_STRING, .text = annotation.key};
        struct field at = *annotations;
        at.value = &key;
        for (size_t i = 0; i < count; i++)
            field_invalid(&at, "%s", sentences[i]);
        total += annotation.key.n + field_text(&annotation).n;
    }
    if (total > 256 * 1024)
        field_too_long(annotations, 256 * 1024);
}

void pod_template_check(const struct field *template)
{
    const struct field *metadata = FIELD(template, "metadata"), *spec = FIELD(template, "spec");
    const struct field *annotations = FIELD_WITH(template, "annotations", FIELD(metadata, "annotations")->value);
    check_labels(FIELD_WITH(template, "labels", FIELD(metadata, "labels")->value));
    check_annotations(annotations);
    pod_annotations_check(annotations, spec->value);
    pod_spec_check(spec, false, BYTES_NONE);
    if (field_count(FIELD(spec, "ephemeralContainers")))
        field_forbidden(FIELD(spec, "ephemeralContainers"), "ephemeral containers not allowed in pod template");
}
