/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "text/protobuf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct inner {
    uint64_t number;
    struct inner *next;
};
static const struct protobuf_message inner_message;
static const struct protobuf_member inner_members[] = {
    {1, PROTOBUF_T_UINT64, offsetof(struct inner, number), NULL},
    {2, PROTOBUF_T_MESSAGE, offsetof(struct inner, next), &inner_message},
};
static const struct protobuf_message inner_message = {sizeof(struct inner), inner_members, ARRAY_LEN(inner_members)};

struct outer {
    uint64_t number;
    int64_t whole;
    bool truth;
    bytes raw, text;
    struct inner *inner;
    struct protobuf_list names, inners, labels;
};
static const struct protobuf_member outer_members[] = {
    {1, PROTOBUF_T_UINT64, offsetof(struct outer, number), NULL},
    {2, PROTOBUF_T_INT64, offsetof(struct outer, whole), NULL},
    {3, PROTOBUF_T_BOOL, offsetof(struct outer, truth), NULL},
    {4, PROTOBUF_T_BYTES, offsetof(struct outer, raw), NULL},
    {5, PROTOBUF_T_STRING, offsetof(struct outer, text), NULL},
    {6, PROTOBUF_T_MESSAGE, offsetof(struct outer, inner), &inner_message},
    {7, PROTOBUF_T_REPEATED_BYTES, offsetof(struct outer, names), NULL},
    {8, PROTOBUF_T_REPEATED_MESSAGE, offsetof(struct outer, inners), &inner_message},
    {1000, PROTOBUF_T_MAP_BYTES, offsetof(struct outer, labels), NULL},
};
static const struct protobuf_message outer_message = {sizeof(struct outer), outer_members, ARRAY_LEN(outer_members)};

static struct arena arena;

static int reset(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static struct outer example(void)
{
    static struct inner leaf = {.number = 300}, root = {.next = &leaf}, items[] = {{.number = 1}, {.number = 2}};
    static bytes names[2];
    static struct protobuf_pair labels[1];
    names[0] = BYTES("x");
    names[1] = BYTES("");
    labels[0] = (struct protobuf_pair){BYTES("k"), BYTES("v")};
    return (struct outer){.number = UINT64_MAX,
        .whole = -1,
        .truth = true,
        .raw = BYTES("\xff\0"),
        .text = BYTES("\xc3\xa9"),
        .inner = &root,
        .names = {names, 2},
        .inners = {items, 2},
        .labels = {labels, 1}};
}

/* The bytes are those of the encoding's public description: tag is number << 3 | wire type. */
static const char example_wire[] = "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                   "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                   "\x18\x01"
                                   "\x22\x02\xff\x00"
                                   "\x2a\x02\xc3\xa9"
                                   "\x32\x05\x12\x03\x08\xac\x02"
                                   "\x3a\x01x\x3a\x00"
                                   "\x42\x02\x08\x01\x42\x02\x08\x02"
                                   "\xc2\x3e\x06\x0a\x01k\x12\x01v";
#define EXAMPLE_WIRE ((bytes){(const uint8_t *)example_wire, sizeof(example_wire) - 1})

static bytes encoded(const struct outer *from)
{
    struct buffer out;
    buffer_init(&out, &arena);
    protobuf_encode(&out, &outer_message, from);
    assert_false(out.failed);
    return buffer_bytes(&out);
}

static void tables_encode_and_decode(void **state)
{
    struct outer from = example(), to;
    (void)state;
    assert_true(bytes_equal(encoded(&from), EXAMPLE_WIRE));
    assert_int_equal(protobuf_decode(&arena, EXAMPLE_WIRE, &outer_message, &to, NULL), ERR_OK);
    assert_true(to.number == UINT64_MAX && to.whole == -1 && to.truth);
    assert_true(bytes_equal(to.text, from.text) && bytes_equal(to.raw, from.raw));
    assert_int_equal(to.inner->next->number, 300);
    assert_int_equal(to.names.count, 2);
    assert_int_equal(((struct inner *)to.inners.items)[1].number, 2);
    assert_true(bytes_equal(((struct protobuf_pair *)to.labels.items)[0].value, BYTES("v")));
    assert_true(bytes_equal(encoded(&to), EXAMPLE_WIRE));
    to = (struct outer){0};
    assert_int_equal(encoded(&to).n, 0);
}

static void every_truncation_is_seen(void **state)
{
    (void)state;
    for (size_t n = 0; n < EXAMPLE_WIRE.n; n++) {
        struct cursor c = {EXAMPLE_WIRE.p, n};
        struct protobuf_field field;
        int more;
        size_t seen = 0;
        while ((more = protobuf_next(&c, &field)) > 0)
            seen++;
        struct outer to = {.number = 77};
        err_t code = protobuf_decode(&arena, (bytes){EXAMPLE_WIRE.p, n}, &outer_message, &to, NULL);
        assert_int_equal(code == ERR_OK, more == 0);
        if (code != ERR_OK)
            assert_int_equal(to.number, 77);
        assert_true(more == 0 || c.left > 0);
    }
}

static void malformed_fields_are_refused(void **state)
{
    static const bytes cases[] = {
        BYTES("\x00\x01"),
        BYTES("\x08"),
        BYTES("\x08\x80"),
        BYTES("\x08\x80\x00"),
        BYTES("\x88\x00\x01"),
        BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        BYTES("\x0b\x0c"),
        BYTES("\x0e"),
        BYTES("\x0f"),
        BYTES("\x09\x01\x02\x03\x04\x05\x06\x07"),
        BYTES("\x0d\x01\x02\x03"),
        BYTES("\x0a\x02x"),
        BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        BYTES("\x80\x80\x80\x80\x10\x01"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cursor c = cursor_of(cases[i]);
        struct protobuf_field field = {.number = 99};
        assert_int_equal(protobuf_next(&c, &field), -1);
        assert_int_equal(c.left, cases[i].n);
        assert_int_equal(field.number, 99);
    }
}

static void fields_carry_their_values(void **state)
{
    struct cursor c = cursor_of(BYTES("\x0d\x01\x02\x03\x04\x11\x01\x00\x00\x00\x00\x00\x00\x80"));
    struct protobuf_field field;
    (void)state;
    assert_int_equal(protobuf_next(&c, &field), 1);
    assert_true(field.wire == PROTOBUF_FIXED32 && field.value == 0x04030201);
    assert_int_equal(protobuf_next(&c, &field), 1);
    assert_true(field.number == 2 && field.value == 0x8000000000000001);
    assert_int_equal(protobuf_next(&c, &field), 0);
    for (unsigned shift = 0; shift < 64; shift++) {
        struct buffer out;
        buffer_init(&out, &arena);
        protobuf_put_varint(&out, 1, (uint64_t)1 << shift);
        assert_int_equal(out.n, 1 + protobuf_varint_size((uint64_t)1 << shift));
        c = cursor_of(buffer_bytes(&out));
        assert_int_equal(protobuf_next(&c, &field), 1);
        assert_true(field.value == (uint64_t)1 << shift);
    }
}

static void decoding_is_strict_and_bounded(void **state)
{
    struct outer to;
    struct buffer nested, list;
    (void)state;
    assert_int_equal(
        protobuf_decode(&arena, BYTES("\x2a\x01\xff"), &outer_message, &to, NULL), ERR_CORRUPT); /* UTF-8 */
    assert_int_equal(
        protobuf_decode(&arena, BYTES("\x0a\x00"), &outer_message, &to, NULL), ERR_CORRUPT); /* wire type */
    assert_int_equal(protobuf_decode(&arena, BYTES("\xf8\x07\x01\x08\x01\x08\x02"), &outer_message, &to, NULL), ERR_OK);
    assert_int_equal(to.number, 2); /* unknown 127 skipped, the last one wins */
    bytes message = BYTES_NONE;
    for (unsigned depth = 1; depth <= 40; depth++) {
        buffer_init(&nested, &arena);
        protobuf_put_bytes(&nested, depth == 40 ? 6 : 2, message);
        message = buffer_bytes(&nested);
    }
    assert_int_equal(protobuf_decode(&arena, message, &outer_message, &to, NULL), ERR_CORRUPT);
    buffer_init(&list, &arena);
    for (unsigned i = 0; i < 65536; i++)
        protobuf_put_bytes(&list, 7, BYTES("x"));
    assert_int_equal(protobuf_decode(&arena, buffer_bytes(&list), &outer_message, &to, NULL), ERR_OK);
    assert_int_equal(to.names.count, 65536);
    protobuf_put_bytes(&list, 7, BYTES("x"));
    assert_int_equal(protobuf_decode(&arena, buffer_bytes(&list), &outer_message, &to, NULL), ERR_CORRUPT);
}

static void every_allocation_may_fail(void **state)
{
    long n = 0;
    (void)state;
    for (;; n++) {
        struct outer to = {.number = 77};
        struct buffer out;
        memory_fail_after(n);
        err_t code = protobuf_decode(&arena, EXAMPLE_WIRE, &outer_message, &to, NULL);
        buffer_init(&out, &arena);
        if (code == ERR_OK)
            protobuf_encode(&out, &outer_message, &to);
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        if (!fired)
            break;
        assert_true((code == ERR_NO_MEMORY && to.number == 77) || (code == ERR_OK && out.failed));
        arena_reset(&arena);
    }
    assert_true(n >= 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(tables_encode_and_decode, reset),
        cmocka_unit_test_teardown(every_truncation_is_seen, reset),
        cmocka_unit_test_teardown(malformed_fields_are_refused, reset),
        cmocka_unit_test_teardown(fields_carry_their_values, reset),
        cmocka_unit_test_teardown(decoding_is_strict_and_bounded, reset),
        cmocka_unit_test_teardown(every_allocation_may_fail, reset),
    };
    arena_init(&arena, 1 << 28);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
