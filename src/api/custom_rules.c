/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of all custom resources: their schema says the rest. */
#include "api/custom_schema.h"
#include "api/object.h"
#include "api/schema_check.h"
#include "text/utf8.h"

/* ---- Between versions. */

/* Conversion strategy None: apiVersion differs, and what the stored version does not know is not stored. */
static err_t custom_to_stored(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    const struct kind *stored = kind_stored(kind);
    struct warnings none = {0};
    struct json *fitted = object;
    bytes version = kind_api_version(arena, stored);
    if (stored->schema != kind->schema)
        TRY(decode_tree(arena, stored->schema, object, FIELD_VALIDATION_IGNORE, &none, &fitted, error));
    if (!version.p || !json_set(fitted, BYTES("apiVersion"), json_string(arena, version)))
        return arena_error(arena, error);
    *object = *fitted;
    return ERR_OK;
}

/* ---- Validation. */

static const char *json_kind(const struct json *value)
{
    static const char *const names[] = {[JSON_NULL] = "<nil>",
        [JSON_FALSE] = "bool",
        [JSON_TRUE] = "bool",
        [JSON_NUMBER] = "float64",
        [JSON_STRING] = "string",
        [JSON_ARRAY] = "[]interface {}",
        [JSON_OBJECT] = "map[string]interface {}"};
    return names[value->type];
}

/* Along ".spec.replicas"; NULL when absent, and *ret_wrong what stands in the way. */
static const struct json *at_path(const struct json *object, const char *path, bytes *ret_seen)
{
    bytes rest = bytes_of(path);
    const struct json *value = object;
    while (value && rest.n) {
        rest = bytes_skip(rest, 1); /* the dot */
        size_t n = bytes_find(rest, '.');
        *ret_seen = (bytes){(const uint8_t *)path, (size_t)(rest.p - (const uint8_t *)path) + n};
        if (value->type != JSON_OBJECT)
            return value;
        value = json_get(value, (bytes){rest.p, n});
        rest = bytes_skip(rest, n);
    }
    return value;
}

static void check_replicas(const struct json *object, const char *path, struct error *error)
{
    bytes seen = BYTES_NONE;
    int64_t replicas;
    const struct json *value = at_path(object, path, &seen);
    if (!value)
        return;
    if (value->type != JSON_NUMBER || !json_to_int64(value, &replicas))
        error_cause(error, "FieldValueInvalid", bytes_of(path),
            "Invalid value: 0: %.*s accessor error: %s is of the type %s, expected int64", BYTES_FMT(seen),
            value->type == JSON_NUMBER || value->type == JSON_STRING ? "the value" : "it", json_kind(value));
    else if (replicas < 0)
        error_cause(error, "FieldValueInvalid", bytes_of(path), "Invalid value: %lld: should be a non-negative integer",
            (long long)replicas);
    else if (replicas > INT32_MAX)
        error_cause(error, "FieldValueInvalid", bytes_of(path),
            "Invalid value: %lld: should be less than or equal to 2147483647", (long long)replicas);
}

static void check_label_selector(const struct json *object, const char *path, struct error *error)
{
    bytes seen = BYTES_NONE;
    const struct json *value = path ? at_path(object, path, &seen) : NULL;
    if (value && value->type != JSON_STRING)
        error_cause(error, "FieldValueInvalid", bytes_of(path),
            "Invalid value: \"\": %.*s accessor error: it is of the type %s, expected string", BYTES_FMT(seen),
            json_kind(value));
}

/* The status subresource shows and changes status alone: only that is checked. */
static void custom_validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    bool status = subresource == SUBRESOURCE_STATUS;
    const struct schema *schema = kind->schema;
    const struct json *value = object, *before = old;
    if (status) {
        const struct schema_property *p = schema_property(schema, BYTES("status"));
        schema = p ? p->schema : NULL;
        value = json_get(object, BYTES("status"));
        before = json_get(old, BYTES("status"));
    }
    if (schema && value &&
        schema_validate(arena, schema, value, before, old != NULL, status ? BYTES("status") : BYTES(""), error) !=
            ERR_OK)
        return; /* the arena is full, as object_validate sees */
    if (!kind->scale)
        return;
    if (!status)
        check_replicas(object, kind->scale->spec_replicas, error);
    check_replicas(object, kind->scale->status_replicas, error);
    check_label_selector(object, kind->scale->label_selector, error);
}

/* ---- Warnings. */

static bool is_standard(bytes finalizer)
{
    return bytes_equal(finalizer, BYTES("orphan")) || bytes_equal(finalizer, BYTES("foregroundDeletion")) ||
           bytes_equal(finalizer, BYTES("kubernetes"));
}

static void custom_warn(
    struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    const struct json *list = json_at(object, BYTES("metadata"), BYTES("finalizers"), BYTES_NONE);
    (void)kind;
    for (const struct json *f = list ? list->first : NULL; f; f = f->next) {
        if (bytes_find(f->text, '/') < f->text.n || is_standard(f->text))
            continue;
        bytes quoted = utf8_quote(arena, f->text);
        bytes sentence = arena_join(arena, BYTES("metadata.finalizers: "), quoted,
            BYTES(": prefer a domain-qualified finalizer name "),
            bytes_find(f->text, '.') < f->text.n ? BYTES("including a path (/) ") : BYTES(""),
            BYTES("to avoid accidental conflicts with other finalizer writers"), ARENA_END);
        if (quoted.p && sentence.p)
            warning_add(arena, warnings, sentence);
    }
}

const struct kind_rules custom_rules = {
    .validate = custom_validate,
    .warn = custom_warn,
    .to_stored = custom_to_stored,
};
