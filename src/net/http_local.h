/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges that no socket carries: a part of this process asks the server as a client would, and walks the same steps.
 * A third protocol beside http1.c and http2.c: the handler cannot tell, but by http_local_user. */
#ifndef COFFER_NET_HTTP_LOCAL_H
#define COFFER_NET_HTTP_LOCAL_H

#include "net/http.h"

/* Who asks: vouched for by the process itself. Must outlive all calls, and what the server still holds of them after
 * they have ended. */
struct http_local_user {
    bytes name;
    const bytes *groups;
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
    /* Once, unless the call ends before it was answered. */
    void (*head)(struct http_local_sink *, int status, const struct http_header *, size_t count);
    /* Pieces of the body, borrowed for the call, which takes all of them. False: no more for now; http_local_resume
     * goes on. */
    bool (*piece)(struct http_local_sink *, bytes);
    /* The last call. whole false: the answer was cut. */
    void (*end)(struct http_local_sink *, bool whole);
};

struct http_local; /* a call under way */

/* Starts a call on a loop of the server's; any thread. The request is copied; names of headers are lower case. The sink
 * must live until its end(). ERR_UNAVAILABLE once the server drains. */
MUST_CHECK err_t http_local_call(struct http_server *, struct loop *, const struct http_local_request *,
    struct http_local_sink *, struct http_local **ret, struct error *);
/* The sink can take pieces again; cancel: it wants none any more, and end(false) follows. Any thread, but not once
 * end() has returned. */
void http_local_resume(struct http_local *);
void http_local_cancel(struct http_local *);

/* For access/: who asks, NULL when the exchange came over the network. */
const struct http_local_user *http_local_user(const struct http_exchange *);

#endif
