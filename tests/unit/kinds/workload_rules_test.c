/* SPDX-License-Identifier: Apache-2.0 */
/* What a real kube-apiserver says to bad pods, workloads and nodes, and to changes of good ones
 * (tests/golden/kinds/workloads.json, recorded by record.py beside it): we say the same. */
#include "workloads.h"

static bool ends_number(bytes name, uint64_t *ret)
{
    return bytes_to_uint64(name, ret);
}

static struct json *step(struct json *at, bytes name)
{
    uint64_t place;
    if (at->type == JSON_OBJECT)
        return json_get(at, name) ? json_get(at, name) : json_set(at, name, json_new(&arena, JSON_OBJECT));
    assert_true(ends_number(name, &place));
    struct json *item = at->first;
    for (; place && item; place--)
        item = item->next;
    return item;
}

/* Puts a copy of value at a path of names and places: spec/containers/0/image; null takes the member away. */
static void put(struct json *root, bytes path, const struct json *value)
{
    struct json *at = root;
    size_t slash;
    while ((slash = bytes_find(path, '/')) < path.n) {
        at = step(at, (bytes){path.p, slash});
        assert_non_null(at);
        path = bytes_skip(path, slash + 1);
    }
    struct json *copy = json_copy(&arena, value), *item = at->type == JSON_ARRAY ? step(at, path) : NULL;
    if (at->type == JSON_OBJECT && value->type == JSON_NULL)
        json_remove(at, path);
    else if (at->type == JSON_OBJECT)
        assert_non_null(json_set(at, path, copy));
    else if (!item)
        assert_non_null(json_append(at, copy));
    else
        fail_msg("an item is replaced");
}

/* As src/serve/write.c does it: what the subresource does not change is as it was. */
static err_t change(const struct kind *kind, bytes subresource, struct json *object, const struct json *old)
{
    enum subresource which = bytes_equal(subresource, BYTES("status"))                ? SUBRESOURCE_STATUS
                             : bytes_equal(subresource, BYTES("ephemeralcontainers")) ? SUBRESOURCE_EPHEMERAL_CONTAINERS
                             : bytes_equal(subresource, BYTES("resize"))              ? SUBRESOURCE_RESIZE
                                                                                      : SUBRESOURCE_NONE;
    const char *kept = which == SUBRESOURCE_STATUS ? "spec" : "status";
    struct json *decoded;
    struct buffer b;
    buffer_init(&b, &arena);
    json_write(&b, object);
    error_init(&error, &arena);
    TRY(decode_object(&arena, kind, BODY_JSON, buffer_bytes(&b), FIELD_VALIDATION_STRICT, &warnings, &decoded, &error));
    TRY(object_prepare_update(
        &arena, kind, decoded, old, kind->namespaced ? BYTES("d") : BYTES(""), BYTES("x"), &error));
    TRY(schema_set_defaults(&arena, kind->schema, decoded, &error));
    if (kind->rules->set_defaults)
        TRY(kind->rules->set_defaults(&arena, kind, decoded, &error));
    if (schema_property(kind->schema, bytes_of(kept)))
        assert_true(tree_set_copy(&arena, decoded, kept, json_get(old, bytes_of(kept))));
    if (kind->rules->prepare)
        TRY(kind->rules->prepare(&arena, kind, which, decoded, old, &error));
    return object_validate(&arena, kind, which, decoded, old, &error);
}

static err_t outcome_of(const struct json *recorded_case)
{
    const struct kind *kind = workload_kind(tree_text(recorded_case, "kind"));
    struct json *object;
    if (!json_get(recorded_case, BYTES("old")))
        return make(kind, json_get(recorded_case, BYTES("body")), &object);
    assert_int_equal(make(kind, json_get(recorded_case, BYTES("old")), &object), ERR_OK);
    const struct json *old = json_copy(&arena, object);
    for (const struct json *edit = tree_first(recorded_case, "edits"); edit; edit = edit->next)
        put(object, edit->first->text, edit->last);
    return change(kind, tree_text(recorded_case, "subresource"), object, old);
}

/* What follows the first line there is Go's own print of a difference. */
static bytes first_line(bytes sentence)
{
    return (bytes){sentence.p, bytes_find(sentence, '\n')};
}

static void the_same_is_said_as_recorded(void **state)
{
    unsigned differ = 0, place = 0;
    (void)state;
    const struct json *c = recorded("kinds/workloads.json")->first;
    for (; c; c = c->next, place++) {
        bytes expected = first_line(tree_text(c, "message")), says;
        bool accepted = tree_integer(c, "code", 0) < 300;
        err_t result = outcome_of(c);
        says = result == ERR_OK ? BYTES_NONE : first_line(error.message);
        if (accepted ? result == ERR_OK : bytes_equal(says, expected))
            continue;
        differ++;
        print_error("case %u:\n  we   %s\n  they %s\n", place, text(says), text(expected));
    }
    assert_int_equal(differ, 0);
}

static void the_same_is_warned_of_as_recorded(void **state)
{
    unsigned place = 0;
    (void)state;
    for (const struct json *c = recorded("kinds/warnings.json")->first; c; c = c->next, place++) {
        const struct kind *kind = workload_kind(tree_text(c, "kind"));
        const struct json *expected = tree_first(c, "warnings");
        struct json *object;
        if (make(kind, json_get(c, BYTES("body")), &object) != ERR_OK)
            fail_msg("%u: %s", place, text(error.message));
        warnings = (struct warnings){0};
        kind->rules->warn(&arena, kind, object, &warnings);
        for (size_t i = 0; i < warnings.count; i++, expected = expected->next) {
            if (!expected)
                fail_msg("%u: %s", place, text(warnings.text[i]));
            assert_string_equal(text(warnings.text[i]), text(expected->text));
        }
        if (expected)
            fail_msg("%u: not said: %s", place, text(expected->text));
    }
    assert_true(place > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(the_same_is_said_as_recorded), TEST(the_same_is_warned_of_as_recorded)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
