/* SPDX-License-Identifier: Apache-2.0 */
/* What making a certificate for a new key and signing a request have in common. Inside src/crypt only. */
#ifndef COFFER_CRYPT_X509_MAKE_H
#define COFFER_CRYPT_X509_MAKE_H

#include "crypt/x509.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

static inline void bio_free(BIO **bio)
{
    BIO_free(*bio);
}
static inline void certificate_free(X509 **certificate)
{
    X509_free(*certificate);
}
static inline void key_free(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}
static inline void names_free(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}
static inline void number_free(BIGNUM **number)
{
    BN_free(*number);
}
static inline void extension_free(X509_EXTENSION **extension)
{
    X509_EXTENSION_free(*extension);
}

/* 128 random bits. */
MUST_CHECK bool x509_set_serial(X509 *);
/* Adds an extension in the words of OpenSSL's configuration (x509v3_config(5)). */
MUST_CHECK bool x509_extend(X509 *, X509 *issuer, int nid, const char *value);
/* Both are the caller's to free. ERR_INVALID when they do not fit. */
MUST_CHECK err_t x509_read_ca(const struct x509_pair *, X509 **ret_certificate, EVP_PKEY **ret_key, struct error *);
/* What was written to a memory BIO. */
MUST_CHECK err_t x509_take_text(struct arena *, BIO *, bytes *ret, struct error *);

#endif
