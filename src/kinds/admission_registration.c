/* SPDX-License-Identifier: Apache-2.0 */
/* Webhook configurations and admission policies: kept and validated. CEL expressions are not looked into. */
#include "kinds/cells.h"
#include "kinds/check_table.h"
#include "kinds/kinds.h"

/* ---- Rules: which requests */

static bool has_wildcard(const struct field *list)
{
    FIELD_EACH(item, list)
    if (field_is(&item, "*"))
        return true;
    return false;
}

/* A list that has something, and * only by itself. */
static void check_alone(const struct field *list, const char *what)
{
    check_not_empty(list);
    if (field_count(list) > 1 && has_wildcard(list))
        field_invalid(list, "if '*' is present, must not specify other %s", what);
}

static void check_resources(const struct field *resources)
{
    bool any = false, all = false, whole = false;
    check_not_empty(resources);
    FIELD_EACH(resource, resources)
    {
        bytes text = field_text(&resource);
        check_not_empty(&resource);
        any = any || field_is(&resource, "*");
        all = all || field_is(&resource, "*/*");
        whole = whole || (text.n && !memchr(text.p, '/', text.n) && !field_is(&resource, "*"));
    }
    if (all && field_count(resources) > 1)
        field_invalid(resources, "if '*/*' is present, must not specify other resources");
    if (any && whole)
        field_invalid(resources, "if '*' is present, must not specify other resources without subresources");
}

static void check_rule(const struct field *rule)
{
    static const char *const operations[] = {"*", "CONNECT", "CREATE", "DELETE", "UPDATE"}, *const scopes[] = {"*",
                                                                                                "Cluster",
                                                                                                "Namespaced"};
    struct field list = field_member(rule, "operations"), scope = field_member(rule, "scope");
    check_alone(&list, "operations");
    FIELD_EACH(operation, &list)
    CHECK_ONE_OF(&operation, operations);
    check_alone(FIELD(rule, "apiGroups"), "API groups");
    check_alone(FIELD(rule, "apiVersions"), "API versions");
    FIELD_EACH(version, FIELD(rule, "apiVersions"))
    check_not_empty(&version);
    check_resources(FIELD(rule, "resources"));
    if (scope.value)
        CHECK_ONE_OF(&scope, scopes);
}

/* ---- Webhooks */

static void refuse_part(const struct field *field, bytes part, const char *sentence)
{
    bytes shown = arena_join(field->check->arena, BYTES("\""), part, BYTES("\""), ARENA_END);
    if (shown.p)
        field_invalid_as(field, shown, "%s", sentence);
}

static void check_url(const struct field *url)
{
    bytes text = field_text(url), rest;
    size_t colon = bytes_find(text, ':');
    if (!bytes_start(text, BYTES("https://")))
        refuse_part(url, colon < text.n ? (bytes){text.p, colon} : BYTES(""),
            "'https' is the only allowed URL scheme; desired format: https://host[/path]");
    rest = bytes_skip(text, colon + 3 <= text.n ? colon + 3 : text.n);
    size_t hash = bytes_find(rest, '#'), query = bytes_find((bytes){rest.p, hash}, '?'),
           host = bytes_find((bytes){rest.p, query}, '/'), user = bytes_find((bytes){rest.p, host}, '@');
    if (!host)
        refuse_part(url, BYTES(""), "host must be specified; desired format: https://host[/path]");
    if (user < host)
        refuse_part(url, (bytes){rest.p, user}, "user information is not permitted in the URL");
    if (hash + 1 < rest.n)
        refuse_part(url, bytes_skip(rest, hash + 1), "fragments are not permitted in the URL");
    if (query + 1 < hash)
        refuse_part(
            url, (bytes){rest.p + query + 1, hash - query - 1}, "query parameters are not permitted in the URL");
}

/* /a/b, each part a DNS name. */
static void check_service_path(const struct field *path)
{
    bytes rest = field_text(path);
    if (!bytes_start(rest, BYTES("/")))
        field_invalid(path, "must start with a '/'");
    rest = bytes_skip(rest, rest.n ? 1 : 0);
    if (bytes_equal(field_text(path), BYTES("/")))
        return;
    for (size_t i = 0;; i++) {
        size_t end = bytes_find(rest, '/');
        if (!end && (i == 0 || rest.n))
            field_invalid(path, "segment[%zu] may not be empty", i);
        if (end >= rest.n)
            return;
        rest = bytes_skip(rest, end + 1);
    }
}

static void check_client(const struct field *client)
{
    struct field url = field_member(client, "url"), service = field_member(client, "service"),
                 port = field_member(&service, "port"), path = field_member(&service, "path");
    if (!url.value == !service.value) {
        field_required_because(client, "exactly one of url or service is required");
        return;
    }
    if (url.value) {
        check_url(&url);
        return;
    }
    check_not_empty(FIELD(&service, "name"));
    check_not_empty(FIELD(&service, "namespace"));
    if (field_integer(&port, 443) < 1 || field_integer(&port, 443) > 65535)
        field_invalid(&port, "port is not valid: must be between 1 and 65535, inclusive");
    if (path.value)
        check_service_path(&path);
}

static void check_review_versions(const struct field *versions)
{
    bool accepted = false;
    if (!field_count(versions)) {
        field_required_because(versions, "must specify one of v1, v1beta1");
        return;
    }
    FIELD_EACH(version, versions)
    accepted = accepted || field_is(&version, "v1") || field_is(&version, "v1beta1");
    if (!accepted)
        field_invalid(versions, "must include at least one of v1, v1beta1");
}

/* At least three labels. */
static void check_full_name(const struct field *name)
{
    bytes text = field_text(name);
    size_t dots = 0;
    for (size_t i = 0; i < text.n; i++)
        dots += text.p[i] == '.';
    if (!check_not_empty(name))
        return;
    check_dns_subdomain(name);
    if (dots < 2)
        field_invalid(name, "should be a domain with at least three segments separated by dots");
}

static void check_webhook(const struct field *webhook)
{
    struct field effects = field_member(webhook, "sideEffects"), seconds = field_member(webhook, "timeoutSeconds");
    check_full_name(FIELD(webhook, "name"));
    FIELD_EACH(rule, FIELD(webhook, "rules"))
    check_rule(&rule);
    if (!effects.value)
        field_required_because(&effects, "must specify one of None, NoneOnDryRun");
    if (field_integer(&seconds, 10) < 1 || field_integer(&seconds, 10) > 30)
        field_invalid(&seconds, "the timeout value must be between 1 and 30 seconds");
    check_client(FIELD(webhook, "clientConfig"));
    check_review_versions(FIELD(webhook, "admissionReviewVersions"));
}

static void webhooks_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"webhooks", CHECK_UNIQUE, "name"},
        {"webhooks[].failurePolicy", CHECK_ONE_OF, "Fail Ignore"},
        {"webhooks[].matchPolicy", CHECK_ONE_OF, "Equivalent Exact"},
        {"webhooks[].sideEffects", CHECK_ONE_OF, "None NoneOnDryRun"},
        {"webhooks[].namespaceSelector", CHECK_SELECTOR, NULL}, {"webhooks[].objectSelector", CHECK_SELECTOR, NULL},
        {"webhooks[].reinvocationPolicy", CHECK_ONE_OF, "IfNeeded Never"},
        {"webhooks[].matchConditions[].expression", CHECK_NEEDED, NULL},
        {"webhooks[].matchConditions[].name", CHECK_NEEDED, NULL},
        {"webhooks[].matchConditions[].name", CHECK_QUALIFIED, NULL}};
    struct check check = {.arena = arena, .error = error};
    struct field webhooks = field_root(&check, "webhooks", json_get(object, BYTES("webhooks")));
    (void)kind, (void)subresource;
    FIELD_EACH(webhook, &webhooks)
    check_webhook(&webhook);
    CHECK_TABLE(arena, rows, object, old, error);
}

/* Conditions are CEL. Taking them for true calls a webhook too often, and never lets pass what it would refuse. */
static void webhooks_warn(
    struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    const struct json *webhooks = json_get(object, BYTES("webhooks"));
    size_t i = 0;
    (void)kind;
    for (const struct json *w = webhooks ? webhooks->first : NULL; w; w = w->next, i++) {
        bytes sentence;
        if (!json_get(w, BYTES("matchConditions")))
            continue;
        sentence = arena_format(arena,
            "webhooks[%zu].matchConditions: expressions are not evaluated by this server: the webhook is called as if "
            "they all held",
            i);
        if (sentence.p)
            warning_add(arena, warnings, sentence);
    }
}

static void webhooks_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    (void)arena, (void)kind;
    put_count_cell(b, json_get(object, BYTES("webhooks")));
    put_age_cell(b, object, now);
}

const struct kind_rules webhook_configuration_rules = {
    .validate = webhooks_validate, .warn = webhooks_warn, .cells = webhooks_cells};

/* ---- Policies and their bindings */

static void check_match(const struct field *match)
{
    FIELD_EACH(rule, FIELD(match, "resourceRules"))
    check_rule(&rule);
    FIELD_EACH(rule, FIELD(match, "excludeResourceRules"))
    check_rule(&rule);
}

static void policy_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const char none[] = "validations or auditAnnotations must contain at least one item";
    static const struct check_row rows[] = {{"spec.failurePolicy", CHECK_ONE_OF, "Fail Ignore"},
        {"spec.matchConstraints", CHECK_NEEDED, NULL}, {"spec.matchConstraints.resourceRules", CHECK_NEEDED, NULL},
        {"spec.matchConstraints.matchPolicy", CHECK_ONE_OF, "Equivalent Exact"},
        {"spec.matchConstraints.namespaceSelector", CHECK_SELECTOR, NULL},
        {"spec.matchConstraints.objectSelector", CHECK_SELECTOR, NULL},
        {"spec.paramKind.apiVersion", CHECK_NEEDED, NULL}, {"spec.paramKind.kind", CHECK_NEEDED, NULL},
        {"spec.matchConditions[].expression", CHECK_NEEDED, NULL}, {"spec.matchConditions[].name", CHECK_NEEDED, NULL},
        {"spec.variables[].name", CHECK_NEEDED, "name is not specified"},
        {"spec.variables[].expression", CHECK_NEEDED, "expression is not specified"},
        {"spec.validations[].expression", CHECK_NEEDED, "expression is not specified"},
        {"spec.validations[].reason", CHECK_ONE_OF, "Forbidden Invalid RequestEntityTooLarge"},
        {"spec.auditAnnotations", CHECK_UNIQUE, "key"}};
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    struct field validations = field_member(&spec, "validations"), audits = field_member(&spec, "auditAnnotations");
    (void)kind, (void)subresource;
    check_match(FIELD(&spec, "matchConstraints"));
    if (!field_count(&validations) && !field_count(&audits)) {
        field_required_because(&validations, "%s", none);
        field_required_because(&audits, "%s", none);
    }
    CHECK_TABLE(arena, rows, object, old, error);
}

static void policy_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *of = json_get(spec, BYTES("paramKind"));
    (void)kind;
    put_count_cell(b, json_get(spec, BYTES("validations")));
    put_cell(b, of ? arena_join(arena, tree_text(of, "apiVersion"), BYTES("/"), tree_text(of, "kind"), ARENA_END)
                   : BYTES("<unset>"));
    put_age_cell(b, object, now);
}

const struct kind_rules validating_admission_policy_rules = {.validate = policy_validate, .cells = policy_cells};

static void policy_binding_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    static const struct check_row rows[] = {{"spec.policyName", CHECK_NEEDED, NULL},
        {"spec.policyName", CHECK_SUBDOMAIN, NULL},
        {"spec.paramRef.parameterNotFoundAction", CHECK_ONE_OF, "Allow Deny"},
        {"spec.paramRef.selector", CHECK_SELECTOR, NULL},
        {"spec.validationActions", CHECK_NEEDED, "at least one validation action is required"},
        {"spec.validationActions[]", CHECK_ONE_OF, "Audit Deny Warn"}, {"spec.validationActions", CHECK_UNIQUE, ""}};
    struct check check = {.arena = arena, .error = error};
    struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    struct field actions = field_member(&spec, "validationActions");
    bool deny = false, warn = false;
    (void)kind, (void)subresource;
    check_match(FIELD(&spec, "matchResources"));
    FIELD_EACH(action, &actions)
    {
        deny = deny || field_is(&action, "Deny");
        warn = warn || field_is(&action, "Warn");
    }
    if (deny && warn)
        field_invalid(&actions,
            "must not contain both Deny and Warn (repeating the same validation failure information "
            "in the API response and headers serves no purpose)");
    CHECK_TABLE(arena, rows, object, old, error);
}

static void policy_binding_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    const struct json *spec = json_get(object, BYTES("spec")), *reference = json_get(spec, BYTES("paramRef"));
    bytes name = tree_text(reference, "name"), namespace = tree_text(reference, "namespace");
    (void)kind;
    put_cell(b, tree_text(spec, "policyName"));
    put_cell(b, name.n ? arena_join(arena, namespace.n ? namespace : BYTES("*"), BYTES("/"), name, ARENA_END)
                       : BYTES("<unset>"));
    put_age_cell(b, object, now);
}

const struct kind_rules validating_admission_policy_binding_rules = {
    .validate = policy_binding_validate, .cells = policy_binding_cells};
