/* SPDX-License-Identifier: Apache-2.0 */
/* The provider chain with the local keyring as its provider: what the server runs on. */
#include "atrest/kms_v2.h"
#include "atrest/local_keyring.h"
#include "base/memory.h"
#include "crypt/key_region.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define PREFIX "k8s:enc:kms:v2:coffer:"

static const bytes path = BYTES("/registry/secrets/default/g1"),
                   plain = BYTES("{\"k\":\"a value that must not show\"}");
static char folder[] = "/tmp/coffer-keyring-XXXXXX";
static struct arena arena;
static struct error error;
static struct atrest *atrest; /* of "one" */

/* A chain of the keys in these files, as a start of the server makes it. */
static struct atrest *start(const char *const *files, size_t count)
{
    struct atrest_provider *providers[4];
    for (size_t i = 0; i < count; i++)
        assert_int_equal(local_keyring_open(files[i], &providers[i], &error), ERR_OK);
    struct atrest *made = atrest_new(providers, count);
    assert_non_null(made);
    return made;
}

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 16 << 20);
    error_init(&error, NULL);
    if (key_region_open(&error) != ERR_OK || !mkdtemp(folder) || chdir(folder) != 0 ||
        unlock_file_create("one", &error) != ERR_OK || unlock_file_create("two", &error) != ERR_OK)
        return 1;
    atrest = start((const char *[]){"one"}, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    atrest_free(atrest);
    atrest_free(NULL);
    arena_reset(&arena);
    struct secret whole = key_region_take(KEY_REGION_SIZE); /* every key was given back */
    bool all = whole.p != NULL;
    key_region_give(whole);
    return !all || unlink("one") || unlink("two") || rmdir(folder);
}

static bytes seal(void)
{
    bytes stored;
    assert_int_equal(atrest_seal(atrest, &arena, path, plain, &stored, &error), ERR_OK);
    return stored;
}

static bool says(const char *text)
{
    return memmem(error.message.p, error.message.n, text, strlen(text)) != NULL;
}

static void reads_what_it_wrote(void **state)
{
    (void)state;
    bytes stored = seal(), got;
    bool stale = true;
    assert_true(bytes_start(stored, BYTES(PREFIX)));
    assert_null(memmem(stored.p, stored.n, "value", 5));
    assert_int_equal(atrest_open(atrest, &arena, path, stored, &got, &stale, &error), ERR_OK);
    assert_true(bytes_equal(got, plain));
    assert_false(stale);
}

static void reads_after_a_restart(void **state)
{
    (void)state;
    bytes stored = seal(), got;
    struct atrest *later = start((const char *[]){"one"}, 1);
    for (int round = 0; round < 3; round++) { /* unwrapped, then from the cache */
        bool stale = true;
        assert_int_equal(atrest_open(later, &arena, path, stored, &got, &stale, &error), ERR_OK);
        assert_true(bytes_equal(got, plain) && !stale);
    }
    bytes second;
    assert_int_equal(atrest_seal(later, &arena, path, plain, &second, &error), ERR_OK);
    assert_int_equal(atrest_open(atrest, &arena, path, second, &got, &(bool){false}, &error), ERR_OK);
    /* A new seed at each start. */
    struct kms_v2_object a, b;
    assert_int_equal(kms_v2_decode(&arena, bytes_skip(stored, strlen(PREFIX)), &a, &error), ERR_OK);
    assert_int_equal(kms_v2_decode(&arena, bytes_skip(second, strlen(PREFIX)), &b, &error), ERR_OK);
    assert_false(bytes_equal(a.source.wrapped, b.source.wrapped));
    assert_true(bytes_equal(a.source.key_id, b.source.key_id));
    assert_int_equal(a.source.wrapped.n, 61);
    atrest_free(later);
}

static void reads_with_the_region_full(void **state)
{
    (void)state;
    bytes stored = seal(), got;
    struct atrest *later = start((const char *[]){"one"}, 1);
    struct secret rest[2048];
    size_t count = 0;
    while ((rest[count] = key_region_take(64)).p)
        count++;
    assert_int_equal(atrest_open(later, &arena, path, stored, &got, &(bool){false}, &error), ERR_OK);
    assert_true(bytes_equal(got, plain));
    struct atrest_provider *provider = NULL;
    assert_int_equal(local_keyring_open("one", &provider, &error), ERR_NO_MEMORY);
    assert_null(provider);
    while (count--)
        key_region_give(rest[count]);
    atrest_free(later);
}

static void another_key_is_named(void **state)
{
    (void)state;
    bytes stored = seal(), got = BYTES("untouched");
    bool stale = true;
    struct atrest_provider *one, *two;
    assert_int_equal(local_keyring_open("one", &one, &error), ERR_OK);
    assert_int_equal(local_keyring_open("two", &two, &error), ERR_OK);
    assert_string_not_equal(local_keyring_key_id(one), local_keyring_key_id(two));
    struct atrest *other = atrest_new(&two, 1);
    assert_int_equal(atrest_open(other, &arena, path, stored, &got, &stale, &error), ERR_UNREADABLE);
    assert_true(says("no key \"local:") && says(local_keyring_key_id(one)) && says("another unlock key"));
    assert_true(bytes_equal(got, BYTES("untouched")) && stale);
    one->free(one);
    atrest_free(other);
    /* With both keys, wherever it stands, it is read; but from the second it is stale. */
    for (int first = 0; first < 2; first++) {
        struct atrest *both = start((const char *[]){first ? "one" : "two", first ? "two" : "one"}, 2);
        assert_int_equal(atrest_open(both, &arena, path, stored, &got, &stale, &error), ERR_OK);
        assert_int_equal(stale, !first);
        atrest_free(both);
    }
}

static void changed_values_never_open(void **state)
{
    (void)state;
    bytes good = seal(), got;
    uint8_t *stored = arena_alloc(&arena, good.n);
    assert_non_null(stored);
    memcpy(stored, good.p, good.n);
    struct atrest *fresh = start((const char *[]){"one"}, 1); /* one that has no seed cached, and one that has */
    for (size_t bit = 0; bit < good.n * 8; bit++) {
        stored[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct arena own;
        arena_init(&own, 1 << 20);
        assert_int_equal(
            atrest_open(fresh, &own, path, (bytes){stored, good.n}, &got, &(bool){false}, &error), ERR_UNREADABLE);
        assert_int_equal(
            atrest_open(atrest, &own, path, (bytes){stored, good.n}, &got, &(bool){false}, &error), ERR_UNREADABLE);
        assert_false(says("value that must"));
        arena_reset(&own);
        stored[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < good.n; n++)
        assert_int_equal(
            atrest_open(atrest, &arena, path, (bytes){good.p, n}, &got, &(bool){false}, &error), ERR_UNREADABLE);
    assert_int_equal(atrest_open(fresh, &arena, path, (bytes){stored, good.n}, &got, &(bool){false}, &error), ERR_OK);
    atrest_free(fresh);
}

static void moved_values_never_open(void **state)
{
    (void)state;
    static const bytes others[] = {BYTES(""), BYTES("/registry/secrets/default/g"),
        BYTES("/registry/secrets/default/g10"), BYTES("/registry/secrets/default/h1")};
    bytes stored = seal(), got;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(atrest_open(atrest, &arena, others[i], stored, &got, &(bool){false}, &error), ERR_UNREADABLE);
}

static void unknown_prefixes_are_named_without_content(void **state)
{
    (void)state;
    static const struct {
        bytes stored;
        const char *said;
    } cases[] = {
        {BYTES("k8s:enc:aescbc:v1:key1:topsecret:x"),
            "stored with provider \"k8s:enc:aescbc:v1:key1:\", for which there is no key"},
        {BYTES("k8s:enc:kms:v2:tinykms:\n\x01topsecret"), "\"k8s:enc:kms:v2:tinykms:\""},
        {BYTES("k8s:enc:kms:v2:coffer"), "\"k8s:enc:kms:v2:\""},
        {BYTES("k8s:enc:topsecret"), "no matching prefix found: the value is not encrypted in a known way"},
        {BYTES("k8s:enc:\x1b[2J:topsecret:"), "not encrypted in a known way"},
        {BYTES("k8s\0\n\x0ctopsecret"), "not encrypted in a known way"},
        {BYTES("{\"kind\":\"Secret\",\"data\":\"topsecret\"}"), "not encrypted in a known way"},
        {BYTES(""), "not encrypted in a known way"},
    };
    bytes got;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(
            atrest_open(atrest, &arena, path, cases[i].stored, &got, &(bool){false}, &error), ERR_UNREADABLE);
        assert_true(says("no matching prefix found") && says(cases[i].said));
        assert_false(says("topsecret"));
    }
}

static void hostile_key_ids_are_quoted(void **state)
{
    (void)state;
    bytes got;
    assert_int_equal(atrest_open(atrest, &arena, path, BYTES(PREFIX "\x0a\x01x\x12\x03\x1b[m\x1a\x01w\x28\x01"), &got,
                         &(bool){false}, &error),
        ERR_UNREADABLE);
    assert_true(says("no key \"\\x1b[m\""));
}

/* Field 3 with another form byte, and a seed of type 0: our own key made neither. */
static void foreign_forms_are_refused(void **state)
{
    (void)state;
    bytes good = seal(), got;
    uint8_t *stored = arena_alloc(&arena, good.n);
    assert_non_null(stored);
    memcpy(stored, good.p, good.n);
    struct kms_v2_object object;
    assert_int_equal(
        kms_v2_decode(&arena, (bytes){stored + strlen(PREFIX), good.n - strlen(PREFIX)}, &object, &error), ERR_OK);
    stored[object.source.wrapped.p - stored] = 2;
    assert_int_equal(
        atrest_open(atrest, &arena, path, (bytes){stored, good.n}, &got, &(bool){false}, &error), ERR_UNREADABLE);
    assert_true(says("unknown form"));
}

#ifdef COFFER_TESTING
static void every_failing_allocation_is_told(void **state)
{
    (void)state;
    bytes stored = seal();
    bool fired = true;
    struct atrest *fresh = start((const char *[]){"one"}, 1);
    for (long n = 0; fired; n++) {
        struct arena own;
        bytes got = BYTES("untouched");
        arena_init(&own, 1 << 20);
        memory_fail_after(n);
        err_t result = atrest_open(fresh, &own, path, stored, &got, &(bool){false}, &error);
        fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_true(result == ERR_OK ? bytes_equal(got, plain)
                                     : fired && result == ERR_NO_MEMORY && bytes_equal(got, BYTES("untouched")));
        arena_reset(&own);
    }
    fired = true;
    for (long n = 0; fired; n++) {
        struct arena own;
        bytes got = BYTES("untouched");
        arena_init(&own, 1 << 20);
        memory_fail_after(n);
        err_t result = atrest_seal(atrest, &own, path, plain, &got, &error);
        fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_true(
            result == ERR_OK ? !fired : fired && result == ERR_NO_MEMORY && bytes_equal(got, BYTES("untouched")));
        arena_reset(&own);
    }
    fired = true;
    for (long n = 0; fired; n++) {
        struct atrest_provider *provider = NULL;
        memory_fail_after(n);
        err_t result = local_keyring_open("one", &provider, &error);
        fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_true(result == ERR_OK ? provider != NULL : fired && result == ERR_NO_MEMORY && !provider);
        if (provider)
            provider->free(provider);
    }
    atrest_free(fresh);
}

static bool freed;

static void free_fake(struct atrest_provider *provider)
{
    (void)provider;
    freed = true;
}

static void providers_are_taken_over_on_failure(void **state)
{
    (void)state;
    struct atrest_provider fake = {.free = free_fake}, *providers[] = {&fake};
    memory_fail_after(0);
    struct atrest *made = atrest_new(providers, 1);
    memory_fail_after(-1);
    atrest_free(made); /* a sanitizer's malloc does not fail */
    assert_true(freed);
}
#endif

static void small_arenas_are_told(void **state)
{
    (void)state;
    struct arena small;
    bytes stored = seal(), got;
    arena_init(&small, 16);
    assert_int_equal(atrest_open(atrest, &small, path, stored, &got, &(bool){false}, &error), ERR_TOO_MANY_REQUESTS);
    assert_int_equal(atrest_seal(atrest, &small, path, plain, &got, &error), ERR_TOO_MANY_REQUESTS);
    arena_reset(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_wrote),
        cmocka_unit_test(reads_after_a_restart),
        cmocka_unit_test(reads_with_the_region_full),
        cmocka_unit_test(another_key_is_named),
        cmocka_unit_test(changed_values_never_open),
        cmocka_unit_test(moved_values_never_open),
        cmocka_unit_test(unknown_prefixes_are_named_without_content),
        cmocka_unit_test(hostile_key_ids_are_quoted),
        cmocka_unit_test(foreign_forms_are_refused),
#ifdef COFFER_TESTING
        cmocka_unit_test(every_failing_allocation_is_told),
        cmocka_unit_test(providers_are_taken_over_on_failure),
#endif
        cmocka_unit_test(small_arenas_are_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
