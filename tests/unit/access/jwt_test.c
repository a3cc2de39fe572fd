/* SPDX-License-Identifier: Apache-2.0 */
#include "access/jwk.h"
#include "access/pem_keys.h"
#include "base/base64.h"
#include "base/memory.h"
#include "crypt/setup.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW 1700000000

static struct arena arena;
static struct error error;
static EVP_PKEY *rsa, *p256, *p384, *p521;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 8 << 20);
    error_init(&error, NULL);
    if (crypt_setup(&error) != ERR_OK)
        return 1;
    rsa = EVP_RSA_gen(2048);
    p256 = EVP_EC_gen("P-256"), p384 = EVP_EC_gen("P-384"), p521 = EVP_EC_gen("P-521");
    return !rsa || !p256 || !p384 || !p521;
}

static int teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256), EVP_PKEY_free(p384), EVP_PKEY_free(p521);
    arena_reset(&arena);
    return 0;
}

static struct json *json_of(const char *text)
{
    struct json *json;
    assert_int_equal(json_parse(&arena, bytes_of(text), &(struct json_options){0}, &json, NULL, &error), ERR_OK);
    return json;
}

static bytes encode(const char *text)
{
    return base64_encode(&arena, BASE64_URL_UNPADDED, bytes_of(text));
}

static bytes token_of(const char *header, const char *claims, const char *signature)
{
    return arena_join(&arena, encode(header), BYTES("."), encode(claims), BYTES("."), bytes_of(signature), ARENA_END);
}

static bytes sign(enum jwt_algorithm algorithm, EVP_PKEY *key, const char *claims)
{
    bytes token;
    assert_int_equal(jwt_sign(&arena, algorithm, key, BYTES("k"), json_of(claims), &token, &error), ERR_OK);
    return token;
}

static void what_is_signed_verifies(void **state)
{
    const struct {
        enum jwt_algorithm algorithm;
        EVP_PKEY *key;
    } rows[] = {
        {JWT_RS256, rsa}, {JWT_RS384, rsa}, {JWT_RS512, rsa}, {JWT_ES256, p256}, {JWT_ES384, p384}, {JWT_ES512, p521}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jwt jwt;
        bytes token = sign(rows[i].algorithm, rows[i].key, "{\"sub\":\"a\"}");
        assert_int_equal(jwt_parse(&arena, token, &jwt, &error), ERR_OK);
        assert_int_equal(jwt.algorithm, rows[i].algorithm);
        assert_true(bytes_equal(jwt.key_id, BYTES("k")));
        assert_true(bytes_equal(json_text(jwt.claims, BYTES("sub")), BYTES("a")));
        for (size_t k = 0; k < ARRAY_LEN(rows); k++)
            assert_int_equal(
                jwt_verify(&jwt, rows[k].key, &error), rows[k].key == rows[i].key ? ERR_OK : ERR_UNAUTHORIZED);
        bytes out;
        assert_int_equal(
            jwt_sign(&arena, rows[i].algorithm, i < 3 ? p256 : rsa, BYTES(""), json_of("{}"), &out, &error),
            ERR_INTERNAL);
    }
}

static void every_changed_bit_is_seen(void **state)
{
    bytes token = sign(JWT_ES256, p256, "{\"sub\":\"a\"}");
    (void)state;
    for (size_t i = 0; i < token.n * 8; i++) {
        struct jwt jwt;
        uint8_t *changed = (uint8_t *)(uintptr_t)arena_copy(&arena, token).p;
        changed[i / 8] ^= (uint8_t)(1u << i % 8);
        if (jwt_parse(&arena, (bytes){changed, token.n}, &jwt, &error) == ERR_OK)
            assert_int_equal(jwt_verify(&jwt, p256, &error), ERR_UNAUTHORIZED);
    }
}

static void what_is_no_token_is_refused(void **state)
{
    static const struct {
        const char *header, *claims, *signature;
    } rows[] = {
        {"{\"alg\":\"none\"}", "{}", "AA"},
        {"{\"alg\":\"HS256\"}", "{}", "AA"},
        {"{\"alg\":\"PS256\"}", "{}", "AA"},
        {"{\"alg\":\"es256\"}", "{}", "AA"},
        {"{\"alg\":[\"ES256\"]}", "{}", "AA"},
        {"{}", "{}", "AA"},
        {"[]", "{}", "AA"},
        {"{\"alg\":\"ES256\",\"crit\":[]}", "{}", "AA"},
        {"{\"alg\":\"ES256\",\"alg\":\"ES256\"}", "{}", "AA"},
        {"{\"alg\":\"ES256\",\"kid\":1}", "{}", "AA"},
        {"{\"alg\":\"ES256\"} x", "{}", "AA"},
        {"{\"alg\":\"ES256\"}", "[]", "AA"},
        {"{\"alg\":\"ES256\"}", "{\"a\":1,\"a\":1}", "AA"},
        {"{\"alg\":\"ES256\"}", "{\"a\":", "AA"},
        {"{\"alg\":\"ES256\"}", "{}", "AB"},   /* bits that nothing reads */
        {"{\"alg\":\"ES256\"}", "{}", "AA=="}, /* padded */
        {"{\"alg\":\"ES256\"}", "{}", "A\nA"},
        {"{\"alg\":\"ES256\"}", "{}", "+/AA"},
        {"{\"alg\":\"ES256\"}", "{}", "AA.AA"},
        {"{\"alg\":\"ES256\"}", "{}", ""},
    };
    struct jwt jwt;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(jwt_parse(&arena, token_of(rows[i].header, rows[i].claims, rows[i].signature), &jwt, &error),
            ERR_UNAUTHORIZED);
    bytes fine = token_of("{\"alg\":\"ES256\",\"kid\":\"a\",\"typ\":\"JWT\"}", "{}", "AA");
    assert_int_equal(jwt_parse(&arena, fine, &jwt, &error), ERR_OK);
    assert_int_equal(jwt_verify(&jwt, p256, &error), ERR_UNAUTHORIZED);
    assert_int_equal(jwt_parse(&arena, BYTES(""), &jwt, &error), ERR_UNAUTHORIZED);
    assert_int_equal(jwt_parse(&arena, BYTES(".."), &jwt, &error), ERR_UNAUTHORIZED);
}

static void times_are_kept_to(void **state)
{
    static const struct {
        const char *claims;
        err_t code;
    } rows[] = {
        {"{\"exp\":1700000001}", ERR_OK},
        {"{\"exp\":1700000001.9}", ERR_OK},
        {"{\"exp\":1700000000}", ERR_UNAUTHORIZED},
        {"{}", ERR_UNAUTHORIZED},
        {"{\"exp\":\"1800000000\"}", ERR_UNAUTHORIZED},
        {"{\"exp\":-1}", ERR_UNAUTHORIZED},
        {"{\"exp\":18e8}", ERR_UNAUTHORIZED},
        {"{\"exp\":1.8e9}", ERR_UNAUTHORIZED},
        {"{\"exp\":99999999999999999999}", ERR_UNAUTHORIZED},
        {"{\"exp\":1800000000,\"nbf\":1700000060}", ERR_OK},
        {"{\"exp\":1800000000,\"nbf\":1700000061}", ERR_UNAUTHORIZED},
        {"{\"exp\":1800000000,\"nbf\":null}", ERR_UNAUTHORIZED},
        {"{\"exp\":1800000000,\"iat\":1700000060}", ERR_OK},
        {"{\"exp\":1800000000,\"iat\":1700000061}", ERR_UNAUTHORIZED},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(jwt_check_times(json_of(rows[i].claims), NOW, 60, &error), rows[i].code);
}

static size_t audiences(const char *claims)
{
    const struct json *parsed = json_of(claims), *at = NULL;
    size_t n = 0;
    while (jwt_next_audience(parsed, &at).p)
        n++;
    return n;
}

static void audiences_are_walked(void **state)
{
    (void)state;
    assert_int_equal(audiences("{}"), 0);
    assert_int_equal(audiences("{\"aud\":\"a\",\"b\":\"c\"}"), 1);
    assert_int_equal(audiences("{\"aud\":[\"a\",\"b\"],\"b\":\"c\"}"), 2);
    assert_int_equal(audiences("{\"aud\":[],\"b\":\"c\"}"), 0);
    assert_int_equal(audiences("{\"aud\":[\"a\",1,\"b\"]}"), 1);
    assert_int_equal(audiences("{\"aud\":{\"a\":\"b\"}}"), 0);
}

static void keys_become_json_and_back(void **state)
{
    EVP_PKEY *const keys[] = {rsa, p256, p384, p521};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct json *json;
        struct jwk jwk;
        char id[JWK_ID_SIZE];
        assert_int_equal(jwk_make(&arena, keys[i], &json, &error), ERR_OK);
        assert_int_equal(jwk_parse(json, &jwk, &error), ERR_OK);
        assert_int_equal(EVP_PKEY_eq(jwk.key, keys[i]), 1);
        assert_int_equal(jwk.algorithm, jwk_algorithm(keys[i]));
        assert_int_equal(jwk_id(jwk.key, id, &error), ERR_OK);
        assert_true(bytes_equal(jwk.id, bytes_of(id)));
        EVP_PKEY_free(jwk.key);
        json_set(json, BYTES("use"), json_string(&arena, BYTES("enc")));
        assert_int_equal(jwk_parse(json, &jwk, &error), ERR_INVALID);
        json_remove(json, BYTES("use"));
        json_set(json, BYTES("alg"), json_string(&arena, i == 0 ? BYTES("ES256") : BYTES("RS256")));
        assert_int_equal(jwk_parse(json, &jwk, &error), ERR_INVALID);
    }
}

static void keys_that_are_none_are_refused(void **state)
{
    static const char *const rows[] = {
        "{}",
        "{\"kty\":\"oct\",\"k\":\"AA\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE\","
        "\"y\":\"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI\"}",
    };
    struct jwk jwk;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(jwk_parse(json_of(rows[i]), &jwk, &error), ERR_INVALID);
}

static void pem_is_read_and_written(void **state)
{
    bytes one, two, both;
    EVP_PKEY *key, *found[4];
    size_t count;
    (void)state;
    assert_int_equal(pem_write_private_key(&arena, p256, &one, &error), ERR_OK);
    assert_int_equal(pem_write_private_key(&arena, rsa, &two, &error), ERR_OK);
    assert_int_equal(pem_private_key(one, &key, &error), ERR_OK);
    assert_int_equal(EVP_PKEY_eq(key, p256), 1);
    EVP_PKEY_free(key);
    both = arena_join(&arena, one, BYTES("a comment\n"), two, ARENA_END);
    assert_int_equal(pem_keys(both, 4, found, &count, &error), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(EVP_PKEY_eq(found[1], rsa), 1);
    while (count > 0)
        EVP_PKEY_free(found[--count]);
    assert_int_equal(pem_keys(both, 1, found, &count, &error), ERR_INVALID);
    while (count > 0)
        EVP_PKEY_free(found[--count]);
    assert_int_equal(pem_keys((bytes){both.p, one.n + 60}, 4, found, &count, &error), ERR_INVALID);
    while (count > 0)
        EVP_PKEY_free(found[--count]);
    assert_int_equal(pem_keys(BYTES(""), 4, found, &count, &error), ERR_INVALID);
    assert_int_equal(pem_private_key(BYTES("x"), &key, &error), ERR_INVALID);
}

#ifdef COFFER_TESTING
static void without_memory_nothing_passes_and_nothing_leaks(void **state)
{
    bytes token = sign(JWT_ES256, p256, "{\"sub\":\"a\"}");
    bool fired = true;
    (void)state;
    for (long n = 0; fired && n < 2000; n++) {
        struct arena own;
        struct jwt jwt;
        struct json *json;
        struct jwk jwk = {.key = NULL};
        bytes again;
        arena_init(&own, 1 << 20);
        memory_fail_after(n);
        err_t code = jwt_parse(&own, token, &jwt, &error);
        if (code == ERR_OK)
            code = jwt_verify(&jwt, p256, &error);
        if (code == ERR_OK)
            code = jwt_sign(&own, JWT_ES256, p256, BYTES("k"), jwt.claims, &again, &error);
        if (code == ERR_OK)
            code = jwk_make(&own, p256, &json, &error);
        if (code == ERR_OK)
            code = jwk_parse(json, &jwk, &error);
        fired = memory_fail_fired();
        memory_fail_after(-1);
        if (!fired)
            assert_int_equal(code, ERR_OK);
        EVP_PKEY_free(jwk.key);
        arena_reset(&own);
    }
    assert_false(fired);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_signed_verifies),
        cmocka_unit_test(every_changed_bit_is_seen),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(times_are_kept_to),
        cmocka_unit_test(audiences_are_walked),
        cmocka_unit_test(keys_become_json_and_back),
        cmocka_unit_test(keys_that_are_none_are_refused),
        cmocka_unit_test(pem_is_read_and_written),
#ifdef COFFER_TESTING
        cmocka_unit_test(without_memory_nothing_passes_and_nothing_leaks),
#endif
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
