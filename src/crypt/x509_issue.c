/* SPDX-License-Identifier: Apache-2.0 */
#include "crypt/openssl_error.h"
#include "crypt/x509.h"
#include "crypt/x509_make.h"
#include "crypt/x509_name.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define COMMON_NAME_MAX  64
#define ORGANIZATION_MAX 64

/* What each use may do, in the words of OpenSSL's configuration (x509v3_config(5)). */
static const struct extension {
    int nid;
    const char *value[3]; /* by x509_use; NULL: absent */
} extensions[] = {
    {NID_basic_constraints, {"critical,CA:TRUE", "critical,CA:FALSE", "critical,CA:FALSE"}},
    {NID_key_usage, {"critical,keyCertSign,cRLSign", "critical,digitalSignature", "critical,digitalSignature"}},
    {NID_ext_key_usage, {NULL, "serverAuth", "clientAuth"}},
    {NID_subject_key_identifier, {"hash", "hash", "hash"}},
    {NID_authority_key_identifier, {"keyid:always", "keyid:always", "keyid:always"}},
};

static err_t check_request(const struct x509_request *request, struct error *error)
{
    if (request->common_name.n == 0 || request->common_name.n > COMMON_NAME_MAX)
        return error_set(error, ERR_INVALID, "a certificate's common name has 1 to %d characters", COMMON_NAME_MAX);
    for (size_t i = 0; i < request->organization_count; i++)
        if (request->organizations[i].n == 0 || request->organizations[i].n > ORGANIZATION_MAX)
            return error_set(
                error, ERR_INVALID, "a certificate's organization has 1 to %d characters", ORGANIZATION_MAX);
    if (request->not_after <= request->not_before)
        return error_set(error, ERR_INVALID, "a certificate must end after it begins");
    return ERR_OK;
}

static bool add_entry(X509_NAME *name, int nid, bytes text)
{
    return X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, text.p, (int)text.n, -1, 0);
}

static bool set_subject(X509 *certificate, const struct x509_request *request)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    for (size_t i = 0; i < request->organization_count; i++)
        if (!add_entry(subject, NID_organizationName, request->organizations[i]))
            return false;
    return add_entry(subject, NID_commonName, request->common_name);
}

static err_t add_names(X509 *certificate, const struct x509_request *request, struct error *error)
{
    CLEANUP(names_free) GENERAL_NAMES *names = NULL;
    TRY(x509_names_from(request->names, request->name_count, &names, error));
    if (request->name_count && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1)
        return openssl_error(error, "name the certificate");
    return ERR_OK;
}

static bool add_extensions(X509 *certificate, X509 *issuer, enum x509_use use)
{
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        const char *value = extensions[i].value[use];
        if (value && !x509_extend(certificate, issuer, extensions[i].nid, value))
            return false;
    }
    return true;
}

/* Everything but the signature. issuer may be the certificate itself. */
static err_t fill(
    X509 *certificate, const struct x509_request *request, EVP_PKEY *key, X509 *issuer, struct error *error)
{
    if (!X509_set_version(certificate, X509_VERSION_3) || !x509_set_serial(certificate) ||
        !set_subject(certificate, request) || !X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) ||
        !X509_set_pubkey(certificate, key) || !ASN1_TIME_set(X509_getm_notBefore(certificate), request->not_before) ||
        !ASN1_TIME_set(X509_getm_notAfter(certificate), request->not_after) ||
        !add_extensions(certificate, issuer, request->use))
        return openssl_error(error, "make a certificate");
    return add_names(certificate, request, error);
}

static err_t write_pair(
    struct arena *arena, X509 *certificate, EVP_PKEY *key, struct x509_pair *ret, struct error *error)
{
    CLEANUP(bio_free) BIO *certificate_text = BIO_new(BIO_s_mem());
    CLEANUP(bio_free) BIO *key_text = BIO_new(BIO_s_secmem());
    struct x509_pair pair;

    if (!certificate_text || !key_text || !PEM_write_bio_X509(certificate_text, certificate) ||
        !PEM_write_bio_PKCS8PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL))
        return openssl_error(error, "write a certificate");
    TRY(x509_take_text(arena, certificate_text, &pair.certificate_pem, error));
    TRY(x509_take_text(arena, key_text, &pair.key_pem, error));
    *ret = pair;
    return ERR_OK;
}

static err_t issue(struct arena *arena, const struct x509_request *request, const struct x509_pair *ca,
    struct x509_pair *ret, struct error *error)
{
    CLEANUP(certificate_free) X509 *ca_certificate = NULL;
    CLEANUP(key_free) EVP_PKEY *ca_key = NULL;

    TRY(check_request(request, error));
    if (ca)
        TRY(x509_read_ca(ca, &ca_certificate, &ca_key, error));
    CLEANUP(key_free) EVP_PKEY *key = EVP_EC_gen("P-256");
    CLEANUP(certificate_free) X509 *certificate = X509_new();
    if (!key || !certificate)
        return openssl_error(error, "make a key");
    TRY(fill(certificate, request, key, ca ? ca_certificate : certificate, error));
    /* Verified, because X509_sign of OpenSSL 3.0 reports success with an empty signature when memory runs out midway.
     */
    EVP_PKEY *issuer_key = ca ? ca_key : key;
    if (!X509_sign(certificate, issuer_key, EVP_sha256()) || X509_verify(certificate, issuer_key) != 1)
        return openssl_error(error, "sign a certificate");
    return write_pair(arena, certificate, key, ret, error);
}

err_t x509_issue(struct arena *arena, const struct x509_request *request, const struct x509_pair *ca,
    struct x509_pair *ret, struct error *error)
{
    err_t result = issue(arena, request, ca, ret, error);
    ERR_clear_error(); /* OpenSSL leaves some behind although it went on without */
    return result;
}
