/* SPDX-License-Identifier: Apache-2.0 */
#include "atrest/seed_cache.h"
#include "base/memory.h"
#include "crypt/key_region.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int setup(void **state)
{
    (void)state;
    return key_region_open(NULL) != ERR_OK;
}

/* The i-th wrapped form; those of one `clash` begin their search at one place. */
static bytes wrapped(uint8_t p[16], uint64_t i, uint64_t clash)
{
    memcpy(p, &i, 8);
    memcpy(p + 8, &clash, 8);
    return (bytes){p, 16};
}

static void add(struct seed_cache *cache, uint64_t i, uint64_t clash)
{
    uint8_t p[16], seed[32];
    memset(seed, (int)(i % 251), sizeof(seed));
    seed_cache_add(cache, wrapped(p, i, clash), (struct secret){seed, sizeof(seed)});
}

static bool holds(struct seed_cache *cache, uint64_t i, uint64_t clash)
{
    uint8_t p[16];
    struct secret seed = seed_cache_find(cache, wrapped(p, i, clash));
    for (size_t k = 0; k < seed.n; k++)
        assert_int_equal(seed.p[k], i % 251);
    assert_true(!seed.p || seed.n == 32);
    return seed.p != NULL;
}

static void finds_what_was_added(void **state)
{
    (void)state;
    struct seed_cache *cache = seed_cache_new();
    assert_non_null(cache);
    assert_null(seed_cache_find(cache, BYTES("")).p);
    assert_null(seed_cache_find(cache, BYTES("abc")).p);
    for (uint64_t i = 0; i < 100; i++) {
        assert_false(holds(cache, i, 1023)); /* the last slot: the search goes round */
        add(cache, i, 1023);
        add(cache, i, 1023);
        assert_true(holds(cache, i, 1023));
    }
    for (uint64_t i = 0; i < 100; i++)
        assert_true(holds(cache, i, 1023));
    seed_cache_free(cache);
    seed_cache_free(NULL);
}

static void stops_when_full(void **state)
{
    (void)state;
    struct seed_cache *cache = seed_cache_new();
    assert_non_null(cache);
    for (uint64_t i = 0; i < SEED_CACHE_MOST + 50; i++)
        add(cache, i, i * 7);
    for (uint64_t i = 0; i < SEED_CACHE_MOST + 50; i++)
        assert_int_equal(holds(cache, i, i * 7), i < SEED_CACHE_MOST);
    seed_cache_free(cache);
    struct secret whole = key_region_take(KEY_REGION_SIZE); /* everything was given back */
    assert_non_null(whole.p);
    key_region_give(whole);
}

static void does_without_a_full_region(void **state)
{
    (void)state;
    struct seed_cache *cache = seed_cache_new();
    struct secret most = key_region_take(KEY_REGION_SIZE - 64);
    assert_true(cache && most.p);
    add(cache, 1, 1), add(cache, 2, 2);
    assert_true(holds(cache, 1, 1));
    assert_false(holds(cache, 2, 2));
    key_region_give(most);
    add(cache, 2, 2);
    assert_true(holds(cache, 2, 2));
    seed_cache_free(cache);
}

#ifdef COFFER_TESTING
static void does_without_memory(void **state)
{
    (void)state;
    struct seed_cache *cache = seed_cache_new();
    assert_non_null(cache);
    memory_fail_after(0);
    add(cache, 1, 1);
    bool fired = memory_fail_fired();
    memory_fail_after(-1);
    assert_int_equal(holds(cache, 1, 1), !fired);
    seed_cache_free(cache);
}
#endif

static void *read_and_add(void *argument)
{
    struct seed_cache *cache = argument;
    for (int round = 0; round < 20; round++)
        for (uint64_t i = 0; i < SEED_CACHE_MOST; i++)
            if (!holds(cache, i, i / 8))
                add(cache, i, i / 8);
    return NULL;
}

static void threads_read_while_others_add(void **state)
{
    (void)state;
    struct seed_cache *cache = seed_cache_new();
    pthread_t threads[4];
    assert_non_null(cache);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_and_add, cache), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    for (uint64_t i = 0; i < SEED_CACHE_MOST; i++)
        assert_true(holds(cache, i, i / 8));
    seed_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_added),
        cmocka_unit_test(stops_when_full),
        cmocka_unit_test(does_without_a_full_region),
#ifdef COFFER_TESTING
        cmocka_unit_test(does_without_memory),
#endif
        cmocka_unit_test(threads_read_while_others_add),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
