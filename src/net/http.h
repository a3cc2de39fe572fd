/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: HTTP/1.1 (own strict parser, RFC 9112) and HTTP/2 (nghttp2, RFC 9113) behind one face. A server
 * listens in every loop; a connection stays on its loop; an exchange is one request and its answer.
 *
 *   head() ─┬─ http_answer / http_stream                       answer at once, or
 *           ├─ http_read_body ──> body() ─ http_answer ...     after the whole body, or
 *           └─ http_hold ... (a pool works) ... http_release   later: answer on the loop's thread, then release
 *
 * All calls are made on the loop's thread that owns the exchange. After the answer is sent, or the peer left, gone() is
 * called once and the exchange is freed at its end; while it is held both wait for http_release, and only the flag
 * tells.
 *
 * In a turn of the loop: events (head, body), turn-end tasks (lines of the audit log are written), then sending (pull,
 * close, gone). Nothing of an answer is sent before the turn-end tasks set in its turn are done. */
#ifndef COFFER_NET_HTTP_H
#define COFFER_NET_HTTP_H

#include "base/arena.h"
#include "crypt/x509.h"
#include "net/loop.h"
#include "net/tls.h"

struct http_server;
struct http_connection;

struct http_header {
    bytes name; /* lower case in requests */
    bytes value;
};

struct http_exchange {
    struct arena arena; /* wiped when the exchange ends; a streamed answer may reset it, see http_stream */
    struct loop *loop;
    struct http_connection *connection;
    /* the request */
    bytes method, path, query; /* path as sent (not decoded), up to '?'; query after it */
    bytes authority;
    const struct http_header *headers;
    size_t header_count;
    bytes body; /* after body() */
    bool http2;
    bool gone; /* peer left or was answered; only a held exchange is seen so */
    /* for the handler */
    void *user;           /* the handler's own; NULL at head() */
    uint64_t received_us; /* clock_monotonic_us when the head was whole */
    /* the server's */
    struct http_exchange_state *state;
};

struct http_handler {
    void (*head)(struct http_exchange *);
    void (*body)(struct http_exchange *);
    void (*gone)(struct http_exchange *);
};

/* Listens on a numeric address before there is a server: a low port wants a privilege that is given up early. Clients
 * wait until the server accepts. An error names address and port; ERR_CONFLICT when in use: no SO_REUSEPORT. */
MUST_CHECK err_t http_listen(const char *address, uint16_t port, int *ret_fd, struct error *);

struct http_options {
    int listener;              /* of http_listen, taken over; 0: listens on address and port itself */
    const char *address;       /* numeric host, "127.0.0.1", "::1", "0.0.0.0" */
    uint16_t port;             /* 0: chosen by the kernel; see http_server_port */
    size_t max_header;         /* bytes of a request's head; 0: 64 KiB, 431 above. At most 100 headers */
    unsigned head_timeout_ms;  /* from the first byte to the whole head; 0: 10 s */
    unsigned body_timeout_ms;  /* a body must come whole within; 0: 60 s: 408 */
    unsigned idle_timeout_ms;  /* keep-alive; 0: 180 s */
    unsigned stall_timeout_ms; /* an answer of which the peer takes nothing is reset; 0: 60 s */
    unsigned max_connections;  /* all loops; 0: 20,000; above: accepted and closed at once */
    size_t arena_limit; /* of an exchange's arena before its body is known; 0: 256 KiB. A body of n raises it by 64 n +
                           1 MiB */
};

/* Accepts in all loops, by EPOLLEXCLUSIVE. */
MUST_CHECK err_t http_server_new(const struct http_options *, const struct http_handler *, struct tls_context *,
    struct loop *const *loops, size_t loop_count, struct http_server **ret, struct error *);
uint16_t http_server_port(const struct http_server *);
/* New connections use it from now on. Those that run keep what they agreed on, but their clients' certificates are
 * judged again by it, before their next request and soon: one that is no longer trusted is no identity any more, and
 * its connection ends as if it were drained, its watches first. Any thread. */
void http_server_set_tls(struct http_server *, struct tls_context *);
/* Stops accepting, ends idle connections, tells HTTP/2 clients to go (GOAWAY), pulls every stream once more, so that
 * a watch sees http_draining and ends, and calls done on the first loop when nothing is left or after timeout_ms. Any
 * thread. */
void http_server_drain(struct http_server *, unsigned timeout_ms, void (*done)(void *), void *context);
/* True once drain began, or the connection's certificate is no longer trusted: watches should end themselves. */
bool http_draining(const struct http_exchange *);
/* After the loops have ended: ends all connections and local calls, and refuses new ones, so that threads which wait
 * for an answer can be joined. What is held stays until it is released. */
void http_server_close(struct http_server *);
/* After the loops have ended and all that was held is released. */
void http_server_free(struct http_server *);

struct http_statistics {
    uint64_t connections, accepted, requests, handshake_failures, refused_connections;
};
void http_server_statistics(struct http_server *, struct http_statistics *ret);

/* First header of that (lower case) name; BYTES_NONE when absent. */
bytes http_header(const struct http_exchange *, bytes name);
/* The verified client certificate of the connection as an identity, parsed once per connection; NULL when none was
 * given, or it is no longer trusted. Valid while the exchange is, also on the thread that a held one was handed to. */
const struct x509_identity *http_peer(const struct http_exchange *);
/* Numeric address of the peer, NUL-terminated, valid while the exchange is. */
const char *http_peer_address(const struct http_exchange *);

/* Reads the body into the arena, then calls body(). Above limit the answer 413 is the handler's to give in body() with
 * x->body.p NULL and x->body.n the limit: the connection closes after it (HTTP/1.1) or the stream is reset. When the
 * arena cannot take the body p is NULL and n is 0: arena.failed says why. "Expect: 100-continue" is answered. body() is
 * never called from within this call. Once per exchange. */
void http_read_body(struct http_exchange *, size_t limit);

/* Keeps the exchange and its arena alive while another thread has it; the loop may set gone meanwhile. */
void http_hold(struct http_exchange *);
void http_release(struct http_exchange *);

/* Sends a whole answer. Headers and body are borrowed until gone(); keep them in the arena. Date, Content-Length and
 * the framing are added here; on HTTP/2 names become lower case, and at most 59 headers are sent. For HEAD, 204 and 304
 * the body is left out. Sent at the end of the turn. Once per exchange. */
void http_answer(struct http_exchange *, int status, const struct http_header *, size_t count, bytes body);

/* A streamed answer: pieces are pulled when the peer can take them. */
enum http_pull { HTTP_PULL_DATA, HTTP_PULL_WAIT, HTTP_PULL_END, HTTP_PULL_ABORT };
struct http_source {
    /* DATA: *ret is the next piece (not empty, at most 64 KiB wished), valid until the next pull or close.
     * WAIT: nothing now; http_resume when there is. END: the answer is whole. ABORT: cut it so that the peer sees it is
     * not whole. */
    enum http_pull (*pull)(struct http_source *, struct http_exchange *, bytes *ret);
    /* Called once when no more pulls come, before gone(). The source is the handler's to free. */
    void (*close)(struct http_source *, struct http_exchange *);
};
/* Headers are sent at the end of the turn, before the first piece. Each piece is flushed when the source then waits.
 * After this call the handler may arena_reset(&x->arena) once headers were copied (they are): the request's fields are
 * gone then. A long-lived stream should, to be small. */
void http_stream(struct http_exchange *, int status, const struct http_header *, size_t count, struct http_source *);
/* Whether the request asks to go on as a WebSocket (RFC 6455), which only a GET over HTTP/1.1 can. */
bool http_websocket_asked(const struct http_exchange *);
/* Answers 101 and streams: each piece of the source is one message, text or binary; END closes it. protocol, if not
 * empty, is what was chosen of Sec-WebSocket-Protocol. Pings and closes are answered, what else the client sends is
 * dropped. False, and nothing was done: there is no memory, or Sec-WebSocket-Key is none. */
MUST_CHECK bool http_websocket(struct http_exchange *, bytes protocol, bool text, struct http_source *);
/* The source has more to give. Never pulls, closes or frees within the call: that happens later in the turn. */
void http_resume(struct http_exchange *);

/* Percent-decodes into the arena; '+' is a space when query. p is NULL when malformed or the arena is full. */
bytes http_decode(struct arena *, bytes in, bool query);
/* Walks name=value pairs of a query; decodes both. 1: set; 0: the end; -1: malformed. */
int http_query_next(struct arena *, struct cursor *query, bytes *ret_name, bytes *ret_value);

#endif
