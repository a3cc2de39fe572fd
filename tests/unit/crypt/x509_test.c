/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "crypt/setup.h"
#include "crypt/x509.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BEGIN 1700000000
#define END   1900000000

static struct arena arena;
static struct error error;
static struct x509_pair ca;

static struct x509_request request_of(enum x509_use use, const char *common_name)
{
    return (struct x509_request){
        .use = use, .common_name = bytes_of(common_name), .not_before = BEGIN, .not_after = END};
}

static X509 *parse(bytes pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(certificate);
    return certificate;
}

/* As a TLS peer checks: chain, times, purpose, strict forms. */
static int verify(bytes leaf_pem, bytes ca_pem, int purpose, time_t at)
{
    X509 *leaf = parse(leaf_pem), *root = parse(ca_pem);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    assert_true(X509_STORE_add_cert(store, root) && X509_STORE_CTX_init(context, store, leaf, NULL));
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_purpose(parameters, purpose);
    X509_VERIFY_PARAM_set_time(parameters, at);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_verify_cert(context);
    int result = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(leaf), X509_free(root);
    return result;
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    error_init(&error, NULL);
    struct x509_request request = request_of(X509_USE_CA, "coffer-ca");
    return crypt_setup(&error) != ERR_OK || x509_issue(&arena, &request, NULL, &ca, &error) != ERR_OK;
}

static int teardown(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static void uses_are_kept_apart(void **state)
{
    (void)state;
    struct x509_request request = request_of(X509_USE_SERVER, "server");
    struct x509_pair server, client, other;
    assert_int_equal(x509_issue(&arena, &request, &ca, &server, &error), ERR_OK);
    request = request_of(X509_USE_CLIENT, "client");
    assert_int_equal(x509_issue(&arena, &request, &ca, &client, &error), ERR_OK);
    request = request_of(X509_USE_CA, "coffer-ca");
    assert_int_equal(x509_issue(&arena, &request, NULL, &other, &error), ERR_OK);

    assert_int_equal(verify(server.certificate_pem, ca.certificate_pem, X509_PURPOSE_SSL_SERVER, BEGIN + 1), X509_V_OK);
    assert_int_equal(verify(client.certificate_pem, ca.certificate_pem, X509_PURPOSE_SSL_CLIENT, BEGIN + 1), X509_V_OK);
    assert_int_equal(verify(server.certificate_pem, ca.certificate_pem, X509_PURPOSE_SSL_CLIENT, BEGIN + 1),
        X509_V_ERR_INVALID_PURPOSE);
    assert_int_equal(verify(client.certificate_pem, ca.certificate_pem, X509_PURPOSE_SSL_SERVER, BEGIN + 1),
        X509_V_ERR_INVALID_PURPOSE);
    assert_int_equal(verify(server.certificate_pem, ca.certificate_pem, X509_PURPOSE_SSL_SERVER, BEGIN - 1),
        X509_V_ERR_CERT_NOT_YET_VALID);
    assert_int_equal(verify(server.certificate_pem, ca.certificate_pem, X509_PURPOSE_SSL_SERVER, END + 1),
        X509_V_ERR_CERT_HAS_EXPIRED);
    /* Another CA of the same name did not sign it; a leaf signs nothing. */
    assert_int_not_equal(
        verify(server.certificate_pem, other.certificate_pem, X509_PURPOSE_SSL_SERVER, BEGIN + 1), X509_V_OK);
    request = request_of(X509_USE_SERVER, "under-a-leaf");
    assert_int_equal(x509_issue(&arena, &request, &server, &other, &error), ERR_OK);
    assert_int_not_equal(
        verify(other.certificate_pem, server.certificate_pem, X509_PURPOSE_SSL_SERVER, BEGIN + 1), X509_V_OK);
}

static void serials_and_keys_differ(void **state)
{
    (void)state;
    struct x509_request request = request_of(X509_USE_CLIENT, "client");
    struct x509_pair a, b;
    assert_int_equal(x509_issue(&arena, &request, &ca, &a, &error), ERR_OK);
    assert_int_equal(x509_issue(&arena, &request, &ca, &b, &error), ERR_OK);
    X509 *first = parse(a.certificate_pem), *second = parse(b.certificate_pem);
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(first), X509_get0_serialNumber(second)), 0);
    assert_false(bytes_equal(a.key_pem, b.key_pem));
    assert_true(bytes_start(a.key_pem, BYTES("-----BEGIN PRIVATE KEY-----\n")));
    X509_free(first), X509_free(second);
}

static void identity_of_a_client(void **state)
{
    (void)state;
    const bytes groups[] = {BYTES("system:masters"), BYTES("d\xc3\xa9veloppeurs")};
    struct x509_request request = request_of(X509_USE_CLIENT, "system:admin");
    request.organizations = groups, request.organization_count = ARRAY_LEN(groups);
    struct x509_pair pair;
    struct x509_identity identity;
    assert_int_equal(x509_issue(&arena, &request, &ca, &pair, &error), ERR_OK);
    X509 *certificate = parse(pair.certificate_pem);
    assert_int_equal(x509_identify(&arena, certificate, &identity, &error), ERR_OK);
    assert_true(bytes_equal(identity.common_name, request.common_name));
    assert_int_equal(identity.organization_count, 2);
    assert_true(bytes_equal(identity.organizations[0], groups[0]) && bytes_equal(identity.organizations[1], groups[1]));
    assert_int_equal(identity.not_after, END);
    assert_int_equal(strlen(identity.sha256_hex), 64);
    X509_free(certificate);
}

static void identity_of_odd_subjects(void **state)
{
    (void)state;
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    struct x509_identity identity;
    assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_true(X509_set_pubkey(certificate, key) && ASN1_TIME_set(X509_getm_notBefore(certificate), BEGIN) &&
                ASN1_TIME_set(X509_getm_notAfter(certificate), END) && X509_sign(certificate, key, EVP_sha256()));
    EVP_PKEY_free(key);
    assert_int_equal(x509_identify(&arena, certificate, &identity, &error), ERR_OK);
    assert_int_equal(identity.common_name.n, 0);
    assert_int_equal(identity.organization_count, 0);
    /* Of several common names the last counts, as in Go. */
    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)"one", -1, -1, 0);
    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)"two", -1, -1, 0);
    assert_int_equal(x509_identify(&arena, certificate, &identity, &error), ERR_OK);
    assert_true(bytes_equal(identity.common_name, BYTES("two")));
    /* "admin" NUL "x" is not admin. */
    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, (const unsigned char *)"admin\0x", 7, -1, 0);
    assert_int_equal(x509_identify(&arena, certificate, &identity, &error), ERR_UNAUTHORIZED);
    X509_free(certificate);
}

static void covers_just_its_names(void **state)
{
    (void)state;
    const bytes names[] = {BYTES("localhost"), BYTES("127.0.0.1"), BYTES("::1"), BYTES("*.example.org")};
    struct x509_request request = request_of(X509_USE_SERVER, "server");
    request.names = names, request.name_count = ARRAY_LEN(names);
    struct x509_pair pair;
    assert_int_equal(x509_issue(&arena, &request, &ca, &pair, &error), ERR_OK);
    assert_true(x509_covers(pair.certificate_pem, names, ARRAY_LEN(names)));
    assert_true(x509_covers(pair.certificate_pem, &BYTES("0:0:0:0:0:0:0:1"), 1));
    assert_false(x509_covers(pair.certificate_pem, &BYTES("a.example.org"), 1));
    assert_false(x509_covers(pair.certificate_pem, &BYTES("127.0.0.2"), 1));
    assert_false(x509_covers(pair.certificate_pem, &BYTES("server"), 1));
    assert_false(x509_covers(ca.certificate_pem, names, 1));
    assert_false(x509_covers(BYTES("no certificate"), names, 0));
    assert_true(x509_covers(ca.certificate_pem, NULL, 0));
}

static void inspects_times(void **state)
{
    (void)state;
    struct x509_request request = request_of(X509_USE_CA, "far");
    request.not_before = -86400,
    request.not_after = 4102444800; /* before 1970, and after 2049: the two forms of ASN.1 times */
    struct x509_pair pair;
    int64_t not_before = 7, not_after = 7;
    assert_int_equal(
        x509_inspect(BYTES("-----BEGIN CERTIFICATE-----\nAAAA\n"), &not_before, &not_after, &error), ERR_INVALID);
    assert_int_equal(x509_inspect(BYTES_NONE, &not_before, &not_after, &error), ERR_INVALID);
    assert_true(not_before == 7 && not_after == 7);
    assert_int_equal(x509_issue(&arena, &request, NULL, &pair, &error), ERR_OK);
    assert_int_equal(x509_inspect(pair.certificate_pem, &not_before, &not_after, &error), ERR_OK);
    assert_true(not_before == request.not_before && not_after == request.not_after);
    assert_int_equal(ERR_peek_error(), 0);
}

static void refuses_bad_requests(void **state)
{
    (void)state;
    static const char long_name[] = "00000000001111111111222222222233333333334444444444555555555566666";
    static const bytes bad_names[] = {
        BYTES(""), BYTES("a b"), BYTES("x/y"), BYTES("a\0b"), BYTES("1.2.3.4:5"), BYTES("\xc3\xa9")};
    struct x509_pair pair = {BYTES("untouched"), BYTES("untouched")};
    struct x509_request request = request_of(X509_USE_SERVER, "");
    assert_int_equal(x509_issue(&arena, &request, &ca, &pair, &error), ERR_INVALID);
    request = request_of(X509_USE_SERVER, long_name);
    assert_int_equal(x509_issue(&arena, &request, &ca, &pair, &error), ERR_INVALID);
    request = request_of(X509_USE_SERVER, "server");
    request.not_after = request.not_before;
    assert_int_equal(x509_issue(&arena, &request, &ca, &pair, &error), ERR_INVALID);
    request = request_of(X509_USE_SERVER, "server");
    for (size_t i = 0; i < ARRAY_LEN(bad_names); i++) {
        request.names = &bad_names[i], request.name_count = 1;
        assert_int_equal(x509_issue(&arena, &request, &ca, &pair, &error), ERR_INVALID);
    }
    request.name_count = 0;
    struct x509_pair other, mixed = ca;
    assert_int_equal(x509_issue(&arena, &request, NULL, &other, &error), ERR_OK);
    mixed.key_pem = other.key_pem;
    assert_int_equal(x509_issue(&arena, &request, &mixed, &pair, &error), ERR_INVALID);
    mixed.key_pem = BYTES_NONE;
    assert_int_equal(x509_issue(&arena, &request, &mixed, &pair, &error), ERR_INVALID);
    assert_true(bytes_equal(pair.key_pem, BYTES("untouched")));
    assert_int_equal(ERR_peek_error(), 0);
}

static void private_keys_lie_in_the_secure_heap(void **state)
{
    (void)state;
    size_t before = CRYPTO_secure_used();
    BIO *bio = BIO_new_mem_buf(ca.key_pem.p, (int)ca.key_pem.n);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    assert_non_null(key);
    assert_true(CRYPTO_secure_used() > before);
    EVP_PKEY_free(key);
    BIO_free(bio);
    assert_int_equal(CRYPTO_secure_used(), before);
}

#ifdef COFFER_TESTING
static void every_failing_allocation_is_told(void **state)
{
    (void)state;
    const bytes name = BYTES("localhost");
    struct x509_request request = request_of(X509_USE_SERVER, "server");
    request.names = &name, request.name_count = 1;
    bool fired = true;
    for (long n = 0; fired; n += 3) { /* OpenSSL makes thousands */
        struct arena own;
        struct x509_pair pair;
        arena_init(&own, 1 << 20);
        memory_fail_after(n);
        err_t result = x509_issue(&own, &request, &ca, &pair, &error);
        fired = memory_fail_fired();
        memory_fail_after(-1);
        /* OpenSSL does without some of its allocations, and names some failures otherwise. */
        if (result == ERR_OK)
            assert_true(x509_covers(pair.certificate_pem, &name, 1));
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
        cmocka_unit_test(uses_are_kept_apart),
        cmocka_unit_test(serials_and_keys_differ),
        cmocka_unit_test(identity_of_a_client),
        cmocka_unit_test(identity_of_odd_subjects),
        cmocka_unit_test(covers_just_its_names),
        cmocka_unit_test(inspects_times),
        cmocka_unit_test(refuses_bad_requests),
        cmocka_unit_test(private_keys_lie_in_the_secure_heap),
#ifdef COFFER_TESTING
        cmocka_unit_test(every_failing_allocation_is_told),
#endif
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
