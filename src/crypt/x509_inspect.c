/* SPDX-License-Identifier: Apache-2.0 */
#include "crypt/openssl_error.h"
#include "crypt/x509.h"
#include "crypt/x509_name.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <time.h>

#define CHAIN_LIMIT ((size_t)1 << 20)

static void bio_free(BIO **bio)
{
    BIO_free(*bio);
}
static void certificate_free(X509 **certificate)
{
    X509_free(*certificate);
}
static void names_free(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}
static void name_free(GENERAL_NAME **name)
{
    GENERAL_NAME_free(*name);
}
static void string_free(char **text)
{
    OPENSSL_free(*text);
}
static void text_free(unsigned char **text)
{
    OPENSSL_free(*text);
}

static err_t read_certificate(bytes pem, X509 **ret, struct error *error)
{
    CLEANUP(bio_free)
    BIO *bio = BIO_new_mem_buf(pem.n ? pem.p : (const void *)"", pem.n > INT_MAX ? INT_MAX : (int)pem.n);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (!certificate) {
        err_t result = openssl_error(error, "read the certificate");
        return result == ERR_NO_MEMORY ? result : error_set(error, ERR_INVALID, "this is no certificate in PEM form");
    }
    *ret = certificate;
    return ERR_OK;
}

static bool to_seconds(const ASN1_TIME *time, int64_t *ret)
{
    struct tm tm;
    if (!ASN1_TIME_to_tm(time, &tm))
        return false;
    *ret = timegm(&tm);
    return true;
}

err_t x509_inspect(bytes pem, int64_t *ret_not_before, int64_t *ret_not_after, struct error *error)
{
    CLEANUP(certificate_free) X509 *certificate = NULL;
    int64_t not_before, not_after;

    TRY(read_certificate(pem, &certificate, error));
    if (!to_seconds(X509_get0_notBefore(certificate), &not_before) ||
        !to_seconds(X509_get0_notAfter(certificate), &not_after))
        return openssl_error(error, "read the certificate's times");
    *ret_not_before = not_before;
    *ret_not_after = not_after;
    return ERR_OK;
}

/* 1: one more that is fine; 0: the end. */
static int next_certificate(BIO *bio, struct error *error)
{
    CLEANUP(string_free) char *name = NULL;
    CLEANUP(string_free) char *header = NULL;
    CLEANUP(text_free) unsigned char *der = NULL;
    long n;
    if (PEM_read_bio(bio, &name, &header, &der, &n) != 1)
        return 0;
    const unsigned char *at = der;
    if (strcmp(name, PEM_STRING_X509) != 0)
        return error_set(error, ERR_INVALID, "only CERTIFICATE PEM blocks are allowed, found \"%s\"", name), -1;
    if (header && header[0])
        return error_set(error, ERR_INVALID, "no PEM block headers are permitted"), -1;
    CLEANUP(certificate_free) X509 *certificate = d2i_X509(NULL, &at, n);
    if (!certificate || at != der + n)
        return error_set(error, ERR_INVALID, "a CERTIFICATE PEM block holds no certificate"), -1;
    return 1;
}

err_t x509_check_chain(bytes pem, struct error *error)
{
    if (pem.n == 0 || pem.n > CHAIN_LIMIT)
        return error_set(error, ERR_INVALID, "must contain at least one CERTIFICATE PEM block, and 1 MiB at most");
    CLEANUP(bio_free) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    if (!bio)
        return openssl_error(error, "read the certificates");
    int found = 0, more;
    while ((more = next_certificate(bio, error)) > 0)
        found++;
    ERR_clear_error();
    if (more < 0)
        return ERR_INVALID;
    return found ? ERR_OK : error_set(error, ERR_INVALID, "must contain at least one CERTIFICATE PEM block");
}

static bool names_hold(GENERAL_NAMES *names, bytes text)
{
    CLEANUP(name_free) GENERAL_NAME *wanted = NULL;
    if (x509_name_from(text, &wanted, NULL) != ERR_OK)
        return false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), wanted) == 0)
            return true;
    return false;
}

bool x509_covers(bytes pem, const bytes *names, size_t count)
{
    CLEANUP(certificate_free) X509 *certificate = NULL;
    if (read_certificate(pem, &certificate, NULL) != ERR_OK)
        return false;
    CLEANUP(names_free) GENERAL_NAMES *held = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t covered = 0;
    while (covered < count && names_hold(held, names[covered]))
        covered++;
    ERR_clear_error();
    return covered == count;
}

static bool has_control_character(bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] == 0x7f)
            return true;
    return false;
}

static err_t copy_entry(struct arena *arena, X509_NAME *subject, int at, bytes *ret, struct error *error)
{
    CLEANUP(text_free) unsigned char *text = NULL;
    int n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));

    if (n < 0)
        return openssl_error(error, "read the client certificate's subject");
    if (has_control_character((bytes){text, (size_t)n}))
        return error_set(error, ERR_UNAUTHORIZED, "the client certificate's subject holds control characters");
    bytes copy = arena_copy(arena, (bytes){text, (size_t)n});
    if (!copy.p)
        return arena_error(arena, error);
    *ret = copy;
    return ERR_OK;
}

static err_t fingerprint(X509 *certificate, char ret[65], struct error *error)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n;
    if (!X509_digest(certificate, EVP_sha256(), digest, &n))
        return openssl_error(error, "hash the client certificate");
    for (unsigned i = 0; i < n; i++) {
        ret[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        ret[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    ret[2 * n] = 0;
    return ERR_OK;
}

err_t x509_read_subject(struct arena *arena, X509_NAME *subject, struct x509_identity *ret, struct error *error)
{
    int entries = X509_NAME_entry_count(subject), at = -1;
    struct x509_identity identity = {.common_name = BYTES("")};

    identity.organizations = arena_alloc(arena, (size_t)entries * sizeof(bytes));
    if (!identity.organizations)
        return arena_error(arena, error);
    while ((at = X509_NAME_get_index_by_NID(subject, NID_organizationName, at)) >= 0)
        TRY(copy_entry(arena, subject, at, &identity.organizations[identity.organization_count++], error));
    while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0)
        TRY(copy_entry(arena, subject, at, &identity.common_name, error));
    *ret = identity;
    return ERR_OK;
}

err_t x509_identify(struct arena *arena, X509 *certificate, struct x509_identity *ret, struct error *error)
{
    struct x509_identity identity;

    TRY(x509_read_subject(arena, X509_get_subject_name(certificate), &identity, error));
    if (!to_seconds(X509_get0_notAfter(certificate), &identity.not_after))
        return openssl_error(error, "read the client certificate's end");
    TRY(fingerprint(certificate, identity.sha256_hex, error));
    *ret = identity;
    return ERR_OK;
}

err_t x509_identify_pem(struct arena *arena, bytes pem, struct x509_identity *ret, struct error *error)
{
    CLEANUP(certificate_free) X509 *certificate = NULL;
    TRY(read_certificate(pem, &certificate, error));
    return x509_identify(arena, certificate, ret, error);
}
