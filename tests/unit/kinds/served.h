/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded cases of writes (tests/golden/objects/core-rules.json), made as the server makes them. */
#ifndef COFFER_TESTS_KINDS_SERVED_H
#define COFFER_TESTS_KINDS_SERVED_H

#include "api/patch.h"
#include "kinds/tree.h"
#include "writes.h"

/* p is NULL when the arena is full. */
static inline bytes written(const struct json *value)
{
    struct buffer b;
    buffer_init(&b, &arena);
    json_write(&b, value);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

static inline const struct kind *recorded_kind(bytes path)
{
    size_t first = bytes_find(path, '/'), second = first + 1 + bytes_find(bytes_skip(path, first + 1), '/');
    bool core = second > path.n - 1;
    bytes group = core ? BYTES("") : (bytes){path.p, first};
    bytes version = core ? (bytes){path.p, first} : (bytes){path.p + first + 1, second - first - 1};
    const struct kind *kind =
        kind_by_resource(registry_current(), group, version, bytes_skip(path, (core ? first : second) + 1));
    assert_non_null(kind);
    return kind;
}

static inline bool set_status(const struct kind *kind, struct json *object, const struct json *old)
{
    const struct schema_property *status = schema_property(kind->schema, BYTES("status"));
    const struct json nothing = {.type = JSON_OBJECT};
    struct json *zero;
    if (old)
        return tree_set_copy(&arena, object, "status", json_get(old, BYTES("status")));
    return decode_tree(&arena, status->schema, &nothing, FIELD_VALIDATION_IGNORE, NULL, &zero, &error) == ERR_OK &&
           json_set(object, BYTES("status"), zero);
}

static inline bool carry(
    const struct kind *kind, enum subresource subresource, struct json *object, const struct json *old)
{
    if (!kind_has_status(kind))
        return true;
    if (subresource != SUBRESOURCE_STATUS)
        return set_status(kind, object, old);
    for (const struct json *member = old->first; member; member = member->next)
        if (!bytes_equal(member->key, BYTES("status")) && !bytes_equal(member->key, BYTES("metadata")) &&
            !json_set(object, member->key, json_copy(&arena, member)))
            return false;
    return true;
}

static inline err_t finish(
    const struct kind *kind, enum subresource subresource, struct json *object, const struct json *old)
{
    if (!carry(kind, subresource, object, old))
        return arena_error(&arena, &error);
    TRY(schema_set_defaults(&arena, kind->schema, object, &error));
    if (kind->rules->set_defaults)
        TRY(kind->rules->set_defaults(&arena, kind, object, &error));
    if (kind->rules->prepare)
        TRY(kind->rules->prepare(&arena, kind, subresource, object, old, &error));
    TRY(object_validate(&arena, kind, subresource, object, old, &error));
    warnings = (struct warnings){0};
    if (kind->rules->warn)
        kind->rules->warn(&arena, kind, object, &warnings);
    TRY(object_to_stored(&arena, kind, object, &error));
    TRY(object_from_stored(&arena, kind, object, &error));
    object_arrange(kind, object);
    return arena.failed ? arena_error(&arena, &error) : ERR_OK;
}

static inline err_t create_served(const struct kind *kind, const struct json *body, struct json **ret)
{
    bytes sent = written(body);
    error_init(&error, &arena);
    if (!sent.p)
        return arena_error(&arena, &error);
    TRY(decode_object(&arena, kind, BODY_JSON, sent, FIELD_VALIDATION_IGNORE, &warnings, ret, &error));
    TRY(object_prepare_create(&arena, kind, *ret, kind->namespaced ? BYTES("d") : BYTES(""), &error));
    return finish(kind, SUBRESOURCE_NONE, *ret, NULL);
}

/* SAME stands for the address that the service has. */
static inline bool fill_in(struct json *body, const struct json *old)
{
    static const char *const names[] = {"clusterIP", "clusterIPs"};
    struct json *spec = json_get(body, BYTES("spec"));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal(tree_text(spec, names[i]), BYTES("SAME")) &&
            !tree_set_copy(&arena, spec, names[i], json_get(json_get(old, BYTES("spec")), bytes_of(names[i]))))
            return false;
    return true;
}

static inline err_t update_served(
    const struct kind *kind, const struct json *one, const struct json *old, struct json **ret)
{
    enum subresource subresource = json_get(one, BYTES("subresource")) ? SUBRESOURCE_STATUS : SUBRESOURCE_NONE;
    const struct json *patch = json_get(one, BYTES("patch"));
    struct json *body = json_copy(&arena, json_get(one, BYTES("put")));
    bytes name = json_text(json_get(old, BYTES("metadata")), BYTES("name"));
    if (patch) {
        TRY(patch_merge(&arena, old, patch, &body, &error));
        body = json_copy(&arena, body);
    } else if (!tree_set_text(&arena, tree_member(&arena, body, "metadata", JSON_OBJECT), "name", name) ||
               !fill_in(body, old)) {
        return arena_error(&arena, &error);
    }
    if (!body)
        return arena_error(&arena, &error);
    TRY(decode_patched(&arena, kind, body, FIELD_VALIDATION_IGNORE, &warnings, ret, &error));
    TRY(object_prepare_update(&arena, kind, *ret, old, kind->namespaced ? BYTES("d") : BYTES(""), name, &error));
    return finish(kind, subresource, *ret, old);
}

/* One case: *ret_created is set when the object could be created, *ret is what the last write made. */
static inline err_t serve_case(const struct json *one, struct json **ret_created, struct json **ret)
{
    const struct kind *kind = recorded_kind(tree_text(one, "kind"));
    *ret_created = NULL;
    TRY(create_served(kind, json_get(one, BYTES("body")), ret));
    *ret_created = *ret;
    if (!json_get(one, BYTES("patch")) && !json_get(one, BYTES("put")))
        return ERR_OK;
    return update_served(kind, one, *ret_created, ret);
}

#endif
