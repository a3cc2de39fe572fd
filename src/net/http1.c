/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.0 and 1.1 on a connection: one exchange at a time; what comes ahead of its turn waits unparsed. */
#include "base/memory.h"
#include "net/http_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define DROP_MAX ((size_t)64 * 1024) /* of a body that nobody wanted, to keep the connection */

/* What Go's server says; kube-apiserver's clients know these. */
static const struct {
    const char *status, *text;
} problems[] = {
    [HTTP1_BAD] = {"400 Bad Request", "400 Bad Request"},
    [HTTP1_NO_HOST] = {"400 Bad Request: missing required Host header",
        "400 Bad Request: missing required Host header"},
    [HTTP1_HEAD_TOO_LARGE] = {"431 Request Header Fields Too Large", "431 Request Header Fields Too Large"},
    [HTTP1_BODY_TIMEOUT] = {"408 Request Timeout", "408 Request Timeout"},
    [HTTP1_NO_MEMORY] = {"429 Too Many Requests\r\nRetry-After: 1", "429 Too Many Requests"},
    [HTTP1_UNKNOWN_CODING] = {"501 Not Implemented", "Unsupported transfer encoding"},
    [HTTP1_UNKNOWN_VERSION] = {"505 HTTP Version Not Supported: unsupported protocol version",
        "505 HTTP Version Not Supported: unsupported protocol version"},
};

static bool start(struct http_connection *c)
{
    c->h1 = (struct http1){0};
    return true;
}

/* Nothing more is understood on this connection: says so and closes. */
static void fail(struct http_connection *c, enum http1_problem problem)
{
    c->h1.problem = (uint8_t)problem;
    c->closing = c->linger = true;
    connection_queue(c);
}

static void write_text(struct http_connection *c, const char *text)
{
    connection_write(c, bytes_of(text));
}

static void write_problem(struct http_connection *c)
{
    write_text(c, "HTTP/1.1 ");
    write_text(c, problems[c->h1.problem].status);
    write_text(c, "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n");
    write_text(c, problems[c->h1.problem].text);
    c->h1.problem = HTTP1_FINE;
}

/* The head is copied into a new exchange's arena and parsed there. */
static enum http1_problem begin(struct http_connection *c, bytes raw)
{
    struct http1 *h = &c->h1;
    struct http1_head head;
    struct http_exchange *x = exchange_new(c);
    uint8_t *copy = x ? arena_alloc(&x->arena, raw.n) : NULL;
    enum http1_problem problem = HTTP1_FINE;
    if (copy) {
        memcpy(copy, raw.p, raw.n);
        problem = http1_parse(copy, raw.n, &head);
    }
    struct http_header *headers =
        copy && problem == HTTP1_FINE ? arena_alloc(&x->arena, head.count * sizeof *headers) : NULL;
    if (!headers) {
        bool limited = x && x->arena.failed == ERR_TOO_MANY_REQUESTS;
        if (x)
            exchange_end(x);
        if (problem == HTTP1_FINE && !limited)
            c->closing = c->cut = c->dead = true; /* the system has no memory */
        return problem == HTTP1_FINE && limited ? HTTP1_NO_MEMORY : problem;
    }
    memcpy(headers, head.headers, head.count * sizeof *headers);
    x->method = head.method, x->path = head.path, x->query = head.query, x->authority = head.authority;
    x->headers = headers;
    x->header_count = head.count;
    x->state->head_only = bytes_equal(head.method, BYTES("HEAD"));
    x->state->content_length = head.chunked ? UINT64_MAX : head.length;
    h->exchange = x;
    h->minor = (uint8_t)head.minor;
    h->keep_alive = head.keep_alive && !h->draining;
    h->has_body = head.chunked || head.length > 0;
    h->is_chunked = head.chunked;
    h->body_left = head.length;
    h->chunked = (struct http1_chunked){0};
    h->expects_continue = head.expects_continue;
    h->interim_due = h->head_sent = false;
    h->dropped = 0;
    exchange_head(x);
    return HTTP1_FINE;
}

static bool take_head(struct http_connection *c, struct cursor *in)
{
    struct http1 *h = &c->h1;
    size_t max = connection_server(c)->options.max_header;
    bytes rest = {in->p, in->left};
    if (h->scanned == 0 &&
        bytes_start(rest, BYTES("\r\n"))) { /* an empty line before a request is passed over (RFC 9112 2.2) */
        in->p += 2, in->left -= 2;
        rest = bytes_skip(rest, 2);
    }
    size_t n = http1_head_length(rest, &h->scanned);
    enum http1_problem problem = HTTP1_FINE;
    if (n > max || (n == 0 && rest.n > max))
        problem = HTTP1_HEAD_TOO_LARGE;
    else if (n == 0)
        return false;
    h->scanned = 0;
    if (problem == HTTP1_FINE) {
        in->p += n, in->left -= n;
        problem = begin(c, (bytes){rest.p, n});
    }
    if (problem != HTTP1_FINE)
        fail(c, problem);
    return !c->closing;
}

/* The next run of the body's data, or its end. */
static enum http1_chunk next_data(struct http1 *h, struct cursor *in, bytes *ret)
{
    if (h->is_chunked)
        return http1_chunked_next(&h->chunked, in, ret);
    size_t n = in->left < h->body_left ? in->left : (size_t)h->body_left;
    if (h->body_left == 0)
        return HTTP1_CHUNK_END;
    if (n == 0 || !cursor_take(in, n, ret))
        return HTTP1_CHUNK_MORE;
    h->body_left -= n;
    return HTTP1_CHUNK_DATA;
}

/* A body that cannot be read to its end: the connection cannot be used for a further request. */
static void give_up_body(struct http_connection *c)
{
    c->h1.has_body = c->h1.keep_alive = false;
    c->linger = true;
}

static bool take_body(struct http_connection *c, struct cursor *in)
{
    struct http1 *h = &c->h1;
    struct http_exchange *x = h->exchange;
    bytes data;
    enum http1_chunk what = next_data(h, in, &data);
    if (what == HTTP1_CHUNK_MORE)
        return false;
    if (what == HTTP1_CHUNK_BAD) {
        give_up_body(c);
        h->exchange = NULL;
        exchange_end(x);
        fail(c, HTTP1_BAD);
        return false;
    }
    if (what == HTTP1_CHUNK_DATA && exchange_body_put(x, data) == BODY_TAKEN)
        return true;
    if (what == HTTP1_CHUNK_END)
        h->has_body = false;
    else
        give_up_body(c);
    exchange_body_done(x);
    return true;
}

/* Between requests: what is left of a body that the handler answered without reading. */
static bool drop_body(struct http_connection *c, struct cursor *in)
{
    struct http1 *h = &c->h1;
    bytes data;
    enum http1_chunk what = next_data(h, in, &data);
    if (what == HTTP1_CHUNK_DATA)
        h->dropped += data.n;
    if (what == HTTP1_CHUNK_END)
        h->has_body = false;
    if (what == HTTP1_CHUNK_BAD || h->dropped > DROP_MAX) {
        give_up_body(c);
        c->closing = true;
        connection_queue(c);
    }
    return what != HTTP1_CHUNK_MORE && !c->closing;
}

static bool step(struct http_connection *c, struct cursor *in)
{
    struct http1 *h = &c->h1;
    if (c->closing || c->dead)
        return false;
    if (h->websocket) {
        http1_websocket_take(c, in);
        return false;
    }
    if (h->exchange)
        return h->exchange->state->phase == PHASE_BODY && take_body(c, in);
    if (h->has_body)
        return drop_body(c, in);
    return in->left > 0 && take_head(c, in);
}

/* Handlers that are called from here may come back by http_read_body: the steps go on by themselves then. */
static void steps(struct http_connection *c, struct cursor *in)
{
    c->h1.running = true;
    while (step(c, in))
        continue;
    c->h1.running = false;
}

/* What was read ahead. */
static void pump(struct http_connection *c)
{
    struct http1 *h = &c->h1;
    if (h->running)
        return;
    bytes input = queue_bytes(&h->input);
    struct cursor in = cursor_of(input);
    steps(c, &in);
    if (h->input.p)
        queue_skip(&h->input, input.n - in.left);
}

static void receive(struct http_connection *c, bytes plain)
{
    struct http1 *h = &c->h1;
    if (h->input.p) {
        c->dead |= !queue_put(&h->input, plain.p, plain.n);
        pump(c);
        return;
    }
    struct cursor in = cursor_of(plain);
    steps(c, &in);
    if (in.left > 0 && !c->closing && !queue_put(&h->input, in.p, in.left))
        c->dead = true;
}

static bool wants_input(const struct http_connection *c)
{
    const struct http1 *h = &c->h1;
    bool busy = h->exchange && h->exchange->state->phase != PHASE_BODY;
    return !h->input_ended && !(busy && queue_bytes(&h->input).n >= INPUT_PAUSE);
}

/* A client may shut its sending side after a request; a stream to it has no other way to learn that it left. */
static void ended(struct http_connection *c)
{
    struct http1 *h = &c->h1;
    uint8_t phase = h->exchange ? h->exchange->state->phase : PHASE_OVER;
    h->input_ended = true;
    if (phase != PHASE_IDLE && phase != PHASE_BODY_WHOLE && phase != PHASE_ANSWER)
        c->dead = !c->closing;
    h->keep_alive = false;
}

static void read_body(struct http_exchange *x)
{
    struct http_connection *c = x->connection;
    struct http1 *h = &c->h1;
    if (exchange_body_start(x) != BODY_TAKEN) {
        give_up_body(c);
        exchange_body_done(x);
        return;
    }
    if (!h->has_body) {
        exchange_body_done(x);
        return;
    }
    h->interim_due = h->expects_continue;
    if (h->interim_due)
        connection_queue(c);
    pump(c);
}

static void write_head(struct http_connection *c, const struct http_exchange *x, const struct http_header *headers,
    size_t count, bool whole, void (*put)(struct http_connection *, bytes))
{
    const struct http1 *h = &c->h1;
    int status = x->state->status;
    char digits[32];
    put(c, h->minor ? BYTES("HTTP/1.1 ") : BYTES("HTTP/1.0 "));
    put(c, (bytes){(const uint8_t[]){(uint8_t)('0' + status / 100 % 10), (uint8_t)('0' + status / 10 % 10),
                       (uint8_t)('0' + status % 10), ' '},
               4});
    put(c, bytes_of(http_reason(status)));
    put(c, BYTES("\r\n"));
    for (size_t i = 0; i < count; i++) {
        put(c, headers[i].name);
        put(c, BYTES(": "));
        put(c, headers[i].value);
        put(c, BYTES("\r\n"));
    }
    put(c, BYTES("Date: "));
    put(c, (bytes){(const uint8_t *)shard_date(c->shard), CLOCK_HTTP_SIZE - 1});
    if (whole && status != 204 && status != 304) {
        put(c, BYTES("\r\nContent-Length: "));
        put(c, (bytes){(const uint8_t *)digits, (size_t)snprintf(digits, sizeof digits, "%zu", x->state->rest.n)});
    } else if (!whole && h->minor && !h->websocket && exchange_body_allowed(x)) {
        put(c, BYTES("\r\nTransfer-Encoding: chunked"));
    }
    if (h->minor && !h->keep_alive && !h->websocket)
        put(c, BYTES("\r\nConnection: close"));
    else if (!h->minor && h->keep_alive)
        put(c, BYTES("\r\nConnection: keep-alive"));
    put(c, BYTES("\r\n\r\n"));
}

/* An unread body that the client waits to send, or a large one, is not worth the connection. */
static void settle_keep_alive(struct http_connection *c, bool whole)
{
    struct http1 *h = &c->h1;
    if (h->has_body && (h->expects_continue || h->body_left > DROP_MAX))
        give_up_body(c);
    if (h->draining || h->websocket || (!whole && h->minor == 0))
        h->keep_alive = false;
}

static void answer(struct http_exchange *x)
{
    connection_queue(x->connection);
}

static void put_queue(struct http_connection *c, bytes b)
{
    if (b.n && !queue_put(&c->h1.head, b.p, b.n))
        c->dead = true;
}

static void stream(struct http_exchange *x, const struct http_header *headers, size_t count)
{
    struct http_connection *c = x->connection;
    settle_keep_alive(c, false);
    write_head(c, x, headers, count, false, put_queue);
    connection_queue(c);
}

static void resume(struct http_exchange *x)
{
    connection_queue(x->connection);
}

/* The answer is written: closes, or goes on with what the client sent meanwhile. */
static void over(struct http_connection *c)
{
    struct http1 *h = &c->h1;
    struct http_exchange *x = h->exchange;
    h->exchange = NULL;
    exchange_end(x);
    if (!h->keep_alive || h->draining) {
        c->closing = true;
        c->linger |= h->has_body;
        return;
    }
    pump(c);
}

static bool send_body(struct http_connection *c, struct http_exchange_state *state)
{
    size_t room = ROUND_SIZE - c->shard->round_used;
    size_t n = state->rest.n < room ? state->rest.n : room;
    connection_write(c, (bytes){state->rest.p, n});
    state->rest = bytes_skip(state->rest, n);
    return state->rest.n == 0;
}

static bool send_answer(struct http_connection *c, struct http_exchange *x)
{
    struct http1 *h = &c->h1;
    if (!h->head_sent) {
        settle_keep_alive(c, true);
        write_head(c, x, x->state->headers, x->state->header_count, true, connection_write);
        h->head_sent = true;
        if (!exchange_body_allowed(x))
            x->state->rest = BYTES_NONE;
    }
    if (connection_writable(c) && send_body(c, x->state)) {
        over(c);
        return false;
    }
    return true;
}

/* True: a piece is at hand. False: *ret_more says whether to come back. */
static bool next_piece(struct http_connection *c, struct http_exchange *x)
{
    struct http1 *h = &c->h1;
    char size[24];
    switch (exchange_body_allowed(x) ? exchange_pull(x) : HTTP_PULL_END) {
    case HTTP_PULL_DATA:
        if (h->websocket)
            http1_websocket_message(c, x->state->rest.n);
        else if (h->minor)
            connection_write(
                c, (bytes){(const uint8_t *)size, (size_t)snprintf(size, sizeof size, "%zx\r\n", x->state->rest.n)});
        return true;
    case HTTP_PULL_WAIT:
        return false;
    case HTTP_PULL_END:
        if (h->websocket)
            http1_websocket_close(c);
        else if (h->minor && exchange_body_allowed(x))
            write_text(c, "0\r\n\r\n");
        over(c);
        return false;
    case HTTP_PULL_ABORT:
        break;
    }
    h->keep_alive = false;
    c->cut = true;
    over(c);
    return false;
}

static bool send_stream(struct http_connection *c, struct http_exchange *x)
{
    struct http1 *h = &c->h1;
    if (h->head.p) {
        connection_write(c, queue_bytes(&h->head));
        queue_free(&h->head);
    }
    while (connection_writable(c)) {
        if (x->state->rest.n == 0 && h->websocket && http1_websocket_control(c)) {
            over(c);
            return false;
        }
        if (x->state->rest.n == 0 && (x->state->waiting || !next_piece(c, x)))
            return false;
        if (connection_writable(c) && send_body(c, x->state) && h->minor && !h->websocket)
            write_text(c, "\r\n");
    }
    return !c->dead;
}

static bool send_more(struct http_connection *c)
{
    struct http1 *h = &c->h1;
    struct http_exchange *x = h->exchange;
    if (h->interim_due) {
        write_text(c, "HTTP/1.1 100 Continue\r\n\r\n");
        h->interim_due = h->expects_continue = false;
    }
    if (h->problem) {
        write_problem(c);
        return false;
    }
    if (x && x->state->phase == PHASE_ANSWER)
        return send_answer(c, x);
    if (x && x->state->phase == PHASE_STREAM && (!x->state->waiting || http1_websocket_due(h->websocket)))
        return send_stream(c, x);
    return false;
}

static void drain(struct http_connection *c)
{
    struct http1 *h = &c->h1;
    h->draining = true;
    if (!h->exchange && !h->has_body && !h->input.p) {
        c->closing = true;
        connection_queue(c);
    } else if (h->exchange) {
        http_resume(h->exchange); /* so that a watch sees it */
    }
}

static enum http_deadline deadline(const struct http_connection *c)
{
    const struct http1 *h = &c->h1;
    if (h->exchange)
        return h->exchange->state->phase == PHASE_BODY ? DEADLINE_BODY : DEADLINE_NONE;
    if (h->has_body)
        return DEADLINE_BODY;
    return h->input.p ? DEADLINE_HEAD : DEADLINE_IDLE;
}

static void expired(struct http_connection *c, enum http_deadline which)
{
    struct http1 *h = &c->h1;
    struct http_exchange *x = h->exchange;
    if (which == DEADLINE_IDLE) {
        c->closing = true;
        connection_queue(c);
        return;
    }
    if (x) {
        h->exchange = NULL;
        exchange_end(x);
    }
    give_up_body(c);
    fail(c, HTTP1_BODY_TIMEOUT);
}

static void finish(struct http_connection *c)
{
    struct http1 *h = &c->h1;
    struct http_exchange *x = h->exchange;
    h->exchange = NULL;
    if (x)
        exchange_end(x);
    http1_websocket_free(h->websocket);
    h->websocket = NULL;
    queue_free(&h->head);
    queue_free(&h->input);
}

const struct http_protocol http1_protocol = {
    .start = start,
    .receive = receive,
    .send = send_more,
    .wants_input = wants_input,
    .ended = ended,
    .drain = drain,
    .expired = expired,
    .deadline = deadline,
    .finish = finish,
    .answer = answer,
    .stream = stream,
    .resume = resume,
    .read_body = read_body,
};
