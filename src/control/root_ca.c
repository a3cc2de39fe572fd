/* SPDX-License-Identifier: Apache-2.0 */
/* The ConfigMap `kube-root-ca.crt` of every namespace: what clients verify this server by. */
#include "control/controllers.h"

#define NAME        BYTES("kube-root-ca.crt")
#define DESCRIPTION BYTES("kubernetes.io/description")

static const char description[] =
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters.";

static struct json *member(struct arena *arena, struct json *object, bytes name)
{
    struct json *found = json_get(object, name);
    return found && found->type == JSON_OBJECT ? found : json_set(object, name, json_new(arena, JSON_OBJECT));
}

/* data holds nothing but the CA; a description that somebody wrote themselves may stay. */
static bool is_right(const struct json *map, bytes ca)
{
    const struct json *data = json_get(map, BYTES("data"));
    const struct json *annotations = json_at(map, BYTES("metadata"), BYTES("annotations"), BYTES_NONE);
    return data && data->count == 1 && bytes_equal(json_text(data, BYTES("ca.crt")), ca) &&
           json_text(annotations, DESCRIPTION).n > 0;
}

static bool make_right(struct arena *arena, struct json *map, bytes ca)
{
    struct json *data = json_set(map, BYTES("data"), json_new(arena, JSON_OBJECT));
    struct json *metadata = member(arena, map, BYTES("metadata"));
    return json_set(data, BYTES("ca.crt"), json_string(arena, ca)) &&
           json_set(metadata, BYTES("name"), json_string(arena, NAME)) &&
           json_set(
               member(arena, metadata, BYTES("annotations")), DESCRIPTION, json_string(arena, bytes_of(description)));
}

static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    bytes ca = worker->settings->trusted(arena);
    bytes collection = arena_format(arena, "/api/v1/namespaces/%.*s/configmaps", BYTES_FMT(key));
    bytes path = arena_join(arena, collection, BYTES("/"), NAME, ARENA_END);
    struct json *map, *answer;
    bool active;
    if (!ca.p || !collection.p || !path.p)
        return arena_error(arena, error);
    err_t code = api_get(worker->client, arena, path, &map, error);
    if (code != ERR_OK && code != ERR_NOT_FOUND)
        return code;
    if (code == ERR_OK && is_right(map, ca))
        return ERR_OK;
    TRY(worker_namespace_active(worker, arena, key, &active, error));
    if (!active)
        return ERR_OK;
    if (code == ERR_NOT_FOUND)
        map = json_new(arena, JSON_OBJECT);
    if (!make_right(arena, map, ca))
        return arena_error(arena, error);
    if (code == ERR_OK)
        return worker_send(worker, arena, "PUT", path, map, &answer, error);
    code = worker_send(worker, arena, "POST", collection, map, &answer, error);
    return code == ERR_ALREADY_EXISTS ? ERR_CONFLICT : code; /* look again at what somebody made meanwhile */
}

static const struct collection collections[] = {
    {"", "v1", "namespaces", NULL, true},
    {"", "v1", "configmaps", "fieldSelector=metadata.name%3Dkube-root-ca.crt", true},
};

const struct controller root_ca_controller = {
    .name = "root-ca-cert-publisher",
    .collections = collections,
    .collection_count = ARRAY_LEN(collections),
    .changed = namespace_changed,
    .reconcile = reconcile,
};
