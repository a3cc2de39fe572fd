/* SPDX-License-Identifier: Apache-2.0 */
/* The loop's thread brings what was answered, the caller's thread takes it; the hub's lock is between them.
 *
 *   caller: call ─> http_local_call ─> waits      loop: head, piece, piece, end ─> wakes it
 *
 * An answer goes straight into the caller's arena, which nobody else touches while its owner waits. What a watch brings
 * waits in memory of its own, and when that is full the watch is paused. */
#include "client/local_client.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define ANSWER_MAX ((size_t)64 << 20)  /* of a call: lists come in pages */
#define QUEUE_MAX  ((size_t)256 << 10) /* of a watch, before it is paused */

/* One exchange, a call's or a watch's. All but face and hub by the hub's lock. */
struct local_sink {
    struct http_local_sink face;
    struct local_hub *hub;
    struct http_local *call;            /* NULL once ended */
    struct local_sink *next, **link;    /* of the hub */
    struct buffer *answer;              /* of a call; NULL: a watch */
    uint8_t *p;                         /* of a watch: bytes start..n were not taken yet */
    size_t start, n, capacity, scanned; /* no line ends in start..scanned */
    int status;
    bool ended, whole, paused, overflowed, discard;
};

struct local_hub {
    struct http_server *server;
    struct loop *loop;
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct local_sink *sinks; /* that have not ended */
    uint64_t sequence;        /* counts what came */
    bool stopped;
};

struct local_client {
    struct api_client face; /* first: what callers hold */
    struct local_hub *hub;
    const struct http_local_user *user;
    bytes agent; /* behind it */
};

struct local_watch {
    struct api_watch face; /* first: what callers hold */
    struct local_sink sink;
};

/* ---- The hub. */

struct local_hub *local_hub_new(struct http_server *server, struct loop *loop)
{
    struct local_hub *hub = calloc(1, sizeof *hub);
    pthread_condattr_t attributes;
    if (!hub)
        return NULL;
    hub->server = server;
    hub->loop = loop;
    pthread_mutex_init(&hub->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&hub->came, &attributes);
    pthread_condattr_destroy(&attributes);
    return hub;
}

void local_hub_stop(struct local_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    hub->stopped = true;
    for (struct local_sink *sink = hub->sinks; sink; sink = sink->next)
        http_local_cancel(sink->call);
    pthread_cond_broadcast(&hub->came);
    pthread_mutex_unlock(&hub->lock);
}

bool local_hub_stopped(struct local_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    bool stopped = hub->stopped;
    pthread_mutex_unlock(&hub->lock);
    return stopped;
}

void local_hub_free(struct local_hub *hub)
{
    if (!hub)
        return;
    pthread_cond_destroy(&hub->came);
    pthread_mutex_destroy(&hub->lock);
    free(hub);
}

/* With the lock. False at the deadline. */
static bool wait_until(struct local_hub *hub, uint64_t until_ms)
{
    const struct timespec until = {(time_t)(until_ms / 1000), (long)(until_ms % 1000) * 1000000};
    if (until_ms == UINT64_MAX)
        return pthread_cond_wait(&hub->came, &hub->lock) == 0;
    return pthread_cond_timedwait(&hub->came, &hub->lock, &until) != ETIMEDOUT;
}

void local_hub_wait(struct local_hub *hub, uint64_t *seen, uint64_t until_ms)
{
    pthread_mutex_lock(&hub->lock);
    while (!hub->stopped && hub->sequence == *seen)
        if (!wait_until(hub, until_ms))
            break;
    *seen = hub->sequence;
    pthread_mutex_unlock(&hub->lock);
}

/* With the lock. */
static void came(struct local_hub *hub)
{
    hub->sequence++;
    pthread_cond_broadcast(&hub->came);
}

void local_hub_wake(struct local_hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    came(hub);
    pthread_mutex_unlock(&hub->lock);
}

static err_t stopping(struct error *error)
{
    return error_set(error, ERR_UNAVAILABLE, "the server is stopping");
}

/* ---- On the loop's thread. */

static struct local_sink *sink_of(struct http_local_sink *face)
{
    return (struct local_sink *)face;
}

static void on_head(struct http_local_sink *face, int status, const struct http_header *headers, size_t count)
{
    struct local_sink *sink = sink_of(face);
    (void)headers, (void)count;
    pthread_mutex_lock(&sink->hub->lock);
    sink->status = status;
    pthread_mutex_unlock(&sink->hub->lock);
}

static bool queue_append(struct local_sink *sink, bytes piece)
{
    size_t used = sink->n - sink->start;
    if (sink->capacity - sink->n < piece.n) {
        size_t capacity = used + piece.n + (used + piece.n) / 2;
        uint8_t *grown = malloc(capacity);
        if (!grown)
            return false;
        if (used)
            memcpy(grown, sink->p + sink->start, used);
        free(sink->p);
        sink->p = grown;
        sink->scanned -= sink->start;
        sink->start = 0;
        sink->n = used;
        sink->capacity = capacity;
    }
    memcpy(sink->p + sink->n, piece.p, piece.n);
    sink->n += piece.n;
    return true;
}

static bool on_piece(struct http_local_sink *face, bytes piece)
{
    struct local_sink *sink = sink_of(face);
    struct local_hub *hub = sink->hub;
    pthread_mutex_lock(&hub->lock);
    if (sink->discard && sink->status < 300) {
        /* dropped */
    } else if (sink->answer) {
        sink->overflowed |= piece.n > ANSWER_MAX - sink->answer->n;
        if (!sink->overflowed)
            buffer_put(sink->answer, piece);
    } else if (!sink->overflowed) {
        sink->overflowed = !queue_append(sink, piece);
        came(hub);
    }
    /* One event may be larger than the queue: it is only full when there is a line to take. */
    sink->paused = !sink->answer && sink->n - sink->start >= QUEUE_MAX && memchr(piece.p, '\n', piece.n);
    bool more = !sink->paused;
    pthread_mutex_unlock(&hub->lock);
    return more;
}

static void on_end(struct http_local_sink *face, bool whole)
{
    struct local_sink *sink = sink_of(face);
    struct local_hub *hub = sink->hub;
    pthread_mutex_lock(&hub->lock);
    sink->ended = true;
    sink->whole = whole;
    sink->call = NULL;
    *sink->link = sink->next;
    if (sink->next)
        sink->next->link = sink->link;
    came(hub);
    pthread_mutex_unlock(&hub->lock);
}

/* ---- On the caller's thread. */

/* Under the lock from the call on, so that nothing comes before the sink is known. */
static err_t sink_start(struct local_sink *sink, struct local_client *client, struct arena *arena,
    const struct api_request *request, struct error *error)
{
    struct local_hub *hub = client->hub;
    size_t split = bytes_find(request->path, '?');
    bytes length = arena_format(arena, "%zu", request->body.n);
    const struct http_header headers[] = {
        {BYTES("accept"), bytes_of(request->accept ? request->accept : "application/json")},
        {BYTES("user-agent"), client->agent},
        {BYTES("content-length"), length},
        {BYTES("content-type"), bytes_of(request->content_type ? request->content_type : "application/json")},
    };
    const struct http_local_request local = {.user = client->user,
        .method = bytes_of(request->method),
        .path = {request->path.p, split},
        .query = split < request->path.n ? bytes_skip(request->path, split + 1) : BYTES_NONE,
        .headers = headers,
        .header_count = ARRAY_LEN(headers) - (request->body.n ? 0 : 2),
        .body = request->body};
    if (!length.p)
        return arena_error(arena, error);
    sink->face = (struct http_local_sink){on_head, on_piece, on_end};
    sink->hub = hub;
    pthread_mutex_lock(&hub->lock);
    err_t code = hub->stopped ? stopping(error)
                              : http_local_call(hub->server, hub->loop, &local, &sink->face, &sink->call, error);
    if (code == ERR_OK) {
        sink->next = hub->sinks;
        sink->link = &hub->sinks;
        if (sink->next)
            sink->next->link = &sink->next;
        hub->sinks = sink;
    }
    pthread_mutex_unlock(&hub->lock);
    return code;
}

static err_t local_call(struct api_client *face, struct arena *arena, const struct api_request *request,
    struct api_reply *ret, struct error *error)
{
    struct local_client *client = (struct local_client *)face;
    struct local_hub *hub = client->hub;
    struct buffer answer;
    struct local_sink sink = {.answer = &answer, .discard = request->discard};
    buffer_init(&answer, arena);
    TRY(sink_start(&sink, client, arena, request, error));
    pthread_mutex_lock(&hub->lock);
    while (!sink.ended)
        pthread_cond_wait(&hub->came, &hub->lock);
    bool stopped = hub->stopped;
    pthread_mutex_unlock(&hub->lock);
    if (answer.failed)
        return arena_error(arena, error);
    if (sink.overflowed)
        return error_set(error, ERR_TOO_LARGE, "an answer of the server is larger than %zu bytes", ANSWER_MAX);
    if (!sink.whole)
        return stopped ? stopping(error) : error_set(error, ERR_UNAVAILABLE, "the server cut its answer short");
    *ret = (struct api_reply){.status = sink.status, .body = buffer_bytes(&answer)};
    return ERR_OK;
}

static void local_free(struct api_client *face)
{
    free(face);
}

/* ---- Watches. */

/* With the lock. The next line without its end, borrowed; false when there is none whole. */
static bool line_find(struct local_sink *sink, bytes *ret)
{
    size_t left = sink->n - sink->scanned;
    const uint8_t *at = left > 0 && sink->status == 200 ? memchr(sink->p + sink->scanned, '\n', left) : NULL;
    if (!at) {
        sink->scanned = sink->n;
        return false;
    }
    sink->scanned = (size_t)(at - sink->p);
    *ret = (bytes){sink->p + sink->start, sink->scanned - sink->start};
    return true;
}

/* With the lock. An idle watch holds no memory for what may come. */
static void line_took(struct local_sink *sink, size_t n)
{
    sink->start += n + 1;
    sink->scanned = sink->start;
    if (sink->start == sink->n) {
        free(sink->p);
        sink->p = NULL;
        sink->start = sink->n = sink->capacity = sink->scanned = 0;
    }
    if (sink->paused && sink->call && sink->n - sink->start < QUEUE_MAX / 2) {
        sink->paused = false;
        http_local_resume(sink->call);
    }
}

/* With the lock, after the end, or when something that came found no room: then nothing more is taken. */
static err_t watch_ended(struct local_sink *sink, struct arena *arena, struct api_event *ret, struct error *error)
{
    struct api_reply refusal = {.status = sink->status};
    if (sink->hub->stopped)
        return stopping(error);
    if (sink->overflowed)
        return error_set(error, ERR_NO_MEMORY, "no memory for what a watch brought");
    *ret = (struct api_event){.type = API_END};
    if (sink->status == 200 || sink->status == 0)
        return ERR_OK;
    refusal.body = arena_copy(arena, (bytes){sink->p + sink->start, sink->n - sink->start});
    return refusal.body.p ? api_status_error(&refusal, arena, error) : arena_error(arena, error);
}

static err_t local_next(
    struct api_watch *face, struct arena *arena, uint64_t until_ms, struct api_event *ret, struct error *error)
{
    struct local_sink *sink = &((struct local_watch *)face)->sink;
    struct local_hub *hub = sink->hub;
    bytes line = BYTES_NONE;
    bool found;
    err_t code = ERR_OK;
    *ret = (struct api_event){.type = API_NONE};
    pthread_mutex_lock(&hub->lock);
    while (!(found = line_find(sink, &line)) && !hub->stopped && !sink->ended && !sink->overflowed)
        if (until_ms == 0 || !wait_until(hub, until_ms))
            break;
    if (hub->stopped || (!found && (sink->ended || sink->overflowed))) {
        code = watch_ended(sink, arena, ret, error);
        found = false;
    } else if (found) {
        line = arena_copy(arena, line);
        code = line.p ? ERR_OK : arena_error(arena, error);
    }
    if (found && code == ERR_OK)
        line_took(sink, line.n);
    pthread_mutex_unlock(&hub->lock);
    return found && code == ERR_OK ? api_event_parse(arena, line, ret, error) : code;
}

static void local_watch_free(struct api_watch *face)
{
    struct local_watch *watch = (struct local_watch *)face;
    struct local_hub *hub = watch->sink.hub;
    pthread_mutex_lock(&hub->lock);
    if (watch->sink.call)
        http_local_cancel(watch->sink.call);
    while (!watch->sink.ended)
        pthread_cond_wait(&hub->came, &hub->lock);
    pthread_mutex_unlock(&hub->lock);
    free(watch->sink.p);
    free(watch);
}

static err_t local_watch(
    struct api_client *face, bytes path, const char *accept, struct api_watch **ret, struct error *error)
{
    struct arena arena;
    struct local_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return error_set(error, ERR_NO_MEMORY, "no memory for a watch");
    watch->face = (struct api_watch){local_next, local_watch_free};
    arena_init_plain(&arena, 4096);
    err_t code = sink_start(&watch->sink, (struct local_client *)face, &arena,
        &(struct api_request){.method = "GET", .path = path, .accept = accept}, error);
    arena_reset(&arena);
    if (code != ERR_OK) {
        free(watch);
        return code;
    }
    *ret = &watch->face;
    return ERR_OK;
}

err_t local_client_new(
    struct local_hub *hub, const struct http_local_user *user, struct api_client **ret, struct error *error)
{
    bytes product = BYTES("coffer/");
    struct local_client *client = calloc(1, sizeof *client + product.n + user->name.n);
    if (!client)
        return error_set(error, ERR_NO_MEMORY, "no memory for a client of the server's own");
    uint8_t *agent = (uint8_t *)(client + 1);
    memcpy(agent, product.p, product.n);
    memcpy(agent + product.n, user->name.p, user->name.n);
    *client = (struct local_client){.face = {local_call, local_watch, local_free},
        .hub = hub,
        .user = user,
        .agent = {agent, product.n + user->name.n}};
    *ret = &client->face;
    return ERR_OK;
}
