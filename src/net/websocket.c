/* SPDX-License-Identifier: Apache-2.0 */
#include "net/websocket.h"

#include <openssl/evp.h>

#define FIN        0x80
#define RESERVED   0x70
#define MASKED     0x80
#define MASK_SIZE  4
#define LENGTH_16  126
#define LENGTH_64  127
#define IS_CONTROL 8 /* a bit of the opcode */

static const char accept_salt[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */

bool websocket_accept(bytes key, char ret[WEBSOCKET_ACCEPT_SIZE])
{
    uint8_t nonce[18], digest[EVP_MAX_MD_SIZE], joined[24 + sizeof accept_salt];
    unsigned n = 0;

    if (key.n != 24 || !bytes_end(key, BYTES("==")) || EVP_DecodeBlock(nonce, key.p, 24) != (int)sizeof nonce)
        return false;
    memcpy(joined, key.p, 24);
    memcpy(joined + 24, accept_salt, sizeof accept_salt);
    if (EVP_Digest(joined, sizeof joined - 1, digest, &n, EVP_sha1(), NULL) != 1)
        return false;
    return EVP_EncodeBlock((unsigned char *)ret, digest, (int)n) == WEBSOCKET_ACCEPT_SIZE - 1;
}

size_t websocket_head(enum websocket_opcode opcode, uint64_t n, uint8_t ret[WEBSOCKET_HEAD_MAX])
{
    size_t size = n < LENGTH_16 ? 0 : n <= UINT16_MAX ? 2 : 8;

    ret[0] = (uint8_t)(FIN | opcode);
    ret[1] = (uint8_t)(size == 0 ? n : size == 2 ? LENGTH_16 : LENGTH_64);
    for (size_t i = 0; i < size; i++)
        ret[2 + i] = (uint8_t)(n >> (8 * (size - 1 - i)));
    return 2 + size;
}

/* ---- What the client sends. */

static size_t length_size(const struct websocket_reader *r)
{
    unsigned length = r->head[1] & ~MASKED & 0xff;

    return length == LENGTH_16 ? 2 : length == LENGTH_64 ? 8 : 0;
}

/* Bytes of the head; as far as is known while it comes. Without a mask it is wrong, whatever follows. */
static size_t head_needed(const struct websocket_reader *r)
{
    return r->head_size < 2 || !(r->head[1] & MASKED) ? 2 : 2 + length_size(r) + MASK_SIZE;
}

static bool take_head(struct websocket_reader *r, struct cursor *c)
{
    while (r->head_size < head_needed(r)) {
        if (c->left == 0)
            return false;
        r->head[r->head_size++] = *c->p;
        c->p++, c->left--;
    }
    return true;
}

/* A length has one form. */
static bool read_length(struct websocket_reader *r)
{
    size_t size = length_size(r);

    r->left = size ? 0 : r->head[1] & 0x7f;
    for (size_t i = 0; i < size; i++)
        r->left = r->left << 8 | r->head[2 + i];
    return (size != 2 || r->left >= LENGTH_16) && (size != 8 || (r->left > UINT16_MAX && r->left <= INT64_MAX));
}

/* The frame whose head is whole. */
static enum websocket_event begin_frame(struct websocket_reader *r)
{
    uint8_t opcode = r->head[0] & 0x0f;
    bool final = r->head[0] & FIN, control = opcode & IS_CONTROL;

    if ((r->head[0] & RESERVED) || !(r->head[1] & MASKED) || !read_length(r) || opcode > WEBSOCKET_PONG ||
        (opcode > WEBSOCKET_BINARY && opcode < WEBSOCKET_CLOSE))
        return WEBSOCKET_GOT_BAD;
    if (control && (!final || r->left > WEBSOCKET_CONTROL_MAX || (opcode == WEBSOCKET_CLOSE && r->left == 1)))
        return WEBSOCKET_GOT_BAD;
    if (!control) {
        if ((opcode == WEBSOCKET_CONTINUATION) != r->in_message)
            return WEBSOCKET_GOT_BAD;
        r->in_message = !final;
    }
    if (r->left > WEBSOCKET_DATA_MAX)
        return WEBSOCKET_GOT_TOO_BIG;
    r->in_content = true;
    r->control_size = 0;
    return WEBSOCKET_MORE;
}

static void take_content(struct websocket_reader *r, struct cursor *c)
{
    const uint8_t *mask = r->head + r->head_size - MASK_SIZE;
    size_t n = c->left < r->left ? c->left : (size_t)r->left;

    if (r->head[0] & IS_CONTROL)
        for (size_t i = 0; i < n; i++, r->control_size++)
            r->control[r->control_size] = c->p[i] ^ mask[r->control_size % MASK_SIZE];
    c->p += n, c->left -= n;
    r->left -= n;
}

enum websocket_event websocket_read(struct websocket_reader *r, struct cursor *c)
{
    for (;;) {
        enum websocket_event event = WEBSOCKET_MORE;
        if (!r->in_content) {
            if (!take_head(r, c))
                return WEBSOCKET_MORE;
            event = begin_frame(r);
        }
        if (event != WEBSOCKET_MORE)
            return event;
        take_content(r, c);
        if (r->left > 0)
            return WEBSOCKET_MORE;
        r->in_content = false;
        r->head_size = 0;
        if ((r->head[0] & 0x0f) == WEBSOCKET_PING)
            return WEBSOCKET_GOT_PING;
        if ((r->head[0] & 0x0f) == WEBSOCKET_CLOSE)
            return WEBSOCKET_GOT_CLOSE;
    }
}
