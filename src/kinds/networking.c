/* SPDX-License-Identifier: Apache-2.0 */
/* Network policies, address ranges and addresses. */
#include "kinds/cells.h"
#include "kinds/check_network.h"
#include "kinds/check_table.h"
#include "kinds/kinds.h"
#include "kinds/workload.h"

/* ---- Policies */

static err_t policy_set_defaults(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = json_get(object, BYTES("spec")), *types;
    if (!tree_first(spec, "policyTypes")) {
        types = json_set(spec, BYTES("policyTypes"), json_new(arena, JSON_ARRAY));
        bool fine = json_append(types, json_string(arena, BYTES("Ingress"))) != NULL;
        if (tree_first(spec, "egress"))
            fine = json_append(types, json_string(arena, BYTES("Egress"))) && fine;
        if (!fine)
            return arena_error(arena, error);
    }
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

static void check_policy_port(const struct field *entry)
{
    struct field port = field_member(entry, "port"), end = field_member(entry, "endPort");
    if (!port.value) {
        if (end.value)
            field_invalid(&end, "may not be specified when `port` is not specified");
        return;
    }
    if (port.value->type == JSON_STRING) {
        if (end.value)
            field_invalid(&end, "may not be specified when `port` is non-numeric");
        check_port_name(&port);
        return;
    }
    check_port_number(&port);
    if (end.value && field_integer(&end, 0) < field_integer(&port, 0))
        field_invalid_as(&end, port.value->text, "must be greater than or equal to `port`");
    if (end.value)
        check_port_number(&end);
}

static void check_block(const struct field *block)
{
    struct field cidr = field_member(block, "cidr");
    if (!check_not_empty(&cidr))
        return;
    check_cidr(&cidr);
    FIELD_EACH(except, FIELD(block, "except"))
    {
        check_cidr(&except);
        bool v6;
        if (cidr_parse(field_text(&cidr), &v6) && cidr_parse(field_text(&except), &v6) &&
            !cidr_contains(field_text(&cidr), field_text(&except)))
            field_invalid(&except, "must be a strict subset of `cidr`");
    }
}

static void check_peer(const struct field *peer)
{
    struct field pods = field_member(peer, "podSelector"), namespaces = field_member(peer, "namespaceSelector"),
                 block = field_member(peer, "ipBlock");
    check_label_selector(&pods);
    check_label_selector(&namespaces);
    if (block.value)
        check_block(&block);
    if (!pods.value && !namespaces.value && !block.value)
        field_required_because(peer, "must specify a peer");
    else if (block.value && (pods.value || namespaces.value))
        field_forbidden(peer, "may not specify both ipBlock and another peer");
}

static void check_direction(const struct field *rules, const char *peers)
{
    FIELD_EACH(rule, rules)
    {
        FIELD_EACH(port, FIELD(&rule, "ports"))
        check_policy_port(&port);
        FIELD_EACH(peer, FIELD(&rule, peers))
        check_peer(&peer);
    }
}

static void policy_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"spec.ingress[].ports[].protocol", CHECK_ONE_OF, "TCP UDP SCTP"},
        {"spec.egress[].ports[].protocol", CHECK_ONE_OF, "TCP UDP SCTP"},
        {"spec.policyTypes[]", CHECK_ONE_OF, "Ingress Egress"}};
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    (void)kind, (void)subresource;
    check_label_selector(FIELD(&spec, "podSelector"));
    check_direction(FIELD(&spec, "ingress"), "from");
    check_direction(FIELD(&spec, "egress"), "to");
    if (field_count(FIELD(&spec, "policyTypes")) > 2)
        field_invalid(FIELD(&spec, "policyTypes"), "may not specify more than two policyTypes");
    CHECK_TABLE(arena, rows, object, old, error);
}

static void policy_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    (void)kind;
    put_cell(b, selector_text(arena, tree_at(object, "spec", "podSelector", NULL)));
    put_age_cell(b, object, now);
}

const struct kind_rules network_policy_rules = {
    .set_defaults = policy_set_defaults, .validate = policy_validate, .cells = policy_cells};

/* ---- Ranges and addresses */

static void cidr_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    struct field ranges = field_member(&spec, "cidrs");
    (void)kind, (void)subresource;
    if (!field_count(&ranges))
        field_required_because(&ranges, "at least one CIDR required");
    if (field_count(&ranges) > 2)
        field_invalid(&ranges, "may only hold up to 2 values");
    FIELD_EACH(range, &ranges)
    check_cidr(&range);
    if (old)
        check_immutable(&ranges, tree_at(old, "spec", "cidrs", NULL));
}

static void cidr_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    (void)kind;
    put_joined_cell(arena, b, tree_at(object, "spec", "cidrs", NULL), (struct joined){NULL, ",", NULL, NULL}, "");
    put_age_cell(b, object, now);
}

const struct kind_rules service_cidr_rules = {.validate = cidr_validate, .cells = cidr_cells};

static void address_name(struct arena *arena, bytes name, bool prefix, bytes field, struct error *error)
{
    if (!prefix && !is_ip(name))
        cause_invalid(arena, field, name, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)", error);
}

static void address_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"spec.parentRef", CHECK_NEEDED, NULL},
        {"spec.parentRef.group", CHECK_SUBDOMAIN, NULL}, {"spec.parentRef.resource", CHECK_NEEDED, NULL},
        {"spec.parentRef.resource", CHECK_PATH_SEGMENT, NULL}, {"spec.parentRef.name", CHECK_NEEDED, NULL},
        {"spec.parentRef.name", CHECK_PATH_SEGMENT, NULL}, {"spec.parentRef.namespace", CHECK_PATH_SEGMENT, NULL},
        {"spec.parentRef", CHECK_UNCHANGED, NULL}};
    (void)kind, (void)subresource;
    CHECK_TABLE(arena, rows, object, old, error);
}

static void address_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *parent = tree_at(object, "spec", "parentRef", NULL);
    bytes group = tree_text(parent, "group"), namespace = tree_text(parent, "namespace");
    (void)kind, (void)now;
    put_cell(b,
        parent ? arena_join(arena, tree_text(parent, "resource"), group.n ? BYTES(".") : BYTES(""), group,
                     namespace.n ? BYTES("/") : BYTES(""), namespace, BYTES("/"), tree_text(parent, "name"), ARENA_END)
               : BYTES("<none>"));
}

const struct kind_rules ip_address_rules = {
    .validate = address_validate, .validate_name = address_name, .cells = address_cells};
