/* SPDX-License-Identifier: Apache-2.0 */
/* What may change in a pod that exists. */
#include "kinds/pod.h"

/* ---- Parts */

#define UNSET ((int64_t)-1)

static bool containers_kept(const struct field *spec, const struct json *old, const char *list)
{
    const struct field *containers = FIELD(spec, list);
    const struct json *before = json_get(old, bytes_of(list));
    if (field_count(containers) == (before ? before->count : 0))
        return true;
    field_forbidden(containers, "pod updates may not add or remove containers");
    return false;
}

static bool deadline_kept(const struct field *spec, const struct json *old)
{
    const struct field *deadline = FIELD(spec, "activeDeadlineSeconds");
    int64_t before = tree_integer(old, "activeDeadlineSeconds", UNSET), after = field_integer(deadline, UNSET);
    if (deadline->value && (after < 0 || after > INT32_MAX)) {
        field_invalid(deadline, "must be between 0 and 2147483647, inclusive");
        return false;
    }
    if (deadline->value && before != UNSET && before < after) {
        field_invalid(deadline, "must be less than or equal to previous value");
        return false;
    }
    if (!deadline->value && before != UNSET)
        field_invalid_as(deadline, BYTES("null"), "must not update from a positive integer to nil value");
    return true;
}

/* A toleration but for its seconds, as one text. */
static bytes toleration_key(struct arena *arena, const struct json *toleration)
{
    static const char *const members[] = {"key", "operator", "value", "effect"};
    struct buffer b;
    buffer_init(&b, arena);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        json_write_string(&b, tree_text(toleration, members[i]));
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

static void check_tolerations_added(const struct field *spec, const struct json *old)
{
    struct arena *arena = spec->check->arena;
    const struct field *tolerations = FIELD(spec, "tolerations");
    struct name_table kept = {.arena = arena};
    FIELD_EACH(toleration, tolerations)
    (void)name_table_add(&kept, toleration_key(arena, toleration.value), NULL);
    for (const struct json *before = tree_first(old, "tolerations"); before; before = before->next)
        if (!name_table_find(&kept, toleration_key(arena, before))) {
            field_forbidden(tolerations, "existing toleration can not be modified except its tolerationSeconds");
            return;
        }
    pod_tolerations_check(tolerations);
}

static void check_gates_deleted(const struct field *spec, const struct json *old)
{
    const struct field *gates = FIELD(spec, "schedulingGates");
    struct name_table known = {.arena = spec->check->arena};
    for (const struct json *gate = tree_first(old, "schedulingGates"); gate; gate = gate->next)
        (void)name_table_add(&known, tree_text(gate, "name"), NULL);
    FIELD_EACH(gate, gates)
    {
        const struct field *name = FIELD(&gate, "name");
        if (!name_table_find(&known, field_text(name)))
            field_forbidden(
                name, "only deletion is allowed, but found new scheduling gate '%.*s'", BYTES_FMT(field_text(name)));
    }
}

/* A gated pod may be narrowed down: node selectors may be added. */
static void check_selector_added(const struct field *spec, const struct json *old)
{
    const struct field *selector = FIELD(spec, "nodeSelector");
    struct name_table now = {.arena = spec->check->arena};
    FIELD_EACH(label, selector)
    (void)name_table_add(&now, label.key, (void *)(uintptr_t)label.value);
    for (const struct json *before = tree_first(old, "nodeSelector"); before; before = before->next) {
        const struct name_row *row = name_table_find(&now, before->key);
        const struct json *after = row ? row->value : NULL;
        if (!after || !bytes_equal(after->text, before->text)) {
            field_invalid(selector, "only additions to spec.nodeSelector are allowed (no mutations or deletions)");
            return;
        }
    }
}

/* ---- The rest stays as it is */

#define UPDATABLE                                                                                                      \
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only " \
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "      \
    "previously negative)"

static bool restore_images(struct arena *arena, struct json *spec, const struct json *old, const char *list)
{
    struct json *container = tree_first(spec, list);
    const struct json *before = tree_first(old, list);
    for (; container && before; container = container->next, before = before->next)
        if (!tree_set_copy(arena, container, "image", json_get(before, BYTES("image"))))
            return false;
    return true;
}

/* The spec with what may change put back: equal to the old one, unless more changed. */
static struct json *restored(struct arena *arena, const struct json *spec, const struct json *old)
{
    static const char *const members[] = {"activeDeadlineSeconds", "tolerations", "schedulingGates"};
    bool gated = tree_first(old, "schedulingGates") != NULL;
    struct json *copy = json_copy(arena, spec);
    if (!copy || !restore_images(arena, copy, old, "containers") || !restore_images(arena, copy, old, "initContainers"))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (!tree_set_copy(arena, copy, members[i], json_get(old, bytes_of(members[i]))))
            return NULL;
    if (tree_integer(old, "terminationGracePeriodSeconds", 0) < 0 &&
        tree_integer(copy, "terminationGracePeriodSeconds", 0) == 1 &&
        !tree_set_copy(
            arena, copy, "terminationGracePeriodSeconds", json_get(old, BYTES("terminationGracePeriodSeconds"))))
        return NULL;
    if (!gated)
        return copy;
    if (!tree_set_copy(arena, copy, "nodeSelector", json_get(old, BYTES("nodeSelector"))))
        return NULL;
    const struct json *affinity = tree_at(old, "affinity", "nodeAffinity", NULL);
    struct json *own = json_get(copy, BYTES("affinity"));
    if (!own && affinity)
        own = tree_member(arena, copy, "affinity", JSON_OBJECT);
    return !own || tree_set_copy(arena, own, "nodeAffinity", affinity) ? copy : NULL;
}

void pod_update_check(const struct field *pod, const struct json *old)
{
    struct arena *arena = pod->check->arena;
    const struct field *spec = FIELD(pod, "spec");
    const struct json *before = json_get(old, BYTES("spec"));
    if (!containers_kept(spec, before, "containers") || !containers_kept(spec, before, "initContainers") ||
        !deadline_kept(spec, before))
        return;
    check_tolerations_added(spec, before);
    check_gates_deleted(spec, before);
    if (tree_first(before, "schedulingGates"))
        check_selector_added(spec, before);
    if (json_alike(spec->value, before))
        return;
    struct json *same = restored(arena, spec->value, before);
    if (!same)
        (void)arena_error(arena, pod->check->error);
    else if (!json_alike(same, before))
        field_forbidden(spec, "pod updates may not change fields other than %s\n", UPDATABLE);
}

/* ---- Status */

static void check_terminal(const struct field *status, const struct json *old, const char *list, bytes policy)
{
    const struct field *statuses = FIELD(status, list);
    bool ephemeral = strcmp(list, "ephemeralContainerStatuses") == 0;
    struct name_table now = {.arena = status->check->arena}, sidecars = {.arena = status->check->arena};
    if (!ephemeral && bytes_equal(policy, BYTES("Always")))
        return;
    FIELD_EACH(container, statuses)
    (void)name_table_add(&now, field_text(FIELD(&container, "name")), (void *)(uintptr_t)container.value);
    size_t place = 0;
    const struct json *spec = json_get(old, BYTES("spec"));
    const struct json *before = tree_first(json_get(old, BYTES("status")), list);
    for (const struct json *container = tree_first(spec, "initContainers"); container; container = container->next)
        if (pod_is_sidecar(container))
            (void)name_table_add(&sidecars, tree_text(container, "name"), NULL);
    for (; before; before = before->next, place++) {
        const struct json *ended = tree_at(before, "state", "terminated", NULL);
        const struct name_row *row = name_table_find(&now, tree_text(before, "name"));
        bool failed = !ephemeral && tree_integer(ended, "exitCode", 0) != 0;
        bool may_restart = (failed && bytes_equal(policy, BYTES("OnFailure"))) ||
                           name_table_find(&sidecars, tree_text(before, "name"));
        if (!ended || may_restart || !row || tree_at(row->value, "state", "terminated", NULL))
            continue;
        struct field item = {.check = status->check, .parent = statuses, .index = place, .value = row->value};
        field_forbidden(FIELD(&item, "state"), "may not be transitioned to non-terminated state");
    }
}

/* One of each family at most; shown as Go prints the internal type. */
static void check_families(const struct field *addresses)
{
    bool families[2] = {false, false}, v6;
    struct buffer b;
    buffer_init(&b, addresses->check->arena);
    FIELD_EACH(address, addresses)
    {
        bytes ip = field_text(FIELD(&address, "ip"));
        buffer_text(&b, address.index ? ",{\"IP\":" : "[{\"IP\":");
        json_write_string(&b, ip);
        buffer_byte(&b, '}');
        if (ip_parse(ip, &v6))
            families[v6] = true;
    }
    buffer_byte(&b, ']');
    if (field_count(addresses) > 2 || (field_count(addresses) == 2 && !(families[0] && families[1])))
        field_invalid_as(addresses, buffer_bytes(&b), "may specify no more than one IP for each IP family");
}

static void check_addresses(const struct field *status)
{
    const struct field *addresses = FIELD(status, "podIPs"), *hosts = FIELD(status, "hostIPs");
    FIELD_EACH(address, addresses)
    {
        struct field at = address;
        at.value = json_get(address.value, BYTES("ip"));
        check_ip(&at);
    }
    check_families(addresses);
    FIELD_EACH(host, hosts)
    {
        const struct field *ip = FIELD(&host, "ip");
        if (host.index == 0 && !bytes_equal(field_text(FIELD(status, "hostIP")), field_text(ip)))
            field_invalid(ip, "must be equal to `hostIP`");
        struct field at = host;
        at.value = ip->value;
        check_ip(&at);
    }
    check_families(hosts);
}

void pod_status_update_check(const struct field *pod, const struct json *old)
{
    static const char *const lists[] = {"containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"};
    const struct field *status = FIELD(pod, "status"), *conditions = FIELD(status, "conditions");
    const struct field *nominated = FIELD(status, "nominatedNodeName");
    const struct json *before = json_get(old, BYTES("status"));
    bytes policy = tree_text(json_get(old, BYTES("spec")), "restartPolicy");
    FIELD_EACH(condition, conditions)
    {
        bytes type = tree_text(condition.value, "type");
        check_not_negative(FIELD(&condition, "observedGeneration"));
        if (!bytes_equal(type, BYTES("PodScheduled")) && !bytes_equal(type, BYTES("Ready")) &&
            !bytes_equal(type, BYTES("Initialized")))
            check_qualified_name(FIELD_WITH(&condition, "Type", json_get(condition.value, BYTES("type"))));
    }
    if (field_text(nominated).n && !bytes_equal(field_text(nominated), tree_text(before, "nominatedNodeName"))) {
        check_dns_subdomain(nominated);
        if (tree_text(json_get(old, BYTES("spec")), "nodeName").n)
            field_forbidden(nominated, "may not be set on pods that are already bound to a node");
    }
    if (field_integer(FIELD(status, "observedGeneration"), 0) < 0)
        field_invalid(FIELD(status, "observedGeneration"), "must be a non-negative integer");
    check_immutable(FIELD(status, "qosClass"), json_get(before, BYTES("qosClass")));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        check_terminal(status, old, lists[i], policy);
    check_addresses(status);
}

/* ---- Ephemeral containers */

void pod_ephemeral_containers_update_check(const struct field *pod, const struct json *old)
{
    const struct field *containers = FIELD(FIELD(pod, "spec"), "ephemeralContainers");
    struct name_table now = {.arena = pod->check->arena};
    if (tree_at(old, "metadata", "annotations", MIRROR_POD_ANNOTATION, NULL)) {
        field_forbidden(FIELD_WITH(pod, "", NULL), "static pods do not support ephemeral containers");
        return;
    }
    FIELD_EACH(container, containers)
    (void)name_table_add(&now, field_text(FIELD(&container, "name")), (void *)(uintptr_t)container.value);
    const struct json *before = tree_first(json_get(old, BYTES("spec")), "ephemeralContainers");
    for (; before; before = before->next) {
        const struct name_row *row = name_table_find(&now, tree_text(before, "name"));
        bytes name = tree_text(before, "name");
        if (!row)
            field_forbidden(containers, "existing ephemeral containers \"%.*s\" may not be removed\n", BYTES_FMT(name));
        else if (!json_alike(row->value, before))
            field_forbidden(containers, "existing ephemeral containers \"%.*s\" may not be changed\n", BYTES_FMT(name));
    }
}
