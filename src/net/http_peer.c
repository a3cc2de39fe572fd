/* SPDX-License-Identifier: Apache-2.0 */
/* Who the client is: read once, at the end of the handshake, and kept small. */
#include "net/http_internal.h"

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
static struct x509_identity *identity_copy(const struct x509_identity *from)
{
    size_t n = sizeof *from + from->organization_count * sizeof(bytes) + from->common_name.n;
    for (size_t i = 0; i < from->organization_count; i++)
        n += from->organizations[i].n;
    struct x509_identity *copy = malloc(n);
    if (!copy)
        return NULL;
    *copy = *from;
    copy->organizations = (bytes *)(copy + 1);
    uint8_t *at = (uint8_t *)(copy->organizations + from->organization_count);
    copy->common_name = pack(&at, from->common_name);
    for (size_t i = 0; i < from->organization_count; i++)
        copy->organizations[i] = pack(&at, from->organizations[i]);
    return copy;
}

bool connection_identify(struct http_connection *c)
{
    X509 *certificate = SSL_get0_peer_certificate(c->ssl);
    struct x509_identity identity;
    struct arena arena;
    if (!certificate)
        return true;
    /* A resumed session was verified when it was made; its certificate may have ended since. */
    if (SSL_session_reused(c->ssl) && X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
        return false;
    arena_init(&arena, (size_t)64 * 1024);
    if (x509_identify(&arena, certificate, &identity, NULL) == ERR_OK)
        c->peer = identity_copy(&identity);
    arena_reset(&arena);
    return c->peer != NULL;
}
