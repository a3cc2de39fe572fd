/* SPDX-License-Identifier: Apache-2.0 */
/* A load generator for what h2load and wrk cannot do: client certificates, resumed handshakes, bodies that differ, and
 * watches. One thread, epoll, OpenSSL, nghttp2. Not part of the product: it exits at the first error.
 *
 *   load [options] https://HOST:PORT/PATH     see usage() */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *host, *port, *path, *certificate, *key, *method, *body, *accept, *trigger;
    const char *connections_text, *streams_text, *requests_text, *seconds_text;
    int connections, streams;
    long requests;
    double seconds;
    bool h2, handshakes, resumed, watch;
} option = {.method = "GET",
    .connections_text = "1",
    .streams_text = "1",
    .requests_text = "10000",
    .seconds_text = "0",
    .accept = "application/json"};

struct stream {
    uint64_t begun_us;
    char body[8192];
    size_t body_length, body_sent;
    bool open;
};

struct connection {
    int fd;
    SSL *ssl;
    bool connected, want_write;
    nghttp2_session *session;
    int in_flight;
    struct stream *streams; /* of h1: one; of h2: by slot */
    /* what waits to be written */
    uint8_t *out;
    size_t out_length, out_capacity;
    /* h1: the answer being read */
    char head[8192];
    size_t head_length, body_left;
    bool in_body, chunked;
    long events;
};

static SSL_CTX *context;
static SSL_SESSION *ticket;
static struct connection *connections;
static int epoll_fd;
static long issued, completed, failed, watches_open, events_seen;
static uint64_t bytes_read, begun_us, end_us;
static uint32_t *latency_us;
static long latency_count, latency_capacity;

static _Noreturn __attribute__((format(printf, 1, 2))) void die(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static bool may_issue(void)
{
    return option.seconds > 0 ? now_us() < end_us : issued < option.requests;
}

static void note_latency(uint64_t begun)
{
    if (latency_count == latency_capacity) {
        latency_capacity = latency_capacity ? latency_capacity * 2 : 65536;
        latency_us = realloc(latency_us, (size_t)latency_capacity * sizeof(*latency_us));
        if (!latency_us)
            die("no memory");
    }
    latency_us[latency_count++] = (uint32_t)(now_us() - begun);
}

/* ---- Bytes to the peer. */

static void out_put(struct connection *c, const void *p, size_t n)
{
    if (c->out_length + n > c->out_capacity) {
        c->out_capacity = (c->out_length + n) * 2;
        c->out = realloc(c->out, c->out_capacity);
        if (!c->out)
            die("no memory");
    }
    memcpy(c->out + c->out_length, p, n);
    c->out_length += n;
}

static void watch_writable(struct connection *c, bool on)
{
    struct epoll_event event = {.events = EPOLLIN | (on ? EPOLLOUT : 0u), .data.ptr = c};
    if (c->want_write != on)
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
    c->want_write = on;
}

static void flush(struct connection *c)
{
    while (c->out_length) {
        int n = SSL_write(c->ssl, c->out, (int)c->out_length);
        if (n <= 0) {
            if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_WRITE)
                die("write failed");
            watch_writable(c, true);
            return;
        }
        memmove(c->out, c->out + n, c->out_length - (size_t)n);
        c->out_length -= (size_t)n;
    }
    watch_writable(c, false);
}

/* ---- Requests. */

/* %d in the body becomes the request's number. */
static void stream_begin(struct stream *s)
{
    s->begun_us = now_us();
    s->open = true;
    s->body_sent = s->body_length = 0;
    if (!option.body)
        return;
    const char *mark = strstr(option.body, "%d");
    int before = mark ? (int)(mark - option.body) : (int)strlen(option.body);
    int n = mark ? snprintf(s->body, sizeof(s->body), "%.*s%ld%s", before, option.body, issued, mark + 2)
                 : snprintf(s->body, sizeof(s->body), "%s", option.body);
    if (n < 0 || (size_t)n >= sizeof(s->body))
        die("the body is too long");
    s->body_length = (size_t)n;
}

static void h1_send(struct connection *c)
{
    char head[1024];
    struct stream *s = &c->streams[0];
    stream_begin(s);
    int n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: %s:%s\r\nAccept: %s\r\n", option.method, option.path,
        option.host, option.port, option.accept);
    if (option.body)
        n += snprintf(head + n, sizeof(head) - (size_t)n, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
            s->body_length);
    out_put(c, head, (size_t)n);
    out_put(c, "\r\n", 2);
    out_put(c, s->body, s->body_length);
    issued++;
    c->in_flight++;
}

static ssize_t h2_body(nghttp2_session *session, int32_t id, uint8_t *p, size_t n, uint32_t *flags,
    nghttp2_data_source *source, void *user)
{
    struct stream *s = source->ptr;
    size_t left = s->body_length - s->body_sent;
    (void)session, (void)id, (void)user;
    n = n < left ? n : left;
    memcpy(p, s->body + s->body_sent, n);
    s->body_sent += n;
    if (s->body_sent == s->body_length)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

#define PAIR(name, value)                                                                                              \
    {                                                                                                                  \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name), strlen(value),                      \
            NGHTTP2_NV_FLAG_NO_INDEX                                                                                   \
    }

static void h2_send(struct connection *c, struct stream *s)
{
    char authority[128];
    snprintf(authority, sizeof(authority), "%s:%s", option.host, option.port);
    nghttp2_nv pairs[] = {PAIR(":method", option.method), PAIR(":scheme", "https"), PAIR(":authority", authority),
        PAIR(":path", option.path), PAIR("accept", option.accept), PAIR("content-type", "application/json")};
    nghttp2_data_provider provider = {.source.ptr = s, .read_callback = h2_body};
    stream_begin(s);
    if (nghttp2_submit_request(c->session, NULL, pairs, option.body ? 6 : 5, option.body ? &provider : NULL, s) < 0)
        die("cannot submit a request");
    issued++;
    c->in_flight++;
}

static void issue(struct connection *c)
{
    if (!option.h2) {
        while (c->in_flight == 0 && may_issue())
            h1_send(c);
    } else {
        for (int i = 0; i < option.streams && may_issue(); i++)
            if (!c->streams[i].open)
                h2_send(c, &c->streams[i]);
        if (nghttp2_session_send(c->session) != 0)
            die("nghttp2 cannot send");
    }
    flush(c);
}

static void count_events(struct connection *c, const uint8_t *p, size_t n)
{
    for (const uint8_t *at = p; (at = memchr(at, '\n', n - (size_t)(at - p))); at++)
        if (at > p && at[-1] == '}') {
            if (c->events++ == 0 || option.h2)
                events_seen++;
        }
}

/* ---- HTTP/2 answers. */

static ssize_t on_send(nghttp2_session *session, const uint8_t *p, size_t n, int flags, void *user)
{
    (void)session, (void)flags;
    out_put(user, p, n);
    return (ssize_t)n;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
    const uint8_t *value, size_t value_length, uint8_t flags, void *user)
{
    (void)session, (void)frame, (void)flags, (void)user, (void)value_length;
    if (name_length == 7 && memcmp(name, ":status", 7) == 0) {
        if (value[0] != '2')
            failed++;
        else if (option.watch)
            watches_open++;
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
    (void)session, (void)flags, (void)id;
    if (option.watch)
        count_events(user, p, n);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct connection *c = user;
    struct stream *s = nghttp2_session_get_stream_user_data(session, id);
    if (code)
        failed++;
    completed++;
    c->in_flight--;
    if (s) {
        note_latency(s->begun_us);
        s->open = false;
    }
    return 0;
}

static void h2_start(struct connection *c)
{
    static nghttp2_session_callbacks *callbacks;
    if (!callbacks) {
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_send_callback(callbacks, on_send);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    }
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1u << 20}, {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
    if (nghttp2_session_client_new(&c->session, callbacks, c) != 0)
        die("no memory");
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, 16 << 20);
}

/* ---- HTTP/1.1 answers. */

static void h1_done(struct connection *c)
{
    c->in_body = false;
    c->head_length = 0;
    c->in_flight--;
    completed++;
    note_latency(c->streams[0].begun_us);
}

static void h1_head(struct connection *c)
{
    if (strncmp(c->head, "HTTP/1.1 2", 10) != 0)
        failed++;
    const char *length = strcasestr(c->head, "\r\nContent-Length:");
    c->chunked = strcasestr(c->head, "\r\nTransfer-Encoding: chunked") != NULL;
    c->body_left = length ? strtoul(length + 17, NULL, 10) : 0;
    c->in_body = true;
    if (option.watch)
        watches_open++;
    else if (c->body_left == 0 && !c->chunked)
        h1_done(c);
}

static void h1_read(struct connection *c, const uint8_t *p, size_t n)
{
    while (n) {
        if (!c->in_body) {
            if (c->head_length + 1 >= sizeof(c->head))
                die("an answer's head is too long");
            c->head[c->head_length++] = (char)*p++, n--;
            c->head[c->head_length] = 0;
            if (c->head_length >= 4 && memcmp(c->head + c->head_length - 4, "\r\n\r\n", 4) == 0)
                h1_head(c);
        } else if (option.watch) {
            count_events(c, p, n);
            return;
        } else if (c->chunked) { /* only whole lists are asked for: the end is what counts */
            bool end = n >= 5 && memcmp(p + n - 5, "0\r\n\r\n", 5) == 0;
            if (end)
                h1_done(c);
            return;
        } else {
            size_t take = n < c->body_left ? n : c->body_left;
            p += take, n -= take, c->body_left -= take;
            if (!c->body_left)
                h1_done(c);
        }
    }
}

/* ---- Connections. */

static void connection_open(struct connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(option.port))};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;
    inet_pton(AF_INET, option.host, &address.sin_addr);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        die("cannot connect to %s:%s: %s", option.host, option.port, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c->ssl = SSL_new(context);
    SSL_set_fd(c->ssl, c->fd);
    if (option.resumed && ticket)
        SSL_set_session(c->ssl, ticket);
    c->streams[0].begun_us = now_us();
    if (SSL_connect(c->ssl) != 1)
        die("the handshake failed");
    if (option.handshakes && option.resumed && ticket && !SSL_session_reused(c->ssl))
        die("the session was not resumed");
    fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
    c->connected = true;
    if (option.h2)
        h2_start(c);
}

static void connection_close(struct connection *c)
{
    SSL_set_shutdown(
        c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* a session that ended in order stays resumable */
    SSL_free(c->ssl);
    close(c->fd);
    nghttp2_session_del(c->session);
    struct stream *streams = c->streams;
    free(c->out);
    *c = (struct connection){.streams = streams, .fd = -1};
}

static void connection_read(struct connection *c)
{
    static uint8_t buffer[65536];
    for (;;) {
        int n = SSL_read(c->ssl, buffer, sizeof(buffer));
        if (n <= 0) {
            int why = SSL_get_error(c->ssl, n);
            if (why == SSL_ERROR_WANT_READ)
                return;
            die("the server closed a connection after %ld answers", completed);
        }
        bytes_read += (uint64_t)n;
        if (!option.h2)
            h1_read(c, buffer, (size_t)n);
        else if (nghttp2_session_mem_recv(c->session, buffer, (size_t)n) < 0)
            die("bad HTTP/2 from the server");
    }
}

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(ticket);
    ticket = session;
    return 1;
}

static void serve_events(int timeout_ms)
{
    struct epoll_event events[256];
    int n = epoll_wait(epoll_fd, events, 256, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT)
            flush(c);
        connection_read(c);
        if (option.h2 && nghttp2_session_send(c->session) != 0)
            die("nghttp2 cannot send");
        flush(c);
        if (!option.watch && !option.handshakes)
            issue(c);
    }
}

/* ---- What is measured. */

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void report(uint64_t elapsed_us)
{
    qsort(latency_us, (size_t)latency_count, sizeof(*latency_us), by_value);
    printf("{\"requests\":%ld,\"failed\":%ld,\"seconds\":%.6f,\"rate\":%.1f,\"bytes\":%llu,\"p50_us\":%u,\"p99_us\":%u,"
           "\"max_us\":%u}\n",
        completed, failed, (double)elapsed_us / 1e6, (double)completed * 1e6 / (double)elapsed_us,
        (unsigned long long)bytes_read, latency_count ? latency_us[latency_count / 2] : 0,
        latency_count ? latency_us[latency_count * 99 / 100] : 0, latency_count ? latency_us[latency_count - 1] : 0);
}

static void run_requests(void)
{
    for (int i = 0; i < option.connections; i++)
        connection_open(&connections[i]);
    begun_us = now_us();
    end_us = begun_us + (uint64_t)(option.seconds * 1e6);
    for (int i = 0; i < option.connections; i++)
        issue(&connections[i]);
    int in_flight;
    do {
        serve_events(1000);
        in_flight = 0;
        for (int i = 0; i < option.connections; i++)
            in_flight += connections[i].in_flight;
    } while (in_flight || may_issue());
    report(now_us() - begun_us);
}

/* Each request on a connection of its own, one after the other. */
static void run_handshakes(void)
{
    struct connection *c = &connections[0];
    begun_us = now_us();
    end_us = begun_us + (uint64_t)(option.seconds * 1e6);
    while (may_issue()) {
        connection_open(c);
        issue(c);
        while (c->in_flight)
            serve_events(1000);
        connection_close(c);
    }
    report(now_us() - begun_us);
}

/* Opens all watches, says "ready", runs --trigger (a command that makes one change) and measures until every watch has
 * its event. */
static void run_watches(void)
{
    long wanted = (long)option.connections * option.streams;
    option.requests = wanted;
    option.seconds = 0;
    for (int i = 0; i < option.connections; i++) {
        connection_open(&connections[i]);
        issue(&connections[i]);
        while (watches_open < issued)
            serve_events(10000);
    }
    printf("ready\n");
    fflush(stdout);
    if (getchar() == EOF) /* whoever measures memory goes on by a line */
        return;
    events_seen = 0;
    for (int i = 0; i < option.connections; i++)
        connections[i].events = 0;
    begun_us = now_us();
    if (system(option.trigger) != 0)
        die("the trigger failed");
    uint64_t triggered = now_us();
    while (events_seen < wanted && now_us() < triggered + 30000000)
        serve_events(1000);
    printf("{\"watches\":%ld,\"events\":%ld,\"failed\":%ld,\"ms_after_trigger_began\":%.3f,\"ms_after_trigger_ended\":%"
           ".3f}\n",
        wanted, events_seen, failed, (double)(now_us() - begun_us) / 1000, (double)(now_us() - triggered) / 1000);
}

static _Noreturn void usage(void)
{
    fputs("usage: load [options] https://HOST:PORT/PATH\n"
          "  --cert FILE --key FILE    client certificate\n"
          "  --h2                      HTTP/2 (default: HTTP/1.1)\n"
          "  --connections N --streams M\n"
          "  --requests N | --seconds S\n"
          "  --method M --body TEXT    %d in TEXT becomes the request's number\n"
          "  --accept TYPE\n"
          "  --handshakes full|resumed a connection for each request\n"
          "  --watch --trigger COMMAND open watches, print ready, wait for a line, run COMMAND, time the events\n",
        stderr);
    exit(2);
}

static void parse(int argc, char **argv)
{
    static const char *handshakes;
    static const struct {
        const char *name, **text;
        bool *flag;
    } options[] = {{"cert", &option.certificate}, {"key", &option.key}, {"h2", NULL, &option.h2},
        {"connections", &option.connections_text}, {"streams", &option.streams_text},
        {"requests", &option.requests_text}, {"seconds", &option.seconds_text}, {"method", &option.method},
        {"body", &option.body}, {"accept", &option.accept}, {"handshakes", &handshakes}, {"watch", NULL, &option.watch},
        {"trigger", &option.trigger}};
    struct option rows[sizeof(options) / sizeof(options[0]) + 1] = {0};
    int row;
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        rows[i] = (struct option){options[i].name, options[i].text ? 1 : 0, NULL, (int)i};
    while ((row = getopt_long(argc, argv, "", rows, NULL)) >= 0 && row != '?')
        if (options[row].text)
            *options[row].text = optarg;
        else
            *options[row].flag = true;
    if (row == '?')
        usage();
    option.connections = atoi(option.connections_text);
    option.streams = atoi(option.streams_text);
    option.requests = atol(option.requests_text);
    option.seconds = atof(option.seconds_text);
    option.handshakes = handshakes != NULL;
    option.resumed = handshakes && strcmp(handshakes, "resumed") == 0;
    if (optind + 1 != argc || strncmp(argv[optind], "https://", 8) != 0)
        usage();
    char *host = argv[optind] + 8, *slash = strchr(host, '/'), *colon = strchr(host, ':');
    if (!slash || !colon || colon > slash || option.connections < 1 || option.streams < 1)
        usage();
    option.path = strdup(slash);
    *slash = *colon = 0;
    option.host = host;
    option.port = colon + 1;
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(
        context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_ticket);
    SSL_CTX_set_alpn_protos(context, (const uint8_t *)(option.h2 ? "\x02h2" : "\x08http/1.1"), option.h2 ? 3 : 9);
    if (option.certificate && (SSL_CTX_use_certificate_chain_file(context, option.certificate) != 1 ||
                                  SSL_CTX_use_PrivateKey_file(context, option.key, SSL_FILETYPE_PEM) != 1))
        die("cannot use the client certificate");
    connections = calloc((size_t)option.connections, sizeof(*connections));
    for (int i = 0; connections && i < option.connections; i++)
        if (!(connections[i].streams = calloc((size_t)option.streams, sizeof(struct stream))))
            die("no memory");
    if (!connections)
        die("no memory");
    if (option.watch)
        run_watches();
    else if (option.handshakes)
        run_handshakes();
    else
        run_requests();
    return failed != 0;
}
