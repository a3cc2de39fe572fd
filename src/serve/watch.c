/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/watch.h"

#include "base/clock.h"
#include "base/random.h"
#include "serve/upgrade.h"
#include "serve/visible.h"
#include "serve/watch_hub.h"
#include "serve/watch_right.h"

#include <stdlib.h>

#define PIECE_WISHED      (32u << 10)
#define PIECE_ROWS        256        /* rows looked at for one piece: about a millisecond */
#define PIECE_MEMORY      (1u << 20) /* of the rows opened for it, whether it lets them through or not: so is this */
#define SELECTORS_LIMIT   (1u << 20)
#define DEFAULT_TIMEOUT_S 1800 /* to twice of it, at random, as kube-apiserver */
#define BOOKMARK_MS       60000
#define LAST_BOOKMARK_MS  2000 /* before the end */
#define DOUBT_MS          30000

/* The objects that a watch begins with, listed in pieces at one revision. */
struct initial {
    uint64_t revision, pin;
    bool pinned;
    size_t start_length;
    uint8_t start[STORE_KEY_MAX + 1]; /* the next key */
};

struct watch {
    struct http_source source;
    struct watch_member member;
    struct watch_hub *hub;
    struct server *server;
    struct presentation presentation;
    uint64_t position;       /* every row up to it was sent or passed over */
    uint64_t trusted;        /* at this revision what it rests on was looked at */
    struct initial *initial; /* NULL: done, or none */
    struct arena keep;       /* selectors; empty for most watches: an arena with anything in it has 2 KiB */
    struct arena piece;      /* what is being sent, when it isn't lent from a window */
    struct window *lent;
    struct timer timer;
    uint64_t end_ms, bookmark_ms, doubt_ms; /* doubt_ms: UINT64_MAX: never */
    struct task again;                      /* goes on after a turn in which there was too much to look at */
    bool again_posted, closed, ended, joined;
    bool bookmarks, initial_end, bookmark_due, columns_sent;
    bool messages;   /* a WebSocket: each pull gives one event */
    bytes rest;      /* of the piece at hand, then */
    uint8_t names[]; /* the namespace and the name of its path */
};

static struct watch *watch_of(struct http_source *source)
{
    return (struct watch *)source;
}

static struct loop *loop_of(const struct watch *w)
{
    return w->member.exchange->loop;
}

/* ---- Pieces. */

/* A line of an event for this watch; empty when it lets the event not through. */
static err_t line_for(struct watch *w, struct arena *arena, struct event *event, bytes *ret, struct error *error)
{
    *ret = BYTES_NONE;
    if (!event_concerns(event, &w->member.filter))
        return ERR_OK;
    enum event_type type = event_type_for(arena, event, &w->member.filter);
    if (arena->failed != ERR_OK)
        return arena_error(arena, error);
    if (type == EVENT_NONE)
        return ERR_OK;
    bool with_columns = w->presentation.form == FORM_TABLE && !w->columns_sent;
    TRY(event_line(arena, event, type, w->member.filter.kind, &w->presentation, with_columns, ret, error));
    w->columns_sent = true;
    return ERR_OK;
}

/* From the window that the hub lends: the next line in it, or nothing when it is taken. */
static err_t take_window(struct watch *w, bytes *ret, struct error *error)
{
    struct window *window = w->member.window;
    *ret = BYTES_NONE;
    for (struct event *event = window->first; event; event = event->next) {
        if (event->revision <= w->position)
            continue;
        TRY(line_for(w, &window->arena, event, ret, error));
        w->position = event->revision;
        if (ret->n) {
            w->lent = window_get(window);
            return ERR_OK;
        }
    }
    watch_hub_took(&w->member);
    return ERR_OK;
}

/* Asks to be pulled again in the next turn: others come first. */
static void go_on_later(struct watch *w)
{
    if (w->again_posted)
        return;
    w->again_posted = true;
    loop_post(loop_of(w), &w->again);
}

/* Whether the next row is for the next piece. */
static bool piece_is_full(const struct watch *w, const struct buffer *piece, unsigned rows)
{
    return rows == PIECE_ROWS || piece->n >= PIECE_WISHED || w->piece.used >= PIECE_MEMORY;
}

/* A row that may end what the watch rests on, which the hub may not have come to: before it, that is looked at. */
static bool stops_at(struct watch *w, const struct record *record)
{
    size_t count, i = 0;
    const struct watch_need *needs = watch_right_needs(w->member.right, &count);
    const struct kind *kind =
        count > 0 && record->revision > w->trusted ? kind_by_number(registry_current(), record->key.kind) : NULL;

    while (kind && i < count && !watch_need_ends(&needs[i], kind, record))
        i++;
    if (!kind || i == count)
        return false;
    w->trusted = record->revision;
    return w->member.doubted = true;
}

/* Reads the log itself, up to a piece full. Catches up with the hub when nothing is left. */
static err_t read_log(struct watch *w, struct read_txn *txn, struct buffer *piece, struct error *error)
{
    struct record record;
    bool selective = w->member.filter.labels.count || w->member.filter.fields.count;
    for (unsigned rows = 0; !piece_is_full(w, piece, rows); rows++) {
        bytes line;
        struct event event;
        int found = store_next(txn, w->position, &record);
        if (found < 0)
            return error_set(error, ERR_EXPIRED, "too old resource version: %llu (%llu)",
                (unsigned long long)w->position, (unsigned long long)store_compacted(txn));
        if (found == 0) {
            if (store_revision(txn) > w->position)
                w->position = store_revision(txn);
            w->member.live = true;
            return ERR_OK;
        }
        if (stops_at(w, &record))
            break;
        if (record.key.kind == w->member.filter.kind->number) {
            TRY(event_open(w->server, &w->piece, txn, w->member.filter.kind, &record, selective, &event, error));
            TRY(line_for(w, &w->piece, &event, &line, error));
            buffer_put(piece, line);
        }
        w->position = record.revision;
    }
    go_on_later(w);
    return piece->failed ? arena_error(&w->piece, error) : ERR_OK;
}

static void initial_end(struct watch *w)
{
    w->position = w->initial->revision;
    if (w->initial->pinned)
        store_unpin(w->server->store, w->initial->pin);
    free(w->initial);
    w->initial = NULL;
}

/* The next objects of the state at which the watch begins. */
static err_t read_initial(struct watch *w, struct read_txn *txn, struct buffer *piece, struct error *error)
{
    struct initial *initial = w->initial;
    struct record record;
    const struct event_filter *filter = &w->member.filter;
    bytes prefix = filter->namespace.n ? arena_join(&w->piece, filter->namespace, BYTES("/"), ARENA_END) : BYTES_NONE;
    struct range range = {.txn = txn,
        .kind = filter->kind->number,
        .prefix = prefix,
        .start = {initial->start, initial->start_length},
        .name = filter->kind->namespaced ? field_selector_required_name(&filter->fields) : BYTES_NONE,
        .revision = initial->revision};
    if (filter->namespace.n && !prefix.p)
        return arena_error(&w->piece, error);
    TRY(range_begin(&range, error));
    err_t result = ERR_OK;
    int found = 0;
    for (unsigned rows = 0; result == ERR_OK && (found = range_next(&range, &record)) == 1; rows++) {
        struct event event;
        bytes line = BYTES_NONE;
        if (piece_is_full(w, piece, rows))
            break;
        result = event_open_initial(w->server, &w->piece, filter->kind, &record, &event, error);
        if (result == ERR_OK)
            result = line_for(w, &w->piece, &event, &line, error);
        buffer_put(piece, line);
    }
    range_end(&range);
    if (result == ERR_OK && piece->failed)
        result = arena_error(&w->piece, error);
    if (result != ERR_OK)
        return result;
    if (found == 1) { /* a key that was not sent: where to go on */
        memcpy(initial->start, record.key.name.p, record.key.name.n);
        initial->start_length = record.key.name.n;
        go_on_later(w);
        return ERR_OK;
    }
    initial_end(w);
    go_on_later(w); /* rows since then */
    if (!w->initial_end)
        return ERR_OK;
    bytes line;
    TRY(event_bookmark(&w->piece, filter->kind, &w->presentation, w->position, true, &line, error));
    buffer_put(piece, line);
    return piece->failed ? arena_error(&w->piece, error) : ERR_OK;
}

static err_t read_store(struct watch *w, bytes *ret, struct error *error)
{
    struct read_txn *txn;
    struct buffer piece;
    buffer_init(&piece, &w->piece);
    TRY(store_read_begin(w->server->store, &txn, error));
    err_t result = w->initial ? read_initial(w, txn, &piece, error) : read_log(w, txn, &piece, error);
    store_read_end(txn);
    *ret = buffer_bytes(&piece);
    return result;
}

static err_t bookmark(struct watch *w, bytes *ret, struct error *error)
{
    uint64_t seen = watch_hub_position(w->hub) > w->position ? watch_hub_position(w->hub) : w->position;
    w->bookmark_due = false;
    return event_bookmark(&w->piece, w->member.filter.kind, &w->presentation, seen, false, ret, error);
}

/* What there is to send now; empty when nothing. */
static err_t next_piece(struct watch *w, bytes *ret, struct error *error)
{
    *ret = BYTES_NONE;
    if (w->initial || !w->member.live) {
        TRY(read_store(w, ret, error));
        if (ret->n || w->again_posted)
            return ERR_OK;
    }
    if (w->member.window)
        TRY(take_window(w, ret, error));
    if (!ret->n && w->bookmark_due && w->member.live)
        TRY(bookmark(w, ret, error));
    return ERR_OK;
}

/* The request's memory is given back as soon as the stream runs: an idle watch is small. */
static void slim(struct watch *w)
{
    struct http_exchange *x = w->member.exchange;
    if (x->user) {
        kind_release(request_of(x)->kind); /* the watch has its own reference */
        x->user = NULL;
        arena_reset(&x->arena);
    }
}

/* The next event of what is left of the piece. In protobuf its length, which a message has of its own, is left out. */
static bytes take_message(struct watch *w)
{
    struct cursor c = cursor_of(w->rest);
    uint64_t n = 0;
    bytes message = w->rest;
    if (w->presentation.encoding != ENCODING_PROTOBUF)
        n = bytes_find(w->rest, '\n') + 1;
    else if (!cursor_uint(&c, EVENT_LENGTH_SIZE, &n))
        n = c.left;
    if (cursor_take(&c, (size_t)n, &message))
        w->rest = (bytes){c.p, c.left};
    else
        w->rest = BYTES_NONE;
    return message;
}

static enum http_pull watch_pull(struct http_source *source, struct http_exchange *x, bytes *ret)
{
    struct watch *w = watch_of(source);
    struct error error;
    bytes piece;
    slim(w);
    (void)watch_hub_judge(&w->member); /* a row may be read before the hub's turn */
    if (w->rest.n && !w->member.withdrawn) {
        *ret = take_message(w);
        return HTTP_PULL_DATA;
    }
    w->rest = BYTES_NONE;
    window_put(w->lent);
    w->lent = NULL;
    arena_reset(&w->piece);
    if (w->ended || http_draining(x) || w->member.withdrawn == ERR_FORBIDDEN)
        return HTTP_PULL_END;
    error_init(&error, &w->piece);
    err_t result = w->member.withdrawn
                       ? error_set(&error, ERR_EXPIRED, "the names that you may see have changed: list them anew")
                       : next_piece(w, &piece, &error);
    if (result == ERR_EXPIRED) {
        w->ended = true;
        result = event_error(&w->piece, &w->presentation, &error, &piece);
    }
    if (result != ERR_OK)
        return HTTP_PULL_ABORT;
    if (!piece.n)
        return w->member.ends && w->member.live ? HTTP_PULL_END : HTTP_PULL_WAIT;
    w->rest = w->messages ? piece : BYTES_NONE;
    *ret = w->messages ? take_message(w) : piece;
    return HTTP_PULL_DATA;
}

/* ---- Life. */

static void watch_free(struct watch *w)
{
    watch_right_free(w->member.right);
    arena_reset(&w->keep);
    free(w);
}

static void watch_end(struct watch *w)
{
    timer_cancel(loop_of(w), &w->timer);
    if (w->joined)
        watch_hub_leave(w->hub, &w->member);
    if (w->initial)
        initial_end(w);
    window_put(w->lent);
    arena_reset(&w->piece);
    kind_release(w->member.filter.kind);
    w->closed = true;
    if (!w->again_posted)
        watch_free(w);
}

static void watch_close(struct http_source *source, struct http_exchange *x)
{
    struct watch *w = watch_of(source);
    (void)x;
    slim(w);
    watch_end(w);
}

static void go_on(struct task *task)
{
    struct watch *w = (struct watch *)((char *)task - offsetof(struct watch, again));
    w->again_posted = false;
    if (w->closed)
        watch_free(w);
    else
        http_resume(w->member.exchange);
}

static void arm(struct watch *w)
{
    uint64_t now = loop_now_ms(loop_of(w));
    uint64_t due = w->bookmarks && w->bookmark_ms < w->end_ms ? w->bookmark_ms : w->end_ms;
    due = w->doubt_ms < due ? w->doubt_ms : due;
    timer_set(loop_of(w), &w->timer, due > now ? due - now : 1);
}

/* Keys of issuers are fetched anew, and objects that are being deleted come to their end, without a row that says so.
 */
static void doubt(struct watch *w, uint64_t now)
{
    w->doubt_ms = now + DOUBT_MS;
    w->member.doubted = true;
    if (watch_hub_judge(&w->member))
        http_resume(w->member.exchange);
}

static void plan_bookmark(struct watch *w, uint64_t now)
{
    uint64_t last = w->end_ms > LAST_BOOKMARK_MS ? w->end_ms - LAST_BOOKMARK_MS : 0;
    w->bookmark_due = true;
    w->bookmark_ms = now + BOOKMARK_MS < last || now >= last ? now + BOOKMARK_MS : last;
    http_resume(w->member.exchange);
}

static void watch_timer(struct timer *timer)
{
    struct watch *w = (struct watch *)((char *)timer - offsetof(struct watch, timer));
    uint64_t now = loop_now_ms(loop_of(w));
    if (now >= w->end_ms) {
        w->ended = true;
        http_resume(w->member.exchange);
        return;
    }
    if (now >= w->doubt_ms)
        doubt(w, now);
    if (w->bookmarks && now >= w->bookmark_ms)
        plan_bookmark(w, now);
    arm(w);
}

/* No longer than the certificate or token that asks: each request checks its end, and this one goes on. */
static uint64_t longest(const struct request *r)
{
    const struct x509_identity *peer = http_peer(r->exchange);
    int64_t left = r->credential.expires, now = clock_wall_seconds();
    if (peer && r->credential.token.n == 0)
        left = peer->not_after < INT64_MAX ? peer->not_after + 1 : INT64_MAX; /* it is good in that second, too */
    return left <= now ? 0 : left - now < INT32_MAX ? (uint64_t)(left - now) : INT32_MAX;
}

static void plan_end(struct watch *w, const struct request *r)
{
    const struct request_options *o = &r->options;
    uint64_t now = loop_now_ms(loop_of(w)), most = longest(r);
    uint64_t seconds =
        o->timeout_seconds > 0 ? (uint64_t)o->timeout_seconds : DEFAULT_TIMEOUT_S + random_below(DEFAULT_TIMEOUT_S);
    seconds = seconds < most ? seconds : most;
    w->end_ms = now + seconds * 1000;
    w->doubt_ms = UINT64_MAX;
    if (watch_right_can_lapse(w->member.right)) /* those that began together are not looked at together */
        w->doubt_ms = now + 1 + random_below(DOUBT_MS);
    w->bookmarks = o->allow_bookmarks;
    uint64_t last = seconds * 1000 > LAST_BOOKMARK_MS ? w->end_ms - LAST_BOOKMARK_MS : now + 1;
    w->bookmark_ms = now + BOOKMARK_MS < last ? now + BOOKMARK_MS : last;
    arm(w);
}

static bytes keep_name(uint8_t *to, bytes name)
{
    if (!name.n)
        return BYTES_NONE;
    memcpy(to, name.p, name.n);
    return (bytes){to, name.n};
}

/* Names and selectors outlive the request: selectors are parsed anew from their texts into the watch's own arena. */
static err_t keep_filter(struct watch *w, const struct request *r, struct error *error)
{
    struct event_filter *filter = &w->member.filter;
    filter->kind = kind_hold(r->kind);
    if (r->options.label_selector.n)
        TRY(label_selector_parse(&w->keep, arena_copy(&w->keep, r->options.label_selector), &filter->labels, error));
    if (r->options.field_selector.n)
        TRY(field_selector_parse(
            &w->keep, r->kind, arena_copy(&w->keep, r->options.field_selector), &filter->fields, error));
    filter->namespace = keep_name(w->names, r->namespace);
    bytes name = keep_name(w->names + r->namespace.n, r->name);
    if (!name.n)
        name = field_selector_required_name(&filter->fields);
    /* One name is a bucket of its own only together with its namespace. */
    if (r->namespace.n || !r->kind->namespaced)
        filter->name = name;
    const struct watch_right *alike = r->visible.limited ? watch_hub_alike(w->hub, filter, &r->visible) : NULL;
    TRY(watch_right_new(&w->keep, r, &filter->fields, alike, &w->member.right, error));
    filter->visible = watch_right_visible(w->member.right);
    return w->keep.failed != ERR_OK ? arena_error(&w->keep, error) : ERR_OK;
}

/* Where the watch begins: with all objects of now, or after a revision. */
static err_t plan_begin(struct watch *w, const struct request *r, uint64_t newest, struct error *error)
{
    const struct request_options *o = &r->options;
    bool wants_state = o->has_send_initial_events ? o->send_initial_events : !o->has_revision || o->revision == 0;
    if (!wants_state) {
        w->position = o->has_revision && o->revision ? o->revision : newest;
        return ERR_OK;
    }
    w->initial = calloc(1, sizeof(*w->initial));
    if (!w->initial)
        return error_set(error, ERR_NO_MEMORY, "no memory for a watch");
    w->initial->revision = newest;
    w->initial->pinned = store_pin(w->server->store, newest, &w->initial->pin);
    w->initial_end = o->allow_bookmarks && (o->has_send_initial_events || (o->has_revision && o->revision == 0));
    return ERR_OK;
}

static err_t watch_prepare(struct watch *w, struct request *r, uint64_t newest)
{
    w->source = (struct http_source){.pull = watch_pull, .close = watch_close};
    w->again.run = go_on;
    w->timer.fire = watch_timer;
    w->server = r->server;
    w->hub = server_loop_current(r->server)->watch;
    w->presentation = r->presentation;
    w->member.exchange = r->exchange;
    arena_init(&w->keep, SELECTORS_LIMIT);
    arena_init(&w->piece, READ_ARENA_LIMIT);
    TRY(keep_filter(w, r, &r->error));
    TRY(plan_begin(w, r, newest, &r->error));
    if (!watch_hub_join(w->hub, &w->member))
        return error_set(&r->error, ERR_UNAVAILABLE, "the store cannot be read now");
    w->joined = true;
    w->trusted = newest; /* joined after it, and is looked at now */
    w->member.rules = UINT64_MAX;
    (void)watch_hub_judge(&w->member); /* the request may have waited for its revision */
    return ERR_OK;
}

static err_t newest_revision(struct server *server, uint64_t *ret, struct error *error)
{
    struct read_txn *txn;
    TRY(store_read_begin(server->store, &txn, error));
    *ret = store_revision(txn);
    store_read_end(txn);
    return ERR_OK;
}

static err_t watch_answer(struct watch *w, struct request *r, bytes protocol)
{
    bytes type = presentation_content_type(&r->presentation, true);
    size_t count;
    const struct http_header *headers = answer_headers(r, type, NULL, 0, &count);
    w->messages = http_websocket_asked(r->exchange);
    if (!headers)
        return arena_error(r->arena, &r->error);
    plan_end(w, r);
    if (!w->messages)
        http_stream(r->exchange, 200, headers, count, &w->source);
    else if (!http_websocket(r->exchange, protocol, r->presentation.encoding == ENCODING_JSON, &w->source))
        return error_set(&r->error, ERR_NO_MEMORY, "no memory for a watch");
    return ERR_OK;
}

enum step_result watch_start(struct request *r)
{
    uint64_t newest;
    bytes protocol = BYTES_NONE;
    if (newest_revision(r->server, &newest, &r->error) != ERR_OK)
        return STEP_FAIL;
    if (r->options.has_send_initial_events && r->options.send_initial_events && r->options.has_revision &&
        r->options.revision > newest)
        return wait_for_revision(r, r->options.revision, newest);
    if (http_websocket_asked(r->exchange)) {
        enum step_result result = upgrade_check(r, &protocol);
        if (result != STEP_NEXT)
            return result;
    }
    struct watch *w = calloc(1, sizeof(*w) + r->namespace.n + r->name.n);
    if (!w)
        return error_set(&r->error, ERR_NO_MEMORY, "no memory for a watch"), STEP_FAIL;
    if (watch_prepare(w, r, newest) != ERR_OK || watch_answer(w, r, protocol) != ERR_OK) {
        watch_end(w);
        return STEP_FAIL;
    }
    return STEP_DONE;
}
