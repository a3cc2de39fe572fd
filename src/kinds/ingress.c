/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/cells.h"
#include "kinds/check_network.h"
#include "kinds/check_table.h"
#include "kinds/kinds.h"

#define CLASS_ANNOTATION "kubernetes.io/ingress.class"

/* ---- Backends */

static void check_reference(const struct field *reference)
{
    struct field group = field_member(reference, "apiGroup"), kind = field_member(reference, "kind"),
                 name = field_member(reference, "name");
    if (group.value)
        check_dns_subdomain(&group);
    if (check_not_empty(&kind))
        check_path_segment(&kind);
    if (check_not_empty(&name))
        check_path_segment(&name);
}

static void check_service_port(const struct field *backend, const struct field *port)
{
    struct field name = field_member(port, "name"), number = field_member(port, "number");
    bool has_name = field_text(&name).n > 0, has_number = field_integer(&number, 0) != 0;
    if (has_name && has_number)
        field_invalid_as(backend, BYTES("\"\""), "cannot set both port name & port number");
    else if (has_name)
        check_port_name(&name);
    else if (has_number)
        check_port_number(&number);
    else
        field_required_because(backend, "port name or number is required");
}

static void check_backend(const struct field *backend)
{
    struct field resource = field_member(backend, "resource"), service = field_member(backend, "service");
    if (resource.value && service.value) {
        field_invalid_as(backend, BYTES("\"\""), "cannot set both resource and service backends");
        return;
    }
    if (resource.value) {
        check_reference(&resource);
    } else if (service.value) {
        struct field name = field_member(&service, "name");
        if (check_not_empty(&name))
            check_service_name(&name);
        check_service_port(backend, FIELD(&service, "port"));
    } else {
        field_invalid_as(backend, BYTES("\"\""), "resource or service backend is required");
    }
}

/* ---- Rules */

static void check_absolute(const struct field *path)
{
    if (!bytes_start(field_text(path), BYTES("/")))
        field_invalid_as(path, arena_join(path->check->arena, BYTES("\""), field_text(path), BYTES("\""), ARENA_END),
            "must be an absolute path");
}

static void check_plain_path(const struct field *path)
{
    static const char *const inside[] = {"//", "/./", "/../", "%2f", "%2F"}, *const at_end[] = {"/..", "/."};
    bytes text = field_text(path);
    check_absolute(path);
    for (size_t i = 0; i < ARRAY_LEN(inside); i++)
        if (text.n && memmem(text.p, text.n, inside[i], strlen(inside[i])))
            field_invalid(path, "must not contain '%s'", inside[i]);
    for (size_t i = 0; i < ARRAY_LEN(at_end); i++)
        if (bytes_end(text, bytes_of(at_end[i])))
            field_invalid(path, "cannot end with '%s'", at_end[i]);
}

static void check_http_path(const struct field *entry)
{
    static const char *const types[] = {"Exact", "ImplementationSpecific", "Prefix"};
    struct field type = field_member(entry, "pathType"), path = field_member(entry, "path");
    if (!type.value) {
        field_required_because(&type, "pathType must be specified");
        return;
    }
    if (field_is(&type, "Exact") || field_is(&type, "Prefix"))
        check_plain_path(&path);
    else if (!field_is(&type, "ImplementationSpecific"))
        FIELD_UNSUPPORTED(&type, types);
    else if (field_text(&path).n)
        check_absolute(&path);
    check_backend(FIELD(entry, "backend"));
}

static void check_host(const struct field *host)
{
    bytes text = field_text(host);
    if (memchr(text.p, '*', text.n))
        check_wildcard_subdomain(host);
    else
        check_dns_subdomain(host);
}

static void check_rule(const struct field *rule)
{
    struct field host = field_member(rule, "host"), http = field_member(rule, "http");
    if (field_text(&host).n && is_ip(field_text(&host)))
        field_invalid(&host, "must be a DNS name, not an IP address");
    if (field_text(&host).n)
        check_host(&host);
    if (!http.value)
        return;
    struct field paths = field_member(&http, "paths");
    check_not_empty(&paths);
    FIELD_EACH(path, &paths)
    check_http_path(&path);
}

static void check_class_annotation(struct check *check, const struct json *object)
{
    bytes annotation = tree_text(tree_at(object, "metadata", "annotations", NULL), CLASS_ANNOTATION);
    const struct json *class = tree_at(object, "spec", "ingressClassName", NULL);
    struct field field = field_root(check, "annotations." CLASS_ANNOTATION, NULL);
    struct json value = {.type = JSON_STRING, .text = annotation};
    field.value = &value;
    if (annotation.n && class && !bytes_equal(class->text, annotation))
        field_invalid(&field, "must match `ingressClassName` when both are specified");
}

static void ingress_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"spec.ingressClassName", CHECK_SUBDOMAIN, NULL}};
    static const struct check_row tls_rows[] = {{"spec.tls[].secretName", CHECK_SUBDOMAIN, NULL}};
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    struct field backend = field_member(&spec, "defaultBackend"), rules = field_member(&spec, "rules");
    (void)kind, (void)subresource;
    if (!field_count(&rules) && !backend.value)
        field_invalid_as(&spec, BYTES("null"), "either `defaultBackend` or `rules` must be specified");
    if (backend.value)
        check_backend(&backend);
    FIELD_EACH(rule, &rules)
    check_rule(&rule);
    FIELD_EACH(tls, FIELD(&spec, "tls"))
    FIELD_EACH(host, FIELD(&tls, "hosts"))
    check_host(&host);
    CHECK_TABLE(arena, tls_rows, object, old, error);
    CHECK_TABLE(arena, rows, object, old, error);
    if (!old)
        check_class_annotation(&check, object);
}

/* ---- Cells */

static void put_hosts(struct arena *arena, struct buffer *b, const struct json *spec)
{
    struct shortened hosts = {.count = 0};
    buffer_init(&hosts.text, arena);
    for (const struct json *rule = tree_first(spec, "rules"); rule; rule = rule->next)
        if (tree_text(rule, "host").n)
            shortened_add(&hosts, tree_text(rule, "host"));
    if (!hosts.count)
        put_cell(b, BYTES("*"));
    else
        put_shortened_cell(b, &hosts);
}

static void put_addresses(struct arena *arena, struct buffer *b, const struct json *object)
{
    struct buffer text;
    buffer_init(&text, arena);
    const struct json *balancer = tree_at(object, "status", "loadBalancer", NULL);
    for (const struct json *point = tree_first(balancer, "ingress"); point; point = point->next) {
        bytes ip = tree_text(point, "ip"), address = ip.n ? ip : tree_text(point, "hostname");
        buffer_text(&text, text.n && address.n ? "," : "");
        buffer_put(&text, address);
    }
    b->failed = b->failed || text.failed;
    put_cell(b, text.n ? buffer_bytes(&text) : BYTES(""));
}

static void ingress_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec"));
    (void)kind;
    put_text_cell(b, tree_text(spec, "ingressClassName"), "<none>");
    put_hosts(arena, b, spec);
    put_addresses(arena, b, object);
    put_cell(b, tree_first(spec, "tls") ? BYTES("80, 443") : BYTES("80"));
    put_age_cell(b, object, now);
}

const struct kind_rules ingress_rules = {.validate = ingress_validate, .cells = ingress_cells};

/* ---- Classes */

static void class_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"spec.parameters.scope", CHECK_ONE_OF, "Cluster Namespace"},
        {"spec.parameters.namespace", CHECK_LABEL, NULL}, {"spec.controller", CHECK_UNCHANGED, NULL}};
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    struct field controller = field_member(&spec, "controller"), parameters = field_member(&spec, "parameters");
    bytes text = field_text(&controller);
    size_t slash = text.n ? bytes_find(text, '/') : 0;
    (void)kind, (void)subresource;
    if (text.n > 250)
        field_too_long(&controller, 250);
    if (!text.n)
        field_required(&controller);
    else if (slash == text.n || slash + 1 == text.n)
        field_invalid(&controller, "must be a domain-prefixed path (such as \"acme.io/foo\")");
    else
        check_dns_subdomain_of(&controller, (bytes){text.p, slash});
    if (parameters.value) {
        struct field namespace = field_member(&parameters, "namespace"), scope = field_member(&parameters, "scope");
        check_reference(&parameters);
        if (field_is(&scope, "Namespace") && !namespace.value)
            field_required_because(&namespace, "`parameters.scope` is set to 'Namespace'");
        if (field_is(&scope, "Cluster") && namespace.value)
            field_forbidden(&namespace, "`parameters.scope` is set to 'Cluster'");
    }
    CHECK_TABLE(arena, rows, object, old, error);
}

static void class_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *parameters = json_get(spec, BYTES("parameters"));
    bytes group = tree_text(parameters, "apiGroup");
    (void)kind;
    put_cell(b, tree_text(spec, "controller"));
    put_cell(b, parameters ? arena_join(arena, tree_text(parameters, "kind"), group.n ? BYTES(".") : BYTES(""), group,
                                 BYTES("/"), tree_text(parameters, "name"), ARENA_END)
                           : BYTES("<none>"));
    put_age_cell(b, object, now);
}

const struct kind_rules ingress_class_rules = {.validate = class_validate, .cells = class_cells};
