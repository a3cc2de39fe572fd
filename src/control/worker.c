/* SPDX-License-Identifier: Apache-2.0 */
#include "control/worker.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

#define PAGE          500
#define EVENTS_A_STEP 64 /* of a collection */
#define KEYS_A_STEP   8
#define WATCH_SECONDS (24 * 3600u)
#define RETRY_MS      100 /* doubled by each failure in a row */
#define RETRY_MOST_MS (5 * 60 * 1000u)

const char metadata_list[] = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const char metadata_watch[] = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/* A collection that is listed and watched. */
struct feed {
    struct feed *next;
    const struct kind *kind; /* held */
    const char *query;
    bool metadata_only;
    bool added, unwanted;    /* by worker_watch; goes at the next step */
    struct api_watch *watch; /* NULL: to be listed */
    uint64_t list_ms;        /* not before: after a failure */
    unsigned failures;       /* in a row */
    size_t namespace_length;
    uint8_t namespace[];
};

struct worker_state {
    struct worker worker; /* first: what functions are given */
    struct local_hub *hub;
    struct http_local_user user;
    struct feed *feeds;
    struct work_queue queue;
    bool anew; /* lists all again */
};

static const bytes groups[] = {
    {(const uint8_t *)"system:serviceaccounts", 22},
    {(const uint8_t *)"system:serviceaccounts:kube-system", 34},
    {(const uint8_t *)"system:authenticated", 20},
};

static uint64_t backoff_ms(unsigned failures)
{
    uint64_t ms = RETRY_MS;
    while (failures-- > 1 && ms < RETRY_MOST_MS)
        ms *= 2;
    return ms < RETRY_MOST_MS ? ms : RETRY_MOST_MS;
}

/* ---- What controllers call. */

void worker_wake(struct worker *worker)
{
    local_hub_wake(worker->own->hub);
}

void worker_enqueue(struct worker *worker, bytes key, uint64_t after_ms)
{
    struct worker_state *own = worker->own;
    if (work_add(&own->queue, key, clock_monotonic_ms() + after_ms))
        return;
    own->anew = true;
    for (struct feed *feed = own->feeds; feed; feed = feed->next)
        feed->list_ms = clock_monotonic_ms() + RETRY_MS;
}

static struct feed *feed_new(const struct kind *kind, bytes namespace)
{
    struct feed *feed = calloc(1, sizeof *feed + namespace.n);
    if (!feed)
        return NULL;
    feed->kind = kind_hold(kind);
    feed->namespace_length = namespace.n;
    if (namespace.n)
        memcpy(feed->namespace, namespace.p, namespace.n);
    return feed;
}

static bytes namespace_of(const struct feed *feed)
{
    return (bytes){feed->namespace, feed->namespace_length};
}

bool worker_watch(struct worker *worker, const struct kind *kind, bytes namespace, bool metadata_only)
{
    struct worker_state *own = worker->own;
    for (struct feed *feed = own->feeds; feed; feed = feed->next)
        if (feed->added && feed->kind == kind && feed->metadata_only == metadata_only &&
            bytes_equal(namespace_of(feed), namespace)) {
            feed->unwanted = false;
            return true;
        }
    struct feed *feed = feed_new(kind, namespace);
    if (!feed)
        return false;
    feed->metadata_only = metadata_only;
    feed->added = true;
    feed->next = own->feeds;
    own->feeds = feed;
    return true;
}

void worker_unwatch(struct worker *worker, bytes namespace)
{
    for (struct feed *feed = worker->own->feeds; feed; feed = feed->next)
        feed->unwanted |= feed->added && bytes_equal(namespace_of(feed), namespace);
}

err_t worker_send(struct worker *worker, struct arena *arena, const char *method, bytes path, const struct json *body,
    struct json **ret, struct error *error)
{
    struct api_request request = {.method = method, .path = path};
    struct buffer text;
    buffer_init(&text, arena);
    if (body)
        json_write(&text, body);
    request.body = buffer_bytes(&text);
    if (text.failed || !path.p)
        return arena_error(arena, error);
    return api_do(worker->client, arena, &request, ret, error);
}

err_t worker_namespace_active(
    struct worker *worker, struct arena *arena, bytes namespace, bool *ret, struct error *error)
{
    struct json *found;
    bytes path = arena_join(arena, BYTES("/api/v1/namespaces/"), namespace, ARENA_END);
    if (!path.p)
        return arena_error(arena, error);
    err_t code = api_get(worker->client, arena, path, &found, error);
    if (code != ERR_OK && code != ERR_NOT_FOUND)
        return code;
    *ret = code == ERR_OK && !json_at(found, BYTES("metadata"), BYTES("deletionTimestamp"), BYTES_NONE);
    return ERR_OK;
}

/* ---- Collections. */

static void feed_free(struct feed *feed)
{
    api_watch_free(feed->watch);
    kind_release(feed->kind);
    free(feed);
}

static void feeds_sweep(struct worker_state *own)
{
    for (struct feed **at = &own->feeds, *feed; (feed = *at);) {
        if (!feed->unwanted) {
            at = &feed->next;
            continue;
        }
        *at = feed->next;
        feed_free(feed);
    }
}

static void tell(struct worker_state *own, const struct feed *feed, struct arena *arena, const struct json *object,
    enum api_event_type type)
{
    struct worker *worker = &own->worker;
    if (worker->controller->changed) {
        worker->controller->changed(worker, feed->kind, object, type);
        return;
    }
    const struct json *metadata = json_get(object, BYTES("metadata"));
    bytes name = json_text(metadata, BYTES("name")), namespace = json_text(metadata, BYTES("namespace"));
    bytes key = namespace.n ? arena_join(arena, namespace, BYTES("/"), name, ARENA_END) : name;
    if (key.p)
        worker_enqueue(worker, key, 0);
    else
        own->anew = true;
}

static bytes feed_path(struct arena *arena, const struct feed *feed)
{
    bytes path = api_kind_path(arena, feed->kind, namespace_of(feed), BYTES_NONE);
    if (path.p && feed->query)
        path = arena_join(arena, path, BYTES("?"), bytes_of(feed->query), ARENA_END);
    return path;
}

/* A long one: each end is a new list of all. */
static bytes watch_path(struct arena *arena, bytes path, const char *revision)
{
    char sign = bytes_find(path, '?') < path.n ? '&' : '?';
    return arena_format(
        arena, "%.*s%cwatch=1&timeoutSeconds=%u&resourceVersion=%s", BYTES_FMT(path), sign, WATCH_SECONDS, revision);
}

/* Tells all objects, then opens a watch at the list's revision. */
static err_t feed_list(struct worker_state *own, struct feed *feed, struct arena *arena, struct error *error)
{
    struct api_client *client = own->worker.client;
    struct arena keep;
    struct json *items;
    err_t code;
    arena_init_plain(&keep, 8192);
    bytes path = feed_path(&keep, feed), watch;
    struct api_list list = {.path = path, .accept = feed->metadata_only ? metadata_list : NULL, .limit = PAGE};
    if (path.p)
        do {
            arena_reset(arena);
            code = api_list_next(client, arena, &list, &items, error);
            for (const struct json *item = code == ERR_OK && items ? items->first : NULL; item; item = item->next)
                tell(own, feed, arena, item, API_ADDED);
        } while (code == ERR_OK && items);
    else
        code = arena_error(&keep, error);
    if (code == ERR_OK) {
        watch = watch_path(&keep, path, list.resource_version);
        code = watch.p ? client->watch(client, watch, feed->metadata_only ? metadata_watch : NULL, &feed->watch, error)
                       : arena_error(&keep, error);
    }
    arena_reset(&keep);
    return code;
}

static void put_off(const struct worker_state *own, struct feed *feed, const struct error *error)
{
    feed->failures++;
    feed->list_ms = clock_monotonic_ms() + backoff_ms(feed->failures);
    if (!local_hub_stopped(own->hub))
        log_event(LOG_WARNING, "a controller cannot see what it looks after; it tries again",
            log_text("controller", own->worker.controller->name), log_text("resource", feed->kind->plural),
            log_error_text(error));
}

/* Events that have come, a bounded number. True: maybe more. */
static bool feed_poll(struct worker_state *own, struct feed *feed, struct arena *arena)
{
    for (unsigned i = 0; i < EVENTS_A_STEP; i++) {
        struct api_event event;
        struct error error;
        arena_reset(arena);
        error_init(&error, NULL);
        err_t code = feed->watch->next(feed->watch, arena, 0, &event, &error);
        if (code == ERR_OK && event.type == API_NONE)
            return false;
        if (code != ERR_OK || event.type == API_END) {
            own->anew = true;
            if (code != ERR_OK && code != ERR_EXPIRED && code != ERR_GONE)
                put_off(own, feed, &error);
            return true;
        }
        if (event.type != API_BOOKMARK)
            tell(own, feed, arena, event.object, event.type);
    }
    return true;
}

static void begin_anew(struct worker_state *own)
{
    own->anew = false;
    for (struct feed *feed = own->feeds; feed; feed = feed->next) {
        api_watch_free(feed->watch);
        feed->watch = NULL;
    }
}

/* True: there is more. */
static bool step_feeds(struct worker_state *own, struct arena *arena, uint64_t *next_ms)
{
    bool more = false;
    feeds_sweep(own);
    if (own->anew)
        begin_anew(own);
    for (struct feed *feed = own->feeds; feed && !own->anew; feed = feed->next) {
        struct error error;
        error_init(&error, NULL);
        if (feed->watch) {
            more |= feed_poll(own, feed, arena);
            continue;
        }
        if (clock_monotonic_ms() < feed->list_ms) {
            *next_ms = feed->list_ms < *next_ms ? feed->list_ms : *next_ms;
            continue;
        }
        more = true;
        if (feed_list(own, feed, arena, &error) == ERR_OK)
            feed->failures = 0;
        else
            put_off(own, feed, &error);
    }
    return more || own->anew;
}

/* ---- Keys. */

static void work_on(struct worker_state *own, struct work *work, struct arena *arena)
{
    struct worker *worker = &own->worker;
    struct error error;
    arena_reset(arena);
    error_init(&error, NULL);
    err_t code = worker->controller->reconcile(worker, arena, (bytes){work->key, work->length}, &error);
    if (code == ERR_OK) {
        work_done(&own->queue, work);
        return;
    }
    work->failures++;
    /* What somebody else changed meanwhile is looked at again: that is how it goes. */
    enum log_level level = code == ERR_CONFLICT || local_hub_stopped(own->hub) ? LOG_DEBUG : LOG_WARNING;
    log_event(level, "a controller could not do its work; it tries again",
        log_text("controller", worker->controller->name), log_number("failures", work->failures),
        log_error_text(&error));
    work_again(&own->queue, work, clock_monotonic_ms() + backoff_ms(work->failures));
}

static bool step_keys(struct worker_state *own, struct arena *arena, uint64_t *next_ms)
{
    struct work *work;
    for (unsigned i = 0; i < KEYS_A_STEP && (work = work_take(&own->queue, clock_monotonic_ms())); i++)
        work_on(own, work, arena);
    uint64_t next = work_next_ms(&own->queue);
    *next_ms = next < *next_ms ? next : *next_ms;
    return next <= clock_monotonic_ms();
}

void worker_refresh(struct worker *worker)
{
    worker->own->anew = true;
}

bool worker_step(struct worker *worker, struct arena *arena, uint64_t *next_ms)
{
    if (worker->controller->poll)
        worker->controller->poll(worker);
    bool more = step_feeds(worker->own, arena, next_ms);
    more |= step_keys(worker->own, arena, next_ms);
    arena_reset(arena);
    return more;
}

/* ---- Start and end. */

static bool feeds_new(struct worker_state *own, bool *ret_known)
{
    const struct controller *controller = own->worker.controller;
    *ret_known = true;
    for (size_t i = 0; i < controller->collection_count; i++) {
        const struct collection *c = &controller->collections[i];
        const struct kind *kind =
            kind_by_resource(registry_current(), bytes_of(c->group), bytes_of(c->version), bytes_of(c->resource));
        struct feed *feed = kind ? feed_new(kind, BYTES_NONE) : NULL;
        *ret_known &= kind != NULL;
        if (!kind)
            continue;
        if (!feed)
            return false;
        feed->query = c->query;
        feed->metadata_only = c->metadata_only;
        feed->next = own->feeds;
        own->feeds = feed;
    }
    return true;
}

static err_t no_memory(struct error *error)
{
    return error_set(error, ERR_NO_MEMORY, "no memory for a controller");
}

err_t worker_new(struct local_hub *hub, const struct controller *controller, const struct control_settings *settings,
    struct worker **ret, struct error *error)
{
    bytes prefix = BYTES("system:serviceaccount:kube-system:"), name = bytes_of(controller->name);
    struct worker_state *own = calloc(1, sizeof *own + prefix.n + name.n);
    bool known;
    if (!own)
        return no_memory(error);
    uint8_t *text = (uint8_t *)(own + 1);
    memcpy(text, prefix.p, prefix.n);
    memcpy(text + prefix.n, name.p, name.n);
    own->hub = hub;
    own->user = (struct http_local_user){{text, prefix.n + name.n}, groups, ARRAY_LEN(groups)};
    own->worker = (struct worker){.controller = controller, .settings = settings, .own = own};
    own->worker.state = controller->state_size ? calloc(1, controller->state_size) : NULL;
    err_t code = controller->state_size && !own->worker.state ? no_memory(error) : ERR_OK;
    if (code == ERR_OK && !feeds_new(own, &known))
        code = no_memory(error);
    if (code == ERR_OK && known)
        code = local_client_new(hub, &own->user, &own->worker.client, error);
    if (code == ERR_OK && known && controller->start)
        code = controller->start(&own->worker, error);
    *ret = code == ERR_OK && known ? &own->worker : NULL;
    if (!*ret)
        worker_free(&own->worker);
    return code;
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    struct worker_state *own = worker->own;
    if (worker->client && worker->controller->stop)
        worker->controller->stop(worker);
    for (struct feed *feed = own->feeds, *next; feed; feed = next) {
        next = feed->next;
        feed_free(feed);
    }
    api_client_free(worker->client);
    work_queue_free(&own->queue);
    free(worker->state);
    free(own);
}
