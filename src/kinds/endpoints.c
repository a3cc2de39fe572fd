/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/cells.h"
#include "kinds/check_network.h"
#include "kinds/kinds.h"

#define SHOWN_MOST 3

static err_t endpoints_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    for (struct json *subset = tree_first(object, "subsets"); subset; subset = subset->next)
        for (struct json *port = tree_first(subset, "ports"); port; port = port->next)
            if (!tree_default_text(arena, port, "protocol", "TCP"))
                return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Rules */

static void check_address(const struct field *address)
{
    const struct field *ip = FIELD(address, "ip"), *host = FIELD(address, "hostname"),
                       *node = FIELD(address, "nodeName");
    check_ip(ip);
    if (field_text(host).n)
        check_dns_label(host);
    if (node->value)
        check_dns_subdomain(node);
    if (!is_ip(field_text(ip)))
        field_invalid(ip, "must be a valid IP address");
    check_endpoint_address(ip);
}

static void check_endpoint_port(const struct field *port, bool needs_name)
{
    static const char *const protocols[] = {"SCTP", "TCP", "UDP"};
    const struct field *name = FIELD(port, "name"), *application = FIELD(port, "appProtocol");
    if (field_text(name).n)
        check_dns_label(name);
    else if (needs_name)
        field_required(name);
    check_port_number(FIELD(port, "port"));
    CHECK_ONE_OF(FIELD(port, "protocol"), protocols);
    if (application->value)
        check_qualified_name(application);
}

static void check_subset(const struct field *subset)
{
    static const char *const lists[] = {"addresses", "notReadyAddresses"};
    const struct field *ports = FIELD(subset, "ports");
    if (!field_count(FIELD(subset, lists[0])) && !field_count(FIELD(subset, lists[1])))
        field_required_because(subset, "must specify `addresses` or `notReadyAddresses`");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        FIELD_EACH(address, FIELD(subset, lists[i]))
        check_address(&address);
    }
    FIELD_EACH(port, ports)
    check_endpoint_port(&port, field_count(ports) > 1);
}

static void endpoints_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    struct field subsets = field_root(&check, "subsets", json_get(object, BYTES("subsets")));
    (void)kind, (void)subresource, (void)old;
    FIELD_EACH(subset, &subsets)
    check_subset(&subset);
}

/* ---- Cells: "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 4 more..." */

static void put_address(struct buffer *text, bytes ip, const struct json *port)
{
    bool v6 = memchr(ip.p, ':', ip.n) != NULL;
    buffer_text(text, text->n ? "," : "");
    buffer_format(text, port && v6 ? "[%.*s]" : "%.*s", BYTES_FMT(ip));
    if (port)
        buffer_format(text, ":%lld", (long long)tree_integer(port, "port", 0));
}

static void put_endpoints(struct arena *arena, struct buffer *b, const struct json *object)
{
    struct buffer text;
    size_t shown = 0, count = 0;
    buffer_init(&text, arena);
    for (const struct json *subset = tree_first(object, "subsets"); subset; subset = subset->next) {
        const struct json *port = tree_first(subset, "ports");
        do {
            for (const struct json *one = tree_first(subset, "addresses"); one; one = one->next, count++)
                if (shown < SHOWN_MOST) {
                    put_address(&text, tree_text(one, "ip"), port);
                    shown++;
                }
            port = port ? port->next : NULL;
        } while (port);
    }
    if (count > SHOWN_MOST)
        buffer_format(&text, " + %zu more...", count - SHOWN_MOST);
    b->failed = b->failed || text.failed;
    put_cell(b, tree_first(object, "subsets") ? buffer_bytes(&text) : BYTES("<none>"));
}

static void endpoints_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    (void)kind;
    put_endpoints(arena, b, object);
    put_age_cell(b, object, now);
}

const struct kind_rules endpoints_rules = {
    .set_defaults = endpoints_set_defaults, .validate = endpoints_validate, .cells = endpoints_cells};
