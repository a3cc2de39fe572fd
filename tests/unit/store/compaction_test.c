/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

static uint64_t compacted(struct store *store)
{
    struct read_txn *txn = begin(store);
    uint64_t revision = store_compacted(txn);
    store_read_end(txn);
    return revision;
}

static bool row_exists(struct store *store, uint64_t revision)
{
    struct read_txn *txn = begin(store);
    struct record record;
    err_t result = store_record(txn, revision, &record, NULL);
    store_read_end(txn);
    assert_true(result == ERR_OK || result == ERR_EXPIRED);
    return result == ERR_OK;
}

static void assert_rows(struct store *store, const char *want)
{
    char got[64] = "";
    for (uint64_t r = 1; want[r - 1]; r++)
        got[r - 1] = row_exists(store, r) ? 'x' : '.';
    assert_string_equal(got, want);
}

static void test_age(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put(store, "a", "1");
    put(store, "a", "2");
    put(store, "b", "3");
    age(store, HISTORY_SECONDS - 10);
    assert_int_equal(compacted(store), 0);
    put(store, "b", "4");
    put(store, "b", "5");
    age(store, 20);
    assert_int_equal(compacted(store), 3);
    assert_rows(store, ".xxxx");
    age(store, HISTORY_SECONDS);
    assert_int_equal(compacted(store), 4); /* the newest row tells the newest revision: it stays out */
    assert_rows(store, ".x.xx");
    put(store, "c", "6");
    age(store, HISTORY_SECONDS);
    assert_int_equal(compacted(store), 5);
    assert_rows(store, ".x..xx");
    assert_value(store, "a", 0, "2");
    assert_value(store, "b", 0, "5");
}

static void test_deletions(void **state)
{
    struct fixture *f = *state;
    put(f->store, "a", "1");
    delete (f->store, "a");
    put(f->store, "b", "3");
    delete (f->store, "b");
    put(f->store, "b", "5");
    delete (f->store, "b"); /* 6: newest of all */
    age(f->store, HISTORY_SECONDS + 1);
    assert_int_equal(compacted(f->store), 5);
    assert_rows(f->store, "....xx");
    assert_names(f->store, "", "", 5, "b");
    assert_names(f->store, "", "", 0, "");
    /* The newest row is a deletion: revisions go on behind it after a restart (invariant 2). */
    reopen(f);
    assert_int_equal(put(f->store, "b", "7"), 7);
    age(f->store, HISTORY_SECONDS + 1);
    assert_rows(f->store, "......x");
    assert_value(f->store, "b", 0, "7");
    assert_value(f->store, "b", 6, NULL);
    struct read_txn *txn = begin(f->store);
    MDB_stat stat;
    assert_int_equal(mdb_stat(txn->txn, f->store->view.index, &stat), 0);
    assert_int_equal(stat.ms_entries, 1); /* a's key is gone */
    store_read_end(txn);
}

static void test_expired(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    for (int i = 0; i < 5; i++)
        put(store, "a", "x");
    struct read_txn *old = begin(store);
    age(store, HISTORY_SECONDS + 1);
    struct read_txn *txn = begin(store);
    struct record record = {.created = 77};
    struct range range = {.txn = txn, .kind = 1, .revision = 3};
    assert_int_equal(store_compacted(txn), 4);
    assert_int_equal(store_get(txn, key_of("a"), 3, &record, NULL), ERR_EXPIRED);
    assert_int_equal(store_record(txn, 3, &record, NULL), ERR_EXPIRED);
    assert_int_equal(store_next(txn, 3, &record), -1);
    assert_int_equal(range_begin(&range, NULL), ERR_EXPIRED);
    assert_int_equal(record.created, 77);
    assert_int_equal(store_get(txn, key_of("a"), 4, &record, NULL), ERR_OK);
    assert_int_equal(record.revision, 4);
    assert_int_equal(store_next(txn, 4, &record), 1);
    assert_int_equal(record.revision, 5);
    range.revision = 4;
    assert_int_equal(range_begin(&range, NULL), ERR_OK);
    range_end(&range);
    store_read_end(txn);
    /* A snapshot from before keeps all it had. */
    assert_int_equal(store_get(old, key_of("a"), 1, &record, NULL), ERR_OK);
    assert_int_equal(record.revision, 1);
    store_read_end(old);
}

static void test_pins(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    for (int i = 0; i < 10; i++)
        put(store, "a", "x");
    uint64_t pin, later, pin_of_old = 77;
    assert_true(store_pin(store, 4, &pin));
    assert_true(store_pin(store, 6, &later));
    age(store, HISTORY_SECONDS + 1);
    assert_int_equal(compacted(store), 4);
    assert_value(store, "a", 4, "x");
    assert_false(store_pin(store, 3, &pin_of_old));
    assert_int_equal(pin_of_old, 77);
    store_unpin(store, pin);
    age(store, 0);
    assert_int_equal(compacted(store), 6);
    store_unpin(store, later);
    store_unpin(store, later); /* no matter */
    age(store, 0);
    assert_int_equal(compacted(store), 9);
}

static void test_pin_ends(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    for (int i = 0; i < 10; i++)
        put(store, "a", "x");
    uint64_t pin;
    assert_true(store_pin(store, 4, &pin));
    pthread_mutex_lock(&store->pin_mutex);
    assert_int_equal(store->pins[pin % PINS].revision, 4);
    assert_true(store->pins[pin % PINS].deadline > PIN_MILLISECONDS);
    store->pins[pin % PINS].deadline = 1;
    pthread_mutex_unlock(&store->pin_mutex);
    age(store, HISTORY_SECONDS + 1);
    assert_int_equal(compacted(store), 9);
    store_unpin(store, pin);
}

/* However many lists were begun and left: the oldest give way, and memory stays as it was. */
static void test_many_pins(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    for (int i = 0; i < 10; i++)
        put(store, "a", "x");
    uint64_t oldest, pin;
    assert_true(store_pin(store, 2, &oldest));
    for (int i = 0; i < PINS; i++)
        assert_true(store_pin(store, 5, &pin));
    store_unpin(store, oldest); /* its place is another's by now */
    age(store, HISTORY_SECONDS + 1);
    assert_int_equal(compacted(store), 5);
}

/* Age is measured from the write, also when the store was closed in between. */
static void test_restart(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++)
        put(f->store, "a", "x");
    reopen(f);
    age(f->store, HISTORY_SECONDS + 1);
    assert_int_equal(compacted(f->store), 4);
    reopen(f);
    assert_int_equal(compacted(f->store), 4);
    uint64_t pin;
    assert_false(store_pin(f->store, 3, &pin));
    assert_int_equal(put(f->store, "a", "x"), 6);
}

/* Rows that the clock, set back since, wrote in the future do not stop compaction for good. */
static void test_clock_set_back(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    atomic_store(&store->clock_offset, 1000000);
    for (int i = 0; i < 5; i++)
        put(store, "a", "x");
    age(store, -1000000);
    assert_int_equal(compacted(store), 4);
}

static void test_long_history(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    enum { ROWS = 3 * COMPACT_ROWS };
    static struct waiting w[ROWS];
    static char names[ROWS][8];
    for (int i = 0; i < ROWS; i++) {
        snprintf(names[i], sizeof names[i], "%d", i % 100);
        w[i] = (struct waiting){.write = {.key = key_of(names[i]), .value = BYTES("x")}};
        waiting_begin(store, &w[i]);
    }
    for (int i = 0; i < ROWS; i++)
        assert_int_equal(waiting_end(&w[i]), ERR_OK);
    age(store, HISTORY_SECONDS + 1);
    age(store, 0);
    age(store, 0);
    assert_int_equal(compacted(store), ROWS - 1);
    struct read_txn *txn = begin(store);
    MDB_stat stat;
    assert_int_equal(mdb_stat(txn->txn, store->view.log, &stat), 0);
    assert_int_equal(stat.ms_entries, 101); /* the newest row's predecessor stays with it */
    store_read_end(txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_age, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deletions, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expired, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pin_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_pins, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clock_set_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_history, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
