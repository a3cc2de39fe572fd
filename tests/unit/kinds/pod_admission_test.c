/* SPDX-License-Identifier: Apache-2.0 */
/* What admission does to pods: limits as recorded from a real kube-apiserver (tests/golden/kinds/limits.json),
 * accounts, priorities, tolerations. */
#include "workloads.h"

static struct json *pod(const char *spec)
{
    struct json *object;
    bytes body = arena_format(&arena,
        "{\"metadata\":{\"name\":\"x\"},\"spec\":{%s%s\"containers\":[{\"name\":\"c\","
        "\"image\":\"i\"}]}}",
        spec, *spec ? "," : "");
    assert_int_equal(json_parse(&arena, body, NULL, &object, NULL, &error), ERR_OK);
    return object;
}

static struct json *parsed(const char *document)
{
    struct json *object;
    assert_int_equal(json_parse(&arena, bytes_of(document), NULL, &object, NULL, &error), ERR_OK);
    return object;
}

/* ---- Limits */

static err_t limited(const struct json *c, struct json **ret)
{
    const struct json *range = json_get(c, BYTES("range"));
    struct json *object = json_copy(&arena, json_get(c, BYTES("body"))), *spec = json_get(object, BYTES("spec"));
    error_init(&error, &arena);
    TRY(pod_spec_set_defaults(&arena, spec, &error));
    assert_true(pod_default_requests(&arena, spec));
    TRY(pod_admit_limits(&arena, object, &range, 1, &error));
    *ret = object;
    return pod_check_limits(&arena, object, &range, 1, &error);
}

static void limit_ranges_give_and_refuse_as_recorded(void **state)
{
    unsigned place = 0;
    (void)state;
    for (const struct json *c = recorded("kinds/limits.json")->first; c; c = c->next, place++) {
        struct json *object = NULL;
        err_t result = limited(c, &object);
        if (tree_integer(c, "code", 0) == 403) {
            assert_int_equal(result, ERR_FORBIDDEN);
            assert_string_equal(text(error.message), text(tree_text(c, "message")));
            continue;
        }
        if (tree_integer(c, "code", 0) != 201) /* what was given makes no valid pod: its rules say so later */
            continue;
        if (result != ERR_OK)
            fail_msg("%u: %s", place, text(error.message));
        const struct json *resources = tree_first(c, "resources");
        const struct json *container = tree_first(json_get(object, BYTES("spec")), "containers");
        for (; resources; resources = resources->next, container = container->next)
            assert_true(json_alike(resources, json_get(container, BYTES("resources"))));
        assert_string_equal(
            text(tree_text(tree_at(object, "metadata", "annotations", NULL), "kubernetes.io/limit-ranger")),
            text(tree_text(c, "annotation")));
    }
    assert_true(place > 20);
}

/* ---- Accounts */

static void an_account_is_named_and_its_token_mounted(void **state)
{
    struct json *object = pod("\"initContainers\":[{\"name\":\"i\",\"image\":\"i\"}]");
    (void)state;
    assert_string_equal(text(pod_service_account(object)), "default");
    assert_int_equal(pod_admit_service_account(
                         &arena, object, BYTES("d"), parsed("{\"imagePullSecrets\":[{\"name\":\"s\"}]}"), &error),
        ERR_OK);
    const struct json *spec = json_get(object, BYTES("spec"));
    assert_string_equal(text(tree_text(spec, "serviceAccountName")), "default");
    assert_string_equal(text(tree_text(spec, "serviceAccount")), "default");
    assert_string_equal(text(tree_text(tree_first(spec, "imagePullSecrets"), "name")), "s");
    bytes volume = tree_text(tree_first(spec, "volumes"), "name");
    assert_true(bytes_start(volume, BYTES("kube-api-access-")) && volume.n == strlen("kube-api-access-") + 5);
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        assert_true(bytes_equal(tree_text(tree_first(tree_first(spec, lists[i]), "volumeMounts"), "name"), volume));
}

static void a_token_is_not_mounted_against_the_pods_or_the_accounts_will(void **state)
{
    static const struct {
        const char *spec, *account;
        bool mounted;
    } cases[] = {
        {"\"automountServiceAccountToken\":false", "{}", false},
        {"\"automountServiceAccountToken\":true", "{\"automountServiceAccountToken\":false}", true},
        {"", "{\"automountServiceAccountToken\":false}", false},
        {"", "{}", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *object = pod(cases[i].spec);
        assert_int_equal(
            pod_admit_service_account(&arena, object, BYTES("d"), parsed(cases[i].account), &error), ERR_OK);
        assert_int_equal(tree_at(object, "spec", "volumes", NULL) != NULL, cases[i].mounted);
    }
}

static void accounts_that_are_not_there_are_said(void **state)
{
    (void)state;
    assert_int_equal(pod_admit_service_account(&arena, pod("\"serviceAccountName\":\"a\""), BYTES("d"), NULL, &error),
        ERR_FORBIDDEN);
    assert_string_equal(text(error.message),
        "pods \"x\" is forbidden: error looking up service account d/a: serviceaccount \"a\" not found");
    struct json *mirror = pod("\"serviceAccountName\":\"a\"");
    json_set(
        json_get(mirror, BYTES("metadata")), BYTES("annotations"), parsed("{\"kubernetes.io/config.mirror\":\"m\"}"));
    assert_int_equal(pod_service_account(mirror).n, 0);
    assert_int_equal(pod_admit_service_account(&arena, mirror, BYTES("d"), NULL, &error), ERR_FORBIDDEN);
    assert_string_equal(
        text(error.message), "pods \"x\" is forbidden: a mirror pod may not reference service accounts");
    mirror = pod("\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\"}}]");
    (void)json_add(
        json_get(mirror, BYTES("metadata")), BYTES("annotations"), parsed("{\"kubernetes.io/config.mirror\":\"m\"}"));
    assert_int_equal(pod_admit_service_account(&arena, mirror, BYTES("d"), NULL, &error), ERR_FORBIDDEN);
    assert_string_equal(text(error.message), "pods \"x\" is forbidden: a mirror pod may not reference secrets");
}

/* ---- Priorities */

#define CLASS "{\"metadata\":{\"name\":\"high\"},\"value\":7,\"preemptionPolicy\":\"Never\"}"

static void priorities_are_the_classes(void **state)
{
    static const struct {
        const char *spec, *class, *says;
    } cases[] = {
        {"", NULL, NULL},
        {"\"priority\":0", NULL, NULL},
        {"\"priorityClassName\":\"high\"", CLASS, NULL},
        {"", CLASS, NULL},
        {"\"priority\":5", NULL,
            "the integer value of priority (5) must not be provided in pod spec; priority admission controller "
            "computed 0 from the given PriorityClass name"},
        {"\"priorityClassName\":\"nope\"", NULL, "no PriorityClass with name nope was found"},
        {"\"priorityClassName\":\"high\",\"preemptionPolicy\":\"PreemptLowerPriority\"", CLASS,
            "the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority "
            "admission controller computed Never from the given PriorityClass name"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *object = pod(cases[i].spec);
        const struct json *class = cases[i].class ? parsed(cases[i].class) : NULL;
        err_t result = pod_admit_priority(&arena, object, class, &error);
        const struct json *spec = json_get(object, BYTES("spec"));
        if (cases[i].says) {
            assert_int_equal(result, ERR_FORBIDDEN);
            assert_string_equal(text(bytes_skip(error.message, strlen("pods \"x\" is forbidden: "))), cases[i].says);
            continue;
        }
        assert_int_equal(result, ERR_OK);
        assert_int_equal(tree_integer(spec, "priority", -1), class ? 7 : 0);
        assert_string_equal(text(tree_text(spec, "preemptionPolicy")), class ? "Never" : "PreemptLowerPriority");
        assert_string_equal(text(tree_text(spec, "priorityClassName")), class ? "high" : "");
    }
}

static void tolerations_are_added_where_none_says_otherwise(void **state)
{
    static const struct {
        const char *spec;
        unsigned count;
    } cases[] = {
        {"", 2},
        {"\"tolerations\":[{\"operator\":\"Exists\"}]", 1},
        {"\"tolerations\":[{\"key\":\"node.kubernetes.io/"
         "not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\"}]",
            2},
        {"\"tolerations\":[{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoSchedule\"}"
         "]",
            3},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *spec = json_get(pod(cases[i].spec), BYTES("spec"));
        for (unsigned again = 0; again < 2; again++) {
            assert_int_equal(pod_admit_tolerations(&arena, spec, &error), ERR_OK);
            assert_int_equal(json_get(spec, BYTES("tolerations"))->count, cases[i].count);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(limit_ranges_give_and_refuse_as_recorded),
        TEST(an_account_is_named_and_its_token_mounted),
        TEST(a_token_is_not_mounted_against_the_pods_or_the_accounts_will), TEST(accounts_that_are_not_there_are_said),
        TEST(priorities_are_the_classes), TEST(tolerations_are_added_where_none_says_otherwise)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
