/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schemas.h"
#include "api/status.h"
#include "fixture.h"

static const struct kind secret = {
    .group = "", .version = "v1", .kind = "Secret", .plural = "secrets", .schema = &schema_secret};
static const struct kind role = {
    .group = "rbac.authorization.k8s.io", .version = "v1", .kind = "Role", .plural = "roles"};

static const char *failure(const struct status_details *details)
{
    struct buffer b;
    buffer_init(&b, &arena);
    status_write_failure(&b, &error, details);
    return text(buffer_bytes(&b));
}

#define HEAD "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":"

static void failures_are_kubernetes_own(void **state)
{
    struct status_details details = {0};
    (void)state;
    assert_int_equal(status_not_found(&error, &details, &secret, BYTES("nope")), ERR_NOT_FOUND);
    assert_string_equal(failure(&details),
        HEAD "\"Failure\",\"message\":\"secrets \\\"nope\\\" not "
             "found\",\"reason\":\"NotFound\",\"details\":{\"name\":\"nope\",\"kind\":\"secrets\"},\"code\":404}\n");
    assert_int_equal(status_already_exists(&error, &details, &role, BYTES("a")), ERR_ALREADY_EXISTS);
    assert_string_equal(failure(&details),
        HEAD "\"Failure\",\"message\":\"roles.rbac.authorization.k8s.io \\\"a\\\" already "
             "exists\",\"reason\":\"AlreadyExists\",\"details\":{\"name\":\"a\","
             "\"group\":\"rbac.authorization.k8s.io\",\"kind\":\"roles\"},\"code\":409}\n");
    assert_int_equal(status_conflict(&error, &details, &secret, BYTES("s1"), "it changed"), ERR_CONFLICT);
    assert_string_equal(failure(&details),
        HEAD "\"Failure\",\"message\":\"Operation cannot be fulfilled on secrets \\\"s1\\\": it changed\",\"reason\":"
             "\"Conflict\",\"details\":{\"name\":\"s1\",\"kind\":\"secrets\"},\"code\":409}\n");
}

static void details_show_what_there_is(void **state)
{
    struct status_details details = {0};
    (void)state;
    (void)error_set(&error, ERR_BAD_REQUEST, "a <b>");
    assert_string_equal(failure(&details),
        HEAD "\"Failure\",\"message\":\"a \\u003cb\\u003e\",\"reason\":\"BadRequest\",\"code\":400}\n");
    (void)error_set(&error, ERR_UNKNOWN, "plain");
    assert_string_equal(failure(&details), HEAD "\"Failure\",\"message\":\"plain\",\"code\":500}\n");
    (void)error_set(&error, ERR_NOT_ACCEPTABLE, "406: Not Acceptable");
    assert_string_equal(failure(&details), HEAD
        "\"Failure\",\"message\":\"406: Not Acceptable\",\"reason\":\"NotAcceptable\",\"details\":{},\"code\":406}\n");
    (void)error_set(&error, ERR_TIMEOUT, "t");
    error_cause(&error, "ResourceVersionTooLarge", BYTES(""), "Too large resource version");
    error.code = ERR_TIMEOUT;
    details.retry_after_seconds = 1;
    assert_string_equal(failure(&details),
        HEAD "\"Failure\",\"message\":\"t\",\"reason\":\"Timeout\",\"details\":{\"causes\":[{\"reason\":"
             "\"ResourceVersionTooLarge\",\"message\":"
             "\"Too large resource version\"}],\"retryAfterSeconds\":1},\"code\":504}\n");
}

static void success_names_what_is_gone(void **state)
{
    struct status_details details = {.name = BYTES("d1"), .kind = BYTES("secrets"), .uid = BYTES("u")};
    struct buffer b;
    (void)state;
    buffer_init(&b, &arena);
    status_write_success(&b, &details);
    assert_string_equal(
        text(buffer_bytes(&b)), HEAD "\"Success\",\"details\":{\"name\":\"d1\",\"kind\":\"secrets\",\"uid\":\"u\"}}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failures_are_kubernetes_own), TEST(details_show_what_there_is), TEST(success_names_what_is_gone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
