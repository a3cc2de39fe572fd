/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of coffer cert. */
#ifndef COFFER_CMD_CERT_H
#define COFFER_CMD_CERT_H

#include "client/api_client.h"
#include "crypt/x509_csr.h"

#include <signal.h>

/* ---- cert_request.c: from a name to a certificate, over the CSR API. */

struct cert_wish {
    bytes user;
    const bytes *groups;
    size_t group_count;
    int64_t seconds; /* how long it should last; 0: as the server gives */
    uint64_t timeout_ms;
};

/* Makes a key, asks for a certificate, approves the request when the client may, and waits for somebody who does.
 * waits (may be NULL) is called once with the request's name when nobody has decided yet. The key is arena memory that
 * is wiped; it goes nowhere. Blocks. When no certificate comes of it (denied, not signed, timeout, a signal) the
 * request is deleted again, but never one that was issued; if that fails too, the sentence names it. */
MUST_CHECK err_t cert_request(struct api_client *, struct arena *, const struct cert_wish *, void (*waits)(bytes name),
    struct x509_pair *ret, struct error *);
/* The signal (SIGINT, SIGTERM or SIGHUP) that came during cert_request and ended its wait; 0: none. */
extern volatile sig_atomic_t cert_signal;
/* Whether the subject is a node's. */
bool cert_is_node(const struct x509_identity *);

/* ---- cert_file.c: where certificates are kept. */

/* A kubeconfig for the server that k leads to, and a user of that name with the pair in it; in the namespace, unless it
 * is NULL. p is NULL when the arena is full. */
bytes cert_kubeconfig(
    struct arena *, const struct kubeconfig *k, const char *namespace, bytes user, const struct x509_pair *);
/* Puts the pair in the place of the one that the text of a kubeconfig holds as data; everything else stays as it is.
 * ERR_INVALID when it holds none, or several. */
MUST_CHECK err_t cert_kubeconfig_replace(
    struct arena *, bytes text, const struct x509_pair *, bytes *ret, struct error *);
/* The certificate of a PEM text or of a kubeconfig: where the first one stands. ERR_INVALID when there is none. */
MUST_CHECK err_t cert_find(struct arena *, bytes text, bool is_kubeconfig, bytes *ret_pem, struct error *);

/* ---- cert_list.c */

/* Prints the requests that the server keeps to stdout. */
MUST_CHECK err_t cert_list(struct api_client *, struct arena *, struct error *);

#endif
