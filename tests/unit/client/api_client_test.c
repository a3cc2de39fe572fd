/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer becomes: an object, or an error in the server's words, over a client that answers from a table. */
#include "base/memory.h"
#include "client/api_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct api_reply canned;
static bytes asked;

static err_t answer(struct api_client *client, struct arena *arena, const struct api_request *request,
    struct api_reply *ret, struct error *error)
{
    (void)client, (void)arena, (void)error;
    assert_string_equal(request->method, "GET");
    asked = request->path;
    *ret = canned;
    return ERR_OK;
}

static void nothing(struct api_client *client)
{
    (void)client;
}

static err_t get(struct arena *arena, int status, const char *body, struct json **ret, struct error *error)
{
    struct api_client client = {.call = answer, .free = nothing};
    canned = (struct api_reply){.status = status, .body = bytes_of(body)};
    arena_init(arena, 1 << 20);
    error_init(error, arena);
    *ret = NULL;
    err_t code = api_get(&client, arena, BYTES("/api/v1/x"), ret, error);
    api_client_free(&client);
    return code;
}

static void test_object(void **state)
{
    (void)state;
    struct arena arena;
    struct error error;
    struct json *object;
    assert_int_equal(get(&arena, 200, "{\"kind\":\"Secret\"}", &object, &error), ERR_OK);
    assert_true(bytes_equal(asked, BYTES("/api/v1/x")));
    assert_true(bytes_equal(json_text(object, BYTES("kind")), BYTES("Secret")));
    arena_reset(&arena);
    api_client_free(NULL);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        err_t code;
        const char *sentence;
    } cases[] = {
        {404, "{\"kind\":\"Status\",\"message\":\"secrets \\\"a\\\" not found\",\"reason\":\"NotFound\"}",
            ERR_NOT_FOUND, "secrets \"a\" not found"},
        {410, "{\"kind\":\"Status\",\"message\":\"m\",\"reason\":\"Expired\"}", ERR_EXPIRED, "m"},
        {409, "{\"kind\":\"Status\",\"message\":\"m\",\"reason\":\"AlreadyExists\"}", ERR_ALREADY_EXISTS, "m"},
        {403, "{\"kind\":\"Status\",\"message\":\"m\",\"reason\":\"Unheard\"}", ERR_FORBIDDEN, "m"},
        {418, "{\"kind\":\"Status\",\"message\":\"m\"}", ERR_UNKNOWN, "m"},
        {500, "{\"kind\":\"Status\"}", ERR_INTERNAL, "the server answered 500 without a reason"},
        {401, "{\"kind\":\"Status\",\"message\":\"a\\u001b[2J\\nb\\u009bc\\u00e9\"}", ERR_UNAUTHORIZED,
            "a [2J b c\xc3\xa9"},
        {404, "404 page not found", ERR_UNKNOWN,
            "the server answered 404, and not as Kubernetes does; is it an API server?"},
        {302, "", ERR_UNKNOWN, "the server answered 302, and not as Kubernetes does; is it an API server?"},
        {200, "<html>", ERR_UNKNOWN, "the server sent no JSON object; is it a Kubernetes API server?"},
        {200, "7", ERR_UNKNOWN, "the server sent no JSON object; is it a Kubernetes API server?"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        struct error error;
        struct json *object;
        char message[256];
        assert_int_equal(get(&arena, cases[i].status, cases[i].body, &object, &error), cases[i].code);
        snprintf(message, sizeof message, "%.*s", BYTES_FMT(error.message));
        assert_string_equal(message, cases[i].sentence);
        assert_null(object);
        arena_reset(&arena);
    }
}

static void test_path(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    bytes path = api_path(&arena, "n/s", "secrets", BYTES("a.b-1 %?"));
    assert_true(bytes_equal(path, BYTES("/api/v1/namespaces/n%2Fs/secrets/a.b-1%20%25%3F")));
    arena_reset(&arena);
}

static void test_no_memory(void **state)
{
    (void)state;
    for (long n = 0;; n++) {
        struct arena arena;
        struct error error;
        struct json *object;
        memory_fail_after(n);
        err_t code =
            get(&arena, 404, "{\"kind\":\"Status\",\"message\":\"m\",\"reason\":\"NotFound\"}", &object, &error);
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_true(code == ERR_NOT_FOUND || (fired && code == ERR_NO_MEMORY));
        arena_reset(&arena);
        if (!fired)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_object),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
