/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and answers: what http.h promises, whatever the protocol. */
#include "base/memory.h"
#include "net/http_internal.h"

#include <stdlib.h>

#define BODY_ARENA_FACTOR 64
#define BODY_ARENA_SPARE  ((size_t)1 << 20)
#define BODY_FIRST        ((size_t)4096)

struct http_exchange *exchange_new(struct http_connection *c)
{
    struct {
        struct http_exchange exchange;
        struct http_exchange_state state;
    } *both = calloc(1, sizeof *both);
    if (!both)
        return NULL;
    struct http_exchange *x = &both->exchange;
    arena_init(&x->arena, connection_server(c)->options.arena_limit);
    x->loop = c->shard->loop;
    x->connection = c;
    x->state = &both->state;
    x->state->peer = peer_get(c->peer);
    x->state->shard = c->shard;
    c->shard->exchanges++;
    x->state->content_length = UINT64_MAX;
    x->state->since_ms = loop_now_ms(x->loop);
    return x;
}

static void exchange_free(struct http_exchange *x)
{
    struct http_exchange_state *state = x->state;
    struct http_shard *shard = state->shard;
    if (state->begun)
        state->handler->gone(x);
    arena_reset(&x->arena);
    queue_free(&state->early);
    peer_put(state->peer);
    memory_wipe(x, sizeof *x);
    free(x);
    shard_exchange_gone(shard);
}

void exchange_source_close(struct http_exchange *x)
{
    struct http_source *source = x->state->source;
    x->state->source = NULL;
    x->state->rest = BYTES_NONE;
    if (source && source->close)
        source->close(source, x);
}

void exchange_end(struct http_exchange *x)
{
    struct http_exchange_state *state = x->state;
    exchange_source_close(x);
    state->phase = PHASE_OVER;
    x->gone = true;
    if (state->holds == 0) {
        exchange_free(x);
        return;
    }
    x->connection = NULL;
}

void http_hold(struct http_exchange *x)
{
    x->state->holds++;
}

void http_release(struct http_exchange *x)
{
    if (--x->state->holds == 0 && x->state->phase == PHASE_OVER)
        exchange_free(x);
}

void exchange_head(struct http_exchange *x)
{
    struct http_server *server = connection_server(x->connection);
    struct http_exchange_state *state = x->state;
    atomic_fetch_add_explicit(&server->requests, 1, memory_order_relaxed);
    x->received_us = clock_monotonic_us();
    state->handler = &server->handler;
    state->begun = true;
    state->phase = PHASE_IDLE;
    state->in_call = true;
    connection_judge(x->connection);
    state->handler->head(x);
    state->in_call = false;
    if (state->body_due) {
        state->body_due = false;
        state->handler->body(x);
    }
}

static void body_task(struct task *task)
{
    struct http_exchange_state *state =
        (struct http_exchange_state *)((char *)task - offsetof(struct http_exchange_state, task));
    struct http_exchange *x = state->exchange;
    if (state->phase != PHASE_OVER)
        state->handler->body(x);
    http_release(x);
}

void http_read_body(struct http_exchange *x, size_t limit)
{
    struct http_exchange_state *state = x->state;
    bool in_call = state->in_call;
    if (state->phase != PHASE_IDLE)
        return;
    state->phase = PHASE_BODY;
    state->body_limit = limit;
    state->since_ms = loop_now_ms(x->loop);
    state->in_call = true;
    x->connection->protocol->read_body(x);
    state->in_call = in_call;
    if (in_call || !state->body_due)
        return;
    /* body() is never called from within this call. */
    state->body_due = false;
    state->exchange = x;
    state->task.run = body_task;
    http_hold(x);
    loop_at_turn_end(x->loop, &state->task);
}

static enum body_result refuse(struct http_exchange *x, size_t n)
{
    x->state->body_refused = true;
    x->body = (bytes){NULL, n};
    return BODY_REFUSED;
}

/* Room for n bytes in all; the arena may grow with the body. */
static enum body_result reserve(struct http_exchange *x, size_t n)
{
    struct http_exchange_state *state = x->state;
    if (n <= state->body_capacity)
        return BODY_TAKEN;
    size_t limit = connection_server(x->connection)->options.arena_limit + BODY_ARENA_FACTOR * n + BODY_ARENA_SPARE;
    if (x->arena.limit < limit)
        x->arena.limit = limit;
    uint8_t *grown = arena_alloc(&x->arena, n);
    if (!grown)
        return refuse(x, 0);
    if (x->body.n)
        memcpy(grown, state->body, x->body.n);
    state->body = grown;
    state->body_capacity = n;
    return BODY_TAKEN;
}

enum body_result exchange_body_start(struct http_exchange *x)
{
    struct http_exchange_state *state = x->state;
    if (state->content_length == UINT64_MAX)
        return BODY_TAKEN;
    if (state->content_length > state->body_limit)
        return refuse(x, state->body_limit);
    return reserve(x, (size_t)state->content_length);
}

enum body_result exchange_body_put(struct http_exchange *x, bytes piece)
{
    struct http_exchange_state *state = x->state;
    if (piece.n > state->body_limit - x->body.n)
        return refuse(x, state->body_limit);
    size_t need = x->body.n + piece.n, capacity = state->body_capacity ? state->body_capacity : BODY_FIRST;
    while (capacity < need)
        capacity *= 2;
    if (need > state->body_capacity && reserve(x, capacity) != BODY_TAKEN)
        return BODY_REFUSED;
    memcpy(state->body + x->body.n, piece.p, piece.n);
    x->body.n = need;
    return BODY_TAKEN;
}

void exchange_body_done(struct http_exchange *x)
{
    struct http_exchange_state *state = x->state;
    state->phase = PHASE_BODY_WHOLE;
    if (!state->body_refused)
        x->body.p = state->body ? state->body : (const uint8_t *)"";
    if (state->in_call)
        state->body_due = true;
    else
        state->handler->body(x);
}

void http_answer(struct http_exchange *x, int status, const struct http_header *headers, size_t count, bytes body)
{
    struct http_exchange_state *state = x->state;
    if (state->phase >= PHASE_ANSWER)
        return;
    state->phase = PHASE_ANSWER;
    state->status = status;
    state->headers = headers;
    state->header_count = count;
    state->rest = body;
    state->since_ms = loop_now_ms(x->loop);
    x->connection->protocol->answer(x);
}

void http_stream(
    struct http_exchange *x, int status, const struct http_header *headers, size_t count, struct http_source *source)
{
    struct http_exchange_state *state = x->state;
    if (state->phase >= PHASE_ANSWER) {
        if (source->close)
            source->close(source, x);
        return;
    }
    state->phase = PHASE_STREAM;
    state->status = status;
    state->source = source;
    state->since_ms = loop_now_ms(x->loop);
    x->connection->protocol->stream(x, headers, count);
}

void http_resume(struct http_exchange *x)
{
    if (x->state->phase != PHASE_STREAM || !x->state->waiting)
        return;
    x->state->waiting = false;
    x->state->since_ms = loop_now_ms(x->loop);
    x->connection->protocol->resume(x);
}

enum http_pull exchange_pull(struct http_exchange *x)
{
    struct http_exchange_state *state = x->state;
    bytes piece = BYTES_NONE;
    enum http_pull result = state->source->pull(state->source, x, &piece);
    state->since_ms = loop_now_ms(x->loop);
    if (result == HTTP_PULL_DATA && piece.n == 0)
        return HTTP_PULL_ABORT;
    if (result == HTTP_PULL_DATA)
        state->rest = piece;
    state->waiting = result == HTTP_PULL_WAIT;
    return result;
}

bool exchange_body_allowed(const struct http_exchange *x)
{
    return !x->state->head_only && x->state->status != 204 && x->state->status != 304;
}

bytes http_header(const struct http_exchange *x, bytes name)
{
    for (size_t i = 0; i < x->header_count; i++)
        if (bytes_equal(x->headers[i].name, name))
            return x->headers[i].value;
    return BYTES_NONE;
}

bool http_draining(const struct http_exchange *x)
{
    return !x->connection || x->connection->withdrawn || atomic_load(&connection_server(x->connection)->draining);
}

const char *http_peer_address(const struct http_exchange *x)
{
    return x->state->peer->address;
}

const struct x509_identity *http_peer(const struct http_exchange *x)
{
    return x->state->peer->has_certificate ? &x->state->peer->identity : NULL;
}
