/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2 and 1.3 on the server side by OpenSSL 3: ALPN h2 and http/1.1, client certificates asked for and verified
 * when given, sessions resumed for an hour from a small cache. A context may be swapped while connections run. */
#ifndef COFFER_NET_TLS_H
#define COFFER_NET_TLS_H

#include "base/error.h"

struct tls_context;
struct ssl_st;
struct bio_st;

struct tls_options {
    bytes certificate_pem; /* chain, leaf first */
    struct secret key_pem;
    bytes client_ca_pem; /* bundle; clients' certificates must chain to it. Several PEM blocks. Empty: none is asked for
                          */
};

/* Reference-counted. ERR_INVALID with a sentence when key and certificate do not fit. */
MUST_CHECK err_t tls_context_new(const struct tls_options *, struct tls_context **ret, struct error *);
struct tls_context *tls_context_get(struct tls_context *);
void tls_context_put(struct tls_context *);

/* The server's end of a new connection, over bio (a reference is taken). NULL when memory is out. */
MUST_CHECK struct ssl_st *tls_session_new(struct tls_context *, struct bio_st *bio);
/* Accepts NULL. The session stays resumable when the peer left without a word, but not after an error. */
void tls_session_free(struct ssl_st *);
/* After the handshake: whether ALPN chose h2. */
bool tls_session_http2(const struct ssl_st *);
/* After the handshake: gives up the chains that came with the client's certificate and led to its CA, some 5 KB, and
 * the handshake's own key. */
void tls_session_shrink(struct ssl_st *);

#endif
