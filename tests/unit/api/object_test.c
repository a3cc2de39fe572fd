/* SPDX-License-Identifier: Apache-2.0 */
#include "api/object.h"
#include "api/schemas.h"
#include "fixture.h"

static const struct kind secret = {.group = "",
    .version = "v1",
    .kind = "Secret",
    .plural = "secrets",
    .storage_prefix = "secrets",
    .namespaced = true,
    .schema = &schema_secret};

static const struct kind built_in = {.kind = "Secret", .group = "", .version = "v1", .rules = &no_rules};

static void custom_objects_are_cut_where_names_order_puts_it(void **state)
{
    static const struct {
        const char *stored, *shown;
    } cases[] = {
        {"{\"apiVersion\":\"ex.com/"
         "v1\",\"kind\":\"Foo\",\"metadata\":{\"annotations\":{\"a\":\"}\\\"{\",\"uid\":\"x\"},"
         "\"creationTimestamp\":\"t\",\"name\":\"n\",\"namespace\":\"d\",\"uid\":\"u\"},\"spec\":{\"metadata\":{"
         "\"uid\":1}}}\n",
            "{\"apiVersion\":\"ex.com/"
            "v1\",\"kind\":\"Foo\",\"metadata\":{\"annotations\":{\"a\":\"}\\\"{\",\"uid\":\"x\"},"
            "\"creationTimestamp\":\"t\",\"name\":\"n\",\"namespace\":\"d\",\"resourceVersion\":\"7\",\"uid\":\"u\"},"
            "\"spec\":{\"metadata\":{\"uid\":1}}}"},
        {"{\"aa\":[1,{\"kind\":\"no\"}],\"apiVersion\":\"ex.com/"
         "v1\",\"kind\":\"Foo\",\"metadata\":{\"name\":\"n\",\"uid\":\"u\"}}\n",
            "{\"aa\":[1,{\"kind\":\"no\"}],\"apiVersion\":\"ex.com/v1\",\"kind\":\"Foo\",\"metadata\":{\"name\":\"n\","
            "\"resourceVersion\":\"7\",\"uid\":\"u\"}}"},
        {"{\"apiVersion\":\"ex.com/v1\",\"kind\":\"Foo\",\"metadata\":{\"name\":\"n\"}}\n", NULL}, /* without a uid */
        {"{\"apiVersion\":\"ex.com/v1\",\"kind\":\"Foo\",\"metadata\":{\"name\":\"n\",\"uid\":\"u\"", NULL},
        {"{\"apiVersion\":\"ex.com/v1\",\"metadata\":{\"name\":\"n\",\"uid\":\"u\"}}\n", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct object_cuts cuts;
        struct buffer b;
        bool cut = object_cut(bytes_of(cases[i].stored), &cuts);
        assert_int_equal(cut, cases[i].shown != NULL);
        if (!cut)
            continue;
        for (int as_item = 0; as_item < 2; as_item++) {
            buffer_init(&b, &arena);
            object_write(&b, bytes_of(cases[i].stored), &cuts, 7, as_item);
            assert_string_equal(text(buffer_bytes(&b)), cases[i].shown);
        }
        assert_string_equal(text(cuts.name), "n");
        assert_string_equal(text(cuts.uid), "u");
    }
}

static void an_object_is_cut_and_written(void **state)
{
    static const struct {
        const char *stored, *object, *item;
    } cases[] = {
        {"{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\","
         "\"creationTimestamp\":\"t\"},\"type\":\"x\"}\n",
            "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\","
            "\"resourceVersion\":\"42\",\"creationTimestamp\":\"t\"},\"type\":\"x\"}",
            "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"42\","
            "\"creationTimestamp\":\"t\"},\"type\":\"x\"}"},
        {"{\"kind\":\"K\",\"apiVersion\":\"g/v1\",\"metadata\":{\"name\":\"a\"}}",
            "{\"kind\":\"K\",\"apiVersion\":\"g/v1\",\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"42\"}}",
            "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"42\"}}"},
        {"{\"kind\":\"K\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"generateName\":\"b\",\"labels\":{}}}\n",
            "{\"kind\":\"K\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"generateName\":\"b\","
            "\"resourceVersion\":\"42\",\"labels\":{}}}",
            "{\"metadata\":{\"name\":\"a\",\"generateName\":\"b\",\"resourceVersion\":\"42\",\"labels\":{}}}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct object_cuts cuts;
        struct buffer b;
        bytes stored = bytes_of(cases[i].stored);
        assert_true(object_cut(stored, &cuts));
        buffer_init(&b, &arena);
        object_write(&b, stored, &cuts, 42, false);
        assert_string_equal(text(buffer_bytes(&b)), cases[i].object);
        buffer_init(&b, &arena);
        object_write(&b, stored, &cuts, 42, true);
        assert_string_equal(text(buffer_bytes(&b)), cases[i].item);
        buffer_init(&b, &arena);
        object_write(&b, stored, &cuts, 0, false);
        if (stored.p[stored.n - 1] == '\n')
            stored.n--;
        assert_string_equal(text(buffer_bytes(&b)), text(stored));
    }
}

static void names_are_found_and_large_revisions_fit(void **state)
{
    struct object_cuts cuts;
    char revision[48];
    bytes pieces[4],
        stored = BYTES(
            "{\"kind\":\"S\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\"}}\n");
    (void)state;
    assert_true(object_cut(stored, &cuts));
    assert_string_equal(text(cuts.name), "a");
    assert_string_equal(text(cuts.namespace), "n");
    assert_string_equal(text(cuts.uid), "u");
    object_pieces(stored, &cuts, UINT64_MAX, true, revision, pieces);
    assert_ptr_equal(pieces[2].p, revision);
    assert_string_equal(text(pieces[2]), ",\"resourceVersion\":\"18446744073709551615\"");
}

static void what_is_not_canonical_is_not_cut(void **state)
{
    static const char *const texts[] = {"", "{", "}", "{}", "{}\n", "null", "{\"kind\":\"S\"}",
        "{\"kind\":\"S\",\"apiVersion\":\"v1\"}",
        "{\"apiVersion\":\"v1\",\"kind\":\"S\",\"metadata\":{\"name\":\"a\"}}",
        "{\"kind\":\"S\",\"apiVersion\":\"v1\",\"metadata\":{}}",
        "{\"kind\":\"S\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\\\"\"}}",
        "{\"kind\":\"S\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"",
        "{\"kind\":\"S\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",}}",
        "{\"kind\":\"S\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\"}}",
        "{\"kind\":\"S\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"selfLink\":\"5\"}}",
        "{\"kind\":\"S\",\"apiVersion\":\"v1\",\"metadata\":{\"uid\":\"a\"}}",
        "{ \"kind\":\"S\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"}}", "k8s"};
    struct object_cuts cuts = {.body = 77};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (object_cut(bytes_of(texts[i]), &cuts))
            fail_msg("%s", texts[i]);
        assert_int_equal(cuts.body, 77);
    }
}

static void stored_text_leaves_out_the_revision(void **state)
{
    struct json *object;
    bytes json = BYTES("{\"type\":\"<\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\","
                       "\"selfLink\":\"s\"},\"kind\":\"Secret\"}");
    (void)state;
    assert_int_equal(json_parse(&arena, json, &(struct json_options){0}, &object, NULL, &error), ERR_OK);
    assert_string_equal(text(object_store_text(&arena, &built_in, object)),
        "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"},\"type\":\"\\u003c\"}\n");
}

static void a_stub_has_no_content(void **state)
{
    struct json *object;
    struct object_cuts cuts;
    bytes stub = object_stub_text(&arena, &secret, BYTES("n"), BYTES("a"), BYTES("no key \"k\""));
    (void)state;
    assert_string_equal(text(stub),
        "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\","
        "\"annotations\":{\"coffer.dev/unreadable\":\"no key \\\"k\\\"\"}}}\n");
    assert_true(object_cut(stub, &cuts));
    assert_int_equal(json_parse(&arena, stub, &(struct json_options){0}, &object, NULL, &error), ERR_OK);
    assert_true(object_is_stub(object));
    assert_true(object_cut(object_stub_text(&arena, &secret, BYTES(""), BYTES("a"), BYTES("r")), &cuts));
    assert_int_equal(cuts.namespace.n, 0);
}

static void names_are_generated(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        bytes name = object_generate_name(&arena, BYTES("gen-"));
        assert_int_equal(name.n, 9);
        assert_memory_equal(name.p, "gen-", 4);
        for (size_t k = 4; k < 9; k++)
            assert_non_null(strchr("bcdfghjklmnpqrstvwxz2456789", name.p[k]));
    }
    char base[100];
    memset(base, 'g', sizeof(base));
    assert_int_equal(object_generate_name(&arena, (bytes){(uint8_t *)base, sizeof(base)}).n, 63);
}

static const char *name_error(bytes name, bool prefix, bool label)
{
    error_init(&error, &arena);
    (label ? validate_dns1123_label : validate_dns1123_subdomain)(&arena, name, prefix, BYTES("f"), &error);
    return error.causes ? text(error.causes->message) : "";
}

static void names_follow_dns(void **state)
{
    static const char *const good[] = {"a", "a-b", "a.b", "0", "a--b", "a.b-c.d"}, *const bad[] = {"", "-", "a-", ".a",
                                                                                       "a.", "a..b", "A", "a_b", "a b",
                                                                                       "-a", "ä"};
    char longest[300];
    (void)state;
    memset(longest, 'a', sizeof(longest));
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_string_equal(name_error(bytes_of(good[i]), false, false), "");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_string_not_equal(name_error(bytes_of(bad[i]), false, false), "");
    assert_string_equal(name_error(BYTES("a-"), true, false), "");
    assert_string_equal(name_error((bytes){(uint8_t *)longest, 253}, false, false), "");
    assert_string_not_equal(name_error((bytes){(uint8_t *)longest, 254}, false, false), "");
    assert_string_equal(name_error((bytes){(uint8_t *)longest, 63}, false, true), "");
    assert_string_not_equal(name_error((bytes){(uint8_t *)longest, 64}, false, true), "");
    assert_string_equal(name_error(BYTES("a.b"), false, true), "Invalid value: \"a.b\": must not contain dots");
}

static void keys_and_labels_have_their_rules(void **state)
{
    char longest[254];
    (void)state;
    memset(longest, 'k', sizeof(longest));
    assert_null(config_map_key_error(BYTES("a.B_c-1")));
    assert_null(config_map_key_error(BYTES(".a")));
    assert_string_equal(config_map_key_error(BYTES(".")), "must not be '.'");
    assert_string_equal(config_map_key_error(BYTES("..")), "must not be '..'");
    assert_string_equal(config_map_key_error(BYTES("..x")), "must not start with '..'");
    assert_string_equal(config_map_key_error((bytes){(uint8_t *)longest, 254}), "must be no more than 253 characters");
    assert_non_null(config_map_key_error(BYTES("")));
    assert_non_null(config_map_key_error(BYTES("a/b")));
    assert_true(qualified_name_valid(BYTES("example.com/A_b.c")));
    assert_false(qualified_name_valid(BYTES("a/b/c")));
    assert_false(qualified_name_valid(BYTES("/b")));
    assert_false(qualified_name_valid(BYTES("A.com/b")));
    assert_false(qualified_name_valid(BYTES("a/")));
    assert_false(qualified_name_valid((bytes){(uint8_t *)longest, 64}));
    assert_true(label_value_valid(BYTES("")));
    assert_false(label_value_valid(BYTES("-")));
    assert_false(label_value_valid((bytes){(uint8_t *)longest, 64}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(custom_objects_are_cut_where_names_order_puts_it),
        TEST(an_object_is_cut_and_written), TEST(names_are_found_and_large_revisions_fit),
        TEST(what_is_not_canonical_is_not_cut), TEST(stored_text_leaves_out_the_revision), TEST(a_stub_has_no_content),
        TEST(names_are_generated), TEST(names_follow_dns), TEST(keys_and_labels_have_their_rules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
