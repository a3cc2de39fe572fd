/* SPDX-License-Identifier: Apache-2.0 */
/* An api_client of the process's own server, without a socket: its requests walk the same steps as all others. For
 * threads that are no loops, since a call waits for its answer. */
#ifndef COFFER_CLIENT_LOCAL_CLIENT_H
#define COFFER_CLIENT_LOCAL_CLIENT_H

#include "client/api_client.h"
#include "net/http_local.h"

/* What all such clients of one server share: where their answers arrive, and what ends their waiting. */
struct local_hub;

/* Calls run on that loop of the server's. NULL without memory. */
MUST_CHECK struct local_hub *local_hub_new(struct http_server *, struct loop *);
/* Every call and wait, under way or to come, ends with ERR_UNAVAILABLE. Any thread; does not wait. */
void local_hub_stop(struct local_hub *);
bool local_hub_stopped(struct local_hub *);
/* When all clients and watches are freed. Accepts NULL. */
void local_hub_free(struct local_hub *);

/* Sleeps until something has come to a watch of the hub since *seen (0 at first), until until_ms of clock_monotonic_ms
 * (UINT64_MAX: for ever), or until the hub is stopped or woken. For one thread with many watches: poll each with
 * until_ms 0, then wait. */
void local_hub_wait(struct local_hub *, uint64_t *seen, uint64_t until_ms);
/* As if something had come. Any thread. */
void local_hub_wake(struct local_hub *);

/* The user must outlive the client. */
MUST_CHECK err_t local_client_new(
    struct local_hub *, const struct http_local_user *, struct api_client **ret, struct error *);

#endif
