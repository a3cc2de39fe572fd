/* SPDX-License-Identifier: Apache-2.0 */
/* Defaults must be values that their schema takes: nothing in them is pruned, and they are valid. */
#include "api/custom_check.h"

#define SCRATCH_MOST ((size_t)64 << 20)

static void check_schema(const struct subject *schema, bool resource, bool meta);

/* A default of apiVersion, kind or of metadata is that of an object that has nothing else. */
static const struct json *surrounded(struct arena *arena, const struct place *at, const struct json *value)
{
    struct json *object = json_new(arena, JSON_OBJECT);
    struct json *copy = json_copy(arena, value);
    bool kind = bytes_equal(at->name, BYTES("kind")), version = bytes_equal(at->name, BYTES("apiVersion"));
    if (!kind && !version)
        return NULL; /* within metadata: decoding tells */
    json_add(object, BYTES("apiVersion"), version ? copy : json_string(arena, BYTES("validation/v1")));
    return json_add(object, BYTES("kind"), kind ? copy : json_string(arena, BYTES("Validation"))) ? object : NULL;
}

static void check_meta(const struct subject *property, const struct subject *given)
{
    static const struct schema embedded = {.type = SCHEMA_OBJECT, .custom = true, .embedded_resource = true};
    struct check *c = &given->to->check, inner = {.arena = c->arena, .error = c->error};
    const struct json *object = surrounded(c->arena, &property->place, given->value);
    struct findings found = {0};
    if (!object)
        return;
    check_embedded(&inner, &found, &embedded, object, NULL);
    if (found.first)
        subject_invalid(given, "must result in valid metadata: %.*s: %.*s", BYTES_FMT(found.first->field),
            BYTES_FMT(found.first->message));
}

/* The findings lie below the default. */
static void validate(const struct subject *given, const struct schema *compiled, const struct json *value)
{
    struct check *c = &given->to->check;
    struct check inner = {.arena = c->arena, .error = c->error, .prefix = place_field(c, &given->place)};
    struct findings embedded = {0}, found;
    check_embedded(&inner, &embedded, compiled, value, NULL);
    findings_take(c, &given->to->found, &embedded);
    if (embedded.count)
        return;
    found = check_value(&inner, compiled, value, NULL, NULL);
    findings_take(c, &given->to->found, &found);
}

static void check_default(const struct subject *schema, const struct subject *given, bool meta)
{
    struct check *c = &given->to->check;
    const struct schema *compiled;
    struct arena scratch;
    struct json *pruned, *whole;
    struct error why;
    arena_init_plain(&scratch, SCRATCH_MOST);
    error_init(&why, c->arena);
    err_t result = custom_schema_compile_part(&scratch, schema->value, &compiled, &why);
    if (result == ERR_OK)
        result = decode_tree(c->arena, &custom_any, given->value, FIELD_VALIDATION_IGNORE, NULL, &whole, &why);
    if (result == ERR_OK)
        result = decode_tree(c->arena, compiled, whole, FIELD_VALIDATION_IGNORE, NULL, &pruned, &why);
    if (result == ERR_NO_MEMORY)
        c->arena->failed = result;
    else if (result != ERR_OK)
        subject_invalid(given, "%.*s", BYTES_FMT(why.message));
    else if (meta)
        check_meta(schema, given);
    else if (!json_equal(pruned, whole))
        subject_invalid(given, "must not have unknown fields");
    if (result == ERR_OK)
        validate(given, compiled, whole);
    arena_reset(&scratch);
}

static void check_schema(const struct subject *schema, bool resource, bool meta)
{
    const struct subject given = subject_member(schema, "default"), items = subject_member(schema, "items"),
                         properties = subject_member(schema, "properties");
    if (subject_true(MEMBER(schema, "x-kubernetes-embedded-resource")))
        resource = true, meta = false;
    if (subject_given(&given))
        check_default(schema, &given, meta);
    if (items.value && items.value->type == JSON_OBJECT)
        check_schema(&items, false, meta);
    for (const struct json *p = subject_given(&properties) ? properties.value->first : NULL; p; p = p->next) {
        const struct subject property = subject_key(&properties, p);
        bool below = resource && (bytes_equal(p->key, BYTES("metadata")) || bytes_equal(p->key, BYTES("kind")) ||
                                     bytes_equal(p->key, BYTES("apiVersion")));
        check_schema(&property, false, meta || below);
    }
}

void custom_check_defaults(const struct subject *schema)
{
    check_schema(schema, true, false);
}
