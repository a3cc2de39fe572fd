/* SPDX-License-Identifier: Apache-2.0 */
#include "crypt/x509_csr.h"

#include "crypt/openssl_error.h"
#include "crypt/x509_make.h"
#include "crypt/x509_name.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#define NAME_MAX_BYTES 512 /* of one CN or O: a node's name has up to 253 characters */
#define ENTRIES_MAX    64  /* of a subject, and SANs */
#define RSA_BITS_LEAST 2048
#define RSA_BITS_MOST  8192

static void request_free(X509_REQ **request)
{
    X509_REQ_free(*request);
}
static void text_free(unsigned char **text)
{
    OPENSSL_free(*text);
}
static void string_free(char **text)
{
    OPENSSL_free(*text);
}
static void extensions_free(STACK_OF(X509_EXTENSION) * *extensions)
{
    sk_X509_EXTENSION_pop_free(*extensions, X509_EXTENSION_free);
}

/* A request that was found good. */
struct parsed {
    X509_REQ *request;
    GENERAL_NAMES *names; /* NULL: none */
};
static void parsed_free(struct parsed *parsed)
{
    X509_REQ_free(parsed->request);
    GENERAL_NAMES_free(parsed->names);
}

static err_t refuse(struct error *error, const char *sentence)
{
    ERR_clear_error();
    return error_set(error, ERR_INVALID, "%s", sentence);
}

/* What OpenSSL has against it, unless that is want of memory. */
static err_t malformed(struct error *error)
{
    err_t result = openssl_error(error, "read the certificate request");
    return result == ERR_NO_MEMORY ? result : refuse(error, "the certificate request is malformed");
}

/* ---- Reading. */

/* The first block alone, as Go's pem.Decode: another one is not skipped. */
static err_t decode(bytes pem, X509_REQ **ret, struct error *error)
{
    static const char wrong_block[] = "PEM block type must be CERTIFICATE REQUEST";
    CLEANUP(string_free) char *name = NULL;
    CLEANUP(string_free) char *header = NULL;
    CLEANUP(text_free) unsigned char *der = NULL;
    long n = 0;

    if (pem.n == 0)
        return refuse(error, wrong_block);
    if (pem.n > X509_CSR_LIMIT)
        return refuse(error, "the certificate request is larger than 64 KiB");
    CLEANUP(bio_free) BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    if (!bio || PEM_read_bio(bio, &name, &header, &der, &n) != 1) {
        err_t result = openssl_error(error, "read the certificate request");
        return result == ERR_NO_MEMORY ? result : refuse(error, wrong_block);
    }
    if (strcmp(name, PEM_STRING_X509_REQ) != 0)
        return refuse(error, wrong_block);
    const unsigned char *at = der;
    CLEANUP(request_free) X509_REQ *request = d2i_X509_REQ(NULL, &at, n);
    if (!request)
        return malformed(error);
    if (at != der + n)
        return refuse(error, "the certificate request has something behind its end");
    *ret = request, request = NULL;
    return ERR_OK;
}

static bool is_known_curve(EVP_PKEY *key)
{
    static const char *const curves[] = {"prime256v1", "secp384r1", "secp521r1"};
    char name[32];
    size_t n;
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &n) != 1)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(curves); i++)
        if (strcmp(name, curves[i]) == 0)
            return true;
    return false;
}

/* By its identifier first: others are not even decoded. */
static bool is_known_key(X509_REQ *request, EVP_PKEY **ret)
{
    ASN1_OBJECT *algorithm;
    if (X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, X509_REQ_get_X509_PUBKEY(request)) != 1)
        return false;
    int nid = OBJ_obj2nid(algorithm);
    if (nid != NID_rsaEncryption && nid != NID_X9_62_id_ecPublicKey && nid != NID_ED25519)
        return false;
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    *ret = key;
    if (!key || nid == NID_ED25519)
        return key;
    int bits = EVP_PKEY_get_bits(key);
    return nid == NID_rsaEncryption ? bits >= RSA_BITS_LEAST && bits <= RSA_BITS_MOST : is_known_curve(key);
}

static err_t check_key(X509_REQ *request, struct error *error)
{
    EVP_PKEY *key = NULL;
    if (!is_known_key(request, &key)) {
        if (openssl_error(error, "read the certificate request's key") == ERR_NO_MEMORY)
            return ERR_NO_MEMORY;
        return refuse(error, "the key must be RSA of 2048 to 8192 bits, ECDSA on P-256, P-384 or P-521, or Ed25519");
    }
    if (X509_REQ_verify(request, key) != 1) {
        if (openssl_error(error, "verify the certificate request") == ERR_NO_MEMORY)
            return ERR_NO_MEMORY;
        return refuse(error, "the signature of the certificate request does not fit its key");
    }
    return ERR_OK;
}

static bool is_printable(bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= 0x20 || text.p[i] >= 0x7f)
            return false;
    return text.n > 0;
}

static bool is_good_name(const GENERAL_NAME *name)
{
    int type;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
    if (type != GEN_DNS && type != GEN_IPADD && type != GEN_EMAIL && type != GEN_URI)
        return false;
    bytes text = {ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)};
    return type == GEN_IPADD ? text.n == 4 || text.n == 16
           : type == GEN_DNS ? x509_is_dns_name(text)
                             : is_printable(text);
}

static err_t read_names(X509_REQ *request, GENERAL_NAMES **ret, struct error *error)
{
    static const char wrong[] = "a subjectAltName must be a DNS name, an IP address, an e-mail address or a URI";
    CLEANUP(extensions_free) STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
    int found;
    if (!extensions)
        return malformed(error);
    CLEANUP(names_free) GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, &found, NULL);
    if (!names && found != -1)
        return malformed(error);
    if (sk_GENERAL_NAME_num(names) > ENTRIES_MAX)
        return refuse(error, "the certificate request has more than 64 subjectAltNames");
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        if (!is_good_name(sk_GENERAL_NAME_value(names, i)))
            return refuse(error, wrong);
    *ret = names, names = NULL;
    return ERR_OK;
}

static err_t check_subject(X509_REQ *request, struct error *error)
{
    X509_NAME *subject = X509_REQ_get_subject_name(request);
    int count = X509_NAME_entry_count(subject);
    if (count > ENTRIES_MAX)
        return refuse(error, "the certificate request's subject has more than 64 parts");
    for (int i = 0; i < count; i++)
        if (ASN1_STRING_length(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i))) > NAME_MAX_BYTES)
            return refuse(error, "a part of the certificate request's subject has more than 512 bytes");
    return ERR_OK;
}

static err_t parse(bytes pem, struct parsed *ret, struct error *error)
{
    TRY(decode(pem, &ret->request, error));
    TRY(check_subject(ret->request, error));
    TRY(check_key(ret->request, error));
    return read_names(ret->request, &ret->names, error);
}

static void count_names(const GENERAL_NAMES *names, struct x509_csr *csr)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        switch (sk_GENERAL_NAME_value(names, i)->type) {
        case GEN_DNS:
            csr->dns_names++;
            break;
        case GEN_IPADD:
            csr->ip_addresses++;
            break;
        case GEN_EMAIL:
            csr->emails++;
            break;
        default:
            csr->uris++;
        }
}

static err_t describe(struct arena *arena, const struct parsed *parsed, struct x509_csr *ret, struct error *error)
{
    struct x509_identity identity;
    X509_NAME *subject = X509_REQ_get_subject_name(parsed->request);
    err_t result = x509_read_subject(arena, subject, &identity, error);
    if (result == ERR_UNAUTHORIZED)
        return refuse(error, "the certificate request's subject holds control characters");
    TRY(result);
    *ret = (struct x509_csr){.common_name = identity.common_name,
        .organizations = identity.organizations,
        .organization_count = identity.organization_count};
    count_names(parsed->names, ret);
    return ERR_OK;
}

err_t x509_csr_read(struct arena *arena, bytes pem, struct x509_csr *ret, struct error *error)
{
    CLEANUP(parsed_free) struct parsed parsed = {0};
    err_t result = parse(pem, &parsed, error);
    if (result == ERR_OK)
        result = describe(arena, &parsed, ret, error);
    ERR_clear_error();
    return result;
}

/* ---- Signing. */

/* No MBSTRING type: that would hold names to 64 characters, which nodes' may exceed. */
static bool add_entry(X509_NAME *name, int nid, bytes text)
{
    return X509_NAME_add_entry_by_NID(name, nid, V_ASN1_UTF8STRING, text.p, (int)text.n, -1, 0);
}

static bool set_subject(X509 *certificate, const struct x509_csr *csr)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    for (size_t i = 0; i < csr->organization_count; i++)
        if (!add_entry(subject, NID_organizationName, csr->organizations[i]))
            return false;
    return csr->common_name.n == 0 || add_entry(subject, NID_commonName, csr->common_name);
}

/* Both usages are lists in the words of x509v3_config(5); at most two each. */
static bool set_usages(X509 *certificate, X509 *issuer, unsigned usages)
{
    static const char *const key_usages[] = {
        NULL, "critical,digitalSignature", "critical,keyEncipherment", "critical,digitalSignature,keyEncipherment"};
    static const char *const extended[] = {NULL, "clientAuth", "serverAuth", "clientAuth,serverAuth"};
    const char *key_usage = key_usages[usages & 3], *extended_usage = extended[usages >> 2 & 3];
    return (!key_usage || x509_extend(certificate, issuer, NID_key_usage, key_usage)) &&
           (!extended_usage || x509_extend(certificate, issuer, NID_ext_key_usage, extended_usage));
}

static bool set_times(X509 *certificate, const X509 *issuer, const struct x509_signing *signing)
{
    const ASN1_TIME *last = X509_get0_notAfter(issuer);
    int64_t until = signing->not_after;
    if (!ASN1_TIME_set(X509_getm_notBefore(certificate), signing->not_before))
        return false;
    return ASN1_TIME_cmp_time_t(last, until) < 0 ? X509_set1_notAfter(certificate, last)
                                                 : ASN1_TIME_set(X509_getm_notAfter(certificate), until) != NULL;
}

static err_t fill(X509 *certificate, const struct parsed *parsed, const struct x509_csr *csr,
    const struct x509_signing *signing, X509 *issuer, struct error *error)
{
    if (X509_cmp_current_time(X509_get0_notAfter(issuer)) <= 0)
        return refuse(error, "the CA has ended");
    if (!X509_set_version(certificate, X509_VERSION_3) || !x509_set_serial(certificate) ||
        !set_subject(certificate, csr) || !X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) ||
        !X509_set_pubkey(certificate, X509_REQ_get0_pubkey(parsed->request)) ||
        !set_times(certificate, issuer, signing) ||
        !x509_extend(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") ||
        !set_usages(certificate, issuer, signing->usages) ||
        !x509_extend(certificate, issuer, NID_authority_key_identifier, "keyid:always") ||
        (parsed->names &&
            X509_add1_ext_i2d(certificate, NID_subject_alt_name, parsed->names, 0, X509V3_ADD_DEFAULT) != 1))
        return openssl_error(error, "make a certificate");
    return ERR_OK;
}

static err_t sign(struct arena *arena, bytes pem, const struct x509_signing *signing, const struct x509_pair *ca,
    bytes *ret, struct error *error)
{
    CLEANUP(parsed_free) struct parsed parsed = {0};
    CLEANUP(certificate_free) X509 *issuer = NULL;
    CLEANUP(key_free) EVP_PKEY *key = NULL;
    struct x509_csr csr;

    TRY(parse(pem, &parsed, error));
    TRY(describe(arena, &parsed, &csr, error));
    TRY(x509_read_ca(ca, &issuer, &key, error));
    CLEANUP(certificate_free) X509 *certificate = X509_new();
    CLEANUP(bio_free) BIO *text = BIO_new(BIO_s_mem());
    if (!certificate || !text)
        return openssl_error(error, "make a certificate");
    TRY(fill(certificate, &parsed, &csr, signing, issuer, error));
    /* Verified, as in x509_issue: OpenSSL 3.0 may report success without. */
    if (!X509_sign(certificate, key, EVP_sha256()) || X509_verify(certificate, key) != 1 ||
        !PEM_write_bio_X509(text, certificate))
        return openssl_error(error, "sign a certificate");
    return x509_take_text(arena, text, ret, error);
}

err_t x509_csr_sign(struct arena *arena, bytes pem, const struct x509_signing *signing, const struct x509_pair *ca,
    bytes *ret, struct error *error)
{
    err_t result = sign(arena, pem, signing, ca, ret, error);
    ERR_clear_error();
    return result;
}

/* ---- Asking. */

static err_t ask_names(X509_REQ *request, const struct x509_request *wanted, struct error *error)
{
    CLEANUP(names_free) GENERAL_NAMES *names = NULL;
    CLEANUP(extensions_free) STACK_OF(X509_EXTENSION) *extensions = NULL;
    if (wanted->name_count == 0)
        return ERR_OK;
    TRY(x509_names_from(wanted->names, wanted->name_count, &names, error));
    if (X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1 ||
        X509_REQ_add_extensions(request, extensions) != 1)
        return openssl_error(error, "name the certificate request");
    return ERR_OK;
}

static err_t make(
    struct arena *arena, const struct x509_request *wanted, bytes *ret_csr, bytes *ret_key, struct error *error)
{
    CLEANUP(request_free) X509_REQ *request = X509_REQ_new();
    CLEANUP(key_free) EVP_PKEY *key = EVP_EC_gen("P-256");
    CLEANUP(bio_free) BIO *text = BIO_new(BIO_s_mem());
    CLEANUP(bio_free) BIO *key_text = BIO_new(BIO_s_secmem());
    X509_NAME *subject = request ? X509_REQ_get_subject_name(request) : NULL;
    bool fine = subject && key && text && key_text;

    for (size_t i = 0; fine && i < wanted->organization_count; i++)
        fine = add_entry(subject, NID_organizationName, wanted->organizations[i]);
    if (!fine || !add_entry(subject, NID_commonName, wanted->common_name) || !X509_REQ_set_pubkey(request, key))
        return openssl_error(error, "make a certificate request");
    TRY(ask_names(request, wanted, error));
    if (!X509_REQ_sign(request, key, EVP_sha256()) || X509_REQ_verify(request, key) != 1 ||
        !PEM_write_bio_X509_REQ(text, request) ||
        !PEM_write_bio_PKCS8PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL))
        return openssl_error(error, "make a certificate request");
    TRY(x509_take_text(arena, text, ret_csr, error));
    return x509_take_text(arena, key_text, ret_key, error);
}

err_t x509_csr_make(
    struct arena *arena, const struct x509_request *wanted, bytes *ret_csr, bytes *ret_key, struct error *error)
{
    err_t result = make(arena, wanted, ret_csr, ret_key, error);
    ERR_clear_error();
    return result;
}
