/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

static void test_get(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    assert_value(store, "ns/a", 0, NULL);
    assert_int_equal(put(store, "ns/a", "one"), 1);
    assert_int_equal(put(store, "ns/b", "two"), 2);
    assert_int_equal(put(store, "ns/a", "three"), 3);
    assert_value(store, "ns/a", 0, "three");
    assert_value(store, "ns/a", 2, "one");
    assert_value(store, "ns/b", 1, NULL);
    assert_int_equal(delete (store, "ns/a"), 4);
    assert_value(store, "ns/a", 0, NULL);
    assert_value(store, "ns/a", 4, NULL);
    assert_value(store, "ns/a", 3, "three");
    assert_int_equal(put(store, "ns/a", "five"), 5);
    assert_value(store, "ns/a", 0, "five");
    assert_value(store, "ns/a", 4, NULL);
    assert_value(store, "ns/a", 1, "one");
}

static void test_kinds_apart(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put(store, "ns/a", "one");
    struct read_txn *txn = begin(store);
    struct record record;
    assert_int_equal(store_get(txn, (struct store_key){2, BYTES("ns/a")}, 0, &record, NULL), ERR_NOT_FOUND);
    assert_int_equal(store_get(txn, (struct store_key){257, BYTES("ns/a")}, 0, &record, NULL), ERR_NOT_FOUND);
    store_read_end(txn);
}

static void test_record(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put(store, "ns/a", "one");
    put(store, "ns/a", "two");
    delete (store, "ns/a");
    put(store, "ns/a", "four");
    static const struct {
        uint64_t created, previous;
        bool deleted;
        const char *value;
    } want[] = {{1, 0, false, "one"}, {1, 1, false, "two"}, {1, 2, true, ""}, {4, 0, false, "four"}};
    struct read_txn *txn = begin(store);
    struct record record = {.created = 77};
    for (uint64_t r = 1; r <= 4; r++) {
        assert_int_equal(store_record(txn, r, &record, NULL), ERR_OK);
        assert_int_equal(record.revision, r);
        assert_int_equal(record.key.kind, 1);
        assert_bytes(record.key.name, "ns/a");
        assert_int_equal(record.created, want[r - 1].created);
        assert_int_equal(record.previous, want[r - 1].previous);
        assert_int_equal(record.deleted, want[r - 1].deleted);
        assert_bytes(record.value, want[r - 1].value);
    }
    record.created = 77;
    assert_int_equal(store_record(txn, 5, &record, NULL), ERR_NOT_FOUND);
    assert_int_equal(record.created, 77);
    store_read_end(txn);
}

static void test_range(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    assert_names(store, "", "", 0, "");
    put(store, "b/2", "x");
    put(store, "a/1", "x");
    put(store, "b/1", "x");
    put(store, "b-c/1", "x");
    put(store, "c", "x");
    assert_names(store, "", "", 0, "a/1 b-c/1 b/1 b/2 c"); /* the slash keeps etcd's order: b-c before b/ */
    assert_names(store, "b/", "", 0, "b/1 b/2");
    assert_names(store, "b/", "b/1", 0, "b/1 b/2");
    assert_names(store, "b/", "b/10", 0, "b/2");
    assert_names(store, "b/", "a/9", 0, "b/1 b/2");
    assert_names(store, "b/", "c", 0, "");
    assert_names(store, "z", "", 0, "");
    delete (store, "b/1");
    put(store, "a/0", "x");
    assert_names(store, "", "", 0, "a/0 a/1 b-c/1 b/2 c");
    assert_names(store, "", "", 5, "a/1 b-c/1 b/1 b/2 c");
    assert_names(store, "", "", 2, "a/1 b/2");
    assert_names(store, "", "b", 2, "b/2");
    assert_names(store, "", "", 99, "a/0 a/1 b-c/1 b/2 c");
    delete (store, "c");
    assert_names(store, "c", "", 0, "");
    assert_names(store, "", "", 7, "a/0 a/1 b-c/1 b/2 c");
}

static void test_range_of_a_name(void **state)
{
    static const char *const keys[] = {"a/x", "b/x", "b/xx", "c/ax", "d/x", "x"};
    struct store *store = ((struct fixture *)*state)->store;
    struct record record;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        put(store, keys[i], "v");
    delete (store, "d/x");
    struct range range = {.txn = begin(store), .kind = 1, .start = BYTES("b"), .name = BYTES("x")};
    assert_int_equal(range_begin(&range, NULL), ERR_OK);
    assert_int_equal(range_count(&range), 1);
    assert_int_equal(range_next(&range, &record), 1);
    assert_bytes(record.key.name, "b/x");
    assert_int_equal(range_count(&range), 0);
    assert_int_equal(range_next(&range, &record), 0);
    range_end(&range);
    store_read_end(range.txn);
}

static void test_range_of_too_long(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    char name[STORE_KEY_MAX + 2];
    memset(name, 'n', sizeof name);
    name[STORE_KEY_MAX + 1] = 0;
    put(store, "n", "x");
    assert_names(store, name, "", 0, "");
    assert_names(store, "", name, 0, "");
    assert_value(store, name, 0, NULL);
}

/* Invariant 1, and that a snapshot stays what it was. */
static void test_snapshot(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put(store, "ns/a", "one");
    struct read_txn *old = begin(store);
    put(store, "ns/a", "two");
    put(store, "ns/b", "three");
    struct read_txn *new = begin(store);
    struct record record;
    assert_int_equal(store_revision(old), 1);
    assert_int_equal(store_revision(new), 3);
    assert_int_equal(store_get(old, key_of("ns/a"), 0, &record, NULL), ERR_OK);
    assert_bytes(record.value, "one");
    assert_int_equal(store_get(old, key_of("ns/b"), 0, &record, NULL), ERR_NOT_FOUND);
    assert_int_equal(store_next(old, 1, &record), 0);
    assert_int_equal(store_get(new, key_of("ns/a"), 0, &record, NULL), ERR_OK);
    assert_bytes(record.value, "two");
    store_read_end(old);
    store_read_end(new);
    /* Kept transactions must not show what they saw before. */
    put(store, "ns/a", "four");
    assert_value(store, "ns/a", 0, "four");
    assert_value(store, "ns/b", 0, "three");
}

static void test_next(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct record record;
    struct read_txn *txn = begin(store);
    assert_int_equal(store_revision(txn), 0);
    assert_int_equal(store_next(txn, 0, &record), 0);
    store_read_end(txn);
    put(store, "a", "1");
    put(store, "b", "2");
    delete (store, "a");
    txn = begin(store);
    uint64_t after = 0;
    while (store_next(txn, after, &record) == 1)
        assert_int_equal(record.revision, ++after);
    assert_int_equal(after, 3);
    assert_true(record.deleted);
    assert_int_equal(store_next(txn, UINT64_MAX, &record), 0);
    store_read_end(txn);
}

static void test_many_snapshots(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct read_txn *txns[SPARE_SLOTS + 8];
    put(store, "a", "1");
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(txns); i++)
            txns[i] = begin(store);
        for (size_t i = 0; i < ARRAY_LEN(txns); i++)
            store_read_end(txns[i]);
    }
    assert_value(store, "a", 0, "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kinds_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_range, setup, teardown),
        cmocka_unit_test_setup_teardown(test_range_of_a_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_range_of_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_next, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_snapshots, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
