/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server alone: answers every request with one file's bytes, as nginx answers a static file. One loop.
 *   fixed PORT CERTIFICATE KEY CLIENT-CA FILE */
#include "base/file.h"
#include "base/log.h"
#include "crypt/setup.h"
#include "net/http.h"

#include <stdio.h>
#include <stdlib.h>

static bytes content;

static void on_head(struct http_exchange *x)
{
    static const struct http_header headers[] = {
        {{(const uint8_t *)"content-type", 12}, {(const uint8_t *)"application/json", 16}}};
    http_answer(x, 200, headers, 1, content);
}

static void on_gone(struct http_exchange *x)
{
    (void)x;
}

static bytes load(struct arena *arena, const char *path, struct error *error)
{
    bytes text;
    if (file_read(arena, path, 1u << 20, &text, error) != ERR_OK)
        log_fatal("cannot read a file", error);
    return text;
}

int main(int argc, char **argv)
{
    static const struct http_handler handler = {.head = on_head, .body = on_head, .gone = on_gone};
    struct arena arena;
    struct error error;
    struct tls_context *tls;
    struct http_server *server;

    if (argc != 6)
        return fputs("usage: fixed PORT CERTIFICATE KEY CLIENT-CA FILE\n", stderr), 2;
    arena_init(&arena, 16u << 20);
    error_init(&error, &arena);
    log_setup(LOG_INFO, LOG_FORMAT_TEXT);
    bytes key = load(&arena, argv[3], &error);
    const struct tls_options tls_options = {.certificate_pem = load(&arena, argv[2], &error),
        .key_pem = {(uint8_t *)(uintptr_t)key.p, key.n},
        .client_ca_pem = load(&arena, argv[4], &error)};
    const struct http_options options = {.address = "127.0.0.1", .port = (uint16_t)atoi(argv[1])};
    content = load(&arena, argv[5], &error);
    struct loop *loop = loop_new(0);
    if (!loop || crypt_setup(&error) != ERR_OK || tls_context_new(&tls_options, &tls, &error) != ERR_OK ||
        http_server_new(&options, &handler, tls, &loop, 1, &server, &error) != ERR_OK)
        log_fatal("cannot start", &error);
    puts("ready");
    fflush(stdout);
    loop_run(loop);
    return 0;
}
