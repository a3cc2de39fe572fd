/* SPDX-License-Identifier: Apache-2.0 */
/* Events live for --event-ttl after their last write. No event is kept in mind: the soonest end is, and at that time
 * all of them are looked at, in pages. Ends that lie close together are taken in one go, so an event may live a little
 * longer, as upstream's leases let it. */
#include "base/clock.h"
#include "control/controllers.h"
#include "control/event_age.h"

#define PAGE        250
#define GO_PARTS    120 /* of the time to live: how close is close together */
#define GO_LEAST_MS 500
#define EVENTS      BYTES("/api/v1/events")

/* The one key. */
static const bytes all = {(const uint8_t *)"events", 6};

struct sweep {
    struct api_list list; /* under way, unless it is done or has not started */
    int64_t soonest;      /* end of those that stay, wall seconds; 0: none */
};

static uint64_t go_ms(const struct worker *worker)
{
    uint64_t part = worker->settings->event_ttl_ms / GO_PARTS;
    return part > GO_LEAST_MS ? part : GO_LEAST_MS;
}

/* The second after which it may go: times are told in whole seconds, and none goes too early. */
static int64_t end_of(const struct worker *worker, int64_t written)
{
    return written + 1 + (int64_t)((worker->settings->event_ttl_ms + 999) / 1000);
}

/* Just as it was seen: one that is written meanwhile lives on. */
static err_t delete_event(struct worker *worker, struct arena *arena, const struct json *event, struct error *error)
{
    const struct json *metadata = json_get(event, BYTES("metadata"));
    bytes namespace = json_text(metadata, BYTES("namespace")), name = json_text(metadata, BYTES("name"));
    bytes path = arena_format(arena, "/api/v1/namespaces/%.*s/events/%.*s", BYTES_FMT(namespace), BYTES_FMT(name));
    struct json *options = json_new(arena, JSON_OBJECT), *answer;
    struct json *conditions = json_add(options, BYTES("preconditions"), json_new(arena, JSON_OBJECT));
    if (!json_add(conditions, BYTES("uid"), json_string(arena, json_text(metadata, BYTES("uid")))) ||
        !json_add(
            conditions, BYTES("resourceVersion"), json_string(arena, json_text(metadata, BYTES("resourceVersion")))))
        return arena_error(arena, error);
    err_t code = worker_send(worker, arena, "DELETE", path, options, &answer, error);
    return code == ERR_NOT_FOUND || code == ERR_CONFLICT ? ERR_OK : code;
}

static err_t sweep_page(struct worker *worker, struct arena *arena, const struct json *items, struct error *error)
{
    struct sweep *sweep = worker->state;
    int64_t now = clock_wall_seconds();
    for (const struct json *item = items->first; item; item = item->next) {
        int64_t written = event_last_write(item, now), end = end_of(worker, written);
        if (written == 0)
            continue;
        if (end <= now)
            TRY(delete_event(worker, arena, item, error));
        else if (sweep->soonest == 0 || end < sweep->soonest)
            sweep->soonest = end;
    }
    return ERR_OK;
}

/* One page a call, so that others get their turn. */
static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    struct sweep *sweep = worker->state;
    struct json *items;
    if (!sweep->list.started || sweep->list.done)
        *sweep = (struct sweep){.list = {.path = EVENTS, .limit = PAGE}};
    err_t code = api_list_next(worker->client, arena, &sweep->list, &items, error);
    if (code == ERR_OK && items)
        code = sweep_page(worker, arena, items, error);
    if (code != ERR_OK) {
        sweep->list.done = true; /* begins anew */
        return code;
    }
    int64_t left = sweep->soonest - clock_wall_seconds();
    uint64_t wait = left > 0 ? (uint64_t)left * 1000 : 0;
    if (!sweep->list.done)
        worker_enqueue(worker, key, 0);
    else if (sweep->soonest > 0)
        worker_enqueue(worker, key, wait > go_ms(worker) ? wait : go_ms(worker));
    return ERR_OK;
}

/* A new end is no sooner than one time to live from now. */
static void changed(struct worker *worker, const struct kind *kind, const struct json *object, enum api_event_type type)
{
    (void)kind, (void)object;
    if (type != API_DELETED)
        worker_enqueue(worker, all, worker->settings->event_ttl_ms + 1000);
}

/* What is there at the start may be old. */
static err_t start(struct worker *worker, struct error *error)
{
    (void)error;
    worker_enqueue(worker, all, 0);
    return ERR_OK;
}

static const struct collection collections[] = {{"", "v1", "events", NULL, true}};

const struct controller event_controller = {
    .name = "event-controller",
    .collections = collections,
    .collection_count = ARRAY_LEN(collections),
    .changed = changed,
    .reconcile = reconcile,
    .start = start,
    .state_size = sizeof(struct sweep),
};
