/* SPDX-License-Identifier: Apache-2.0 */
/* Which FlowSchema and priority level a request is of: each part of a rule with both outcomes, and what follows when
 * schemas and levels come and go. */
#include "access/flow_control.h"
#include "base/clock.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena arena;
static struct error error;

static struct json *parse(const char *text)
{
    struct json *object = NULL;
    assert_int_equal(json_parse(&arena, bytes_of(text), &(struct json_options){0}, &object, NULL, &error), ERR_OK);
    return object;
}

static err_t put_schema(const char *name, int precedence, const char *level, const char *rest)
{
    bytes text = arena_format(&arena,
        "{\"metadata\":{\"name\":\"%s\",\"uid\":\"schema-%s\"},\"spec\":{\"matchingPrecedence\":%d,"
        "\"priorityLevelConfiguration\":{\"name\":\"%s\"}%s}}",
        name, name, precedence, level, rest);
    return flow_schema_put(bytes_of(name), parse((const char *)text.p), &error);
}

static err_t put_level(const char *name, const char *spec)
{
    bytes text =
        arena_format(&arena, "{\"metadata\":{\"name\":\"%s\",\"uid\":\"level-%s\"},\"spec\":%s}", name, name, spec);
    return flow_level_put(bytes_of(name), parse((const char *)text.p), &error);
}

#define QUEUE(shares, queues, hand, length)                                                                            \
    "{\"type\":\"Limited\",\"limited\":{\"nominalConcurrencyShares\":" #shares                                         \
    ",\"limitResponse\":{\"type\":\"Queue\",\"queuing\":{\"queues\":" #queues ",\"handSize\":" #hand                   \
    ",\"queueLengthLimit\":" #length "}}}}"
#define REJECT(shares)                                                                                                 \
    "{\"type\":\"Limited\",\"limited\":{\"nominalConcurrencyShares\":" #shares                                         \
    ",\"limitResponse\":{\"type\":\"Reject\"}}}"

static const bytes jane_groups[] = {BYTES("people"), BYTES(USER_AUTHENTICATED)};
static const bytes account_groups[] = {BYTES(USER_ACCOUNTS), BYTES(USER_ACCOUNTS ":team"), BYTES(USER_AUTHENTICATED)};
static const bytes master_groups[] = {BYTES(USER_MASTERS), BYTES(USER_AUTHENTICATED)};
static const struct user jane = {.name = BYTES("jane"), .groups = jane_groups, .group_count = 2};
static const struct user account = {
    .name = BYTES("system:serviceaccount:team:builder"), .groups = account_groups, .group_count = 3};
static const struct user master = {.name = BYTES("admin"), .groups = master_groups, .group_count = 2};

static struct flow_class classify(const struct user *user, const char *verb, const char *group, const char *resource,
    const char *subresource, const char *namespace)
{
    struct attributes a = {.user = user,
        .verb = bytes_of(verb),
        .resource_request = true,
        .group = bytes_of(group),
        .version = BYTES("v1"),
        .resource = bytes_of(resource),
        .subresource = bytes_of(subresource),
        .namespace = bytes_of(namespace)};
    struct flow_class class;
    flow_classify(&a, &class);
    return class;
}

#define RULE(subject, rest) ",\"rules\":[{\"subjects\":[" subject "],\"resourceRules\":[" rest "]}]"
#define USER(name)          "{\"kind\":\"User\",\"user\":{\"name\":\"" name "\"}}"
#define GROUP(name)         "{\"kind\":\"Group\",\"group\":{\"name\":\"" name "\"}}"
#define ACCOUNT(namespace, name)                                                                                       \
    "{\"kind\":\"ServiceAccount\",\"serviceAccount\":{\"namespace\":\"" namespace "\",\"name\":\"" name "\"}}"
#define ALL                                                                                                            \
    "{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"],\"namespaces\":[\"*\"],\"clusterScope\":true}"
#define SECRETS(namespaces, scope)                                                                                     \
    "{\"verbs\":[\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"secrets\",\"pods/"                                    \
    "status\"],\"namespaces\":[" namespaces "],\"clusterScope\":" scope "}"

/* A schema with this rule, and who asks for what: whether it is of it. */
static const struct row {
    const char *rule;
    const struct user *user;
    const char *verb, *group, *resource, *subresource, *namespace;
    bool matches;
} rows[] = {
    {RULE(USER("jane"), ALL), &jane, "list", "", "secrets", "", "ns", true},
    {RULE(USER("joe"), ALL), &jane, "list", "", "secrets", "", "ns", false},
    {RULE(USER("*"), ALL), &jane, "list", "", "secrets", "", "ns", true},
    {RULE(GROUP("people"), ALL), &jane, "list", "", "secrets", "", "ns", true},
    {RULE(GROUP("jane"), ALL), &jane, "list", "", "secrets", "", "ns", false},
    {RULE(GROUP("*"), ALL), &jane, "list", "", "secrets", "", "ns", true},
    {RULE(USER("joe") "," GROUP("people"), ALL), &jane, "list", "", "secrets", "", "ns", true},
    {RULE(ACCOUNT("team", "builder"), ALL), &account, "list", "", "secrets", "", "ns", true},
    {RULE(ACCOUNT("team", "*"), ALL), &account, "list", "", "secrets", "", "ns", true},
    {RULE(ACCOUNT("team", "other"), ALL), &account, "list", "", "secrets", "", "ns", false},
    {RULE(ACCOUNT("other", "*"), ALL), &account, "list", "", "secrets", "", "ns", false},
    {RULE(ACCOUNT("team", "*"), ALL), &jane, "list", "", "secrets", "", "ns", false},
    {RULE("", ALL), &jane, "list", "", "secrets", "", "ns", false},
    {RULE(USER("jane"), ""), &jane, "list", "", "secrets", "", "ns", false},
    {"", &jane, "list", "", "secrets", "", "ns", false},
    {RULE(USER("jane"), SECRETS("\"ns\"", "false")), &jane, "list", "", "secrets", "", "ns", true},
    {RULE(USER("jane"), SECRETS("\"ns\"", "false")), &jane, "create", "", "secrets", "", "ns", false},
    {RULE(USER("jane"), SECRETS("\"ns\"", "false")), &jane, "list", "apps", "secrets", "", "ns", false},
    {RULE(USER("jane"), SECRETS("\"ns\"", "false")), &jane, "list", "", "pods", "", "ns", false},
    {RULE(USER("jane"), SECRETS("\"ns\"", "false")), &jane, "list", "", "pods", "status", "ns", true},
    {RULE(USER("jane"), SECRETS("\"ns\"", "false")), &jane, "list", "", "secrets", "status", "ns", false},
    {RULE(USER("jane"), SECRETS("\"ns\"", "false")), &jane, "list", "", "secrets", "", "other", false},
    {RULE(USER("jane"), SECRETS("\"ns\"", "true")), &jane, "list", "", "secrets", "", "", true},
    {RULE(USER("jane"), SECRETS("\"*\"", "false")), &jane, "list", "", "secrets", "", "", false},
    {RULE(USER("jane"), SECRETS("\"*\"", "false")), &jane, "list", "", "secrets", "", "any", true},
    {RULE(USER("jane"), SECRETS("\"a\"", "false") "," SECRETS("\"b\"", "false")), &jane, "list", "", "secrets", "", "b",
        true},
};

static void test_rules(void **state)
{
    (void)state;
    assert_int_equal(put_level("level", QUEUE(10, 8, 2, 50)), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        assert_int_equal(put_schema("tested", 10, "level", row->rule), ERR_OK);
        struct flow_class class =
            classify(row->user, row->verb, row->group, row->resource, row->subresource, row->namespace);
        if (strcmp(class.schema_uid, row->matches ? "schema-tested" : "") != 0)
            fail_msg("row %zu is of \"%s\"", i, class.schema_uid);
        assert_string_equal(class.level_uid, row->matches ? "level-level" : "");
    }
}

static void test_precedence(void **state)
{
    (void)state;
    assert_int_equal(put_level("level", QUEUE(10, 8, 2, 50)), ERR_OK);
    assert_int_equal(put_schema("c", 20, "level", RULE(USER("*"), ALL)), ERR_OK);
    assert_int_equal(put_schema("b", 10, "level", RULE(USER("*"), ALL)), ERR_OK);
    assert_int_equal(put_schema("a", 10, "nowhere", RULE(USER("*"), ALL)), ERR_OK);
    assert_string_equal(classify(&jane, "list", "", "pods", "", "").schema_uid, "schema-b");
    assert_int_equal(put_level("nowhere", REJECT(1)), ERR_OK);
    assert_string_equal(classify(&jane, "list", "", "pods", "", "").schema_uid, "schema-a");
    assert_int_equal(flow_level_put(BYTES("nowhere"), NULL, &error), ERR_OK);
    assert_int_equal(flow_schema_put(BYTES("b"), NULL, &error), ERR_OK);
    assert_string_equal(classify(&jane, "list", "", "pods", "", "").schema_uid, "schema-c");
    assert_int_equal(flow_schema_put(BYTES("never"), NULL, &error), ERR_OK);
}

/* What nobody stored is in force all the same. */
static void test_nothing_stored(void **state)
{
    struct flow_class class = classify(&jane, "list", "", "pods", "", "");
    (void)state;
    assert_false(class.exempt);
    assert_int_equal(class.most, FLOW_SEATS);
    assert_string_equal(class.schema_uid, "");
    assert_true(classify(&master, "list", "", "pods", "", "").exempt);
    assert_int_equal(put_level("exempt", "{\"type\":\"Exempt\"}"), ERR_OK);
    assert_int_equal(put_level("catch-all", REJECT(5)), ERR_OK);
    assert_string_equal(classify(&master, "list", "", "pods", "", "").level_uid, "level-exempt");
    assert_string_equal(classify(&jane, "list", "", "pods", "", "").level_uid, "level-catch-all");
    /* no schema takes away what system:masters have */
    assert_int_equal(put_schema("trap", 1, "catch-all", RULE(GROUP("*"), ALL)), ERR_OK);
    assert_true(classify(&master, "list", "", "pods", "", "").exempt);
}

/* Whatever the store holds, however it came there: system:masters get in, and what is of another type matches nothing.
 */
static void test_hostile_objects(void **state)
{
    static const char *const lists[] = {"\"text\"", "5", "true", "{\"a\":{\"subjects\":\"text\"}}",
        "[{\"subjects\":\"text\",\"resourceRules\":\"text\"}]", "[{\"subjects\":[" GROUP("*") "],\"resourceRules\":7}]",
        "[\"text\",null]", "[{\"subjects\":[7,\"text\",{\"kind\":\"User\",\"user\":3}],\"resourceRules\":[" ALL "]}]"};
    (void)state;
    assert_int_equal(put_level("exempt", REJECT(0)), ERR_OK);
    assert_true(classify(&master, "list", "", "pods", "", "").exempt);
    assert_false(classify(&jane, "list", "", "pods", "", "").exempt);
    assert_int_equal(put_level("catch-all", "\"text\""), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const char *rest = (const char *)arena_format(&arena, ",\"rules\":%s", lists[i]).p;
        assert_int_equal(put_schema("tested", 1, "catch-all", rest), ERR_OK);
        assert_string_equal(classify(&jane, "list", "", "pods", "", "").schema_uid, "");
    }
}

static void test_bounds_and_flows(void **state)
{
    struct flow_class class;
    unsigned number;
    (void)state;
    assert_int_equal(put_level("queue", QUEUE(100, 128, 6, 50)), ERR_OK);
    assert_int_equal(put_level("reject", REJECT(50)), ERR_OK);
    assert_int_equal(
        put_schema("user", 10, "queue", ",\"distinguisherMethod\":{\"type\":\"ByUser\"}" RULE(USER("jane"), ALL)),
        ERR_OK);
    assert_int_equal(put_schema("namespace", 20, "reject",
                         ",\"distinguisherMethod\":{\"type\":\"ByNamespace\"}" RULE(ACCOUNT("team", "*"), ALL)),
        ERR_OK);
    class = classify(&jane, "list", "", "pods", "", "ns");
    assert_int_equal(class.most, 400 + 128 * 50);
    assert_int_equal(class.flow_most, 400 + 6 * 50);
    assert_int_equal(class.weight, 100);
    assert_true(bytes_equal(class.distinguisher, BYTES("jane")));
    number = class.level;
    class = classify(&account, "list", "", "pods", "", "ns");
    assert_int_equal(class.most, 200);
    assert_int_equal(class.flow_most, 200);
    assert_true(bytes_equal(class.distinguisher, BYTES("ns")));
    assert_int_not_equal(class.level, number);
    /* a level that changes is counted on; one share less is a seat less, and none of them is weight 1 */
    assert_int_equal(put_level("queue", REJECT(0)), ERR_OK);
    class = classify(&jane, "list", "", "pods", "", "ns");
    assert_int_equal(class.level, number);
    assert_int_equal(class.most, 0);
    assert_int_equal(class.weight, 1);
    assert_int_equal(put_level("queue", QUEUE(2147483647, 10000000, 10000000, 2147483647)), ERR_OK);
    class = classify(&jane, "list", "", "pods", "", "ns");
    assert_int_equal(class.most, INT32_MAX);
    assert_int_equal(class.flow_most, INT32_MAX);
    assert_int_equal(put_schema("user", 10, "queue", RULE(USER("jane"), ALL)), ERR_OK);
    assert_int_equal(classify(&jane, "list", "", "pods", "", "ns").distinguisher.n, 0);
}

static void test_many_levels(void **state)
{
    char names[2 * FLOW_LEVELS][16];
    bool seen[FLOW_LEVELS] = {false};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(names[i], sizeof names[i], "level-%zu", i);
        assert_int_equal(put_level(names[i], REJECT(1)), ERR_OK);
        assert_int_equal(put_schema("at", 10, names[i], RULE(USER("jane"), ALL)), ERR_OK);
        unsigned level = classify(&jane, "list", "", "pods", "", "").level;
        assert_in_range(level, 2, FLOW_LEVELS - 1);
        assert_true(!seen[level] || level == FLOW_LEVELS - 1);
        seen[level] = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(flow_level_put(bytes_of(names[i]), NULL, &error), ERR_OK);
}

#define CROWD 2000

/* Thousands of both take their time, but not that of each with each at every change. */
static void test_crowd(void **state)
{
    char name[16];
    uint64_t began = clock_monotonic_ms();
    (void)state;
    for (unsigned i = 0; i < CROWD; i++) {
        (void)snprintf(name, sizeof name, "crowd-%u", i);
        assert_int_equal(put_schema(name, 100, name, RULE(USER("jane"), ALL)), ERR_OK);
    }
    for (unsigned i = CROWD; i-- > 0;) {
        (void)snprintf(name, sizeof name, "crowd-%u", i);
        assert_int_equal(put_level(name, REJECT(1)), ERR_OK);
        if (i == CROWD / 2) /* the first by name of those that are there */
            assert_string_equal(classify(&jane, "list", "", "pods", "", "").schema_uid, "schema-crowd-1000");
    }
    assert_string_equal(classify(&jane, "list", "", "pods", "", "").schema_uid, "schema-crowd-0");
    for (unsigned i = 0; i < CROWD; i++) {
        (void)snprintf(name, sizeof name, "crowd-%u", i);
        assert_int_equal(flow_level_put(bytes_of(name), NULL, &error), ERR_OK);
        assert_int_equal(flow_schema_put(bytes_of(name), NULL, &error), ERR_OK);
    }
    assert_in_range(clock_monotonic_ms() - began, 0, 20000);
}

/* Whichever allocation fails, what was in force stays. */
static void test_no_memory(void **state)
{
    (void)state;
    assert_int_equal(put_level("level", QUEUE(10, 8, 2, 50)), ERR_OK);
    assert_int_equal(put_schema("tested", 10, "level", RULE(USER("jane"), ALL)), ERR_OK);
    for (long after = 0;; after++) {
        struct json *schema = parse("{\"metadata\":{\"uid\":\"new\"},\"spec\":{\"matchingPrecedence\":5,"
                                    "\"priorityLevelConfiguration\":{\"name\":\"level\"}" RULE(USER("jane"), ALL) "}}");
        struct json *level = parse("{\"metadata\":{\"uid\":\"new\"},\"spec\":" REJECT(1) "}");
        memory_fail_after(after);
        err_t code = flow_schema_put(BYTES("tested"), schema, &error);
        if (code == ERR_OK)
            code = flow_level_put(BYTES("level"), level, &error);
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        if (!fired) {
            assert_int_equal(code, ERR_OK);
            break;
        }
        assert_int_equal(code, ERR_NO_MEMORY);
        struct flow_class class = classify(&jane, "list", "", "pods", "", "");
        assert_string_equal(class.level_uid, "level-level");
        assert_true(class.schema_uid[0] != '\0');
    }
    assert_string_equal(classify(&jane, "list", "", "pods", "", "").schema_uid, "new");
    assert_string_equal(classify(&jane, "list", "", "pods", "", "").level_uid, "new");
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 16u << 20);
    error_init(&error, &arena);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const schemas[] = {"a", "b", "c", "at", "tested", "trap", "user", "namespace"};
    static const char *const levels[] = {"level", "nowhere", "exempt", "catch-all", "queue", "reject"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++)
        assert_int_equal(flow_schema_put(bytes_of(schemas[i]), NULL, &error), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        assert_int_equal(flow_level_put(bytes_of(levels[i]), NULL, &error), ERR_OK);
    arena_reset(&arena);
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_rules), TEST(test_precedence), TEST(test_nothing_stored),
        TEST(test_hostile_objects), TEST(test_bounds_and_flows), TEST(test_many_levels), TEST(test_crowd),
        TEST(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
