/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of every kind as a kube-apiserver answered them, in JSON and in protobuf (tests/golden/protobuf.json): each
 * is made into the other, byte for byte. */
#include "api/encode.h"
#include "base/base64.h"
#include "writes.h"

struct pair {
    bytes name, json, protobuf;
    const struct kind *kind;
};

static struct pair pair_of(const struct json *entry)
{
    struct json *object;
    struct pair pair;
    size_t offset;
    pair.name = json_text(entry, BYTES("name"));
    pair.json = json_text(entry, BYTES("json"));
    assert_int_equal(
        base64_decode(&arena, BASE64_STANDARD, json_text(entry, BYTES("protobuf")), &pair.protobuf, &offset), ERR_OK);
    assert_int_equal(json_parse(&arena, pair.json, &(struct json_options){0}, &object, NULL, &error), ERR_OK);
    bytes version = json_text(object, BYTES("apiVersion")), group = {version.p, bytes_find(version, '/')};
    if (group.n < version.n)
        version = bytes_skip(version, group.n + 1);
    else
        group = BYTES_NONE;
    pair.kind = kind_by_name(registry_current(), group, version, json_text(object, BYTES("kind")));
    if (!pair.kind)
        fail_msg("%s is not registered", text(pair.name));
    return pair;
}

static struct json *decoded(const struct pair *pair, enum body_format format, bytes body)
{
    struct json *object;
    struct warnings none = {0};
    error_init(&error, &arena);
    if (decode_object(&arena, pair->kind, format, body, FIELD_VALIDATION_STRICT, &none, &object, &error) != ERR_OK)
        fail_msg("%s: %s", text(pair->name), text(error.message));
    return object;
}

static const char *written(const struct json *object)
{
    struct buffer b;
    buffer_init(&b, &arena);
    json_write(&b, object);
    return text(buffer_bytes(&b));
}

static bool encodes(const struct pair *pair)
{
    struct buffer b;
    buffer_init(&b, &arena);
    struct json *object = decoded(pair, BODY_JSON, pair->json);
    if (encode_document(&arena, &b, ENCODING_PROTOBUF, pair->kind->schema, object, &error) != ERR_OK)
        fail_msg("%s: %s", text(pair->name), text(error.message));
    if (bytes_equal(buffer_bytes(&b), pair->protobuf))
        return true;
    size_t i = 0;
    while (i < b.n && i < pair->protobuf.n && b.p[i] == pair->protobuf.p[i])
        i++;
    print_error("%s: differs at byte %zu of %zu, recorded %zu\n", text(pair->name), i, b.n, pair->protobuf.n);
    return false;
}

static bool decodes(const struct pair *pair)
{
    struct json *from_json = decoded(pair, BODY_JSON, pair->json);
    const char *a = written(decoded(pair, BODY_PROTOBUF, pair->protobuf)), *b = written(from_json);
    if (strcmp(a, b) == 0)
        return true;
    size_t i = 0;
    while (a[i] == b[i])
        i++;
    i -= i < 40 ? i : 40;
    print_error("%s:\n  from protobuf %.200s\n  from JSON     %.200s\n", text(pair->name), a + i, b + i);
    return false;
}

static void check_all(bool (*check)(const struct pair *))
{
    struct json *all;
    size_t failed = 0;
    assert_int_equal(
        json_parse(&arena, golden("protobuf.json"), &(struct json_options){0}, &all, NULL, &error), ERR_OK);
    assert_true(all->count > 50);
    for (const struct json *entry = all->first; entry; entry = entry->next) {
        struct pair pair = pair_of(entry);
        failed += !check(&pair);
    }
    assert_int_equal(failed, 0);
}

static void every_kind_is_encoded_as_kube_apiserver_does(void **state)
{
    (void)state;
    check_all(encodes);
}

static void every_kind_is_read_from_protobuf(void **state)
{
    (void)state;
    check_all(decodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_kind_is_encoded_as_kube_apiserver_does), TEST(every_kind_is_read_from_protobuf)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
