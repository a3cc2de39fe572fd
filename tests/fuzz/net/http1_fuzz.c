/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP/1.1 head parser and the chunk decoder. The first byte says how the rest is cut into pieces: the verdict may
 * not depend on it. */
#include "net/http1_parse.h"

#include <stdlib.h>

static void check_inside(bytes b, const uint8_t *p, size_t n)
{
    if (b.n > 0 && (b.p < p || b.p + b.n > p + n) && !bytes_equal(b, BYTES("/")))
        abort();
}

static void parse(const uint8_t *p, size_t n)
{
    struct http1_head head;
    uint8_t *copy = malloc(n);
    if (!copy)
        return;
    memcpy(copy, p, n);
    if (http1_parse(copy, n, &head) == HTTP1_FINE) {
        const bytes parts[] = {head.method, head.path, head.query, head.authority};
        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
            check_inside(parts[i], copy, n);
        for (size_t i = 0; i < head.count; i++) {
            check_inside(head.headers[i].name, copy, n);
            check_inside(head.headers[i].value, copy, n);
            if (bytes_find(head.headers[i].value, '\n') < head.headers[i].value.n)
                abort();
        }
        if (head.path.n == 0 || head.method.n == 0 || (head.chunked && head.length > 0))
            abort();
    }
    free(copy);
}

static enum http1_chunk decode(bytes in, size_t step, size_t *ret_total)
{
    struct http1_chunked chunked = {0};
    enum http1_chunk what = HTTP1_CHUNK_MORE;
    size_t total = 0;
    for (size_t at = 0; at < in.n && what == HTTP1_CHUNK_MORE; at += step) {
        struct cursor c = {in.p + at, in.n - at < step ? in.n - at : step};
        bytes data;
        while ((what = http1_chunked_next(&chunked, &c, &data)) == HTTP1_CHUNK_DATA)
            total += data.n;
    }
    *ret_total = total;
    return what;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t step = 1 + data[0] % 64, scanned = 0, length = 0;
    bytes in = {data + 1, size - 1};
    for (size_t n = step; !length && n < in.n + step; n += step)
        length = http1_head_length((bytes){in.p, n < in.n ? n : in.n}, &scanned);
    size_t once = 0;
    if (http1_head_length(in, &once) != length)
        abort();
    if (length)
        parse(in.p, length);
    size_t total, pieces;
    bytes body = bytes_skip(in, length);
    if (decode(body, step, &pieces) != decode(body, body.n + 1, &total) || pieces != total)
        abort();
    return 0;
}
