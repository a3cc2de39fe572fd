/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that selectors may name: simple paths (.a.b) to strings, booleans and integers that the schema knows. */
#include "api/custom_check.h"

#define FIELDS_MOST 8

/* The schema at a path, NULL after a sentence was said. */
static const struct json *schema_at(const struct subject *path, const struct json *schema)
{
    bytes rest = subject_text(path);
    while (rest.n) {
        if (rest.p[0] == '[') {
            subject_invalid(path, "is an invalid path: array notation is not allowed");
            return NULL;
        }
        if (rest.p[0] != '.') {
            size_t end = 0;
            while (end < rest.n && rest.p[end] != '.' && rest.p[end] != '[')
                end++;
            subject_invalid(
                path, "is an invalid path: expected [ or . but got: %.*s", BYTES_FMT(((bytes){rest.p, end})));
            return NULL;
        }
        rest = bytes_skip(rest, 1);
        size_t n = 0;
        while (n < rest.n && rest.p[n] != '.' && rest.p[n] != '[')
            n++;
        bytes name = {rest.p, n};
        const struct json *values = json_get(schema, BYTES("additionalProperties"));
        schema = json_get(json_get(schema, BYTES("properties")), name);
        if (!schema && values && values->type == JSON_OBJECT)
            schema = values;
        if (!schema || !name.n) {
            subject_invalid(path, "is an invalid path: does not refer to a valid field");
            return NULL;
        }
        rest = bytes_skip(rest, n);
    }
    return schema;
}

static bool is_repeat(const struct subject *fields, const struct json *field)
{
    bytes path = json_text(field, BYTES("jsonPath"));
    for (const struct json *f = fields->value->first; f != field; f = f->next)
        if (bytes_equal(json_text(f, BYTES("jsonPath")), path))
            return true;
    return false;
}

static bool check_field(const struct subject *fields, const struct subject *field, const struct json *schema)
{
    const struct subject path = subject_member(field, "jsonPath");
    struct definition_check *to = fields->to;
    if (!subject_text(&path).n) {
        subject_required(&path, "%s", "");
        return false;
    }
    const struct json *found = schema_at(&path, schema);
    bytes type = json_text(found, BYTES("type"));
    if (!found)
        return false;
    if (bytes_start(subject_text(&path), BYTES(".metadata.")))
        subject_invalid(&path, "must not point to fields in metadata");
    if (!bytes_equal(type, BYTES("string")) && !bytes_equal(type, BYTES("boolean")) &&
        !bytes_equal(type, BYTES("integer")))
        subject_invalid(&path,
            "must point to a field of type string, boolean or integer. Enum string fields and strings "
            "with formats are allowed.");
    if (!is_repeat(fields, field->value))
        return true;
    finding_add(&to->check, &to->found, place_field(&to->check, &path.place), "FieldValueDuplicate",
        "Duplicate value: %.*s", BYTES_FMT(value_text(&to->check, path.value)));
    return false;
}

void custom_check_selectable(const struct subject *fields, const struct json *schema)
{
    struct definition_check *to = fields->to;
    bool far_too_many = fields->value && fields->value->count > 8 * FIELDS_MOST; /* each is compared with each */
    unsigned count = far_too_many ? fields->value->count : 0;
    uint32_t i = 0;
    if (!schema && fields->value && fields->value->count > 0) {
        subject_invalid_as(fields, BYTES("\"\""), "may only be set when validations.schema is included");
        return;
    }
    for (const struct json *f = fields->value && !far_too_many ? fields->value->first : NULL; f; f = f->next, i++) {
        const struct subject field = subject_item(fields, f, i);
        count += check_field(fields, &field, schema);
    }
    if (count > FIELDS_MOST)
        finding_add(&to->check, &to->found, place_field(&to->check, &fields->place), "FieldValueTooMany",
            "Too many: %u: must have at most %d items", count, FIELDS_MOST);
}
