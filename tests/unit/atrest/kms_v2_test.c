/* SPDX-License-Identifier: Apache-2.0 */
#include "../../conformance/hex.h"
#include "../../conformance/kms_v2.h"
#include "atrest/kms_v2.h"
#include "base/memory.h"
#include "crypt/aead.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena arena;
static struct error error;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    error_init(&error, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static struct secret as_secret(bytes b)
{
    return (struct secret){(uint8_t *)(uintptr_t)b.p, b.n};
}

static void what_kube_apiserver_stored(void **state)
{
    (void)state;
    bytes stored = unhex(kms_v2_golden_stored), key = unhex(kms_v2_golden_key), plain = unhex(kms_v2_golden_plain), got;
    const bytes prefix = BYTES(KMS_V2_GOLDEN_PREFIX), path = BYTES(KMS_V2_GOLDEN_PATH);
    struct kms_v2_object object;
    uint8_t seed[32];

    assert_true(bytes_start(stored, prefix));
    assert_int_equal(kms_v2_decode(&arena, bytes_skip(stored, prefix.n), &object, &error), ERR_OK);
    assert_int_equal(object.source.type, KMS_V2_SEED);
    bytes wrapped = object.source.wrapped;
    assert_int_equal(wrapped.n, AES_GCM_NONCE_SIZE + sizeof(seed) + AES_GCM_TAG_SIZE);
    assert_int_equal(
        aes_gcm_open(as_secret(key), wrapped.p, BYTES_NONE, bytes_skip(wrapped, AES_GCM_NONCE_SIZE), seed), ERR_OK);
    struct secret source = {seed, sizeof(seed)};
    assert_int_equal(kms_v2_open(&arena, &object, source, path, &got, &error), ERR_OK);
    assert_true(bytes_equal(got, plain));
    assert_int_equal(kms_v2_open(&arena, &object, source, BYTES(KMS_V2_GOLDEN_PATH "2"), &got, &error), ERR_UNREADABLE);
    unhex_free(stored), unhex_free(key), unhex_free(plain);
}

static void vectors_of_both_types(void **state)
{
    (void)state;
    const struct {
        enum kms_v2_type type;
        const char *source, *data;
    } vectors[] = {{KMS_V2_SEED, kms_v2_derivations[0].seed, kms_v2_vector_data},
        {KMS_V2_KEY, kms_v2_vector_type0_key, kms_v2_vector_type0_data}};
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        bytes source = unhex(vectors[i].source), data = unhex(vectors[i].data), plain;
        struct kms_v2_object object = {.source.type = vectors[i].type, .encrypted_data = data};
        assert_int_equal(
            kms_v2_open(&arena, &object, as_secret(source), BYTES(KMS_V2_VECTOR_PATH), &plain, &error), ERR_OK);
        assert_true(bytes_equal(plain, BYTES(KMS_V2_VECTOR_PLAIN)));
        for (size_t n = 0; n < data.n; n++) { /* cut anywhere */
            object.encrypted_data.n = n;
            assert_int_equal(kms_v2_open(&arena, &object, as_secret(source), BYTES(KMS_V2_VECTOR_PATH), &plain, &error),
                ERR_UNREADABLE);
        }
        object.encrypted_data.n = data.n;
        for (size_t n = 0; n < source.n; n++)
            assert_int_equal(kms_v2_open(&arena, &object, (struct secret){as_secret(source).p, n},
                                 BYTES(KMS_V2_VECTOR_PATH), &plain, &error),
                ERR_UNREADABLE);
        unhex_free(source), unhex_free(data);
    }
}

static void sealed_form_is_canonical(void **state)
{
    (void)state;
    uint8_t seed[32] = {5};
    const struct protobuf_pair annotations[] = {
        {BYTES("a.example.org"), BYTES("\x00\x01")}, {BYTES("b.example.org"), BYTES("")}};
    const struct kms_v2_source source = {
        KMS_V2_SEED, BYTES("key"), BYTES("wrapped"), annotations, ARRAY_LEN(annotations)};
    struct buffer buffer;
    struct kms_v2_object object;
    bytes plain;

    buffer_init(&buffer, &arena);
    assert_int_equal(
        kms_v2_seal(&buffer, &source, (struct secret){seed, 32}, BYTES("/p"), BYTES("plain"), &error), ERR_OK);
    /* Fields in order, none left out, no zero lengths of their own: as Go's generated code writes them. */
    bytes got = buffer_bytes(&buffer), tail = BYTES("\x12\x03key\x1a\x07wrapped"
                                                    "\x22\x13\x0a\x0d"
                                                    "a.example.org\x12\x02\x00\x01"
                                                    "\x22\x11\x0a\x0d"
                                                    "b.example.org\x12\x00"
                                                    "\x28\x01");
    assert_true(bytes_start(got, BYTES("\x0a\x41"))); /* 32 + 12 + 5 + 16 */
    assert_true(bytes_equal(bytes_skip(got, 2 + 0x41), tail));
    assert_int_equal(kms_v2_decode(&arena, got, &object, &error), ERR_OK);
    assert_int_equal(object.source.annotation_count, 2);
    assert_true(bytes_equal(object.source.annotations[0].key, annotations[0].key) &&
                bytes_equal(object.source.annotations[0].value, annotations[0].value));
    assert_true(bytes_equal(object.source.key_id, source.key_id) && bytes_equal(object.source.wrapped, source.wrapped));
    assert_int_equal(kms_v2_open(&arena, &object, (struct secret){seed, 32}, BYTES("/p"), &plain, &error), ERR_OK);
    assert_true(bytes_equal(plain, BYTES("plain")));

    /* Drawn anew for each write. */
    struct buffer other;
    buffer_init(&other, &arena);
    assert_int_equal(
        kms_v2_seal(&other, &source, (struct secret){seed, 32}, BYTES("/p"), BYTES("plain"), &error), ERR_OK);
    assert_memory_not_equal(other.p + 2, buffer.p + 2, 32);
    assert_memory_not_equal(other.p + 34, buffer.p + 34, 12);

    buffer_init(&other, &arena);
    assert_int_equal(kms_v2_seal(&other, &source, (struct secret){seed, 32}, BYTES_NONE, BYTES_NONE, &error), ERR_OK);
    assert_int_equal(kms_v2_decode(&arena, buffer_bytes(&other), &object, &error), ERR_OK);
    assert_int_equal(kms_v2_open(&arena, &object, (struct secret){seed, 32}, BYTES_NONE, &plain, &error), ERR_OK);
    assert_int_equal(plain.n, 0);
}

#define DATA   "\x0a\x01x"
#define KEY_ID "\x12\x01k"
#define SOURCE "\x1a\x01w"
#define TYPE   "\x28\x01"

static void accepts_and_refuses(void **state)
{
    (void)state;
    static const struct {
        bytes in;
        bool good;
    } cases[] = {
        {BYTES(DATA KEY_ID SOURCE TYPE), true},
        {BYTES(TYPE SOURCE KEY_ID DATA), true},
        {BYTES(DATA KEY_ID SOURCE), true}, /* type 0 */
        {BYTES(DATA KEY_ID SOURCE "\x28\x00"), true},
        {BYTES(DATA KEY_ID SOURCE TYPE "\x32\x01z"), true}, /* a field of the future */
        {BYTES(DATA KEY_ID SOURCE TYPE "\x22\x05\x0a\x03"
                                       "a.b"),
            true},
        {BYTES(""), false},
        {BYTES(KEY_ID SOURCE TYPE), false},
        {BYTES(DATA SOURCE TYPE), false},
        {BYTES(DATA KEY_ID TYPE), false},
        {BYTES("\x0a\x00" KEY_ID SOURCE TYPE), false},
        {BYTES(DATA "\x12\x00" SOURCE TYPE), false},
        {BYTES(DATA "\x12\x01\xff" SOURCE TYPE), false},
        {BYTES(DATA KEY_ID "\x1a\x00" TYPE), false},
        {BYTES(DATA KEY_ID SOURCE "\x28\x02"), false},
        {BYTES(DATA KEY_ID SOURCE "\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), false},
        {BYTES(DATA KEY_ID SOURCE "\x2a\x01\x01"), false}, /* the type as bytes */
        {BYTES("\x08\x01" KEY_ID SOURCE TYPE), false},     /* the data as a number */
        {BYTES(DATA KEY_ID SOURCE TYPE "\x0a"), false},
        {BYTES(DATA KEY_ID SOURCE TYPE "\x0a\x7f"), false},
        {BYTES(DATA KEY_ID SOURCE TYPE "\x22\x00"), false}, /* an annotation without a key */
        {BYTES(DATA KEY_ID SOURCE TYPE "\x22\x03\x0a\x01"
                                       "a"),
            false},
        {BYTES(DATA KEY_ID SOURCE TYPE "\x22\x05\x0a\x03"
                                       "a.B"),
            false},
        {BYTES(DATA KEY_ID SOURCE TYPE "\x22\x05\x0a\x03"
                                       ".ab"),
            false},
        {BYTES(DATA KEY_ID SOURCE TYPE "\x22\x05\x0a\x03"
                                       "ab."),
            false},
        {BYTES(DATA KEY_ID SOURCE TYPE "\x22\x06\x0a\x04"
                                       "a..b"),
            false},
        {BYTES(DATA KEY_ID SOURCE TYPE "\x22\x06\x0a\x04"
                                       "a-.b"),
            false},
        {BYTES(DATA KEY_ID SOURCE TYPE "\x22\x06\x0a\x04"
                                       "-a.b"),
            false},
        {BYTES(DATA KEY_ID SOURCE TYPE "\x22\x07\x0a\x05"
                                       "a-1.b"),
            true},
        {BYTES(DATA KEY_ID SOURCE TYPE "\x22\x02\x08\x01"), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kms_v2_object object;
        err_t result = kms_v2_decode(&arena, cases[i].in, &object, &error);
        if ((result == ERR_OK) != cases[i].good)
            print_error("case %zu\n", i);
        assert_int_equal(result, cases[i].good ? ERR_OK : ERR_UNREADABLE);
    }
}

/* One byte more than each limit is one too many. */
static void sizes_are_limited(void **state)
{
    (void)state;
    static uint8_t filler[KMS_V2_ANNOTATIONS_MAX];
    const bytes domain = BYTES("a.example.org");
    memset(filler, 'k', sizeof(filler));
    const struct {
        size_t key_id, wrapped, annotation;
        bool good;
    } cases[] = {
        {KMS_V2_KEY_ID_MAX, KMS_V2_SOURCE_MAX, KMS_V2_ANNOTATIONS_MAX - domain.n, true},
        {KMS_V2_KEY_ID_MAX + 1, 1, 0, false},
        {1, KMS_V2_SOURCE_MAX + 1, 0, false},
        {1, 1, KMS_V2_ANNOTATIONS_MAX - domain.n + 1, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t seed[32] = {1};
        const struct protobuf_pair annotation = {domain, {filler, cases[i].annotation}};
        const struct kms_v2_source source = {
            KMS_V2_SEED, {filler, cases[i].key_id}, {filler, cases[i].wrapped}, &annotation, 1};
        struct buffer buffer;
        struct kms_v2_object object;
        buffer_init(&buffer, &arena);
        assert_int_equal(
            kms_v2_seal(&buffer, &source, (struct secret){seed, 32}, BYTES("/p"), BYTES("x"), &error), ERR_OK);
        assert_int_equal(
            kms_v2_decode(&arena, buffer_bytes(&buffer), &object, &error), cases[i].good ? ERR_OK : ERR_UNREADABLE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_kube_apiserver_stored),
        cmocka_unit_test(vectors_of_both_types),
        cmocka_unit_test(sealed_form_is_canonical),
        cmocka_unit_test(accepts_and_refuses),
        cmocka_unit_test(sizes_are_limited),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
