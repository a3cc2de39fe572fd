/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for certificates (PKCS#10, RFC 2986) in PEM: read with distrust, signed by the built-in CA, and made for
 * people and nodes. The text that is read may be anybody's: its size is bounded, its key is of a kind and size that we
 * know before anything is computed with it, and its own signature shows that who asks holds the key. */
#ifndef COFFER_CRYPT_X509_CSR_H
#define COFFER_CRYPT_X509_CSR_H

#include "crypt/x509.h"

#define X509_CSR_LIMIT ((size_t)64 * 1024) /* of the PEM text */

/* Who asks: the last CN (empty when there is none), every O, and how many names of each kind its SANs hold. */
struct x509_csr {
    bytes common_name;
    bytes *organizations;
    size_t organization_count;
    unsigned dns_names, ip_addresses, emails, uris;
};

/* The text's first PEM block, which must be a CERTIFICATE REQUEST. Keys: RSA of 2048 to 8192 bits, ECDSA on P-256,
 * P-384 or P-521, Ed25519. ERR_INVALID with a sentence for whatever cannot be signed, also names that hold control
 * characters, or that are no names. */
MUST_CHECK err_t x509_csr_read(struct arena *, bytes pem, struct x509_csr *ret, struct error *);

enum x509_usage {
    X509_USAGE_DIGITAL_SIGNATURE = 1,
    X509_USAGE_KEY_ENCIPHERMENT = 2,
    X509_USAGE_CLIENT_AUTH = 4,
    X509_USAGE_SERVER_AUTH = 8
};

struct x509_signing {
    unsigned usages;               /* of enum x509_usage, as bits; never a CA */
    int64_t not_before, not_after; /* seconds since the epoch; cut at the CA's end */
};

/* A certificate for the request's key, with the subject and the names that x509_csr_read told and nothing else that it
 * asked for. ERR_INVALID as x509_csr_read, and when the CA has ended. */
MUST_CHECK err_t x509_csr_sign(struct arena *, bytes pem, const struct x509_signing *, const struct x509_pair *ca,
    bytes *ret_certificate_pem, struct error *);

/* A new key (ECDSA P-256) and a request for it, by common_name, organizations and names; the rest of x509_request is
 * not looked at. The key is arena memory that is wiped. */
MUST_CHECK err_t x509_csr_make(
    struct arena *, const struct x509_request *, bytes *ret_csr_pem, bytes *ret_key_pem, struct error *);

#endif
