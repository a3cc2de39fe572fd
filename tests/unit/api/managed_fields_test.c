/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of managedFields: who, when, how many; sentences of conflicts; what the reference does not tell. */
#include "api/managed_fields.h"
#include "base/memory.h"
#include "fixture.h"
#include "thing.h"

static struct json *parse(const char *in)
{
    struct json *value = NULL;
    err_t result = json_parse(&arena, bytes_of(in), &(struct json_options){0}, &value, NULL, &error);
    if (result != ERR_OK)
        fail_msg("%s: %.*s", in, BYTES_FMT(error.message));
    return value;
}

static const char *written(const struct json *value)
{
    struct buffer b;
    buffer_init(&b, &arena);
    json_write(&b, value);
    return text(buffer_bytes(&b));
}

#define HEAD "{\"kind\":\"Thing\",\"apiVersion\":\"test/v1\",\"metadata\":{\"name\":\"t\"}"

/* A thing with these members after metadata. */
static struct json *thing_of(const char *members)
{
    return parse(text(arena_format(&arena, HEAD "%s%s}", *members ? "," : "", members)));
}

static struct json *update(
    struct json *old, const char *members, const char *name, const char *subresource, int64_t now)
{
    const struct field_manager manager = {bytes_of(name), bytes_of(subresource), now};
    struct json *object = thing_of(members);
    assert_int_equal(managed_fields_update(&arena, &thing, object, old, &manager, &error), ERR_OK);
    return object;
}

static err_t try_apply(
    struct json *old, const char *members, const char *name, int64_t now, bool force, struct json **ret)
{
    const struct field_manager manager = {.name = bytes_of(name), .now = now};
    bool changed;
    return managed_fields_apply(&arena, &thing, old, thing_of(members), &manager, force, ret, &changed, &error);
}

static struct json *apply(struct json *old, const char *members, const char *name, int64_t now, bool force)
{
    struct json *merged = NULL;
    err_t result = try_apply(old, members, name, now, force, &merged);
    if (result != ERR_OK)
        fail_msg("%.*s", BYTES_FMT(error.message));
    return merged;
}

/* The entries in short: name, * for Update, subresource, second of the hour (- for none), fields. */
static const char *entries_of(const struct json *object)
{
    const struct json *list = json_at(object, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE);
    struct buffer b;
    buffer_init(&b, &arena);
    for (const struct json *entry = list ? list->first : NULL; entry; entry = entry->next) {
        bytes time = json_text(entry, BYTES("time")), sub = json_text(entry, BYTES("subresource"));
        buffer_put(&b, json_text(entry, BYTES("manager")));
        if (bytes_equal(json_text(entry, BYTES("operation")), BYTES("Update")))
            buffer_byte(&b, '*');
        buffer_format(&b, "%s%.*s ", sub.n ? "/" : "", BYTES_FMT(sub));
        buffer_put(&b, time.n ? (bytes){time.p + 17, 2} : BYTES("-"));
        buffer_byte(&b, ' ');
        json_write(&b, json_get(entry, BYTES("fieldsV1")));
        buffer_byte(&b, '\n');
    }
    return text(buffer_bytes(&b));
}

/* ---- Updates */

static void times_move_with_changes(void **state)
{
    (void)state;
    struct json *a = update(NULL, "\"spec\":{\"number\":1}", "m", "", 1);
    assert_string_equal(entries_of(a), "m* 01 {\"f:spec\":{\".\":{},\"f:number\":{}}}\n");
    struct json *b = update(a, "\"spec\":{\"number\":1}", "other", "", 2);
    assert_string_equal(entries_of(b), entries_of(a));
    struct json *c = update(b, "\"spec\":{\"number\":2}", "m", "", 3);
    assert_string_equal(entries_of(c), "m* 03 {\"f:spec\":{\".\":{},\"f:number\":{}}}\n");
    struct json *d = update(c, "\"spec\":{\"number\":3}", "other", "", 4);
    assert_string_equal(entries_of(d), "m* 03 {\"f:spec\":{}}\nother* 04 {\"f:spec\":{\"f:number\":{}}}\n");
    struct json *e = update(d, "", "", "", 5);
    assert_string_equal(entries_of(e), "");
    assert_null(json_at(e, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE));
    struct json *f = update(e, "\"spec\":{\"number\":3}", "m", "", 6); /* untracked stays so */
    assert_string_equal(entries_of(f), "");
    assert_string_equal(entries_of(update(NULL, "\"spec\":{\"number\":3}", "", "", 6)),
        "unknown* 06 {\"f:spec\":{\".\":{},\"f:number\":{}}}\n");
}

static void subresources_have_entries_of_their_own(void **state)
{
    (void)state;
    struct json *a = update(NULL, "\"spec\":{\"number\":1},\"status\":{\"x\":\"1\"}", "m", "", 1);
    assert_string_equal(entries_of(a), "m* 01 {\"f:spec\":{\".\":{},\"f:number\":{}}}\n");
    struct json *b = update(a, "\"spec\":{\"number\":1},\"status\":{\"x\":\"2\"}", "m", "status", 2);
    assert_string_equal(
        entries_of(b), "m* 01 {\"f:spec\":{\".\":{},\"f:number\":{}}}\nm*/status 02 {\"f:status\":{\"f:x\":{}}}\n");
    struct json *c = apply(b, "\"status\":{\"x\":\"3\"}", "n", 3, false);
    assert_string_equal(entries_of(c), entries_of(b)); /* not through the object itself */
}

static struct json *put(struct json *old, const char *managed_fields)
{
    const struct field_manager manager = {.name = BYTES("m"), .now = 9};
    struct json *object = thing_of("\"spec\":{\"number\":2}");
    json_set(json_get(object, BYTES("metadata")), BYTES("managedFields"), parse(managed_fields));
    assert_int_equal(managed_fields_update(&arena, &thing, object, old, &manager, &error), ERR_OK);
    return object;
}

static void clients_may_send_entries(void **state)
{
    static const char sent[] =
        "[{\"manager\":\"sent\",\"operation\":\"Update\",\"apiVersion\":\"test/v1\",\"time\":\"1970-01-"
        "01T00:00:07Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:spec\":{}}}]";
    static const char *const unreadable[] = {
        "[{\"manager\":\"x\"}]",
        "[{\"manager\":\"x\",\"operation\":\"Sign\",\"apiVersion\":\"v1\",\"fieldsType\":\"FieldsV1\"}]",
        "[{\"manager\":\"x\",\"operation\":\"Update\",\"fieldsType\":\"FieldsV1\"}]",
        "[{\"manager\":\"x\",\"operation\":\"Update\",\"apiVersion\":\"v1\"}]",
        "[{\"manager\":\"x\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"fieldsType\":\"FieldsV2\"}]",
        "[{\"manager\":\"x\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":[]"
        "}]",
    };
    const char *kept = "old* 01 {\"f:spec\":{}}\nm* 09 {\"f:spec\":{\"f:number\":{}}}\n";
    (void)state;
    struct json *old = update(NULL, "\"spec\":{\"number\":1}", "old", "", 1);
    assert_string_equal(entries_of(put(old, "[]")), "");
    assert_string_equal(entries_of(put(old, "[{}]")), "");
    assert_string_equal(entries_of(put(old, "null")), kept);
    assert_string_equal(entries_of(put(old, "[{},{}]")), kept);
    for (size_t i = 0; i < ARRAY_LEN(unreadable); i++)
        assert_string_equal(entries_of(put(old, unreadable[i])), kept);
    assert_string_equal(entries_of(put(old, sent)), "sent* 07 {\"f:spec\":{}}\nm* 09 {\"f:spec\":{\"f:number\":{}}}\n");

    struct json *object =
        thing_of("\"spec\":{\"number\":1},\"status\":{\"x\":\"1\"}"); /* but not through a subresource */
    const struct field_manager manager = {.name = BYTES("m"), .subresource = BYTES("status"), .now = 9};
    json_set(json_get(object, BYTES("metadata")), BYTES("managedFields"), parse("[]"));
    assert_int_equal(managed_fields_update(&arena, &thing, object, old, &manager, &error), ERR_OK);
    assert_string_equal(entries_of(object),
        "old* 01 {\"f:spec\":{\".\":{},\"f:number\":{}}}\nm*/status 09 {\"f:status\":{\".\":{},\"f:x\":{}}}\n");
}

static void entries_of_lost_versions_go(void **state)
{
    (void)state;
    struct json *old = thing_of("\"spec\":{\"number\":1}");
    json_set(json_get(old, BYTES("metadata")), BYTES("managedFields"),
        parse("[{\"manager\":\"a\",\"operation\":\"Update\",\"apiVersion\":\"test/v0\",\"fieldsType\":\"FieldsV1\","
              "\"fieldsV1\":{\"f:spec\":{}}},{\"manager\":\"b\",\"operation\":\"Update\",\"apiVersion\":\"test/v1\","
              "\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:spec\":{}}}]"));
    assert_string_equal(entries_of(update(old, "\"spec\":{\"number\":1}", "m", "", 1)), "b* - {\"f:spec\":{}}\n");
}

static void many_updates_become_ancient(void **state)
{
    struct json *object = update(NULL, "\"spec\":{\"number\":0}", "m00", "", 0);
    (void)state;
    for (int i = 1; i <= 12; i++) {
        struct buffer b;
        buffer_init(&b, &arena);
        buffer_text(&b, "\"spec\":{\"number\":0,\"map\":{");
        for (int j = 1; j <= i; j++)
            buffer_format(&b, "%s\"k%02d\":\"\"", j > 1 ? "," : "", j);
        buffer_text(&b, "}}");
        object = update(object, text(buffer_bytes(&b)), text(arena_format(&arena, "m%02d", i)), "", i);
    }
    static const char first[] =
        "ancient-changes* 03 {\"f:spec\":{\".\":{},\"f:map\":{\".\":{},\"f:k01\":{},\"f:k02\":{},"
        "\"f:k03\":{}},\"f:number\":{}}}\nm04* 04 {\"f:spec\":{\"f:map\":{\"f:k04\":{}}}}\nm05*";
    assert_int_equal(strncmp(entries_of(object), first, sizeof(first) - 1), 0);
    assert_int_equal(json_at(object, BYTES("metadata"), BYTES("managedFields"), BYTES_NONE)->count, 10);
}

/* ---- Applies */

static void the_first_apply_finds_an_owner(void **state)
{
    (void)state;
    struct json *old = thing_of("\"spec\":{\"number\":1,\"map\":{\"a\":\"1\"}}");
    struct json *merged = apply(old, "\"spec\":{\"map\":{\"a\":\"1\"}}", "m", 2, false);
    assert_string_equal(entries_of(merged),
        "m - {\"f:spec\":{\"f:map\":{\"f:a\":{}}}}\n"
        "before-first-apply* 02 {\"f:spec\":{\".\":{},\"f:map\":{\".\":{},\"f:a\":{}},\"f:number\":{}}}\n");
    struct json *none = NULL;
    assert_int_equal(try_apply(old, "\"spec\":{\"number\":2}", "m", 2, false, &none), ERR_CONFLICT);
    assert_string_equal(text(error.message),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using test/v1: .spec.number");
}

static void conflicts_are_told(void **state)
{
    struct json *none = NULL;
    (void)state;
    struct json *a = apply(NULL, "\"spec\":{\"number\":1,\"keyed\":[{\"k\":\"x\",\"v\":\"1\"}]}", "b\"q", 1, false);
    struct json *b = update(a,
        "\"spec\":{\"number\":1,\"keyed\":[{\"k\":\"x\",\"v\":\"1\"}],\"set\":[\"s\"],\"atom\":{\"z\":\"1\"}}", "a", "",
        2);
    assert_int_equal(
        try_apply(b, "\"spec\":{\"number\":2,\"keyed\":[{\"k\":\"x\",\"v\":\"2\"}],\"set\":[\"s\"],\"atom\":{}}", "c",
            3, false, &none),
        ERR_CONFLICT);
    assert_null(none);
    assert_string_equal(text(error.message),
        "Apply failed with 3 conflicts: conflicts with \"a\" using test/v1:\n- .spec.atom\n"
        "conflicts with \"b\\\"q\":\n- .spec.number\n- .spec.keyed[k=\"x\",l=\"1\"].v");
    assert_int_equal(error.cause_count, 3);
    assert_string_equal(error.causes->reason, "FieldManagerConflict");
    assert_string_equal(text(error.causes->message), "conflict with \"a\" using test/v1");
    assert_string_equal(text(error.causes->field), ".spec.atom");
    struct json *merged = apply(b, "\"spec\":{\"number\":2}", "c", 3, true);
    assert_string_equal(entries_of(merged), "b\"q 01 "
                                            "{\"f:spec\":{\"f:keyed\":{\"k:{\\\"k\\\":\\\"x\\\",\\\"l\\\":\\\"1\\\"}\":"
                                            "{\".\":{},\"f:k\":{},\"f:v\":{}}}}}\n"
                                            "c 03 {\"f:spec\":{\"f:number\":{}}}\na* 02 "
                                            "{\"f:spec\":{\"f:atom\":{},\"f:set\":{\".\":{},\"v:\\\"s\\\"\":{}}}}\n");
}

static void what_cannot_be_applied_is_refused(void **state)
{
    static const struct {
        const char *members, *message;
    } cases[] = {
        {"\"bogus\":1", ".bogus: field not declared in schema"},
        {"\"spec\":{\"keyed\":[{\"k\":\"x\",\"zz\":1}]}",
            ".spec.keyed[k=\"x\",l=\"1\"].zz: field not declared in schema"},
        {"\"spec\":{\"keyed\":[{\"k\":\"x\"},{\"k\":\"x\",\"l\":\"1\"}]}",
            ".spec.keyed: duplicate entries for key [k=\"x\",l=\"1\"]"},
        {"\"spec\":{\"set\":[\"a\",\"a\"]},\"other\":1",
            "errors:\n  .spec.set: duplicate entries for key [=\"a\"]\n  .other: field not declared in schema"},
        {"\"spec\":{\"set\":[null]}", ".spec.set: an item of an associative list has no key"},
    };
    struct json *none = NULL;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(try_apply(NULL, cases[i].members, "m", 1, true, &none), ERR_BAD_REQUEST);
        assert_string_equal(text(error.message),
            text(arena_format(
                &arena, "failed to create typed patch object (/t; test/v1, Kind=Thing): %s", cases[i].message)));
    }
}

static void duplicates_that_are_there_are_borne(void **state)
{
    (void)state;
    struct json *old = update(
        NULL, "\"spec\":{\"keyed\":[{\"k\":\"x\",\"v\":\"1\"},{\"k\":\"y\"},{\"k\":\"x\",\"v\":\"2\"}]}", "m", "", 1);
    struct json *beside = apply(old, "\"spec\":{\"keyed\":[{\"k\":\"z\"}]}", "n", 2, false);
    assert_string_equal(written(json_get(beside, BYTES("spec"))),
        "{\"keyed\":[{\"k\":\"x\",\"v\":\"1\"},{\"k\":\"y\"},{\"k\":\"x\",\"v\":\"2\"},{\"k\":\"z\"}]}");
    struct json *over = apply(old, "\"spec\":{\"keyed\":[{\"k\":\"x\",\"v\":\"3\"}]}", "n", 2, true);
    assert_string_equal(
        written(json_get(over, BYTES("spec"))), "{\"keyed\":[{\"k\":\"x\",\"v\":\"3\"},{\"k\":\"y\"}]}");
}

static void items_keep_their_order(void **state)
{
    static const struct {
        const char *live, *applied, *merged;
    } cases[] = {
        {"[\"a\",\"b\",\"c\"]", "[\"c\",\"a\"]", "[\"b\",\"c\",\"a\"]"},
        {"[\"a\",\"b\",\"c\"]", "[\"a\",\"x\",\"c\"]", "[\"a\",\"b\",\"x\",\"c\"]"},
        {"[\"a\",\"b\"]", "[\"x\",\"y\"]", "[\"a\",\"b\",\"x\",\"y\"]"},
        {"[\"a\",\"b\",\"c\",\"d\"]", "[\"d\",\"x\",\"b\"]", "[\"a\",\"c\",\"d\",\"x\",\"b\"]"},
        {"[\"a\"]", "[\"x\",\"a\",\"y\"]", "[\"x\",\"a\",\"y\"]"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *old = update(NULL, text(arena_format(&arena, "\"spec\":{\"set\":%s}", cases[i].live)), "m", "", 1);
        struct json *merged =
            apply(old, text(arena_format(&arena, "\"spec\":{\"set\":%s}", cases[i].applied)), "n", 2, true);
        assert_string_equal(written(json_at(merged, BYTES("spec"), BYTES("set"), BYTES_NONE)), cases[i].merged);
    }
}

static void empty_values_are_owned(void **state)
{
    (void)state;
    struct json *a =
        apply(NULL, "\"spec\":{\"map\":{},\"list\":[],\"number\":null,\"atom\":null,\"set\":[]}", "m", 1, false);
    assert_string_equal(
        entries_of(a), "m 01 {\"f:spec\":{\"f:atom\":{},\"f:list\":{},\"f:map\":{},\"f:number\":{}}}\n");
    assert_null(json_get(a, BYTES("spec")));
}

/* kubectl applied on the client's side before: what stands as it said is its own to change. */
static void kubectl_takes_over_from_its_annotation(void **state)
{
    const char *last =
        "{\\\"apiVersion\\\":\\\"test/v1\\\",\\\"kind\\\":\\\"Thing\\\",\\\"spec\\\":{\\\"number\\\":1,\\\"map\\\":"
        "{\\\"a\\\":\\\"0\\\"}}}";
    const struct field_manager client = {.name = BYTES("kubectl-client-side-apply"), .now = 1};
    struct json *none = NULL;
    (void)state;
    struct json *old = parse(text(arena_format(&arena,
        "{\"kind\":\"Thing\",\"apiVersion\":\"test/"
        "v1\",\"metadata\":{\"name\":\"t\",\"annotations\":{\"kubectl.kubernetes.io/"
        "last-applied-configuration\":\"%s\"}},\"spec\":{\"number\":1,\"map\":{\"a\":\"1\"}}}",
        last)));
    assert_int_equal(managed_fields_update(&arena, &thing, old, NULL, &client, &error), ERR_OK);
    assert_int_equal(try_apply(old, "\"spec\":{\"number\":2}", "other", 2, false, &none), ERR_CONFLICT);
    assert_int_equal(try_apply(old, "\"spec\":{\"map\":{\"a\":\"2\"}}", "kubectl", 2, false, &none), ERR_CONFLICT);
    struct json *merged = apply(old, "\"spec\":{\"number\":2}", "kubectl", 2, false);
    assert_string_equal(written(json_at(merged, BYTES("metadata"), BYTES("annotations"), BYTES_NONE)),
        "{\"kubectl.kubernetes.io/last-applied-configuration\":\"{\\\"apiVersion\\\":\\\"test/"
        "v1\\\",\\\"kind\\\":\\\"Thing\\\","
        "\\\"metadata\\\":{\\\"name\\\":\\\"t\\\"},\\\"spec\\\":{\\\"number\\\":2}}\\n\"}");
}

static void times_alone_are_no_change(void **state)
{
    (void)state;
    struct json *a = update(NULL, "\"spec\":{\"number\":1}", "m", "", 1),
                *b = update(NULL, "\"spec\":{\"number\":1}", "m", "", 2);
    struct json *c = update(NULL, "\"spec\":{\"number\":2}", "m", "", 2),
                *d = update(NULL, "\"spec\":{\"number\":1}", "n", "", 1);
    assert_true(managed_fields_same(a, b));
    assert_false(managed_fields_same(a, c));
    assert_false(managed_fields_same(a, d));
    assert_false(managed_fields_same(a, thing_of("\"spec\":{\"number\":1}")));
    assert_int_equal(managed_fields_keep_times(&arena, b, a, &error), ERR_OK);
    assert_string_equal(entries_of(b), entries_of(a));
    const char *before = entries_of(c);
    assert_int_equal(managed_fields_keep_times(&arena, c, a, &error), ERR_OK);
    assert_string_equal(entries_of(c), before);
}

static void names_are_validated(void **state)
{
    char name[140];
    (void)state;
    memset(name, 'x', sizeof(name));
    name[129] = '\0';
    managed_fields_validate(
        &arena, parse("{\"managedFields\":[{\"manager\":\"m\",\"operation\":\"Update\"}]}"), &error);
    assert_int_equal(error.cause_count, 0);
    managed_fields_validate(&arena,
        parse(text(arena_format(&arena,
            "{\"managedFields\":[{\"manager\":\"%s\",\"operation\":\"Apply\"},{\"manager\":\"a\\nb\",\"operation\":"
            "\"x\","
            "\"fieldsType\":\"y\"}]}",
            name))),
        &error);
    assert_int_equal(error.cause_count, 4);
    assert_string_equal(text(error.causes->field), "metadata.managedFields[0].manager");
    assert_string_equal(text(error.causes->message), "Too long: may not be more than 128 bytes");
    assert_string_equal(text(error.last_cause->field), "metadata.managedFields[1].manager");
    assert_string_equal(
        text(error.last_cause->message), "Invalid value: \"a\\nb\": invalid character U+000A (at position 1)");
}

/* ---- Faults */

static void faults(void **state)
{
    const struct field_manager manager = {.name = BYTES("kubectl"), .now = 2};
    struct json *old = update(NULL,
        "\"spec\":{\"number\":1,\"keyed\":[{\"k\":\"b\"},{\"k\":\"a\",\"map\":{\"x\":\"1\"}}],\"set\":[\"s\"]}", "m",
        "", 1);
    struct json *applied = thing_of("\"spec\":{\"keyed\":[{\"k\":\"a\",\"map\":{\"y\":\"2\"}}]}");
    (void)state;
    old = apply(old, "\"spec\":{\"keyed\":[{\"k\":\"a\",\"map\":{\"z\":\"2\"}}]}", "kubectl", 1, false);
    const char *before = written(old);
    for (int n = 0;; n++) {
        struct arena own;
        struct error why;
        struct json *merged = NULL;
        bool changed = false;
        arena_init(&own, 1u << 20);
        error_init(&why, NULL);
        memory_fail_after(n);
        err_t result = managed_fields_apply(&own, &thing, old, applied, &manager, false, &merged, &changed, &why);
        if (result == ERR_OK)
            result = managed_fields_update(&own, &thing, merged, old, &manager, &why);
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_int_equal(result, fired ? ERR_NO_MEMORY : ERR_OK);
        assert_string_equal(written(old), before);
        arena_reset(&own);
        if (!fired)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(times_move_with_changes),
        TEST(subresources_have_entries_of_their_own),
        TEST(clients_may_send_entries),
        TEST(entries_of_lost_versions_go),
        TEST(many_updates_become_ancient),
        TEST(the_first_apply_finds_an_owner),
        TEST(conflicts_are_told),
        TEST(what_cannot_be_applied_is_refused),
        TEST(duplicates_that_are_there_are_borne),
        TEST(items_keep_their_order),
        TEST(empty_values_are_owned),
        TEST(kubectl_takes_over_from_its_annotation),
        TEST(times_alone_are_no_change),
        TEST(names_are_validated),
        TEST(faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
