/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of the built-in CA: ECDSA P-256 with SHA-256, made and checked by OpenSSL. Keys are PKCS#8 in PEM, in
 * arenas; while OpenSSL holds them they lie in its secure heap (crypt/setup.h). */
#ifndef COFFER_CRYPT_X509_H
#define COFFER_CRYPT_X509_H

#include "base/arena.h"

enum x509_use { X509_USE_CA, X509_USE_SERVER, X509_USE_CLIENT };

struct x509_request {
    enum x509_use use;
    bytes common_name;          /* 1 to 64 characters (RFC 5280, ub-common-name) */
    const bytes *organizations; /* O: groups of a client */
    size_t organization_count;
    const bytes *names; /* SANs: IP addresses are recognised, all else is DNS */
    size_t name_count;
    int64_t not_before, not_after; /* seconds since the epoch */
};

struct x509_pair {
    bytes certificate_pem;
    bytes key_pem; /* a private key: arena memory that is wiped */
};

/* Makes a key and a certificate signed by ca; NULL ca: self-signed. ERR_INVALID for names or times that no certificate
 * can hold, and for a ca whose key does not fit. */
MUST_CHECK err_t x509_issue(
    struct arena *, const struct x509_request *, const struct x509_pair *ca, struct x509_pair *ret, struct error *);

/* Who a client certificate names, and until when: the last CN (empty when there is none), every O, and the SHA-256 of
 * the DER in lower-case hex (kube: X509SHA256=...). ERR_UNAUTHORIZED when a name holds control characters. */
struct x509_identity {
    bytes common_name;
    bytes *organizations;
    size_t organization_count;
    int64_t not_after; /* seconds since the epoch */
    char sha256_hex[65];
};
struct x509_st;
MUST_CHECK err_t x509_identify(struct arena *, struct x509_st *, struct x509_identity *ret, struct error *);

/* The same of the first certificate of a PEM text; ERR_INVALID when there is none. */
MUST_CHECK err_t x509_identify_pem(struct arena *, bytes certificate_pem, struct x509_identity *ret, struct error *);

/* The times of the first certificate of a PEM text. ERR_INVALID when there is none. */
MUST_CHECK err_t x509_inspect(bytes certificate_pem, int64_t *ret_not_before, int64_t *ret_not_after, struct error *);
/* A chain of certificates in PEM and nothing else, of 1 MiB at most. ERR_INVALID with kube-apiserver's sentence. */
MUST_CHECK err_t x509_check_chain(bytes pem, struct error *);
/* Whether its SANs hold every one of names, as x509_issue would write them: whether a stored serving certificate still
 * fits. */
bool x509_covers(bytes certificate_pem, const bytes *names, size_t count);

#endif
