/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gzip_kept.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_FRAMING 16 /* added to the window's bits: a gzip file, not a zlib stream */
#define MEMORY_LEVEL 8
#define PIECE_SIZE   16384

bytes gzip_compress(struct arena *arena, bytes plain)
{
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)plain.p, .avail_in = (uInt)plain.n};
    size_t room = compressBound(plain.n) + GZIP_FRAMING;
    uint8_t *p = room <= UINT_MAX ? arena_alloc(arena, room) : NULL;
    bytes ret = BYTES_NONE;

    if (!p || deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP_FRAMING, MEMORY_LEVEL,
                  Z_DEFAULT_STRATEGY) != Z_OK)
        return BYTES_NONE;
    stream.next_out = p;
    stream.avail_out = (uInt)room;
    if (deflate(&stream, Z_FINISH) == Z_STREAM_END)
        ret = (bytes){p, stream.total_out};
    (void)deflateEnd(&stream);
    return ret;
}

struct expansion {
    struct http_source source;
    z_stream stream;
    bool ended;
    uint8_t piece[PIECE_SIZE];
};

static enum http_pull expansion_pull(struct http_source *source, struct http_exchange *x, bytes *ret)
{
    struct expansion *e = (struct expansion *)source;
    int result;

    (void)x;
    if (e->ended)
        return HTTP_PULL_END;
    e->stream.next_out = e->piece;
    e->stream.avail_out = PIECE_SIZE;
    result = inflate(&e->stream, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END)
        return HTTP_PULL_ABORT;
    e->ended = result == Z_STREAM_END;
    *ret = (bytes){e->piece, PIECE_SIZE - e->stream.avail_out};
    return ret->n > 0 ? HTTP_PULL_DATA : HTTP_PULL_END;
}

static void expansion_close(struct http_source *source, struct http_exchange *x)
{
    struct expansion *e = (struct expansion *)source;

    (void)x;
    (void)inflateEnd(&e->stream);
    free(e);
}

struct http_source *gzip_expand_new(bytes packed)
{
    struct expansion *e = calloc(1, sizeof *e);

    if (!e)
        return NULL;
    e->source = (struct http_source){expansion_pull, expansion_close};
    e->stream = (z_stream){.next_in = (z_const Bytef *)(uintptr_t)packed.p, .avail_in = (uInt)packed.n};
    if (inflateInit2(&e->stream, MAX_WBITS + GZIP_FRAMING) == Z_OK)
        return &e->source;
    free(e);
    return NULL;
}
