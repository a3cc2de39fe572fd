/* SPDX-License-Identifier: Apache-2.0 */
/* managedFields of built-in kinds: what a real kube-apiserver wrote for one new object of each kind, and Secrets with
 * stringData under server-side apply. */
#include "../api/fixture.h"
#include "api/decode.h"
#include "api/managed_fields.h"
#include "kinds/kinds.h"

#define NOW 1700000000

static struct json *parse(bytes in)
{
    struct json *value = NULL;
    err_t result = json_parse(&arena, in, &(struct json_options){0}, &value, NULL, &error);
    if (result != ERR_OK)
        fail_msg("%.*s", BYTES_FMT(error.message));
    return value;
}

static const struct kind *kind_of(const struct json *object)
{
    bytes version = json_text(object, BYTES("apiVersion")), group = {version.p, bytes_find(version, '/')};
    if (group.n == version.n)
        group.n = 0;
    return kind_by_name(
        registry_current(), group, bytes_skip(version, group.n ? group.n + 1 : 0), json_text(object, BYTES("kind")));
}

/* ---- Recorded objects */

/* What the server set after it had noted the owners: names and places with dots between. */
static const struct {
    const char *name, *path;
} later[] = {
    {"pod", "spec.preemptionPolicy"},
    {"pod", "spec.priority"},
    {"pod", "spec.serviceAccount"},
    {"pod", "spec.serviceAccountName"},
    {"pod", "spec.tolerations"},
    {"pod", "spec.volumes"},
    {"pod", "spec.containers.0.volumeMounts"},
    {"pod-hostnetwork", "spec.preemptionPolicy"},
    {"pod-hostnetwork", "spec.priority"},
    {"pod-hostnetwork", "spec.serviceAccount"},
    {"pod-hostnetwork", "spec.serviceAccountName"},
    {"pod-hostnetwork", "spec.tolerations"},
    {"pod-hostnetwork", "spec.volumes"},
    {"pod-hostnetwork", "spec.containers.0.volumeMounts"},
    {"pod-full", "spec.preemptionPolicy"},
    {"pod-full", "spec.priority"},
    {"pod-full", "spec.serviceAccount"},
    {"pod-full", "spec.serviceAccountName"},
    {"service", "spec.clusterIP"},
    {"service", "spec.clusterIPs"},
    {"service", "spec.ipFamilies"},
    {"service", "spec.ipFamilyPolicy"},
    {"service-headless", "spec.clusterIPs"},
    {"service-headless", "spec.ipFamilies"},
    {"service-headless", "spec.ipFamilyPolicy"},
    {"persistentvolume", "metadata.finalizers"},
    {"persistentvolumeclaim", "metadata.finalizers"},
    {"node", "spec.taints"},
    {"job", "metadata.labels"},
    {"job", "spec.selector"},
    {"job", "spec.template.metadata.labels"},
    {"job-indexed", "metadata.labels"},
    {"job-indexed", "spec.selector"},
    {"job-indexed", "spec.template.metadata.labels"},
};

/* Of these the answer is not the object as it was created, or is none of a kind of ours. */
static const char *const others[] = {"crd-established", "custom-resource", "binding", "tokenrequest"};

static void remove_at(struct json *value, const char *path)
{
    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        bytes name = {(const uint8_t *)path, (size_t)(dot - path)};
        value = value->type == JSON_ARRAY ? value->first : json_get(value, name);
        assert_non_null(value);
    }
    assert_non_null(json_get(value, bytes_of(path)));
    json_remove(value, bytes_of(path));
}

static bool is_other(bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (bytes_equal(name, bytes_of(others[i])))
            return true;
    return false;
}

static const char *owners_text(const struct json *object)
{
    const struct json *list = json_at(object, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE);
    struct json *copy = list ? json_copy(&arena, list) : json_new(&arena, JSON_ARRAY);
    struct buffer b;
    buffer_init(&b, &arena);
    for (struct json *entry = copy->first; entry; entry = entry->next)
        json_remove(entry, BYTES("time"));
    json_write(&b, copy);
    return text(buffer_bytes(&b));
}

static void new_objects_have_the_recorded_owners(void **state)
{
    const struct field_manager manager = {.name = BYTES("unknown"), .now = NOW};
    size_t tried = 0;
    (void)state;
    kinds_register_all();
    for (struct json *each = parse(golden("objects/created.json"))->first; each; each = each->next) {
        struct json *object = json_get(each, BYTES("response"));
        if (is_other(each->key))
            continue;
        const struct kind *kind = kind_of(object);
        const char *expected = owners_text(object);
        assert_non_null(kind);
        json_remove(json_get(object, BYTES("metadata")), BYTES("managedFields"));
        for (size_t i = 0; i < ARRAY_LEN(later); i++)
            if (bytes_equal(bytes_of(later[i].name), each->key))
                remove_at(object, later[i].path);
        assert_int_equal(managed_fields_update(&arena, kind, object, NULL, &manager, &error), ERR_OK);
        assert_string_equal(owners_text(object), expected);
        tried++;
    }
    assert_int_equal(tried, 55);
}

/* ---- Secrets with stringData under server-side apply */

static struct json *apply(const struct json *old, const char *manager, const char *configuration, bool *ret_changed)
{
    const struct field_manager by = {.name = bytes_of(manager), .now = NOW};
    struct json *applied = parse(bytes_of(configuration)), *merged = NULL;
    err_t result =
        managed_fields_apply(&arena, kind_of(applied), old, applied, &by, false, &merged, ret_changed, &error);
    if (result != ERR_OK)
        fail_msg("%.*s", BYTES_FMT(error.message));
    return merged;
}

static const char *member_text(const struct json *object, const char *name)
{
    struct buffer b;
    const struct json *member = json_get(object, bytes_of(name));
    buffer_init(&b, &arena);
    if (member)
        json_write(&b, member);
    return text(buffer_bytes(&b));
}

#define HEAD2 "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\",\"namespace\":\"n\""
#define HEAD  HEAD2 "},"

static void string_data_counts_as_data(void **state)
{
    bool changed;
    (void)state;
    kinds_register_all();
    struct json *secret =
        apply(NULL, "m", HEAD "\"stringData\":{\"b\":\"2\",\"a\":\"1\"},\"data\":{\"c\":\"Mw==\"}}", &changed);
    assert_string_equal(member_text(secret, "data"), "{\"a\":\"MQ==\",\"b\":\"Mg==\",\"c\":\"Mw==\"}");
    assert_string_equal(member_text(secret, "stringData"), "");
    assert_non_null(strstr(owners_text(secret), "\"fieldsV1\":{\"f:data\":{\"f:a\":{},\"f:b\":{},\"f:c\":{}}}"));

    struct json *same =
        apply(secret, "m", HEAD "\"data\":{\"a\":\"MQ==\",\"b\":\"Mg==\"},\"stringData\":{\"c\":\"3\"}}", &changed);
    assert_false(changed);
    assert_true(json_equal(secret, same));

    struct json *less = apply(secret, "m", HEAD "\"stringData\":{\"a\":\"1\"}}", &changed);
    assert_true(changed);
    assert_string_equal(member_text(less, "data"), "{\"a\":\"MQ==\"}");
}

static void a_shared_key_that_left_string_data_stays(void **state)
{
    bool changed;
    (void)state;
    kinds_register_all();
    struct json *secret = apply(NULL, "m", HEAD "\"stringData\":{\"a\":\"1\",\"b\":\"2\"}}", &changed);
    secret = apply(secret, "other", HEAD "\"data\":{\"b\":\"Mg==\"}}", &changed);
    assert_true(changed); /* one more owner */
    secret = apply(secret, "m", HEAD "\"stringData\":{}}", &changed);
    assert_string_equal(member_text(secret, "data"), "{\"b\":\"Mg==\"}");
}

/* An empty list is not the same as none: a decoder that drops it could not clear the owners. */
static void a_body_may_clear_the_owners(void **state)
{
    static const struct {
        const char *body;
        bool clears;
    } cases[] = {
        {HEAD2 "}}", false},
        {HEAD2 ",\"managedFields\":null}}", false},
        {HEAD2 ",\"managedFields\":[]}}", true},
        {HEAD2 ",\"managedFields\":[{}]}}", true},
    };
    const struct field_manager manager = {.name = BYTES("m"), .now = NOW};
    bool changed;
    (void)state;
    kinds_register_all();
    struct json *old = apply(NULL, "a", HEAD "\"data\":{\"a\":\"MQ==\"}}", &changed);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct warnings warnings = {0};
        struct json *object = NULL;
        assert_int_equal(decode_object(&arena, kind_of(old), BODY_JSON, bytes_of(cases[i].body),
                             FIELD_VALIDATION_STRICT, &warnings, &object, &error),
            ERR_OK);
        json_set(object, BYTES("data"), json_copy(&arena, json_get(old, BYTES("data"))));
        assert_int_equal(managed_fields_update(&arena, kind_of(old), object, old, &manager, &error), ERR_OK);
        assert_int_equal(!strstr(owners_text(object), "manager"), cases[i].clears);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(new_objects_have_the_recorded_owners),
        TEST(string_data_counts_as_data),
        TEST(a_shared_key_that_left_string_data_stays),
        TEST(a_body_may_clear_the_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
