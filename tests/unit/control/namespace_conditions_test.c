/* SPDX-License-Identifier: Apache-2.0 */
#include "control/namespace_conditions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static struct json *namespace_new(void)
{
    struct json *namespace;
    assert_int_equal(
        json_parse(&arena, BYTES("{\"status\":{\"phase\":\"Terminating\"}}"), NULL, &namespace, NULL, NULL), ERR_OK);
    return namespace;
}

static bool set(struct json *namespace, const struct namespace_progress *progress, int64_t now)
{
    bool changed;
    assert_int_equal(namespace_conditions_set(&arena, namespace, progress, now, &changed, NULL), ERR_OK);
    return changed;
}

static void expect(const struct json *namespace, size_t i, const char *wanted)
{
    const struct json *one = json_at(namespace, BYTES("status"), BYTES("conditions"), BYTES_NONE)->first;
    struct buffer b;
    while (i--)
        one = one->next;
    buffer_init(&b, &arena);
    json_write(&b, one);
    buffer_byte(&b, 0);
    assert_string_equal((const char *)b.p, wanted);
}

static void test_nothing_in_the_way(void **state)
{
    struct json *namespace = namespace_new();
    (void)state;
    assert_true(set(namespace, &(struct namespace_progress){0}, 0));
    expect(namespace, 0,
        "{\"type\":\"NamespaceDeletionDiscoveryFailure\",\"status\":\"False\",\"lastTransitionTime\":\"1970-01-01T00:"
        "00:"
        "00Z\",\"reason\":\"ResourcesDiscovered\",\"message\":\"All resources successfully discovered\"}");
    expect(namespace, 4,
        "{\"type\":\"NamespaceFinalizersRemaining\",\"status\":\"False\",\"lastTransitionTime\":\"1970-01-01T00:00:"
        "00Z\","
        "\"reason\":\"ContentHasNoFinalizers\",\"message\":\"All content-preserving finalizers finished\"}");
    assert_false(set(namespace, &(struct namespace_progress){0}, 1));
}

static void test_what_remains(void **state)
{
    struct json *namespace = namespace_new();
    struct namespace_progress progress = {0};
    (void)state;
    assert_true(remaining_add(&arena, &progress.resources, BYTES("secrets."), 2));
    assert_true(remaining_add(&arena, &progress.resources, BYTES("pods."), 1));
    assert_true(remaining_add(&arena, &progress.finalizers, BYTES("x.io/b"), 1));
    assert_true(remaining_add(&arena, &progress.finalizers, BYTES("x.io/a"), 1));
    assert_true(remaining_add(&arena, &progress.finalizers, BYTES("x.io/b"), 1));
    progress_fail(&arena, &progress, BYTES("one"));
    progress_fail(&arena, &progress, BYTES("two"));
    assert_true(set(namespace, &progress, 0));
    expect(namespace, 2,
        "{\"type\":\"NamespaceDeletionContentFailure\",\"status\":\"True\",\"lastTransitionTime\":\"1970-01-01T00:00:"
        "00Z\","
        "\"reason\":\"ContentDeletionFailed\",\"message\":\"Failed to delete all resource types, 2 remaining: one, "
        "two\"}");
    expect(namespace, 3,
        "{\"type\":\"NamespaceContentRemaining\",\"status\":\"True\",\"lastTransitionTime\":\"1970-01-01T00:00:00Z\","
        "\"reason\":\"SomeResourcesRemain\",\"message\":\"Some resources are remaining: pods. has 1 resource "
        "instances, "
        "secrets. has 2 resource instances\"}");
    expect(namespace, 4,
        "{\"type\":\"NamespaceFinalizersRemaining\",\"status\":\"True\",\"lastTransitionTime\":\"1970-01-01T00:00:"
        "00Z\","
        "\"reason\":\"SomeFinalizersRemain\",\"message\":\"Some content in the namespace has finalizers remaining: "
        "x.io/a "
        "in 1 resource instances, x.io/b in 2 resource instances\"}");
}

/* The time is that of the status, not of its words. */
static void test_transition_time(void **state)
{
    struct json *namespace = namespace_new();
    struct namespace_progress progress = {0};
    (void)state;
    assert_true(remaining_add(&arena, &progress.resources, BYTES("pods."), 2));
    assert_true(set(namespace, &progress, 0));
    progress.resources->count = 1;
    assert_true(set(namespace, &progress, 60));
    expect(namespace, 3,
        "{\"type\":\"NamespaceContentRemaining\",\"status\":\"True\",\"lastTransitionTime\":\"1970-01-01T00:00:00Z\","
        "\"reason\":\"SomeResourcesRemain\",\"message\":\"Some resources are remaining: pods. has 1 resource "
        "instances\"}");
    assert_true(set(namespace, &(struct namespace_progress){0}, 60));
    expect(namespace, 3,
        "{\"type\":\"NamespaceContentRemaining\",\"status\":\"False\",\"lastTransitionTime\":\"1970-01-01T00:01:00Z\","
        "\"reason\":\"ContentRemoved\",\"message\":\"All content successfully removed\"}");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_in_the_way), TEST(test_what_remains), TEST(test_transition_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
