/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

/* Of 15 and 8, which would hold 268 KB: what level 1 finds lies near. */
#define WINDOW_BITS  13
#define MEMORY_LEVEL 6
#define GZIP_FRAMING 16 /* added to the window's bits: a gzip file, not a zlib stream */
#define PIECE_SIZE   ((size_t)64 << 10)
#define PIECE_LIMIT  ((size_t)64 << 20) /* compressed, of the largest piece of a source */

struct gzip {
    struct http_source source;
    struct http_source *inner; /* NULL: body */
    bytes body;
    z_stream stream;
    struct arena state, piece; /* zlib's; what is being sent */
    bool finished;
};

/* ---- zlib's memory: an arena, which is wiped whole. */

static voidpf allocate(voidpf opaque, uInt items, uInt size)
{
    return arena_alloc(opaque, (size_t)items * size);
}

static void release(voidpf opaque, voidpf address)
{
    (void)opaque, (void)address;
}

static void gzip_free(struct gzip *g)
{
    (void)deflateEnd(&g->stream);
    arena_reset(&g->state);
    arena_reset(&g->piece);
    free(g);
}

/* ---- Compressing. */

/* All of in, flushed, so that something comes of every piece. p is NULL when the arena is full. */
static bytes compress_piece(struct gzip *g, bytes in, bool last)
{
    struct buffer out;
    int result;

    arena_reset(&g->piece);
    buffer_init(&out, &g->piece);
    if (in.n > UINT_MAX)
        return BYTES_NONE;
    g->stream.next_in = (z_const Bytef *)(uintptr_t)in.p;
    g->stream.avail_in = (uInt)in.n;
    do {
        uint8_t *room = buffer_reserve(&out, PIECE_SIZE);
        if (!room)
            return BYTES_NONE;
        g->stream.next_out = room;
        g->stream.avail_out = (uInt)PIECE_SIZE;
        result = deflate(&g->stream, last ? Z_FINISH : Z_SYNC_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
            return BYTES_NONE;
        out.n += PIECE_SIZE - g->stream.avail_out;
    } while (g->stream.avail_out == 0);
    return buffer_bytes(&out);
}

static enum http_pull next_plain(struct gzip *g, struct http_exchange *x, bytes *ret)
{
    if (g->inner)
        return g->inner->pull(g->inner, x, ret);
    *ret = (bytes){g->body.p, g->body.n < PIECE_SIZE ? g->body.n : PIECE_SIZE};
    g->body = bytes_skip(g->body, ret->n);
    return ret->n > 0 ? HTTP_PULL_DATA : HTTP_PULL_END;
}

static enum http_pull gzip_pull(struct http_source *source, struct http_exchange *x, bytes *ret)
{
    struct gzip *g = (struct gzip *)source;
    bytes plain = BYTES_NONE;
    enum http_pull result;

    if (g->finished)
        return HTTP_PULL_END;
    result = next_plain(g, x, &plain);
    if (result != HTTP_PULL_DATA && result != HTTP_PULL_END)
        return result;
    g->finished = result == HTTP_PULL_END;
    *ret = compress_piece(g, g->finished ? BYTES_NONE : plain, g->finished);
    return ret->p ? HTTP_PULL_DATA : HTTP_PULL_ABORT;
}

static void gzip_close(struct http_source *source, struct http_exchange *x)
{
    struct gzip *g = (struct gzip *)source;

    if (g->inner && g->inner->close)
        g->inner->close(g->inner, x);
    gzip_free(g);
}

static struct http_source *gzip_new(struct http_source *inner, bytes body)
{
    struct gzip *g = calloc(1, sizeof *g);

    if (!g)
        return NULL;
    g->source = (struct http_source){gzip_pull, gzip_close};
    g->inner = inner;
    g->body = body;
    arena_init(&g->state, PIECE_LIMIT);
    arena_init(&g->piece, PIECE_LIMIT);
    g->stream = (z_stream){.zalloc = allocate, .zfree = release, .opaque = &g->state};
    if (deflateInit2(
            &g->stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS + GZIP_FRAMING, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK)
        return &g->source;
    gzip_free(g);
    return NULL;
}

struct http_source *gzip_source_new(struct http_source *inner)
{
    return gzip_new(inner, BYTES_NONE);
}

struct http_source *gzip_body_new(bytes body)
{
    return gzip_new(NULL, body);
}

/* ---- Accept-Encoding. */

/* "0", "0.0", "0.000" */
static bool is_zero(bytes quality)
{
    for (size_t i = 0; i < quality.n; i++)
        if (quality.p[i] != '0' && quality.p[i] != '.')
            return false;
    return quality.n > 0;
}

bool gzip_accepted(bytes accept_encoding)
{
    while (accept_encoding.n > 0) {
        bytes clause = {accept_encoding.p, bytes_find(accept_encoding, ',')};
        bytes name = {clause.p, bytes_find(clause, ';')}, quality = bytes_trim(bytes_skip(clause, name.n));
        accept_encoding = bytes_skip(accept_encoding, clause.n < accept_encoding.n ? clause.n + 1 : clause.n);
        if (!bytes_equal(bytes_trim(name), BYTES("gzip")))
            continue;
        quality = bytes_trim(bytes_skip(quality, quality.n > 0));
        return !bytes_start(quality, BYTES("q=")) || !is_zero(bytes_skip(quality, 2));
    }
    return false;
}
