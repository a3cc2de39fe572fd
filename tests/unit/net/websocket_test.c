/* SPDX-License-Identifier: Apache-2.0 */
#include "net/websocket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void the_key_is_answered(void **state)
{
    char accept[WEBSOCKET_ACCEPT_SIZE];
    (void)state;
    assert_true(websocket_accept(BYTES("dGhlIHNhbXBsZSBub25jZQ=="), accept)); /* RFC 6455, 1.3 */
    assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_false(websocket_accept(BYTES_NONE, accept));
    assert_false(websocket_accept(BYTES("dGhlIHNhbXBsZSBub25jZQ="), accept));
    assert_false(websocket_accept(BYTES("dGhlIHNhbXBsZSBub25jZTEy"), accept));
    assert_false(websocket_accept(BYTES("dGhlIHNhbXBsZSBub25jZ!=="), accept));
}

static void heads_say_the_length(void **state)
{
    static const struct {
        uint64_t n;
        const char *hex;
    } cases[] = {{0, "8100"}, {125, "817d"}, {126, "817e007e"}, {65535, "817effff"}, {65536, "817f0000000000010000"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t head[WEBSOCKET_HEAD_MAX];
        char hex[2 * WEBSOCKET_HEAD_MAX + 1];
        size_t n = websocket_head(WEBSOCKET_TEXT, cases[i].n, head);
        for (size_t k = 0; k < n; k++)
            (void)snprintf(hex + 2 * k, 3, "%02x", head[k]);
        assert_string_equal(hex, cases[i].hex);
    }
}

/* What events the bytes are, fed in pieces of `piece` bytes: a letter each, content of pings behind it. */
static const char *events(const char *bytes_in, size_t n, size_t piece)
{
    static char ret[256];
    struct websocket_reader reader = {0};
    size_t used = 0;
    for (size_t at = 0; at < n; at += piece) {
        struct cursor c = {(const uint8_t *)bytes_in + at, piece < n - at ? piece : n - at};
        while (c.left > 0) {
            enum websocket_event event = websocket_read(&reader, &c);
            if (event == WEBSOCKET_MORE)
                break;
            ret[used++] = ".PCBL"[event];
            if (event == WEBSOCKET_GOT_PING)
                for (size_t i = 0; i < reader.control_size; i++)
                    ret[used++] = (char)reader.control[i];
            if (event != WEBSOCKET_GOT_PING) {
                ret[used] = 0;
                return ret;
            }
        }
    }
    ret[used] = 0;
    return ret;
}

#define FRAMES(literal) literal, sizeof(literal) - 1
#define MASK            "\1\2\3\4"

static void frames_are_read_in_any_pieces(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *events;
    } cases[] = {
        {FRAMES("\x89\x80" MASK), "P"}, {FRAMES("\x89\x82" MASK "ik\x8a\x80" MASK "\x89\x80" MASK), "PhiP"},
        {FRAMES("\x01\x83" MASK "abc\x89\x81" MASK "y\x80\x80" MASK "\x88\x80" MASK), "PxC"},
        {FRAMES("\x82\xfe\x00\x7e" MASK), ""}, {FRAMES("\x88\x82" MASK "\2\352"), "C"},
        {FRAMES("\x81\x01"), "B"},                                      /* no mask */
        {FRAMES("\xc1\x80" MASK), "B"},                                 /* a reserved bit */
        {FRAMES("\x83\x80" MASK), "B"},                                 /* an unknown opcode */
        {FRAMES("\x8b\x80" MASK), "B"}, {FRAMES("\x80\x80" MASK), "B"}, /* nothing to continue */
        {FRAMES("\x01\x80" MASK "\x01\x80" MASK), "B"},                 /* a message within a message */
        {FRAMES("\x09\x80" MASK), "B"},                                 /* a ping in pieces */
        {FRAMES("\x89\xfe\x00\x7e" MASK), "B"},                         /* a long one */
        {FRAMES("\x88\x81" MASK "x"), "B"},                             /* half a code */
        {FRAMES("\x82\xfe\x00\x7d" MASK), "B"},                         /* a length in a longer form */
        {FRAMES("\x82\xff\0\0\0\0\0\0\xff\xff" MASK), "B"}, {FRAMES("\x82\xff\x80\0\0\0\0\1\0\0" MASK), "B"},
        {FRAMES("\x82\xff\0\0\0\0\0\1\0\1" MASK), "L"}, /* too much */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t piece = 1; piece <= cases[i].n; piece++)
            assert_string_equal(events(cases[i].bytes, cases[i].n, piece), cases[i].events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_key_is_answered), cmocka_unit_test(heads_say_the_length),
        cmocka_unit_test(frames_are_read_in_any_pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
