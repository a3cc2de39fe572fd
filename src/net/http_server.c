/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "net/http_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG         4096
#define ACCEPTS_MAX     16 /* a turn: so that other loops get their share */
#define ACCEPT_PAUSE_MS 100
#define TRIM_HANDSHAKES 64
#define TRIM_MS         1000

static const struct http_options defaults = {
    .max_header = 64 * 1024,
    .head_timeout_ms = 10 * 1000,
    .body_timeout_ms = 60 * 1000,
    .idle_timeout_ms = 180 * 1000,
    .stall_timeout_ms = 60 * 1000,
    .max_connections = 20000,
    .arena_limit = 256 * 1024,
};

#define DEFAULT(options, field)                                                                                        \
    do {                                                                                                               \
        if ((options)->field == 0)                                                                                     \
            (options)->field = defaults.field;                                                                         \
    } while (0)

static struct http_options complete(const struct http_options *given)
{
    struct http_options o = *given;
    DEFAULT(&o, max_header);
    DEFAULT(&o, head_timeout_ms);
    DEFAULT(&o, body_timeout_ms);
    DEFAULT(&o, idle_timeout_ms);
    DEFAULT(&o, stall_timeout_ms);
    DEFAULT(&o, max_connections);
    DEFAULT(&o, arena_limit);
    return o;
}

static void drained_done(struct task *task)
{
    struct http_server *server = (struct http_server *)((char *)task - offsetof(struct http_server, done_task));
    timer_cancel(server->shards[0].loop, &server->drain_timer);
    server->drained(server->drained_context);
}

static void shard_drained(struct http_shard *shard)
{
    struct http_server *server = shard->server;
    /* What is held goes on although its peer left: a write that is being committed. */
    if (shard->drained || shard->connections || (shard->exchanges && !shard->cut) || shard_has_locals(shard))
        return;
    shard->drained = true;
    if (atomic_fetch_sub(&server->undrained, 1) == 1)
        loop_post(server->shards[0].loop, &server->done_task);
}

void shard_connection_gone(struct http_shard *shard)
{
    atomic_fetch_sub(&shard->server->connections, 1);
    atomic_fetch_sub(&shard->count, 1);
    if (shard->draining)
        shard_drained(shard);
}

void shard_exchange_gone(struct http_shard *shard)
{
    shard->exchanges--;
    if (shard->draining)
        shard_drained(shard);
}

void shard_local_gone(struct http_shard *shard)
{
    if (shard->draining)
        shard_drained(shard);
}

/* A handshake takes 60 KB for some milliseconds. Where many ran at once the heap is left full of holes: back to the
 * kernel with them. */
static void trim_heap(struct timer *timer)
{
    struct http_shard *shard = (struct http_shard *)((char *)timer - offsetof(struct http_shard, trim));
    shard->handshakes = 0;
    memory_trim();
}

void shard_handshake_done(struct http_shard *shard)
{
    if (++shard->handshakes >= TRIM_HANDSHAKES)
        timer_set(shard->loop, &shard->trim, TRIM_MS); /* put off until it is quiet */
}

/* Without a descriptor to accept with, a waiting connection would wake the loop for ever: the reserve is given up to
 * close it. */
static void accept_and_close(struct http_shard *shard)
{
    struct http_server *server = shard->server;
    if (shard->reserve_fd >= 0) {
        close(shard->reserve_fd);
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            close(fd);
            atomic_fetch_add(&server->refused, 1);
        }
    }
    shard->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (shard->reserve_fd < 0 && shard->listening) { /* another thread was quicker */
        loop_remove(shard->loop, &shard->listener);
        shard->listening = false;
        timer_set(shard->loop, &shard->accept_pause, ACCEPT_PAUSE_MS);
    }
}

static void accept_resume(struct timer *timer)
{
    struct http_shard *shard = (struct http_shard *)((char *)timer - offsetof(struct http_shard, accept_pause));
    if (shard->draining)
        return;
    shard->listening = loop_add(shard->loop, &shard->listener);
    if (!shard->listening)
        timer_set(shard->loop, timer, ACCEPT_PAUSE_MS);
}

struct arrival {
    struct task task;
    struct http_shard *shard;
    int fd;
    struct sockaddr_storage from;
};

static void arrive(struct task *task)
{
    struct arrival *arrival = (struct arrival *)task;
    struct http_shard *shard = arrival->shard;
    if (shard->draining) {
        close(arrival->fd);
        shard_connection_gone(shard);
    } else {
        connection_accept(shard, arrival->fd, &arrival->from);
    }
    free(arrival);
}

/* The kernel wakes the same loop again and again while it keeps up; it gives to the loop that has the fewest. */
static void place(struct http_shard *shard, int fd, const struct sockaddr_storage *from)
{
    struct http_server *server = shard->server;
    struct http_shard *least = shard;
    for (size_t i = 0; i < server->shard_count; i++)
        if (atomic_load(&server->shards[i].count) < atomic_load(&least->count))
            least = &server->shards[i];
    struct arrival *arrival = least != shard ? malloc(sizeof *arrival) : NULL;
    if (!arrival) {
        atomic_fetch_add(&shard->count, 1);
        connection_accept(shard, fd, from);
        return;
    }
    atomic_fetch_add(&least->count, 1);
    *arrival = (struct arrival){{.run = arrive}, least, fd, *from};
    loop_post(least->loop, &arrival->task);
}

static void accept_ready(struct loop_fd *listener, uint32_t events)
{
    struct http_shard *shard = (struct http_shard *)((char *)listener - offsetof(struct http_shard, listener));
    struct http_server *server = shard->server;
    (void)events;
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct sockaddr_storage from = {0};
        socklen_t n = sizeof from;
        int fd = accept4(server->listen_fd, (struct sockaddr *)&from, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE)
                accept_and_close(shard);
            return;
        }
        atomic_fetch_add(&server->accepted, 1);
        if (atomic_fetch_add(&server->connections, 1) >= server->options.max_connections) {
            atomic_fetch_sub(&server->connections, 1);
            atomic_fetch_add(&server->refused, 1);
            close(fd);
            continue;
        }
        place(shard, fd, &from);
    }
}

static err_t listen_failed(const char *address, uint16_t port, int reason, struct error *error)
{
    if (reason == EADDRINUSE)
        return error_set(
            error, ERR_CONFLICT, "cannot listen on %s port %u: another program does already", address, port);
    return error_errno(error, reason, "cannot listen on %s port %u", address, port);
}

err_t http_listen(const char *address, uint16_t port, int *ret_fd, struct error *error)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char service[8];
    const int on = 1, idle = 30, interval = 15, probes = 4;
    snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(address, service, &hints, &found) != 0)
        return error_set(error, ERR_INVALID, "cannot listen on \"%s\": not a numeric IP address", address);
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* Accepted sockets inherit these. Probes find the watches whose client is gone without a word. */
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0 &&
              setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) == 0 &&
              setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval) == 0 &&
              setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes) == 0 &&
              bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int reason = errno;
    freeaddrinfo(found);
    if (ok) {
        *ret_fd = fd;
        return ERR_OK;
    }
    if (fd >= 0)
        close(fd);
    return listen_failed(address, port, reason, error);
}

static err_t find_port(struct http_server *server, struct error *error)
{
    struct sockaddr_storage bound = {0};
    socklen_t n = sizeof bound;
    if (getsockname(server->listen_fd, (struct sockaddr *)&bound, &n) != 0)
        return error_errno(error, errno, "cannot ask for the port");
    server->port = ntohs(bound.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&bound)->sin6_port
                                                     : ((const struct sockaddr_in *)&bound)->sin_port);
    return ERR_OK;
}

static void shard_drain(struct task *task)
{
    struct http_shard *shard = (struct http_shard *)((char *)task - offsetof(struct http_shard, drain_task));
    shard->draining = true;
    if (shard->listening)
        loop_remove(shard->loop, &shard->listener);
    shard->listening = false;
    for (struct http_connection *c = shard->connections, *next; c; c = next) {
        next = c->next;
        connection_drain(c);
    }
    shard_locals_drain(shard);
    shard_drained(shard);
}

static void shard_cut(struct task *task)
{
    struct http_shard *shard = (struct http_shard *)((char *)task - offsetof(struct http_shard, cut_task));
    shard->cut = true;
    for (struct http_connection *c = shard->connections, *next; c; c = next) {
        next = c->next;
        connection_close_now(c);
    }
    shard_locals_cut(shard);
    shard_drained(shard);
}

static void drain_expired(struct timer *timer)
{
    struct http_server *server = (struct http_server *)((char *)timer - offsetof(struct http_server, drain_timer));
    for (size_t i = 0; i < server->shard_count; i++) {
        server->shards[i].cut_task.run = shard_cut;
        loop_post(server->shards[i].loop, &server->shards[i].cut_task);
    }
}

/* On the first loop, so that the timer is set where it runs. */
static void drain_begin(struct task *task)
{
    struct http_server *server = (struct http_server *)((char *)task - offsetof(struct http_server, done_task));
    server->done_task.run = drained_done;
    timer_set(server->shards[0].loop, &server->drain_timer, server->drain_ms);
    for (size_t i = 0; i < server->shard_count; i++) {
        server->shards[i].drain_task.run = shard_drain;
        loop_post(server->shards[i].loop, &server->shards[i].drain_task);
    }
}

void http_server_drain(struct http_server *server, unsigned timeout_ms, void (*done)(void *), void *context)
{
    if (atomic_exchange(&server->draining, true))
        return;
    server->drain_ms = timeout_ms;
    server->drained = done;
    server->drained_context = context;
    server->drain_timer.fire = drain_expired;
    server->done_task.run = drain_begin;
    loop_post(server->shards[0].loop, &server->done_task);
}

static err_t shard_start(struct http_shard *shard, struct http_server *server, struct loop *loop, struct error *error)
{
    shard->server = server;
    shard->loop = loop;
    pthread_mutex_init(&shard->local_lock, NULL);
    shard->send_last = &shard->send_first;
    shard->accept_pause.fire = accept_resume;
    shard->trim.fire = trim_heap;
    shard->trust_task.run = shard_judge_some;
    shard->listener = (struct loop_fd){server->listen_fd, EPOLLIN | EPOLLEXCLUSIVE, accept_ready};
    shard->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!shard_buffers(shard))
        return error_set(error, ERR_NO_MEMORY, "no memory for the HTTP server's buffers");
    shard->listening = loop_add(loop, &shard->listener);
    return shard->listening ? ERR_OK : error_errno(error, errno, "cannot watch the listening socket");
}

err_t http_server_new(const struct http_options *options, const struct http_handler *handler, struct tls_context *tls,
    struct loop *const *loops, size_t loop_count, struct http_server **ret, struct error *error)
{
    struct http_server *server = calloc(1, sizeof *server + loop_count * sizeof *server->shards);
    if (!server) {
        if (options->listener > 0)
            close(options->listener);
        return error_set(error, ERR_NO_MEMORY, "no memory for the HTTP server");
    }
    server->handler = *handler;
    server->options = complete(options);
    server->listen_fd = options->listener > 0 ? options->listener : -1;
    server->tls = tls_context_get(tls);
    pthread_mutex_init(&server->tls_lock, NULL);
    atomic_init(&server->undrained, (unsigned)loop_count);
    for (size_t i = 0; i < loop_count; i++)
        server->shards[i].reserve_fd = -1;
    err_t result =
        server->listen_fd >= 0 ? ERR_OK : http_listen(options->address, options->port, &server->listen_fd, error);
    if (result == ERR_OK)
        result = find_port(server, error);
    while (result == ERR_OK && server->shard_count < loop_count) {
        struct http_shard *shard = &server->shards[server->shard_count];
        result = shard_start(shard, server, loops[server->shard_count++], error);
    }
    if (result == ERR_OK)
        *ret = server;
    else
        http_server_free(server);
    return result;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_set_tls(struct http_server *server, struct tls_context *tls)
{
    pthread_mutex_lock(&server->tls_lock);
    struct tls_context *before = server->tls;
    server->tls = tls_context_get(tls);
    atomic_fetch_add(&server->trust, 1);
    pthread_mutex_unlock(&server->tls_lock);
    tls_context_put(before);
    for (size_t i = 0; i < server->shard_count; i++)
        shard_judge(&server->shards[i]);
}

void http_server_close(struct http_server *server)
{
    for (size_t i = 0; i < server->shard_count; i++) {
        connection_free_all(&server->shards[i]);
        shard_locals_cut(&server->shards[i]);
    }
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    http_server_close(server);
    for (size_t i = 0; i < server->shard_count; i++) {
        struct http_shard *shard = &server->shards[i];
        shard_locals_free(shard);
        if (shard->listening)
            loop_remove(shard->loop, &shard->listener);
        timer_cancel(shard->loop, &shard->accept_pause);
        timer_cancel(shard->loop, &shard->trim);
        if (shard->reserve_fd >= 0)
            close(shard->reserve_fd);
        shard_buffers_free(shard);
    }
    if (server->shard_count > 0)
        timer_cancel(server->shards[0].loop, &server->drain_timer);
    if (server->listen_fd >= 0)
        close(server->listen_fd);
    tls_context_put(server->tls);
    pthread_mutex_destroy(&server->tls_lock);
    free(server);
}

void http_server_statistics(struct http_server *server, struct http_statistics *ret)
{
    *ret = (struct http_statistics){
        .connections = atomic_load(&server->connections),
        .accepted = atomic_load(&server->accepted),
        .requests = atomic_load(&server->requests),
        .handshake_failures = atomic_load(&server->handshake_failures),
        .refused_connections = atomic_load(&server->refused),
    };
}
