/* SPDX-License-Identifier: Apache-2.0 */
#include "client/api_client.h"

#include "text/utf8.h"

#define MAX_MESSAGE 1024 /* of a server's sentence that we repeat */

void api_client_free(struct api_client *client)
{
    if (client)
        client->free(client);
}

static enum err_code code_of(int http_status, bytes reason)
{
    static const struct {
        enum err_code code;
        int status;
        const char *reason;
    } known[] = {
#define X(name, http, text) {ERR_##name, http, text},
        ERRORS(X)
#undef X
    };
    for (size_t i = 0; reason.n && i < ARRAY_LEN(known); i++)
        if (bytes_equal(reason, bytes_of(known[i].reason)))
            return known[i].code;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].status == http_status)
            return known[i].code;
    return ERR_UNKNOWN;
}

/* A sentence from outside, fit for a terminal: bounded, and one line of what can be printed. */
static bytes tame(struct arena *arena, bytes text)
{
    struct buffer b;
    buffer_init(&b, arena);
    for (size_t left = text.n < MAX_MESSAGE ? text.n : MAX_MESSAGE; left;) {
        uint32_t point;
        unsigned length = utf8_next((bytes){text.p, left}, &point);
        bool shown = length && point >= ' ' && point != 0x7f && !(point >= 0x80 && point < 0xa0);
        length = length ? length : 1;
        buffer_put(&b, shown ? (bytes){text.p, length} : BYTES(" "));
        text = bytes_skip(text, length);
        left -= length;
    }
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

err_t api_status_error(const struct api_reply *reply, struct arena *arena, struct error *error)
{
    struct json *root;
    err_t parsed = json_parse(arena, reply->body, NULL, &root, NULL, NULL);
    if (parsed != ERR_OK && parsed != ERR_BAD_REQUEST)
        return arena_error(arena, error);
    if (parsed != ERR_OK)
        root = NULL;
    if (!bytes_equal(json_text(root, BYTES("kind")), BYTES("Status")))
        return error_set(error, ERR_UNKNOWN, "the server answered %d, and not as Kubernetes does; is it an API server?",
            reply->status);
    enum err_code code = code_of(reply->status, json_text(root, BYTES("reason")));
    bytes message = tame(arena, json_text(root, BYTES("message")));
    if (arena->failed)
        return arena_error(arena, error);
    if (!message.n)
        return error_set(error, code, "the server answered %d without a reason", reply->status);
    return error_set(error, code, "%.*s", BYTES_FMT(message));
}

err_t api_get(struct api_client *client, struct arena *arena, bytes path, struct json **ret, struct error *error)
{
    struct api_reply reply;
    struct json *root;
    TRY(client->call(client, arena, &(struct api_request){.method = "GET", .path = path}, &reply, error));
    if (reply.status != 200)
        return api_status_error(&reply, arena, error);
    err_t code = json_parse(arena, reply.body, NULL, &root, NULL, NULL);
    if (code != ERR_OK && code != ERR_BAD_REQUEST)
        return arena_error(arena, error);
    if (code != ERR_OK || root->type != JSON_OBJECT)
        return error_set(error, ERR_UNKNOWN, "the server sent no JSON object; is it a Kubernetes API server?");
    *ret = root;
    return ERR_OK;
}

static void put_segment(struct buffer *b, bytes text)
{
    static const char plain[] = "-._~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] && strchr(plain, text.p[i]))
            buffer_byte(b, text.p[i]);
        else
            buffer_format(b, "%%%02X", text.p[i]);
}

bytes api_path(struct arena *arena, const char *namespace, const char *resource, bytes name)
{
    struct buffer b;
    buffer_init(&b, arena);
    buffer_text(&b, "/api/v1/namespaces/");
    put_segment(&b, bytes_of(namespace));
    buffer_format(&b, "/%s/", resource);
    put_segment(&b, name);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}
