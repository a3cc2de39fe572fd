/* SPDX-License-Identifier: Apache-2.0 */
/* The map full, the disk full, the disk read-only: refused writes change nothing, and service goes on by itself. */
#include "support.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static char value[8192];

static err_t put_value(struct store *store, const char *name, size_t size)
{
    memset(value, 'v', sizeof value);
    struct waiting w = {.write = {.key = key_of(name), .value = {(uint8_t *)value, size}}};
    err_t result = write_and_wait(store, &w);
    assert_true((result == ERR_OK) == (w.write.revision != 0));
    assert_true((result == ERR_OK) == (w.write.message == NULL));
    return result;
}

/* Writes one object after the other until one is refused for want of space; returns how many were taken. */
static unsigned fill(struct store *store, size_t size)
{
    for (unsigned n = 0; n < 100000; n++) {
        char name[16];
        snprintf(name, sizeof name, "%05u", n);
        err_t result = put_value(store, name, size);
        if (result == ERR_OK)
            continue;
        assert_int_equal(result, ERR_NO_SPACE);
        return n;
    }
    fail_msg("it never got full");
    return 0;
}

/* All of the first n objects are there, and nothing else. */
static void assert_holds(struct store *store, unsigned n, size_t size)
{
    struct range range = {.txn = begin(store), .kind = 1};
    struct record record;
    assert_int_equal(range_begin(&range, NULL), ERR_OK);
    for (unsigned i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "%05u", i);
        assert_int_equal(range_next(&range, &record), 1);
        assert_bytes(record.key.name, name);
        assert_int_equal(record.value.n, size);
    }
    assert_int_equal(range_next(&range, &record), 0);
    range_end(&range);
    store_read_end(range.txn);
}

static bool is_writable(struct store *store)
{
    struct store_statistics s;
    store_get_statistics(store, &s);
    return s.writable;
}

static void test_map_full(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {500, 1500, 8000};
    for (size_t round = 0; round < ARRAY_LEN(sizes); round++) {
        close_store(f);
        snprintf(f->directory, sizeof f->directory, "%s/%zu", f->parent, round);
        struct store *store = open_with(f, (struct store_options){.limit = 1 << 20});
        const unsigned n = fill(store, sizes[round]);
        assert_true(n * sizes[round] > 300000);
        assert_false(is_writable(store));
        assert_holds(store, n, sizes[round]);
        /* The full store takes deletions of all, and the store's own records. */
        for (unsigned i = 0; i < n; i++) {
            char name[16];
            snprintf(name, sizeof name, "%05u", i);
            struct waiting w = {.write = {.key = key_of(name), .delete = true}};
            err_t result = write_and_wait(store, &w);
            if (result)
                fail_msg("deletion %u of %u: %s", i, n, w.write.message);
            if (i % 64 == 0)
                age(store, HISTORY_SECONDS + 1);
        }
        age(store, HISTORY_SECONDS + 1);
        age(store, 0);
        assert_int_equal(put_value(store, "00000", sizes[round]), ERR_OK);
        assert_holds(store, 1, sizes[round]);
        assert_true(is_writable(store));
        /* And it fills again as far as before: nothing leaked. */
        struct waiting w = {.write = {.key = key_of("00000"), .delete = true}};
        assert_int_equal(write_and_wait(store, &w), ERR_OK);
        age(store, HISTORY_SECONDS + 1);
        assert_in_range(fill(store, sizes[round]), n * 9 / 10, n + n / 10);
    }
}

/* Overwriting one object: history fills the map, and compaction alone makes room again. */
static void test_history_full(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    snprintf(f->directory, sizeof f->directory, "%s/small", f->parent);
    struct store *store = open_with(f, (struct store_options){.limit = 1 << 20});
    for (int round = 0; round < 3; round++) {
        unsigned n = 0;
        while (put_value(store, "a", 1000) == ERR_OK)
            n++;
        assert_in_range(n, 100, 2000);
        age(store, HISTORY_SECONDS + 1);
        age(store, 0);
        age(store, 0);
        assert_int_equal(put_value(store, "a", 999), ERR_OK);
    }
}

/* A member that does not fit fails alone. */
static void test_neighbours(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    snprintf(f->directory, sizeof f->directory, "%s/small", f->parent);
    struct store *store = open_with(f, (struct store_options){.limit = 1 << 20});
    static uint8_t large[4 << 20];
    for (int round = 0; round < 20; round++) {
        struct waiting w[3] = {{.write = {.key = key_of("a"), .value = BYTES("1")}},
            {.write = {.key = key_of("large"), .value = {large, sizeof large}}},
            {.write = {.key = key_of("b"), .value = BYTES("2")}}};
        for (int i = 0; i < 3; i++)
            waiting_begin(store, &w[i]);
        assert_int_equal(waiting_end(&w[0]), ERR_OK);
        assert_int_equal(waiting_end(&w[1]), ERR_NO_SPACE);
        assert_int_equal(waiting_end(&w[2]), ERR_OK);
        assert_int_equal(w[2].write.revision, w[0].write.revision + 1);
    }
    assert_names(store, "", "", 0, "a b");
}

/* The limit lies below what is there already. */
static void test_limit_lowered(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 600; i++) {
        char name[16];
        snprintf(name, sizeof name, "%05d", i);
        assert_int_equal(put_value(f->store, name, 8000), ERR_OK);
    }
    close_store(f);
    struct store *store = open_with(f, (struct store_options){.limit = 1 << 20});
    assert_holds(store, 600, 8000);
    assert_int_equal(put_value(store, "x", 100), ERR_NO_SPACE);
    for (int i = 0; i < 600; i++) {
        char name[16];
        snprintf(name, sizeof name, "%05d", i);
        delete (store, name);
    }
    age(store, HISTORY_SECONDS + 1);
    age(store, 0);
    age(store, 0);
    assert_int_equal(put_value(store, "x", 100), ERR_OK);
}

/* ---- A disk of our own: a tmpfs in a mount namespace. */

static bool own_mounts(void)
{
    return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void disk_full(struct fixture *f, size_t size)
{
    assert_int_equal(mount("tmpfs", f->parent, "tmpfs", 0, "size=2m,mode=0700"), 0);
    struct store *store = open_with(f, (struct store_options){0});
    const unsigned n = fill(store, size);
    assert_true(n * size > 300000);
    assert_false(is_writable(store));
    assert_holds(store, n, size);
    assert_int_equal(put_value(store, "x", sizeof value), ERR_NO_SPACE);
    /* A new start on the full disk. */
    store = reopen(f);
    assert_holds(store, n, size);
    assert_int_equal(put_value(store, "x", sizeof value), ERR_NO_SPACE);
    assert_int_equal(mount("tmpfs", f->parent, "tmpfs", MS_REMOUNT, "size=8m,mode=0700"), 0);
    char name[16];
    snprintf(name, sizeof name, "%05u", n);
    assert_int_equal(put_value(store, name, size), ERR_OK);
    assert_holds(store, n + 1, size);
    assert_true(is_writable(store));
    close_store(f);
    umount(f->parent);
}

static void read_only_disk(struct fixture *f)
{
    struct error error;
    assert_int_equal(mount("tmpfs", f->parent, "tmpfs", 0, "size=2m,mode=0700"), 0);
    put(open_with(f, (struct store_options){0}), "a", "1");
    close_store(f);
    assert_int_equal(mount("tmpfs", f->parent, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=2m,mode=0700"), 0);
    error_init(&error, NULL);
    const struct store_options options = {f->directory, wide, 0, false};
    struct store *store;
    assert_int_equal(store_open(&options, &store, &error), ERR_READ_ONLY);
    open_with(f, (struct store_options){.read_only = true});
    assert_value(f->store, "a", 0, "1");
    close_store(f);
    umount(f->parent);
}

static void test_disk(void **state)
{
    struct fixture *f = *state;
    int status;
    close_store(f);
    pid_t child = fork();
    if (child == 0) {
        if (!own_mounts())
            _exit(77);
        disk_full(f, 1000);
        disk_full(f, 8000);
        read_only_disk(f);
        _exit(0);
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(map_full), T(history_full), T(neighbours), T(limit_lowered), T(disk)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
