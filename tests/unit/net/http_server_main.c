/* SPDX-License-Identifier: Apache-2.0 */
/* A small server for the integration tests and for measuring: http_server_main PORT LOOPS [CERT KEY CLIENT-CA]
 * [OPTION=VALUE...]. It prints its port, serves until its standard input ends or SIGTERM, drains, and prints
 * statistics.
 *
 *   /fixed       1,000 bytes                     /echo        the body, up to 3 MiB
 *   /stream?n=   n bytes in pieces, whatever     /watch       a stream that waits; POST /notify wakes all with one line
 *   /abort       some bytes, then cut            /held        answered by another thread
 *   /who         the client's name               /headers     what came in
 *   /busy?n=     keeps its loop busy for n ms
 *   /fail?n=     the n-th allocation from now fails (0: none does)
 */
#include "base/memory.h"
#include "net/http.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOOPS_MAX 16
#define BODY_MAX  ((size_t)3 << 20)

struct stream {
    struct http_source source;
    struct http_exchange *x;
    uint64_t left;
    unsigned seen;
    bool aborts, watches;
    struct stream *next, **link;
};

static struct loop *loops[LOOPS_MAX];
static size_t loop_count;
static struct http_server *server;
static unsigned drain_ms = 2000;
static _Thread_local struct stream *watches;
static _Atomic unsigned changes;
static uint8_t filler[65536];
static char fixed_body[1001];
static long gone_count, head_count;

static const struct http_header plain[] = {
    {{(const uint8_t *)"Content-Type", 12}, {(const uint8_t *)"text/plain", 10}}};

static enum http_pull pull(struct http_source *source, struct http_exchange *x, bytes *ret)
{
    struct stream *s = (struct stream *)source;
    if (s->watches) {
        if (http_draining(x))
            return HTTP_PULL_END;
        if (s->seen == changes)
            return HTTP_PULL_WAIT;
        s->seen = changes;
        *ret = (bytes){(const uint8_t *)fixed_body, 100};
        return HTTP_PULL_DATA;
    }
    if (s->left == 0)
        return s->aborts ? HTTP_PULL_ABORT : HTTP_PULL_END;
    size_t n = s->left < sizeof filler ? (size_t)s->left : sizeof filler;
    s->left -= n;
    *ret = (bytes){filler, n};
    return HTTP_PULL_DATA;
}

static void close_stream(struct http_source *source, struct http_exchange *x)
{
    struct stream *s = (struct stream *)source;
    (void)x;
    if (s->link) {
        *s->link = s->next;
        if (s->next)
            s->next->link = s->link;
    }
    free(s);
}

static void stream(struct http_exchange *x, uint64_t n, bool aborts, bool watch)
{
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    *s = (struct stream){
        .source = {pull, close_stream}, .x = x, .left = n, .aborts = aborts, .watches = watch, .seen = changes};
    if (watch) {
        s->next = watches;
        s->link = &watches;
        if (s->next)
            s->next->link = &s->next;
        watches = s;
    }
    http_stream(x, 200, plain, 1, &s->source);
    arena_reset(&x->arena);
}

static void wake_watches(struct task *task)
{
    for (struct stream *s = watches; s; s = s->next)
        http_resume(s->x);
    free(task);
}

static void notify(void)
{
    changes++;
    for (size_t i = 0; i < loop_count; i++) {
        struct task *task = malloc(sizeof *task);
        if (!task)
            abort();
        task->run = wake_watches;
        loop_post(loops[i], task);
    }
}

struct held {
    struct task task;
    struct http_exchange *x;
};

static void held_back(struct task *task)
{
    struct held *held = (struct held *)task;
    if (!held->x->gone)
        http_answer(held->x, 200, plain, 1, BYTES("held\n"));
    http_release(held->x);
    free(held);
}

static void *held_thread(void *p)
{
    struct held *held = p;
    usleep(20000);
    held->task.run = held_back;
    loop_post(held->x->loop, &held->task);
    return NULL;
}

static void hold(struct http_exchange *x)
{
    struct held *held = malloc(sizeof *held);
    pthread_t thread;
    if (!held)
        abort();
    held->x = x;
    http_hold(x);
    if (pthread_create(&thread, NULL, held_thread, held) != 0)
        abort();
    pthread_detach(thread);
}

static void show_headers(struct http_exchange *x)
{
    struct buffer out;
    buffer_init(&out, &x->arena);
    buffer_format(&out, "%.*s path=%.*s query=%.*s authority=%.*s http2=%d\n", BYTES_FMT(x->method), BYTES_FMT(x->path),
        BYTES_FMT(x->query), BYTES_FMT(x->authority), x->http2);
    for (size_t i = 0; i < x->header_count; i++)
        buffer_format(&out, "%.*s=[%.*s]\n", BYTES_FMT(x->headers[i].name), BYTES_FMT(x->headers[i].value));
    http_answer(x, 200, plain, 1, buffer_bytes(&out));
}

static void show_peer(struct http_exchange *x)
{
    const struct x509_identity *peer = http_peer(x);
    bytes text =
        peer ? arena_format(&x->arena, "%.*s groups=%zu\n", BYTES_FMT(peer->common_name), peer->organization_count)
             : BYTES("nobody\n");
    http_answer(x, text.p ? 200 : 503, plain, 1, text);
}

static uint64_t query_n(struct http_exchange *x)
{
    struct cursor query = cursor_of(x->query);
    bytes name, value;
    uint64_t n = 0;
    while (http_query_next(&x->arena, &query, &name, &value) > 0)
        if (bytes_equal(name, BYTES("n")) && !bytes_to_uint64(value, &n))
            break;
    return n;
}

static void head(struct http_exchange *x)
{
    __atomic_add_fetch(&head_count, 1, __ATOMIC_RELAXED);
    if (bytes_equal(x->path, BYTES("/fixed")))
        http_answer(x, 200, plain, 1, (bytes){(const uint8_t *)fixed_body, 1000});
    else if (bytes_equal(x->path, BYTES("/echo")))
        http_read_body(x, BODY_MAX);
    else if (bytes_equal(x->path, BYTES("/stream"))) {
        uint64_t n = query_n(x);
        if (x->arena.failed == ERR_OK)
            stream(x, n, false, false);
        else
            http_answer(x, 503, NULL, 0, BYTES("no memory\n"));
    } else if (bytes_equal(x->path, BYTES("/abort")))
        stream(x, 100000, true, false);
    else if (bytes_equal(x->path, BYTES("/watch")))
        stream(x, 0, false, true);
    else if (bytes_equal(x->path, BYTES("/held")))
        hold(x);
    else if (bytes_equal(x->path, BYTES("/who")))
        show_peer(x);
    else if (bytes_equal(x->path, BYTES("/busy"))) {
        usleep((useconds_t)query_n(x) * 1000);
        http_answer(x, 200, plain, 1, BYTES("ok\n"));
    } else if (bytes_equal(x->path, BYTES("/headers")))
        show_headers(x);
    else if (bytes_equal(x->path, BYTES("/fail"))) {
        http_answer(x, 200, plain, 1, BYTES("ok\n"));
#ifdef COFFER_TESTING
        memory_fail_after((long)query_n(x) - 1);
#endif
    } else if (bytes_equal(x->path, BYTES("/notify"))) {
        notify();
        http_answer(x, 200, plain, 1, BYTES("ok\n"));
    } else
        http_answer(x, 404, plain, 1, BYTES("not found\n"));
}

static void body(struct http_exchange *x)
{
    if (!x->body.p)
        http_answer(x, x->body.n ? 413 : 429, plain, 1, BYTES("too large\n"));
    else
        http_answer(x, 200, plain, 1, x->body);
}

static void gone(struct http_exchange *x)
{
    (void)x;
    __atomic_add_fetch(&gone_count, 1, __ATOMIC_RELAXED);
}

static bytes read_file(const char *path)
{
    static char space[8][65536];
    static int used;
    FILE *file = fopen(path, "rb");
    if (!file || used == 8)
        abort();
    char *p = space[used++];
    size_t n = fread(p, 1, sizeof space[0], file);
    fclose(file);
    return (bytes){(const uint8_t *)p, n};
}

static void drained(void *context)
{
    (void)context;
    for (size_t i = 0; i < loop_count; i++)
        loop_stop(loops[i]);
}

static void input_ended(struct loop_fd *fd, uint32_t events)
{
    char byte;
    (void)events;
    if (read(fd->fd, &byte, 1) <= 0) {
        loop_remove(loops[0], fd);
        http_server_drain(server, drain_ms, drained, NULL);
    }
}

static void *run(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void set_option(struct http_options *o, const char *text)
{
    const struct {
        const char *name;
        unsigned *value;
    } names[] = {{"head", &o->head_timeout_ms}, {"body", &o->body_timeout_ms}, {"idle", &o->idle_timeout_ms},
        {"stall", &o->stall_timeout_ms}, {"connections", &o->max_connections}, {"drain", &drain_ms}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t n = strlen(names[i].name);
        if (strncmp(text, names[i].name, n) == 0 && text[n] == '=')
            *names[i].value = (unsigned)atoi(text + n + 1);
    }
    struct rlimit limit = {0};
    if (sscanf(text, "files=%lu", &limit.rlim_cur) == 1) {
        limit.rlim_max = limit.rlim_cur;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static struct tls_context *load_tls(char **files)
{
    bytes key = read_file(files[1]);
    const struct tls_options options = {
        read_file(files[0]), {(uint8_t *)(uintptr_t)key.p, key.n}, read_file(files[2]), BYTES_NONE};
    struct tls_context *tls;
    struct error error;
    error_init(&error, NULL);
    if (tls_context_new(&options, &tls, &error) != ERR_OK) {
        fprintf(stderr, "%.*s\n", BYTES_FMT(error.message));
        exit(1);
    }
    return tls;
}

int main(int argc, char **argv)
{
    struct http_options options = {.address = "127.0.0.1", .port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 0)};
    loop_count = argc > 2 ? (size_t)atoi(argv[2]) : 1;
    struct tls_context *tls = NULL;
    int rest = 3;
    if (argc > 5 && !strchr(argv[3], '='))
        tls = load_tls(argv + 3), rest = 6;
    for (; rest < argc; rest++)
        set_option(&options, argv[rest]);
    memset(fixed_body, 'x', 1000);
    memset(filler, 'y', sizeof filler);
    for (size_t i = 0; i < loop_count; i++)
        if (!(loops[i] = loop_new((unsigned)i)))
            return 1;
    const struct http_handler handler = {head, body, gone};
    struct error error;
    error_init(&error, NULL);
    if (http_server_new(&options, &handler, tls, loops, loop_count, &server, &error) != ERR_OK) {
        fprintf(stderr, "%.*s\n", BYTES_FMT(error.message));
        return 1;
    }
    tls_context_put(tls);
    struct loop_fd input = {0, EPOLLIN, input_ended};
    if (!loop_add(loops[0], &input))
        return 1;
    printf("%u\n", http_server_port(server));
    fflush(stdout);
    pthread_t threads[LOOPS_MAX];
    for (size_t i = 1; i < loop_count; i++)
        if (pthread_create(&threads[i], NULL, run, loops[i]) != 0)
            return 1;
    loop_run(loops[0]);
    for (size_t i = 1; i < loop_count; i++)
        pthread_join(threads[i], NULL);
    struct http_statistics statistics;
    http_server_statistics(server, &statistics);
    http_server_free(server);
    for (size_t i = 0; i < loop_count; i++)
        loop_free(loops[i]);
    printf("heads=%ld gones=%ld accepted=%lu refused=%lu handshake_failures=%lu arenas=%zu\n", head_count, gone_count,
        (unsigned long)statistics.accepted, (unsigned long)statistics.refused_connections,
        (unsigned long)statistics.handshake_failures, arena_memory_used());
    return 0;
}
