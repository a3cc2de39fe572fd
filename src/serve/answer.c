/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: the headers that all have, objects, Statuses. When even the error's Status finds no memory, a static one
 * goes out. */
#include "base/clock.h"
#include "base/random.h"
#include "serve/steps.h"

#define AUDIT_ID_MAX      64
#define WARNING_TOTAL_MAX 4096 /* as kube-apiserver: beyond it each is cut to WARNING_CUT */
#define WARNING_CUT       256

#define JSON_TYPE BYTES("application/json")
#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                                             \
    }

static const struct http_header no_memory_headers[] = {
    {TEXT("Cache-Control"), TEXT("no-cache, private")},
    {TEXT("Content-Type"), TEXT("application/json")},
    {TEXT("Retry-After"), TEXT("1")},
};

void answer_no_memory(struct http_exchange *x)
{
    static const bytes status =
        TEXT("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
             "\"message\":\"the server has no memory for this request now\",\"reason\":"
             "\"ServiceUnavailable\",\"details\":{\"retryAfterSeconds\":1},\"code\":503}\n");

    http_answer(x, 503, no_memory_headers, ARRAY_LEN(no_memory_headers), status);
}

static void count(struct request *r, int status)
{
    struct server_loop *loop = server_loop_current(r->server);

    metrics_count(loop->metrics, r->verb, status, clock_monotonic_us() - r->exchange->received_us);
}

static bytes audit_id(struct request *r)
{
    bytes given = http_header(r->exchange, BYTES("audit-id"));
    char uuid[UUID_SIZE];

    if (given.n > 0)
        return (bytes){given.p, given.n < AUDIT_ID_MAX ? given.n : AUDIT_ID_MAX};
    random_uuid(uuid);
    return arena_copy(r->arena, bytes_of(uuid));
}

/* `299 - "text"`: quotes and backslashes escaped, control characters left out, cut at a whole character. */
static bytes warning_value(struct request *r, bytes text, size_t limit)
{
    struct buffer out;

    while (limit < text.n && limit > 0 && (text.p[limit] & 0xc0) == 0x80)
        limit--;
    if (text.n > limit)
        text.n = limit;
    buffer_init(&out, r->arena);
    buffer_text(&out, "299 - \"");
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buffer_byte(&out, '\\');
        if (text.p[i] >= 0x20 && text.p[i] != 0x7f)
            buffer_byte(&out, text.p[i]);
    }
    buffer_byte(&out, '"');
    return out.failed ? BYTES_NONE : buffer_bytes(&out);
}

/* How many of the warnings are sent, and how long each may be. */
static size_t warning_room(const struct warnings *w, size_t *ret_cut)
{
    size_t total = 0, sent = 0;

    for (size_t i = 0; i < w->count; i++)
        total += w->text[i].n;
    *ret_cut = total > WARNING_TOTAL_MAX ? WARNING_CUT : WARNING_TOTAL_MAX;
    for (total = 0; sent < w->count && total <= WARNING_TOTAL_MAX; sent++)
        total += w->text[sent].n < *ret_cut ? w->text[sent].n : *ret_cut;
    return sent;
}

const struct http_header *answer_headers(
    struct request *r, bytes content_type, const struct http_header *extra, size_t extra_count, size_t *ret_count)
{
    size_t cut, warnings = warning_room(&r->warnings, &cut), n = 0;
    struct http_header *headers = arena_alloc(r->arena, (warnings + extra_count + 4) * sizeof *headers);
    bytes id = audit_id(r), retry = BYTES_NONE;

    if (r->details.retry_after_seconds > 0)
        retry = arena_format(r->arena, "%u", r->details.retry_after_seconds);
    if (!headers || !id.p || (r->details.retry_after_seconds > 0 && !retry.p))
        return NULL;
    headers[n++] = (struct http_header){BYTES("Audit-Id"), id};
    if (extra_count == 0 || !bytes_equal(extra[0].name, BYTES("Cache-Control")))
        headers[n++] = (struct http_header){BYTES("Cache-Control"), BYTES("no-cache, private")};
    if (content_type.n > 0)
        headers[n++] = (struct http_header){BYTES("Content-Type"), content_type};
    if (retry.n > 0)
        headers[n++] = (struct http_header){BYTES("Retry-After"), retry};
    for (size_t i = 0; i < extra_count; i++)
        headers[n++] = extra[i];
    for (size_t i = 0; i < warnings; i++) {
        bytes value = warning_value(r, r->warnings.text[i], cut);
        if (!value.p)
            return NULL;
        headers[n++] = (struct http_header){BYTES("Warning"), value};
    }
    *ret_count = n;
    return headers;
}

void answer_bytes_with(
    struct request *r, int status, bytes content_type, bytes body, const struct http_header *extra, size_t extra_count)
{
    size_t n;
    const struct http_header *headers = answer_headers(r, content_type, extra, extra_count, &n);

    if (!headers) {
        count(r, 503);
        answer_no_memory(r->exchange);
        return;
    }
    count(r, status);
    http_answer(r->exchange, status, headers, n, body);
}

void answer_bytes(struct request *r, int status, bytes content_type, bytes body)
{
    answer_bytes_with(r, status, content_type, body, NULL, 0);
}

enum step_result answer_stream(struct request *r, int status, bytes content_type, struct http_source *source)
{
    size_t n;
    const struct http_header *headers = answer_headers(r, content_type, NULL, 0, &n);

    if (!headers)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    count(r, status);
    http_stream(r->exchange, status, headers, n, source);
    return STEP_DONE;
}

/* Compact text is sent with the newline that Go's encoder ends it with; indented text without. */
static err_t indent(struct request *r, bytes text, bytes *ret)
{
    struct json_options options = {.max_depth = 100};
    struct json *tree;
    struct buffer out;

    TRY(json_parse(r->arena, text, &options, &tree, NULL, &r->error));
    buffer_init(&out, r->arena);
    json_write_pretty(&out, tree, 2);
    if (out.failed)
        return arena_error(r->arena, &r->error);
    *ret = buffer_bytes(&out);
    return ERR_OK;
}

enum step_result answer_json(struct request *r, int status, bytes content_type, bytes json)
{
    if (r->presentation.pretty && indent(r, json, &json) != ERR_OK)
        return STEP_FAIL;
    answer_bytes(r, status, content_type, json);
    return STEP_DONE;
}

enum step_result answer_object(struct request *r, int status, bytes text, uint64_t revision)
{
    struct buffer out;

    buffer_init(&out, r->arena);
    if (!buffer_reserve(&out, text.n + 64))
        return arena_error(r->arena, &r->error), STEP_FAIL;
    if (present_object(r->arena, &out, &r->presentation, r->kind, text, revision, true, &r->error) != ERR_OK)
        return STEP_FAIL;
    buffer_byte(&out, '\n');
    if (out.failed)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    return answer_json(r, status, presentation_content_type(&r->presentation), buffer_bytes(&out));
}

enum step_result answer_success(struct request *r, const struct status_details *details)
{
    struct buffer out;

    buffer_init(&out, r->arena);
    status_write_success(&out, details);
    if (out.failed)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    return answer_json(r, 200, JSON_TYPE, buffer_bytes(&out));
}

/* A list's 410 carries a token with which the client may go on (metadata.continue). */
static void put_token(struct buffer *out, bytes status, bytes token)
{
    bytes mark = BYTES("\"metadata\":{");
    const uint8_t *at = memmem(status.p, status.n, mark.p, mark.n);
    size_t head = at ? (size_t)(at - status.p) + mark.n : status.n;

    buffer_put(out, (bytes){status.p, head});
    buffer_text(out, "\"continue\":");
    json_write_string(out, token);
    buffer_put(out, bytes_skip(status, head));
}

void answer_error(struct request *r)
{
    const struct http_exchange *x = r->exchange;
    bool pretty = presentation_error_pretty(
        http_header(x, BYTES("accept")), http_header(x, BYTES("user-agent")), r->options.pretty);
    struct buffer status, out;
    bytes body;

    if (r->error.code == ERR_NO_MEMORY || r->error.code == ERR_TOO_MANY_REQUESTS)
        r->details.retry_after_seconds = 1;
    buffer_init(&status, r->arena);
    buffer_init(&out, r->arena);
    status_write_failure(&status, &r->error, &r->details);
    if (r->fresh_token.n > 0)
        put_token(&out, buffer_bytes(&status), r->fresh_token);
    body = buffer_bytes(r->fresh_token.n > 0 ? &out : &status);
    if (status.failed || out.failed || (pretty && indent(r, body, &body) != ERR_OK)) {
        count(r, 503);
        answer_no_memory(r->exchange);
        return;
    }
    answer_bytes(r, error_http_status(r->error.code), JSON_TYPE, body);
}
