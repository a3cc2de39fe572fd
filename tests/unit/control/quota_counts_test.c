/* SPDX-License-Identifier: Apache-2.0 */
#include "control/quota_counts.h"
#include "kinds/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(const char *name, const char *group, const char *kind, bool alive_only)
{
    struct quota_count found = quota_count_find(registry_current(), bytes_of(name));
    if (!kind) {
        assert_null(found.kind);
        return;
    }
    assert_non_null(found.kind);
    assert_string_equal(found.kind->kind, kind);
    assert_string_equal(found.kind->group, group);
    assert_null(found.kind->stored_as);
    assert_int_equal(found.alive_only, alive_only);
}

static void test_names(void **state)
{
    (void)state;
    expect("secrets", "", "Secret", false);
    expect("count/secrets", "", "Secret", false);
    expect("pods", "", "Pod", true);
    expect("count/pods", "", "Pod", false);
    expect("services", "", "Service", false);
    expect("count/deployments.apps", "apps", "Deployment", false);
    expect("count/endpointslices.discovery.k8s.io", "discovery.k8s.io", "EndpointSlice", false);
}

static void test_what_counts_no_objects(void **state)
{
    static const char *const names[] = {"cpu", "requests.storage", "services.nodeports", "deployments.apps", "secret",
        "count/", "count/secret", "count/secrets.apps", "count/deployments", "count/namespaces", "",
        "count/nothing.example.com"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        expect(names[i], NULL, NULL, false);
}

static int set_up(void **state)
{
    (void)state;
    kinds_register_all();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_what_counts_no_objects)};
    return cmocka_run_group_tests(tests, set_up, NULL);
}
