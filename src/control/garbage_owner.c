/* SPDX-License-Identifier: Apache-2.0 */
#include "control/garbage_owner.h"

#include "serve/steps.h"

bytes garbage_path(struct arena *arena, const struct kind *kind, bytes key)
{
    bytes namespace, name;

    key_split(key, &namespace, &name);
    return api_kind_path(arena, kind, namespace, name);
}

err_t garbage_read_path(struct worker *worker, struct arena *arena, bytes path, struct json **ret, struct error *error)
{
    struct api_request request = {.method = "GET", .path = path, .accept = metadata_watch};
    err_t code;

    *ret = NULL;
    if (!path.p)
        return arena_error(arena, error);
    code = api_do(worker->client, arena, &request, ret, error);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

err_t garbage_read(struct worker *worker, struct arena *arena, const struct kind *kind, bytes key, struct json **ret,
    struct error *error)
{
    return garbage_read_path(worker, arena, garbage_path(arena, kind, key), ret, error);
}

bool garbage_has_finalizer(const struct json *object, const char *finalizer)
{
    const struct json *finalizers = json_at(object, BYTES("metadata"), BYTES("finalizers"), BYTES_NONE);

    for (const struct json *f = finalizers ? finalizers->first : NULL; f; f = f->next)
        if (bytes_equal(f->text, bytes_of(finalizer)))
            return true;
    return false;
}

/* The kind that a reference names; held. NULL: none that is served. */
static const struct kind *kind_of(const struct json *reference)
{
    bytes version = json_text(reference, BYTES("apiVersion")), group = BYTES("");
    size_t slash = bytes_find(version, '/');
    const struct kind *kind;

    if (slash < version.n) {
        group = (bytes){version.p, slash};
        version = bytes_skip(version, slash + 1);
    }
    kind = kind_by_name(registry_current(), group, version, json_text(reference, BYTES("kind")));
    return kind ? kind_hold(kind) : NULL;
}

static bool blocks(const struct json *reference)
{
    const struct json *block = json_get(reference, BYTES("blockOwnerDeletion"));

    return block && block->type == JSON_TRUE;
}

static err_t look(struct worker *worker, struct arena *arena, bytes path, const struct json *reference,
    enum owner_state *ret, struct error *error)
{
    struct json *owner;
    const struct json *metadata;

    TRY(garbage_read_path(worker, arena, path, &owner, error));
    metadata = json_get(owner, BYTES("metadata"));
    if (!owner || !bytes_equal(json_text(metadata, BYTES("uid")), json_text(reference, BYTES("uid"))))
        *ret = OWNER_GONE;
    else if (json_text(metadata, BYTES("deletionTimestamp")).n > 0 && blocks(reference) &&
             garbage_has_finalizer(owner, FINALIZER_FOREGROUND))
        *ret = OWNER_WAITING;
    else
        *ret = OWNER_SOLID;
    return ERR_OK;
}

err_t garbage_owner_state(struct worker *worker, struct arena *arena, const struct kind *kind,
    const struct json *object, const struct json *reference, enum owner_state *ret, struct error *error)
{
    const struct kind *owner = kind_of(reference);
    bytes namespace = json_text(json_get(object, BYTES("metadata")), BYTES("namespace"));
    err_t code = ERR_OK;

    *ret = OWNER_UNKNOWN;
    /* What has no namespace cannot be owned by what has one. */
    if (owner && (kind->namespaced || !owner->namespaced))
        code = look(worker, arena,
            api_kind_path(
                arena, owner, owner->namespaced ? namespace : BYTES_NONE, json_text(reference, BYTES("name"))),
            reference, ret, error);
    kind_release(owner);
    return code;
}

/* ---- Acting on what was read, and only on that. */

err_t garbage_delete(struct worker *worker, struct arena *arena, bytes path, const struct json *object,
    const char *propagation_policy, struct error *error)
{
    const struct json *metadata = json_get(object, BYTES("metadata"));
    struct json *options = json_new(arena, JSON_OBJECT), *preconditions, *answer;
    err_t code;

    if (!json_add(options, BYTES("propagationPolicy"), json_string(arena, bytes_of(propagation_policy))))
        return arena_error(arena, error);
    preconditions = json_add(options, BYTES("preconditions"), json_new(arena, JSON_OBJECT));
    if (!json_add(preconditions, BYTES("uid"), json_string(arena, json_text(metadata, BYTES("uid")))) ||
        !json_add(
            preconditions, BYTES("resourceVersion"), json_string(arena, json_text(metadata, BYTES("resourceVersion")))))
        return arena_error(arena, error);
    code = worker_send(worker, arena, "DELETE", path, options, &answer, error);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

err_t garbage_set_list(struct worker *worker, struct arena *arena, bytes path, const struct json *object,
    const char *member, struct json *list, struct error *error)
{
    struct json *patch = json_new(arena, JSON_OBJECT), *metadata, *answer;
    struct api_request request = {
        .method = "PATCH", .path = path, .content_type = "application/merge-patch+json", .accept = metadata_watch};
    struct buffer text;
    err_t code;

    metadata = json_add(patch, BYTES("metadata"), json_new(arena, JSON_OBJECT));
    if (!json_add(metadata, BYTES("resourceVersion"),
            json_string(arena, json_text(json_get(object, BYTES("metadata")), BYTES("resourceVersion")))) ||
        !json_add(metadata, bytes_of(member), list->count > 0 ? list : json_new(arena, JSON_NULL)))
        return arena_error(arena, error);
    buffer_init(&text, arena);
    json_write(&text, patch);
    request.body = buffer_bytes(&text);
    if (text.failed)
        return arena_error(arena, error);
    code = api_do(worker->client, arena, &request, &answer, error);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}
