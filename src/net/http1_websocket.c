/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/1.1 exchange that goes on as a WebSocket: each piece of the streamed answer is a message; of what the client
 * sends only pings and closes matter. Control frames go out between messages. */
#include "base/memory.h"
#include "net/http_internal.h"

#include <stdlib.h>
#include <strings.h>

struct http1_websocket {
    struct websocket_reader reader;
    enum websocket_opcode opcode; /* of messages */
    uint16_t close_code;          /* 0: it goes on */
    bool pong_due, closed;
    uint8_t pong_size;
    uint8_t pong[WEBSOCKET_CONTROL_MAX];
};

/* ---- The handshake. */

/* Whether a list of tokens, in any header of that name, has this one. */
static bool has_token(const struct http_exchange *x, bytes name, const char *token)
{
    for (size_t i = 0; i < x->header_count; i++) {
        bytes rest = bytes_equal(x->headers[i].name, name) ? x->headers[i].value : BYTES_NONE;
        while (rest.n > 0) {
            bytes item = {rest.p, bytes_find(rest, ',')};
            rest = bytes_skip(rest, item.n < rest.n ? item.n + 1 : item.n);
            while (item.n > 0 && (item.p[0] == ' ' || item.p[0] == '\t'))
                item = bytes_skip(item, 1);
            while (item.n > 0 && (item.p[item.n - 1] == ' ' || item.p[item.n - 1] == '\t'))
                item.n--;
            if (item.n == strlen(token) && strncasecmp((const char *)item.p, token, item.n) == 0)
                return true;
        }
    }
    return false;
}

bool http_websocket_asked(const struct http_exchange *x)
{
    return x->connection && x->connection->protocol == &http1_protocol && x->connection->h1.minor > 0 &&
           bytes_equal(x->method, BYTES("GET")) && has_token(x, BYTES("upgrade"), "websocket") &&
           has_token(x, BYTES("connection"), "upgrade");
}

/* Frames that came before the answer. While the connection's own steps run, those go on with them. */
static void take_early(struct http_connection *c)
{
    struct http1 *h = &c->h1;
    bytes input = queue_bytes(&h->input);
    struct cursor in = cursor_of(input);

    if (h->running || !h->input.p)
        return;
    http1_websocket_take(c, &in);
    queue_free(&h->input);
}

bool http_websocket(struct http_exchange *x, bytes protocol, bool text, struct http_source *source)
{
    char accept[WEBSOCKET_ACCEPT_SIZE];
    struct http_header headers[] = {{BYTES("Upgrade"), BYTES("websocket")}, {BYTES("Connection"), BYTES("Upgrade")},
        {BYTES("Sec-WebSocket-Accept"), BYTES_NONE}, {BYTES("Sec-WebSocket-Protocol"), protocol}};
    struct http1_websocket *ws;

    if (!websocket_accept(http_header(x, BYTES("sec-websocket-key")), accept))
        return false;
    ws = calloc(1, sizeof *ws);
    if (!ws)
        return false;
    ws->opcode = text ? WEBSOCKET_TEXT : WEBSOCKET_BINARY;
    headers[2].value = bytes_of(accept);
    x->connection->h1.websocket = ws;
    http_stream(x, 101, headers, ARRAY_LEN(headers) - (protocol.n == 0), source);
    take_early(x->connection);
    return true;
}

void http1_websocket_free(struct http1_websocket *ws)
{
    if (ws)
        memory_wipe(ws, sizeof *ws);
    free(ws);
}

/* ---- What comes. */

static void on_event(struct http1_websocket *ws, enum websocket_event event)
{
    switch (event) {
    case WEBSOCKET_GOT_PING: /* of several the last is answered */
        ws->pong_due = true;
        ws->pong_size = ws->reader.control_size;
        memcpy(ws->pong, ws->reader.control, ws->pong_size);
        break;
    case WEBSOCKET_GOT_CLOSE:
        ws->close_code = WEBSOCKET_NORMAL;
        break;
    case WEBSOCKET_GOT_BAD:
        ws->close_code = WEBSOCKET_PROTOCOL_ERROR;
        break;
    case WEBSOCKET_GOT_TOO_BIG:
        ws->close_code = WEBSOCKET_TOO_BIG;
        break;
    case WEBSOCKET_MORE:
        break;
    }
}

void http1_websocket_take(struct http_connection *c, struct cursor *in)
{
    struct http1_websocket *ws = c->h1.websocket;

    while (in->left > 0 && ws->close_code == 0)
        on_event(ws, websocket_read(&ws->reader, in));
    in->p += in->left;
    in->left = 0;
    if (http1_websocket_due(ws))
        connection_queue(c);
}

/* ---- What goes. */

static void write_head(struct http_connection *c, enum websocket_opcode opcode, uint64_t n)
{
    uint8_t head[WEBSOCKET_HEAD_MAX];

    connection_write(c, (bytes){head, websocket_head(opcode, n, head)});
}

static void write_frame(struct http_connection *c, enum websocket_opcode opcode, bytes content)
{
    write_head(c, opcode, content.n);
    connection_write(c, content);
}

void http1_websocket_message(struct http_connection *c, uint64_t n)
{
    write_head(c, c->h1.websocket->opcode, n);
}

bool http1_websocket_due(const struct http1_websocket *ws)
{
    return ws && (ws->pong_due || ws->close_code != 0) && !ws->closed;
}

bool http1_websocket_control(struct http_connection *c)
{
    struct http1_websocket *ws = c->h1.websocket;

    if (ws->pong_due && !ws->closed)
        write_frame(c, WEBSOCKET_PONG, (bytes){ws->pong, ws->pong_size});
    ws->pong_due = false;
    if (ws->close_code != 0)
        http1_websocket_close(c);
    return ws->closed;
}

void http1_websocket_close(struct http_connection *c)
{
    struct http1_websocket *ws = c->h1.websocket;
    unsigned code = ws->close_code ? ws->close_code : WEBSOCKET_NORMAL;

    if (ws->closed)
        return;
    ws->closed = true;
    c->linger = true; /* until the client has closed too */
    write_frame(c, WEBSOCKET_CLOSE, (bytes){(const uint8_t[]){(uint8_t)(code >> 8), (uint8_t)code}, 2});
}
