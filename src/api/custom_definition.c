/* SPDX-License-Identifier: Apache-2.0 */
/* What a definition must be. Upstream holds what all versions have the same once, in fields that its v1 does not have,
 * and names those in its sentences: spec.validation, spec.subresources, spec.additionalPrinterColumns. */
#include "api/custom_check.h"
#include "api/custom_names.h"
#include "text/utf8.h"

/* ---- Names. */

static void check_label(const struct subject *name, bool mixed_case)
{
    const char *sentences[2];
    bytes text = subject_text(name);
    size_t n = mixed_case ? kind_name_errors(text, sentences) : dns1035_label_errors(text, sentences);
    if (text.n && n)
        subject_invalid(name, "%s%s%s%s", mixed_case ? "may have mixed case, but should otherwise match: " : "",
            sentences[0], n > 1 ? "," : "", n > 1 ? sentences[1] : "");
}

static void check_labels(const struct subject *list)
{
    uint32_t i = 0;
    for (const struct json *item = list->value && list->value->type == JSON_ARRAY ? list->value->first : NULL; item;
         item = item->next, i++) {
        const struct subject label = subject_item(list, item, i);
        check_label(&label, false);
    }
}

static void check_names(const struct subject *names, bool required)
{
    static const struct {
        const char *name;
        bool mixed_case;
    } members[] = {{"plural", false}, {"singular", false}, {"kind", true}, {"listKind", true}};
    bytes kind = json_text(names->value, BYTES("kind")), list = json_text(names->value, BYTES("listKind"));
    for (size_t i = 0; required && i < ARRAY_LEN(members); i++)
        if (!subject_text(MEMBER(names, members[i].name)).n)
            subject_required(MEMBER(names, members[i].name), "%s", "");
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        check_label(MEMBER(names, members[i].name), members[i].mixed_case);
    check_labels(MEMBER(names, "shortNames"));
    if (kind.n && bytes_equal(kind, list))
        subject_invalid(MEMBER(names, "listKind"), "kind and listKind may not be the same");
    check_labels(MEMBER(names, "categories"));
}

static void check_group(const struct subject *group)
{
    const char *sentences[2];
    bytes text = subject_text(group);
    size_t n = dns1123_subdomain_errors(text, sentences);
    if (!text.n)
        subject_required(group, "%s", "");
    else if (n)
        subject_invalid(group, "%s%s%s", sentences[0], n > 1 ? "," : "", n > 1 ? sentences[1] : "");
    else if (bytes_find(text, '.') == text.n)
        subject_invalid(group, "should be a domain with at least one dot");
}

static void check_scope(const struct subject *scope)
{
    bytes text = subject_text(scope);
    if (!text.n)
        subject_required(scope, "%s", "");
    else if (!bytes_equal(text, BYTES("Cluster")) && !bytes_equal(text, BYTES("Namespaced")))
        subject_unsupported(scope, "\"Cluster\", \"Namespaced\"");
}

/* Names below kubernetes.io and k8s.io are Kubernetes' own. */
static void check_approval(const struct subject *root, const struct json *old)
{
    static const char name[] = "api-approved.kubernetes.io",
                      page[] = "https://github.com/kubernetes/enhancements/pull/1111";
    const struct subject metadata = subject_member(root, "metadata"),
                         annotations = subject_member(&metadata, "annotations");
    bytes group = json_text(json_get(root->value, BYTES("spec")), BYTES("group"));
    bytes said = json_text(annotations.value, bytes_of(name));
    bytes before = json_text(json_at(old, BYTES("metadata"), BYTES("annotations"), BYTES_NONE), bytes_of(name));
    if (!bytes_equal(group, BYTES("k8s.io")) && !bytes_equal(group, BYTES("kubernetes.io")) &&
        !bytes_end(group, BYTES(".k8s.io")) && !bytes_end(group, BYTES(".kubernetes.io")))
        return;
    if ((old && bytes_equal(said, before)) || bytes_start(said, BYTES("unapproved")) ||
        bytes_start(said, BYTES("https://")) || bytes_start(said, BYTES("http://")))
        return;
    const struct json *given = json_get(annotations.value, bytes_of(name));
    const struct json none = {.type = JSON_STRING, .key = bytes_of(name)};
    const struct subject annotation = subject_key(&annotations, given ? given : &none);
    if (said.n)
        subject_invalid(&annotation,
            "protected groups must have approval annotation \"%s\" with either a URL or a reason starting with "
            "\"unapproved\", see %s",
            name, page);
    else
        subject_required(&annotation, "protected groups must have approval annotation \"%s\", see %s", name, page);
}

/* ---- Parts of versions. */

static void check_column(const struct subject *column)
{
    static const char *const types[] = {"boolean", "date", "integer", "number", "string"};
    static const char *const formats[] = {"byte", "date", "date-time", "double", "float", "int32", "int64", "password"};
    const struct subject type = subject_member(column, "type"), format = subject_member(column, "format"),
                         path = subject_member(column, "jsonPath"), shown = subject_member(column, "JSONPath");
    bool known_type = false, known_format = !subject_text(&format).n;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        known_type = known_type || bytes_equal(subject_text(&type), bytes_of(types[i]));
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        known_format = known_format || bytes_equal(subject_text(&format), bytes_of(formats[i]));
    if (!subject_text(MEMBER(column, "name")).n)
        subject_required(MEMBER(column, "name"), "%s", "");
    if (!subject_text(&type).n)
        subject_required(&type, "must be one of boolean,date,integer,number,string");
    else if (!known_type)
        subject_invalid(&type, "must be one of boolean,date,integer,number,string");
    if (!known_format)
        subject_invalid(&format, "must be one of byte,date,date-time,double,float,int32,int64,password");
    if (!subject_text(&path).n)
        subject_required(&shown, "%s", "");
    else if (subject_text(&path).p[0] != '.')
        subject_invalid_as(
            &shown, value_text(&path.to->check, path.value), "must be a simple json path starting with .");
}

static void check_columns(const struct subject *list)
{
    uint32_t i = 0;
    for (const struct json *item = list->value ? list->value->first : NULL; item; item = item->next, i++) {
        const struct subject column = subject_item(list, item, i);
        check_column(&column);
    }
}

static void check_scale_path(const struct subject *path, const char *below, const char *or_below, const char *sentence)
{
    bytes text = subject_text(path);
    if (text.p[0] != '.')
        subject_invalid(path, "must be a simple json path starting with .");
    else if (!bytes_start(text, bytes_of(below)) && !bytes_start(text, bytes_of(or_below)))
        subject_invalid(path, "should be a json path under %s", sentence);
}

static void check_scale(const struct subject *scale)
{
    const struct subject spec = subject_member(scale, "specReplicasPath"),
                         status = subject_member(scale, "statusReplicasPath"),
                         selector = subject_member(scale, "labelSelectorPath");
    if (!scale->value)
        return;
    if (!subject_text(&spec).n)
        subject_required(&spec, "%s", "");
    else
        check_scale_path(&spec, ".spec.", ".spec.", ".spec");
    if (!subject_text(&status).n)
        subject_required(&status, "%s", "");
    else
        check_scale_path(&status, ".status.", ".status.", ".status");
    if (subject_text(&selector).n)
        check_scale_path(&selector, ".spec.", ".status.", "either .spec or .status");
}

static void check_deprecation(const struct subject *version)
{
    const struct subject warning = subject_member(version, "deprecationWarning");
    bytes text = subject_text(&warning);
    if (!subject_given(&warning))
        return;
    if (!subject_true(MEMBER(version, "deprecated"))) {
        subject_invalid(&warning, "can only be set for deprecated versions");
        return;
    }
    if (text.n > 256)
        subject_invalid(&warning, "must be <= 256 characters long");
    if (!text.n)
        subject_invalid(&warning, "must not be an empty string");
    for (size_t i = 0, n; i < text.n; i += n ? n : 1) {
        bytes character = {text.p + i, n = bytes_utf8(bytes_skip(text, i))};
        bytes quoted = utf8_quote(warning.to->check.arena, character);
        if (quoted.n == n + 2 || bytes_equal(character, BYTES("\"")) || bytes_equal(character, BYTES("\\")))
            continue; /* Go prints it as it is */
        subject_invalid(
            &warning, "must only contain printable UTF-8 characters; non-printable character found at index %zu", i);
        return;
    }
}

/* With a status subresource, status is validated by itself: the root may not say anything about it as a whole. */
static void check_root(const struct subject *schema, bool has_status)
{
    static const char *const allowed[] = {"description", "type", "format", "title", "maximum", "exclusiveMaximum",
        "minimum", "exclusiveMinimum", "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems",
        "multipleOf", "required", "items", "properties", "externalDocs", "example",
        "x-kubernetes-preserve-unknown-fields", "x-kubernetes-validations"};
    bytes type = subject_text(MEMBER(schema, "type"));
    for (const struct json *m = has_status ? schema->value->first : NULL; m; m = m->next) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
            known = known || bytes_equal(m->key, bytes_of(allowed[i]));
        if (known)
            continue;
        subject_invalid(schema,
            "only [Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum "
            "MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items "
            "Properties ExternalDocs Example XPreserveUnknownFields XValidations] fields are allowed "
            "at the root of the schema if the status subresource is enabled");
        break;
    }
    if (has_status && type.n && !bytes_equal(type, BYTES("object")))
        subject_invalid(MEMBER(schema, "type"),
            "only \"object\" is allowed as the type at the root of the schema if the "
            "status subresource is enabled");
    if (subject_true(MEMBER(schema, "nullable")))
        subject_forbidden(MEMBER(schema, "nullable"), "nullable cannot be true at the root");
}

static void check_validation(const struct subject *validation, bool has_status)
{
    const struct subject schema = subject_member(validation, "openAPIV3Schema");
    unsigned before = schema.to->found.count;
    if (!schema.value || schema.value->type != JSON_OBJECT)
        return;
    check_root(&schema, has_status);
    unsigned structural = schema.to->found.count;
    custom_check_structure(&schema);
    if (structural == schema.to->found.count)
        custom_check_defaults(&schema);
    custom_check_keywords(&schema);
    if (before == schema.to->found.count && schema.to->names_dialect)
        subject_invalid_as(&schema, BYTES("\"\""), "OpenAPIV3Schema 'schema' is not supported");
}

/* ---- Versions. */

/* A part of all versions, when it is the same in all. */
static const struct json *common(const struct json *versions, const char *name)
{
    const struct json *first = json_get(versions->first, bytes_of(name));
    for (const struct json *v = versions->first; first && v; v = v->next) {
        const struct json *other = json_get(v, bytes_of(name));
        if (!other || !json_equal(first, other))
            return NULL;
    }
    return first && (first->type != JSON_ARRAY || first->count) ? first : NULL;
}

static bool has_status(const struct json *version)
{
    return json_at(version, BYTES("subresources"), BYTES("status"), BYTES_NONE) != NULL;
}

static void check_part(const char *part, const struct subject *value, const struct json *version)
{
    if (!subject_given(value))
        return;
    if (strcmp(part, "schema") == 0)
        check_validation(value, has_status(version));
    else if (strcmp(part, "subresources") == 0)
        check_scale(MEMBER(value, "scale"));
    else if (strcmp(part, "additionalPrinterColumns") == 0)
        check_columns(value);
    else
        custom_check_selectable(value, json_at(version, BYTES("schema"), BYTES("openAPIV3Schema"), BYTES_NONE));
}

static const struct {
    const char *name, *common_name;
} parts[] = {{"schema", "validation"}, {"subresources", "subresources"},
    {"additionalPrinterColumns", "additionalPrinterColumns"}, {"selectableFields", "selectableFields"}};

/* {"Name":"v1",...} as Go's own type is written; what versions share, and schemas, are left out. */
static bytes versions_text(const struct subject *versions)
{
    struct arena *arena = versions->to->check.arena;
    struct buffer b;
    buffer_init(&b, arena);
    if (!subject_given(versions))
        return BYTES("null");
    buffer_byte(&b, '[');
    for (const struct json *v = versions->value->first; v; v = v->next) {
        const struct json *warning = json_get(v, BYTES("deprecationWarning"));
        const struct subject version = subject_item(versions, v, 0);
        buffer_text(&b, b.n > 1 ? ",{\"Name\":" : "{\"Name\":");
        json_write_string(&b, json_text(v, BYTES("name")));
        buffer_format(&b, ",\"Served\":%s,\"Storage\":%s,\"Deprecated\":%s,\"DeprecationWarning\":",
            subject_true(MEMBER(&version, "served")) ? "true" : "false",
            subject_true(MEMBER(&version, "storage")) ? "true" : "false",
            subject_true(MEMBER(&version, "deprecated")) ? "true" : "false");
        if (warning)
            json_write(&b, warning);
        else
            buffer_text(&b, "null");
        buffer_text(
            &b, ",\"Schema\":null,\"Subresources\":null,\"AdditionalPrinterColumns\":null,\"SelectableFields\":null}");
    }
    buffer_byte(&b, ']');
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

static void check_version(const struct subject *version, const struct json *versions)
{
    const struct subject name = subject_member(version, "name");
    const char *sentences[2];
    size_t n = dns1035_label_errors(subject_text(&name), sentences);
    if (n)
        subject_invalid(&name, "%s%s%s", sentences[0], n > 1 ? "," : "", n > 1 ? sentences[1] : "");
    check_deprecation(version);
    if (!json_at(version->value, BYTES("schema"), BYTES("openAPIV3Schema"), BYTES_NONE))
        subject_required(MEMBER(MEMBER(version, "schema"), "openAPIV3Schema"), "%s", "");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (!common(versions, parts[i].name))
            check_part(parts[i].name, MEMBER(version, parts[i].name), version->value);
}

static bool names_repeat(const struct json *versions)
{
    for (const struct json *v = versions->first; v; v = v->next)
        for (const struct json *w = versions->first; w != v; w = w->next)
            if (bytes_equal(json_text(v, BYTES("name")), json_text(w, BYTES("name"))))
                return true;
    return false;
}

#define VERSIONS_MOST 100 /* ours: each is compared with each */

static void check_versions(const struct subject *spec)
{
    static const struct json none = {.type = JSON_ARRAY};
    const struct subject versions = subject_member(spec, "versions");
    const struct json *list = subject_given(&versions) ? versions.value : &none;
    unsigned stored = 0;
    uint32_t i = 0;
    if (list->count > VERSIONS_MOST) {
        subject_invalid_as(&versions, BYTES("\"...\""), "must have at most %d versions", VERSIONS_MOST);
        return;
    }
    for (const struct json *v = list->first; v; v = v->next, i++) {
        const struct subject version = subject_item(&versions, v, i);
        stored += subject_true(MEMBER(&version, "storage"));
        check_version(&version, list);
    }
    if (names_repeat(list))
        subject_invalid_as(&versions, versions_text(&versions), "must contain unique version names");
    if (stored != 1)
        subject_invalid_as(
            &versions, versions_text(&versions), "must have exactly one version marked as storage version");
    const struct json first = {.type = JSON_STRING, .text = json_text(list->first, BYTES("name"))};
    struct subject name = subject_member(spec, "version");
    name.value = &first;
    check_label(&name, false);
    for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
        struct subject part = subject_member(spec, parts[p].common_name);
        part.value = list->first ? common(list, parts[p].name) : NULL;
        check_part(parts[p].name, &part, list->first);
    }
}

/* ---- Conversion. A webhook is not called here: it is accepted only where there is nothing to convert. */

static void check_review_versions(const struct subject *list)
{
    bool accepted = false;
    uint32_t i = 0;
    if (!subject_given(list) || !list->value->count) {
        subject_required(list, "%s", "");
        return;
    }
    for (const struct json *v = list->value->first; v; v = v->next, i++) {
        const struct subject version = subject_item(list, v, i);
        accepted = accepted || bytes_equal(v->text, BYTES("v1")) || bytes_equal(v->text, BYTES("v1beta1"));
        check_label(&version, false);
    }
    if (!accepted)
        subject_invalid(list, "must include at least one of v1, v1beta1");
}

static bool versions_differ(const struct json *spec)
{
    const struct json *versions = json_get(spec, BYTES("versions"));
    unsigned served = 0;
    for (const struct json *v = versions ? versions->first : NULL; v; v = v->next)
        served += (json_get(v, BYTES("served")) ? json_get(v, BYTES("served"))->type : JSON_NULL) == JSON_TRUE;
    return served > 1 && !common(versions, "schema");
}

static void check_webhook(const struct subject *conversion, const struct json *spec)
{
    const struct subject webhook = subject_member(conversion, "webhook"),
                         client = subject_member(&webhook, "clientConfig");
    const struct subject shown = subject_member(conversion, "webhookClientConfig");
    struct subject versions = subject_member(conversion, "conversionReviewVersions");
    bytes url = json_text(client.value, BYTES("url"));
    versions.value = json_get(webhook.value, BYTES("conversionReviewVersions"));
    if (!subject_given(&client))
        subject_required(&shown, "required when strategy is set to Webhook");
    else if (!url.n == !json_get(client.value, BYTES("service")))
        subject_required(&shown, "exactly one of url or service is required");
    else if (url.n && !bytes_start(url, BYTES("https://"))) {
        size_t colon = bytes_find(url, ':');
        bytes scheme = utf8_quote(shown.to->check.arena, colon < url.n ? (bytes){url.p, colon} : BYTES(""));
        subject_invalid_as(MEMBER(&shown, "url"), scheme,
            "'https' is the only allowed URL scheme; desired format: https://host[/path]");
    }
    check_review_versions(&versions);
    if (versions_differ(spec))
        subject_invalid(MEMBER(conversion, "strategy"), "conversion webhooks are not called by this server: serve one "
                                                        "version, or give all served versions the same "
                                                        "schema");
}

static void check_conversion(const struct subject *spec)
{
    const struct subject conversion = subject_member(spec, "conversion"),
                         strategy = subject_member(&conversion, "strategy");
    if (!subject_given(&conversion))
        return;
    if (!subject_text(&strategy).n) {
        subject_required(&strategy, "%s", "");
    } else if (bytes_equal(subject_text(&strategy), BYTES("Webhook"))) {
        check_webhook(&conversion, spec->value);
        return;
    } else if (!bytes_equal(subject_text(&strategy), BYTES("None"))) {
        subject_unsupported(&strategy, "\"None\", \"Webhook\"");
    }
    const struct subject webhook = subject_member(&conversion, "webhook");
    const struct json *versions = json_get(webhook.value, BYTES("conversionReviewVersions"));
    if (json_get(webhook.value, BYTES("clientConfig")))
        subject_forbidden(
            MEMBER(&conversion, "webhookClientConfig"), "should not be set when strategy is not set to Webhook");
    if (versions && versions->count)
        subject_forbidden(
            MEMBER(&conversion, "conversionReviewVersions"), "should not be set when strategy is not set to Webhook");
}

/* ---- Between the definition and what it was, and what is stored by it. */

static void check_stored(const struct subject *root, const struct json *versions)
{
    const struct subject status = subject_member(root, "status"), stored = subject_member(&status, "storedVersions");
    const struct json *list = subject_given(&stored) && stored.value->count ? stored.value : NULL;
    uint32_t i = 0;
    if (!list) {
        subject_invalid_as(&stored, BYTES("null"), "must have at least one stored version");
        return;
    }
    for (const struct json *v = versions ? versions->first : NULL; v; v = v->next) {
        const struct json *found = list->first;
        const struct json *storage = json_get(v, BYTES("storage"));
        while (found && !bytes_equal(found->text, json_text(v, BYTES("name"))))
            found = found->next;
        if (!found && storage && storage->type == JSON_TRUE)
            subject_invalid(&stored, "must have the storage version %.*s", BYTES_FMT(json_text(v, BYTES("name"))));
    }
    for (const struct json *s = list->first; s; s = s->next, i++) {
        const struct json *v = versions ? versions->first : NULL;
        while (v && !bytes_equal(s->text, json_text(v, BYTES("name"))))
            v = v->next;
        const struct subject item = subject_item(&stored, s, i);
        if (!v)
            subject_invalid(&item,
                "missing from spec.versions; %.*s was previously a storage version, and must remain in spec.versions "
                "until "
                "a storage migration ensures no data remains persisted in %.*s and removes %.*s from "
                "status.storedVersions",
                BYTES_FMT(s->text), BYTES_FMT(s->text), BYTES_FMT(s->text));
    }
}

static bool is_established(const struct json *definition)
{
    const struct json *list = json_at(definition, BYTES("status"), BYTES("conditions"), BYTES_NONE);
    for (const struct json *c = list ? list->first : NULL; c; c = c->next)
        if (bytes_equal(json_text(c, BYTES("type")), BYTES("Established")))
            return bytes_equal(json_text(c, BYTES("status")), BYTES("True"));
    return false;
}

static void check_same(const struct subject *now, const struct json *before)
{
    bytes was = before && before->type == JSON_STRING ? before->text : BYTES_NONE;
    if (!bytes_equal(subject_text(now), was))
        subject_invalid(now, "field is immutable");
}

static void check_change(const struct subject *spec, const struct json *old)
{
    const struct json *before = json_get(old, BYTES("spec")), *names = json_get(before, BYTES("names"));
    const struct subject now = subject_member(spec, "names");
    if (is_established(old)) {
        check_same(MEMBER(spec, "scope"), json_get(before, BYTES("scope")));
        check_same(MEMBER(&now, "kind"), json_get(names, BYTES("kind")));
    }
    check_same(MEMBER(spec, "group"), json_get(before, BYTES("group")));
    check_same(MEMBER(&now, "plural"), json_get(names, BYTES("plural")));
}

static void check_name(const struct subject *root, const struct subject *spec)
{
    const struct subject metadata = subject_member(root, "metadata"), name = subject_member(&metadata, "name");
    bytes plural = json_text(json_get(spec->value, BYTES("names")), BYTES("plural"));
    bytes wanted =
        arena_join(root->to->check.arena, plural, BYTES("."), json_text(spec->value, BYTES("group")), ARENA_END);
    if (wanted.p && !bytes_equal(wanted, subject_text(&name)))
        subject_invalid(&name, "must be spec.names.plural+\".\"+spec.group");
}

void custom_definition_validate(
    struct arena *arena, const struct json *definition, const struct json *old, struct error *error)
{
    struct definition_check to = {.check = {.arena = arena, .error = error}};
    const struct subject root = {.to = &to, .value = definition, .root = true}, spec = subject_member(&root, "spec"),
                         status = subject_member(&root, "status");
    const struct subject preserve = subject_member(&spec, "preserveUnknownFields");
    if (!old)
        check_name(&root, &spec);
    check_group(MEMBER(&spec, "group"));
    check_scope(MEMBER(&spec, "scope"));
    check_versions(&spec);
    check_names(MEMBER(&spec, "names"), true);
    check_conversion(&spec);
    if (old)
        check_change(&spec, old);
    check_names(MEMBER(&status, "acceptedNames"), false);
    check_stored(&root, json_get(spec.value, BYTES("versions")));
    check_approval(&root, old);
    if (subject_true(&preserve))
        subject_invalid(&preserve,
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead");
    for (const struct finding *f = to.found.first; f; f = f->next)
        error_cause(error, f->reason, f->field, "%.*s", BYTES_FMT(f->message));
}
