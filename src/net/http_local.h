/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges that no socket carries: a part of this process asks the server as a client would, and walks the same steps.
 * A third protocol beside http1.c and http2.c: the handler cannot tell, but by http_local_user. */
#ifndef COFFER_NET_HTTP_LOCAL_H
#define COFFER_NET_HTTP_LOCAL_H

#include "net/http.h"

/* Who asks: vouched for by the process itself. Constant strings. */
struct http_local_user {
    const char *name;
    const char *const *groups;
    size_t group_count;
};

struct http_local_request {
    const struct http_local_user *user;
    bytes method, path, query; /* escaped, as on the wire */
    const struct http_header *headers;
    size_t header_count;
    bytes body;
};

/* What receives the answer. All are called on the loop's thread. */
struct http_local_sink {
    /* Once. */
    void (*head)(struct http_local_sink *, int status, const struct http_header *, size_t count);
    /* Pieces of the body, borrowed for the call. False: no more for now; http_local_resume goes on. */
    bool (*piece)(struct http_local_sink *, bytes);
    /* The last call. whole false: the answer was cut. */
    void (*end)(struct http_local_sink *, bool whole);
};

struct http_local; /* a call under way */

/* Starts a call on a loop of the server's; any thread. The request is copied. NULL without memory. The sink must live
 * until its end(). */
struct http_local *http_local_call(
    struct http_server *, struct loop *, const struct http_local_request *, struct http_local_sink *);
/* The sink can take pieces again; cancel: it wants none any more, and end(false) follows. Any thread, before end(). */
void http_local_resume(struct http_local *);
void http_local_cancel(struct http_local *);

/* For access/: who asks, NULL when the exchange came over the network. */
const struct http_local_user *http_local_user(const struct http_exchange *);

#endif
