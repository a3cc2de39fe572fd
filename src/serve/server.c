/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/server.h"

#include "api/managed_fields.h"
#include "base/clock.h"
#include "kinds/kinds.h"
#include "serve/document_cache.h"
#include "serve/garbage.h"
#include "serve/outbound.h"
#include "serve/snapshots.h"
#include "serve/steps.h"
#include "serve/watch.h"

#include <stdlib.h>

#define WRITER_THREADS     8
#define WRITER_QUEUE       4096
#define REQUEST_TIMEOUT_MS 60000

/* HTTP handlers take no context; there is one server a process. */
static struct server *current;

struct server *server_current(void)
{
    return current;
}

struct server_loop *server_loop_current(struct server *server)
{
    return &server->loops[loop_number(loop_current())];
}

static bool loops_new(struct server *server)
{
    server->loops = calloc(server->options.loop_count, sizeof *server->loops);
    for (size_t i = 0; server->loops && i < server->options.loop_count; i++) {
        struct server_loop *l = &server->loops[i];
        *l = (struct server_loop){.server = server, .loop = server->options.loops[i], .metrics = metrics_new()};
        l->watch = watch_hub_new(l);
        if (!l->metrics || !l->watch)
            return false;
    }
    return server->loops != NULL;
}

err_t server_new(const struct server_options *options, struct server **ret, struct error *error)
{
    struct server *server = calloc(1, sizeof *server);
    struct server_options *o;
    err_t code;

    if (!server)
        return error_set(error, ERR_NO_MEMORY, "no memory for the server");
    *server = (struct server){.options = *options, .store = options->store, .atrest = options->atrest};
    fairness_init(&server->fairness);
    server->started_seconds = (uint64_t)clock_wall_seconds();
    o = &server->options;
    if (o->request_timeout_ms == 0)
        o->request_timeout_ms = REQUEST_TIMEOUT_MS;
    server->writers = pool_new("writer", o->writer_threads ? o->writer_threads : WRITER_THREADS,
        o->writer_queue ? o->writer_queue : WRITER_QUEUE);
    server->outbound = outbound_new();
    server->garbage = garbage_new();
    server->documents = document_cache_new();
    if (!server->writers || !server->outbound || !server->garbage || !server->documents || !loops_new(server)) {
        server_free(server);
        return error_set(error, ERR_NO_MEMORY, "no memory for the server");
    }
    code = snapshots_open(server, error); /* first: what watches see is in force */
    if (code != ERR_OK) {
        server_free(server);
        return code;
    }
    store_on_commit(server->store, watch_hub_notify, server);
    current = server;
    *ret = server;
    return ERR_OK;
}

/* A write that loses its compare: when it has come back, all that were queued before it have, and observers know. */
static void await_commits(struct server *server)
{
    const struct store_key nowhere = {namespace_kind.number, BYTES("/")};
    struct compare never = {COMPARE_REVISION, nowhere, 1};
    struct awaited_write last = {.write = {.key = nowhere, .delete = true, .compares = &never, .compare_count = 1}};
    commit_all(server->store, &last, 1);
}

void server_reloaded(struct server *server)
{
    watch_hub_reloaded(server);
}

void server_stop(struct server *server)
{
    if (!server || !server->writers)
        return;
    if (server->outbound)
        outbound_stop(server->outbound); /* what comes from there goes on on the writers */
    pool_free(server->writers);
    server->writers = NULL;
    await_commits(server);
}

void server_free(struct server *server)
{
    if (!server)
        return;
    server_stop(server);
    for (size_t i = 0; server->loops && i < server->options.loop_count; i++) {
        if (server->loops[i].watch)
            watch_hub_free(server->loops[i].watch);
        if (server->loops[i].metrics)
            metrics_free(server->loops[i].metrics);
    }
    free(server->loops);
    outbound_free(server->outbound);
    snapshots_close(server);
    garbage_free(server->garbage);
    document_cache_free(server->documents);
    if (current == server)
        current = NULL;
    free(server);
}

void server_set_http(struct server *server, struct http_server *http)
{
    server->http = http;
}
