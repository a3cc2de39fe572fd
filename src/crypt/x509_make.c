/* SPDX-License-Identifier: Apache-2.0 */
#include "crypt/x509_make.h"

#include "base/random.h"
#include "crypt/openssl_error.h"

#include <limits.h>
#include <openssl/pem.h>

#define SERIAL_SIZE 16

bool x509_set_serial(X509 *certificate)
{
    uint8_t serial[SERIAL_SIZE];
    random_bytes(serial, sizeof(serial));
    CLEANUP(number_free) BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);
    return number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
}

bool x509_extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    CLEANUP(extension_free) X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    return extension && X509_add_ext(certificate, extension, -1);
}

/* For keys that turn out to be encrypted: OpenSSL would ask on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
    (void)buffer, (void)size, (void)writing, (void)data;
    return -1;
}

err_t x509_read_ca(const struct x509_pair *ca, X509 **ret_certificate, EVP_PKEY **ret_key, struct error *error)
{
    CLEANUP(bio_free) BIO *certificate_text = BIO_new_mem_buf(ca->certificate_pem.p, (int)ca->certificate_pem.n);
    CLEANUP(bio_free) BIO *key_text = BIO_new_mem_buf(ca->key_pem.p, (int)ca->key_pem.n);
    CLEANUP(certificate_free)
    X509 *certificate = certificate_text ? PEM_read_bio_X509(certificate_text, NULL, NULL, NULL) : NULL;
    CLEANUP(key_free) EVP_PKEY *key = key_text ? PEM_read_bio_PrivateKey(key_text, NULL, no_passphrase, NULL) : NULL;

    if (!certificate || !key || X509_check_private_key(certificate, key) != 1) {
        err_t result = openssl_error(error, "read the CA");
        return result == ERR_NO_MEMORY ? result
                                       : error_set(error, ERR_INVALID, "the CA's certificate and key do not fit");
    }
    *ret_certificate = certificate, certificate = NULL;
    *ret_key = key, key = NULL;
    return ERR_OK;
}

/* bio is memory of OpenSSL's; its text goes into the arena. */
err_t x509_take_text(struct arena *arena, BIO *bio, bytes *ret, struct error *error)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    bytes text = arena_copy(arena, (bytes){(const uint8_t *)p, (size_t)n});
    if (!text.p)
        return arena_error(arena, error);
    *ret = text;
    return ERR_OK;
}
