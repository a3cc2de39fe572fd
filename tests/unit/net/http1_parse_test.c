/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define H "Host: a\r\n"

static const struct {
    const char *head;
    enum http1_problem problem;
} heads[] = {
    {"GET / HTTP/1.1\r\n" H "\r\n", HTTP1_FINE},
    {"GET / HTTP/1.0\r\n\r\n", HTTP1_FINE},
    {"GET /a?b=c HTTP/1.1\r\nHost: [::1]:6443\r\n\r\n", HTTP1_FINE},
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", HTTP1_FINE},
    {"GET http://b/x HTTP/1.1\r\n" H "\r\n", HTTP1_FINE},
    {"GET HTTPS://b?x HTTP/1.1\r\n" H "\r\n", HTTP1_FINE},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", HTTP1_FINE},
    {"GET / HTTP/1.1\r\nHost:a\r\nX-Y:\t v\tw \t\r\n\r\n", HTTP1_FINE},
    {"GET / HTTP/1.1\r\n" H "X: \xc3\xa9\r\n\r\n", HTTP1_FINE},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 007\r\n\r\n", HTTP1_FINE},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n", HTTP1_FINE},
    /* the request line */
    {"GET * HTTP/1.1\r\n" H "\r\n", HTTP1_BAD},
    {"GET  / HTTP/1.1\r\n" H "\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1 \r\n" H "\r\n", HTTP1_BAD},
    {"GET /\r\n" H "\r\n", HTTP1_BAD},
    {"GET / http/1.1\r\n" H "\r\n", HTTP1_BAD},
    {"GET / HTTP/1.11\r\n" H "\r\n", HTTP1_BAD},
    {"GET / HTTP/2.0\r\n" H "\r\n", HTTP1_UNKNOWN_VERSION},
    {"G@T / HTTP/1.1\r\n" H "\r\n", HTTP1_BAD},
    {" GET / HTTP/1.1\r\n" H "\r\n", HTTP1_BAD},
    {"GET a HTTP/1.1\r\n" H "\r\n", HTTP1_BAD},
    {"GET /\x01 HTTP/1.1\r\n" H "\r\n", HTTP1_BAD},
    {"GET /12345678\x7f HTTP/1.1\r\n" H "\r\n", HTTP1_BAD},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", HTTP1_BAD},
    {"GET http:// HTTP/1.1\r\n" H "\r\n", HTTP1_BAD},
    {"GET http://u@h/ HTTP/1.1\r\n" H "\r\n", HTTP1_BAD},
    {"CONNECT a:1 HTTP/1.1\r\n" H "\r\n", HTTP1_BAD},
    {"NONSENSE\r\n\r\n", HTTP1_BAD},
    {"\r\n\r\n", HTTP1_BAD},
    /* lines */
    {"GET / HTTP/1.1\n" H "\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\n" H "\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\n" H "X: a\r\n folded\r\n\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", HTTP1_BAD},
    /* headers */
    {"GET / HTTP/1.1\r\n" H "X : a\r\n\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\n" H ": a\r\n\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\n" H "X\r\n\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\n" H "X\xe9: a\r\n\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\n" H "X: 12345678901\x1f\r\n\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\n" H "X: 1\x7f\r\n\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\n\r\n", HTTP1_NO_HOST},
    {"GET / HTTP/1.1\r\n" H H "\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HTTP1_BAD},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP1_BAD},
    /* framing */
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", HTTP1_BAD},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\n", HTTP1_BAD},
    {"POST / HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\n", HTTP1_BAD},
    {"POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", HTTP1_BAD},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\n", HTTP1_BAD},
    {"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", HTTP1_BAD},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", HTTP1_BAD},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_BAD},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_BAD},
    {"POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", HTTP1_BAD},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", HTTP1_UNKNOWN_CODING},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", HTTP1_UNKNOWN_CODING},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
     "chunked\r\n\r\n",
        HTTP1_BAD},
};

/* Exact malloc copies, so that AddressSanitizer sees a byte read too far. */
static enum http1_problem parse(const char *text, size_t n, struct http1_head *ret, uint8_t **ret_copy)
{
    uint8_t *copy = malloc(n);
    assert_non_null(copy);
    memcpy(copy, text, n);
    *ret_copy = copy;
    return http1_parse(copy, n, ret);
}

static void verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct http1_head head;
        uint8_t *copy;
        size_t n = strlen(heads[i].head);
        enum http1_problem problem = parse(heads[i].head, n, &head, &copy);
        if (problem != heads[i].problem)
            fail_msg("%s: %d instead of %d", heads[i].head, problem, heads[i].problem);
        free(copy);
    }
}

static void fields(void **state)
{
    static const char text[] =
        "PATCH http://other:1/p/%41?x=1&y HTTP/1.1\r\nHOST: one\r\nX-Thing:  a b \r\nConnection: foo , Close\r\n"
        "Content-Length: 12\r\nExpect: 100-Continue\r\n\r\n";
    struct http1_head head;
    uint8_t *copy;
    (void)state;
    assert_int_equal(parse(text, sizeof text - 1, &head, &copy), HTTP1_FINE);
    assert_true(bytes_equal(head.method, BYTES("PATCH")));
    assert_true(bytes_equal(head.path, BYTES("/p/%41")));
    assert_true(bytes_equal(head.query, BYTES("x=1&y")));
    assert_true(bytes_equal(head.authority, BYTES("other:1")));
    assert_int_equal(head.count, 5);
    assert_true(bytes_equal(head.headers[0].name, BYTES("host")));
    assert_true(bytes_equal(head.headers[1].name, BYTES("x-thing")));
    assert_true(bytes_equal(head.headers[1].value, BYTES("a b")));
    assert_int_equal(head.length, 12);
    assert_true(head.expects_continue);
    assert_false(head.keep_alive);
    free(copy);
}

static void keep_alive(void **state)
{
    static const struct {
        const char *head;
        bool keeps;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" H "\r\n", true},
        {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" H "Connection: Keep-Alive, close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http1_head head;
        uint8_t *copy;
        assert_int_equal(parse(cases[i].head, strlen(cases[i].head), &head, &copy), HTTP1_FINE);
        assert_int_equal(head.keep_alive, cases[i].keeps);
        free(copy);
    }
}

static void header_count(void **state)
{
    char text[4096] = "GET / HTTP/1.1\r\n" H;
    struct http1_head head;
    uint8_t *copy;
    (void)state;
    for (int i = 1; i < HTTP_HEADERS_MAX; i++)
        strcat(text, "a: b\r\n");
    strcat(text, "\r\n");
    assert_int_equal(parse(text, strlen(text), &head, &copy), HTTP1_FINE);
    free(copy);
    strcpy(text + strlen(text) - 2, "a: b\r\n\r\n");
    assert_int_equal(parse(text, strlen(text), &head, &copy), HTTP1_HEAD_TOO_LARGE);
    free(copy);
}

/* However the bytes come in, the head ends at the same place. */
static void head_length(void **state)
{
    static const char *const texts[] = {"GET / HTTP/1.1\r\nA: b\r\n\r\nrest", "GET /\n\nrest", "X\r\nY\n\r\nrest"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t whole = strlen(texts[i]) - 4, scanned = 0, got = 0;
        for (size_t n = 1; n <= whole + 4 && !got; n++) {
            got = http1_head_length((bytes){(const uint8_t *)texts[i], n}, &scanned);
            assert_true(got == 0 || n == whole);
        }
        assert_int_equal(got, whole);
    }
}

static enum http1_chunk decode(const char *text, size_t step, char *out)
{
    struct http1_chunked chunked = {0};
    size_t n = strlen(text), used = 0;
    enum http1_chunk what = HTTP1_CHUNK_MORE;
    for (size_t at = 0; at < n && what == HTTP1_CHUNK_MORE; at += step) {
        struct cursor in = {(const uint8_t *)text + at, n - at < step ? n - at : step};
        bytes data;
        while ((what = http1_chunked_next(&chunked, &in, &data)) == HTTP1_CHUNK_DATA) {
            memcpy(out + used, data.p, data.n);
            used += data.n;
        }
    }
    out[used] = 0;
    return what;
}

static void chunks(void **state)
{
    static const struct {
        const char *text;
        enum http1_chunk result;
        const char *data;
    } cases[] = {
        {"0\r\n\r\n", HTTP1_CHUNK_END, ""},
        {"5\r\nhello\r\n1;x=\"y\"\r\n!\r\n0\r\n\r\n", HTTP1_CHUNK_END, "hello!"},
        {"A\r\n0123456789\r\n000\r\nTrailer: x\r\n\r\n", HTTP1_CHUNK_END, "0123456789"},
        {"5\r\nhello\r\n", HTTP1_CHUNK_MORE, "hello"},
        {"5\r\nhello!\r\n", HTTP1_CHUNK_BAD, "hello"},
        {"5\nhello\r\n", HTTP1_CHUNK_BAD, ""},
        {"\r\n", HTTP1_CHUNK_BAD, ""},
        {"-1\r\n", HTTP1_CHUNK_BAD, ""},
        {"0x5\r\n", HTTP1_CHUNK_BAD, ""},
        {"fffffffffffffffff\r\n", HTTP1_CHUNK_BAD, ""},
        {"5;a\x01\r\n", HTTP1_CHUNK_BAD, ""},
        {"0\r\n\r\r", HTTP1_CHUNK_BAD, ""},
        {"0\r\nA\n\r\n", HTTP1_CHUNK_BAD, ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t step = 1; step < 40; step++) {
            char out[64];
            enum http1_chunk what = decode(cases[i].text, step, out);
            if (what != cases[i].result || strcmp(out, cases[i].data) != 0)
                fail_msg("case %zu by %zu: %d \"%s\"", i, step, what, out);
        }
}

static void chunk_limits(void **state)
{
    static char text[20000], out[64];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "1;", 2);
    assert_int_equal(decode(text, 1, out), HTTP1_CHUNK_BAD); /* an endless extension */
    memcpy(text, "0\r\n", 3);
    assert_int_equal(decode(text, 7, out), HTTP1_CHUNK_BAD); /* an endless trailer */
    memset(text, '0', sizeof text - 1);
    assert_int_equal(decode(text, 7, out), HTTP1_CHUNK_BAD); /* an endless size */
}

static void query(void **state)
{
    static const struct {
        const char *text;
        int count;
        const char *first, *value;
    } cases[] = {
        {"", 0, NULL, NULL},
        {"&&", 0, NULL, NULL},
        {"a=b", 1, "a", "b"},
        {"a", 1, "a", ""},
        {"a=b&&c=d", 2, "a", "b"},
        {"a%3D=b%20c+d", 1, "a=", "b c d"},
        {"a=b=c", 1, "a", "b=c"},
        {"=x", 1, "", "x"},
        {"a=%", -1, NULL, NULL},
        {"a=%4", -1, NULL, NULL},
        {"a=%zz", -1, NULL, NULL},
        {"a;b=c", -1, NULL, NULL},
        {"a=%00", 1, "a", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        struct cursor c = cursor_of(bytes_of(cases[i].text));
        bytes name, value;
        int count = 0, result;
        while ((result = http_query_next(&arena, &c, &name, &value)) > 0)
            if (count++ == 0) {
                assert_string_equal((const char *)name.p, cases[i].first);
                if (cases[i].value)
                    assert_string_equal((const char *)value.p, cases[i].value);
            }
        assert_int_equal(result < 0 ? -1 : count, cases[i].count);
        arena_reset(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(fields),
        cmocka_unit_test(keep_alive),
        cmocka_unit_test(header_count),
        cmocka_unit_test(head_length),
        cmocka_unit_test(chunks),
        cmocka_unit_test(chunk_limits),
        cmocka_unit_test(query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
