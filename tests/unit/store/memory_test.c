/* SPDX-License-Identifier: Apache-2.0 */
/* Each n-th allocation fails: what was refused changed nothing, and the next try succeeds. Under sanitizers only arenas
 * count. */
#include "support.h"

/* The loop tried something: so many allocations at least were made to fail. */
static void assert_struck(long n, long least)
{
#ifdef COFFER_SANITIZED
    (void)n, (void)least;
#else
    assert_true(n > least);
#endif
}

static void test_write(void **state)
{
    struct fixture *f = *state;
    put(f->store, "a", "0");
    uint64_t revision = 1;
    bool fired = true;
    long n = 0;
    for (; fired; n++) {
        struct waiting w = {.write = {.key = key_of("a"), .value = BYTES("x")}};
        memory_fail_after(n);
        err_t result = write_and_wait(f->store, &w);
        fired = memory_fail_fired();
        memory_fail_after(-1);
        if (result == ERR_OK) {
            assert_int_equal(w.write.revision, ++revision);
        } else {
            assert_true(fired);
            assert_int_equal(result, ERR_NO_MEMORY);
        }
        struct read_txn *txn = begin(f->store);
        assert_int_equal(store_revision(txn), revision);
        store_read_end(txn);
    }
    assert_struck(n, 1);
    reopen(f);
    assert_int_equal(put(f->store, "a", "y"), revision + 1);
}

static void test_open(void **state)
{
    struct fixture *f = *state;
    put(f->store, "a", "0");
    close_store(f);
    const struct store_options options = {f->directory, wide, 0, false};
    bool fired = true;
    long n = 0;
    for (; fired; n++) {
        struct error error;
        error_init(&error, NULL);
        memory_fail_after(n);
        err_t result = store_open(&options, &f->store, &error);
        fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_true(result == ERR_OK || fired);
        if (result == ERR_OK) {
            assert_value(f->store, "a", 0, "0");
            close_store(f);
        }
    }
    assert_struck(n, 10);
    open_with(f, (struct store_options){0});
}

static void test_read(void **state)
{
    struct fixture *f = *state;
    put(f->store, "a", "0");
    bool fired = true;
    long n = 0;
    for (; fired; n++) {
        struct read_txn *kept = begin(reopen(f)), *txn; /* so that the next is made anew */
        struct record record;
        memory_fail_after(n);
        err_t result = store_read_begin(f->store, &txn, NULL);
        if (result == ERR_OK) {
            struct range range = {.txn = txn, .kind = 1};
            result = store_get(txn, key_of("a"), 0, &record, NULL);
            err_t ranged = range_begin(&range, NULL);
            assert_true(ranged == ERR_OK || ranged == ERR_NO_MEMORY);
            if (ranged == ERR_OK)
                assert_int_equal(range_next(&range, &record), 1);
            range_end(&range);
            store_read_end(txn);
        }
        fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_true(result == ERR_OK || (result == ERR_NO_MEMORY && fired));
        store_read_end(kept);
        assert_value(f->store, "a", 0, "0");
    }
    assert_struck(n, 5);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(write), T(open), T(read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
