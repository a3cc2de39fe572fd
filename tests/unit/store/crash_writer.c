/* SPDX-License-Identifier: Apache-2.0 */
/* For the crash tests (tests/e2e/power_loss): writes until it is killed and tells each acknowledged write, or checks
 * what is left.
 *
 *   crash-writer write DIR SEED COUNT [no-sync]   a line on stdout for each write: REVISION KEY OPERATION SEED SIZE
 *   crash-writer check DIR                        reads such lines from stdin: each must be there, and all be whole
 *
 * Values are made from a seed that they begin with, so that a half-written one shows. */
#include "store/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WRITERS = 8, KEYS = 40, VALUE_MAX = 5000, HEAD = 2 * sizeof(uint64_t) };

struct writer {
    struct store_write write; /* first: done gets it */
    struct store *store;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool done;
    uint64_t random;
    long count;
    uint8_t value[VALUE_MAX];
};

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* seed, size, then what the seed makes. size is at least HEAD. */
static void fill(uint8_t *value, uint64_t seed, uint64_t size)
{
    memcpy(value, &seed, sizeof seed);
    memcpy(value + sizeof seed, &size, sizeof size);
    for (size_t i = HEAD; i < size; i++)
        value[i] = (uint8_t)next_random(&seed);
}

static bool is_whole(bytes value)
{
    static uint8_t want[VALUE_MAX];
    uint64_t head[2];
    if (value.n < HEAD || value.n > VALUE_MAX)
        return false;
    memcpy(head, value.p, HEAD);
    if (head[1] != value.n)
        return false;
    fill(want, head[0], head[1]);
    return memcmp(want, value.p, value.n) == 0;
}

static void on_done(struct store_write *write)
{
    struct writer *w = (struct writer *)write;
    pthread_mutex_lock(&w->mutex);
    w->done = true;
    pthread_cond_signal(&w->cond);
    pthread_mutex_unlock(&w->mutex);
}

static void commit_and_wait(struct writer *w)
{
    w->done = false;
    w->write.done = on_done;
    store_commit(w->store, &w->write);
    pthread_mutex_lock(&w->mutex);
    while (!w->done)
        pthread_cond_wait(&w->cond, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
}

static void *write_on(void *argument)
{
    struct writer *w = argument;
    for (long i = 0; i < w->count; i++) {
        const uint64_t seed = next_random(&w->random);
        const unsigned key = (unsigned)(seed % KEYS);
        const size_t size = HEAD + seed / KEYS % (VALUE_MAX - HEAD);
        char name[24], line[96];
        snprintf(name, sizeof name, "n/%02u", key);
        w->write = (struct store_write){.key = {1, bytes_of(name)}, .delete = seed >> 60 == 0};
        if (!w->write.delete) {
            fill(w->value, seed, size);
            w->write.value = (bytes){w->value, size};
        }
        commit_and_wait(w);
        if (w->write.result == ERR_NOT_FOUND)
            continue;
        if (w->write.result != ERR_OK)
            return (void *)(uintptr_t)w->write.message;
        int n = snprintf(line, sizeof line, "%lu %u %c %lu %zu\n", w->write.revision, key, w->write.delete ? 'D' : 'P',
            seed, w->write.delete ? 0 : size);
        if (write(STDOUT_FILENO, line, (size_t)n) != n)
            return (void *)(uintptr_t) "stdout is closed";
    }
    return NULL;
}

static int write_all(struct store *store, uint64_t seed, long count)
{
    static struct writer writers[WRITERS];
    int failed = 0;
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i].store = store;
        writers[i].random = seed * WRITERS + i;
        writers[i].count = count;
        pthread_mutex_init(&writers[i].mutex, NULL);
        pthread_cond_init(&writers[i].cond, NULL);
        if (pthread_create(&writers[i].thread, NULL, write_on, &writers[i]) != 0)
            return fputs("no thread\n", stderr), 1;
    }
    for (size_t i = 0; i < WRITERS; i++) {
        void *message;
        pthread_join(writers[i].thread, &message);
        if (message)
            failed = fprintf(stderr, "%s\n", (const char *)message);
    }
    return failed != 0;
}

/* ---- Checking */

static int complain(const char *what, uint64_t revision)
{
    return fprintf(stderr, "%s: revision %lu\n", what, revision), 1;
}

/* One acknowledged write: as it was told, or replaced and compacted. */
static int check_line(struct read_txn *txn, const char *line)
{
    uint64_t revision, seed, size;
    unsigned key;
    char operation, name[24];
    uint8_t want[VALUE_MAX];
    struct record r;
    if (sscanf(line, "%lu %u %c %lu %lu", &revision, &key, &operation, &seed, &size) != 5 || size > VALUE_MAX)
        return fprintf(stderr, "no line: %s\n", line), 1;
    if (revision > store_revision(txn))
        return complain("an acknowledged write is lost, or revisions went back", revision);
    err_t result = store_record(txn, revision, &r, NULL);
    if (result == ERR_EXPIRED && revision <= store_compacted(txn)) {
        snprintf(name, sizeof name, "n/%02u", key);
        result = store_get(txn, (struct store_key){1, bytes_of(name)}, 0, &r, NULL);
        if (operation == 'P' && result == ERR_OK && r.revision <= revision)
            return complain("compaction took the newest row of a key", revision);
        return 0;
    }
    if (result)
        return complain("an acknowledged write is lost", revision);
    snprintf(name, sizeof name, "n/%02u", key);
    if (!bytes_equal(r.key.name, bytes_of(name)) || r.deleted != (operation == 'D') || r.value.n != size)
        return complain("an acknowledged write is not what was told", revision);
    if (size)
        fill(want, seed, size);
    return size && memcmp(want, r.value.p, size) ? complain("an acknowledged value is not what was told", revision) : 0;
}

/* Every row decodes and is whole; none is missing above the compacted revision; the index agrees with the log. */
static int check_rows(struct read_txn *txn)
{
    struct range range = {.txn = txn, .kind = 1};
    struct record r;
    uint64_t revision = store_compacted(txn);
    while (store_next(txn, revision, &r) == 1) {
        if (r.revision != ++revision)
            return complain("a row is missing", revision);
        if (!r.deleted && !is_whole(r.value))
            return complain("half a value", revision);
    }
    if (revision != store_revision(txn))
        return complain("the log ends early", revision);
    if (range_begin(&range, NULL) != ERR_OK)
        return complain("no range", revision);
    while (range_next(&range, &r) == 1)
        if (!is_whole(r.value))
            return complain("half a value in the index", r.revision);
    range_end(&range);
    return 0;
}

static int check_all(struct store *store)
{
    static struct writer writer;
    struct read_txn *txn;
    char line[128];
    int failed = 0;
    if (store_read_begin(store, &txn, NULL) != ERR_OK)
        return fputs("no read\n", stderr), 1;
    while (!failed && fgets(line, sizeof line, stdin))
        failed = check_line(txn, line);
    if (!failed)
        failed = check_rows(txn);
    const uint64_t head = store_revision(txn);
    store_read_end(txn);
    writer = (struct writer){.store = store,
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .cond = PTHREAD_COND_INITIALIZER,
        .write = {.key = {2, BYTES("after")}, .value = {writer.value, HEAD}}};
    fill(writer.value, head, HEAD);
    commit_and_wait(&writer);
    if (!failed && (writer.write.result || writer.write.revision != head + 1))
        failed = complain("the next write fails, or has a wrong revision", writer.write.revision);
    return failed;
}

int main(int argc, char **argv)
{
    const bool check = argc == 3 && strcmp(argv[1], "check") == 0;
    struct store_options options = {.limit = 1ull << 30, .history_seconds = check ? 1000000 : 1};
    struct store *store;
    struct error error;
    error_init(&error, NULL);
    if (!check && (argc < 5 || strcmp(argv[1], "write") != 0))
        return fputs("usage: crash-writer write DIR SEED COUNT [no-sync] | check DIR\n", stderr), 2;
    if (argc > 5) {
#ifdef COFFER_TESTING
        view_without_sync = true;
#else
        return fputs("no-sync needs a build for tests\n", stderr), 2;
#endif
    }
    store_install_fault_handler();
    options.directory = argv[2];
    if (store_open(&options, &store, &error) != ERR_OK)
        return fprintf(stderr, "%.*s\n", BYTES_FMT(error.message)), 1;
    int failed = check ? check_all(store) : write_all(store, strtoul(argv[3], NULL, 10), strtol(argv[4], NULL, 10));
    store_close(store);
    return failed;
}
