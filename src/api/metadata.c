/* SPDX-License-Identifier: Apache-2.0 */
/* What the server owns in metadata, on create and on update. */
#include "api/object.h"
#include "base/clock.h"
#include "base/random.h"

#define GENERATED_BASE   58
#define GENERATED_SUFFIX 5

static void arrange(const struct kind *kind, struct json *metadata)
{
    if (kind->custom)
        json_sort(metadata);
    else
        schema_arrange(schema_property(kind->schema, BYTES("metadata"))->schema, metadata);
}

/* The object's metadata, made when it is missing. NULL when the arena is full. */
static struct json *metadata_of(struct arena *arena, struct json *object)
{
    struct json *metadata = json_get(object, BYTES("metadata"));
    return metadata ? metadata : json_set(object, BYTES("metadata"), json_new(arena, JSON_OBJECT));
}

static bool set_text(struct arena *arena, struct json *metadata, bytes name, bytes text)
{
    return json_set(metadata, name, json_string(arena, text)) != NULL;
}

bytes object_generate_name(struct arena *arena, bytes base)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    uint8_t suffix[GENERATED_SUFFIX];
    if (base.n > GENERATED_BASE)
        base.n = GENERATED_BASE;
    for (size_t i = 0; i < sizeof(suffix); i++)
        suffix[i] = (uint8_t)alphabet[random_below(sizeof(alphabet) - 1)];
    return arena_join(arena, base, (bytes){suffix, sizeof(suffix)}, ARENA_END);
}

/* Empty is filled in; a cluster-scoped object has none. */
static err_t fit_namespace(struct arena *arena, const struct kind *kind, struct json *metadata, bytes namespace,
    bool update, struct error *error)
{
    bytes given = json_text(metadata, BYTES("namespace"));
    if (!kind->namespaced) {
        json_remove(metadata, BYTES("namespace"));
        return ERR_OK;
    }
    if (bytes_equal(given, namespace))
        return ERR_OK;
    if (given.n && !update)
        return error_set(error, ERR_BAD_REQUEST,
            "the namespace of the provided object does not match the namespace sent on the request");
    if (given.n)
        return error_set(error, ERR_BAD_REQUEST,
            "the namespace of the object (%.*s) does not match the namespace on the request (%.*s)", BYTES_FMT(given),
            BYTES_FMT(namespace));
    return set_text(arena, metadata, BYTES("namespace"), namespace) ? ERR_OK : arena_error(arena, error);
}

static bool set_name(struct arena *arena, struct json *metadata)
{
    bytes base = json_text(metadata, BYTES("generateName"));
    if (json_text(metadata, BYTES("name")).n || !base.n)
        return true;
    bytes name = object_generate_name(arena, base);
    return name.p && set_text(arena, metadata, BYTES("name"), name);
}

static bool set_birth(struct arena *arena, struct json *metadata)
{
    char uid[UUID_SIZE], now[CLOCK_RFC3339_SIZE];
    random_uuid(uid);
    clock_format(clock_wall_seconds(), now);
    bytes uid_text = arena_copy(arena, bytes_of(uid)), now_text = arena_copy(arena, bytes_of(now));
    return uid_text.p && now_text.p && set_text(arena, metadata, BYTES("uid"), uid_text) &&
           set_text(arena, metadata, BYTES("creationTimestamp"), now_text);
}

static void remove_all(struct json *metadata, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        json_remove(metadata, bytes_of(names[i]));
}

err_t object_prepare_create(
    struct arena *arena, const struct kind *kind, struct json *object, bytes namespace, struct error *error)
{
    static const char *const cleared[] = {
        "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "uid", "creationTimestamp"};
    struct json *metadata = metadata_of(arena, object);
    if (!metadata)
        return arena_error(arena, error);
    TRY(fit_namespace(arena, kind, metadata, namespace, false, error));
    remove_all(metadata, cleared, ARRAY_LEN(cleared));
    if (!kind_is_stored(kind)) {
        arrange(kind, metadata);
        return ERR_OK;
    }
    if (json_get(metadata, BYTES("resourceVersion")))
        return error_set(error, ERR_BAD_REQUEST, "resourceVersion should not be set on objects to be created");
    if (!set_name(arena, metadata) || !set_birth(arena, metadata))
        return arena_error(arena, error);
    arrange(kind, metadata);
    return ERR_OK;
}

/* ---- Update */

err_t object_fit_name(const struct json *object, bytes name, struct error *error)
{
    const struct json *metadata = json_get(object, BYTES("metadata"));
    bytes given = json_text(metadata, BYTES("name"));
    if (!given.n)
        return error_set(error, ERR_BAD_REQUEST,
            "the name of the object (%.*s based on URL) was undeterminable: name must be provided", BYTES_FMT(name));
    if (!bytes_equal(given, name))
        return error_set(error, ERR_BAD_REQUEST,
            "the name of the object (%.*s) does not match the name on the URL (%.*s)", BYTES_FMT(given),
            BYTES_FMT(name));
    return ERR_OK;
}

err_t object_fit_precondition(struct arena *arena, const struct kind *kind, bytes namespace, bytes name,
    const char *what, bytes given, bytes found, struct error *error)
{
    if (!given.n || bytes_equal(given, found))
        return ERR_OK;
    bytes resource = kind_qualified_resource(arena, kind);
    bytes key = kind->namespaced ? arena_join(arena, namespace, BYTES("/"), name, ARENA_END) : name;
    bytes path = kind_storage_path(arena, kind, key);
    if (!resource.p || !key.p || !path.p)
        return arena_error(arena, error);
    return error_set(error, ERR_CONFLICT,
        "Operation cannot be fulfilled on %.*s \"%.*s\": StorageError: invalid object, Code: 4, Key: %.*s, "
        "ResourceVersion: 0, "
        "AdditionalErrorMsg: Precondition failed: %s in precondition: %.*s, %s in object meta: %.*s",
        BYTES_FMT(resource), BYTES_FMT(name), BYTES_FMT(path), what, BYTES_FMT(given), what, BYTES_FMT(found));
}

err_t object_prepare_update(struct arena *arena, const struct kind *kind, struct json *object, const struct json *old,
    bytes namespace, bytes name, struct error *error)
{
    static const char *const cleared[] = {"selfLink", "resourceVersion"};
    static const struct {
        const char *name;
        bool always; /* else where the client left it out: what differs is refused by object_validate */
    } carried[] = {{"uid", false}, {"generation", true}, {"creationTimestamp", false}, {"deletionTimestamp", true},
        {"deletionGracePeriodSeconds", false}};
    struct json *metadata = metadata_of(arena, object);
    const struct json *old_metadata = json_get(old, BYTES("metadata"));
    if (!metadata)
        return arena_error(arena, error);
    TRY(object_fit_name(object, name, error));
    TRY(fit_namespace(arena, kind, metadata, namespace, true, error));
    remove_all(metadata, cleared, ARRAY_LEN(cleared));
    for (size_t i = 0; i < ARRAY_LEN(carried); i++) {
        bytes member = bytes_of(carried[i].name);
        const struct json *value = json_get(old_metadata, member);
        if (bytes_equal(member, BYTES("generation")))
            json_remove(metadata, member);
        if (value && (carried[i].always || !json_get(metadata, member)) &&
            !json_set(metadata, member, json_copy(arena, value)))
            return arena_error(arena, error);
    }
    arrange(kind, metadata);
    return ERR_OK;
}
