/* SPDX-License-Identifier: Apache-2.0 */
/* The server's certificates: its own CA, its serving certificate, the admin's kubeconfig. What is missing or due is
 * made; private keys of the CA and the server lie in the store, sealed; the admin's lies in DIR/admin.kubeconfig alone.
 *
 *   meta "ca"      current CA: certificate and key            ten years, replaced in its last one
 *   meta "old-ca"  the CA before it: certificate              trusted until it ends
 *   meta "server"  serving certificate and key                renewed after two thirds of its life, or when its names
 * do not fit
 *
 * Calls block (disk, signatures): start-up and the writers pool, one at a time. */
#ifndef COFFER_SERVE_CERTIFICATES_H
#define COFFER_SERVE_CERTIFICATES_H

#include "atrest/atrest.h"
#include "net/tls.h"
#include "store/store.h"

struct certificates_options {
    struct store *store;
    struct atrest *atrest;
    const char *directory;          /* of admin.kubeconfig */
    const char *address;            /* listening address, numeric */
    const char *const *extra_names; /* --tls-san */
    size_t extra_name_count;
    const char *certificate_file; /* --tls-cert-file and --tls-private-key-file: both or neither; NULL: our own */
    const char *key_file;
    const char *client_ca_file;  /* --client-ca-file: trusted beside our own CA; NULL: none */
    const char *client_crl_file; /* --client-crl-file: what is revoked (tls.h); NULL: nothing */
    int64_t lifetime_seconds;    /* of leaf certificates; 0: a year */
};

struct certificates;

/* Loads or makes the CA and the serving certificate. The options' strings are borrowed for life. */
MUST_CHECK err_t certificates_open(const struct certificates_options *, struct certificates **ret, struct error *);
void certificates_free(struct certificates *);

/* Renews what is due at `now` (seconds since the epoch) and reads the files again. What was in force stays so on
 * failure. A key file that others than its owner and group can read, or its group write, is refused. */
MUST_CHECK err_t certificates_renew(struct certificates *, int64_t now, struct error *);

/* Signs a request (crypt/x509_csr.h) by the own CA, whose key is opened for this alone, for so many seconds: 0, or more
 * than leaf certificates last, is what they last, and never less than ten minutes unless they do. It begins five
 * minutes ago. Any thread. */
MUST_CHECK err_t certificates_sign(struct certificates *, struct arena *, bytes csr_pem, unsigned usages,
    int64_t seconds, int64_t now, bytes *ret_pem, struct error *);

/* The TLS context in force; to be given back with tls_context_put. */
struct tls_context *certificates_tls(struct certificates *);

/* What clients verify the server by: our CAs, and a serving certificate from a file. PEM, in the arena; p is NULL when
 * that is full. Any thread. */
bytes certificates_trusted(struct certificates *, struct arena *);

/* Writes DIR/admin.kubeconfig (0600, replaced whole) unless the one there still fits: same server, same CA, not yet
 * due. */
MUST_CHECK err_t certificates_write_kubeconfig(struct certificates *, uint16_t port, int64_t now, struct error *);

#endif
