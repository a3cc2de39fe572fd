/* SPDX-License-Identifier: Apache-2.0 */
/* A whole connection of the server, over a socket: bytes in pieces, HTTP/2 when they begin with its preface (the first
 * byte's high bit adds it), else HTTP/1.1. Whatever comes, every exchange that began ends, and nothing leaks. */
#include "net/http_internal.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct http_server *server;
static long begun, ended;

static enum http_pull pull(struct http_source *source, struct http_exchange *x, bytes *ret)
{
    static const uint8_t piece[3000];
    uintptr_t *left = (uintptr_t *)(source + 1);
    (void)x;
    if (*left == 0)
        return HTTP_PULL_WAIT;
    *left -= 1;
    *ret = (bytes){piece, sizeof piece};
    return HTTP_PULL_DATA;
}

static void close_source(struct http_source *source, struct http_exchange *x)
{
    (void)x;
    free(source);
}

static void head(struct http_exchange *x)
{
    begun++;
    if (bytes_start(x->path, BYTES("/s"))) {
        struct http_source *source = calloc(1, sizeof *source + sizeof(uintptr_t));
        if (!source)
            abort();
        *source = (struct http_source){pull, close_source};
        *(uintptr_t *)(source + 1) = x->path.n;
        http_stream(x, 200, NULL, 0, source);
        arena_reset(&x->arena);
    } else if (bytes_start(x->path, BYTES("/b"))) {
        http_read_body(x, 10000);
    } else {
        http_answer(x, 200, NULL, 0, x->path);
    }
}

static void body(struct http_exchange *x)
{
    http_answer(x, x->body.p ? 200 : 413, NULL, 0, x->body.p ? x->body : BYTES_NONE);
}

static void gone(struct http_exchange *x)
{
    (void)x;
    ended++;
}

static void start(void)
{
    const struct http_options options = {.address = "127.0.0.1"};
    const struct http_handler handler = {head, body, gone};
    loop = loop_new(0);
    if (!loop || http_server_new(&options, &handler, NULL, &loop, 1, &server, NULL) != ERR_OK)
        abort();
}

static void turns(int fd)
{
    static char sink[1 << 16];
    for (int i = 0; i < 4; i++)
        loop_turn(loop, false);
    while (recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0)
        continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    const struct sockaddr_storage from = {.ss_family = AF_INET};
    int pair[2];
    if (!server)
        start();
    if (size < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
        return 0;
    size_t step = 1 + (data[0] & 0x7f) * 16u;
    connection_accept(&server->shards[0], pair[0], &from);
    if (data[0] & 0x80 && send(pair[1], preface, sizeof preface - 1, MSG_NOSIGNAL) < 0)
        abort();
    for (size_t at = 1; at < size; at += step) {
        turns(pair[1]);
        if (send(pair[1], data + at, size - at < step ? size - at : step, MSG_NOSIGNAL) < 0)
            break;
    }
    turns(pair[1]);
    close(pair[1]);
    connection_free_all(&server->shards[0]);
    loop_turn(loop, false);
    if (begun != ended)
        abort();
    return 0;
}
