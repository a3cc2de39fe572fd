/* SPDX-License-Identifier: Apache-2.0 */
/* A call lives from http_local_call to end(); what was posted for it keeps its memory until that has run.
 *
 *   any thread: call ──post──> loop: start ─> handler ... answer, stream ─> send at the turn's close ─> sink
 *   any thread: resume, cancel ──post──> loop: wake */
#include "net/http_internal.h"

#include <stdalign.h>
#include <stdlib.h>

struct http_local {
    struct http_shard *shard;
    struct http_local_sink *sink;
    struct http_local_request request; /* points into text */
    struct http_exchange *exchange;    /* NULL before start and after the end */
    struct http_local *next, **link;   /* of the shard, by its lock */
    struct task start_task, wake_task, send_task;
    atomic_uint references; /* one until the end, one for each post */
    atomic_bool wake_posted, resumed, cancelled;
    bool ended, send_set, paused;
    alignas(struct http_header) uint8_t text[];
};

#define OF_TASK(task, member) ((struct http_local *)((char *)(task)-offsetof(struct http_local, member)))

static void put(struct http_local *call)
{
    if (atomic_fetch_sub(&call->references, 1) == 1)
        free(call);
}

static void end(struct http_local *call, bool whole)
{
    struct http_shard *shard = call->shard;
    struct http_exchange *x = call->exchange;
    if (call->ended)
        return;
    call->ended = true;
    pthread_mutex_lock(&shard->local_lock);
    *call->link = call->next;
    if (call->next)
        call->next->link = call->link;
    pthread_mutex_unlock(&shard->local_lock);
    call->exchange = NULL;
    if (x) {
        x->state->local = NULL;
        exchange_end(x);
    }
    call->sink->end(call->sink, whole);
    put(call);
    shard_local_gone(shard);
}

/* ---- Sending. */

static void send_answer(struct http_local *call)
{
    struct http_exchange *x = call->exchange;
    const struct http_exchange_state *state = x->state;
    call->sink->head(call->sink, state->status, state->headers, state->header_count);
    if (state->rest.n && exchange_body_allowed(x))
        (void)call->sink->piece(call->sink, state->rest);
    end(call, true);
}

static void queue(struct http_local *call);

static void send_stream(struct http_local *call)
{
    struct http_exchange *x = call->exchange;
    size_t sent = 0;
    while (!call->paused && !x->state->waiting) {
        if (sent >= ROUND_SIZE) { /* others come first */
            queue(call);
            return;
        }
        switch (exchange_body_allowed(x) ? exchange_pull(x) : HTTP_PULL_END) {
        case HTTP_PULL_DATA:
            sent += x->state->rest.n;
            call->paused = !call->sink->piece(call->sink, x->state->rest);
            x->state->rest = BYTES_NONE;
            break;
        case HTTP_PULL_WAIT:
            return;
        case HTTP_PULL_END:
            end(call, true);
            return;
        case HTTP_PULL_ABORT:
            end(call, false);
            return;
        }
    }
}

static void send_run(struct task *task)
{
    struct http_local *call = OF_TASK(task, send_task);
    call->send_set = false;
    if (call->exchange && call->exchange->state->phase == PHASE_ANSWER)
        send_answer(call);
    else if (call->exchange && call->exchange->state->phase == PHASE_STREAM)
        send_stream(call);
    put(call);
}

static void queue(struct http_local *call)
{
    if (call->send_set)
        return;
    call->send_set = true;
    atomic_fetch_add(&call->references, 1);
    call->send_task.run = send_run;
    loop_at_turn_close(call->shard->loop, &call->send_task);
}

/* ---- What the exchange asks of its protocol. */

static void local_answer(struct http_exchange *x)
{
    queue(x->state->local);
}

static void local_stream(struct http_exchange *x, const struct http_header *headers, size_t count)
{
    struct http_local *call = x->state->local;
    call->sink->head(call->sink, x->state->status, headers, count);
    queue(call);
}

static void local_read_body(struct http_exchange *x)
{
    bytes body = x->state->local->request.body;
    if (exchange_body_start(x) == BODY_TAKEN && body.n > 0)
        (void)exchange_body_put(x, body);
    exchange_body_done(x);
}

const struct http_protocol http_local_protocol = {
    .answer = local_answer, .stream = local_stream, .resume = local_answer, .read_body = local_read_body};

/* ---- The start. */

static struct http_connection *connection_of(struct http_shard *shard)
{
    const struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage from = {0};
    if (shard->local_connection)
        return shard->local_connection;
    memcpy(&from, &loopback, sizeof loopback);
    struct http_connection *c = calloc(1, sizeof *c);
    struct http_peer *peer = peer_at(&from);
    if (!c || !peer) {
        peer_put(peer);
        free(c);
        return NULL;
    }
    c->shard = shard;
    c->protocol = &http_local_protocol;
    c->peer = peer;
    shard->local_connection = c;
    return c;
}

static size_t packed_size(const struct http_local_request *request)
{
    size_t n = request->header_count * sizeof(struct http_header) + request->method.n + request->path.n +
               request->query.n + request->body.n;
    for (size_t i = 0; i < request->header_count; i++)
        n += request->headers[i].name.n + request->headers[i].value.n;
    return n;
}

static bytes pack(uint8_t **at, bytes b)
{
    uint8_t *p = *at;
    if (b.n)
        memcpy(p, b.p, b.n);
    *at += b.n;
    return (bytes){p, b.n};
}

/* A copy in block, which has room for packed_size. */
static struct http_local_request packed(void *block, const struct http_local_request *request)
{
    struct http_header *headers = block;
    uint8_t *at = (uint8_t *)(headers + request->header_count);
    for (size_t i = 0; i < request->header_count; i++)
        headers[i] = (struct http_header){pack(&at, request->headers[i].name), pack(&at, request->headers[i].value)};
    return (struct http_local_request){.user = request->user,
        .method = pack(&at, request->method),
        .path = pack(&at, request->path),
        .query = pack(&at, request->query),
        .headers = headers,
        .header_count = request->header_count,
        .body = pack(&at, request->body)};
}

/* A held exchange outlives its call, so its request lies in its arena. */
static bool fill(struct http_exchange *x, struct http_local *call)
{
    struct http_local_request request = call->request;
    request.body = BYTES_NONE;
    void *block = arena_alloc(&x->arena, packed_size(&request));
    if (!block)
        return false;
    request = packed(block, &request);
    x->method = request.method;
    x->path = request.path;
    x->query = request.query;
    x->headers = request.headers;
    x->header_count = request.header_count;
    x->state->content_length = call->request.body.n;
    x->state->head_only = bytes_equal(x->method, BYTES("HEAD"));
    x->state->local = call;
    x->state->local_user = call->request.user;
    return true;
}

static struct http_exchange *exchange_of(struct http_local *call)
{
    struct http_connection *c = connection_of(call->shard);
    struct http_exchange *x = c ? exchange_new(c) : NULL;
    if (!x || fill(x, call))
        return x;
    exchange_end(x);
    return NULL;
}

static void start_run(struct task *task)
{
    struct http_local *call = OF_TASK(task, start_task);
    bool refused = call->ended || call->shard->draining;
    call->exchange = refused ? NULL : exchange_of(call);
    if (call->exchange)
        exchange_head(call->exchange);
    else
        end(call, false);
    put(call);
}

static struct http_local *call_new(const struct http_local_request *request)
{
    struct http_local *call = calloc(1, sizeof *call + packed_size(request));
    if (!call)
        return NULL;
    call->request = packed(call->text, request);
    atomic_init(&call->references, 2); /* the call's, and the start's */
    call->start_task.run = start_run;
    return call;
}

static struct http_shard *shard_of(struct http_server *server, const struct loop *loop)
{
    size_t i = 0;
    while (server->shards[i].loop != loop)
        i++;
    return &server->shards[i];
}

err_t http_local_call(struct http_server *server, struct loop *loop, const struct http_local_request *request,
    struct http_local_sink *sink, struct http_local **ret, struct error *error)
{
    struct http_shard *shard = shard_of(server, loop);
    struct http_local *call = call_new(request);
    if (!call)
        return error_set(error, ERR_NO_MEMORY, "no memory for a request of the server's own");
    call->shard = shard;
    call->sink = sink;
    *ret = call; /* before the sink can hear of it */
    pthread_mutex_lock(&shard->local_lock);
    bool closed = shard->locals_closed;
    if (!closed) {
        call->next = shard->locals;
        call->link = &shard->locals;
        if (call->next)
            call->next->link = &call->next;
        shard->locals = call;
    }
    pthread_mutex_unlock(&shard->local_lock);
    if (closed) {
        free(call);
        *ret = NULL;
        return error_set(error, ERR_UNAVAILABLE, "the server is stopping");
    }
    loop_post(loop, &call->start_task);
    return ERR_OK;
}

/* ---- From other threads. */

static void wake_run(struct task *task)
{
    struct http_local *call = OF_TASK(task, wake_task);
    atomic_store(&call->wake_posted, false);
    if (atomic_load(&call->cancelled)) {
        end(call, false);
    } else if (atomic_exchange(&call->resumed, false) && !call->ended) {
        call->paused = false;
        queue(call);
    }
    put(call);
}

static void wake(struct http_local *call, atomic_bool *why)
{
    atomic_store(why, true);
    if (atomic_exchange(&call->wake_posted, true))
        return;
    atomic_fetch_add(&call->references, 1);
    call->wake_task.run = wake_run;
    loop_post(call->shard->loop, &call->wake_task);
}

void http_local_resume(struct http_local *call)
{
    wake(call, &call->resumed);
}

void http_local_cancel(struct http_local *call)
{
    wake(call, &call->cancelled);
}

const struct http_local_user *http_local_user(const struct http_exchange *x)
{
    return x->state->local_user;
}

/* ---- The end of the server. */

bool shard_has_locals(struct http_shard *shard)
{
    pthread_mutex_lock(&shard->local_lock);
    bool has = shard->locals != NULL;
    pthread_mutex_unlock(&shard->local_lock);
    return has;
}

static void locals_close(struct http_shard *shard)
{
    pthread_mutex_lock(&shard->local_lock);
    shard->locals_closed = true;
    pthread_mutex_unlock(&shard->local_lock);
}

void shard_locals_drain(struct http_shard *shard)
{
    locals_close(shard);
    for (struct http_local *call = shard->locals; call; call = call->next)
        if (call->exchange)
            http_resume(call->exchange); /* so that a watch sees it */
}

void shard_locals_cut(struct http_shard *shard)
{
    locals_close(shard);
    while (shard->locals)
        end(shard->locals, false);
}

void shard_locals_free(struct http_shard *shard)
{
    if (shard->local_connection)
        peer_put(shard->local_connection->peer);
    free(shard->local_connection);
    pthread_mutex_destroy(&shard->local_lock);
}
