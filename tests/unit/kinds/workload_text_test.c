/* SPDX-License-Identifier: Apache-2.0 */
/* The small grammars of pods and workloads: image references, selectors as text, how long a delete waits. */
#include "kinds/job.h"
#include "workloads.h"

static struct json *parsed(const char *document)
{
    struct json *object;
    assert_int_equal(json_parse(&arena, bytes_of(document), NULL, &object, NULL, &error), ERR_OK);
    return object;
}

static void images_are_pulled_as_their_tags_say(void **state)
{
    static const struct {
        const char *image, *policy;
    } cases[] = {{"i", "Always"}, {"i:latest", "Always"}, {"i:v1", "IfNotPresent"}, {"a.b/c/i", "Always"},
        {"localhost:5000/i", "Always"}, {"localhost:5000/i:1", "IfNotPresent"},
        {"i@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "IfNotPresent"},
        {"i:latest@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "Always"},
        {"", "IfNotPresent"}, {"I", "IfNotPresent"}, {"a..b", "IfNotPresent"}, {"a__b--c.d", "Always"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(pod_pull_policy(bytes_of(cases[i].image)), cases[i].policy);
}

static void selectors_are_shown(void **state)
{
    static const struct {
        const char *selector, *shown;
    } cases[] = {{"{}", "<none>"}, {"{\"matchLabels\":{\"b\":\"c\",\"a\":\"\"}}", "a=,b=c"},
        {"{\"matchLabels\":{\"m\":\"1\"},\"matchExpressions\":[{\"key\":\"z\",\"operator\":\"NotIn\",\"values\":[\"y\","
         "\"x\"]},{\"key\":\"a\",\"operator\":\"Exists\"},{\"key\":\"b\",\"operator\":\"DoesNotExist\"},{\"key\":\"c\","
         "\"operator\":\"In\",\"values\":[\"d\"]}]}",
            "a,!b,c in (d),m=1,z notin (x,y)"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(text(selector_text(&arena, parsed(cases[i].selector))), cases[i].shown);
    assert_string_equal(text(selector_text(&arena, NULL)), "<none>");
    assert_false(selector_selects(&arena, NULL, NULL));
    assert_true(selector_selects(&arena, parsed("{}"), NULL));
}

static void deletes_wait_for_what_runs(void **state)
{
    static const struct {
        const char *pod;
        int64_t given, period;
    } cases[] = {{"{\"spec\":{\"terminationGracePeriodSeconds\":30}}", -1, 0},
        {"{\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":30}}", -1, 30},
        {"{\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":30}}", 5, 5},
        {"{\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":30}}", 0, 0},
        {"{\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":-3}}", -1, 1},
        {"{\"spec\":{\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":30},\"status\":{\"phase\":\"Succeeded\"}}",
            -1, 0}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(pod_kind.rules->grace_period(parsed(cases[i].pod), cases[i].given), cases[i].period);
}

static void resources_are_summed_and_weighed(void **state)
{
    static const struct {
        const char *spec, *quality, *cpu;
    } cases[] = {
        {"{\"containers\":[{}]}", "BestEffort", NULL},
        {"{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"100m\"}}},{\"resources\":{\"requests\":{\"cpu\":"
         "\"1\"}}"
         "}]}",
            "Burstable", "1100m"},
        {"{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"limits\":{\"cpu\":\"1\","
         "\"memory\":\"1Gi\"}}}]}",
            "Guaranteed", "1"},
        {"{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"1\"}}}],\"initContainers\":[{\"resources\":{"
         "\"requests\":{\"cpu\":\"3\"}}},{\"restartPolicy\":\"Always\",\"resources\":{\"requests\":{\"cpu\":\"500m\"}}}"
         "]}",
            "Burstable", "3"},
        {"{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"1\"}}}],\"initContainers\":[{\"restartPolicy\":"
         "\"Always\",\"resources\":{\"requests\":{\"cpu\":\"500m\"}}},{\"resources\":{\"requests\":{\"cpu\":\"2\"}}}]}",
            "Burstable", "2500m"},
        {"{\"containers\":[{\"resources\":{\"requests\":{\"cpu\":\"1\"}}}],\"resources\":{\"requests\":{\"cpu\":\"4\"}}"
         "}",
            "Burstable", "4"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct resource_sums sums;
        const struct json *spec = parsed(cases[i].spec);
        assert_string_equal(pod_quality_class(spec), cases[i].quality);
        assert_true(pod_sum_resources(&arena, spec, "requests", true, &sums));
        const struct quantity *cpu = resource_sums_find(&sums, BYTES("cpu"));
        assert_int_equal(cpu != NULL, cases[i].cpu != NULL);
        if (cpu)
            assert_string_equal(text(quantity_text(&arena, cpu)), cases[i].cpu);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(images_are_pulled_as_their_tags_say), TEST(selectors_are_shown),
        TEST(deletes_wait_for_what_runs), TEST(resources_are_summed_and_weighed)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
