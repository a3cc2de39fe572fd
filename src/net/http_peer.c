/* SPDX-License-Identifier: Apache-2.0 */
/* Who the client is: read once, at the end of the handshake, and kept small. */
#include "base/log.h"
#include "net/http_internal.h"

#include <arpa/inet.h>
#include <stdlib.h>

static bytes pack(uint8_t **at, bytes b)
{
    uint8_t *p = *at;
    if (b.n)
        memcpy(p, b.p, b.n);
    *at += b.n;
    return (bytes){p, b.n};
}

/* One small piece of malloc memory instead of an arena's chunk: it lasts as long as the connection. */
static struct http_peer *peer_new(const struct x509_identity *from)
{
    size_t n = sizeof(struct http_peer) + from->organization_count * sizeof(bytes) + from->common_name.n;
    for (size_t i = 0; i < from->organization_count; i++)
        n += from->organizations[i].n;
    struct http_peer *peer = calloc(1, n);
    if (!peer)
        return NULL;
    struct x509_identity *identity = &peer->identity;
    peer->references = 1;
    *identity = *from;
    identity->organizations = (bytes *)(peer + 1);
    uint8_t *at = (uint8_t *)(identity->organizations + from->organization_count);
    identity->common_name = pack(&at, from->common_name);
    for (size_t i = 0; i < from->organization_count; i++)
        identity->organizations[i] = pack(&at, from->organizations[i]);
    return peer;
}

struct http_peer *peer_at(const struct sockaddr_storage *from)
{
    struct http_peer *peer = peer_new(&(const struct x509_identity){0});
    const void *address = from->ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr
                                                      : (const void *)&((const struct sockaddr_in *)from)->sin_addr;
    if (peer)
        inet_ntop(from->ss_family, address, peer->address, sizeof peer->address);
    return peer;
}

struct http_peer *peer_get(struct http_peer *peer)
{
    peer->references++;
    return peer;
}

void peer_put(struct http_peer *peer)
{
    if (peer && --peer->references == 0)
        free(peer);
}

static struct http_peer *peer_named(const struct http_peer *before, X509 *certificate)
{
    struct x509_identity identity;
    struct http_peer *peer = NULL;
    struct arena arena;
    arena_init(&arena, (size_t)64 * 1024);
    if (x509_identify(&arena, certificate, &identity, NULL) == ERR_OK)
        peer = peer_new(&identity);
    arena_reset(&arena);
    if (peer) {
        memcpy(peer->address, before->address, sizeof peer->address);
        peer->has_certificate = true;
    }
    return peer;
}

void peer_distrusted(struct http_peer *peer)
{
    peer->has_certificate = false;
    log_event(LOG_INFO, "a client's certificate is no longer trusted: its connection ends",
        log_text("client", peer->address));
}

bool connection_identify(struct http_connection *c)
{
    X509 *certificate = SSL_get0_peer_certificate(c->ssl);
    if (!certificate)
        return true;
    if (SSL_get_verify_result(c->ssl) != X509_V_OK) {
        log_event(LOG_INFO, "a client's certificate is not trusted", log_text("client", c->peer->address),
            log_text("reason", X509_verify_cert_error_string(SSL_get_verify_result(c->ssl))));
        return true;
    }
    /* A resumed session was judged when it was made. */
    if (SSL_session_reused(c->ssl) && !tls_session_trusted(c->tls, c->ssl)) {
        peer_distrusted(c->peer);
        return false;
    }
    struct http_peer *named = peer_named(c->peer, certificate);
    if (!named)
        return false;
    peer_put(c->peer);
    c->peer = named;
    return true;
}
