/* SPDX-License-Identifier: Apache-2.0 */
/* Binding and eviction, in the words of a real kube-apiserver. */
#include "workloads.h"

#define NOW 1795254050 /* 2026-11-21T09:40:50Z */

static struct json *parsed(const char *document)
{
    struct json *object;
    assert_int_equal(json_parse(&arena, bytes_of(document), NULL, &object, NULL, &error), ERR_OK);
    return object;
}

static const char *written(const struct json *object)
{
    struct buffer b;
    buffer_init(&b, &arena);
    json_write(&b, object);
    return text(buffer_bytes(&b));
}

#define POD(metadata, spec)                                                                                            \
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"" metadata "},\"spec\":{" spec                \
    "\"containers\":[]},\"status\":{\"phase\":\"Pending\",\"nominatedNodeName\":\"m\"}}"
#define BINDING(name, target)                                                                                          \
    "{\"metadata\":{\"name\":\"" name "\",\"annotations\":{\"z\":\"1\",\"b\":\"2\"},\"labels\":{\"l\":\"m\"}},"        \
    "\"target\":{" target "}}"
#define NODE "\"kind\":\"Node\",\"name\":\"n\""

static void a_pod_is_bound_once(void **state)
{
    struct json *pod = parsed(POD(",\"annotations\":{\"c\":\"3\"}", ""));
    const struct json *binding = parsed(BINDING("x", NODE));
    (void)state;
    assert_int_equal(pod_bind(&arena, &pod_kind, BYTES("x"), pod, binding, NOW, &error), ERR_OK);
    assert_string_equal(written(pod),
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\",\"annotations\":{\"b\":\"2\",\"c\":\"3\","
        "\"z\":\"1\"}},\"spec\":{\"containers\":[],\"nodeName\":\"n\"},\"status\":{\"phase\":\"Pending\","
        "\"conditions\":"
        "[{\"type\":\"PodScheduled\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":"
        "\"2026-11-21T09:40:50Z\"}]}}");
    assert_int_equal(pod_bind(&arena, &pod_kind, BYTES("x"), pod, binding, NOW, &error), ERR_CONFLICT);
    assert_string_equal(text(error.message),
        "Operation cannot be fulfilled on pods/binding \"x\": pod x is already assigned to node \"n\"");
}

static void bad_bindings_are_refused(void **state)
{
    static const struct {
        const char *pod, *binding;
        enum err_code code;
        const char *says;
    } cases[] = {
        {POD("", ""), BINDING("y", NODE), ERR_BAD_REQUEST, "name in URL does not match name in Binding object"},
        {POD("", ""), BINDING("x", "\"name\":\"\""), ERR_UNKNOWN, "target.name: Required value"},
        {POD("", ""), BINDING("x", "\"kind\":\"Pod\""), ERR_UNKNOWN,
            "[target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\", target.name: Required "
            "value]"},
        {POD(",\"deletionTimestamp\":\"2026-11-21T09:40:50Z\"", ""), BINDING("x", NODE), ERR_CONFLICT,
            "Operation cannot be fulfilled on pods/binding \"x\": pod x is being deleted, cannot be assigned to a "
            "host"},
        {POD("", "\"schedulingGates\":[{\"name\":\"g\"}],"), BINDING("x", NODE), ERR_CONFLICT,
            "Operation cannot be fulfilled on pods/binding \"x\": pod x has non-empty .spec.schedulingGates"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *pod = parsed(cases[i].pod);
        const char *before = written(pod);
        assert_int_equal(
            pod_bind(&arena, &pod_kind, BYTES("x"), pod, parsed(cases[i].binding), NOW, &error), cases[i].code);
        assert_string_equal(text(error.message), cases[i].says);
        assert_string_equal(written(pod), before);
    }
}

/* ---- Eviction */

#define RUNNING(conditions)                                                                                            \
    "{\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":\"b\"}},\"status\":{\"phase\":\"Running\",\"conditions\":"        \
    "[" conditions "]}}"
#define READY "{\"type\":\"Ready\",\"status\":\"True\"}"
#define BUDGET(name, spec, status)                                                                                     \
    "{\"metadata\":{\"name\":\"" name                                                                                  \
    "\",\"generation\":1},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}}" spec "},\"status\":{" status "}}"
#define SEEN "\"observedGeneration\":1,"

static void evictions_ask_the_budget(void **state)
{
    static const char processed[] = "The disruption budget w is still being processed by the server.";
    static const struct {
        const char *pod, *budgets[2];
        enum err_code code;
        enum eviction how;
        const char *says;
        unsigned retry;
    } cases[] = {
        {RUNNING(READY), {NULL, NULL}, ERR_OK, EVICTION_ALLOWED, NULL, 0},
        {POD("", ""), {BUDGET("w", "", ""), NULL}, ERR_OK, EVICTION_ALLOWED, NULL, 0},
        {RUNNING(READY), {BUDGET("w", "", ""), NULL}, ERR_TOO_MANY_REQUESTS, EVICTION_ALLOWED, processed, 10},
        {RUNNING(READY), {BUDGET("w", "", SEEN "\"desiredHealthy\":2,\"currentHealthy\":1"), NULL},
            ERR_TOO_MANY_REQUESTS, EVICTION_ALLOWED, "The disruption budget w needs 2 healthy pods and has 1 currently",
            0},
        {RUNNING(READY), {BUDGET("w", "", SEEN "\"disruptionsAllowed\":2"), NULL}, ERR_OK, EVICTION_COUNTED, NULL, 0},
        {RUNNING(READY), {BUDGET("w", "", ""), BUDGET("v", "", "")}, ERR_UNKNOWN, EVICTION_ALLOWED, NULL, 0},
        {RUNNING(""), {BUDGET("w", "", SEEN "\"desiredHealthy\":1,\"currentHealthy\":1"), NULL}, ERR_OK,
            EVICTION_ALLOWED, NULL, 0},
        {RUNNING(""), {BUDGET("w", ",\"unhealthyPodEvictionPolicy\":\"AlwaysAllow\"", ""), NULL}, ERR_OK,
            EVICTION_ALLOWED, NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json *budgets[2] = {NULL, NULL}, *counted = NULL;
        struct eviction_refusal refusal = {{NULL, 0}, 0};
        enum eviction how;
        size_t count = 0;
        for (; count < 2 && cases[i].budgets[count]; count++)
            budgets[count] = parsed(cases[i].budgets[count]);
        assert_int_equal(pod_evict(&arena, parsed(cases[i].pod), budgets, count, NOW, &how, &counted, &refusal, &error),
            cases[i].code);
        assert_string_equal(text(refusal.cause), cases[i].says ? cases[i].says : "");
        assert_int_equal(refusal.retry_after_seconds, cases[i].retry);
        if (cases[i].code == ERR_OK)
            assert_int_equal(how, cases[i].how);
        assert_int_equal(counted != NULL, cases[i].how == EVICTION_COUNTED);
    }
}

static void the_last_disruption_is_said_in_the_budget(void **state)
{
    struct json *budget = parsed(BUDGET("w", "", SEEN "\"disruptionsAllowed\":1")), *counted = NULL;
    struct eviction_refusal refusal;
    enum eviction how;
    (void)state;
    assert_int_equal(
        pod_evict(&arena, parsed(RUNNING(READY)), &budget, 1, NOW, &how, &counted, &refusal, &error), ERR_OK);
    assert_ptr_equal(counted, budget);
    assert_string_equal(written(json_get(budget, BYTES("status"))),
        "{\"observedGeneration\":1,\"disruptedPods\":{\"x\":\"2026-11-21T09:40:50Z\"},\"disruptionsAllowed\":0,"
        "\"conditions\":[{\"type\":\"DisruptionAllowed\",\"status\":\"False\",\"observedGeneration\":1,"
        "\"lastTransitionTime\":\"2026-11-21T09:40:50Z\",\"reason\":\"InsufficientPods\",\"message\":\"\"}]}");
}

static void an_evicted_pod_says_why_it_ends(void **state)
{
    struct json *pod = parsed(RUNNING(""));
    (void)state;
    assert_int_equal(pod_set_disruption_target(&arena, &pod_kind, pod, NOW, &error), ERR_OK);
    assert_int_equal(pod_set_disruption_target(&arena, &pod_kind, pod, NOW + 60, &error), ERR_OK);
    assert_string_equal(written(tree_at(pod, "status", "conditions", NULL)),
        "[{\"type\":\"DisruptionTarget\",\"status\":\"True\",\"lastProbeTime\":null,\"lastTransitionTime\":"
        "\"2026-11-21T09:40:50Z\",\"reason\":\"EvictionByEvictionAPI\",\"message\":\"Eviction API: evicting\"}]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_pod_is_bound_once), TEST(bad_bindings_are_refused),
        TEST(evictions_ask_the_budget), TEST(the_last_disruption_is_said_in_the_budget),
        TEST(an_evicted_pod_says_why_it_ends)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
