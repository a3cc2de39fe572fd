/* SPDX-License-Identifier: Apache-2.0 */
/* status of ResourceQuotas: how many objects there are of what they count. What they count is watched in their
 * namespaces alone, so that without quotas nothing is. */
#include "control/controllers.h"
#include "control/quota_counts.h"

#define GATHER_MS   50 /* what changes together is counted once */
#define PAGE        500
#define PAGE_MEMORY ((size_t)64 << 20)

static err_t count(struct worker *worker, struct arena *arena, struct quota_count what, bytes namespace, uint64_t *ret,
    struct error *error)
{
    struct api_list list = {
        .path = api_kind_path(arena, what.kind, namespace, BYTES_NONE), .accept = metadata_list, .limit = PAGE};
    struct arena page;
    struct json *items;
    uint64_t found = 0;
    err_t code;
    if (list.path.p && what.alive_only)
        list.path =
            api_path_query(arena, list.path, "fieldSelector", BYTES("status.phase!=Succeeded,status.phase!=Failed"));
    if (!list.path.p)
        return arena_error(arena, error);
    arena_init(&page, PAGE_MEMORY);
    do {
        arena_reset(&page);
        code = api_list_next(worker->client, &page, &list, &items, error);
        found += code == ERR_OK && items ? items->count : 0;
    } while (code == ERR_OK && items);
    arena_reset(&page);
    *ret = found;
    return code;
}

/* spec.hard's names that count objects, each with how many there are; *ret_complete: all were such. */
static err_t use(struct worker *worker, struct arena *arena, const struct json *hard, bytes namespace,
    struct json *used, struct error *error)
{
    for (const struct json *one = hard->first; one; one = one->next) {
        struct quota_count what = quota_count_find(registry_current(), one->key);
        uint64_t found;
        if (!what.kind)
            continue;
        if (!worker_watch(worker, what.kind, namespace, true))
            return error_set(error, ERR_NO_MEMORY, "no memory to watch what a quota counts");
        TRY(count(worker, arena, what, namespace, &found, error));
        if (!json_add(used, one->key, json_string(arena, arena_format(arena, "%llu", (unsigned long long)found))))
            return arena_error(arena, error);
    }
    return ERR_OK;
}

static bool is_scoped(const struct json *spec)
{
    const struct json *scopes = json_get(spec, BYTES("scopes"));
    return (scopes && scopes->count > 0) || json_get(spec, BYTES("scopeSelector"));
}

static err_t settle(
    struct worker *worker, struct arena *arena, struct json *quota, bytes namespace, struct error *error)
{
    const struct json *spec = json_get(quota, BYTES("spec")), *hard = json_get(spec, BYTES("hard"));
    struct json *status = json_get(quota, BYTES("status")), *used = json_new(arena, JSON_OBJECT), *answer;
    bytes name = json_text(json_get(quota, BYTES("metadata")), BYTES("name"));
    if (!hard || hard->type != JSON_OBJECT || is_scoped(spec))
        return ERR_OK;
    TRY(use(worker, arena, hard, namespace, used, error));
    if (json_get(status, BYTES("hard")) && json_equal(json_get(status, BYTES("hard")), hard) &&
        (used->count == 0 || (json_get(status, BYTES("used")) && json_equal(json_get(status, BYTES("used")), used))))
        return ERR_OK;
    status = json_set(quota, BYTES("status"), json_new(arena, JSON_OBJECT));
    bytes path = arena_format(
        arena, "/api/v1/namespaces/%.*s/resourcequotas/%.*s/status", BYTES_FMT(namespace), BYTES_FMT(name));
    if (!json_add(status, BYTES("hard"), json_copy(arena, hard)) || !json_add(status, BYTES("used"), used) || !path.p)
        return arena_error(arena, error);
    err_t code = worker_send(worker, arena, "PUT", path, quota, &answer, error);
    return code == ERR_NOT_FOUND ? ERR_OK : code; /* it went meanwhile */
}

static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    bytes path = arena_format(arena, "/api/v1/namespaces/%.*s/resourcequotas", BYTES_FMT(key));
    struct json *list;
    if (!path.p)
        return arena_error(arena, error);
    TRY(api_get(worker->client, arena, path, &list, error));
    const struct json *quotas = json_get(list, BYTES("items"));
    worker_unwatch(worker, key);
    for (struct json *quota = quotas ? quotas->first : NULL; quota; quota = quota->next)
        TRY(settle(worker, arena, quota, key, error));
    return ERR_OK;
}

static void changed(struct worker *worker, const struct kind *kind, const struct json *object, enum api_event_type type)
{
    bytes namespace = json_text(json_get(object, BYTES("metadata")), BYTES("namespace"));
    (void)kind, (void)type;
    worker_enqueue(worker, namespace, GATHER_MS);
}

static const struct collection collections[] = {{"", "v1", "resourcequotas", NULL, true}};

const struct controller resource_quota_controller = {
    .name = "resourcequota-controller",
    .collections = collections,
    .collection_count = ARRAY_LEN(collections),
    .changed = changed,
    .reconcile = reconcile,
};
