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

static err_t status_error(const struct json *status, int http_status, struct arena *arena, struct error *error)
{
    enum err_code code = code_of(http_status, json_text(status, BYTES("reason")));
    bytes message = tame(arena, json_text(status, BYTES("message")));
    if (arena->failed)
        return arena_error(arena, error);
    if (!message.n)
        return error_set(error, code, "the server answered %d without a reason", http_status);
    return error_set(error, code, "%.*s", BYTES_FMT(message));
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
    return status_error(root, reply->status, arena, error);
}

static err_t parse_object(struct arena *arena, bytes text, struct json **ret, struct error *error)
{
    struct json *root;
    err_t code = json_parse(arena, text, NULL, &root, NULL, NULL);
    if (code != ERR_OK && code != ERR_BAD_REQUEST)
        return arena_error(arena, error);
    if (code != ERR_OK || root->type != JSON_OBJECT)
        return error_set(error, ERR_UNKNOWN, "the server sent no JSON object; is it a Kubernetes API server?");
    *ret = root;
    return ERR_OK;
}

err_t api_do(struct api_client *client, struct arena *arena, const struct api_request *request, struct json **ret,
    struct error *error)
{
    struct api_reply reply;
    TRY(client->call(client, arena, request, &reply, error));
    if (reply.status < 200 || reply.status > 299)
        return api_status_error(&reply, arena, error);
    return parse_object(arena, reply.body, ret, error);
}

err_t api_get(struct api_client *client, struct arena *arena, bytes path, struct json **ret, struct error *error)
{
    return api_do(client, arena, &(struct api_request){.method = "GET", .path = path}, ret, error);
}

/* ---- Lists and watches. */

/* False when it has no room. */
static bool keep_text(char *to, size_t size, bytes text)
{
    if (text.n >= size)
        return false;
    if (text.n)
        memcpy(to, text.p, text.n);
    to[text.n] = '\0';
    return true;
}

err_t api_list_next(
    struct api_client *client, struct arena *arena, struct api_list *list, struct json **ret_items, struct error *error)
{
    struct json *page;
    *ret_items = NULL;
    if (list->done)
        return ERR_OK;
    bytes limit = arena_format(arena, "%u", list->limit);
    bytes path = limit.p ? api_path_query(arena, list->path, "limit", limit) : BYTES_NONE;
    if (path.p && list->started)
        path = api_path_query(arena, path, "continue", bytes_of(list->token));
    if (!path.p)
        return arena_error(arena, error);
    TRY(api_do(
        client, arena, &(struct api_request){.method = "GET", .path = path, .accept = list->accept}, &page, error));
    const struct json *metadata = json_get(page, BYTES("metadata"));
    struct json *items = json_get(page, BYTES("items"));
    bytes token = json_text(metadata, BYTES("continue"));
    if (!items || items->type != JSON_ARRAY || !keep_text(list->token, sizeof list->token, token) ||
        !keep_text(
            list->resource_version, sizeof list->resource_version, json_text(metadata, BYTES("resourceVersion"))))
        return error_set(error, ERR_UNKNOWN, "the server sent something else than a list");
    list->started = true;
    list->done = token.n == 0;
    *ret_items = items;
    return ERR_OK;
}

err_t api_event_parse(struct arena *arena, bytes line, struct api_event *ret, struct error *error)
{
    static const char *const names[] = {
        [API_ADDED] = "ADDED", [API_MODIFIED] = "MODIFIED", [API_DELETED] = "DELETED", [API_BOOKMARK] = "BOOKMARK"};
    struct json *event;
    TRY(parse_object(arena, line, &event, error));
    bytes type = json_text(event, BYTES("type"));
    struct json *object = json_get(event, BYTES("object"));
    for (size_t i = API_ADDED; i < ARRAY_LEN(names); i++)
        if (object && bytes_equal(type, bytes_of(names[i]))) {
            *ret = (struct api_event){(enum api_event_type)i, object};
            return ERR_OK;
        }
    int64_t code = 0;
    if (!bytes_equal(type, BYTES("ERROR")) || !json_to_int64(json_get(object, BYTES("code")), &code))
        return error_set(error, ERR_UNKNOWN, "the server sent something else than an event of a watch");
    return status_error(object, (int)code, arena, error);
}

void api_watch_free(struct api_watch *watch)
{
    if (watch)
        watch->free(watch);
}

/* ---- Paths. */

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

bytes api_kind_path(struct arena *arena, const struct kind *kind, bytes namespace, bytes name)
{
    struct buffer b;
    buffer_init(&b, arena);
    if (kind->group[0])
        buffer_format(&b, "/apis/%s/%s", kind->group, kind->version);
    else
        buffer_format(&b, "/api/%s", kind->version);
    if (kind->namespaced && namespace.n) {
        buffer_text(&b, "/namespaces/");
        put_segment(&b, namespace);
    }
    buffer_format(&b, "/%s", kind->plural);
    if (name.n) {
        buffer_byte(&b, '/');
        put_segment(&b, name);
    }
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

bytes api_path_query(struct arena *arena, bytes path, const char *name, bytes value)
{
    struct buffer b;
    buffer_init(&b, arena);
    buffer_put(&b, path);
    buffer_format(&b, "%c%s=", bytes_find(path, '?') < path.n ? '&' : '?', name);
    put_segment(&b, value);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}
