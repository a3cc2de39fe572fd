/* SPDX-License-Identifier: Apache-2.0 */
/* Answers: the headers that all have, objects, Statuses. When even the error's Status finds no memory, a static one
 * goes out. */
#include "api/schemas.h"
#include "base/clock.h"
#include "base/random.h"
#include "net/gzip.h"
#include "serve/form.h"
#include "serve/steps.h"

#include <stdio.h>

#define AUDIT_ID_MAX      64
#define WARNING_TOTAL_MAX 4096 /* as kube-apiserver: beyond it each is cut to WARNING_CUT */
#define WARNING_CUT       256
#define COMPRESS_LEAST    (128u << 10) /* what is smaller is not worth it, as kube-apiserver finds too */

#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                                             \
    }

static const struct http_header no_memory_headers[] = {
    {TEXT("Cache-Control"), TEXT("no-cache, private")},
    {TEXT("Content-Type"), TEXT("application/json")},
    {TEXT("Retry-After"), TEXT("1")},
};

int answer_no_memory(struct http_exchange *x)
{
    static const bytes full = TEXT("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
                                   "\"message\":\"the request needs more memory than is left for it\",\"reason\":"
                                   "\"TooManyRequests\",\"details\":{\"retryAfterSeconds\":1},\"code\":429}\n");
    static const bytes none = TEXT("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
                                   "\"message\":\"the system has no memory for this request now\",\"reason\":"
                                   "\"ServiceUnavailable\",\"details\":{\"retryAfterSeconds\":1},\"code\":503}\n");
    bool limited = x->arena.failed == ERR_TOO_MANY_REQUESTS;

    http_answer(x, limited ? 429 : 503, no_memory_headers, ARRAY_LEN(no_memory_headers), limited ? full : none);
    return limited ? 429 : 503;
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
    struct http_header *headers = arena_alloc(r->arena, (warnings + extra_count + 6) * sizeof *headers);
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
    if (r->flows && r->flows->schema_uid[0])
        headers[n++] = (struct http_header){BYTES("X-Kubernetes-Pf-Flowschema-Uid"), bytes_of(r->flows->schema_uid)};
    if (r->flows && r->flows->level_uid[0])
        headers[n++] = (struct http_header){BYTES("X-Kubernetes-Pf-Prioritylevel-Uid"), bytes_of(r->flows->level_uid)};
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

static bool answer_prepare(
    struct request *r, int status, bytes content_type, bytes body, const struct http_header *extra, size_t extra_count)
{
    r->answer.headers = answer_headers(r, content_type, extra, extra_count, &r->answer.header_count);
    r->answer.status = status;
    r->answer.body = body;
    return r->answer.headers != NULL;
}

void answer_send(struct request *r)
{
    count(r, r->answer.status);
    http_answer(r->exchange, r->answer.status, r->answer.headers, r->answer.header_count, r->answer.body);
}

/* ---- Compression. */

static const struct http_header packed_headers[] = {
    {TEXT("Content-Encoding"), TEXT("gzip")}, {TEXT("Vary"), TEXT("Accept-Encoding")}};

/* Secret values never are: beside them may stand what an attacker chose, and the length would tell when the two agree
 * (BREACH). What a kind hides from its metadata is secret. */
static bool may_compress(const struct request *r)
{
    const struct presentation *p = &r->presentation;
    bool shows_values = p->form == FORM_OBJECT || (p->form == FORM_TABLE && p->include == INCLUDE_OBJECT);

    if (r->kind && r->kind->rules->redact_metadata && shows_values)
        return false;
    return !bytes_equal(r->exchange->method, BYTES("HEAD")) &&
           gzip_accepted(http_header(r->exchange, BYTES("accept-encoding")));
}

/* inner or, when that is NULL, body. False: nothing was sent, and inner is as it was. */
static bool send_packed(struct request *r, int status, bytes content_type, const struct http_header *extra,
    size_t extra_count, struct http_source *inner, bytes body)
{
    size_t n, packed_count = ARRAY_LEN(packed_headers);
    struct http_header *more = arena_alloc(r->arena, (extra_count + packed_count) * sizeof *more);
    const struct http_header *headers;
    struct http_source *packed;

    if (!more)
        return false;
    for (size_t i = 0; i < extra_count + packed_count; i++)
        more[i] = i < extra_count ? extra[i] : packed_headers[i - extra_count];
    headers = answer_headers(r, content_type, more, extra_count + packed_count, &n);
    packed = !headers ? NULL : inner ? gzip_source_new(inner) : gzip_body_new(body);
    if (!packed)
        return false;
    count(r, status);
    http_stream(r->exchange, status, headers, n, packed);
    return true;
}

void answer_bytes_with(
    struct request *r, int status, bytes content_type, bytes body, const struct http_header *extra, size_t extra_count)
{
    if (body.n >= COMPRESS_LEAST && may_compress(r) &&
        send_packed(r, status, content_type, extra, extra_count, NULL, body))
        return;
    if (answer_prepare(r, status, content_type, body, extra, extra_count)) {
        answer_send(r);
        return;
    }
    count(r, answer_no_memory(r->exchange));
}

void answer_bytes(struct request *r, int status, bytes content_type, bytes body)
{
    answer_bytes_with(r, status, content_type, body, NULL, 0);
}

static const struct http_header nosniff = {TEXT("X-Content-Type-Options"), TEXT("nosniff")};

enum step_result answer_text(struct request *r, int status, bytes text)
{

    if (!text.p)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    answer_bytes_with(r, status, BYTES("text/plain; charset=utf-8"), text, &nosniff, 1);
    return STEP_DONE;
}

enum step_result answer_page_not_found(struct request *r)
{
    return answer_text(r, 404, BYTES("404 page not found\n"));
}

enum step_result answer_stream(struct request *r, int status, bytes content_type, struct http_source *source)
{
    const struct http_header *headers;
    size_t n;

    if (may_compress(r) && send_packed(r, status, content_type, NULL, 0, source, BYTES_NONE))
        return STEP_DONE;
    headers = answer_headers(r, content_type, NULL, 0, &n);
    if (!headers)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    count(r, status);
    http_stream(r->exchange, status, headers, n, source);
    return STEP_DONE;
}

enum step_result answer_object(struct request *r, int status, bytes text, uint64_t revision)
{
    bytes body;

    if (form_object(r, text, revision, &body) != ERR_OK)
        return STEP_FAIL;
    answer_bytes(r, status, presentation_content_type(&r->presentation, false), body);
    return STEP_DONE;
}

err_t answer_prepare_object(struct request *r, int status, bytes text, uint64_t revision)
{
    bytes body;

    TRY(form_object(r, text, revision, &body));
    if (!answer_prepare(r, status, presentation_content_type(&r->presentation, false), body, NULL, 0))
        return arena_error(r->arena, &r->error);
    return ERR_OK;
}

err_t answer_prepare_success(struct request *r, int status, const struct status_details *details)
{
    struct buffer out;
    bytes body;

    buffer_init(&out, r->arena);
    if (details)
        status_write_success(&out, details);
    else
        buffer_format(&out,
            "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\",\"code\":%d}\n", status);
    if (out.failed)
        return arena_error(r->arena, &r->error);
    TRY(form_document(r, &r->presentation, &schema_status, buffer_bytes(&out), &body));
    return answer_prepare(r, status, presentation_content_type(&r->presentation, false), body, NULL, 0)
               ? ERR_OK
               : arena_error(r->arena, &r->error);
}

void answer_set_revision(struct request *r, uint64_t revision)
{
    r->answer.body = form_set_revision(r, r->answer.body, revision);
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
    struct presentation p;
    struct buffer status, out;
    err_t code = r->error.code;
    bytes body;

    presentation_of_error(http_header(x, BYTES("accept")), http_header(x, BYTES("user-agent")), r->options.pretty, &p);
    if (r->error.code == ERR_NO_MEMORY || r->error.code == ERR_TOO_MANY_REQUESTS)
        r->details.retry_after_seconds = 1;
    buffer_init(&status, r->arena);
    buffer_init(&out, r->arena);
    if (r->refusal.text.n > 0)
        buffer_put(&status, r->refusal.text);
    else
        status_write_failure(&status, &r->error, &r->details);
    if (r->fresh_token.n > 0)
        put_token(&out, buffer_bytes(&status), r->fresh_token);
    body = buffer_bytes(r->fresh_token.n > 0 ? &out : &status);
    if (status.failed || out.failed || form_document(r, &p, &schema_status, body, &body) != ERR_OK) {
        count(r, answer_no_memory(r->exchange));
        return;
    }
    answer_bytes_with(r, r->refusal.text.n > 0 ? r->refusal.status : error_http_status(code),
        presentation_content_type(&p, false), body, &nosniff, r->forbidden ? 1 : 0);
}
