/* SPDX-License-Identifier: Apache-2.0 */
#include "../../conformance/hex.h"
#include "../../conformance/hkdf.h"
#include "../../conformance/kms_v2.h"
#include "crypt/kdf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct secret as_secret(bytes b)
{
    return (struct secret){(uint8_t *)(uintptr_t)b.p, b.n};
}

static void sha256_of_fips_180(void **state)
{
    (void)state;
    uint8_t digest[SHA256_SIZE];
    bytes abc = unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    bytes none = unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256(BYTES("abc"), digest);
    assert_memory_equal(digest, abc.p, abc.n);
    sha256(BYTES_NONE, digest);
    assert_memory_equal(digest, none.p, none.n);
    unhex_free(abc), unhex_free(none);
}

static void hmac_of_rfc_4231(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hmac_vectors); i++) {
        bytes key = unhex(hmac_vectors[i].key), data = unhex(hmac_vectors[i].data), mac = unhex(hmac_vectors[i].mac);
        uint8_t out[SHA256_SIZE];
        hmac_sha256(as_secret(key), data, out);
        assert_memory_equal(out, mac.p, mac.n);
        unhex_free(key), unhex_free(data), unhex_free(mac);
    }
}

static void hkdf_of_rfc_5869(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hkdf_vectors); i++) {
        const struct hkdf_vector *v = &hkdf_vectors[i];
        bytes ikm = unhex(v->ikm), salt = unhex(v->salt), info = unhex(v->info), prk = unhex(v->prk),
              okm = unhex(v->okm);
        uint8_t extracted[SHA256_SIZE], out[128];
        hkdf_extract(salt, as_secret(ikm), extracted);
        assert_memory_equal(extracted, prk.p, prk.n);
        for (size_t n = 0; n <= okm.n; n++) { /* a shorter result is the start of a longer one, and writes no more */
            memset(out, 0xee, sizeof(out));
            hkdf_expand((struct secret){extracted, sizeof(extracted)}, info, out, n);
            assert_memory_equal(out, okm.p, n);
            assert_int_equal(out[n], 0xee);
        }
        unhex_free(ikm), unhex_free(salt), unhex_free(info), unhex_free(prk), unhex_free(okm);
    }
}

static void hkdf_to_its_end(void **state)
{
    (void)state;
    static uint8_t out[255 * SHA256_SIZE + 1];
    uint8_t prk[SHA256_SIZE] = {1}, block[SHA256_SIZE + 2];
    out[sizeof(out) - 1] = 0xee;
    hkdf_expand((struct secret){prk, sizeof(prk)}, BYTES("i"), out, sizeof(out) - 1);
    assert_int_equal(out[sizeof(out) - 1], 0xee);
    /* The last block by the definition: T(255) = HMAC(prk, T(254) | info | 0xff). */
    memcpy(block, out + (size_t)253 * SHA256_SIZE, SHA256_SIZE);
    block[SHA256_SIZE] = 'i', block[SHA256_SIZE + 1] = 0xff;
    uint8_t last[SHA256_SIZE];
    hmac_sha256((struct secret){prk, sizeof(prk)}, (bytes){block, sizeof(block)}, last);
    assert_memory_equal(last, out + (size_t)254 * SHA256_SIZE, SHA256_SIZE);
}

static void keys_of_kms_v2(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kms_v2_derivations); i++) {
        const struct kms_v2_derivation *v = &kms_v2_derivations[i];
        bytes seed = unhex(v->seed), info = unhex(v->info), key = unhex(v->key);
        uint8_t out[32];
        hkdf_expand(as_secret(seed), info, out, sizeof(out));
        assert_memory_equal(out, key.p, key.n);
        unhex_free(seed), unhex_free(info), unhex_free(key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_fips_180),
        cmocka_unit_test(hmac_of_rfc_4231),
        cmocka_unit_test(hkdf_of_rfc_5869),
        cmocka_unit_test(hkdf_to_its_end),
        cmocka_unit_test(keys_of_kms_v2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
