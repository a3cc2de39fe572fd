/* SPDX-License-Identifier: Apache-2.0 */
#include "access/pem_keys.h"

#include "crypt/openssl_error.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static void bio_free(BIO **bio)
{
    BIO_free(*bio);
}

/* For keys that turn out to be encrypted: OpenSSL would ask on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *data)
{
    (void)buffer, (void)size, (void)writing, (void)data;
    return -1;
}

/* What failed for want of memory is no fault of the text. */
static err_t invalid(struct error *error, const char *reason)
{
    err_t code = openssl_error(error, "read a key");

    return code == ERR_NO_MEMORY ? code : error_set(error, ERR_INVALID, "%s", reason);
}

err_t pem_private_key(bytes text, EVP_PKEY **ret, struct error *error)
{
    CLEANUP(bio_free) BIO *bio = text.n <= INT_MAX ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

    if (!key)
        return invalid(error, "it holds no private key in PEM form without a passphrase");
    *ret = key;
    return ERR_OK;
}

static EVP_PKEY *read_certificate(const uint8_t **p, long n)
{
    X509 *certificate = d2i_X509(NULL, p, n);
    EVP_PKEY *key = certificate ? X509_get_pubkey(certificate) : NULL;

    X509_free(certificate);
    return key;
}
static EVP_PKEY *read_public(const uint8_t **p, long n)
{
    return d2i_PUBKEY(NULL, p, n);
}
static EVP_PKEY *read_rsa_public(const uint8_t **p, long n)
{
    return d2i_PublicKey(EVP_PKEY_RSA, NULL, p, n);
}
static EVP_PKEY *read_private(const uint8_t **p, long n)
{
    return d2i_AutoPrivateKey(NULL, p, n);
}

static const struct form {
    const char *name;
    EVP_PKEY *(*read)(const uint8_t **p, long n);
} forms[] = {
    {PEM_STRING_PUBLIC, read_public},
    {PEM_STRING_RSA_PUBLIC, read_rsa_public},
    {PEM_STRING_X509, read_certificate},
    {PEM_STRING_PKCS8INF, read_private},
    {PEM_STRING_RSA, read_private},
    {PEM_STRING_ECPRIVATEKEY, read_private},
};

/* What is no key (EC PARAMETERS) is passed over: *ret NULL. */
static bool read_piece(const char *name, const uint8_t *data, long n, EVP_PKEY **ret)
{
    *ret = NULL;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (strcmp(name, forms[i].name) == 0)
            return (*ret = forms[i].read(&data, n)) != NULL;
    return true;
}

err_t pem_keys(bytes text, size_t most, EVP_PKEY **ret, size_t *ret_count, struct error *error)
{
    CLEANUP(bio_free) BIO *bio = text.n <= INT_MAX ? BIO_new_mem_buf(text.p, (int)text.n) : NULL;
    char *name, *header;
    uint8_t *data;
    long n;
    bool fine = bio != NULL;

    *ret_count = 0;
    while (fine && PEM_read_bio(bio, &name, &header, &data, &n) == 1) {
        EVP_PKEY *key;
        fine = read_piece(name, data, n, &key);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t)n);
        if (key && *ret_count == most) {
            EVP_PKEY_free(key);
            return error_set(error, ERR_INVALID, "it holds more than %zu keys", most);
        }
        if (key)
            ret[(*ret_count)++] = key;
    }
    if (!fine || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE || *ret_count == 0)
        return invalid(error, "it holds no key in PEM form, or one that cannot be read");
    ERR_clear_error();
    return ERR_OK;
}

err_t pem_write_private_key(struct arena *arena, EVP_PKEY *key, bytes *ret, struct error *error)
{
    CLEANUP(bio_free) BIO *bio = BIO_new(BIO_s_secmem());
    char *p;
    long n;

    if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
        return openssl_error(error, "write a key");
    n = BIO_get_mem_data(bio, &p);
    *ret = arena_copy(arena, (bytes){(const uint8_t *)p, (size_t)n});
    return ret->p ? ERR_OK : arena_error(arena, error);
}
