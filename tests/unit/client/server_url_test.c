/* SPDX-License-Identifier: Apache-2.0 */
#include "client/server_url.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_taken(void **state)
{
    (void)state;
    static const struct {
        const char *url, *result;
        bool loopback;
    } cases[] = {
        {"https://h", "https://h", false},
        {"https://h:6443", "https://h:6443", false},
        {"https://h:6443///", "https://h:6443", false},
        {"https://h/k8s/clusters/c-1/", "https://h/k8s/clusters/c-1", false},
        {"http://127.0.0.1:8001", "http://127.0.0.1:8001", true},
        {"https://127.8.9.1/x", "https://127.8.9.1/x", true},
        {"https://127.0.0.1.example.com", "https://127.0.0.1.example.com", false},
        {"https://localhost", "https://localhost", true},
        {"https://localhost.example.com", "https://localhost.example.com", false},
        {"https://[::1]:6443/", "https://[::1]:6443", true},
        {"https://[fd00::1]", "https://[fd00::1]", false},
        {"https://h:65535", "https://h:65535", false},
    };
    struct arena arena;
    struct error error;
    arena_init(&arena, 1 << 16);
    error_init(&error, &arena);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *result = NULL;
        assert_int_equal(server_url_check(&arena, "it", cases[i].url, &result, &error), ERR_OK);
        assert_string_equal(result, cases[i].result);
        assert_int_equal(server_url_is_loopback(result), cases[i].loopback);
    }
    arena_reset(&arena);
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"", "h", "h:6443", "ftp://h", "https:/h", "https://", "https:///",
        "https://:443", "https://h:", "https://h:0", "https://h:65536", "https://h:44a", "https://h:+1", "https://[::1",
        "https://[]", "https://[::1]x", "https://u:p@h", "https://h?x", "https://h#x", "https://h h", "https://h\n",
        "https://h\r\nX: y", "https://\xc3\xa9", "https://h\\x", "HTTPS://h"};
    struct arena arena;
    struct error error;
    arena_init(&arena, 1 << 16);
    error_init(&error, &arena);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *result = NULL;
        assert_int_equal(server_url_check(&arena, "it", cases[i], &result, &error), ERR_INVALID);
        assert_true(bytes_start(error.message, BYTES("it ")));
        assert_null(result);
    }
    arena_reset(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
