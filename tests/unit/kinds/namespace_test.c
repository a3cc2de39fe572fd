/* SPDX-License-Identifier: Apache-2.0 */
#include "writes.h"

#define LABELS(more) "\"labels\":{" more "\"kubernetes.io/metadata.name\":\"n\"}"
#define ACTIVE       "\"status\":{\"phase\":\"Active\"}}"

static void a_namespace_is_born_active(void **state)
{
    static const struct {
        const char *body, *outcome;
    } cases[] = {
        {"{\"metadata\":{\"name\":\"n\",\"namespace\":\"ignored\"}}",
            "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"," LABELS(
                "") "},\"spec\":{\"finalizers\":[\"kubernetes\"]}," ACTIVE},
        {"{\"metadata\":{\"name\":\"n\",\"labels\":{\"a\":\"b\",\"kubernetes.io/"
         "metadata.name\":\"x\"}},\"spec\":{\"finalizers\":[\"a.b/c\"]},\"status\":{\"phase\":\"Terminating\"}}",
            "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"," LABELS(
                "\"a\":\"b\",") "},\"spec\":{\"finalizers\":[\"a.b/c\",\"kubernetes\"]}," ACTIVE},
        {"{\"metadata\":{\"name\":\"a.b\"}}",
            "Namespace \"a.b\" is invalid: metadata.name: Invalid value: \"a.b\": must not contain dots"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(created(&namespace_kind, cases[i].body), cases[i].outcome);
    assert_non_null(strstr(
        created(&namespace_kind, "{\"metadata\":{\"name\":\"A\"}}"), "a lowercase RFC 1123 label must consist of"));
}

/* Status is carried over by the server for all kinds alike (serve/subresource.c). */
static void finalizers_are_not_the_clients(void **state)
{
    struct json *old = existing(&namespace_kind, "{\"metadata\":{\"name\":\"n\"}}");
    (void)state;
    assert_string_equal(
        updated(&namespace_kind,
            "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"finalizers\":[]},\"status\":{\"phase\":\"Active\"}}", old),
        "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"," LABELS(
            "") "},\"spec\":{\"finalizers\":[\"kubernetes\"]}," ACTIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_namespace_is_born_active), TEST(finalizers_are_not_the_clients)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
