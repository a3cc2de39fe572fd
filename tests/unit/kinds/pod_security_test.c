/* SPDX-License-Identifier: Apache-2.0 */
/* What a real kube-apiserver says of pods under each version of each level (tests/golden/pod-security/pods.json,
 * recorded by record.py beside it): we say the same. And what labels mean. */
#include "kinds/pod_security_standards.h"
#include "workloads.h"

static struct pod_security_standard standard_of(bytes name)
{
    struct pod_security_standard standard = {POD_SECURITY_BASELINE, POD_SECURITY_LATEST};
    size_t colon = bytes_find(name, ':');
    bytes version = bytes_skip(name, colon + 1);
    if (bytes_equal((bytes){name.p, colon}, BYTES("restricted")))
        standard.level = POD_SECURITY_RESTRICTED;
    if (!bytes_equal(version, BYTES("latest")))
        assert_true(bytes_to_uint64(bytes_skip(version, 3), &standard.minor));
    return standard;
}

/* The next of words between spaces. */
static bytes next_word(bytes *rest)
{
    size_t space = bytes_find(*rest, ' ');
    bytes word = {rest->p, space};
    *rest = bytes_skip(*rest, space < rest->n ? space + 1 : space);
    return word;
}

static bool names(bytes list, bytes name)
{
    while (list.n)
        if (bytes_equal(next_word(&list), name))
            return true;
    return false;
}

/* What was recorded of the pod under a policy; "" when it was let in. */
static bytes expected(const struct json *row, bytes policy)
{
    for (const struct json *says = tree_first(row, "says"); says; says = says->next)
        if (names(tree_text(says, "policies"), policy))
            return tree_text(says, "text");
    return BYTES("");
}

static unsigned compare_pod(const struct json *row, bytes policies)
{
    struct json *pod;
    unsigned differ = 0;
    if (make(&pod_kind, json_get(row, BYTES("pod")), &pod) != ERR_OK)
        fail_msg("%s", text(error.message));
    while (policies.n) {
        bytes policy = next_word(&policies), they = expected(row, policy);
        bytes we = pod_security_violations(
            &arena, standard_of(policy), json_get(pod, BYTES("metadata")), json_get(pod, BYTES("spec")), true);
        assert_non_null(we.p);
        if (bytes_equal(we, they))
            continue;
        differ++;
        print_error("%s\n  we   %s\n  they %s\n", text(policy), text(we), text(they));
    }
    return differ;
}

static void the_same_is_found_in_pods_as_recorded(void **state)
{
    const struct json *all = recorded("pod-security/pods.json");
    bytes policies = tree_text(all->first, "policies");
    unsigned differ = 0, pods = 0;
    (void)state;
    for (const struct json *row = all->first->next; row; row = row->next, pods++)
        differ += compare_pod(row, policies);
    assert_int_equal(differ, 0);
    assert_true(pods > 200);
}

static struct json *parsed(const char *document)
{
    struct json *object;
    assert_int_equal(json_parse(&arena, bytes_of(document), NULL, &object, NULL, &error), ERR_OK);
    return object;
}

static void without_details_the_reasons_alone_are_told(void **state)
{
    const struct pod_security_standard baseline = {POD_SECURITY_BASELINE, POD_SECURITY_LATEST};
    struct json *spec = parsed("{\"hostPID\":true,\"ephemeralContainers\":[{\"name\":\"e\",\"securityContext\":"
                               "{\"privileged\":true}}]}");
    (void)state;
    assert_string_equal(
        text(pod_security_violations(&arena, baseline, NULL, spec, false)), "host namespaces, privileged");
    assert_string_equal(text(pod_security_violations(&arena, baseline, NULL, spec, true)),
        "host namespaces (hostPID=true), privileged (container \"e\" must not set securityContext.privileged=true)");
    const struct pod_security_standard privileged = {POD_SECURITY_PRIVILEGED, POD_SECURITY_LATEST};
    assert_int_equal(pod_security_violations(&arena, privileged, NULL, spec, true).n, 0);
}

/* ---- Labels */

static const char *standard_text(struct pod_security_standard standard)
{
    struct buffer b;
    buffer_init(&b, &arena);
    pod_security_standard_write(&b, standard);
    return text(buffer_bytes(&b));
}

#define L "pod-security.kubernetes.io/"

static void labels_choose_standards(void **state)
{
    static const struct {
        const char *labels;
        enum pod_security_level by_default;
        const char *enforce, *audit, *warn, *wrong; /* field of the first cause */
    } rows[] = {
        {"{}", POD_SECURITY_BASELINE, "baseline:latest", "baseline:latest", "baseline:latest", NULL},
        {"{}", POD_SECURITY_PRIVILEGED, "privileged:latest", "privileged:latest", "privileged:latest", NULL},
        {"{\"" L "enforce\":\"restricted\"}", POD_SECURITY_BASELINE, "restricted:latest", "baseline:latest",
            "restricted:latest", NULL},
        {"{\"" L "enforce\":\"restricted\",\"" L "enforce-version\":\"v1.20\"}", POD_SECURITY_PRIVILEGED,
            "restricted:v1.20", "privileged:latest", "restricted:v1.20", NULL},
        {"{\"" L "enforce\":\"restricted\",\"" L "enforce-version\":\"v1.20\",\"" L "warn-version\":\"v1.0\"}",
            POD_SECURITY_PRIVILEGED, "restricted:v1.20", "privileged:latest", "restricted:v1.0", NULL},
        {"{\"" L "enforce\":\"privileged\"}", POD_SECURITY_BASELINE, "privileged:latest", "baseline:latest",
            "baseline:latest", NULL},
        {"{\"" L "enforce\":\"restricted\",\"" L "warn\":\"privileged\"}", POD_SECURITY_BASELINE, "restricted:latest",
            "baseline:latest", "privileged:latest", NULL},
        {"{\"" L "enforce\":\"Baseline\"}", POD_SECURITY_PRIVILEGED, "restricted:latest", "privileged:latest",
            "privileged:latest", "metadata.labels[" L "enforce]"},
        {"{\"" L "enforce\":\"\"}", POD_SECURITY_BASELINE, "restricted:latest", "baseline:latest", "baseline:latest",
            "metadata.labels[" L "enforce]"},
        {"{\"" L "warn\":\"x\",\"" L "enforce\":\"baseline\"}", POD_SECURITY_RESTRICTED, "baseline:latest",
            "restricted:latest", "privileged:latest", "metadata.labels[" L "warn]"},
        {"{\"" L "audit\":\"x\"}", POD_SECURITY_RESTRICTED, "restricted:latest", "privileged:latest",
            "restricted:latest", "metadata.labels[" L "audit]"},
        {"{\"" L "enforce-version\":\"1.20\"}", POD_SECURITY_BASELINE, "baseline:latest", "baseline:latest",
            "baseline:latest", "metadata.labels[" L "enforce-version]"},
        {"{\"" L "audit-version\":\"v1.01\"}", POD_SECURITY_BASELINE, "baseline:latest", "baseline:latest",
            "baseline:latest", "metadata.labels[" L "audit-version]"},
        {"{\"" L "warn-version\":\"v1.9223372036854775808\"}", POD_SECURITY_BASELINE, "baseline:latest",
            "baseline:latest", "baseline:latest", "metadata.labels[" L "warn-version]"},
        {"{\"" L "warn-version\":\"v1.9223372036854775807\"}", POD_SECURITY_BASELINE, "baseline:latest",
            "baseline:latest", "baseline:v1.9223372036854775807", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        error_init(&error, &arena);
        struct pod_security_policy policy = pod_security_policy_of(parsed(rows[i].labels), rows[i].by_default, &error);
        assert_string_equal(standard_text(policy.enforce), rows[i].enforce);
        assert_string_equal(standard_text(policy.audit), rows[i].audit);
        assert_string_equal(standard_text(policy.warn), rows[i].warn);
        assert_int_equal(error.cause_count, rows[i].wrong != NULL);
        if (rows[i].wrong)
            assert_string_equal(text(error.causes->field), rows[i].wrong);
        policy = pod_security_policy_of(parsed(rows[i].labels), rows[i].by_default, NULL);
        assert_string_equal(standard_text(policy.enforce), rows[i].enforce);
    }
}

static void a_policy_is_told_as_its_labels_have_it(void **state)
{
    struct json *labels =
        parsed("{\"" L "enforce\":\"restricted\",\"" L "warn-version\":\"v1.2\",\"" L "audit\":\"privileged\"}");
    struct pod_security_policy policy = pod_security_policy_of(labels, POD_SECURITY_BASELINE, NULL);
    struct buffer b;
    (void)state;
    buffer_init(&b, &arena);
    pod_security_policy_write(&b, &policy, labels);
    assert_string_equal(text(buffer_bytes(&b)), "enforce=restricted:latest, warn=restricted:v1.2");
}

/* ---- Memory */

/* However little an arena may hold, nothing breaks, and nothing that violates passes for allowed. */
static void without_memory_nothing_is_allowed(void **state)
{
    const struct pod_security_standard restricted = {POD_SECURITY_RESTRICTED, POD_SECURITY_LATEST};
    struct buffer body;
    (void)state;
    buffer_init(&body, &arena);
    buffer_text(&body, "{\"containers\":[");
    for (unsigned i = 0; i < 500; i++)
        buffer_format(&body,
            "%s{\"name\":\"container-%u\",\"securityContext\":{\"privileged\":true,\"procMount\":\"p%u\"}}",
            i ? "," : "", i, i);
    buffer_text(&body, "]}");
    assert_false(body.failed);
    buffer_byte(&body, 0);
    struct json *spec = parsed((const char *)body.p);
    bool enough = false;
    for (size_t limit = 1024; !enough; limit *= 2) {
        struct arena small;
        arena_init(&small, limit);
        bytes found = pod_security_violations(&small, restricted, NULL, spec, true);
        enough = found.p != NULL;
        assert_true(!enough || found.n > 20000);
        arena_reset(&small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(the_same_is_found_in_pods_as_recorded),
        TEST(without_details_the_reasons_alone_are_told), TEST(labels_choose_standards),
        TEST(a_policy_is_told_as_its_labels_have_it), TEST(without_memory_nothing_is_allowed)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
