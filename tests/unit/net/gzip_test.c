/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "net/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

static void what_takes_gzip(void **state)
{
    static const char *const yes[] = {"gzip", "br, gzip", "gzip;q=0.5", "gzip ; q=1", " gzip ,deflate", "gzip;q=0.001"},
                             *const no[] = {
                                 "", "br", "xgzip", "gzipx", "gzip;q=0", "gzip;q=0.000", "gzip; q=0", "*", ",,"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        assert_true(gzip_accepted(bytes_of(yes[i])));
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        assert_false(gzip_accepted(bytes_of(no[i])));
}

/* Pieces of 1, 10, 100 ... bytes with a pause before each. */
struct steps {
    struct http_source source;
    unsigned pulls, closes;
    uint8_t content[100000];
};

static enum http_pull next_step(struct http_source *source, struct http_exchange *x, bytes *ret)
{
    struct steps *s = (struct steps *)source;
    size_t n = 1;
    (void)x;
    if (s->pulls++ % 2 == 0)
        return HTTP_PULL_WAIT;
    for (unsigned i = 0; i < s->pulls / 2 - 1; i++)
        n *= 10;
    *ret = (bytes){s->content, n};
    return n > sizeof s->content ? HTTP_PULL_END : HTTP_PULL_DATA;
}

static void close_steps(struct http_source *source, struct http_exchange *x)
{
    (void)x;
    ((struct steps *)source)->closes++;
}

/* Pulls to the end; everything that came must be readable then, piece by piece. */
static size_t inflated(struct http_source *packed, uint8_t *to, size_t room)
{
    z_stream stream = {.next_out = to, .avail_out = (uInt)room};
    enum http_pull result;
    bytes piece;
    int code = Z_OK;
    assert_int_equal(inflateInit2(&stream, 31), Z_OK);
    while ((result = packed->pull(packed, NULL, &piece)) != HTTP_PULL_END) {
        if (result == HTTP_PULL_WAIT)
            continue;
        assert_int_equal(result, HTTP_PULL_DATA);
        assert_true(piece.n > 0);
        stream.next_in = (z_const Bytef *)(uintptr_t)piece.p;
        stream.avail_in = (uInt)piece.n;
        code = inflate(&stream, Z_SYNC_FLUSH);
        assert_int_equal(stream.avail_in, 0);
    }
    assert_int_equal(code, Z_STREAM_END);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    packed->close(packed, NULL);
    return room - stream.avail_out;
}

static void a_stream_comes_back(void **state)
{
    struct steps *s = calloc(1, sizeof *s);
    uint8_t *got = malloc(1 << 20);
    size_t at = 0;
    (void)state;
    assert_non_null(s);
    assert_non_null(got);
    s->source = (struct http_source){next_step, close_steps};
    for (size_t i = 0; i < sizeof s->content; i++)
        s->content[i] = (uint8_t)(i * i >> (i % 7));
    assert_int_equal(inflated(gzip_source_new(&s->source), got, 1 << 20), 111111);
    for (size_t n = 1; n <= sizeof s->content; at += n, n *= 10)
        assert_memory_equal(got + at, s->content, n);
    assert_int_equal(s->closes, 1);
    free(got);
    free(s);
}

static void a_body_comes_back(void **state)
{
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 1000000};
    uint8_t *body = malloc(1000000), *got = malloc(1 << 20);
    (void)state;
    assert_non_null(body);
    assert_non_null(got);
    for (size_t i = 0; i < 1000000; i++)
        body[i] = (uint8_t)(i % 251);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        assert_int_equal(inflated(gzip_body_new((bytes){body, sizes[i]}), got, 1 << 20), sizes[i]);
        assert_memory_equal(got, body, sizes[i]);
    }
    free(body);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_takes_gzip), cmocka_unit_test(a_stream_comes_back), cmocka_unit_test(a_body_comes_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
