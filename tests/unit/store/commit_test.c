/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

static void test_compares(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const struct compare absent = {COMPARE_ABSENT, key_of("ns/a"), 0}, exists = {COMPARE_EXISTS, key_of("ns/a"), 0},
                         empty = {COMPARE_FEWER, key_of("ns/"), 1};
    assert_int_equal(put_if(store, "ns/a", "x", exists), ERR_CONFLICT);
    assert_int_equal(put_if(store, "other", "x", empty), ERR_OK);
    assert_int_equal(put_if(store, "ns/a", "one", absent), ERR_OK);
    assert_int_equal(put_if(store, "ns/a", "x", absent), ERR_CONFLICT);
    assert_int_equal(put_if(store, "other", "x", empty), ERR_CONFLICT);
    assert_int_equal(put_if(store, "ns/a", "two", exists), ERR_OK);
    struct compare at = {COMPARE_REVISION, key_of("ns/a"), 2};
    assert_int_equal(put_if(store, "ns/a", "x", at), ERR_CONFLICT);
    at.revision = 3;
    assert_int_equal(put_if(store, "ns/a", "three", at), ERR_OK);
    assert_value(store, "ns/a", 0, "three");
    /* After a deletion the key is absent again, its namespace empty, and its last revision no match. */
    at.revision = delete (store, "ns/a");
    assert_int_equal(put_if(store, "ns/a", "x", at), ERR_CONFLICT);
    assert_int_equal(put_if(store, "ns/a", "x", exists), ERR_CONFLICT);
    assert_int_equal(put_if(store, "other", "x", empty), ERR_OK);
    assert_int_equal(put_if(store, "ns/a", "four", absent), ERR_OK);
    /* As many as a quota allows, and deletions do not count. */
    struct compare fewer = {COMPARE_FEWER, key_of("q/"), 2};
    assert_int_equal(put_if(store, "q/a", "1", fewer), ERR_OK);
    assert_int_equal(put_if(store, "q/b", "2", fewer), ERR_OK);
    assert_int_equal(put_if(store, "q/c", "3", fewer), ERR_CONFLICT);
    delete (store, "q/a");
    assert_int_equal(put_if(store, "q/c", "3", fewer), ERR_OK);
    fewer.revision = 0;
    assert_int_equal(put_if(store, "p", "4", fewer), ERR_CONFLICT);
    /* Of a key that another kind has. */
    const struct compare stranger = {COMPARE_EXISTS, {2, BYTES("ns/a")}, 0};
    assert_int_equal(put_if(store, "ns/a", "x", stranger), ERR_CONFLICT);
}

static void test_failed_compare_is_named(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const struct compare compares[] = {{COMPARE_ABSENT, key_of("a"), 0}, {COMPARE_ABSENT, key_of("b"), 0},
        {COMPARE_EXISTS, key_of("c"), 0}, {COMPARE_EXISTS, key_of("d"), 0}};
    struct waiting w = {.write = {.key = key_of("a"), .compares = compares, .compare_count = 4}};
    assert_int_equal(write_and_wait(store, &w), ERR_CONFLICT);
    assert_int_equal(w.write.failed_compare, 2);
    assert_int_equal(w.write.revision, 0);
    assert_non_null(w.write.message);
    assert_value(store, "a", 0, NULL);
}

static void test_delete_of_nothing(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    struct waiting w = {.write = {.key = key_of("a"), .delete = true}};
    assert_int_equal(write_and_wait(store, &w), ERR_NOT_FOUND);
    assert_int_equal(put(store, "a", "x"), 1);
    delete (store, "a");
    assert_int_equal(write_and_wait(store, &w), ERR_NOT_FOUND);
    assert_int_equal(put(store, "a", "x"), 3);
}

static void test_limits(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    static char name[STORE_KEY_MAX + 1];
    memset(name, 'n', sizeof name);
    uint8_t *large = calloc(1, STORE_VALUE_MAX + 1);
    struct waiting w = {.write = {.key = {1, {(uint8_t *)name, STORE_KEY_MAX + 1}}, .value = BYTES("x")}};
    assert_int_equal(write_and_wait(store, &w), ERR_TOO_LARGE);
    w.write.key.name.n = STORE_KEY_MAX;
    w.write.value = (bytes){large, STORE_VALUE_MAX + 1};
    assert_int_equal(write_and_wait(store, &w), ERR_TOO_LARGE);
    w.write.value.n = STORE_VALUE_MAX;
    large[STORE_VALUE_MAX - 1] = 'z';
    assert_int_equal(write_and_wait(store, &w), ERR_OK);
    assert_int_equal(w.write.revision, 1);
    struct read_txn *txn = begin(store);
    struct record record;
    assert_int_equal(store_get(txn, w.write.key, 0, &record, NULL), ERR_OK);
    assert_int_equal(record.value.n, STORE_VALUE_MAX);
    assert_int_equal(record.value.p[STORE_VALUE_MAX - 1], 'z');
    store_read_end(txn);
    free(large);
}

static void test_empty_value(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    put(store, "a", "");
    assert_value(store, "a", 0, "");
}

/* Holds the commit thread inside a group until all that matters is queued: so they share one group. */
struct gate {
    struct store_write write;
    pthread_barrier_t entered, leave;
};

static void gate_done(struct store_write *write)
{
    struct gate *gate = (struct gate *)write;
    pthread_barrier_wait(&gate->entered);
    pthread_barrier_wait(&gate->leave);
}

static void gate_close(struct store *store, struct gate *gate)
{
    *gate = (struct gate){.write = {.key = key_of("gate"), .done = gate_done}};
    pthread_barrier_init(&gate->entered, NULL, 2);
    pthread_barrier_init(&gate->leave, NULL, 2);
    store_commit(store, &gate->write);
    pthread_barrier_wait(&gate->entered);
}

static void gate_open(struct gate *gate)
{
    pthread_barrier_wait(&gate->leave);
}

/* Compares see the group's earlier members, and a loser leaves its neighbours alone (invariant 3). */
static void test_one_group(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    const struct compare absent = {COMPARE_ABSENT, key_of("a"), 0}, second = {COMPARE_REVISION, key_of("a"), 2},
                         empty = {COMPARE_FEWER, key_of("n/"), 1};
    struct waiting w[] = {
        {.write = {.key = key_of("a"), .value = BYTES("1"), .compares = &absent, .compare_count = 1}},
        {.write = {.key = key_of("a"), .value = BYTES("2"), .compares = &absent, .compare_count = 1}},
        {.write = {.key = key_of("a"), .value = BYTES("3"), .compares = &second, .compare_count = 1}},
        {.write = {.key = key_of("n/x"), .value = BYTES("4")}},
        {.write = {.key = key_of("m"), .value = BYTES("5"), .compares = &empty, .compare_count = 1}},
        {.write = {.key = key_of("n/x"), .delete = true}},
        {.write = {.key = key_of("m"), .value = BYTES("6"), .compares = &empty, .compare_count = 1}},
    };
    static const err_t want[] = {ERR_OK, ERR_CONFLICT, ERR_OK, ERR_OK, ERR_CONFLICT, ERR_OK, ERR_OK};
    struct store_statistics before, after;
    struct gate gate;
    gate_close(store, &gate);
    store_get_statistics(store, &before);
    for (size_t i = 0; i < ARRAY_LEN(w); i++)
        waiting_begin(store, &w[i]);
    gate_open(&gate);
    uint64_t revision = 1;
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        assert_int_equal(waiting_end(&w[i]), want[i]);
        assert_int_equal(w[i].write.revision, want[i] ? 0 : ++revision);
    }
    store_get_statistics(store, &after);
    assert_int_equal(after.commits, before.commits + 1);
    assert_int_equal(after.writes, 6);
    assert_int_equal(after.revision, 6);
    assert_value(store, "a", 0, "3");
    assert_value(store, "m", 0, "6");
}

/* ---- What is seen when */

static struct {
    struct store *store;
    _Atomic uint64_t revision;
    _Atomic unsigned calls, late;
} seen;

static void on_commit(void *context, uint64_t revision)
{
    assert_ptr_equal(context, &seen);
    struct read_txn *txn = begin(seen.store);
    if (store_revision(txn) < revision)
        atomic_fetch_add(&seen.late, 1);
    store_read_end(txn);
    atomic_store(&seen.revision, revision);
    atomic_fetch_add(&seen.calls, 1);
}

static void check_done(struct store_write *write)
{
    if (atomic_load(&seen.revision) < write->revision)
        atomic_fetch_add(&seen.late, 1);
    waiting_done(write);
}

/* Commit, visible, observers, done: in this order. */
static void test_order(void **state)
{
    struct store *store = ((struct fixture *)*state)->store;
    memset(&seen, 0, sizeof seen);
    seen.store = store;
    store_on_commit(store, on_commit, &seen);
    for (int i = 0; i < 20; i++) {
        struct waiting w = {.write = {.key = key_of("a"), .value = BYTES("x")}};
        pthread_mutex_init(&w.mutex, NULL);
        pthread_cond_init(&w.cond, NULL);
        w.write.done = check_done;
        store_commit(store, &w.write);
        assert_int_equal(waiting_end(&w), ERR_OK);
    }
    assert_int_equal(seen.calls, 20);
    assert_int_equal(seen.late, 0);
    /* Nobody is told of what changed nothing. */
    assert_int_equal(put_if(store, "a", "y", (struct compare){COMPARE_ABSENT, key_of("a"), 0}), ERR_CONFLICT);
    assert_int_equal(seen.calls, 20);
}

/* ---- Many threads */

enum { THREADS = 8, STEPS = 100 };

struct counter_thread {
    struct store *store;
    pthread_t thread;
    unsigned retries;
};

/* Adds one to a shared counter by compare-and-swap, as API clients do. */
static void *count_up(void *argument)
{
    struct counter_thread *t = argument;
    for (int i = 0; i < STEPS;) {
        struct read_txn *txn = begin(t->store);
        struct record record = {.revision = 0};
        char text[24] = "0";
        if (store_get(txn, key_of("counter"), 0, &record, NULL) == ERR_OK)
            snprintf(text, sizeof text, "%.*s", BYTES_FMT(record.value));
        const uint64_t revision = record.revision;
        store_read_end(txn);
        snprintf(text, sizeof text, "%ld", strtol(text, NULL, 10) + 1);
        const struct compare compare = {revision ? COMPARE_REVISION : COMPARE_ABSENT, key_of("counter"), revision};
        if (put_if(t->store, "counter", text, compare) == ERR_OK)
            i++;
        else
            t->retries++;
    }
    return NULL;
}

static void test_threads(void **state)
{
    struct fixture *f = *state;
    struct counter_thread threads[THREADS] = {0};
    char want[24];
    for (int i = 0; i < THREADS; i++) {
        threads[i].store = f->store;
        assert_int_equal(pthread_create(&threads[i].thread, NULL, count_up, &threads[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i].thread, NULL);
    snprintf(want, sizeof want, "%d", THREADS * STEPS);
    assert_value(f->store, "counter", 0, want);
    /* Each revision is one step, in order, the history whole. */
    struct read_txn *txn = begin(f->store);
    struct record record;
    for (uint64_t r = 1; r <= THREADS * STEPS; r++) {
        assert_int_equal(store_record(txn, r, &record, NULL), ERR_OK);
        snprintf(want, sizeof want, "%d", (int)r);
        assert_bytes(record.value, want);
        assert_int_equal(record.previous, r - 1);
    }
    store_read_end(txn);
}

static void test_close_waits(void **state)
{
    struct fixture *f = *state;
    struct waiting w[600];
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        w[i] = (struct waiting){.write = {.key = key_of("a"), .value = BYTES("x")}};
        waiting_begin(f->store, &w[i]);
    }
    reopen(f);
    for (size_t i = 0; i < ARRAY_LEN(w); i++)
        assert_int_equal(waiting_end(&w[i]), ERR_OK);
    struct read_txn *txn = begin(f->store);
    assert_int_equal(store_revision(txn), ARRAY_LEN(w));
    store_read_end(txn);
}

static void test_meta(void **state)
{
    struct fixture *f = *state;
    struct arena arena;
    bytes got;
    arena_init(&arena, 1 << 20);
    static uint8_t large[STORE_META_MAX + 1];
    assert_int_equal(store_meta_get(f->store, &arena, "ca", &got, NULL), ERR_NOT_FOUND);
    assert_int_equal(store_meta_put(f->store, "ca", BYTES("one"), NULL), ERR_OK);
    assert_int_equal(store_meta_put(f->store, "ca", BYTES("two"), NULL), ERR_OK);
    assert_int_equal(store_meta_put(f->store, "large", (bytes){large, STORE_META_MAX}, NULL), ERR_OK);
    assert_int_equal(store_meta_put(f->store, "large", (bytes){large, STORE_META_MAX + 1}, NULL), ERR_TOO_LARGE);
    assert_int_equal(store_meta_put(f->store, "store/id", BYTES("x"), NULL), ERR_INVALID);
    assert_int_equal(store_meta_put(f->store, "", BYTES("x"), NULL), ERR_INVALID);
    put(f->store, "a", "x");
    reopen(f);
    assert_int_equal(store_meta_get(f->store, &arena, "ca", &got, NULL), ERR_OK);
    assert_bytes(got, "two");
    assert_int_equal(put(f->store, "a", "x"), 2); /* records take no revision */
    arena_reset(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_compares, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failed_compare_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delete_of_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_value, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_group, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_meta, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
