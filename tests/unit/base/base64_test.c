/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "base/memory.h"
#include "base/random.h"
#include "base64_facts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void decodes_as_go_does(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(base64_facts); i++) {
        enum base64_alphabet alphabet = (enum base64_alphabet)base64_facts[i].alphabet;
        bytes in = {(const uint8_t *)base64_facts[i].in, base64_facts[i].in_n}, out = BYTES_NONE;
        size_t offset = SIZE_MAX, n = SIZE_MAX, check_offset = SIZE_MAX;
        err_t code = base64_decode(&arena, alphabet, in, &out, &offset);
        assert_int_equal(base64_check(alphabet, in, &n, &check_offset), code);
        if (base64_facts[i].offset >= 0) {
            assert_int_equal(code, ERR_BAD_REQUEST);
            assert_int_equal(offset, base64_facts[i].offset);
            assert_int_equal(check_offset, offset);
            assert_null(out.p);
        } else {
            assert_int_equal(code, ERR_OK);
            assert_true(bytes_equal(out, (bytes){(const uint8_t *)base64_facts[i].out, base64_facts[i].out_n}));
            assert_int_equal(n, out.n);
        }
    }
    arena_reset(&arena);
}

/* RFC 4648, section 10. */
static void encodes(void **state)
{
    static const struct {
        bytes in;
        const char *standard, *url;
    } cases[] = {
        {BYTES(""), "", ""},
        {BYTES("f"), "Zg==", "Zg"},
        {BYTES("fo"), "Zm8=", "Zm8"},
        {BYTES("foo"), "Zm9v", "Zm9v"},
        {BYTES("foob"), "Zm9vYg==", "Zm9vYg"},
        {BYTES("fooba"), "Zm9vYmE=", "Zm9vYmE"},
        {BYTES("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
        {BYTES("\xfb\xff\xfe"), "+//+", "-__-"},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal((const char *)base64_encode(&arena, BASE64_STANDARD, cases[i].in).p, cases[i].standard);
        assert_string_equal((const char *)base64_encode(&arena, BASE64_URL_UNPADDED, cases[i].in).p, cases[i].url);
    }
    arena_reset(&arena);
}

static void round_trips(void **state)
{
    struct arena arena;
    uint8_t raw[200];
    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t n = 0; n <= sizeof(raw); n++) {
        random_bytes(raw, n);
        for (unsigned alphabet = 0; alphabet < 2; alphabet++) {
            bytes text = base64_encode(&arena, (enum base64_alphabet)alphabet, (bytes){raw, n}), back;
            size_t offset;
            assert_int_equal(base64_decode(&arena, (enum base64_alphabet)alphabet, text, &back, &offset), ERR_OK);
            assert_true(bytes_equal(back, (bytes){raw, n}));
        }
        arena_reset(&arena);
    }
}

static void a_full_arena_is_told(void **state)
{
    struct arena arena;
    bytes out;
    size_t offset;
    (void)state;
    arena_init(&arena, 0);
    assert_null(base64_encode(&arena, BASE64_STANDARD, BYTES("x")).p);
    assert_int_equal(base64_decode(&arena, BASE64_STANDARD, BYTES("eA=="), &out, &offset), ERR_TOO_MANY_REQUESTS);
    arena_init(&arena, 4096);
    memory_fail_after(0);
    assert_int_equal(base64_decode(&arena, BASE64_STANDARD, BYTES("eA=="), &out, &offset), ERR_NO_MEMORY);
    memory_fail_after(-1);
    arena_reset(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_go_does),
        cmocka_unit_test(encodes),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(a_full_arena_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
