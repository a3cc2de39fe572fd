/* SPDX-License-Identifier: Apache-2.0 */
/* What reviews answer, from the body on, and at every allocation that fails. */
#include "../api/fixture.h"
#include "access/rbac.h"
#include "base/memory.h"
#include "kinds/kinds.h"
#include "serve/review.h"

static const bytes devs[] = {{(const uint8_t *)"devs", 4}}, nodes[] = {{(const uint8_t *)USER_NODES, 12}};
static const bytes values[] = {{(const uint8_t *)"x", 1}, {(const uint8_t *)"y", 1}};
static const struct user_extra extra[] = {{{(const uint8_t *)"b", 1}, values, 2},
    {{(const uint8_t *)"a", 1}, values, 1}, {{(const uint8_t *)"c", 1}, NULL, 0}};
static const struct user dev = {.name = {(const uint8_t *)"dev", 3},
    .uid = {(const uint8_t *)"7", 1},
    .groups = devs,
    .group_count = 1,
    .extra = extra,
    .extra_count = 3};
static const struct user node = {.name = {(const uint8_t *)"system:node:n", 13}, .groups = nodes, .group_count = 1};

/* ---- Rules: a role and a binding of each sort, and one of a role that nobody made. */

#define SUBJECTS "\"subjects\":[{\"kind\":\"Group\",\"name\":\"devs\"},{\"kind\":\"User\",\"name\":\"dev\"}]"
#define NODES    "node authorizer does not support user rule resolution"
#define ALLOWED                                                                                                        \
    "\"allowed\":true,\"reason\":\"RBAC: allowed by RoleBinding \\\"b/n\\\" of Role \\\"r\\\" to Group \\\"devs\\\"\""

static const struct {
    enum rbac_kind kind;
    const char *key, *object;
} rules[] = {
    {RBAC_ROLES, "n/r",
        "{\"kind\":\"Role\",\"metadata\":{\"name\":\"r\",\"namespace\":\"n\"},\"rules\":[{\"verbs\":[\"get\"],"
        "\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],\"resourceNames\":[\"s\"]}]}"},
    {RBAC_ROLES, "c",
        "{\"kind\":\"ClusterRole\",\"metadata\":{\"name\":\"c\"},\"rules\":[{\"verbs\":[\"get\"],"
        "\"nonResourceURLs\":[\"/a\",\"/b/*\"]},{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"pods\"]}]}"},
    {RBAC_BINDINGS, "n/b",
        "{\"kind\":\"RoleBinding\",\"metadata\":{\"name\":\"b\",\"namespace\":\"n\"},\"roleRef\":{\"kind\":\"Role\","
        "\"name\":\"r\"}," SUBJECTS "}"},
    {RBAC_BINDINGS, "n/a",
        "{\"kind\":\"RoleBinding\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"},\"roleRef\":{\"kind\":"
        "\"ClusterRole\",\"name\":\"c\"}," SUBJECTS "}"},
    {RBAC_BINDINGS, "z",
        "{\"kind\":\"ClusterRoleBinding\",\"metadata\":{\"name\":\"z\"},\"roleRef\":{\"kind\":\"ClusterRole\","
        "\"name\":\"c\"}," SUBJECTS "}"},
    {RBAC_BINDINGS, "y",
        "{\"kind\":\"ClusterRoleBinding\",\"metadata\":{\"name\":\"y\"},\"roleRef\":{\"kind\":\"ClusterRole\","
        "\"name\":\"absent\"},\"subjects\":[{\"kind\":\"User\",\"name\":\"system:node:n\"},{\"kind\":\"User\",\"name\":"
        "\"mm\"},{\"kind\":\"Group\",\"name\":\"system:nodes\"}]}"},
};

static int make_rules(void **state)
{
    (void)state;
    arena_init(&arena, 64u << 20);
    kinds_register_all();
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct json *object;
        if (json_parse(&arena, bytes_of(rules[i].object), &(struct json_options){0}, &object, NULL, &error) != ERR_OK ||
            rbac_put(rules[i].kind, bytes_of(rules[i].key), object, &error) != ERR_OK)
            return -1;
    }
    return 0;
}

/* ---- Questions and answers. */

static const struct row {
    const struct kind *kind;
    const struct user *user;
    err_t (*answer)(struct request *);
    const char *body, *status;
} rows[] = {
    {&self_subject_access_review_kind, &dev, review_access,
        "{\"spec\":{\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"secrets\",\"namespace\":\"n\",\"name\":"
        "\"s\"}},"
        "\"status\":{\"allowed\":false,\"denied\":true}}",
        "{" ALLOWED "}"},
    {&self_subject_access_review_kind, &dev, review_access,
        "{\"spec\":{\"nonResourceAttributes\":{\"verb\":\"put\",\"path\":\"/a\"}},\"status\":{\"allowed\":true}}",
        "{\"allowed\":false}"},
    {&subject_access_review_kind, &node, review_access,
        "{\"spec\":{\"user\":\"u\",\"groups\":[\"x\",\"devs\"],\"extra\":{\"k\":[\"v\"],\"l\":null},"
        "\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"secrets\",\"namespace\":\"n\",\"name\":\"s\","
        "\"fieldSelector\":{\"rawSelector\":\"a=b,c!=d\"},\"labelSelector\":{\"rawSelector\":\"===\"}}}}",
        "{" ALLOWED ",\"evaluationError\":\"spec.resourceAttributes.labelSelector ignored due to parse error\"}"},
    {&subject_access_review_kind, &dev, review_access,
        "{\"spec\":{\"user\":\"mm\",\"resourceAttributes\":{\"verb\":\"list\",\"fieldSelector\":{\"requirements\":[{"
        "\"key\":\"a\",\"operator\":\"In\",\"values\":[\"b\"]},{\"key\":\"c\",\"operator\":\"Exists\"}]},"
        "\"labelSelector\":{\"requirements\":[{\"key\":\"a\",\"operator\":\"New\"}]}}}}",
        "{\"allowed\":false,\"reason\":\"RBAC: clusterrole.rbac.authorization.k8s.io \\\"absent\\\" not found\","
        "\"evaluationError\":\"spec.resourceAttributes.fieldSelector partially ignored due to parse error; "
        "spec.resourceAttributes.labelSelector ignored due to parse error\"}"},
    {&local_subject_access_review_kind, &node, review_access,
        "{\"spec\":{\"groups\":[\"devs\"],\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"secrets\","
        "\"namespace\":"
        "\"golden\",\"name\":\"s\"}}}",
        "{\"allowed\":false}"},
    {&self_subject_review_kind, &dev, review_self, "{\"status\":{\"userInfo\":{\"username\":\"root\"}}}",
        "{\"userInfo\":{\"username\":\"dev\",\"uid\":\"7\",\"groups\":[\"devs\"],\"extra\":{\"a\":[\"x\"],\"b\":[\"x\","
        "\"y\"],\"c\":[]}}}"},
    {&self_subject_rules_review_kind, &dev, review_rules,
        "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"namespace\":\"n\"}}",
        "{\"resourceRules\":[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"pods\"]},{\"verbs\":[\"*\"],"
        "\"apiGroups\":[\"*\"],\"resources\":[\"pods\"]},{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":["
        "\"secrets\"],\"resourceNames\":[\"s\"]}],\"nonResourceRules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/"
        "a\","
        "\"/b/*\"]}],\"incomplete\":false}"},
    {&self_subject_rules_review_kind, &node, review_rules, "{\"spec\":{\"namespace\":\"other\"}}",
        "{\"resourceRules\":[],\"nonResourceRules\":[],\"incomplete\":true,\"evaluationError\":\"[" NODES
        ", clusterrole.rbac.authorization.k8s.io \\\"absent\\\" not found]\"}"},
    {&token_review_kind, &dev, review_token,
        "{\"spec\":{\"token\":\"t\",\"audiences\":[\"a\"]},\"status\":{\"authenticated\":true,\"user\":{\"username\":"
        "\"root\"}}}",
        "{\"user\":{},\"error\":\"invalid bearer token\"}"},
};

static struct request request;

static err_t ask(const struct row *row)
{
    struct warnings warnings = {0};
    bytes namespace = row->kind->namespaced ? BYTES("golden") : BYTES("");

    arena_reset(&arena);
    error_init(&error, &arena);
    request = (struct request){.arena = &arena, .kind = row->kind, .user = *row->user, .verb = VERB_CREATE};
    error_init(&request.error, &arena);
    TRY(decode_object(&arena, row->kind, BODY_JSON, bytes_of(row->body), FIELD_VALIDATION_STRICT, &warnings,
        &request.object, &request.error));
    TRY(object_prepare_create(&arena, row->kind, request.object, namespace, &request.error));
    TRY(object_validate(&arena, row->kind, SUBRESOURCE_NONE, request.object, NULL, &request.error));
    return row->answer(&request);
}

static const char *status_text(void)
{
    struct buffer b;

    buffer_init(&b, &arena);
    json_write(&b, json_get(request.object, BYTES("status")));
    return text(buffer_bytes(&b));
}

static void answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(ask(&rows[i]), ERR_OK);
        assert_string_equal(status_text(), rows[i].status);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool fired = true;
        for (long after = 0; fired; after++) {
            err_t result;
            memory_fail_after(after);
            result = ask(&rows[i]);
            fired = memory_fail_fired();
            memory_fail_after(-1);
            assert_true(result == ERR_NO_MEMORY || (result == ERR_OK && strcmp(status_text(), rows[i].status) == 0));
        }
    }
}

static void what_is_not_asked_is_refused(void **state)
{
    static const struct row none[] = {
        {&self_subject_rules_review_kind, &dev, review_rules, "{}", "no namespace on request"},
        {&token_review_kind, &dev, review_token, "{\"spec\":{\"audiences\":[\"a\"]}}",
            "token is required for TokenReview in authentication"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        assert_int_equal(ask(&none[i]), ERR_BAD_REQUEST);
        assert_string_equal(text(request.error.message), none[i].status);
    }
}

#define SELECTOR "spec.resourceAttributes.fieldSelector."

static const struct row invalid[] = {
    {&self_subject_access_review_kind, &dev, review_access,
        "{\"spec\":{\"resourceAttributes\":{},\"nonResourceAttributes\":{\"path\":\"/<\"}}}",
        ".authorization.k8s.io \"\" is invalid: spec.nonResourceAttributes: Invalid value: "
        "{\"Path\":\"/\\u003c\",\"Verb\":\"\"}: cannot be specified in combination with resourceAttributes"},
    {&subject_access_review_kind, &dev, review_access, "{\"metadata\":{\"labels\":{},\"name\":\"a\"},\"spec\":{}}",
        ".authorization.k8s.io \"\" is invalid: [spec.resourceAttributes: Invalid value: null: exactly one of "
        "nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid value: \"\": at least one "
        "of "
        "user or group must be specified, metadata: Invalid value: {\"name\":\"a\"}: must be empty]"},
    {&local_subject_access_review_kind, &dev, review_access,
        "{\"spec\":{\"user\":\"u\",\"resourceAttributes\":{\"namespace\":\"x\",\"fieldSelector\":{\"requirements\":[{"
        "\"operator\":\"In\"}]}}}}",
        ".authorization.k8s.io \"\" is invalid: [" SELECTOR
        "requirements[0].key: Required value: must be specified, " SELECTOR
        "requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn', "
        "spec.resourceAttributes.namespace: Invalid value: \"x\": must match metadata.namespace]"},
};

static void what_is_invalid_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++) {
        bool fired = true;
        assert_int_equal(ask(&invalid[i]), ERR_INVALID);
        assert_string_equal(text(request.error.message), invalid[i].status);
        for (long after = 0; fired; after++) {
            err_t result;
            memory_fail_after(after);
            result = ask(&invalid[i]);
            fired = memory_fail_fired();
            memory_fail_after(-1);
            assert_true(result == ERR_NO_MEMORY || result == ERR_INVALID);
        }
    }
}

/* Names and uids are neither made nor kept. */
static void metadata_is_not_made(void **state)
{
    static const struct row row = {&token_review_kind, &dev, review_token,
        "{\"metadata\":{\"generateName\":\"g\",\"namespace\":\"n\",\"uid\":\"u\",\"creationTimestamp\":"
        "\"2020-01-01T00:00:00Z\"},\"spec\":{\"token\":\"t\"}}",
        NULL};
    struct buffer b;

    (void)state;
    assert_int_equal(ask(&row), ERR_OK);
    buffer_init(&b, &arena);
    json_write(&b, json_get(request.object, BYTES("metadata")));
    assert_string_equal(text(buffer_bytes(&b)), "{\"generateName\":\"g\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(answers), TEST(every_allocation_may_fail),
        TEST(what_is_not_asked_is_refused), TEST(what_is_invalid_is_refused), TEST(metadata_is_not_made)};
    return cmocka_run_group_tests(tests, make_rules, NULL);
}
