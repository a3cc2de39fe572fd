/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the HTTP server share. Private to net.
 *
 *   http_server.c      listeners, accepting, drain, statistics; one shard per loop
 *   http_connection.c  a socket and its TLS: bytes in, bytes out, deadlines; knows no HTTP
 *   http1.c, http2.c   the two protocols, behind struct http_protocol
 *   http_local.c       a third without a socket
 *   http_exchange.c    requests and answers: the face of http.h
 *
 * The way of bytes, all through buffers that a shard's connections share and that are wiped after use:
 *   socket ─recv─> cipher_in ─SSL_read─> plain_in ─> protocol ─> arena of the exchange
 *   source or answer ─> protocol ─> stage ─SSL_write─> cipher_out ─send─> socket; what it does not take waits in
 * `pending` A connection is read when its socket is ready, and sends in the loop's closing tasks: one system call each,
 * a turn. */
#ifndef COFFER_NET_HTTP_INTERNAL_H
#define COFFER_NET_HTTP_INTERNAL_H

#include "base/clock.h"
#include "net/http.h"
#include "net/http1_parse.h"
#include "net/http_local.h"
#include "net/websocket.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#define CIPHER_IN_SIZE  ((size_t)32 * 1024)
#define PLAIN_SIZE      ((size_t)16 * 1024) /* a TLS record's */
#define ROUND_SIZE      ((size_t)64 * 1024) /* plaintext between two sends of a connection */
#define CIPHER_OUT_SIZE (ROUND_SIZE + 4 * PLAIN_SIZE)
#define ROUNDS_MAX      4          /* sends of a connection a turn */
#define JUDGED_A_TURN   8          /* clients' certificates after a reload: 0.1 ms each */
#define INPUT_PAUSE     PLAIN_SIZE /* bytes read ahead of a busy HTTP/1.1 connection before its socket is left alone */
#define HANDSHAKE_MS    10000
#define LINGER_MS       2000

struct http_shard {
    struct http_server *server;
    struct loop *loop;
    struct loop_fd listener;
    bool listening, draining, drained;
    bool cut;       /* the drain's time is over: nothing is waited for any more */
    int reserve_fd; /* given up to accept and close when descriptors run out */
    struct timer accept_pause;
    struct timer trim;
    unsigned handshakes;              /* since the heap was trimmed */
    struct task drain_task, cut_task; /* a loop may not have come to the one when the other is posted */
    struct task trust_task;
    atomic_bool trust_posted, trust_changed;
    struct http_connection *untrusted; /* the next that is to be judged by the new TLS context; NULL: all were */
    struct http_connection *connections;
    size_t exchanges;           /* of its connections, those that are held beyond them included */
    atomic_uint count;          /* of its connections, those on their way to it included */
    pthread_mutex_t local_lock; /* of the next two */
    struct http_local *locals;  /* calls that have not ended; only the loop's thread takes them out */
    bool locals_closed;
    struct http_connection *local_connection; /* that all of them come by; NULL until the first */
    struct http_connection *send_first, **send_last;
    struct task send_task;
    bool send_set;
    BIO *bio;                        /* of all its connections: between cipher_in, cipher_out and OpenSSL */
    struct http_connection *current; /* whose bytes are in the buffers */
    const uint8_t *in;
    size_t in_left, stage_used, out_used, round_used;
    uint64_t date_ms;
    char date[CLOCK_HTTP_SIZE];
    uint8_t *cipher_in, *plain_in, *stage, *cipher_out;
};

struct http_server {
    struct http_handler handler;
    struct http_options options;
    int listen_fd;
    uint16_t port;
    pthread_mutex_t tls_lock;
    struct tls_context *tls; /* NULL: plaintext */
    atomic_uint trust;       /* counts the TLS contexts; connections know by which of them they were judged */
    atomic_bool draining;
    atomic_uint undrained; /* shards that still have connections */
    void (*drained)(void *);
    void *drained_context;
    unsigned drain_ms;
    struct task done_task;
    struct timer drain_timer;
    atomic_uint_fast64_t connections, accepted, requests, handshake_failures, refused;
    size_t shard_count;
    struct http_shard shards[];
};

enum http_deadline {
    DEADLINE_NONE,
    DEADLINE_HANDSHAKE,
    DEADLINE_IDLE,
    DEADLINE_HEAD,
    DEADLINE_BODY,
    DEADLINE_STALL,
    DEADLINE_LINGER,
    DEADLINE_TICK
};

/* A protocol on a connection. None of these frees the connection; they set its closing or dead. */
struct http_protocol {
    bool (*start)(struct http_connection *);
    void (*receive)(struct http_connection *, bytes plain); /* takes all of it */
    bool (*send)(struct http_connection *);                 /* writes while there is room; true when it has more */
    bool (*wants_input)(const struct http_connection *);
    void (*ended)(struct http_connection *); /* the peer will send no more */
    void (*drain)(struct http_connection *);
    void (*expired)(struct http_connection *, enum http_deadline);
    enum http_deadline (*deadline)(const struct http_connection *);
    void (*finish)(struct http_connection *); /* ends all exchanges, frees what start made */
    void (*answer)(struct http_exchange *);
    void (*stream)(struct http_exchange *, const struct http_header *, size_t count);
    void (*resume)(struct http_exchange *);
    void (*read_body)(struct http_exchange *);
};
extern const struct http_protocol http1_protocol, http2_protocol, http_local_protocol;

/* A growing piece of malloc memory, used from the front. */
struct http_queue {
    uint8_t *p;
    size_t start, end, capacity;
};
MUST_CHECK bool queue_put(struct http_queue *, const void *p, size_t n);
void queue_skip(struct http_queue *, size_t n);
void queue_free(struct http_queue *);
static inline bytes queue_bytes(const struct http_queue *q)
{
    return q->p ? (bytes){q->p + q->start, q->end - q->start} : BYTES_NONE;
}

struct http1_websocket;

struct http1 {
    struct http_exchange *exchange;
    struct http1_websocket *websocket; /* the exchange goes on as one; NULL: not */
    struct http_queue input;           /* plaintext read but not yet understood */
    size_t scanned;                    /* of input, by http1_head_length */
    struct http_queue head;            /* of a streamed answer */
    uint64_t body_left;                /* with Content-Length */
    struct http1_chunked chunked;
    size_t dropped; /* of an unwanted body */
    uint8_t minor, problem;
    bool has_body, is_chunked, keep_alive, expects_continue, interim_due, head_sent, draining, input_ended, running;
};

/* Of a connection and its exchanges, which may outlive it; all on one loop. */
struct http_peer {
    unsigned references;
    bool has_certificate; /* and it is trusted */
    char address[INET6_ADDRSTRLEN];
    struct x509_identity identity;
};

struct http_connection {
    struct loop_fd fd;
    struct http_shard *shard;
    struct tls_context *tls;
    SSL *ssl;                             /* NULL: plaintext */
    const struct http_protocol *protocol; /* NULL until the handshake is done */
    struct http_connection *next, **link; /* of the shard */
    struct http_connection *send_next;
    struct http_queue pending; /* ciphertext that the socket did not take */
    struct timer timer;
    struct http_peer *peer;
    unsigned trust; /* the server's, when the client's certificate was judged last */
    uint8_t deadline;
    bool send_set, closing, dead, cut, linger, lingering, greeted;
    bool withdrawn; /* the certificate is no longer trusted: it drains */
    union {
        struct http1 h1;
        struct http2 *h2;
    };
};

enum http_phase { PHASE_HEAD, PHASE_IDLE, PHASE_BODY, PHASE_BODY_WHOLE, PHASE_ANSWER, PHASE_STREAM, PHASE_OVER };

struct http_exchange_state {
    uint8_t phase;
    bool begun;   /* the handler knows it */
    bool in_call; /* of the handler's head(), or http_read_body: body() must wait */
    bool body_due, body_refused, input_ended, waiting, head_only;
    uint16_t head_refused; /* HTTP/2: with that status */
    unsigned holds;
    const struct http_handler *handler;
    struct http_shard *shard;
    struct http_peer *peer;
    struct http_local *local; /* NULL: came over the network, or the call has ended */
    const struct http_local_user *local_user;
    struct http_exchange *exchange; /* of the task */
    struct task task;
    struct http_exchange *next, **link; /* HTTP/2: of the connection */
    int32_t stream_id;
    int status;
    const struct http_header *headers; /* of the answer, borrowed */
    size_t header_count;
    bytes rest; /* of the answer's body or the piece, still to send */
    struct http_source *source;
    size_t body_limit, body_capacity;
    uint8_t *body;
    struct http_queue early; /* HTTP/2: body that came before it was asked for */
    size_t header_bytes, header_capacity;
    struct http_header *request_headers; /* HTTP/2: while they come */
    uint64_t since_ms;                   /* the phase began, or the peer last took something */
    uint64_t content_length;             /* UINT64_MAX: not known */
};

/* http_connection.c */
MUST_CHECK bool shard_buffers(struct http_shard *);
void shard_buffers_free(struct http_shard *);
void connection_accept(struct http_shard *, int fd, const struct sockaddr_storage *);
void connection_queue(struct http_connection *);     /* sends at the close of this turn */
void connection_close_now(struct http_connection *); /* not from within a protocol */
void connection_drain(struct http_connection *);
/* Judges the client's certificate by the TLS context in force, if that is another than it was judged by. Within a
 * protocol, or settle must follow. */
void connection_judge(struct http_connection *);
void shard_judge_some(struct task *);                     /* runs trust_task */
void shard_judge(struct http_shard *);                    /* all of its connections, some a turn; any thread */
void connection_free_all(struct http_shard *);            /* when its loop has ended */
bool connection_writable(const struct http_connection *); /* room in this round */
void connection_write(struct http_connection *, bytes plain);
const char *shard_date(struct http_shard *);
static inline struct http_server *connection_server(const struct http_connection *c)
{
    return c->shard->server;
}

/* http_peer.c */
MUST_CHECK struct http_peer *peer_at(const struct sockaddr_storage *);
struct http_peer *peer_get(struct http_peer *);
void peer_put(struct http_peer *);
void peer_distrusted(struct http_peer *);                      /* it is nobody's from now on */
MUST_CHECK bool connection_identify(struct http_connection *); /* after the handshake; false: it may not go on */

/* http_server.c */
void shard_handshake_done(struct http_shard *);
void shard_connection_gone(struct http_shard *);
void shard_exchange_gone(struct http_shard *);
void shard_local_gone(struct http_shard *);

/* http_local.c */
bool shard_has_locals(struct http_shard *);
void shard_locals_drain(struct http_shard *); /* refuses new ones, pulls the streams */
void shard_locals_cut(struct http_shard *);
void shard_locals_free(struct http_shard *);

/* http_exchange.c */
MUST_CHECK struct http_exchange *exchange_new(struct http_connection *);
void exchange_end(struct http_exchange *);  /* answered, or the peer left */
void exchange_head(struct http_exchange *); /* calls the handler */
enum body_result { BODY_TAKEN, BODY_REFUSED };
enum body_result exchange_body_start(struct http_exchange *);
enum body_result exchange_body_put(struct http_exchange *, bytes);
void exchange_body_done(struct http_exchange *);      /* calls the handler */
enum http_pull exchange_pull(struct http_exchange *); /* into rest */
void exchange_source_close(struct http_exchange *);
bool exchange_body_allowed(const struct http_exchange *); /* not for HEAD, 204, 304 */

/* http1_websocket.c */
void http1_websocket_take(struct http_connection *, struct cursor *); /* takes all */
bool http1_websocket_due(const struct http1_websocket *);             /* there is a control frame to send; NULL: no */
bool http1_websocket_control(struct http_connection *);               /* sends what is due; true: it is closed */
void http1_websocket_message(struct http_connection *, uint64_t n);   /* the head of one of n bytes, which follow */
void http1_websocket_close(struct http_connection *);
void http1_websocket_free(struct http1_websocket *);

/* http_text.c */
const char *http_reason(int status);

#endif
