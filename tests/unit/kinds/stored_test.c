/* SPDX-License-Identifier: Apache-2.0 */
/* Values that a kube-apiserver stored (tests/golden/etcd): read to what it answered, and written as it writes them. */
#include "writes.h"

/* The answer of a GET is the stored text with resourceVersion. */
static void check_answer(bytes stored, const char *answer_file)
{
    struct object_cuts cuts;
    struct buffer b;
    struct json *answer;
    uint64_t revision;
    bytes got = golden(answer_file), canonical;
    if (decode_stored(&arena, &secret_kind, stored, &canonical, &error) != ERR_OK)
        fail_msg("%s: %s", answer_file, text(error.message));
    assert_int_equal(json_parse(&arena, got, &(struct json_options){0}, &answer, NULL, &error), ERR_OK);
    assert_true(bytes_to_uint64(json_text(json_get(answer, BYTES("metadata")), BYTES("resourceVersion")), &revision));
    assert_true(object_cut(canonical, &cuts));
    buffer_init(&b, &arena);
    object_write(&b, canonical, &cuts, revision, false);
    if (got.p[got.n - 1] == '\n')
        got.n--;
    assert_string_equal(text(buffer_bytes(&b)), text(got));
    assert_int_equal(canonical.p[canonical.n - 1], '\n');
}

static void every_format_is_read_to_what_was_answered(void **state)
{
    static const char *const names[][2] = {{"etcd/json.hex", "etcd/json.get.json"},
        {"etcd/json-aesgcm.plain.hex", "etcd/json-aesgcm.get.json"}, {"etcd/none.hex", "etcd/none.get.json"},
        {"etcd/identity.hex", "etcd/identity.get.json"}, {"etcd/aesgcm.plain.hex", "etcd/aesgcm.get.json"},
        {"etcd/aescbc.plain.hex", "etcd/aescbc.get.json"}, {"etcd/secretbox.plain.hex", "etcd/secretbox.get.json"},
        {"etcd/kms.plain.hex", "etcd/kms.get.json"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        check_answer(golden_hex(names[i][0]), names[i][1]);
}

static void a_namespace_is_read(void **state)
{
    bytes canonical;
    (void)state;
    assert_int_equal(
        decode_stored(&arena, &namespace_kind, golden_hex("etcd/object-namespace.hex"), &canonical, &error), ERR_OK);
    assert_true(bytes_start(canonical,
        BYTES(
            "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"golden\",\"uid\":\"8403c49b-174a-"
            "4263-b1d6-4606f8a8de07\","
            "\"creationTimestamp\":\"2026-11-21T07:11:09Z\",\"labels\":{\"kubernetes.io/metadata.name\":\"golden\"}")));
    assert_true(bytes_end(
        canonical, BYTES("},\"spec\":{\"finalizers\":[\"kubernetes\"]},\"status\":{\"phase\":\"Active\"}}\n")));
}

/* Byte for byte what kube-apiserver stored as JSON. */
static void stored_json_is_kubernetes_own(void **state)
{
    static const char *const names[] = {"etcd/json.hex", "etcd/json-aesgcm.plain.hex"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bytes stored = golden_hex(names[i]);
        struct json *object;
        assert_int_equal(
            decode_object(&arena, &secret_kind, BODY_JSON, stored, FIELD_VALIDATION_STRICT, &warnings, &object, &error),
            ERR_OK);
        assert_string_equal(text(object_store_text(&arena, &secret_kind, object)), text(stored));
    }
}

static void our_own_json_is_not_copied(void **state)
{
    bytes stored = golden_hex("etcd/json.hex"), canonical;
    (void)state;
    assert_int_equal(decode_stored(&arena, &secret_kind, stored, &canonical, &error), ERR_OK);
    assert_ptr_equal(canonical.p, stored.p);
    /* another order of members is put right */
    stored = BYTES("{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"b\":\"\",\"a\":\"\"},\"metadata\":{\"uid\":"
                   "\"u\",\"name\":\"x\",\"resourceVersion\":\"1\"}}");
    assert_int_equal(decode_stored(&arena, &secret_kind, stored, &canonical, &error), ERR_OK);
    assert_string_equal(text(canonical), "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\","
                                         "\"uid\":\"u\"},\"data\":{\"a\":\"\",\"b\":\"\"}}\n");
}

static void damage_is_found(void **state)
{
    static const char *const texts[] = {"", "x", "{", "{}", "null", "[]",
        "{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\"}}", "k8s",
        "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\",\"uid\":\"u\"}}\n",
        "{\"kind\":\"Secret\",\"apiVersion\":\"v2\",\"metadata\":{\"name\":\"x\",\"uid\":\"u\"}}\n"};
    bytes whole = golden_hex("etcd/none.hex"), canonical = BYTES_NONE;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(decode_stored(&arena, &secret_kind, bytes_of(texts[i]), &canonical, &error), ERR_CORRUPT);
        assert_string_equal(text(error.message), "a stored Secret cannot be decoded");
    }
    for (size_t n = 0; n < whole.n - 40; n++) { /* cut anywhere but in the last members */
        error_init(&error, &arena);
        if (decode_stored(&arena, &secret_kind, (bytes){whole.p, n}, &canonical, &error) == ERR_OK)
            fail_msg("a value cut to %zu bytes was read", n);
    }
    assert_null(canonical.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(every_format_is_read_to_what_was_answered), TEST(a_namespace_is_read),
        TEST(stored_json_is_kubernetes_own), TEST(our_own_json_is_not_copied), TEST(damage_is_found)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
