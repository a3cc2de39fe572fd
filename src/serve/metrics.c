/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics in Prometheus' text format. Each loop counts its own answers; a reader adds them up. */
#include "base/clock.h"
#include "serve/steps.h"
#include "serve/watch.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static const int codes[] = {
    200, 201, 304, 400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 422, 429, 500, 503, 504, 507};
#define CODES (ARRAY_LEN(codes) + 1) /* the last: all others */
#define VERBS (VERB_COUNT + 1)       /* the last: what is no resource */

/* Upper bounds in microseconds. */
static const uint32_t bounds[] = {
    50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000, 60000000};
#define BOUNDS (ARRAY_LEN(bounds) + 1)

/* Written by one thread, so that adding needs no locked instruction. */
typedef _Atomic uint64_t counter;

struct metrics {
    counter answers[VERBS][CODES];
    counter took[VERBS][BOUNDS];
    counter microseconds[VERBS];
    counter begun, ended;
};

struct metrics *metrics_new(void)
{
    return calloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics *metrics)
{
    free(metrics);
}

static void add(counter *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

void metrics_begin(struct metrics *metrics)
{
    add(&metrics->begun, 1);
}

void metrics_end(struct metrics *metrics)
{
    add(&metrics->ended, 1);
}

void metrics_count(struct metrics *metrics, enum verb verb, int status, uint64_t microseconds)
{
    size_t code = 0, bound = 0;

    while (code < ARRAY_LEN(codes) && codes[code] != status)
        code++;
    while (bound < ARRAY_LEN(bounds) && bounds[bound] < microseconds)
        bound++;
    add(&metrics->answers[verb][code], 1);
    add(&metrics->took[verb][bound], 1);
    add(&metrics->microseconds[verb], microseconds);
}

/* The sum over all loops of the counter at this offset. */
static uint64_t sum(const struct server *server, size_t offset)
{
    uint64_t total = 0;

    for (size_t i = 0; i < server->options.loop_count; i++)
        total +=
            atomic_load_explicit((counter *)(void *)((char *)server->loops[i].metrics + offset), memory_order_relaxed);
    return total;
}

static const char *verb_label(size_t verb)
{
    return verb < VERB_COUNT ? verb_name((enum verb)verb) : "document";
}

static void put_answers(struct buffer *out, const struct server *server)
{
    buffer_text(out, "# HELP coffer_requests_total Answers sent, by verb and status code.\n"
                     "# TYPE coffer_requests_total counter\n");
    for (size_t v = 0; v < VERBS; v++)
        for (size_t c = 0; c < CODES; c++) {
            uint64_t n = sum(server, offsetof(struct metrics, answers) + (v * CODES + c) * sizeof(counter));
            if (n > 0 && c < ARRAY_LEN(codes))
                buffer_format(out, "coffer_requests_total{verb=\"%s\",code=\"%d\"} %llu\n", verb_label(v), codes[c],
                    (unsigned long long)n);
            else if (n > 0)
                buffer_format(out, "coffer_requests_total{verb=\"%s\",code=\"other\"} %llu\n", verb_label(v),
                    (unsigned long long)n);
        }
}

static void put_histogram(struct buffer *out, const struct server *server)
{
    buffer_text(out, "# HELP coffer_request_duration_seconds From the whole head of a request to its answer.\n"
                     "# TYPE coffer_request_duration_seconds histogram\n");
    for (size_t v = 0; v < VERBS; v++) {
        const char *verb = verb_label(v);
        uint64_t total = 0, us = sum(server, offsetof(struct metrics, microseconds) + v * sizeof(counter));
        uint64_t in[BOUNDS];
        for (size_t b = 0; b < BOUNDS; b++) {
            in[b] = sum(server, offsetof(struct metrics, took) + (v * BOUNDS + b) * sizeof(counter));
            total += in[b];
        }
        if (total == 0)
            continue;
        for (size_t b = 0, n = 0; b < ARRAY_LEN(bounds); b++) {
            n += in[b];
            buffer_format(
                out, "coffer_request_duration_seconds_bucket{verb=\"%s\",le=\"%g\"} %zu\n", verb, bounds[b] / 1e6, n);
        }
        buffer_format(out,
            "coffer_request_duration_seconds_bucket{verb=\"%s\",le=\"+Inf\"} %llu\n"
            "coffer_request_duration_seconds_sum{verb=\"%s\"} %.6f\n"
            "coffer_request_duration_seconds_count{verb=\"%s\"} %llu\n",
            verb, (unsigned long long)total, verb, (double)us / 1e6, verb, (unsigned long long)total);
    }
}

static void put(struct buffer *out, const char *type, const char *name, const char *help, double value)
{
    buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name, value);
}

/* Those of clients that have left count until their write has ended. */
static void put_running(struct buffer *out, const struct server *server)
{
    uint64_t ended = sum(server, offsetof(struct metrics, ended));

    put(out, "gauge", "coffer_requests_running",
        "Requests that have begun and not ended, this one and watches included.",
        (double)(sum(server, offsetof(struct metrics, begun)) - ended));
}

static void put_store(struct buffer *out, const struct server *server)
{
    struct store_statistics s;

    store_get_statistics(server->store, &s);
    put(out, "gauge", "coffer_store_revision", "Newest revision.", (double)s.revision);
    put(out, "gauge", "coffer_store_compacted_revision", "History before it is gone.", (double)s.compacted);
    put(out, "counter", "coffer_store_commits_total", "Groups of writes made durable by one sync.", (double)s.commits);
    put(out, "counter", "coffer_store_writes_total", "Writes made durable.", (double)s.writes);
    put(out, "gauge", "coffer_store_used_bytes", "Bytes of the map in use.", (double)s.map_used_bytes);
    put(out, "gauge", "coffer_store_limit_bytes", "Bytes that the map may grow to.", (double)s.map_limit_bytes);
    put(out, "gauge", "coffer_store_writable", "1 unless the last commit failed for want of space.", s.writable);
}

static void put_connections(struct buffer *out, const struct server *server)
{
    struct http_statistics s = {0};
    uint64_t watches = 0;

    for (size_t i = 0; i < server->options.loop_count; i++)
        watches += watch_hub_count(server->loops[i].watch);
    put(out, "gauge", "coffer_watches", "Watches open now.", (double)watches);
    if (!server->http)
        return;
    http_server_statistics(server->http, &s);
    put(out, "gauge", "coffer_connections", "Connections open now.", (double)s.connections);
    put(out, "counter", "coffer_connections_accepted_total", "Connections accepted.", (double)s.accepted);
    put(out, "counter", "coffer_connections_refused_total", "Connections closed at once: too many.",
        (double)s.refused_connections);
    put(out, "counter", "coffer_handshake_failures_total", "TLS handshakes that failed.", (double)s.handshake_failures);
    put(out, "counter", "coffer_http_requests_total", "Requests whose head was read.", (double)s.requests);
}

static void put_process(struct buffer *out, const struct server *server)
{
    unsigned long long size = 0, resident = 0;
    struct rusage usage = {0};
    FILE *statm = fopen("/proc/self/statm", "re");

    if (statm) {
        char line[128], *second;
        if (fgets(line, sizeof line, statm)) {
            size = strtoull(line, &second, 10);
            resident = strtoull(second, NULL, 10);
        }
        fclose(statm);
    }
    getrusage(RUSAGE_SELF, &usage);
    put(out, "counter", "process_cpu_seconds_total", "CPU time, user and system.",
        (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    put(out, "gauge", "process_resident_memory_bytes", "Resident memory, mapped store included.",
        (double)resident * (double)sysconf(_SC_PAGESIZE));
    put(out, "gauge", "process_virtual_memory_bytes", "Address space.", (double)size * (double)sysconf(_SC_PAGESIZE));
    put(out, "gauge", "process_start_time_seconds", "Start, in seconds since 1970.", (double)server->started_seconds);
    put(out, "gauge", "coffer_arena_bytes", "Memory of requests and streams.", (double)arena_memory_used());
    put(out, "gauge", "coffer_memory_unlocked", "1 when memory of requests may be swapped out.",
        arena_memory_unlocked());
}

enum step_result metrics_document(struct request *r)
{
    struct buffer out;

    buffer_init(&out, r->arena);
    put_answers(&out, r->server);
    put_histogram(&out, r->server);
    put_running(&out, r->server);
    put_store(&out, r->server);
    put_connections(&out, r->server);
    put_process(&out, r->server);
    if (out.failed)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    answer_bytes(r, 200, BYTES("text/plain; version=0.0.4; charset=utf-8"), buffer_bytes(&out));
    return STEP_DONE;
}
