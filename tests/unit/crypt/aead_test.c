/* SPDX-License-Identifier: Apache-2.0 */
#include "../../conformance/aes_gcm.h"
#include "../../conformance/hex.h"
#include "crypt/aead.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct secret as_secret(bytes b)
{
    return (struct secret){(uint8_t *)(uintptr_t)b.p, b.n};
}

/* OpenSSL's allocator, watched: a block must not hold the watched key when it is given back. */
static struct {
    bytes key;
    int found;
    long live, refuse_after; /* -1: never */
} heap = {.refuse_after = -1};

static bool refused(void)
{
    return heap.refuse_after >= 0 && heap.refuse_after-- == 0;
}

static void *watched_malloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    void *p = n && !refused() ? malloc(n) : NULL;
    heap.live += p != NULL;
    return p;
}

static void watched_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    if (p && heap.key.n && memmem(p, malloc_usable_size(p), heap.key.p, heap.key.n))
        heap.found++;
    heap.live -= p != NULL;
    free(p);
}

static void *watched_realloc(void *p, size_t n, const char *file, int line)
{
    if (!p)
        return watched_malloc(n, file, line);
    if (n == 0)
        return watched_free(p, file, line), NULL;
    return refused() ? NULL : realloc(p, n);
}

static void vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(aes_gcm_vectors); i++) {
        const struct aes_gcm_vector *v = &aes_gcm_vectors[i];
        bytes key = unhex(v->key), nonce = unhex(v->nonce), aad = unhex(v->aad), plain = unhex(v->plain),
              sealed = unhex(v->sealed);
        uint8_t out[128];
        assert_int_equal(aes_gcm_seal(as_secret(key), nonce.p, aad, plain, out), ERR_OK);
        assert_memory_equal(out, sealed.p, sealed.n);
        assert_int_equal(aes_gcm_open(as_secret(key), nonce.p, aad, sealed, out), ERR_OK);
        assert_memory_equal(out, plain.p, plain.n);
        unhex_free(key), unhex_free(nonce), unhex_free(aad), unhex_free(plain), unhex_free(sealed);
    }
}

/* A changed bit anywhere, in the input, the additional data, the nonce or the key: refused, and nothing of the
 * plaintext shown. */
static void changed_bits_are_refused(void **state)
{
    (void)state;
    uint8_t key[32] = {1}, nonce[AES_GCM_NONCE_SIZE] = {2}, aad[5] = "path", sealed[20 + AES_GCM_TAG_SIZE], out[20];
    static const uint8_t zero[sizeof(out)];
    assert_int_equal(aes_gcm_seal((struct secret){key, 32}, nonce, (bytes){aad, 5},
                         (bytes){(const uint8_t *)"twenty bytes of text", 20}, sealed),
        ERR_OK);
    const struct secret parts[] = {
        {key, sizeof(key)}, {nonce, sizeof(nonce)}, {aad, sizeof(aad)}, {sealed, sizeof(sealed)}};
    for (size_t part = 0; part < ARRAY_LEN(parts); part++)
        for (size_t bit = 0; bit < parts[part].n * 8; bit++) {
            parts[part].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
            memset(out, 0xff, sizeof(out));
            assert_int_equal(
                aes_gcm_open((struct secret){key, 32}, nonce, (bytes){aad, 5}, (bytes){sealed, sizeof(sealed)}, out),
                ERR_UNREADABLE);
            assert_memory_equal(out, zero, sizeof(out));
            parts[part].p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    assert_int_equal(
        aes_gcm_open((struct secret){key, 32}, nonce, (bytes){aad, 5}, (bytes){sealed, sizeof(sealed)}, out), ERR_OK);
    assert_int_equal(ERR_peek_error(), 0);
}

static void short_input_and_odd_keys_are_refused(void **state)
{
    (void)state;
    uint8_t key[33] = {0}, nonce[AES_GCM_NONCE_SIZE] = {0}, out[64];
    for (size_t n = 0; n < AES_GCM_TAG_SIZE; n++)
        assert_int_equal(
            aes_gcm_open((struct secret){key, 32}, nonce, BYTES_NONE, (bytes){key, n}, out), ERR_UNREADABLE);
    for (size_t n = 0; n <= sizeof(key); n++) {
        bool good = n == 16 || n == 24 || n == 32;
        assert_int_equal(aes_gcm_seal((struct secret){key, n}, nonce, BYTES_NONE, BYTES("x"), out) == ERR_OK, good);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

static void no_key_stays_in_the_heap(void **state)
{
    (void)state;
    uint8_t nonce[AES_GCM_NONCE_SIZE] = {0}, out[64], back[64];
    static uint8_t key[32];
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(0xa0 + i);
    assert_int_equal(aes_gcm_fetch(NULL), ERR_OK);
    long live = heap.live;
    heap.key = (bytes){key, 16}; /* a key schedule begins with the key */
    heap.found = 0;
    assert_int_equal(aes_gcm_seal((struct secret){key, 32}, nonce, BYTES("a"), BYTES("text"), out), ERR_OK);
    assert_int_equal(aes_gcm_open((struct secret){key, 32}, nonce, BYTES("a"), (bytes){out, 20}, back), ERR_OK);
    out[0] ^= 1;
    assert_int_equal(aes_gcm_open((struct secret){key, 32}, nonce, BYTES("a"), (bytes){out, 20}, back), ERR_UNREADABLE);
    assert_int_equal(heap.found, 0);
    assert_int_equal(heap.live, live);

    /* The watch itself: it finds a key that was not wiped. */
    void *p = OPENSSL_malloc(64);
    memcpy(p, key, sizeof(key));
    OPENSSL_free(p);
    assert_int_equal(heap.found, 1);
    heap.key = BYTES_NONE;
}

static void every_failing_allocation_is_told(void **state)
{
    (void)state;
    uint8_t key[32] = {0}, nonce[AES_GCM_NONCE_SIZE] = {0}, sealed[32], out[32];
    err_t result = ERR_NO_MEMORY;
    long n;
    for (n = 0; result != ERR_OK; n++) {
        heap.refuse_after = n;
        result = aes_gcm_seal((struct secret){key, 32}, nonce, BYTES("a"), BYTES("text"), sealed);
        heap.refuse_after = -1;
        assert_true(result == ERR_OK || result == ERR_NO_MEMORY);
        assert_int_equal(ERR_peek_error(), 0);
    }
    assert_true(n > 1);
    for (n = 0, result = ERR_NO_MEMORY; result != ERR_OK; n++) {
        heap.refuse_after = n;
        result = aes_gcm_open((struct secret){key, 32}, nonce, BYTES("a"), (bytes){sealed, 20}, out);
        heap.refuse_after = -1;
        assert_true(result == ERR_OK || result == ERR_NO_MEMORY);
        assert_int_equal(ERR_peek_error(), 0);
    }
    assert_true(n > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(changed_bits_are_refused),
        cmocka_unit_test(short_input_and_odd_keys_are_refused),
        cmocka_unit_test(no_key_stays_in_the_heap),
        cmocka_unit_test(every_failing_allocation_is_told),
    };
    if (!CRYPTO_set_mem_functions(watched_malloc, watched_realloc, watched_free))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
