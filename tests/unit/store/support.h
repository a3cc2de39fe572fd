/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's tests share: a store in a directory of its own, and writes that wait. */
#ifndef COFFER_TESTS_STORE_SUPPORT_H
#define COFFER_TESTS_STORE_SUPPORT_H

#include "base/log.h"
#include "base/memory.h"
#include "store/internal.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* clang-format off: cmocka.h needs those above it */
#include <cmocka.h>
/* clang-format on */

/* The limit of wide maps: LeakSanitizer and valgrind mind a terabyte, and no test needs it. */
static const size_t wide = 1ull << 30;

struct fixture {
    char parent[64], directory[80];
    struct store *store;
};

static inline struct store *open_with(struct fixture *f, struct store_options options)
{
    struct error error;
    error_init(&error, NULL);
    options.directory = f->directory;
    if (!options.limit)
        options.limit = wide;
    if (store_open(&options, &f->store, &error) != ERR_OK)
        fail_msg("store_open: %.*s", BYTES_FMT(error.message));
    return f->store;
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    const char *base =
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* nobody cuts the power here: spare the disk */
    snprintf(f->parent, sizeof f->parent, "%s/coffer-store-XXXXXX", base);
    assert_non_null(mkdtemp(f->parent));
    snprintf(f->directory, sizeof f->directory, "%s/data", f->parent);
    open_with(f, (struct store_options){0});
    *state = f;
    return 0;
}

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static inline void close_store(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    nftw(f->parent, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static inline struct store *reopen(struct fixture *f)
{
    close_store(f);
    return open_with(f, (struct store_options){0});
}

/* ---- Writes that wait */

struct waiting {
    struct store_write write;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done;
};

static inline void waiting_done(struct store_write *write)
{
    struct waiting *w = (struct waiting *)write;
    pthread_mutex_lock(&w->mutex);
    w->done = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->mutex);
}

static inline void waiting_begin(struct store *store, struct waiting *w)
{
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->cond, NULL);
    w->done = false;
    w->write.done = waiting_done;
    store_commit(store, &w->write);
}

static inline err_t waiting_end(struct waiting *w)
{
    pthread_mutex_lock(&w->mutex);
    while (!w->done)
        pthread_cond_wait(&w->cond, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
    pthread_cond_destroy(&w->cond);
    pthread_mutex_destroy(&w->mutex);
    return w->write.result;
}

static inline struct store_key key_of(const char *name)
{
    return (struct store_key){1, bytes_of(name)};
}

static inline err_t write_and_wait(struct store *store, struct waiting *w)
{
    waiting_begin(store, w);
    return waiting_end(w);
}

/* The revision, which must be given. */
static inline uint64_t put(struct store *store, const char *name, const char *value)
{
    struct waiting w = {.write = {.key = key_of(name), .value = bytes_of(value)}};
    assert_int_equal(write_and_wait(store, &w), ERR_OK);
    return w.write.revision;
}

static inline uint64_t delete (struct store *store, const char *name)
{
    struct waiting w = {.write = {.key = key_of(name), .delete = true}};
    assert_int_equal(write_and_wait(store, &w), ERR_OK);
    return w.write.revision;
}

static inline err_t put_if(struct store *store, const char *name, const char *value, struct compare compare)
{
    struct waiting w = {
        .write = {.key = key_of(name), .value = bytes_of(value), .compares = &compare, .compare_count = 1}};
    return write_and_wait(store, &w);
}

/* ---- Reads */

static inline struct read_txn *begin(struct store *store)
{
    struct read_txn *txn;
    assert_int_equal(store_read_begin(store, &txn, NULL), ERR_OK);
    return txn;
}

static inline void assert_bytes(bytes got, const char *want)
{
    if (!bytes_equal(got, bytes_of(want)))
        fail_msg("\"%.*s\" is not \"%s\"", BYTES_FMT(got), want);
}

/* want NULL: not found. */
static inline void assert_value(struct store *store, const char *name, uint64_t revision, const char *want)
{
    struct read_txn *txn = begin(store);
    struct record record = {0};
    err_t result = store_get(txn, key_of(name), revision, &record, NULL);
    assert_int_equal(result, want ? ERR_OK : ERR_NOT_FOUND);
    if (want)
        assert_bytes(record.value, want);
    store_read_end(txn);
}

/* Names of a range, joined by spaces. */
static inline void assert_names(
    struct store *store, const char *prefix, const char *start, uint64_t revision, const char *want)
{
    struct range range = {
        .txn = begin(store), .kind = 1, .prefix = bytes_of(prefix), .start = bytes_of(start), .revision = revision};
    struct record record;
    char got[512] = "";
    size_t n = 0, rows = 0;
    assert_int_equal(range_begin(&range, NULL), ERR_OK);
    const uint64_t count = range_count(&range);
    while (range_next(&range, &record) == 1) {
        n += (size_t)snprintf(got + n, sizeof got - n, n ? " %.*s" : "%.*s", BYTES_FMT(record.key.name));
        rows++;
        assert_int_equal(range_count(&range), count - rows);
    }
    assert_int_equal(range_next(&range, &record), 0);
    assert_int_equal(rows, count);
    range_end(&range);
    store_read_end(range.txn);
    assert_string_equal(got, want);
}

/* Lets the store believe that so many seconds went by, and returns after it has looked at compaction. */
static inline void age(struct store *store, int64_t seconds)
{
    atomic_fetch_add(&store->clock_offset, seconds);
    for (int i = 0; i < 2; i++) { /* the step comes after the group */
        atomic_store(&store->compact_at, 0);
        assert_int_equal(store_meta_put(store, "test-barrier", BYTES("x"), NULL), ERR_OK);
    }
}

#endif
