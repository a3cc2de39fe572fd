/* SPDX-License-Identifier: Apache-2.0 */
/* SubjectAccessReviews of all three sorts: questions, not objects. What they answer is serve/review.c's. */
#include "kinds/field.h"
#include "kinds/kinds.h"

/* As Go names the members. */
static bytes shown_path(const struct field *attributes)
{
    struct buffer b;
    buffer_init(&b, attributes->check->arena);
    buffer_text(&b, "{\"Path\":");
    json_write_string(&b, field_text(FIELD(attributes, "path")));
    buffer_text(&b, ",\"Verb\":");
    json_write_string(&b, field_text(FIELD(attributes, "verb")));
    buffer_byte(&b, '}');
    return buffer_bytes(&b);
}

/* An operator that is not known yet may be one of a later client; it is left out of what is asked. */
static void check_requirement(const struct field *requirement, bool of_fields)
{
    const struct field *key = FIELD(requirement, "key");
    if (of_fields && !field_text(key).n)
        field_required_because(key, "must be specified");
    (void)check_set_operator(requirement);
    if (of_fields)
        return;
    check_qualified_name(key);
    FIELD_EACH(value, FIELD(requirement, "values"))
    check_label_value(&value);
}

static void check_selector(const struct field *attributes, const char *name, bool of_fields)
{
    const struct field *selector = FIELD(attributes, name), *raw = FIELD(selector, "rawSelector"),
                       *requirements = FIELD(selector, "requirements");
    if (!selector->value)
        return;
    if (field_text(raw).n && field_count(requirements))
        field_invalid(raw, "may not specified at the same time as requirements");
    if (!field_text(raw).n && !field_count(requirements))
        field_required_because(requirements,
            "when spec.resourceAttributes.%s is specified, requirements or rawSelector is required", name);
    FIELD_EACH(requirement, requirements)
    check_requirement(&requirement, of_fields);
}

/* What a client has no say in: all of metadata, but for the namespace of one that is asked in a namespace. */
static void check_metadata(struct check *check, const struct json *metadata, bool local)
{
    const struct field field = field_root(check, "metadata", metadata);
    for (const struct json *m = metadata ? metadata->first : NULL; m; m = m->next) {
        bool own = bytes_equal(m->key, BYTES("managedFields")) || (local && bytes_equal(m->key, BYTES("namespace")));
        if (own || ((m->type == JSON_OBJECT || m->type == JSON_ARRAY) && m->count == 0))
            continue;
        field_invalid(&field, "must be empty%s", local ? " except for namespace" : "");
        return;
    }
}

static void review_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    struct check check = {.arena = arena, .error = error};
    const struct json *metadata = json_get(object, BYTES("metadata"));
    const struct field spec = field_root(&check, "spec", json_get(object, BYTES("spec")));
    const struct field *resource = FIELD(&spec, "resourceAttributes"), *path = FIELD(&spec, "nonResourceAttributes"),
                       *namespace = FIELD(resource, "namespace");
    bool local = kind == &local_subject_access_review_kind, self = kind == &self_subject_access_review_kind;
    (void)subresource, (void)old;
    if (resource->value && path->value)
        field_invalid_as(path, shown_path(path), "cannot be specified in combination with resourceAttributes");
    if (!resource->value && !path->value)
        field_invalid_as(
            resource, BYTES("null"), "exactly one of nonResourceAttributes or resourceAttributes must be specified");
    if (!self && !field_text(FIELD(&spec, "user")).n && !field_count(FIELD(&spec, "groups")))
        field_invalid(FIELD(&spec, "user"), "at least one of user or group must be specified");
    check_selector(resource, "fieldSelector", true);
    check_selector(resource, "labelSelector", false);
    check_metadata(&check, metadata, local);
    if (local && resource->value && !bytes_equal(field_text(namespace), json_text(metadata, BYTES("namespace"))))
        field_invalid(namespace, "must match metadata.namespace");
    if (local && path->value)
        field_invalid_as(path, shown_path(path), "disallowed on this kind of request");
}

const struct kind_rules access_review_rules = {.validate = review_validate};
