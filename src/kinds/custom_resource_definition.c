/* SPDX-License-Identifier: Apache-2.0 */
/* CustomResourceDefinitions: what is theirs alone; src/api/custom_kind.h checks them and makes kinds of them, and a
 * controller (src/control/definitions.c) says in their status whether these are served. */
#include "api/conditions.h"
#include "api/custom_kind.h"
#include "api/object.h"
#include "base/clock.h"
#include "kinds/kinds.h"
#include "kinds/tree.h"

/* ---- Defaults. */

static bool default_names(struct arena *arena, struct json *names)
{
    bytes kind = tree_text(names, "kind"), list = arena_join(arena, kind, BYTES("List"), ARENA_END);
    uint8_t *lower = arena_alloc(arena, kind.n + 1);
    if (!lower || !list.p)
        return false;
    for (size_t i = 0; i < kind.n; i++)
        lower[i] = kind.p[i] >= 'A' && kind.p[i] <= 'Z' ? kind.p[i] | 0x20 : kind.p[i];
    lower[kind.n] = '\0';
    return !kind.n || (tree_default_text(arena, names, "singular", (const char *)lower) &&
                          tree_default_text(arena, names, "listKind", (const char *)list.p));
}

static err_t set_defaults(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    struct json *spec = tree_at(object, "spec", NULL);
    bool converts = json_get(spec, BYTES("conversion")) != NULL;
    struct json *conversion = tree_member(arena, spec, "conversion", JSON_OBJECT);
    if (!default_names(arena, tree_member(arena, spec, "names", JSON_OBJECT)) || !conversion ||
        (!converts && !tree_set_text(arena, conversion, "strategy", BYTES("None"))))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- What the server owns. */

static const struct json *stored_version(const struct json *object)
{
    const struct json *v = tree_first(tree_at(object, "spec", NULL), "versions");
    while (v && !tree_true(v, "storage"))
        v = v->next;
    return v;
}

/* The version that is stored is among those that have been. */
static bool remember_stored(struct arena *arena, struct json *status, const struct json *version)
{
    struct json *list = json_get(status, BYTES("storedVersions"));
    bytes name = json_text(version, BYTES("name"));
    if (!version)
        return true;
    if (!list || list->type != JSON_ARRAY)
        list = json_set(status, BYTES("storedVersions"), json_new(arena, JSON_ARRAY));
    for (const struct json *v = list ? list->first : NULL; v; v = v->next)
        if (bytes_equal(v->text, name))
            return true;
    return list && json_append(list, json_string(arena, name));
}

/* A new definition has been stored by one version, and nothing else is known of it yet. */
static bool set_birth(struct arena *arena, struct json *object)
{
    struct json *status = json_set(object, BYTES("status"), json_new(arena, JSON_OBJECT));
    struct json *names = json_new(arena, JSON_OBJECT);
    json_add(names, BYTES("plural"), json_string(arena, BYTES("")));
    json_add(names, BYTES("kind"), json_string(arena, BYTES("")));
    return status && json_add(status, BYTES("conditions"), json_new(arena, JSON_NULL)) &&
           json_add(status, BYTES("acceptedNames"), names) &&
           json_add(status, BYTES("storedVersions"), json_new(arena, JSON_NULL));
}

static err_t prepare(struct arena *arena, const struct kind *kind, enum subresource subresource, struct json *object,
    const struct json *old, struct error *error)
{
    if (subresource == SUBRESOURCE_STATUS)
        return ERR_OK;
    if (!old && !set_birth(arena, object))
        return arena_error(arena, error);
    struct json *status = tree_member(arena, object, "status", JSON_OBJECT);
    if (!status || !remember_stored(arena, status, stored_version(object)))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* Its objects go first: the controller lets go of it then. */
static err_t deleting(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    const struct condition pending = {"Terminating", "True", "InstanceDeletionPending",
        BYTES("CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon")};
    struct json *metadata = tree_at(object, "metadata", NULL);
    struct json *finalizers = tree_member(arena, metadata, "finalizers", JSON_ARRAY);
    bool changed = false, held = false;
    for (const struct json *f = finalizers ? finalizers->first : NULL; f; f = f->next)
        held = held || bytes_equal(f->text, BYTES(CUSTOM_FINALIZER));
    if (!finalizers || (!held && !json_append(finalizers, json_string(arena, BYTES(CUSTOM_FINALIZER)))) ||
        !condition_set(
            arena, tree_member(arena, object, "status", JSON_OBJECT), &pending, clock_wall_seconds(), &changed))
        return arena_error(arena, error);
    schema_arrange(kind->schema, object);
    return ERR_OK;
}

/* ---- Checks. */

/* A definition may not take the place of what this server is made of. */
static void check_built_in(const struct json *object, struct error *error)
{
    const struct json *spec = tree_at(object, "spec", NULL);
    bytes group = tree_text(spec, "group"), plural = tree_text(tree_at(spec, "names", NULL), "plural");
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    for (size_t i = 0; i < count; i++)
        if (!kinds[i]->set && bytes_equal(group, bytes_of(kinds[i]->group)) &&
            bytes_equal(plural, bytes_of(kinds[i]->plural))) {
            error_cause(error, "FieldValueForbidden", BYTES("metadata.name"),
                "Forbidden: this resource is built into the server");
            return;
        }
}

static void validate(struct arena *arena, const struct kind *kind, enum subresource subresource,
    const struct json *object, const struct json *old, struct error *error)
{
    (void)kind;
    if (subresource == SUBRESOURCE_STATUS)
        return;
    custom_definition_validate(arena, object, old, error);
    check_built_in(object, error);
}

static void warn(struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    (void)kind;
    custom_definition_warn(arena, object, warnings);
}

static void cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *object, int64_t now)
{
    (void)arena, (void)kind, (void)now;
    buffer_byte(b, ',');
    json_write_string(b, json_text(json_get(object, BYTES("metadata")), BYTES("creationTimestamp")));
}

const struct kind_rules custom_resource_definition_rules = {
    .set_defaults = set_defaults,
    .prepare = prepare,
    .deleting = deleting,
    .validate = validate,
    .warn = warn,
    .cells = cells,
};
