/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/memory.h"
#include "crypt/setup.h"
#include "crypt/x509_csr.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena arena;
static struct error error;
static struct x509_pair ca;
static int64_t now;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 8 << 20);
    error_init(&error, &arena);
    now = clock_wall_seconds();
    const struct x509_request request = {
        .use = X509_USE_CA, .common_name = BYTES("ca"), .not_before = now - 60, .not_after = now + 10000};
    return crypt_setup(&error) != ERR_OK || x509_issue(&arena, &request, NULL, &ca, &error) != ERR_OK;
}

static int teardown(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static bytes node_request(void)
{
    const bytes nodes = BYTES("system:nodes"), names[] = {BYTES("n1.example"), BYTES("10.1.2.3"), BYTES("fd00::1")};
    const struct x509_request request = {.common_name = BYTES("system:node:n1"),
        .organizations = &nodes,
        .organization_count = 1,
        .names = names,
        .name_count = ARRAY_LEN(names)};
    bytes csr, key;
    assert_int_equal(x509_csr_make(&arena, &request, &csr, &key, &error), ERR_OK);
    assert_true(bytes_start(key, BYTES("-----BEGIN PRIVATE KEY-----")));
    return csr;
}

static X509 *parse(bytes pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(certificate);
    return certificate;
}

static int verify(bytes leaf_pem, int purpose)
{
    X509 *leaf = parse(leaf_pem), *root = parse(ca.certificate_pem);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    assert_true(X509_STORE_add_cert(store, root) && X509_STORE_CTX_init(context, store, leaf, NULL));
    X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(context), purpose);
    X509_VERIFY_PARAM_set_flags(
        X509_STORE_CTX_get0_param(context), X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_verify_cert(context);
    int result = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(leaf), X509_free(root);
    return result;
}

static void what_was_asked_for_is_read(void **state)
{
    (void)state;
    struct x509_csr csr;
    assert_int_equal(x509_csr_read(&arena, node_request(), &csr, &error), ERR_OK);
    assert_true(bytes_equal(csr.common_name, BYTES("system:node:n1")));
    assert_int_equal(csr.organization_count, 1);
    assert_true(bytes_equal(csr.organizations[0], BYTES("system:nodes")));
    assert_int_equal(csr.dns_names, 1);
    assert_int_equal(csr.ip_addresses, 2);
    assert_int_equal(csr.emails + csr.uris, 0);
    assert_int_equal(ERR_peek_error(), 0);
}

static void a_certificate_is_what_was_signed_and_no_more(void **state)
{
    (void)state;
    static const struct {
        unsigned usages;
        int client, server;
    } rows[] = {
        {X509_USAGE_DIGITAL_SIGNATURE | X509_USAGE_CLIENT_AUTH, X509_V_OK, X509_V_ERR_INVALID_PURPOSE},
        {X509_USAGE_DIGITAL_SIGNATURE | X509_USAGE_KEY_ENCIPHERMENT | X509_USAGE_SERVER_AUTH,
            X509_V_ERR_INVALID_PURPOSE, X509_V_OK},
        {X509_USAGE_CLIENT_AUTH, X509_V_OK, X509_V_ERR_INVALID_PURPOSE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct x509_signing signing = {rows[i].usages, now - 300, now + 600};
        struct x509_identity identity;
        int64_t from, until;
        bytes pem;
        const bytes names[] = {BYTES("n1.example"), BYTES("10.1.2.3"), BYTES("fd00::1")};
        assert_int_equal(x509_csr_sign(&arena, node_request(), &signing, &ca, &pem, &error), ERR_OK);
        assert_int_equal(verify(pem, X509_PURPOSE_SSL_CLIENT), rows[i].client);
        assert_int_equal(verify(pem, X509_PURPOSE_SSL_SERVER), rows[i].server);
        X509 *certificate = parse(pem);
        assert_int_equal(X509_check_ca(certificate), 0);
        assert_int_equal(x509_identify(&arena, certificate, &identity, &error), ERR_OK);
        assert_true(bytes_equal(identity.common_name, BYTES("system:node:n1")));
        X509_free(certificate);
        assert_true(x509_covers(pem, names, ARRAY_LEN(names)));
        assert_int_equal(x509_inspect(pem, &from, &until, &error), ERR_OK);
        assert_int_equal(from, now - 300);
        assert_int_equal(until, now + 600);
    }
}

static void it_ends_with_its_ca(void **state)
{
    (void)state;
    const struct x509_signing signing = {X509_USAGE_CLIENT_AUTH, now - 300, now + 99999};
    int64_t from, until;
    bytes pem;
    assert_int_equal(x509_csr_sign(&arena, node_request(), &signing, &ca, &pem, &error), ERR_OK);
    assert_int_equal(x509_inspect(pem, &from, &until, &error), ERR_OK);
    assert_int_equal(until, now + 10000);
    const struct x509_request request = {
        .use = X509_USE_CA, .common_name = BYTES("old"), .not_before = now - 60, .not_after = now - 1};
    struct x509_pair old;
    assert_int_equal(x509_issue(&arena, &request, NULL, &old, &error), ERR_OK);
    assert_int_equal(x509_csr_sign(&arena, node_request(), &signing, &old, &pem, &error), ERR_INVALID);
}

static void a_long_name_is_signed(void **state)
{
    (void)state;
    char name[265];
    memset(name, 'n', sizeof name);
    const struct x509_request request = {.common_name = {(const uint8_t *)name, sizeof name}};
    const struct x509_signing signing = {X509_USAGE_CLIENT_AUTH, now - 300, now + 600};
    struct x509_csr csr;
    bytes text, key, pem;
    assert_int_equal(x509_csr_make(&arena, &request, &text, &key, &error), ERR_OK);
    assert_int_equal(x509_csr_read(&arena, text, &csr, &error), ERR_OK);
    assert_int_equal(csr.common_name.n, sizeof name);
    assert_int_equal(x509_csr_sign(&arena, text, &signing, &ca, &pem, &error), ERR_OK);
}

/* A request as an enemy makes it. */
static bytes forge(EVP_PKEY *key, const char *name, const char *alternative, bool wrong_signature)
{
    X509_REQ *request = X509_REQ_new();
    X509_NAME *subject = X509_REQ_get_subject_name(request);
    BIO *bio = BIO_new(BIO_s_mem());
    char *p;
    assert_true(X509_NAME_add_entry_by_NID(
        subject, NID_commonName, MBSTRING_UTF8, (const uint8_t *)name, (int)strlen(name), -1, 0));
    assert_true(X509_REQ_set_pubkey(request, key));
    if (alternative) {
        STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alternative);
        assert_non_null(extension);
        sk_X509_EXTENSION_push(extensions, extension);
        assert_true(X509_REQ_add_extensions(request, extensions));
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    }
    EVP_PKEY *other = EVP_EC_gen("P-256");
    bool plain = EVP_PKEY_is_a(key, "ED25519");
    assert_true(X509_REQ_sign(request, wrong_signature ? other : key, plain && !wrong_signature ? NULL : EVP_sha256()));
    EVP_PKEY_free(other);
    assert_true(PEM_write_bio_X509_REQ(bio, request));
    long n = BIO_get_mem_data(bio, &p);
    bytes text = arena_copy(&arena, (bytes){(const uint8_t *)p, (size_t)n});
    BIO_free(bio);
    X509_REQ_free(request);
    return text;
}

static void keys_are_of_known_kinds(void **state)
{
    (void)state;
    const struct {
        EVP_PKEY *key;
        err_t expected;
    } rows[] = {
        {EVP_EC_gen("P-256"), ERR_OK},
        {EVP_EC_gen("P-384"), ERR_OK},
        {EVP_EC_gen("P-521"), ERR_OK},
        {EVP_RSA_gen(2048), ERR_OK},
        {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), ERR_OK},
        {EVP_RSA_gen(1024), ERR_INVALID},
        {EVP_EC_gen("secp256k1"), ERR_INVALID},
        {EVP_EC_gen("P-224"), ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct x509_csr csr;
        bytes text = forge(rows[i].key, "a", NULL, false);
        assert_int_equal(x509_csr_read(&arena, text, &csr, &error), rows[i].expected);
        text = forge(rows[i].key, "a", NULL, true);
        assert_int_equal(x509_csr_read(&arena, text, &csr, &error), ERR_INVALID);
        EVP_PKEY_free(rows[i].key);
    }
}

static void what_no_certificate_should_say_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name, *alternative;
        err_t expected;
    } rows[] = {
        {"a", "DNS:a.example,IP:1.2.3.4,email:a@b.example,URI:spiffe://a/b", ERR_OK},
        {"a", "DNS:*.example", ERR_OK},
        {"a\nb", NULL, ERR_INVALID},
        {"a", "RID:1.2.3.4", ERR_INVALID},
        {"a", "DNS:a b", ERR_INVALID},
        {"a", "URI:a b", ERR_INVALID},
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct x509_csr csr;
        bytes text = forge(key, rows[i].name, rows[i].alternative, false);
        assert_int_equal(x509_csr_read(&arena, text, &csr, &error), rows[i].expected);
        assert_int_equal(ERR_peek_error(), 0);
    }
    EVP_PKEY_free(key);
}

static void what_is_no_request_is_refused(void **state)
{
    (void)state;
    bytes good = node_request(), big = arena_copy(&arena, BYTES("x"));
    struct x509_csr csr;
    const bytes rows[] = {
        BYTES_NONE,
        BYTES("nonsense"),
        ca.certificate_pem,
        arena_join(&arena, ca.certificate_pem, good, ARENA_END),
        BYTES("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"),
        BYTES("-----BEGIN NEW CERTIFICATE REQUEST-----\nAAAA\n-----END NEW CERTIFICATE REQUEST-----\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(x509_csr_read(&arena, rows[i], &csr, &error), ERR_INVALID);
        assert_int_equal(ERR_peek_error(), 0);
    }
    for (unsigned i = 0; i < 17; i++)
        big = arena_join(&arena, big, big, ARENA_END);
    assert_int_equal(x509_csr_read(&arena, arena_join(&arena, good, big, ARENA_END), &csr, &error), ERR_INVALID);
    assert_int_equal(x509_csr_read(&arena, arena_join(&arena, BYTES("junk\n"), good, ARENA_END), &csr, &error), ERR_OK);
    for (size_t i = 0; i < good.n; i++) { /* each byte broken once: never a crash, and nothing left behind */
        bytes broken = arena_copy(&arena, good);
        ((uint8_t *)(uintptr_t)broken.p)[i] ^= 0x15;
        (void)!x509_csr_read(&arena, broken, &csr, &error);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

#ifdef COFFER_TESTING
static void memory_may_run_out(void **state)
{
    (void)state;
    const struct x509_signing signing = {X509_USAGE_CLIENT_AUTH, now - 300, now + 600};
    bytes text = node_request(), pem;
    bool fired = true;
    for (long n = 0; fired; n += 3) { /* OpenSSL makes thousands, and does without some */
        struct arena own;
        arena_init(&own, 1 << 20);
        memory_fail_after(n);
        err_t result = x509_csr_sign(&own, text, &signing, &ca, &pem, &error);
        fired = memory_fail_fired();
        memory_fail_after(-1);
        if (result == ERR_OK)
            assert_int_equal(verify(pem, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
        else
            assert_true(fired);
        assert_int_equal(ERR_peek_error(), 0);
        arena_reset(&own);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_asked_for_is_read),
        cmocka_unit_test(a_certificate_is_what_was_signed_and_no_more),
        cmocka_unit_test(it_ends_with_its_ca),
        cmocka_unit_test(a_long_name_is_signed),
        cmocka_unit_test(keys_are_of_known_kinds),
        cmocka_unit_test(what_no_certificate_should_say_is_refused),
        cmocka_unit_test(what_is_no_request_is_refused),
#ifdef COFFER_TESTING
        cmocka_unit_test(memory_may_run_out),
#endif
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
