/* SPDX-License-Identifier: Apache-2.0 */
/* Each step of a write and of an answer without memory, at every allocation: an error that says so, never half a
 * result. */
#include "api/continue_token.h"
#include "api/discovery.h"
#include "api/present.h"
#include "api/selector.h"
#include "base/memory.h"
#include "writes.h"

static const char body[] =
    "{\"metadata\":{\"generateName\":\"x-\",\"bogus\":1,\"labels\":{\"b\":\"1\",\"a\":\"2\"},\"annotations\":{\"c\":"
    "\"\\u00e9\"},\"finalizers\":[\"a.b/c\"],\"ownerReferences\":["
    "{\"uid\":\"u\",\"kind\":\"K\",\"name\":\"n\",\"apiVersion\":\"v1\"}]},\"data\":{\"b\":\"YR==\",\"a\":[1]},"
    "\"stringData\":{\".dockercfg\":\"{}\"},\"type\":\"kubernetes.io/dockercfg\"}";
static const char bad[] = "{\"metadata\":{\"name\":\"A\",\"labels\":{\"a b\":\"c "
                          "d\"},\"finalizers\":[\"a\"]},\"data\":{\"a/b\":\"\"},\"type\":\"kubernetes.io/tls\"}";

static err_t write_good(void)
{
    struct json *object;
    TRY(create(&secret_kind, BODY_JSON, bytes_of(body), FIELD_VALIDATION_WARN, &object));
    return object_store_text(&arena, &secret_kind, object).p ? ERR_OK : arena_error(&arena, &error);
}

static err_t write_bad(void)
{
    struct json *object;
    err_t result = create(&secret_kind, BODY_JSON, bytes_of(bad), FIELD_VALIDATION_STRICT, &object);
    assert_int_not_equal(result, ERR_OK);
    return result == ERR_INVALID ? ERR_OK : result;
}

static err_t write_strict(void)
{
    struct json *object;
    err_t result = create(&secret_kind, BODY_JSON, bytes_of(body), FIELD_VALIDATION_STRICT, &object);
    assert_int_not_equal(result, ERR_OK);
    return result == ERR_BAD_REQUEST ? ERR_OK : result;
}

static err_t write_yaml(void)
{
    struct json *object;
    return create(
        &secret_kind, BODY_YAML, BYTES("metadata: {name: x}\nstringData: {a: b}\n"), FIELD_VALIDATION_WARN, &object);
}

static err_t write_namespace(void)
{
    struct json *object;
    return create(&namespace_kind, BODY_JSON, BYTES("{\"metadata\":{\"name\":\"n\"}}"), FIELD_VALIDATION_WARN, &object);
}

static err_t write_autoscaler(void)
{
    struct json *object;
    const struct kind *kind = &autoscaling_v1_horizontal_pod_autoscaler_kind;
    TRY(create(kind, BODY_JSON,
        BYTES("{\"metadata\":{\"name\":\"n\"},\"spec\":{\"maxReplicas\":2,\"scaleTargetRef\":{\"kind\":\"K\",\"name\":"
              "\"n\",\"apiVersion\":\"a/v1\"}}}"),
        FIELD_VALIDATION_WARN, &object));
    TRY(object_to_stored(&arena, kind, object, &error));
    return object_from_stored(&arena, kind, object, &error);
}

static err_t write_binding(void)
{
    struct json *object;
    return create(&role_binding_kind, BODY_JSON,
        BYTES("{\"metadata\":{\"name\":\"n\"},\"roleRef\":{\"kind\":\"Role\",\"name\":\"r\"},\"subjects\":[{\"kind\":"
              "\"User\","
              "\"name\":\"u\"}]}"),
        FIELD_VALIDATION_WARN, &object);
}

static bytes recorded;

static err_t read_protobuf(void)
{
    bytes canonical;
    return decode_stored(&arena, &secret_kind, recorded, &canonical, &error);
}

#define STORED                                                                                                         \
    "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"annotations\":{\"b\":\"c\\nd\"}},"      \
    "\"data\":{"                                                                                                       \
    "\"a\":\"YQ==\"},\"type\":\"x\"}\n"

static struct presentation shown_as;

static err_t present(void)
{
    static const bytes text = {(const uint8_t *)STORED, sizeof STORED - 1};
    const struct present_list list = {
        .presentation = &shown_as, .kind = &secret_kind, .revision = 7, .remaining = 3, .continue_token = text};
    struct buffer b;
    buffer_init(&b, &arena);
    TRY(present_object(&arena, &b, &shown_as, &secret_kind, text, 5, true, &error));
    TRY(present_list_head(&arena, &b, &list, &error));
    TRY(present_item(&arena, &b, &list, true, text, 5, &error));
    TRY(present_list_tail(&arena, &b, &list, false, &error));
    return b.failed ? arena_error(&arena, &error) : ERR_OK;
}

static err_t present_yaml(void)
{
    shown_as = (struct presentation){.encoding = ENCODING_YAML, .form = FORM_TABLE, .include = INCLUDE_OBJECT};
    return present();
}

static err_t present_protobuf(void)
{
    shown_as = (struct presentation){.encoding = ENCODING_PROTOBUF};
    return present();
}

static err_t present_table(void)
{
    static const struct presentation p = {.form = FORM_TABLE};
    struct buffer b;
    buffer_init(&b, &arena);
    TRY(present_object(&arena, &b, &p, &secret_kind,
        BYTES("{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"annotations\":{\"kubectl."
              "kubernetes.io/last-applied-configuration\":\"{\\\"data\\\":{\\\"a\\\":"
              "\\\"b\\\"}}\"}},\"type\":\"x\"}\n"),
        5, true, &error));
    return b.failed ? arena_error(&arena, &error) : ERR_OK;
}

static err_t parse_selectors(void)
{
    struct selector selector;
    TRY(label_selector_parse(&arena, BYTES("a in (b,c,d,e,f),!x,y!=z,n>5"), &selector, &error));
    return field_selector_parse(&arena, &secret_kind, BYTES("metadata.name=a\\,b,type!=c"), &selector, &error);
}

static err_t token(void)
{
    int64_t revision;
    bytes start, written = continue_token_write(&arena, 5, BYTES("a/b"));
    return written.p ? continue_token_parse(&arena, written, &revision, &start, &error) : arena_error(&arena, &error);
}

static err_t documents(void)
{
    const struct registry *registry = registry_current();
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry, &count);
    struct buffer b;
    buffer_init(&b, &arena);
    openapi_v3(&b, kinds, count);
    openapi_v2_protobuf(&b, registry);
    discovery_aggregated(&b, registry, true);
    discovery_group_list(&b, registry);
    return b.failed ? ERR_NO_MEMORY : ERR_OK;
}

/* An arena of so many bytes, of which so many are used before: where its end strikes moves with both. */
static err_t run(err_t (*step)(void), size_t limit, size_t used)
{
    arena_reset(&arena);
    arena_init(&arena, limit);
    error_init(&error, &arena);
    if (!arena_alloc(&arena, used))
        return ERR_TOO_MANY_REQUESTS;
    err_t result = step();
    if (result != ERR_OK || (step != write_bad && step != write_strict)) /* an error's sentence may be cut */
        assert_int_equal(arena.failed != ERR_OK, result != ERR_OK);
    return result;
}

static void every_allocation_may_fail(void **state)
{
    static err_t (*const steps[])(void) = {write_good, write_bad, write_strict, write_yaml, write_namespace,
        write_autoscaler, write_binding, read_protobuf, present_table, present_yaml, present_protobuf, parse_selectors,
        token};
    static uint8_t stored[4096];
    bytes value = golden_hex("etcd/none.hex");
    (void)state;
    assert_true(value.n <= sizeof(stored));
    memcpy(stored, value.p, value.n);
    recorded = (bytes){stored, value.n};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        bool done = false;
        for (size_t limit = 2048; !done; limit += 2048) {
            done = true;
            for (size_t used = 0; used < 2000; used += 80) {
                err_t result = run(steps[i], limit, used);
                done = done && result == ERR_OK;
                assert_true(result == ERR_OK || result == ERR_TOO_MANY_REQUESTS || result == ERR_NO_MEMORY);
            }
            assert_true(limit < 4u << 20);
        }
    }
}

/* Fails the first, the second allocation and so on, until the step needs no more. */
static void fail_each(err_t (*step)(void))
{
    for (long after = 0;; after++) {
        arena_reset(&arena);
        error_init(&error, &arena);
        memory_fail_after(after);
        err_t result = step();
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        if (!fired) {
            assert_int_equal(result, ERR_OK);
            return;
        }
        assert_true(result == ERR_NO_MEMORY || result == ERR_OK); /* a library may do without */
    }
}

static void every_allocation_of_the_system_may_fail(void **state)
{
    static err_t (*const steps[])(void) = {
        write_good, write_bad, write_yaml, present_table, present_yaml, present_protobuf, parse_selectors, token};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        fail_each(steps[i]);
}

/* Of two kinds: the documents of all are large, and grow no other way. */
static void documents_may_find_no_memory(void **state)
{
    static const struct kind *const few[] = {&namespace_kind, &secret_kind};
    (void)state;
    kinds_register(few, ARRAY_LEN(few));
    arena_reset(&arena);
    arena_init(&arena, 64u << 20);
    fail_each(documents);
    kinds_register_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(every_allocation_may_fail), TEST(every_allocation_of_the_system_may_fail),
        TEST(documents_may_find_no_memory)};
    static const struct kind *const few[] = {&namespace_kind, &secret_kind}; /* documents of all take their time */
    kinds_register(few, ARRAY_LEN(few));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
