/* SPDX-License-Identifier: Apache-2.0 */
/* The index of owners follows what the newest rows say. */
#include "support.h"

static void put_owned(struct store *store, uint16_t kind, const char *name, const char *first, const char *second)
{
    uint8_t owners[STORE_OWNERS_MAX];
    size_t n = 0;
    assert_true(!first || store_owners_add(owners, &n, bytes_of(first)));
    assert_true(!second || store_owners_add(owners, &n, bytes_of(second)));
    struct waiting w = {
        .write = {.key = {kind, bytes_of(name)}, .value = BYTES("v"), .owners = (bytes){n ? owners : NULL, n}}};
    assert_int_equal(write_and_wait(store, &w), ERR_OK);
}

/* Everything that names the uid, as KIND:NAME joined by spaces. */
static void assert_owned(struct store *store, const char *uid, const char *want)
{
    struct read_txn *txn = begin(store);
    struct store_key key, *after = NULL, last;
    char got[256] = "";
    size_t n = 0;
    while (store_owned(txn, bytes_of(uid), after, &key, NULL) == ERR_OK) {
        n += (size_t)snprintf(got + n, sizeof got - n, n ? " %u:%.*s" : "%u:%.*s", key.kind, BYTES_FMT(key.name));
        last = key;
        after = &last;
    }
    store_read_end(txn);
    assert_string_equal(got, want);
}

static void assert_owners(struct store *store, const char *want)
{
    struct read_txn *txn = begin(store);
    char got[256] = "";
    size_t n = 0;
    bytes uid = BYTES("");
    while (store_owner_next(txn, uid, &uid, NULL) == ERR_OK)
        n += (size_t)snprintf(got + n, sizeof got - n, n ? " %.*s" : "%.*s", BYTES_FMT(uid));
    store_read_end(txn);
    assert_string_equal(got, want);
}

static void test_owners(void **state)
{
    struct fixture *f = *state;
    struct store *store = f->store;
    assert_owners(store, "");
    assert_owned(store, "u1", "");
    put_owned(store, 2, "n/a", "u1", NULL);
    put_owned(store, 1, "n/b", "u1", "u2");
    put_owned(store, 1, "n/a", "u1", "u1");
    put_owned(store, 1, "n/c", NULL, NULL);
    assert_owned(store, "u1", "1:n/a 1:n/b 2:n/a");
    assert_owned(store, "u2", "1:n/b");
    assert_owned(store, "u", "");
    assert_owners(store, "u1 u2");
    /* Updates and deletions take away what they no longer name. */
    put_owned(store, 1, "n/b", "u3", NULL);
    assert_owned(store, "u1", "1:n/a 2:n/a");
    assert_owners(store, "u1 u3");
    assert_int_equal(delete (store, "n/a"), 6);
    assert_owned(store, "u1", "2:n/a");
    put_owned(store, 2, "n/a", NULL, NULL);
    assert_owners(store, "u3");
    /* Also over a deletion, and when the store is opened again. */
    assert_int_equal(delete (store, "n/b"), 8);
    assert_owners(store, "");
    put_owned(store, 1, "n/b", "u4", "u5");
    store = reopen(f);
    assert_owned(store, "u5", "1:n/b");
    assert_owners(store, "u4 u5");
    age(store, 1000);
    assert_owners(store, "u4 u5");
}

/* A store of the format before is read, and gets the index. */
static void test_older_format(void **state)
{
    struct fixture *f = *state;
    struct waiting w = {.write = {.key = {0, BYTES(VIEW_OWN "format")}, .value = BYTES("1")}};
    put(f->store, "n/a", "one");
    pthread_mutex_init(&w.mutex, NULL);
    pthread_cond_init(&w.cond, NULL);
    w.write.done = waiting_done;
    log_enqueue(f->store, &w.write);
    assert_int_equal(waiting_end(&w), ERR_OK);
    struct store *store = reopen(f);
    assert_value(store, "n/a", 0, "one");
    put_owned(store, 1, "n/a", "u1", NULL);
    assert_owned(store, "u1", "1:n/a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_owners, setup, teardown),
        cmocka_unit_test_setup_teardown(test_older_format, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
