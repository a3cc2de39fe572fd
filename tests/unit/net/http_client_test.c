/* SPDX-License-Identifier: Apache-2.0 */
/* The client against the server, with certificates made on the spot. */
#include "base/clock.h"
#include "net/http.h"
#include "net/http_client.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena memory;
static struct x509_pair ca, other_ca, server_pair, client_pair;
static struct loop *loop;
static struct http_server *server;
static pthread_t thread;

static void answer_text(struct http_exchange *x, int status, bytes text)
{
    static const struct http_header headers[] = {
        {{(const uint8_t *)"Content-Type", 12}, {(const uint8_t *)"text/x", 6}},
        {{(const uint8_t *)"Location", 8}, {(const uint8_t *)"/echo", 5}},
    };
    http_answer(x, status, headers, status == 302 ? 2 : 1, text);
}

static void head(struct http_exchange *x)
{
    const struct x509_identity *peer = http_peer(x);
    if (bytes_equal(x->path, BYTES("/echo")))
        http_read_body(x, 1 << 20);
    else if (bytes_equal(x->path, BYTES("/who")))
        answer_text(x, 200, peer ? peer->common_name : BYTES("nobody"));
    else if (bytes_equal(x->path, BYTES("/authorization")))
        answer_text(x, 200, http_header(x, BYTES("authorization")));
    else if (bytes_equal(x->path, BYTES("/host")))
        answer_text(x, 200, x->authority);
    else if (bytes_equal(x->path, BYTES("/method")))
        answer_text(x, 200, x->method);
    else if (bytes_equal(x->path, BYTES("/redirect")))
        answer_text(x, 302, BYTES("elsewhere"));
    else if (!bytes_equal(x->path, BYTES("/silent")))
        answer_text(x, 404, BYTES("none"));
}

static void body(struct http_exchange *x)
{
    answer_text(x, x->body.p ? 200 : 413, x->body.p ? x->body : BYTES("too large"));
}

static void gone(struct http_exchange *x)
{
    (void)x;
}

static void *run(void *p)
{
    loop_run(p);
    return NULL;
}

static void issue(
    enum x509_use use, const char *name, const char *san, const struct x509_pair *by, struct x509_pair *ret)
{
    const bytes names[] = {bytes_of(san)};
    const int64_t now = clock_wall_seconds();
    const struct x509_request request = {.use = use,
        .common_name = bytes_of(name),
        .names = names,
        .name_count = san ? 1 : 0,
        .not_before = now - 60,
        .not_after = now + 3600};
    assert_int_equal(x509_issue(&memory, &request, by, ret, NULL), ERR_OK);
}

static struct secret secret_of(bytes b)
{
    return (struct secret){(uint8_t *)(uintptr_t)b.p, b.n};
}

static int set_up(void **state)
{
    (void)state;
    struct tls_context *tls;
    const struct http_options options = {.address = "127.0.0.1"};
    const struct http_handler handler = {head, body, gone};
    arena_init(&memory, 1 << 24);
    assert_int_equal(http_client_global(NULL), ERR_OK);
    issue(X509_USE_CA, "ca", NULL, NULL, &ca);
    issue(X509_USE_CA, "other", NULL, NULL, &other_ca);
    issue(X509_USE_SERVER, "server", "server.example", &ca, &server_pair);
    issue(X509_USE_CLIENT, "somebody", NULL, &ca, &client_pair);
    const struct tls_options tls_options = {
        server_pair.certificate_pem, secret_of(server_pair.key_pem), ca.certificate_pem};
    assert_int_equal(tls_context_new(&tls_options, &tls, NULL), ERR_OK);
    loop = loop_new(0);
    assert_non_null(loop);
    assert_int_equal(http_server_new(&options, &handler, tls, &loop, 1, &server, NULL), ERR_OK);
    tls_context_put(tls);
    return pthread_create(&thread, NULL, run, loop);
}

static int tear_down(void **state)
{
    (void)state;
    loop_stop(loop);
    pthread_join(thread, NULL);
    http_server_free(server);
    loop_free(loop);
    arena_reset(&memory);
    return 0;
}

static struct http_client_options usual(void)
{
    return (struct http_client_options){.ca_pem = ca.certificate_pem, .tls_server_name = "server.example", .proxy = ""};
}

static err_t call(const struct http_client_options *options, const struct http_call *of, const char *path,
    struct http_reply *ret, struct error *error)
{
    struct http_client *client;
    char url[128];
    struct http_call with = *of;
    snprintf(url, sizeof url, "https://127.0.0.1:%u%s", http_server_port(server), path);
    with.url = url;
    with.method = of->method ? of->method : "GET";
    error_init(error, &memory);
    assert_int_equal(http_client_new(options, &client, error), ERR_OK);
    err_t result = http_client_call(client, &memory, &with, ret, error);
    if (result == ERR_OK) /* again, over the same connection */
        result = http_client_call(client, &memory, &with, ret, error);
    http_client_free(client);
    return result;
}

static void expect(const struct http_client_options *options, const struct http_call *of, const char *path, int status,
    const char *text)
{
    struct http_reply reply;
    struct error error;
    if (call(options, of, path, &reply, &error) != ERR_OK)
        fail_msg("%s: %.*s", path, BYTES_FMT(error.message));
    assert_int_equal(reply.status, status);
    assert_true(bytes_equal(reply.body, bytes_of(text)));
    assert_true(bytes_equal(reply.content_type, BYTES("text/x")));
}

static void answers(void **state)
{
    struct http_client_options o = usual();
    const struct http_secret_header authorization = {"Authorization", secret_of(BYTES("Bearer abc"))};
    (void)state;
    expect(&o, &(struct http_call){0}, "/nothing", 404, "none");
    expect(&o, &(struct http_call){.method = "POST", .body = BYTES("hello")}, "/echo", 200, "hello");
    expect(&o, &(struct http_call){.method = "PUT"}, "/echo", 200, "");
    expect(&o, &(struct http_call){.method = "DELETE"}, "/method", 200, "DELETE");
    expect(&o, &(struct http_call){.method = "PATCH", .body = BYTES("x")}, "/method", 200, "PATCH");
    expect(&o, &(struct http_call){.secret_headers = &authorization, .secret_header_count = 1}, "/authorization", 200,
        "Bearer abc");
    expect(&o, &(struct http_call){0}, "/redirect", 302, "elsewhere");
}

static void identities(void **state)
{
    struct http_client_options o = usual();
    (void)state;
    expect(&o, &(struct http_call){0}, "/who", 200, "nobody");
    o.client_certificate_pem = client_pair.certificate_pem;
    o.client_key_pem = secret_of(client_pair.key_pem);
    expect(&o, &(struct http_call){0}, "/who", 200, "somebody");
}

static void host_is_the_urls(void **state)
{
    struct http_client_options o = usual();
    char host[64];
    (void)state;
    snprintf(host, sizeof host, "127.0.0.1:%u", http_server_port(server));
    expect(&o, &(struct http_call){0}, "/host", 200, host);
}

static void expect_failure(const struct http_client_options *o, const char *path, enum err_code code, const char *words)
{
    struct http_reply reply = {.status = -7};
    struct error error;
    assert_int_equal(call(o, &(struct http_call){0}, path, &reply, &error), code);
    assert_int_equal(reply.status, -7);
    if (!memmem(error.message.p, error.message.n, words, strlen(words)))
        fail_msg("no \"%s\" in \"%.*s\"", words, BYTES_FMT(error.message));
}

static void failures(void **state)
{
    static const char *const proxies[] = {
        "gopher://me:hunter2@127.0.0.1:1", "http://me:hunter2@127.0.0.1:x", "http://me:hunter2@127.0.0.1:1"};
    struct http_client_options o = usual();
    (void)state;
    o.ca_pem = other_ca.certificate_pem;
    expect_failure(&o, "/who", ERR_UNAVAILABLE, "127.0.0.1: its certificate is not trusted: ");
    o = usual(), o.ca_pem = BYTES_NONE;
    expect_failure(&o, "/who", ERR_UNAVAILABLE, "not trusted");
    o = usual(), o.tls_server_name = NULL;
    expect_failure(&o, "/who", ERR_UNAVAILABLE, "127.0.0.1");
    o = usual(), o.max_body = 3;
    expect_failure(&o, "/who", ERR_TOO_LARGE, "larger than 3 bytes");
    o = usual(), o.timeout_ms = 100;
    expect_failure(&o, "/silent", ERR_TIMEOUT, "no answer in time");
    o = usual(), o.proxy = "http://127.0.0.1:1";
    expect_failure(&o, "/who", ERR_UNAVAILABLE, "Connection refused");
    for (size_t i = 0; i < ARRAY_LEN(proxies); i++) {
        struct http_reply reply;
        struct error error;
        o.proxy = proxies[i];
        assert_int_equal(call(&o, &(struct http_call){0}, "/who", &reply, &error), ERR_UNAVAILABLE);
        assert_null(memmem(error.message.p, error.message.n, "hunter2", 7));
    }
}

static void refused_input(void **state)
{
    struct http_client_options o = usual();
    const struct http_secret_header split = {"Authorization", secret_of(BYTES("a\r\nX: y"))};
    struct http_reply reply;
    struct error error;
    (void)state;
    assert_int_equal(
        call(&o, &(struct http_call){.secret_headers = &split, .secret_header_count = 1}, "/who", &reply, &error),
        ERR_INVALID);
    struct http_client *client;
    assert_int_equal(http_client_new(&o, &client, &error), ERR_OK);
    assert_int_equal(http_client_call(client, &memory,
                         &(struct http_call){.method = "GET", .url = "file:///etc/passwd"}, &reply, &error),
        ERR_INVALID);
    assert_int_equal(
        http_client_call(client, &memory, &(struct http_call){.method = "GET", .url = ":"}, &reply, &error),
        ERR_INVALID);
    http_client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(identities),
        cmocka_unit_test(host_is_the_urls),
        cmocka_unit_test(failures),
        cmocka_unit_test(refused_input),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
