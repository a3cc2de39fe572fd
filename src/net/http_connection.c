/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "net/http_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

bool queue_put(struct http_queue *q, const void *p, size_t n)
{
    if (q->capacity - q->end < n) {
        size_t used = q->end - q->start, capacity = used + n < 1024 ? 1024 : (used + n) / 2 * 3;
        uint8_t *grown = malloc(capacity);
        if (!grown)
            return false;
        if (q->p)
            memcpy(grown, q->p + q->start, used);
        queue_free(q);
        q->p = grown;
        q->start = 0;
        q->end = used;
        q->capacity = capacity;
    }
    if (q->p && n)
        memcpy(q->p + q->end, p, n);
    q->end += n;
    return true;
}

void queue_skip(struct http_queue *q, size_t n)
{
    q->start += n;
    if (q->start == q->end)
        queue_free(q);
}

void queue_free(struct http_queue *q)
{
    if (q->p)
        memory_wipe(q->p, q->end);
    free(q->p);
    *q = (struct http_queue){0};
}

const char *shard_date(struct http_shard *shard)
{
    uint64_t now = loop_now_ms(shard->loop);
    if (shard->date_ms != now) {
        shard->date_ms = now;
        clock_format_http(clock_wall_seconds(), shard->date);
    }
    return shard->date;
}

/* How much of it the socket took. */
static size_t offer(struct http_connection *c, const uint8_t *p, size_t n)
{
    size_t sent = 0;
    while (sent < n && !c->dead) {
        ssize_t taken = send(c->fd.fd, p + sent, n - sent, MSG_NOSIGNAL);
        if (taken >= 0)
            sent += (size_t)taken;
        else if (errno == EAGAIN)
            break;
        else
            c->dead = errno != EINTR;
    }
    return sent;
}

/* Sends what was gathered; what the socket does not take waits in pending. */
static void flush(struct http_connection *c)
{
    struct http_shard *shard = c->shard;
    size_t sent = 0;
    if (c->pending.p) {
        bytes waiting = queue_bytes(&c->pending);
        size_t taken = offer(c, waiting.p, waiting.n);
        queue_skip(&c->pending, taken);
        if (taken)
            c->deadline = DEADLINE_NONE; /* progress: a stall begins anew */
    }
    if (!c->pending.p)
        sent = offer(c, shard->cipher_out, shard->out_used);
    if (!c->dead && sent < shard->out_used)
        c->dead = !queue_put(&c->pending, shard->cipher_out + sent, shard->out_used - sent);
    shard->out_used = 0;
}

/* Where OpenSSL leaves its records, and plaintext connections their bytes. */
static void gather(struct http_connection *c, const void *p, size_t n)
{
    struct http_shard *shard = c->shard;
    if (n > CIPHER_OUT_SIZE - shard->out_used)
        flush(c);
    if (n > CIPHER_OUT_SIZE - shard->out_used) {
        c->dead |= !queue_put(&c->pending, p, n);
        return;
    }
    memcpy(shard->cipher_out + shard->out_used, p, n);
    shard->out_used += n;
}

static int bio_write(BIO *bio, const char *p, int n)
{
    struct http_shard *shard = BIO_get_data(bio);
    if (n <= 0 || shard->current->dead)
        return -1;
    gather(shard->current, p, (size_t)n);
    return n;
}

static int bio_read(BIO *bio, char *p, int n)
{
    struct http_shard *shard = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (shard->in_left == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t take = (size_t)n < shard->in_left ? (size_t)n : shard->in_left;
    memcpy(p, shard->in, take);
    shard->in += take;
    shard->in_left -= take;
    return (int)take;
}

static long bio_control(BIO *bio, int command, long number, void *p)
{
    (void)bio, (void)number, (void)p;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void method_make(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "turn");
    if (method && BIO_meth_set_write(method, bio_write) && BIO_meth_set_read(method, bio_read) &&
        BIO_meth_set_ctrl(method, bio_control))
        return;
    BIO_meth_free(method);
    method = NULL;
}

bool shard_buffers(struct http_shard *shard)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, method_make);
    shard->bio = method ? BIO_new(method) : NULL;
    shard->cipher_in = malloc(CIPHER_IN_SIZE);
    shard->plain_in = malloc(PLAIN_SIZE);
    shard->stage = malloc(PLAIN_SIZE);
    shard->cipher_out = malloc(CIPHER_OUT_SIZE);
    if (!shard->bio || !shard->cipher_in || !shard->plain_in || !shard->stage || !shard->cipher_out)
        return false;
    BIO_set_data(shard->bio, shard);
    BIO_set_init(shard->bio, 1);
    return true;
}

void shard_buffers_free(struct http_shard *shard)
{
    BIO_free(shard->bio);
    free(shard->cipher_in);
    free(shard->plain_in);
    free(shard->stage);
    free(shard->cipher_out);
}

static void encrypt(struct http_connection *c, const uint8_t *p, size_t n)
{
    if (c->dead)
        return;
    if (!c->ssl)
        gather(c, p, n);
    else if (SSL_write(c->ssl, p, (int)n) != (int)n) {
        ERR_clear_error();
        c->dead = true;
    }
}

static void stage_flush(struct http_connection *c)
{
    struct http_shard *shard = c->shard;
    if (shard->stage_used == 0)
        return;
    encrypt(c, shard->stage, shard->stage_used);
    memory_wipe(shard->stage, shard->stage_used);
    shard->stage_used = 0;
}

bool connection_writable(const struct http_connection *c)
{
    return !c->dead && c->shard->round_used < ROUND_SIZE;
}

void connection_write(struct http_connection *c, bytes b)
{
    struct http_shard *shard = c->shard;
    shard->round_used += b.n;
    while (b.n > 0) {
        size_t take = PLAIN_SIZE - shard->stage_used;
        take = b.n < take ? b.n : take;
        if (take == PLAIN_SIZE) {
            encrypt(c, b.p, take);
        } else {
            memcpy(shard->stage + shard->stage_used, b.p, take);
            shard->stage_used += take;
            if (shard->stage_used == PLAIN_SIZE)
                stage_flush(c);
        }
        b = bytes_skip(b, take);
    }
}

/* What a connection owns beside its place in the shard. */
static void connection_parts_free(struct http_connection *c)
{
    tls_session_free(c->ssl);
    tls_context_put(c->tls);
    queue_free(&c->pending);
    peer_put(c->peer);
    close(c->fd.fd);
    free(c);
}

static void connection_free(struct http_connection *c)
{
    struct http_shard *shard = c->shard;
    if (c->protocol)
        c->protocol->finish(c);
    timer_cancel(shard->loop, &c->timer);
    loop_remove(shard->loop, &c->fd);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    if (shard->untrusted == c)
        shard->untrusted = c->next;
    connection_parts_free(c);
    shard_connection_gone(shard);
}

static uint64_t deadline_ms(const struct http_options *o, enum http_deadline deadline)
{
    const uint64_t ms[] = {
        [DEADLINE_NONE] = 0,
        [DEADLINE_HANDSHAKE] = HANDSHAKE_MS,
        [DEADLINE_IDLE] = o->idle_timeout_ms,
        [DEADLINE_HEAD] = o->head_timeout_ms,
        [DEADLINE_BODY] = o->body_timeout_ms,
        [DEADLINE_STALL] = o->stall_timeout_ms,
        [DEADLINE_LINGER] = LINGER_MS,
        [DEADLINE_TICK] = (o->stall_timeout_ms < o->body_timeout_ms ? o->stall_timeout_ms : o->body_timeout_ms) / 4 + 1,
    };
    return ms[deadline];
}

/* Every way into a connection ends here: frees it when it is dead, else watches for what it waits for. */
static void settle(struct http_connection *c)
{
    if (!c->dead) {
        bool reads = c->lingering || !c->protocol || (!c->closing && c->protocol->wants_input(c));
        uint32_t events = (reads ? EPOLLIN : 0) | (c->pending.p ? EPOLLOUT : 0);
        c->dead = !loop_change(c->shard->loop, &c->fd, events);
    }
    if (c->dead) {
        if (!c->send_set) /* else when its turn to send comes */
            connection_free(c);
        return;
    }
    enum http_deadline deadline = c->lingering   ? DEADLINE_LINGER
                                  : c->pending.p ? DEADLINE_STALL
                                  : c->protocol  ? c->protocol->deadline(c)
                                                 : DEADLINE_HANDSHAKE;
    if (deadline != c->deadline && deadline != DEADLINE_NONE)
        timer_set(c->shard->loop, &c->timer, deadline_ms(&connection_server(c)->options, deadline));
    c->deadline = (uint8_t)deadline;
}

static void expired(struct timer *timer)
{
    struct http_connection *c = (struct http_connection *)((char *)timer - offsetof(struct http_connection, timer));
    enum http_deadline deadline = c->deadline;
    if (deadline == DEADLINE_NONE)
        return;
    c->deadline = DEADLINE_NONE;
    if (deadline == DEADLINE_HANDSHAKE)
        atomic_fetch_add(&connection_server(c)->handshake_failures, 1);
    if (deadline == DEADLINE_HANDSHAKE || deadline == DEADLINE_STALL || deadline == DEADLINE_LINGER)
        c->dead = true;
    else
        c->protocol->expired(c, deadline);
    settle(c);
}

/* What Go's server answers to a client that forgot the TLS. */
static bool refuse_plain_http(struct http_connection *c)
{
    static const char *const starts[] = {"GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "PATCH", "DELET"};
    static const char answer[] = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    bytes in = {c->shard->in, c->shard->in_left};
    if (c->greeted)
        return false;
    c->greeted = true;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        if (!bytes_start(in, (bytes){(const uint8_t *)starts[i], 5}))
            continue;
        gather(c, answer, sizeof answer - 1);
        flush(c);
        return true;
    }
    return false;
}

static void protocol_start(struct http_connection *c, bool http2)
{
    c->protocol = http2 ? &http2_protocol : &http1_protocol;
    if (!c->protocol->start(c)) {
        c->protocol = NULL;
        c->dead = true;
    } else if (atomic_load(&connection_server(c)->draining)) {
        c->protocol->drain(c);
    }
}

static void handshake(struct http_connection *c)
{
    bool plain = refuse_plain_http(c);
    if (!plain && SSL_do_handshake(c->ssl) == 1) {
        shard_handshake_done(c->shard);
        if (connection_identify(c)) {
            tls_session_shrink(c->ssl);
            protocol_start(c, tls_session_http2(c->ssl));
            return;
        }
    } else if (!plain && SSL_get_error(c->ssl, -1) == SSL_ERROR_WANT_READ) {
        return;
    }
    ERR_clear_error();
    atomic_fetch_add(&connection_server(c)->handshake_failures, 1);
    flush(c); /* the alert */
    if (!plain)
        c->dead = true;
    else if (!c->dead) {
        shutdown(c->fd.fd, SHUT_WR);
        c->lingering = true;
    }
}

static void receive_plain(struct http_connection *c)
{
    struct http_shard *shard = c->shard;
    bytes in = {shard->in, shard->in_left};
    if (!c->protocol)
        protocol_start(c, bytes_start(in, BYTES("PRI * HTTP/2.0\r\n")));
    if (!c->dead && !c->closing)
        c->protocol->receive(c, in);
    memory_wipe(shard->cipher_in, (size_t)(in.p - shard->cipher_in) + in.n);
}

static void receive_tls(struct http_connection *c)
{
    struct http_shard *shard = c->shard;
    if (!c->protocol)
        handshake(c);
    while (c->protocol && !c->dead) {
        int n = SSL_read(c->ssl, shard->plain_in, (int)PLAIN_SIZE);
        if (n > 0) {
            if (!c->closing)
                c->protocol->receive(c, (bytes){shard->plain_in, (size_t)n});
            memory_wipe(shard->plain_in, (size_t)n);
            continue;
        }
        int why = SSL_get_error(c->ssl, n);
        if (why == SSL_ERROR_WANT_READ)
            break;
        ERR_clear_error();
        if (why != SSL_ERROR_ZERO_RETURN) {
            c->dead = true;
            break;
        }
        c->protocol->ended(c);
        break;
    }
}

static void receive(struct http_connection *c)
{
    struct http_shard *shard = c->shard;
    ssize_t n = recv(c->fd.fd, shard->cipher_in, CIPHER_IN_SIZE, 0);
    if (n < 0) {
        c->dead |= errno != EAGAIN && errno != EINTR;
        return;
    }
    if (c->lingering) {
        c->dead |= n == 0;
        return;
    }
    if (n == 0) {
        if (c->protocol)
            c->protocol->ended(c);
        else
            c->dead = true;
        return;
    }
    shard->current = c;
    shard->in = shard->cipher_in;
    shard->in_left = (size_t)n;
    if (c->ssl)
        receive_tls(c);
    else
        receive_plain(c);
    shard->in_left = 0;
    if (shard->out_used)
        flush(c);
}

static void ready(struct loop_fd *fd, uint32_t events)
{
    struct http_connection *c = (struct http_connection *)((char *)fd - offsetof(struct http_connection, fd));
    if (c->dead)
        return;
    if (events & EPOLLIN)
        receive(c);
    else if (events & (EPOLLHUP | EPOLLERR))
        c->dead = true;
    if (events & EPOLLOUT && !c->dead)
        connection_queue(c);
    settle(c);
}

/* The end of a connection's answers: close_notify, unless an answer was cut and must look so. */
static void finish(struct http_connection *c)
{
    if (c->ssl && !c->cut && !(SSL_get_shutdown(c->ssl) & SSL_SENT_SHUTDOWN)) {
        if (SSL_shutdown(c->ssl) < 0)
            ERR_clear_error();
        flush(c);
    }
    if (c->dead || c->pending.p)
        return;
    if (c->linger && shutdown(c->fd.fd, SHUT_WR) == 0)
        c->lingering = true; /* closing now could reset the connection before the peer has read */
    else
        c->dead = true;
}

static void send_rounds(struct http_connection *c)
{
    struct http_shard *shard = c->shard;
    bool more = c->protocol != NULL;
    shard->current = c;
    if (c->pending.p)
        flush(c);
    for (int round = 0; round < ROUNDS_MAX && more && !c->dead && !c->pending.p; round++) {
        shard->round_used = 0;
        more = c->protocol->send(c);
        stage_flush(c);
        flush(c);
    }
    if (more && !c->dead && !c->pending.p)
        connection_queue(c);
    if (!more && c->closing && !c->dead && !c->pending.p && !c->lingering)
        finish(c);
}

static void send_all(struct task *task)
{
    struct http_shard *shard = (struct http_shard *)((char *)task - offsetof(struct http_shard, send_task));
    struct http_connection *c, *next = shard->send_first;
    shard->send_first = NULL; /* what queues itself again meanwhile comes in the next turn */
    shard->send_last = &shard->send_first;
    shard->send_set = false;
    while ((c = next)) {
        next = c->send_next;
        c->send_set = false;
        if (!c->dead)
            send_rounds(c);
        settle(c);
    }
}

void connection_queue(struct http_connection *c)
{
    struct http_shard *shard = c->shard;
    if (!c->send_set) {
        c->send_set = true;
        c->send_next = NULL;
        *shard->send_last = c;
        shard->send_last = &c->send_next;
    }
    if (!shard->send_set) {
        shard->send_set = true;
        shard->send_task.run = send_all;
        loop_at_turn_close(shard->loop, &shard->send_task);
    }
}

void connection_drain(struct http_connection *c)
{
    if (c->protocol && !c->closing)
        c->protocol->drain(c);
    settle(c);
}

void connection_judge(struct http_connection *c)
{
    struct http_server *server = connection_server(c);
    if (!c->ssl || !c->protocol || c->trust == atomic_load(&server->trust)) /* a handshake: before its first request */
        return;
    pthread_mutex_lock(&server->tls_lock);
    struct tls_context *tls = tls_context_get(server->tls);
    c->trust = atomic_load(&server->trust);
    pthread_mutex_unlock(&server->tls_lock);
    if (c->peer->has_certificate && !tls_session_trusted(tls, c->ssl)) {
        peer_distrusted(c->peer);
        c->withdrawn = true;
        if (!c->dead && !c->closing)
            c->protocol->drain(c);
    }
    tls_context_put(tls);
}

void shard_judge_some(struct task *task)
{
    struct http_shard *shard = (struct http_shard *)((char *)task - offsetof(struct http_shard, trust_task));
    atomic_store(&shard->trust_posted, false);
    if (atomic_exchange(&shard->trust_changed, false))
        shard->untrusted = shard->connections; /* what comes later stands before it, and knows the new context */
    for (unsigned i = 0; i < JUDGED_A_TURN && shard->untrusted; i++) {
        struct http_connection *c = shard->untrusted;
        shard->untrusted = c->next;
        connection_judge(c);
        settle(c);
    }
    if (shard->untrusted && !atomic_exchange(&shard->trust_posted, true))
        loop_post(shard->loop, task);
}

void shard_judge(struct http_shard *shard)
{
    atomic_store(&shard->trust_changed, true);
    if (!atomic_exchange(&shard->trust_posted, true))
        loop_post(shard->loop, &shard->trust_task);
}

void connection_close_now(struct http_connection *c)
{
    c->dead = true;
    settle(c);
}

void connection_free_all(struct http_shard *shard)
{
    shard->send_first = NULL;
    shard->send_last = &shard->send_first;
    while (shard->connections)
        connection_free(shard->connections);
}

static bool connection_begin(struct http_connection *c, const struct sockaddr_storage *from)
{
    struct http_server *server = connection_server(c);
    pthread_mutex_lock(&server->tls_lock);
    c->tls = tls_context_get(server->tls);
    c->trust = atomic_load(&server->trust);
    pthread_mutex_unlock(&server->tls_lock);
    c->peer = peer_at(from);
    c->ssl = c->tls ? tls_session_new(c->tls, c->shard->bio) : NULL;
    return c->peer && (c->ssl || !c->tls) && loop_add(c->shard->loop, &c->fd);
}

void connection_accept(struct http_shard *shard, int fd, const struct sockaddr_storage *from)
{
    struct http_connection *c = calloc(1, sizeof *c);
    if (c)
        *c = (struct http_connection){.fd = {fd, EPOLLIN, ready}, .shard = shard, .timer.fire = expired};
    if (!c || !connection_begin(c, from)) {
        if (c)
            connection_parts_free(c);
        else
            close(fd);
        atomic_fetch_add(&shard->server->refused, 1);
        shard_connection_gone(shard);
        return;
    }
    c->next = shard->connections;
    c->link = &shard->connections;
    if (c->next)
        c->next->link = &c->next;
    shard->connections = c;
    settle(c);
}
