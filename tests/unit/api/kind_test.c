/* SPDX-License-Identifier: Apache-2.0 */
#include "api/kind.h"
#include "fixture.h"

static const struct kind secrets = {.number = 2,
    .group = "",
    .version = "v1",
    .kind = "Secret",
    .plural = "secrets",
    .storage_prefix = "secrets",
    .rules = &no_rules};
static const struct kind roles = {.number = 9,
    .group = "rbac.authorization.k8s.io",
    .version = "v1",
    .kind = "Role",
    .plural = "roles",
    .storage_prefix = "roles",
    .rules = &no_rules};
static const struct kind *const kinds[] = {&secrets, &roles};

static void kinds_are_found(void **state)
{
    size_t count;
    (void)state;
    kinds_register(kinds, ARRAY_LEN(kinds));
    const struct registry *r = registry_current();
    assert_ptr_equal(registry_kinds(r, &count)[0], &secrets);
    assert_int_equal(count, 2);
    assert_ptr_equal(kind_by_resource(r, BYTES(""), BYTES("v1"), BYTES("secrets")), &secrets);
    assert_ptr_equal(kind_by_resource(r, BYTES("rbac.authorization.k8s.io"), BYTES("v1"), BYTES("roles")), &roles);
    assert_null(kind_by_resource(r, BYTES(""), BYTES("v1"), BYTES("roles")));
    assert_null(kind_by_resource(r, BYTES(""), BYTES("v2"), BYTES("secrets")));
    assert_ptr_equal(kind_by_name(r, BYTES(""), BYTES("v1"), BYTES("Secret")), &secrets);
    assert_null(kind_by_name(r, BYTES(""), BYTES("v1"), BYTES("secret")));
    assert_ptr_equal(kind_by_number(r, 9), &roles);
    assert_null(kind_by_number(r, 1));
}

static void kinds_have_names(void **state)
{
    (void)state;
    assert_string_equal(text(kind_api_version(&arena, &secrets)), "v1");
    assert_string_equal(text(kind_api_version(&arena, &roles)), "rbac.authorization.k8s.io/v1");
    assert_string_equal(text(kind_qualified_resource(&arena, &secrets)), "secrets");
    assert_string_equal(text(kind_qualified_resource(&arena, &roles)), "roles.rbac.authorization.k8s.io");
    assert_string_equal(text(kind_storage_path(&arena, &secrets, BYTES("default/a"))), "/registry/secrets/default/a");
    assert_string_equal(verb_name(VERB_DELETECOLLECTION), "deletecollection");
}

static void ages_are_human(void **state)
{
    static const struct {
        int64_t seconds;
        const char *says;
    } cases[] = {{-2, "<invalid>"}, {-1, "0s"}, {0, "0s"}, {5, "5s"}, {119, "119s"}, {120, "2m"}, {130, "2m10s"},
        {599, "9m59s"}, {600, "10m"}, {10200, "170m"}, {10800, "3h"}, {12000, "3h20m"}, {28800, "8h"}, {108000, "30h"},
        {172800, "2d"}, {507600, "5d21h"}, {691200, "8d"}, {42 * 86400, "42d"}, {2 * 365 * 86400, "2y"},
        {(2 * 365 + 11) * 86400, "2y11d"}, {(int64_t)9 * 365 * 86400, "9y"}, {INT64_MAX, NULL}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char age[16];
        human_duration(cases[i].seconds, age);
        if (cases[i].says)
            assert_string_equal(age, cases[i].says);
        assert_true(strlen(age) < sizeof(age));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(kinds_are_found), TEST(kinds_have_names), TEST(ages_are_human)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
