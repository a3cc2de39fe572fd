/* SPDX-License-Identifier: Apache-2.0 */
/* The in-process client against a server whose handler answers by path, on a loop with a thread of its own. */
#include "base/clock.h"
#include "base/memory.h"
#include "client/local_client.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#define LINES_MANY 20000
#define LINE                                                                                                           \
    "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"one-of-very-many-objects\",\"resourceVersion\":\"7\"}}}" \
    "\n"

static struct {
    struct loop *loop;
    struct http_server *server;
    struct local_hub *hub;
    struct api_client *client;
    struct arena arena;
    pthread_t thread;
    atomic_int gone;
    atomic_bool reached, drained;
    struct http_exchange *held;
    sem_t turned;
} t;

static const struct api_request never = {.method = "GET", .path = {(const uint8_t *)"/never", 6}};
static const struct api_request many = {.method = "GET", .path = {(const uint8_t *)"/many", 5}};

/* ---- The handler. */

struct lines {
    struct http_source source;
    unsigned left;
    bool forever, lost;
};

static enum http_pull lines_pull(struct http_source *source, struct http_exchange *x, bytes *ret)
{
    struct lines *lines = (struct lines *)source;
    if (lines->left == 0)
        return lines->forever && !http_draining(x) ? HTTP_PULL_WAIT : HTTP_PULL_END;
    lines->left--;
    if (lines->lost)
        memory_fail_after(0); /* the next allocation is for what is brought */
    *ret = BYTES(LINE);
    return HTTP_PULL_DATA;
}

static void lines_close(struct http_source *source, struct http_exchange *x)
{
    (void)x;
    free(source);
}

static void stream(struct http_exchange *x, unsigned count, bool forever)
{
    struct lines *lines = malloc(sizeof *lines);
    assert_non_null(lines);
    *lines = (struct lines){{lines_pull, lines_close}, count, forever, bytes_equal(x->path, BYTES("/lost"))};
    http_stream(x, 200, NULL, 0, &lines->source);
    arena_reset(&x->arena);
}

static void handle_head(struct http_exchange *x)
{
    if (bytes_equal(x->path, BYTES("/echo")))
        http_read_body(x, 1 << 20);
    else if (bytes_equal(x->path, BYTES("/small")))
        http_read_body(x, 4);
    else if (bytes_equal(x->path, BYTES("/expired")))
        http_answer(x, 410, NULL, 0,
            BYTES("{\"kind\":\"Status\",\"reason\":\"Expired\",\"code\":410,\"message\":\"too old\"}\n"));
    else if (bytes_equal(x->path, BYTES("/many")))
        stream(x, LINES_MANY, false);
    else if (bytes_equal(x->path, BYTES("/watch")))
        stream(x, 2, true);
    else if (bytes_equal(x->path, BYTES("/lost")))
        stream(x, 1, true);
    else if (bytes_equal(x->path, BYTES("/held"))) {
        http_hold(t.held = x);
        atomic_store(&t.reached, true);
    } else
        atomic_store(&t.reached, bytes_equal(x->path, BYTES("/never")));
}

static void handle_body(struct http_exchange *x)
{
    const struct http_local_user *user = http_local_user(x);
    if (!x->body.p) {
        http_answer(x, 413, NULL, 0, arena_format(&x->arena, "{\"limit\":%zu}", x->body.n));
        return;
    }
    bytes answer = arena_format(&x->arena,
        "{\"method\":\"%.*s\",\"query\":\"%.*s\",\"user\":\"%.*s\",\"from\":\"%s\","
        "\"type\":\"%.*s\",\"body\":\"%.*s\",\"peer\":%d}",
        BYTES_FMT(x->method), BYTES_FMT(x->query), BYTES_FMT(user->name), http_peer_address(x),
        BYTES_FMT(http_header(x, BYTES("content-type"))), BYTES_FMT(x->body), http_peer(x) != NULL);
    http_answer(x, 201, NULL, 0, answer);
}

static void handle_gone(struct http_exchange *x)
{
    (void)x;
    atomic_fetch_add(&t.gone, 1);
}

/* ---- The server. */

static void *run(void *argument)
{
    (void)argument;
    loop_run(t.loop);
    return NULL;
}

static int set_up(void **state)
{
    static const struct http_local_user user = {.name = {(const uint8_t *)"system:me", 9}};
    const struct http_handler handler = {handle_head, handle_body, handle_gone};
    const struct http_options options = {.address = "127.0.0.1"};
    (void)state;
    memset(&t, 0, sizeof t);
    t.loop = loop_new(0);
    assert_int_equal(http_server_new(&options, &handler, NULL, &t.loop, 1, &t.server, NULL), ERR_OK);
    assert_int_equal(pthread_create(&t.thread, NULL, run, NULL), 0);
    assert_non_null(t.hub = local_hub_new(t.server, t.loop));
    assert_int_equal(local_client_new(t.hub, &user, &t.client, NULL), ERR_OK);
    arena_init(&t.arena, 16 << 20);
    return 0;
}

static void drained(void *context)
{
    (void)context;
    atomic_store(&t.drained, true);
    loop_stop(t.loop);
}

static int tear_down(void **state)
{
    (void)state;
    loop_stop(t.loop);
    pthread_join(t.thread, NULL);
    http_server_close(t.server);
    api_client_free(t.client);
    local_hub_free(t.hub);
    http_server_free(t.server);
    loop_free(t.loop);
    arena_reset(&t.arena);
    return 0;
}

static void test_call(void **state)
{
    struct api_reply reply;
    const struct api_request request = {.method = "POST", .path = BYTES("/echo?a=b"), .body = BYTES("hello")};
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(t.client->call(t.client, &t.arena, &request, &reply, NULL), ERR_OK);
        assert_int_equal(reply.status, 201);
        assert_string_equal((const char *)arena_copy(&t.arena, reply.body).p,
            "{\"method\":\"POST\",\"query\":\"a=b\",\"user\":\"system:me\",\"from\":\"127.0.0.1\","
            "\"type\":\"application/json\",\"body\":\"hello\",\"peer\":0}");
    }
    assert_int_equal(t.gone, 100);
}

static void test_body_above_limit(void **state)
{
    struct api_reply reply;
    const struct api_request request = {.method = "POST", .path = BYTES("/small"), .body = BYTES("hello")};
    (void)state;
    assert_int_equal(t.client->call(t.client, &t.arena, &request, &reply, NULL), ERR_OK);
    assert_int_equal(reply.status, 413);
    assert_true(bytes_equal(reply.body, BYTES("{\"limit\":4}")));
}

static void test_answer_in_pieces(void **state)
{
    struct api_reply reply;
    (void)state;
    assert_int_equal(t.client->call(t.client, &t.arena, &many, &reply, NULL), ERR_OK);
    assert_int_equal(reply.body.n, (sizeof LINE - 1) * LINES_MANY);
    struct api_request discarded = many;
    discarded.discard = true;
    assert_int_equal(t.client->call(t.client, &t.arena, &discarded, &reply, NULL), ERR_OK);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body.n, 0);
}

/* More than the queue takes: it is paused and goes on. */
static void test_watch_pauses(void **state)
{
    struct api_watch *watch;
    struct api_event event;
    size_t count = 0;
    (void)state;
    assert_int_equal(t.client->watch(t.client, BYTES("/many"), NULL, &watch, NULL), ERR_OK);
    do {
        struct arena arena;
        arena_init(&arena, 1 << 16);
        assert_int_equal(watch->next(watch, &arena, UINT64_MAX, &event, NULL), ERR_OK);
        count += event.type == API_ADDED;
        arena_reset(&arena);
    } while (event.type != API_END);
    assert_int_equal(count, LINES_MANY);
    api_watch_free(watch);
}

static void test_watch_waits(void **state)
{
    struct api_watch *watch;
    struct api_event event;
    uint64_t seen = 0;
    (void)state;
    assert_int_equal(t.client->watch(t.client, BYTES("/watch?watch=1"), NULL, &watch, NULL), ERR_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(watch->next(watch, &t.arena, UINT64_MAX, &event, NULL), ERR_OK);
        assert_int_equal(event.type, API_ADDED);
        assert_true(
            bytes_equal(json_text(json_get(event.object, BYTES("metadata")), BYTES("resourceVersion")), BYTES("7")));
    }
    assert_int_equal(watch->next(watch, &t.arena, 0, &event, NULL), ERR_OK);
    assert_int_equal(event.type, API_NONE);
    assert_int_equal(watch->next(watch, &t.arena, clock_monotonic_ms() + 20, &event, NULL), ERR_OK);
    assert_int_equal(event.type, API_NONE);
    local_hub_wait(t.hub, &seen, UINT64_MAX); /* what came before */
    local_hub_wait(t.hub, &seen, clock_monotonic_ms() + 20);
    local_hub_wake(t.hub);
    local_hub_wait(t.hub, &seen, UINT64_MAX);
    api_watch_free(watch); /* cancels */
    assert_int_equal(t.gone, 1);
}

/* Who would wait for an end that does not come must hear of it. Sanitizers' own malloc never fails. */
static void test_watch_without_room(void **state)
{
    struct api_watch *watch;
    struct api_event event;
    (void)state;
    assert_int_equal(t.client->watch(t.client, BYTES("/lost"), NULL, &watch, NULL), ERR_OK);
    err_t code = watch->next(watch, &t.arena, clock_monotonic_ms() + 5000, &event, NULL);
    memory_fail_after(-1);
    api_watch_free(watch);
    if (code == ERR_OK && event.type == API_ADDED)
        skip();
    assert_int_equal(code, ERR_NO_MEMORY);
}

static void test_watch_refused(void **state)
{
    struct api_watch *watch;
    struct api_event event;
    struct error error;
    (void)state;
    error_init(&error, &t.arena);
    assert_int_equal(t.client->watch(t.client, BYTES("/expired"), NULL, &watch, NULL), ERR_OK);
    assert_int_equal(watch->next(watch, &t.arena, UINT64_MAX, &event, &error), ERR_EXPIRED);
    assert_true(bytes_equal(error.message, BYTES("too old")));
    api_watch_free(watch);
}

static void *stop_later(void *argument)
{
    (void)argument;
    while (!atomic_load(&t.reached))
        sched_yield();
    local_hub_stop(t.hub);
    return NULL;
}

/* A call that nobody answers ends with the hub, and nothing begins after it. */
static void test_stop(void **state)
{
    struct api_reply reply;
    struct api_watch *watch;
    pthread_t stopper;
    (void)state;
    assert_int_equal(pthread_create(&stopper, NULL, stop_later, NULL), 0);
    err_t code = t.client->call(t.client, &t.arena, &never, &reply, NULL);
    pthread_join(stopper, NULL);
    assert_int_equal(code, ERR_UNAVAILABLE);
    assert_int_equal(t.client->watch(t.client, BYTES("/watch"), NULL, &watch, NULL), ERR_UNAVAILABLE);
    assert_true(local_hub_stopped(t.hub));
}

/* A drain ends a watch and waits for it; what comes later is refused. */
static void test_drain(void **state)
{
    struct api_watch *watch;
    struct api_event event;
    struct api_reply reply;
    (void)state;
    assert_int_equal(t.client->watch(t.client, BYTES("/watch"), NULL, &watch, NULL), ERR_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(watch->next(watch, &t.arena, UINT64_MAX, &event, NULL), ERR_OK);
    http_server_drain(t.server, 60000, drained, NULL);
    assert_int_equal(watch->next(watch, &t.arena, UINT64_MAX, &event, NULL), ERR_OK);
    assert_int_equal(event.type, API_END);
    api_watch_free(watch);
    pthread_join(t.thread, NULL);
    assert_true(atomic_load(&t.drained));
    assert_int_equal(t.client->call(t.client, &t.arena, &never, &reply, NULL), ERR_UNAVAILABLE);
    assert_int_equal(pthread_create(&t.thread, NULL, run, NULL), 0); /* for tear_down */
}

static void turned(struct task *task)
{
    (void)task;
    sem_post(&t.turned);
}

static void release_held(struct task *task)
{
    http_release(t.held);
    turned(task);
}

static void on_loop(void (*run_task)(struct task *))
{
    struct task task = {.run = run_task};
    loop_post(t.loop, &task);
    sem_wait(&t.turned);
}

/* What somebody works on is waited for, also when its caller went: a write that is being committed. */
static void test_drain_waits_for_the_held(void **state)
{
    struct api_reply reply;
    pthread_t stopper;
    (void)state;
    sem_init(&t.turned, 0, 0);
    assert_int_equal(pthread_create(&stopper, NULL, stop_later, NULL), 0);
    assert_int_equal(t.client->call(t.client, &t.arena, &(struct api_request){.method = "GET", .path = BYTES("/held")},
                         &reply, NULL),
        ERR_UNAVAILABLE);
    pthread_join(stopper, NULL);
    http_server_drain(t.server, 60000, drained, NULL);
    for (int i = 0; i < 5; i++)
        on_loop(turned);
    assert_false(atomic_load(&t.drained));
    on_loop(release_held);
    pthread_join(t.thread, NULL);
    assert_true(atomic_load(&t.drained));
    assert_int_equal(pthread_create(&t.thread, NULL, run, NULL), 0); /* for tear_down */
}

static void *call_never(void *argument)
{
    struct api_reply reply;
    struct arena arena;
    (void)argument;
    arena_init(&arena, 1 << 16);
    err_t code = t.client->call(t.client, &arena, &never, &reply, NULL);
    arena_reset(&arena);
    return code == ERR_UNAVAILABLE ? argument : NULL;
}

/* The loop ended under a call: closing ends it, whether it had begun or not. */
static void test_close(void **state)
{
    pthread_t caller;
    void *result;
    (void)state;
    assert_int_equal(pthread_create(&caller, NULL, call_never, &t), 0);
    loop_stop(t.loop);
    pthread_join(t.thread, NULL);
    http_server_close(t.server);
    pthread_join(caller, &result);
    assert_ptr_equal(result, &t);
    assert_int_equal(pthread_create(&t.thread, NULL, run, NULL), 0); /* for tear_down */
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {TEST(test_call), TEST(test_body_above_limit), TEST(test_answer_in_pieces),
        TEST(test_watch_pauses), TEST(test_watch_waits), TEST(test_watch_without_room), TEST(test_watch_refused),
        TEST(test_stop), TEST(test_drain), TEST(test_drain_waits_for_the_held), TEST(test_close)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
