/* SPDX-License-Identifier: Apache-2.0 */
/* The API server: what turns an HTTP exchange into reads and writes of the store. Every request walks one list of steps
 * (steps.c).
 *
 *   http ──> steps on the loop ──> writers pool: decode, admit, validate, seal ──> store_commit ──> back on the loop:
 * answer
 *
 * One server a process: HTTP handlers take no context. */
#ifndef COFFER_SERVE_SERVER_H
#define COFFER_SERVE_SERVER_H

#include "atrest/atrest.h"
#include "kinds/pod_security_standards.h"
#include "net/http.h"
#include "serve/fairness.h"
#include "store/store.h"

#include <stdatomic.h>

struct metrics;
struct watch_hub;
struct snapshots;
struct document_cache;
struct garbage;
struct outbound;

/* What is done about a Pod that names what its writer may not read (docs/pod-secrets.md). */
enum pod_secret_check { POD_SECRET_ENFORCE, POD_SECRET_WARN, POD_SECRET_OFF };

struct server_options {
    struct store *store;
    struct atrest *atrest;
    enum pod_secret_check pod_secret_check;
    struct loop *const *loops; /* all of them, by loop_number; borrowed */
    size_t loop_count;
    unsigned writer_threads;     /* 0: 8 */
    size_t writer_queue;         /* requests of a priority level waiting for one; 0: 4,096; 429 above */
    size_t memory_limit;         /* what arena_set_memory_limit was given; 0: none. 429 for new work near it */
    unsigned request_timeout_ms; /* 0: 60 s */
    enum pod_security_level pod_security_default; /* enforced in namespaces whose labels say nothing */
    bool filtered_lists;                          /* who may list some names alone gets those, asked or not */
    bool anonymous_health;                        /* bare /livez and /readyz need no identity */
};

/* What belongs to one loop and is touched by its thread alone (metrics are read by others). */
struct server_loop {
    struct server *server;
    struct loop *loop;
    struct metrics *metrics;
    struct watch_hub *watch; /* watch.c's */
};

struct server {
    struct server_options options;
    struct store *store;
    struct atrest *atrest;
    struct pool *writers;
    struct outbound *outbound; /* what waits for other machines */
    struct http_server *http;  /* for /metrics; NULL until server_set_http */
    struct server_loop *loops; /* options.loop_count */
    struct snapshots *snapshots;
    struct document_cache *documents;
    struct garbage *garbage;
    struct fairness fairness;
    atomic_size_t promised;   /* memory that requests under way were admitted with */
    uint64_t started_seconds; /* wall clock */
};

/* Before the first commit (it registers with store_on_commit). The options' store and atrest must outlive the server.
 */
MUST_CHECK err_t server_new(const struct server_options *, struct server **ret, struct error *);
/* What credentials are checked against was read anew. Any thread. */
void server_reloaded(struct server *);
/* After the loops have ended and http_server_close: waits for the writers pool and for what is being committed. What
 * comes back to the loops is let go by one more turn of each. */
void server_stop(struct server *);
/* After http_server_free. */
void server_free(struct server *);

/* Makes what every server has and is missing: the namespaces default, kube-system, kube-public and kube-node-lease,
 * the default roles and bindings of RBAC. Blocks; not on a loop. */
MUST_CHECK err_t server_bootstrap(struct server *, struct error *);

/* For http_server_new; serves the newest server_new. */
const struct http_handler *server_handler(void);
void server_set_http(struct server *, struct http_server *);
struct server *server_current(void);

/* The server's part of the calling loop; on a loop's thread only. */
struct server_loop *server_loop_current(struct server *);

#endif
