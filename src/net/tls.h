/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2 and 1.3 on the server side by OpenSSL 3, with forward secrecy alone: suites with ECDHE and an AEAD, no
 * renegotiation. ALPN h2 and http/1.1, client certificates asked for and verified when given, sessions resumed for an
 * hour from a small cache. A context may be swapped while connections run: what clients showed is then to be judged
 * again by the new one. */
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
    bytes client_crl_pem; /* what is revoked, several PEM blocks: lists of these CAs, and certificates, each of which is
                           * revoked itself (a CA: and all below it). Empty: nothing. A CA without a list has revoked
                           * nothing, and a list that is overdue still revokes what it names. */
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
/* After the handshake: whether the client showed a certificate that the context trusts now: its chain, its dates, the
 * revocation lists. The handshake's own verdict is of another time when the session was resumed, and of another
 * context when that was swapped. */
bool tls_session_trusted(struct tls_context *, struct ssl_st *);
/* After the handshake: gives up the chain that led from the client's certificate to its CA, some 5 KB, and the
 * handshake's own key; of the certificates that came with it only those stay without which it could not be judged
 * again. */
void tls_session_shrink(struct ssl_st *);

#endif
