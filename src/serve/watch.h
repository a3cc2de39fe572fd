/* SPDX-License-Identifier: Apache-2.0 */
/* Watches: one hub a loop reads each new row once and finds who wants it. */
#ifndef COFFER_SERVE_WATCH_H
#define COFFER_SERVE_WATCH_H

#include "serve/request.h"

/* A hub for server->loops[i]; NULL without memory. Made by server_new, freed by server_free. */
struct watch_hub *watch_hub_new(struct server_loop *);
void watch_hub_free(struct watch_hub *);

/* store_on_commit's notify; context is the struct server. On the commit thread: posts to the loops that have watches.
 */
void watch_hub_notify(void *server, uint64_t revision);

/* What tokens are checked against was read anew: watches that rest on one are looked at again. Any thread. */
void watch_hub_reloaded(struct server *);

/* The last step of a watch: options, selectors and presentation are checked. Streams the answer, or fails as every step
 * does. */
enum step_result watch_start(struct request *);

/* Watches open now, for /metrics. On any thread. */
uint64_t watch_hub_count(const struct watch_hub *);

#endif
