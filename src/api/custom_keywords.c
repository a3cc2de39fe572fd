/* SPDX-License-Identifier: Apache-2.0 */
/* Keywords of schemas that are not supported, or that do not go together. */
#include "api/custom_check.h"

/* Where in an object the walk is: what is inside of metadata may not have defaults everywhere. */
struct inside {
    bool meta;               /* of apiVersion, kind or metadata */
    const char *no_defaults; /* why there may be none; NULL: there may */
    const char *no_defaults_of;
};

static void check_schema(const struct subject *schema, struct inside inside, bool root);

static bool has_text(const struct subject *s, const char *text)
{
    return bytes_equal(subject_text(s), bytes_of(text));
}

/* An empty map or list says nothing, as upstream's types have it. */
static bool has_children(const struct subject *s)
{
    return s->value && (s->value->type == JSON_OBJECT || s->value->type == JSON_ARRAY) && s->value->count > 0;
}

static void check_supported(const struct subject *schema, struct inside inside)
{
    static const char *const types[] = {"array", "boolean", "integer", "number", "object", "string"};
    static const struct {
        const char *keyword;
        bool filled; /* an empty one is none */
    } refused[] = {{"id", true}, {"additionalItems", false}, {"patternProperties", true}, {"definitions", true},
        {"dependencies", false}, {"$ref", false}};
    const struct subject type = subject_member(schema, "type"), items = subject_member(schema, "items");
    bool known = !subject_text(&type).n;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        known = known || has_text(&type, types[i]);
    if (!known)
        subject_unsupported(&type, "\"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"");
    if (inside.no_defaults && subject_given(MEMBER(schema, "default")))
        subject_forbidden(MEMBER(schema, "default"), "must not be set %s%s", inside.no_defaults, inside.no_defaults_of);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        const struct subject keyword = subject_member(schema, refused[i].keyword);
        if (subject_given(&keyword) && (!refused[i].filled || has_children(&keyword) || subject_text(&keyword).n))
            subject_forbidden(&keyword, "%s is not supported", refused[i].keyword);
    }
    schema->to->names_dialect |= subject_text(MEMBER(schema, "$schema")).n > 0;
    if (has_text(&type, "null"))
        subject_forbidden(&type, "type cannot be set to null, use nullable as an alternative");
    if (items.value && items.value->type == JSON_ARRAY)
        subject_forbidden(&items, "items must be a schema object and not an array");
    if (inside.meta && subject_true(MEMBER(schema, "x-kubernetes-embedded-resource")))
        subject_forbidden(MEMBER(schema, "x-kubernetes-embedded-resource"), "must not be used inside of resource meta");
    if (subject_true(MEMBER(schema, "uniqueItems")))
        subject_forbidden(MEMBER(schema, "uniqueItems"),
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic");
}

/* ---- Extensions. */

/* `extension` asks for a type. */
static void want_type(const struct subject *schema, const char *type, const char *extension)
{
    const struct subject given = subject_member(schema, "type");
    if (!subject_given(MEMBER(schema, extension)) || has_text(&given, type))
        return;
    if (!subject_text(&given).n)
        subject_required(&given, "must be %s if %s is specified", type, extension);
    else
        subject_invalid(&given, "must be %s if %s is specified", type, extension);
}

#define KEYS_MOST 64 /* ours: each is compared with each */

/* Items of a set are compared whole. */
static void check_set(const struct subject *items)
{
    static const char sentence[] = "must be atomic as item of a list with x-kubernetes-list-type=set";
    const struct subject list = subject_member(items, "x-kubernetes-list-type"),
                         map = subject_member(items, "x-kubernetes-map-type"), type = subject_member(items, "type");
    if (has_text(&type, "array") && subject_given(&list) && !has_text(&list, "atomic"))
        subject_invalid(&list, "%s", sentence);
    if (has_text(&type, "object") && !has_text(&map, "atomic"))
        subject_invalid_as(
            &map, subject_given(&list) ? value_text(&list.to->check, list.value) : BYTES("null"), "%s", sentence);
}

static bool is_required(const struct subject *schema, bytes name)
{
    const struct subject list = subject_member(schema, "required");
    for (const struct json *item = has_children(&list) ? list.value->first : NULL; item; item = item->next)
        if (item->type == JSON_STRING && bytes_equal(item->text, name))
            return true;
    return false;
}

static void check_map_key(const struct subject *keys, const struct json *key, const struct subject *items)
{
    const struct subject properties = subject_member(items, "properties");
    const struct json *named = json_get(properties.value, key->text);
    for (const struct json *other = keys->value->first; other != key; other = other->next)
        if (bytes_equal(other->text, key->text))
            subject_invalid(keys, "must not contain duplicate entries");
    if (!named) {
        subject_invalid(keys, "entries must all be names of item properties");
        return;
    }
    const struct subject property = subject_key(&properties, named);
    const struct subject type = subject_member(&property, "type");
    if (has_text(&type, "array") || has_text(&type, "object"))
        subject_invalid_as(
            &type, BYTES("\"object\""), "must be a scalar type if parent array's x-kubernetes-list-type is map");
    if (!is_required(items, key->text) && !subject_given(MEMBER(&property, "default")))
        subject_required(MEMBER(&property, "default"),
            "this property is in x-kubernetes-list-map-keys, so it must have "
            "a default or be a required property");
    if (subject_true(MEMBER(&property, "nullable")))
        subject_forbidden(
            MEMBER(&property, "nullable"), "this property is in x-kubernetes-list-map-keys, so it cannot be nullable");
}

static void check_map(const struct subject *schema, const struct subject *items)
{
    const struct subject keys = subject_member(schema, "x-kubernetes-list-map-keys");
    if (!has_children(&keys))
        subject_required(&keys, "must not be empty if x-kubernetes-list-type is map");
    if (!subject_given(items))
        subject_required(items, "must have a schema if x-kubernetes-list-type is map");
    else if (items->value->type != JSON_OBJECT)
        subject_invalid(items, "must only have a single schema if x-kubernetes-list-type is map");
    else if (!has_text(MEMBER(items, "type"), "object"))
        subject_invalid(MEMBER(items, "type"), "must be object if parent array's x-kubernetes-list-type is map");
    else if (has_children(&keys) && keys.value->count > KEYS_MOST)
        subject_invalid_as(&keys, BYTES("\"...\""), "must have at most %d entries", KEYS_MOST);
    else
        for (const struct json *key = has_children(&keys) ? keys.value->first : NULL; key; key = key->next)
            check_map_key(&keys, key, items);
}

static void check_list_type(const struct subject *schema)
{
    const struct subject type = subject_member(schema, "x-kubernetes-list-type"),
                         keys = subject_member(schema, "x-kubernetes-list-map-keys"),
                         items = subject_member(schema, "items");
    bool set = has_text(&type, "set"), map = has_text(&type, "map");
    want_type(schema, "array", "x-kubernetes-list-type");
    if (set && has_text(MEMBER(schema, "type"), "array") && subject_given(&items))
        check_set(&items);
    if (subject_given(&type) && !set && !map && !has_text(&type, "atomic"))
        subject_unsupported(&type, "\"atomic\", \"set\", \"map\"");
    if (has_children(&keys) && !subject_given(&type))
        subject_required(&type, "must be map if x-kubernetes-list-map-keys is non-empty");
    else if (has_children(&keys) && !map)
        subject_invalid(&type, "must be map if x-kubernetes-list-map-keys is non-empty");
    if (map)
        check_map(schema, &items);
    if ((set || map) && subject_true(MEMBER(&items, "nullable")))
        subject_forbidden(MEMBER(&items, "nullable"), "cannot be nullable when x-kubernetes-list-type is %.*s",
            BYTES_FMT(subject_text(&type)));
}

static void check_extensions(const struct subject *schema)
{
    const struct subject map = subject_member(schema, "x-kubernetes-map-type"),
                         preserve = subject_member(schema, "x-kubernetes-preserve-unknown-fields");
    if (preserve.value && preserve.value->type == JSON_FALSE)
        subject_invalid(&preserve, "must be true or undefined");
    want_type(schema, "object", "x-kubernetes-map-type");
    if (subject_given(&map) && !has_text(&map, "atomic") && !has_text(&map, "granular"))
        subject_unsupported(&map, "\"atomic\", \"granular\"");
    check_list_type(schema);
}

/* ---- Rules in CEL are kept: their frame is checked, what they say is not. */

static bytes trimmed(bytes text)
{
    while (text.n && (text.p[0] == ' ' || (text.p[0] >= '\t' && text.p[0] <= '\r')))
        text = bytes_skip(text, 1);
    while (text.n && (text.p[text.n - 1] == ' ' || (text.p[text.n - 1] >= '\t' && text.p[text.n - 1] <= '\r')))
        text.n--;
    return text;
}

static bool has_break(bytes text)
{
    return bytes_find(text, '\n') < text.n || bytes_find(text, '\r') < text.n;
}

static void check_rule(const struct subject *rule)
{
    const struct subject text = subject_member(rule, "rule"), message = subject_member(rule, "message"),
                         expression = subject_member(rule, "messageExpression"),
                         reason = subject_member(rule, "reason"), path = subject_member(rule, "fieldPath");
    bytes said = trimmed(subject_text(&message));
    if (!trimmed(subject_text(&text)).n)
        subject_required(&text, "rule is not specified");
    else if (subject_text(&message).n && !said.n)
        subject_invalid(&message, "must be non-empty if specified");
    else if (has_break(said))
        subject_invalid(&message, "must not contain line breaks");
    else if (has_break(trimmed(subject_text(&text))) && !said.n)
        subject_required(&message, "message must be specified if rule contains line breaks");
    if (subject_text(&expression).n && !trimmed(subject_text(&expression)).n)
        subject_required(&expression, "messageExpression must be non-empty if specified");
    if (subject_given(&reason) && !has_text(&reason, "FieldValueRequired") &&
        !has_text(&reason, "FieldValueForbidden") && !has_text(&reason, "FieldValueInvalid") &&
        !has_text(&reason, "FieldValueDuplicate"))
        subject_unsupported(
            &reason, "\"FieldValueDuplicate\", \"FieldValueForbidden\", \"FieldValueInvalid\", \"FieldValueRequired\"");
    if (subject_text(&path).n && !trimmed(subject_text(&path)).n)
        subject_invalid(&path, "must be non-empty if specified");
    if (has_break(subject_text(&path)))
        subject_invalid(&path, "must not contain line breaks");
    if (subject_text(&path).n && subject_text(&path).p[0] != '.' && subject_text(&path).p[0] != '[')
        subject_invalid(&path, "must be a valid path");
}

/* ---- The walk. */

static void check_properties(const struct subject *schema, struct inside inside, bool root)
{
    const struct subject properties = subject_member(schema, "properties");
    bool resource = root || subject_true(MEMBER(schema, "x-kubernetes-embedded-resource"));
    for (const struct json *p = has_children(&properties) ? properties.value->first : NULL; p; p = p->next) {
        const struct subject property = subject_key(&properties, p);
        struct inside below = inside;
        static const char *const names[] = {"metadata", "kind", "apiVersion"};
        for (size_t i = 0; resource && i < ARRAY_LEN(names); i++) {
            if (!bytes_equal(p->key, bytes_of(names[i])))
                continue;
            below.meta = true;
            if (root)
                below.no_defaults = "in top-level ", below.no_defaults_of = names[i];
        }
        check_schema(&property, below, false);
    }
}

static void check_values(const struct subject *schema, struct inside inside)
{
    const struct subject values = subject_member(schema, "additionalProperties");
    if (!subject_given(&values))
        return;
    if (has_children(MEMBER(schema, "properties")) && values.value->type != JSON_TRUE)
        subject_forbidden(&values, "additionalProperties and properties are mutual exclusive");
    if (inside.meta)
        inside.no_defaults = "inside additionalProperties applying to object metadata", inside.no_defaults_of = "";
    if (values.value->type == JSON_OBJECT)
        check_schema(&values, inside, false);
}

static void check_alternatives(const struct subject *schema, struct inside inside)
{
    static const char *const junctors[] = {"allOf", "oneOf", "anyOf"};
    if (subject_given(MEMBER(schema, "not")))
        check_schema(MEMBER(schema, "not"), inside, false);
    for (size_t j = 0; j < ARRAY_LEN(junctors); j++) {
        const struct subject list = subject_member(schema, junctors[j]);
        uint32_t i = 0;
        for (const struct json *n = has_children(&list) ? list.value->first : NULL; n; n = n->next, i++) {
            const struct subject item = subject_item(&list, n, i);
            check_schema(&item, inside, false);
        }
    }
}

static void check_schema(const struct subject *schema, struct inside inside, bool root)
{
    const struct subject items = subject_member(schema, "items"),
                         rules = subject_member(schema, "x-kubernetes-validations");
    uint32_t i = 0;
    check_supported(schema, inside);
    check_values(schema, inside);
    check_properties(schema, inside, root);
    check_alternatives(schema, inside);
    if (items.value && items.value->type == JSON_OBJECT)
        check_schema(&items, inside, false);
    check_extensions(schema);
    for (const struct json *n = has_children(&rules) ? rules.value->first : NULL; n; n = n->next, i++) {
        const struct subject rule = subject_item(&rules, n, i);
        check_rule(&rule);
    }
}

void custom_check_keywords(const struct subject *schema)
{
    check_schema(schema, (struct inside){0}, true);
}
