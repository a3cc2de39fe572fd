/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 on a connection, by nghttp2. Frames go from the source's piece to the TLS record without a copy of ours in
 * nghttp2. */
#include "base/memory.h"
#include "net/http2_memory.h"
#include "net/http_internal.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#define STREAMS_MAX        1000
#define CONNECTION_WINDOW  (1 << 20)
#define STREAM_WINDOW_MAX  (1 << 20)
#define STREAM_WINDOW      65535
#define ANSWER_HEADERS_MAX 60
#define RESETS_BURST       500
#define RESETS_PER_SECOND  50
#define HEADER_COST        32                /* of each, beside its bytes (RFC 9113 6.5.2) */
#define HEADERS_OPEN_MAX   ((size_t)4 << 20) /* of all open streams: a byte of HPACK can stand for 4 KB */
#define FRAMES_WAITING_MAX 8192              /* that a peer who does not read makes us owe it */

struct http2 {
    nghttp2_session *session;
    struct http_exchange *streams;
    struct http2_memory memory;
    uint64_t resets_ms;
    unsigned resets;
    size_t header_bytes; /* of the open streams */
    bool blocked;        /* this round is full */
};

/* Counts a reset that we were made to send, or that came before an answer; more than a client in good faith needs end
 * the session. */
static void count_reset(struct http_connection *c)
{
    struct http2 *h = c->h2;
    uint64_t now = loop_now_ms(c->shard->loop);
    uint64_t forgiven = (now - h->resets_ms) * RESETS_PER_SECOND / 1000;
    if (forgiven > 0) {
        h->resets = forgiven < h->resets ? h->resets - (unsigned)forgiven : 0;
        h->resets_ms = now;
    }
    if (++h->resets > RESETS_BURST)
        nghttp2_session_terminate_session(h->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void reset_stream(struct http_connection *c, int32_t stream, uint32_t code)
{
    if (nghttp2_submit_rst_stream(c->h2->session, NGHTTP2_FLAG_NONE, stream, code) != 0)
        c->dead = true;
    connection_queue(c);
}

static struct http_exchange *stream_exchange(struct http_connection *c, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(c->h2->session, stream);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http_connection *c = user;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct http_exchange *x = exchange_new(c);
    if (!x)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, x) != 0) {
        exchange_end(x);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    x->http2 = true;
    x->state->stream_id = frame->hd.stream_id;
    x->state->next = c->h2->streams;
    x->state->link = &c->h2->streams;
    if (x->state->next)
        x->state->next->state->link = &x->state->next;
    c->h2->streams = x;
    return 0;
}

/* A copy of name and value in the arena, in one piece. */
static bool copy_header(struct http_exchange *x, bytes name, bytes value, struct http_header *ret)
{
    uint8_t *p = arena_alloc(&x->arena, name.n + value.n);
    if (!p)
        return false;
    memcpy(p, name.p, name.n);
    if (value.n)
        memcpy(p + name.n, value.p, value.n);
    *ret = (struct http_header){{p, name.n}, {p + name.n, value.n}};
    return true;
}

static bool add_header(struct http_exchange *x, struct http_header header)
{
    struct http_exchange_state *state = x->state;
    if (x->header_count == state->header_capacity) {
        size_t capacity = state->header_capacity ? 2 * state->header_capacity : 16;
        struct http_header *grown = arena_alloc(&x->arena, capacity * sizeof *grown);
        if (!grown)
            return false;
        if (x->header_count)
            memcpy(grown, x->headers, x->header_count * sizeof *grown);
        x->headers = state->request_headers = grown;
        state->header_capacity = capacity;
    }
    state->request_headers[x->header_count++] = header;
    return true;
}

static bool add_pseudo_header(struct http_exchange *x, const struct http_header *header)
{
    if (bytes_equal(header->name, BYTES(":method"))) {
        x->method = header->value;
        x->state->head_only = bytes_equal(header->value, BYTES("HEAD"));
    } else if (bytes_equal(header->name, BYTES(":path"))) {
        size_t mark = bytes_find(header->value, '?');
        x->path = (bytes){header->value.p, mark};
        x->query = mark < header->value.n ? bytes_skip(header->value, mark + 1) : BYTES_NONE;
    } else if (bytes_equal(header->name, BYTES(":authority"))) {
        x->authority = header->value;
    }
    return true;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
    const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    struct http_connection *c = user;
    struct http_exchange *x = stream_exchange(c, frame->hd.stream_id);
    size_t max = connection_server(c)->options.max_header;
    (void)flags;
    if (!x || frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    struct http_exchange_state *state = x->state;
    state->header_bytes += name_n + value_n + HEADER_COST;
    c->h2->header_bytes += name_n + value_n + HEADER_COST;
    if (state->header_bytes > 4 * max)
        return nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM) == 0
                   ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE
                   : NGHTTP2_ERR_CALLBACK_FAILURE;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST || state->head_refused) /* trailers are dropped */
        return 0;
    struct http_header header;
    if (state->header_bytes > max || x->header_count >= HTTP_HEADERS_MAX) {
        state->head_refused = 431;
        return 0;
    }
    if (c->h2->header_bytes > HEADERS_OPEN_MAX) {
        state->head_refused = 429;
        return 0;
    }
    if (!copy_header(x, (bytes){name, name_n}, (bytes){value, value_n}, &header) ||
        !(name[0] == ':' ? add_pseudo_header(x, &header) : add_header(x, header))) {
        if (x->arena.failed == ERR_NO_MEMORY)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        state->head_refused = 429; /* the arena is full, or all of them together */
        return 0;
    }
    if (bytes_equal(header.name, BYTES("content-length")) && !bytes_to_uint64(header.value, &state->content_length))
        state->content_length = UINT64_MAX; /* nghttp2 refused what is no number, and compares with what comes */
    if (bytes_equal(header.name, BYTES("host")) && !x->authority.p)
        x->authority = header.value;
    return 0;
}

/* An answer that the handler has no part in. */
static void refuse(struct http_exchange *x, int status)
{
    x->state->phase = PHASE_IDLE;
    http_answer(x, status, NULL, 0, BYTES_NONE);
}

static void request_head(struct http_exchange *x)
{
    bool star = bytes_equal(x->path, BYTES("*")) && bytes_equal(x->method, BYTES("OPTIONS"));
    if (x->state->head_refused)
        refuse(x, x->state->head_refused);
    else if (!star && !bytes_start(x->path, BYTES("/")))
        refuse(x, 400);
    else
        exchange_head(x);
}

static void body_ended(struct http_exchange *x)
{
    if (x->state->input_ended)
        return;
    x->state->input_ended = true;
    if (x->state->phase == PHASE_BODY)
        exchange_body_done(x);
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http_exchange *x;
    (void)session;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    x = stream_exchange(user, frame->hd.stream_id);
    if (!x || x->state->phase == PHASE_OVER)
        return 0;
    bool last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        x->state->input_ended = last;
        request_head(x);
    } else if (last) {
        body_ended(x);
    }
    return 0;
}

static void consumed(struct http_connection *c, int32_t stream, size_t n)
{
    if (n > 0 && (nghttp2_session_consume_connection(c->h2->session, n) != 0 ||
                     (stream && nghttp2_session_consume_stream(c->h2->session, stream, n) != 0)))
        c->dead = true;
}

static void body_piece(struct http_exchange *x, bytes piece)
{
    if (piece.n > 0 && exchange_body_put(x, piece) != BODY_TAKEN)
        exchange_body_done(x);
}

/* Early bytes keep their share of both windows until somebody reads them: so a connection holds at most its window of
 * them. */
static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *p, size_t n, void *user)
{
    struct http_connection *c = user;
    struct http_exchange *x = stream_exchange(c, stream);
    (void)session, (void)flags;
    if (x && x->state->phase == PHASE_IDLE) {
        if (!queue_put(&x->state->early, p, n))
            c->dead = true;
        return 0;
    }
    if (x && x->state->phase == PHASE_BODY && !x->state->body_refused) {
        consumed(c, stream, n);
        body_piece(x, (bytes){p, n});
    } else {
        consumed(c, 0, n);
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    struct http_connection *c = user;
    struct http_exchange *x = nghttp2_session_get_stream_user_data(session, stream);
    if (!x)
        return 0;
    if (code != NGHTTP2_NO_ERROR && x->state->phase < PHASE_ANSWER)
        count_reset(c);
    consumed(c, 0, queue_bytes(&x->state->early).n);
    c->h2->header_bytes -= x->state->header_bytes;
    *x->state->link = x->state->next;
    if (x->state->next)
        x->state->next->state->link = x->state->link;
    nghttp2_session_set_stream_user_data(session, stream, NULL);
    exchange_end(x);
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct http_connection *c = user;
    (void)session;
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        count_reset(c);
    } else if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
               (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)) {
        struct http_exchange *x = stream_exchange(c, frame->hd.stream_id);
        if (x && !x->state->input_ended) /* answered whole, and no more of the request is wanted (RFC 9113 8.1) */
            reset_stream(c, frame->hd.stream_id, NGHTTP2_NO_ERROR);
    }
    return 0;
}

static ssize_t read_data(nghttp2_session *session, int32_t stream, uint8_t *buffer, size_t room, uint32_t *flags,
    nghttp2_data_source *source, void *user)
{
    struct http_exchange *x = source->ptr;
    struct http_exchange_state *state = x->state;
    (void)session, (void)stream, (void)buffer, (void)user;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (state->phase == PHASE_STREAM && state->rest.n == 0) {
        switch (exchange_pull(x)) {
        case HTTP_PULL_DATA:
            break;
        case HTTP_PULL_WAIT:
            return NGHTTP2_ERR_DEFERRED;
        case HTTP_PULL_END:
            *flags |= NGHTTP2_DATA_FLAG_EOF;
            return 0;
        case HTTP_PULL_ABORT:
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* nghttp2 resets the stream with INTERNAL_ERROR */
        }
    }
    size_t n = state->rest.n < room ? state->rest.n : room;
    if (state->phase == PHASE_ANSWER && n == state->rest.n)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static int send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t n,
    nghttp2_data_source *source, void *user)
{
    struct http_connection *c = user;
    struct http_exchange *x = source->ptr;
    (void)session, (void)frame;
    if (!connection_writable(c)) {
        c->h2->blocked = true;
        return NGHTTP2_ERR_WOULDBLOCK;
    }
    connection_write(c, (bytes){head, 9});
    connection_write(c, (bytes){x->state->rest.p, n});
    x->state->rest = bytes_skip(x->state->rest, n);
    x->state->since_ms = loop_now_ms(x->loop);
    return 0;
}

/* Made once, for all sessions of the process, and kept. */
static nghttp2_session_callbacks *callbacks;
static nghttp2_option *option;

static void callbacks_make(void)
{
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
    if (nghttp2_option_new(&option) != 0)
        return;
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, 0);
}

static bool start(struct http_connection *c)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    /* No SETTINGS_HEADER_TABLE_SIZE of 0, although the table keeps request headers as long as the connection: Go's
     * client up to 2022 (kubectl 1.20) acknowledges it and goes on indexing, which is a COMPRESSION_ERROR. The table is
     * wiped when it is freed. */
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)connection_server(c)->options.max_header},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    pthread_once(&once, callbacks_make);
    struct http2 *h = callbacks && option ? calloc(1, sizeof *h) : NULL;
    if (!h)
        return false;
    nghttp2_mem allocator = http2_memory_allocator(&h->memory);
    if (nghttp2_session_server_new3(&h->session, callbacks, c, option, &allocator) != 0 ||
        nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) != 0 ||
        nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW) != 0) {
        nghttp2_session_del(h->session);
        http2_memory_free(&h->memory);
        free(h);
        return false;
    }
    h->resets_ms = loop_now_ms(c->shard->loop);
    c->h2 = h;
    connection_queue(c);
    return true;
}

static void close_when_done(struct http_connection *c)
{
    nghttp2_session *session = c->h2->session;
    if (!nghttp2_session_want_read(session) && !nghttp2_session_want_write(session))
        c->closing = c->linger = true;
}

static void receive(struct http_connection *c, bytes plain)
{
    ssize_t n = nghttp2_session_mem_recv(c->h2->session, plain.p, plain.n);
    /* nghttp2 bounds the PING and SETTINGS that wait to be acknowledged, but no resets of streams that it refuses. */
    if (n < 0 || nghttp2_session_get_outbound_queue_size(c->h2->session) > FRAMES_WAITING_MAX)
        c->dead = true;
    else
        connection_queue(c);
}

static bool send_more(struct http_connection *c)
{
    struct http2 *h = c->h2;
    const uint8_t *p;
    h->blocked = false;
    while (connection_writable(c)) {
        ssize_t n = nghttp2_session_mem_send(h->session, &p);
        if (n < 0)
            c->dead = true;
        if (n <= 0 && !h->blocked)
            close_when_done(c);
        if (n <= 0)
            return h->blocked;
        connection_write(c, (bytes){p, (size_t)n});
    }
    return !c->dead;
}

static bool wants_input(const struct http_connection *c)
{
    (void)c;
    return true;
}

static void ended(struct http_connection *c)
{
    c->dead = true;
}

static void submit(struct http_exchange *x, const struct http_header *headers, size_t count, bool borrowed)
{
    struct http_connection *c = x->connection;
    struct http_exchange_state *state = x->state;
    uint8_t value_flag = borrowed ? NGHTTP2_NV_FLAG_NO_COPY_VALUE : NGHTTP2_NV_FLAG_NONE;
    nghttp2_nv nv[ANSWER_HEADERS_MAX + 3];
    size_t n = 0;
    char status[16], length[24];
    bool whole = state->phase == PHASE_ANSWER;
    const struct http_header ours[] = {
        {BYTES(":status"), {(const uint8_t *)status, (size_t)snprintf(status, sizeof status, "%d", state->status)}},
        {BYTES("date"), {(const uint8_t *)shard_date(c->shard), CLOCK_HTTP_SIZE - 1}},
        {BYTES("content-length"),
            {(const uint8_t *)length, (size_t)snprintf(length, sizeof length, "%zu", state->rest.n)}},
    };
    bool has_length = whole && state->status != 204 && state->status != 304;
    nv[n++] = (nghttp2_nv){
        (uint8_t *)(uintptr_t)ours[0].name.p, (uint8_t *)(uintptr_t)ours[0].value.p, 7, ours[0].value.n, 0};
    for (size_t i = 0; i < count && n < ANSWER_HEADERS_MAX; i++)
        nv[n++] = (nghttp2_nv){(uint8_t *)(uintptr_t)headers[i].name.p, (uint8_t *)(uintptr_t)headers[i].value.p,
            headers[i].name.n, headers[i].value.n, value_flag};
    for (size_t i = 1; i < (has_length ? 3u : 2u); i++)
        nv[n++] = (nghttp2_nv){(uint8_t *)(uintptr_t)ours[i].name.p, (uint8_t *)(uintptr_t)ours[i].value.p,
            ours[i].name.n, ours[i].value.n, 0};
    bool data = exchange_body_allowed(x) && (!whole || state->rest.n > 0);
    const nghttp2_data_provider provider = {{.ptr = x}, read_data};
    if (nghttp2_submit_response(c->h2->session, state->stream_id, nv, n, data ? &provider : NULL) != 0)
        reset_stream(c, state->stream_id, NGHTTP2_INTERNAL_ERROR);
    connection_queue(c);
}

static void answer(struct http_exchange *x)
{
    submit(x, x->state->headers, x->state->header_count, true);
}

static void stream(struct http_exchange *x, const struct http_header *headers, size_t count)
{
    submit(x, headers, count, false);
    if (!exchange_body_allowed(x))
        exchange_source_close(x);
}

static void resume(struct http_exchange *x)
{
    struct http_connection *c = x->connection;
    if (nghttp2_session_resume_data(c->h2->session, x->state->stream_id) == 0)
        connection_queue(c);
}

static void read_body(struct http_exchange *x)
{
    struct http_connection *c = x->connection;
    struct http_exchange_state *state = x->state;
    if (exchange_body_start(x) != BODY_TAKEN) {
        exchange_body_done(x);
        return;
    }
    size_t early = queue_bytes(&state->early).n;
    if (early > 0) {
        consumed(c, state->stream_id, early);
        body_piece(x, queue_bytes(&state->early));
        queue_free(&state->early);
    }
    if (state->input_ended && state->phase == PHASE_BODY)
        exchange_body_done(x);
    else if (state->body_limit > STREAM_WINDOW &&
             (state->content_length == UINT64_MAX || state->content_length > STREAM_WINDOW) &&
             nghttp2_session_set_local_window_size(
                 c->h2->session, NGHTTP2_FLAG_NONE, state->stream_id, STREAM_WINDOW_MAX) != 0)
        c->dead = true;
    connection_queue(c);
}

static void drain(struct http_connection *c)
{
    struct http2 *h = c->h2;
    if (nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->session),
            NGHTTP2_NO_ERROR, NULL, 0) != 0)
        c->dead = true;
    for (struct http_exchange *x = h->streams; x; x = x->state->next)
        http_resume(x); /* so that watches see it */
    connection_queue(c);
}

static enum http_deadline deadline(const struct http_connection *c)
{
    return c->h2->streams ? DEADLINE_TICK : DEADLINE_IDLE;
}

/* Looks at every stream for one that takes too long. */
static void tick(struct http_connection *c)
{
    const struct http_options *o = &connection_server(c)->options;
    uint64_t now = loop_now_ms(c->shard->loop);
    for (struct http_exchange *x = c->h2->streams; x; x = x->state->next) {
        struct http_exchange_state *state = x->state;
        uint64_t age = now - state->since_ms;
        bool sending = state->phase == PHASE_ANSWER || (state->phase == PHASE_STREAM && !state->waiting);
        if (state->phase == PHASE_HEAD && age >= o->head_timeout_ms)
            nghttp2_session_terminate_session(c->h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
        else if (state->phase == PHASE_BODY && age >= o->body_timeout_ms)
            refuse(x, 408);
        else if (sending && age >= o->stall_timeout_ms)
            reset_stream(c, state->stream_id, NGHTTP2_CANCEL);
    }
    connection_queue(c);
}

static void expired(struct http_connection *c, enum http_deadline which)
{
    if (which == DEADLINE_TICK)
        tick(c);
    else if (nghttp2_session_terminate_session(c->h2->session, NGHTTP2_NO_ERROR) == 0)
        connection_queue(c);
    else
        c->dead = true;
}

static void finish(struct http_connection *c)
{
    struct http2 *h = c->h2;
    while (h->streams) { /* nghttp2_session_del calls no on_stream_close */
        struct http_exchange *x = h->streams;
        h->streams = x->state->next;
        if (h->streams)
            h->streams->state->link = &h->streams;
        exchange_end(x);
    }
    nghttp2_session_del(h->session);
    http2_memory_free(&h->memory);
    free(h);
    c->h2 = NULL;
}

const struct http_protocol http2_protocol = {
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
