/* SPDX-License-Identifier: Apache-2.0 */
/* Outbound HTTP by libcurl, blocking: for the outbound pool and for commands. Redirects are not followed. TLS 1.2 or
 * newer, verified. */
#ifndef COFFER_NET_HTTP_CLIENT_H
#define COFFER_NET_HTTP_CLIENT_H

#include "base/arena.h"

struct http_client;

struct http_client_options {
    bytes ca_pem; /* empty: the system's */
    bytes client_certificate_pem;
    struct secret client_key_pem;
    bool insecure_skip_verify;   /* warned about by who sets it */
    const char *tls_server_name; /* NULL: the URL's host */
    const char *proxy;           /* NULL: the environment's (HTTPS_PROXY, NO_PROXY), "": none */
    unsigned timeout_ms;         /* of a whole call; 0: 30 s */
    size_t max_body;             /* of an answer; 0: 16 MiB */
};

struct http_secret_header {
    const char *name;
    struct secret value;
};

struct http_call {
    const char *method, *url;
    const char *connect_to; /* "ADDRESS:PORT" that the URL's host is reached at, [ADDRESS] of IPv6; NULL: by its name */
    unsigned timeout_ms;    /* 0: the client's */
    const struct http_secret_header *secret_headers; /* Authorization; wiped after */
    size_t secret_header_count;
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    bytes body;
};

struct http_reply {
    int status;
    bytes body, content_type;
};

/* Before the first client; later calls do nothing. Any thread. libcurl allocates by the program's malloc, whose free
 * wipes. */
MUST_CHECK err_t http_client_global(struct error *);
MUST_CHECK err_t http_client_new(const struct http_client_options *, struct http_client **ret, struct error *);
void http_client_free(struct http_client *);
/* The reply lives in the arena. An error's sentence says what failed and for which host, in words (connection refused,
 * name not known, certificate not trusted: by which CA, expired ...), never a header or body. One call at a time per
 * client. */
MUST_CHECK err_t http_client_call(
    struct http_client *, struct arena *, const struct http_call *, struct http_reply *ret, struct error *);

#endif
