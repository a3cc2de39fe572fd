/* SPDX-License-Identifier: Apache-2.0 */
/* What a list sends: the head with the first items, then pieces as the peer takes them. */
#include "serve/list.h"
#include "serve/steps.h"

#define PIECE_SIZE (64u << 10)

/* ---- Items. */

struct output {
    struct list *list;
    struct buffer *buffer;
};

/* Indented lists are written item by item: each is indented alone, then moved right by the depth of "items". */
static err_t put_indented(struct output *out, bytes item, struct error *error)
{
    struct buffer lines;
    struct json *tree;
    bytes left;

    TRY(record_parse(&out->list->scratch, out->list->kind, item, &tree, error));
    buffer_init(&lines, &out->list->scratch);
    json_write_pretty(&lines, tree, 2);
    if (lines.failed)
        return arena_error(&out->list->scratch, error);
    buffer_text(out->buffer, "\n    ");
    for (left = buffer_bytes(&lines); left.n > 0;) {
        size_t n = bytes_find(left, '\n');
        buffer_put(out->buffer, (bytes){left.p, n});
        if (n < left.n)
            buffer_text(out->buffer, "\n    "), n++;
        left = bytes_skip(left, n);
    }
    return ERR_OK;
}

static err_t put_item(struct output *out, bytes text, uint64_t revision, struct error *error)
{
    struct list *l = out->list;
    struct buffer item;

    if (!l->shown.presentation->pretty)
        return present_item(&l->scratch, out->buffer, &l->shown, l->items == 0, text, revision, error);
    buffer_init(&item, &l->scratch);
    TRY(present_item(&l->scratch, &item, &l->shown, true, text, revision, error));
    if (item.failed)
        return arena_error(item.arena, error);
    if (l->items > 0)
        buffer_byte(out->buffer, ',');
    return put_indented(out, buffer_bytes(&item), error);
}

/* What turns out to be unreadable only as it is shown is shown as a stub. */
static err_t put_record(struct output *out, const struct record *record, bytes text, struct error *error)
{
    struct list *l = out->list;
    size_t start = out->buffer->n;
    struct error reason;
    err_t code;

    error_init(&reason, &l->scratch);
    code = put_item(out, text, record->revision, &reason);
    if (record_unreadable(code)) {
        list_note_unreadable(l, record->key.name);
        out->buffer->n = start;
        text = record_stub(&l->scratch, l->kind, record, &reason);
        code = text.p ? put_item(out, text, record->revision, &reason) : arena_error(&l->scratch, &reason);
    }
    if (code != ERR_OK)
        return error_set(error, code, "%.*s", BYTES_FMT(reason.message));
    l->items++;
    return out->buffer->failed ? arena_error(out->buffer->arena, error) : ERR_OK;
}

static err_t output_take(
    void *context, struct range *range, const struct record *record, bytes text, bool *ret_go_on, struct error *error)
{
    struct output *out = context;
    size_t start = out->buffer->n;

    (void)range;
    TRY(put_record(out, record, text, error));
    out->list->written += out->buffer->n - start;
    *ret_go_on = out->buffer->n < PIECE_SIZE;
    return ERR_OK;
}

/* ---- Protobuf says how long it is before it begins: all items are made twice, and kept never. */

static err_t measure_take(
    void *context, struct range *range, const struct record *record, bytes text, bool *ret_go_on, struct error *error)
{
    struct list *l = context;
    struct buffer item;
    struct output out = {l, &item};

    (void)range, (void)ret_go_on;
    buffer_init(&item, &l->scratch);
    TRY(put_record(&out, record, text, error));
    l->shown.size += item.n;
    return ERR_OK;
}

enum step_result list_measure(struct request *r)
{
    struct list *l = r->list;
    struct list_visit visit = {measure_take, l, .want_text = true};
    bool end;

    if (list_walk_before(r, &visit, &end) != ERR_OK)
        return STEP_FAIL;
    if (!end) {
        r->wait_ms = 0;
        return STEP_AGAIN;
    }
    list_rewind(l);
    l->items = l->unreadable = 0;
    l->unreadable_names_size = 0;
    return STEP_NEXT;
}

/* ---- The frame. */

static err_t put_head(struct list *l, struct arena *arena, struct buffer *out, struct error *error)
{
    struct json_options options = {.max_depth = 100};
    struct buffer head;
    struct json *tree;
    bytes text;

    l->shown.revision = l->revision;
    l->shown.continue_token = l->token;
    l->shown.remaining = l->token.n > 0 && !l->selective ? l->remaining : -1;
    if (!l->shown.presentation->pretty)
        return present_list_head(arena, out, &l->shown, error);
    buffer_init(&head, arena);
    TRY(present_list_head(arena, &head, &l->shown, error));
    buffer_text(&head, "]}");
    if (head.failed)
        return arena_error(arena, error);
    TRY(json_parse(arena, buffer_bytes(&head), &options, &tree, NULL, error));
    buffer_init(&head, arena);
    json_write_pretty(&head, tree, 2);
    text = buffer_bytes(&head);
    while (text.n > 0 && text.p[text.n - 1] != ']')
        text.n--;
    if (text.n > 0)
        buffer_put(out, (bytes){text.p, text.n - 1});
    return head.failed ? arena_error(arena, error) : ERR_OK;
}

static err_t put_tail(struct list *l, struct buffer *out, struct error *error)
{
    enum encoding encoding = l->shown.presentation->encoding;

    if (l->shown.presentation->pretty) {
        buffer_text(out, l->items > 0 ? "\n  ]\n}" : "]\n}");
        return ERR_OK;
    }
    if (encoding == ENCODING_PROTOBUF && l->written != l->shown.size)
        return error_set(error, ERR_UNAVAILABLE, "what can be read of the list changed while it was sent");
    TRY(present_list_tail(out->arena, out, &l->shown, l->items == 0, error));
    if (encoding == ENCODING_JSON)
        buffer_byte(out, '\n');
    return ERR_OK;
}

/* ---- Sending. */

/* Fills out with the next piece; *ret_end: it was the last. */
static err_t next_piece(struct list *l, struct buffer *out, bool *ret_end, struct error *error)
{
    struct output output = {l, out};
    struct list_visit visit = {output_take, &output, .want_text = true};

    TRY(list_walk(l, &visit, ret_end, error));
    if (*ret_end)
        TRY(put_tail(l, out, error));
    return out->failed ? arena_error(out->arena, error) : ERR_OK;
}

static void wake(struct timer *timer)
{
    struct list *l = (struct list *)((char *)timer - offsetof(struct list, timer));

    http_resume(l->exchange);
}

static enum http_pull pull(struct http_source *source, struct http_exchange *x, bytes *ret)
{
    struct list *l = (struct list *)source;
    struct error error;
    struct buffer out;

    if (l->first.n > 0) {
        *ret = l->first;
        l->first = BYTES_NONE;
        return HTTP_PULL_DATA;
    }
    if (l->ended)
        return HTTP_PULL_END;
    arena_reset(&l->piece);
    error_init(&error, NULL);
    buffer_init(&out, &l->piece);
    if (!buffer_reserve(&out, PIECE_SIZE + PIECE_SIZE / 8) || next_piece(l, &out, &l->ended, &error) != ERR_OK)
        return HTTP_PULL_ABORT;
    if (out.n == 0) {
        timer_set(x->loop, &l->timer, 1);
        return HTTP_PULL_WAIT;
    }
    *ret = buffer_bytes(&out);
    return HTTP_PULL_DATA;
}

static void stop(struct http_source *source, struct http_exchange *x)
{
    struct list *l = (struct list *)source;

    timer_cancel(x->loop, &l->timer);
    list_close(l);
}

/* The first piece lies in the request's arena: most lists are no longer, and go out with their length. */
enum step_result list_answer_step(struct request *r)
{
    struct list *l = r->list;
    struct buffer out;
    err_t code;

    l->exchange = r->exchange;
    if (bytes_equal(r->exchange->method, BYTES("HEAD"))) {
        list_end(r);
        answer_bytes(r, 200, presentation_content_type(&r->presentation, false), BYTES_NONE);
        return STEP_DONE;
    }
    buffer_init(&out, r->arena);
    code = put_head(l, r->arena, &out, &r->error);
    if (code == ERR_OK)
        code = next_piece(l, &out, &l->ended, &r->error);
    if (code == ERR_EXPIRED)
        return (void)list_expired(r, l), STEP_FAIL;
    if (code != ERR_OK)
        return STEP_FAIL;
    list_warn(r);
    if (l->ended) {
        list_end(r);
        answer_bytes(r, 200, presentation_content_type(&r->presentation, false), buffer_bytes(&out));
        return STEP_DONE;
    }
    l->first = buffer_bytes(&out);
    l->source = (struct http_source){pull, stop};
    l->timer.fire = wake;
    return answer_stream(r, 200, presentation_content_type(&r->presentation, false), &l->source);
}
