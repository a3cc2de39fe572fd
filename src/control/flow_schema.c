/* SPDX-License-Identifier: Apache-2.0 */
/* FlowSchemas say whether the priority level that they name is there: the condition Dangling. */
#include "api/conditions.h"
#include "base/clock.h"
#include "control/controllers.h"
#include "kinds/kinds.h"

#define GATHER_MS  20 /* what changes together is looked at once */
#define EVERYTHING BYTES("all")
#define MANAGER    "?fieldManager=api-priority-and-fairness-config-consumer-v1" /* as upstream's */

static bool has_name(const struct json *items, bytes name)
{
    const struct json *item = items ? items->first : NULL;

    while (item && !bytes_equal(json_text(json_get(item, BYTES("metadata")), BYTES("name")), name))
        item = item->next;
    return item != NULL;
}

static err_t settle(
    struct worker *worker, struct arena *arena, const struct json *levels, struct json *schema, struct error *error)
{
    const struct json *target = json_at(schema, BYTES("spec"), BYTES("priorityLevelConfiguration"), BYTES_NONE);
    bytes level = json_text(target, BYTES("name")),
          name = json_text(json_get(schema, BYTES("metadata")), BYTES("name"));
    bool found = has_name(levels, level), changed = false;
    struct condition dangling = {"Dangling", found ? "False" : "True", found ? "Found" : "NotFound",
        arena_format(arena, "This FlowSchema references the PriorityLevelConfiguration object named \"%.*s\" %s",
            BYTES_FMT(level), found ? "and it exists" : "but there is no such object")};
    struct json *status = json_get(schema, BYTES("status")), *answer;
    bytes path;

    if (!status || status->type != JSON_OBJECT)
        status = json_set(schema, BYTES("status"), json_new(arena, JSON_OBJECT));
    if (!status || !dangling.message.p || !condition_set(arena, status, &dangling, clock_wall_seconds(), &changed))
        return arena_error(arena, error);
    if (!changed)
        return ERR_OK;
    path = api_kind_path(arena, &flow_schema_kind, BYTES_NONE, name);
    if (path.p)
        path = arena_join(arena, path, BYTES("/status" MANAGER), ARENA_END);
    if (!path.p)
        return arena_error(arena, error);
    err_t code = worker_send(worker, arena, "PUT", path, schema, &answer, error);
    return code == ERR_NOT_FOUND ? ERR_OK : code; /* it went meanwhile */
}

static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    bytes schemas = api_kind_path(arena, &flow_schema_kind, BYTES_NONE, BYTES_NONE);
    bytes levels = api_kind_path(arena, &priority_level_configuration_kind, BYTES_NONE, BYTES_NONE);
    struct json *schema_list, *level_list, *items;

    (void)key;
    if (!schemas.p || !levels.p)
        return arena_error(arena, error);
    TRY(api_get(worker->client, arena, schemas, &schema_list, error));
    TRY(api_get(worker->client, arena, levels, &level_list, error));
    items = json_get(schema_list, BYTES("items"));
    for (struct json *schema = items ? items->first : NULL; schema; schema = schema->next)
        TRY(settle(worker, arena, json_get(level_list, BYTES("items")), schema, error));
    return ERR_OK;
}

static void changed(struct worker *worker, const struct kind *kind, const struct json *object, enum api_event_type type)
{
    (void)kind, (void)object, (void)type;
    worker_enqueue(worker, EVERYTHING, GATHER_MS);
}

static const struct collection collections[] = {{"flowcontrol.apiserver.k8s.io", "v1", "flowschemas", NULL, true},
    {"flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", NULL, true}};

const struct controller flow_schema_controller = {
    .name = "flow-schema-controller",
    .collections = collections,
    .collection_count = ARRAY_LEN(collections),
    .changed = changed,
    .reconcile = reconcile,
};
