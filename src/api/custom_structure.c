/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a schema is structural (KEP-1979's terms): every value has a type outside of allOf, anyOf, oneOf and not, and
 * these hold value validations alone. */
#include "api/custom_check.h"
#include "text/regex.h"

enum level { LEVEL_ROOT, LEVEL_ITEM, LEVEL_FIELD };

static const char *const junctors[] = {"anyOf", "allOf", "oneOf"};

static void check_nested(const struct subject *schema, bool skip_any_of);

static bool is_type(const struct json *schema, const char *type)
{
    return schema && schema->type == JSON_OBJECT && schema->count == 1 &&
           bytes_equal(json_text(schema, BYTES("type")), bytes_of(type));
}

/* anyOf: [{type: integer}, {type: string}], which x-kubernetes-int-or-string may spell out. */
static bool is_int_or_string(const struct json *schema)
{
    const struct json *any = json_get(schema, BYTES("anyOf"));
    return any && any->type == JSON_ARRAY && any->count == 2 && is_type(any->first, "integer") &&
           is_type(any->last, "string");
}

static void check_pattern(const struct subject *pattern)
{
    const struct regex *compiled;
    struct error why;
    struct arena scratch;
    bytes text = subject_text(pattern);
    if (!text.n)
        return;
    arena_init_plain(&scratch, (size_t)64 << 20);
    error_init(&why, pattern->to->check.arena);
    err_t result = regex_compile(&scratch, text, &compiled, &why);
    arena_reset(&scratch);
    if (result == ERR_NO_MEMORY)
        pattern->to->check.arena->failed = result;
    else if (result == ERR_BAD_REQUEST)
        subject_invalid(pattern, "must be a valid regular expression, but isn't: %.*s", BYTES_FMT(why.message));
    else if (result != ERR_OK)
        subject_invalid(pattern, "takes too much memory: %.*s", BYTES_FMT(why.message));
}

static void check_validations(const struct subject *schema, bool skip_any_of, bool skip_all_of)
{
    for (size_t j = 0; j < ARRAY_LEN(junctors); j++) {
        const struct subject list = subject_member(schema, junctors[j]);
        uint32_t i = 0;
        if (!list.value || list.value->type != JSON_ARRAY || (j == 0 && skip_any_of))
            continue;
        for (const struct json *item = list.value->first; item; item = item->next, i++) {
            const struct subject nested = subject_item(&list, item, i);
            check_nested(&nested, j == 1 && i == 0 && skip_all_of);
        }
    }
    if (subject_given(MEMBER(schema, "not")))
        check_nested(MEMBER(schema, "not"), false);
    check_pattern(MEMBER(schema, "pattern"));
}

/* What only structure may say. */
static void check_no_structure(const struct subject *schema)
{
    static const struct {
        const char *keyword, *sentence;
    } keywords[] = {{"type", "must be empty to be structural"},
        {"additionalProperties", "must be undefined to be structural"},
        {"default", "must be undefined to be structural"}, {"title", "must be empty to be structural"},
        {"description", "must be empty to be structural"}, {"nullable", "must be false to be structural"},
        {"x-kubernetes-preserve-unknown-fields", "must be false to be structural"},
        {"x-kubernetes-embedded-resource", "must be false to be structural"},
        {"x-kubernetes-int-or-string", "must be false to be structural"},
        {"x-kubernetes-list-map-keys", "must be empty to be structural"},
        {"x-kubernetes-list-type", "must be undefined to be structural"},
        {"x-kubernetes-map-type", "must be undefined to be structural"},
        {"x-kubernetes-validations", "must be empty to be structural"}};
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        const struct subject keyword = subject_member(schema, keywords[i].keyword);
        if (subject_given(&keyword) && keyword.value->type != JSON_FALSE)
            subject_forbidden(&keyword, "%s", keywords[i].sentence);
    }
    const struct subject properties = subject_member(schema, "properties");
    const struct json *metadata = json_get(properties.value, BYTES("metadata"));
    if (metadata) {
        const struct subject found = subject_key(&properties, metadata);
        subject_forbidden(&found, "must not be specified in a nested context");
    }
}

static void check_nested(const struct subject *schema, bool skip_any_of)
{
    const struct subject properties = subject_member(schema, "properties");
    check_validations(schema, skip_any_of, false);
    if (subject_given(MEMBER(schema, "items")))
        check_nested(MEMBER(schema, "items"), false);
    for (const struct json *p = properties.value ? properties.value->first : NULL; p; p = p->next) {
        const struct subject property = subject_key(&properties, p);
        check_nested(&property, false);
    }
    check_no_structure(schema);
}

/* ---- Structure. */

static void check_type(const struct subject *schema, enum level level)
{
    static const char *const where[] = {[LEVEL_ROOT] = "must not be empty at the root",
        [LEVEL_ITEM] = "must not be empty for specified array items",
        [LEVEL_FIELD] = "must not be empty for specified object fields"};
    const struct subject type = subject_member(schema, "type");
    bool embedded = subject_true(MEMBER(schema, "x-kubernetes-embedded-resource"));
    bool object = bytes_equal(subject_text(&type), BYTES("object")), empty = !subject_text(&type).n;
    if (embedded && empty)
        subject_required(&type, "must be object if x-kubernetes-embedded-resource is true");
    else if (embedded && !object)
        subject_invalid(&type, "must be object if x-kubernetes-embedded-resource is true");
    else if (empty && !subject_true(MEMBER(schema, "x-kubernetes-int-or-string")) &&
             !subject_true(MEMBER(schema, "x-kubernetes-preserve-unknown-fields")))
        subject_required(&type, "%s", where[level]);
    if (level == LEVEL_ROOT && !empty && !object)
        subject_invalid(&type, "must be object at the root");
}

/* Of the root, metadata may be restricted by name alone. */
static bool is_name_alone(const struct json *metadata)
{
    const struct json *properties = json_get(metadata, BYTES("properties"));
    for (const struct json *m = metadata->first; m; m = m->next)
        if (!bytes_equal(m->key, BYTES("type")) && !bytes_equal(m->key, BYTES("default")) &&
            !bytes_equal(m->key, BYTES("properties")))
            return false;
    for (const struct json *p = properties ? properties->first : NULL; p; p = p->next)
        if (!bytes_equal(p->key, BYTES("name")) && !bytes_equal(p->key, BYTES("generateName")))
            return false;
    return true;
}

static void check_metadata(const struct subject *properties, bool is_resource, bool is_root)
{
    static const char *const texts[] = {"kind", "apiVersion"};
    for (size_t i = 0; is_resource && i < ARRAY_LEN(texts); i++) {
        const struct json *p = json_get(properties->value, bytes_of(texts[i]));
        if (p && !bytes_equal(json_text(p, BYTES("type")), BYTES("string"))) {
            const struct subject property = subject_key(properties, p);
            subject_invalid(MEMBER(&property, "type"), "must be string");
        }
    }
    const struct json *metadata = json_get(properties->value, BYTES("metadata"));
    if (!metadata)
        return;
    const struct subject property = subject_key(properties, metadata);
    if (is_resource && !bytes_equal(json_text(metadata, BYTES("type")), BYTES("object")))
        subject_invalid(MEMBER(&property, "type"), "must be object");
    if (is_root && !is_name_alone(metadata))
        subject_forbidden(&property, "must not specify anything other than name and generateName, but metadata is "
                                     "implicitly specified");
}

static void check_extensions(const struct subject *schema, uint32_t property_count)
{
    bool embedded = subject_true(MEMBER(schema, "x-kubernetes-embedded-resource"));
    bool preserving = subject_true(MEMBER(schema, "x-kubernetes-preserve-unknown-fields"));
    bool int_or_string = subject_true(MEMBER(schema, "x-kubernetes-int-or-string"));
    if (int_or_string && preserving)
        subject_invalid(MEMBER(schema, "x-kubernetes-preserve-unknown-fields"),
            "must be false if x-kubernetes-int-or-string is true");
    if (int_or_string && embedded)
        subject_invalid(
            MEMBER(schema, "x-kubernetes-embedded-resource"), "must be false if x-kubernetes-int-or-string is true");
    if (embedded && subject_given(MEMBER(schema, "additionalProperties")))
        subject_forbidden(
            MEMBER(schema, "additionalProperties"), "must not be used if x-kubernetes-embedded-resource is set");
    if (embedded && !preserving && !property_count)
        subject_required(MEMBER(schema, "properties"),
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields");
}

static void check_invariants(const struct subject *schema, enum level level)
{
    const struct subject properties = subject_member(schema, "properties"), items = subject_member(schema, "items"),
                         values = subject_member(schema, "additionalProperties");
    const struct json *all = json_get(schema->value, BYTES("allOf"));
    uint32_t count = subject_given(&properties) ? properties.value->count : 0;
    if (!subject_given(&items) && bytes_equal(subject_text(MEMBER(schema, "type")), BYTES("array")))
        subject_required(&items, "must be specified");
    if (items.value && items.value->type == JSON_OBJECT)
        check_invariants(&items, LEVEL_ITEM);
    for (const struct json *p = count ? properties.value->first : NULL; p; p = p->next) {
        const struct subject property = subject_key(&properties, p);
        check_invariants(&property, LEVEL_FIELD);
    }
    if (level == LEVEL_ROOT && subject_given(&values))
        subject_forbidden(&values, "must not be used at the root");
    if (values.value && values.value->type == JSON_OBJECT)
        check_invariants(&values, LEVEL_FIELD);
    check_validations(schema, is_int_or_string(schema->value),
        all && all->type == JSON_ARRAY && all->count && is_int_or_string(all->first));
    check_type(schema, level);
    check_metadata(&properties, level == LEVEL_ROOT || subject_true(MEMBER(schema, "x-kubernetes-embedded-resource")),
        level == LEVEL_ROOT);
    check_extensions(schema, count);
}

/* ---- What validations of the root speak of must be in its structure. */

static void check_complete(const struct subject *validation, const struct subject *structure, bool nested)
{
    const struct subject properties = subject_member(validation, "properties"),
                         defined = subject_member(structure, "properties"), items = subject_member(validation, "items"),
                         defined_items = subject_member(structure, "items");
    struct definition_check *to = structure->to;
    for (size_t j = 0; j < ARRAY_LEN(junctors) + 1; j++) {
        const struct subject list = subject_member(validation, j < ARRAY_LEN(junctors) ? junctors[j] : "not");
        uint32_t i = 0;
        if (list.value && list.value->type == JSON_OBJECT)
            check_complete(&list, structure, true);
        for (const struct json *n = list.value && list.value->type == JSON_ARRAY ? list.value->first : NULL; n;
             n = n->next, i++) {
            const struct subject item = subject_item(&list, n, i);
            check_complete(&item, structure, true);
        }
    }
    if (nested && subject_given(&items) && !subject_given(&defined_items))
        subject_required(
            &defined_items, "because it is defined in %.*s", BYTES_FMT(place_field(&to->check, &items.place)));
    else if (nested && subject_given(&items))
        check_complete(&items, &defined_items, true);
    for (const struct json *p = nested && properties.value ? properties.value->first : NULL; p; p = p->next) {
        const struct json *q = json_get(defined.value, p->key);
        const struct subject property = subject_key(&properties, p), other = subject_key(&defined, q ? q : p);
        if (q)
            check_complete(&property, &other, true);
        else
            subject_required(
                &other, "because it is defined in %.*s", BYTES_FMT(place_field(&to->check, &property.place)));
    }
}

void custom_check_structure(const struct subject *schema)
{
    check_invariants(schema, LEVEL_ROOT);
    check_complete(schema, schema, false);
}
