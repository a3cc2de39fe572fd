/* SPDX-License-Identifier: Apache-2.0 */
#include "api/status.h"

/* A member of an object, when there is something to say. */
static void put_text(struct buffer *b, const char *name, bytes text, bool *comma)
{
    if (!text.n)
        return;
    buffer_text(b, *comma ? ",\"" : "\"");
    buffer_text(b, name);
    buffer_text(b, "\":");
    json_write_string(b, text);
    *comma = true;
}

static void put_causes(struct buffer *b, const struct cause *causes, bool *comma)
{
    if (!causes)
        return;
    buffer_text(b, *comma ? ",\"causes\":[" : "\"causes\":[");
    for (const struct cause *c = causes; c; c = c->next) {
        bool inner = false;
        buffer_text(b, c == causes ? "{" : ",{");
        put_text(b, "reason", bytes_of(c->reason), &inner);
        put_text(b, "message", c->message, &inner);
        put_text(b, "field", c->field, &inner);
        buffer_byte(b, '}');
    }
    buffer_byte(b, ']');
    *comma = true;
}

static void put_details(struct buffer *b, const struct status_details *details, const struct cause *causes)
{
    bool comma = false;
    if (!details->present && !details->name.n && !details->group.n && !details->kind.n && !details->uid.n && !causes &&
        !details->retry_after_seconds)
        return;
    buffer_text(b, ",\"details\":{");
    put_text(b, "name", details->name, &comma);
    put_text(b, "group", details->group, &comma);
    put_text(b, "kind", details->kind, &comma);
    put_text(b, "uid", details->uid, &comma);
    put_causes(b, causes, &comma);
    if (details->retry_after_seconds)
        buffer_format(b, "%s\"retryAfterSeconds\":%u", comma ? "," : "", details->retry_after_seconds);
    buffer_byte(b, '}');
}

void status_write_failure(struct buffer *b, const struct error *error, const struct status_details *details)
{
    int http_status = error_http_status(error->code);
    struct status_details shown = *details;
    bool comma = true;
    /* What kube-apiserver's router refuses by itself, "406: Not Acceptable ...", carries details without content. */
    if (bytes_start(error->message, BYTES("406: ")) || bytes_start(error->message, BYTES("415: ")))
        shown.present = true;
    buffer_text(b, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\"");
    put_text(b, "message", error->message, &comma);
    put_text(b, "reason", bytes_of(error_reason(error->code)), &comma);
    put_details(b, &shown, error->causes);
    buffer_format(b, ",\"code\":%d}\n", http_status);
}

void status_write_success(struct buffer *b, const struct status_details *details)
{
    buffer_text(b, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\"");
    put_details(b, details, NULL);
    buffer_text(b, "}\n");
}

static err_t about(struct error *error, struct status_details *details, const struct kind *kind, bytes name, err_t code,
    const char *before, const char *after)
{
    const char *dot = kind->group[0] ? "." : "";
    *details = (struct status_details){.name = name, .group = bytes_of(kind->group), .kind = bytes_of(kind->plural)};
    return error_set(
        error, code, "%s%s%s%s \"%.*s\"%s", before, kind->plural, dot, kind->group, BYTES_FMT(name), after);
}

err_t status_not_found(struct error *error, struct status_details *details, const struct kind *kind, bytes name)
{
    return about(error, details, kind, name, ERR_NOT_FOUND, "", " not found");
}

err_t status_already_exists(struct error *error, struct status_details *details, const struct kind *kind, bytes name)
{
    return about(error, details, kind, name, ERR_ALREADY_EXISTS, "", " already exists");
}

err_t status_conflict(struct error *error, struct status_details *details, const struct kind *kind, bytes name,
    const char *reason_sentence)
{
    (void)about(error, details, kind, name, ERR_CONFLICT, "Operation cannot be fulfilled on ", ": ");
    return error_set(error, ERR_CONFLICT, "%.*s%s", BYTES_FMT(error->message), reason_sentence);
}

void status_invalid_details(struct status_details *details, const struct kind *kind, bytes name)
{
    *details = (struct status_details){.group = bytes_of(kind_stored(kind)->group)};
    if (kind_is_stored(kind))
        details->name = name, details->kind = bytes_of(kind->kind);
}
