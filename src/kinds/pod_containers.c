/* SPDX-License-Identifier: Apache-2.0 */
/* The three lists of containers. */
#include "kinds/pod.h"

static void check_number(const struct field *port)
{
    int64_t number = field_integer(port, 0);
    if (number && (number < 1 || number > 65535))
        field_invalid(port, "must be between 1 and 65535, inclusive");
}

static void check_ports(const struct field *ports)
{
    static const char *const protocols[] = {"SCTP", "TCP", "UDP"};
    struct check *check = ports->check;
    struct name_table names = {.arena = check->arena};
    FIELD_EACH(port, ports)
    {
        const struct field *name = FIELD(&port, "name"), *number = FIELD(&port, "containerPort");
        unsigned causes = check->error->cause_count;
        if (field_text(name).n) {
            check_port(name);
            if (check->error->cause_count == causes && !name_table_add(&names, field_text(name), NULL))
                field_duplicate(name);
        }
        if (!field_integer(number, 0))
            field_required(number);
        check_number(number);
        check_number(FIELD(&port, "hostPort"));
        CHECK_ONE_OF(FIELD(&port, "protocol"), protocols);
    }
}

/* Two containers of a list can't have the same port of the host. */
static void check_host_ports(const struct field *container, struct name_table *taken)
{
    struct check *check = container->check;
    const struct field *ports = FIELD(container, "ports");
    FIELD_EACH(port, ports)
    {
        int64_t number = field_integer(FIELD(&port, "hostPort"), 0);
        if (!number)
            continue;
        bytes key = arena_format(check->arena, "%.*s/%.*s/%lld", BYTES_FMT(field_text(FIELD(&port, "protocol"))),
            BYTES_FMT(field_text(FIELD(&port, "hostIP"))), (long long)number);
        if (key.p && name_table_add(taken, key, NULL))
            continue;
        struct json shown = {.type = JSON_STRING, .text = key};
        if (check->arena->failed != ERR_OK)
            (void)arena_error(check->arena, check->error);
        else
            field_duplicate(FIELD_WITH(&port, "hostPort", &shown));
    }
}

static void check_resize_policy(const struct field *policies, const struct pod_rules_context *context)
{
    static const char *const resources[] = {"cpu", "memory"};
    static const char *const supported[] = {"NotRequired", "RestartContainer"};
    struct name_table seen = {.arena = policies->check->arena};
    FIELD_EACH(policy, policies)
    {
        const struct json *resource = json_get(policy.value, BYTES("resourceName"));
        const struct json *restart = json_get(policy.value, BYTES("restartPolicy"));
        struct field at = *policies;
        at.value = resource;
        struct field item = policy;
        item.value = resource;
        if (!name_table_add(&seen, field_text(&at), NULL))
            field_duplicate(&item);
        CHECK_ONE_OF(&at, resources);
        at.value = restart;
        CHECK_ONE_OF(&at, supported);
        if (bytes_equal(context->restart_policy, BYTES("Never")) && !field_is(&at, "NotRequired"))
            field_invalid(&at, "must be 'NotRequired' when `restartPolicy` is 'Never'");
    }
}

static void check_common(const struct field *container, const struct pod_rules_context *context)
{
    static const char *const message_policies[] = {"File", "FallbackToLogsOnError"};
    static const char *const pull_policies[] = {"Always", "IfNotPresent", "Never"};
    if (check_not_empty(FIELD(container, "name")))
        check_dns_label(FIELD(container, "name"));
    (void)check_not_empty(FIELD(container, "image"));
    CHECK_ONE_OF(FIELD(container, "terminationMessagePolicy"), message_policies);
    check_ports(FIELD(container, "ports"));
    pod_environment_check(container);
    pod_mounts_check(container, context);
    CHECK_ONE_OF(FIELD(container, "imagePullPolicy"), pull_policies);
    pod_resources_check(FIELD(container, "resources"), &context->claims, false);
    check_resize_policy(FIELD(container, "resizePolicy"), context);
    pod_container_security_check(FIELD(container, "securityContext"), context);
}

static void take_name(const struct field *container, struct name_table *names)
{
    struct check *check = container->check;
    if (name_table_add(names, field_text(FIELD(container, "name")), NULL))
        return;
    if (check->arena->failed != ERR_OK)
        (void)arena_error(check->arena, check->error);
    else
        field_duplicate(FIELD(container, "name"));
}

static void check_regular(const struct field *spec, struct pod_rules_context *context, struct name_table *names)
{
    const struct field *containers = FIELD(spec, "containers");
    struct name_table host_ports = {.arena = spec->check->arena};
    if (!field_count(containers))
        field_required(containers);
    FIELD_EACH(container, containers)
    {
        check_common(&container, context);
        take_name(&container, names);
        pod_lifecycle_check(&container, spec, context);
        pod_probes_check(&container, context);
    }
    FIELD_EACH(container, containers)
    check_host_ports(&container, &host_ports);
}

static void check_init(const struct field *spec, struct pod_rules_context *context, struct name_table *names)
{
    static const char *const sidecars_only[] = {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe"};
    const struct field *containers = FIELD(spec, "initContainers");
    FIELD_EACH(container, containers)
    {
        const struct field *policy = FIELD(&container, "restartPolicy");
        struct name_table host_ports = {.arena = spec->check->arena};
        check_common(&container, context);
        if (field_text(FIELD(&container, "name")).n)
            take_name(&container, names);
        check_host_ports(&container, &host_ports);
        if (field_is(policy, "Always")) {
            pod_lifecycle_check(&container, spec, context);
            pod_probes_check(&container, context);
            continue;
        }
        for (size_t i = 0; i < ARRAY_LEN(sidecars_only); i++)
            if (FIELD(&container, sidecars_only[i])->value)
                field_forbidden(FIELD(&container, sidecars_only[i]),
                    "may not be set for init containers without restartPolicy=Always");
    }
}

static void check_image_space(const struct field *container)
{
    const struct field *image = FIELD(container, "image");
    bytes text = field_text(image);
    if (text.n && (strchr(" \t\n\v\f\r", text.p[0]) || strchr(" \t\n\v\f\r", text.p[text.n - 1])))
        field_invalid(image, "must not have leading or trailing whitespace");
}

/* names: of the other containers. */
static void check_ephemeral(const struct field *spec, struct pod_rules_context *context, const struct name_table *names)
{
    static const char *const forbidden[] = {"ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules",
        "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"};
    static const char *const unmounted[] = {"subPath", "subPathExpr"};
    static const char sentence[] = "cannot be set for an Ephemeral Container";
    const struct field *containers = FIELD(spec, "ephemeralContainers");
    struct name_table own = {.arena = spec->check->arena};
    FIELD_EACH(container, containers)
    {
        const struct field *target = FIELD(&container, "targetContainerName");
        const struct field *mounts = FIELD(&container, "volumeMounts");
        check_common(&container, context);
        check_image_space(&container);
        if (name_table_find(names, field_text(FIELD(&container, "name"))))
            field_duplicate(FIELD(&container, "name"));
        else
            take_name(&container, &own);
        if (field_text(target).n && !name_table_find(names, field_text(target)))
            field_not_found(target);
        for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
            const struct field *member = FIELD(&container, forbidden[i]);
            if (member->value && !json_alike(member->value, NULL))
                field_forbidden(member, "%s", sentence);
        }
        FIELD_EACH(mount, mounts)
        for (size_t i = 0; i < ARRAY_LEN(unmounted); i++)
            if (field_text(FIELD(&mount, unmounted[i])).n)
                field_forbidden(FIELD(&mount, unmounted[i]), "%s", sentence);
    }
}

void pod_containers_check(const struct field *spec, struct pod_rules_context *context)
{
    struct name_table names = {.arena = spec->check->arena};
    check_regular(spec, context, &names);
    check_init(spec, context, &names);
    check_ephemeral(spec, context, &names);
}

void pod_images_check(const struct field *spec)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct field *containers = FIELD(spec, lists[i]);
        FIELD_EACH(container, containers)
        check_image_space(&container);
    }
}
