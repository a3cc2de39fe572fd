/* SPDX-License-Identifier: Apache-2.0 */
/* The ServiceAccount `default` of every namespace. */
#include "control/controllers.h"

static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    bytes collection = arena_format(arena, "/api/v1/namespaces/%.*s/serviceaccounts", BYTES_FMT(key));
    bytes path = arena_join(arena, collection, BYTES("/default"), ARENA_END);
    struct json *answer, *account;
    bool active;
    if (!collection.p || !path.p)
        return arena_error(arena, error);
    err_t code = api_get(worker->client, arena, path, &answer, error);
    if (code != ERR_NOT_FOUND)
        return code;
    TRY(worker_namespace_active(worker, arena, key, &active, error));
    if (!active)
        return ERR_OK;
    account = json_new(arena, JSON_OBJECT);
    if (!json_add(json_add(account, BYTES("metadata"), json_new(arena, JSON_OBJECT)), BYTES("name"),
            json_string(arena, BYTES("default"))))
        return arena_error(arena, error);
    code = worker_send(worker, arena, "POST", collection, account, &answer, error);
    return code == ERR_ALREADY_EXISTS ? ERR_OK : code;
}

static const struct collection collections[] = {
    {"", "v1", "namespaces", NULL, true},
    {"", "v1", "serviceaccounts", "fieldSelector=metadata.name%3Ddefault", true},
};

const struct controller service_account_controller = {
    .name = "service-account-controller",
    .collections = collections,
    .collection_count = ARRAY_LEN(collections),
    .changed = namespace_changed,
    .reconcile = reconcile,
};
