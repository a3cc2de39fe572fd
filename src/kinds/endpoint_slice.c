/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/cells.h"
#include "kinds/check_network.h"
#include "kinds/check_table.h"
#include "kinds/kinds.h"

#define ENDPOINTS_MOST 1000
#define ADDRESSES_MOST 100
#define PORTS_MOST     20000

static void check_addresses(const struct field *addresses, bytes type)
{
    bool v4 = bytes_equal(type, BYTES("IPv4")), v6 = bytes_equal(type, BYTES("IPv6"));
    if (!field_count(addresses))
        field_required_because(addresses, "must contain at least 1 address");
    if (field_count(addresses) > ADDRESSES_MOST)
        field_too_many(addresses, ADDRESSES_MOST);
    FIELD_EACH(address, addresses)
    {
        bytes text = field_text(&address);
        bool colon = memchr(text.p, ':', text.n);
        if ((v4 || v6) && !is_ip(text))
            check_ip(&address);
        else if (v4 && colon)
            field_invalid_as(addresses, arena_join(addresses->check->arena, BYTES("\""), text, BYTES("\""), ARENA_END),
                "must be an IPv4 address");
        else if (v6 && !colon)
            field_invalid_as(addresses, arena_join(addresses->check->arena, BYTES("\""), text, BYTES("\""), ARENA_END),
                "must be an IPv6 address");
        else if (!v4 && !v6)
            check_dns_subdomain(&address);
    }
}

static void slice_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"addressType", CHECK_NEEDED, NULL},
        {"addressType", CHECK_ONE_OF, "FQDN IPv4 IPv6"}, {"ports[].protocol", CHECK_ONE_OF, "SCTP TCP UDP"},
        {"ports[].appProtocol", CHECK_QUALIFIED, NULL}, {"endpoints[].nodeName", CHECK_SUBDOMAIN, NULL},
        {"endpoints[].hostname", CHECK_LABEL, NULL}, {"endpoints[].deprecatedTopology", CHECK_LABELS, NULL},
        {"endpoints[].hints.forZones", CHECK_UNIQUE, "name"}, {"endpoints[].hints.forNodes", CHECK_UNIQUE, "name"},
        {"addressType", CHECK_UNCHANGED, NULL}};
    struct check check = {.arena = arena, .error = error};
    struct field endpoints = field_root(&check, "endpoints", json_get(object, BYTES("endpoints")));
    struct field ports = field_root(&check, "ports", json_get(object, BYTES("ports")));
    struct name_table names = {.arena = arena};
    (void)kind, (void)subresource;
    if (field_count(&ports) > PORTS_MOST)
        field_too_many(&ports, PORTS_MOST);
    FIELD_EACH(port, &ports)
    {
        struct field name = field_member(&port, "name");
        if (field_text(&name).n)
            check_dns_label(&name);
        if (!name_table_add(&names, name.value ? field_text(&name) : BYTES(""), NULL) && !arena->failed)
            field_duplicate(&name);
    }
    if (field_count(&endpoints) > ENDPOINTS_MOST)
        field_too_many(&endpoints, ENDPOINTS_MOST);
    FIELD_EACH(endpoint, &endpoints)
    check_addresses(FIELD(&endpoint, "addresses"), tree_text(object, "addressType"));
    CHECK_TABLE(arena, rows, object, old, error);
}

static void slice_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    struct shortened ports = {.count = 0}, addresses = {.count = 0};
    (void)kind;
    buffer_init(&ports.text, arena);
    buffer_init(&addresses.text, arena);
    for (const struct json *port = tree_first(object, "ports"); port; port = port->next) {
        const struct json *number = json_get(port, BYTES("port")), *name = json_get(port, BYTES("name"));
        shortened_add(&ports, number ? number->text : name ? name->text : BYTES("*"));
    }
    for (const struct json *endpoint = tree_first(object, "endpoints"); endpoint; endpoint = endpoint->next)
        for (const struct json *address = tree_first(endpoint, "addresses"); address; address = address->next)
            shortened_add(&addresses, address->text);
    put_cell(b, tree_text(object, "addressType"));
    put_shortened_cell(b, &ports);
    put_shortened_cell(b, &addresses);
    put_age_cell(b, object, now);
}

const struct kind_rules endpoint_slice_rules = {.validate = slice_validate, .cells = slice_cells};
