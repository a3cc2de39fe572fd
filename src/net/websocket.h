/* SPDX-License-Identifier: Apache-2.0 */
/* The framing of WebSockets (RFC 6455), a server's side: no sockets, no memory of its own. Why our own:
 * docs/architecture.md, "Own code". */
#ifndef COFFER_NET_WEBSOCKET_H
#define COFFER_NET_WEBSOCKET_H

#include "base/bytes.h"

#define WEBSOCKET_CONTROL_MAX 125         /* content of a ping, a pong or a close */
#define WEBSOCKET_DATA_MAX    (64u << 10) /* of a frame with data, which nobody reads */
#define WEBSOCKET_VERSION     "13"

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0,
    WEBSOCKET_TEXT = 1,
    WEBSOCKET_BINARY = 2,
    WEBSOCKET_CLOSE = 8,
    WEBSOCKET_PING = 9,
    WEBSOCKET_PONG = 10
};

/* Codes of a close. */
enum websocket_code { WEBSOCKET_NORMAL = 1000, WEBSOCKET_PROTOCOL_ERROR = 1002, WEBSOCKET_TOO_BIG = 1009 };

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key, NUL-terminated. False when the key is not 16 bytes in base64. */
#define WEBSOCKET_ACCEPT_SIZE 29
MUST_CHECK bool websocket_accept(bytes key, char ret[WEBSOCKET_ACCEPT_SIZE]);

/* The head of an unmasked, whole frame with n bytes of content. Returns its length. */
#define WEBSOCKET_HEAD_MAX 10
size_t websocket_head(enum websocket_opcode, uint64_t n, uint8_t ret[WEBSOCKET_HEAD_MAX]);

/* ---- What the client sends. */

struct websocket_reader { /* starts zeroed */
    uint64_t left;        /* of the frame's content */
    uint8_t head[14], head_size;
    bool in_content, in_message;
    uint8_t control_size;
    uint8_t control[WEBSOCKET_CONTROL_MAX];
};

enum websocket_event {
    WEBSOCKET_MORE,        /* all was taken, the frame goes on; data is dropped on the way */
    WEBSOCKET_GOT_PING,    /* control is its content */
    WEBSOCKET_GOT_CLOSE,   /* no more is to be read */
    WEBSOCKET_GOT_BAD,     /* against the protocol: no more can be read */
    WEBSOCKET_GOT_TOO_BIG, /* likewise */
};
/* Takes from the cursor up to the next event. */
enum websocket_event websocket_read(struct websocket_reader *, struct cursor *);

#endif
