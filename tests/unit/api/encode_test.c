/* SPDX-License-Identifier: Apache-2.0 */
#include "api/encode.h"
#include "api/schemas.h"
#include "fixture.h"

/* A Secret with an annotation of n bytes. */
static bytes encoded(size_t n, const char *revision)
{
    struct json *object = json_new(&arena, JSON_OBJECT);
    struct buffer b, value;
    buffer_init(&value, &arena);
    for (size_t i = 0; i < n; i++)
        buffer_byte(&value, 'x');
    json_set(object, BYTES("kind"), json_string(&arena, BYTES("Secret")));
    json_set(object, BYTES("apiVersion"), json_string(&arena, BYTES("v1")));
    struct json *metadata = json_set(object, BYTES("metadata"), json_new(&arena, JSON_OBJECT));
    json_set(metadata, BYTES("name"), json_string(&arena, BYTES("2")));
    if (revision)
        json_set(metadata, BYTES("resourceVersion"), json_string(&arena, bytes_of(revision)));
    struct json *annotations = json_set(metadata, BYTES("annotations"), json_new(&arena, JSON_OBJECT));
    json_set(annotations, BYTES("a"), json_string(&arena, buffer_bytes(&value)));
    buffer_init(&b, &arena);
    assert_int_equal(encode_document(&arena, &b, ENCODING_PROTOBUF, &schema_secret, object, &error), ERR_OK);
    return buffer_bytes(&b);
}

/* Lengths around it shrink with it, over the sizes at which they need a byte less. */
static void a_revision_is_put_in_afterwards(void **state)
{
    (void)state;
    for (size_t n = 0; n < 17000; n += n < 300 || n > 16200 ? 1 : 331) {
        bytes late = encoded(n, "18446744073709551615"), known = encoded(n, "7");
        uint8_t *p = arena_alloc(&arena, late.n);
        assert_non_null(p);
        memcpy(p, late.p, late.n);
        size_t size = envelope_set_revision(p, late.n, 7);
        assert_int_equal(size, known.n);
        assert_memory_equal(p, known.p, known.n);
        if (n % 50 == 0)
            tear_down(NULL), set_up(NULL);
    }
}

static void what_has_no_revision_stays(void **state)
{
    static const char *const others[] = {"", "k8s", "k8s\1\2", "{\"metadata\":{}}"};
    uint8_t copy[64];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        size_t n = strlen(others[i]);
        memcpy(copy, others[i], n + 1);
        assert_int_equal(envelope_set_revision(copy, n, 7), n);
        assert_memory_equal(copy, others[i], n);
    }
    bytes none = encoded(1, NULL), shorter = encoded(1, "5");
    assert_int_equal(envelope_set_revision((uint8_t *)(uintptr_t)none.p, none.n, 7), none.n);
    assert_int_equal(envelope_set_revision((uint8_t *)(uintptr_t)shorter.p, shorter.n, 77), shorter.n);
}

static err_t refusal(const struct schema *schema, const char *text)
{
    struct json *tree;
    struct buffer b;
    buffer_init(&b, &arena);
    error_init(&error, &arena);
    assert_int_equal(
        json_parse(&arena, bytes_of(text), &(struct json_options){.max_depth = 200}, &tree, NULL, &error), ERR_OK);
    return encode_protobuf(&arena, &b, schema, tree, &error);
}

/* A tree that is none of the schema (storage that something else wrote) is an error, not a guess. */
static void a_tree_of_another_shape_is_refused(void **state)
{
    static const char *const texts[] = {"[]", "{\"metadata\":[]}", "{\"metadata\":{\"labels\":{\"a\":1}}}",
        "{\"metadata\":{\"generation\":\"1\"}}", "{\"metadata\":{\"generation\":1.5}}",
        "{\"metadata\":{\"creationTimestamp\":\"yesterday\"}}", "{\"data\":{\"a\":\"?\"}}", "{\"data\":{\"a\":1}}",
        "{\"data\":[]}", "{\"immutable\":\"yes\"}", "{\"metadata\":{\"finalizers\":{}}}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(refusal(&schema_secret, texts[i]), ERR_CORRUPT);
    assert_int_equal(refusal(&schema_secret, "{\"unknown\":1,\"metadata\":null}"), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_revision_is_put_in_afterwards), TEST(what_has_no_revision_stays),
        TEST(a_tree_of_another_shape_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
