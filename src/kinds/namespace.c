/* SPDX-License-Identifier: Apache-2.0 */
#include "api/object.h"
#include "api/schemas.h"
#include "kinds/kinds.h"

#define NAME_LABEL "kubernetes.io/metadata.name"

/* A member, made when it is missing. NULL when the arena is full. */
static struct json *member_of(struct arena *arena, struct json *object, bytes name, enum json_type type)
{
    struct json *member = json_get(object, name);
    return member ? member : json_set(object, name, json_new(arena, type));
}

static bool set_label(struct arena *arena, struct json *object)
{
    struct json *metadata = json_get(object, BYTES("metadata"));
    struct json *labels = member_of(arena, metadata, BYTES("labels"), JSON_OBJECT);
    return json_set(labels, BYTES(NAME_LABEL), json_string(arena, json_text(metadata, BYTES("name")))) != NULL;
}

/* What a new namespace is: held by the namespace controller, and active. */
static bool set_birth(struct arena *arena, struct json *object)
{
    struct json *spec = member_of(arena, object, BYTES("spec"), JSON_OBJECT);
    struct json *status = json_set(object, BYTES("status"), json_new(arena, JSON_OBJECT));
    if (!spec || !json_set(status, BYTES("phase"), json_string(arena, BYTES("Active"))))
        return false;
    struct json *finalizers = member_of(arena, spec, BYTES("finalizers"), JSON_ARRAY);
    if (!finalizers)
        return false;
    for (const struct json *f = finalizers->first; f; f = f->next)
        if (bytes_equal(f->text, BYTES("kubernetes")))
            return true;
    return json_append(finalizers, json_string(arena, BYTES("kubernetes"))) != NULL;
}

/* spec.finalizers change through the subresource finalize alone. */
static bool carry_spec(struct arena *arena, struct json *object, const struct json *old)
{
    const struct json *spec = json_get(old, BYTES("spec"));
    return !spec || json_set(object, BYTES("spec"), json_copy(arena, spec));
}

static err_t namespace_prepare(struct arena *arena, const struct kind *kind, enum subresource subresource,
    struct json *object, const struct json *old, struct error *error)
{
    (void)kind;
    if (!(old ? subresource == SUBRESOURCE_FINALIZE || carry_spec(arena, object, old) : set_birth(arena, object)))
        return arena_error(arena, error);
    schema_arrange(&schema_namespace, object);
    return ERR_OK;
}

static err_t namespace_set_defaults(
    struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    (void)kind;
    if (!set_label(arena, object))
        return arena_error(arena, error);
    schema_arrange(&schema_namespace, object);
    return ERR_OK;
}

/* Its contents go first. */
static bool namespace_is_held(const struct json *object)
{
    const struct json *finalizers = json_at(object, BYTES("spec"), BYTES("finalizers"), BYTES_NONE);
    return finalizers && finalizers->count > 0;
}

const struct kind_rules namespace_rules = {
    .set_defaults = namespace_set_defaults,
    .prepare = namespace_prepare,
    .is_held = namespace_is_held,
    .validate_name = validate_dns1123_label,
};
