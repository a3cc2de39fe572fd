/* SPDX-License-Identifier: Apache-2.0 */
/* The store against LMDB itself, on the disk of a directory: durable writes of 1 KB in groups, and reads.
 *
 *   store-commit DIR       prints "bare N: RATE" and "store N: RATE (RATIO)" for groups of 1, 8 and 64, then reads a
 * second
 *   store-commit DIR SIZE  prints "bare 64: RATE" alone, for values of SIZE bytes
 *
 * Bare is the least that LMDB can do for the same bytes: append under a number, one commit a group, no index. The store
 * is given N writes that each come back as soon as they are acknowledged. Both in turns; medians of five. */
#include "base/clock.h"
#include "store/store.h"

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALUE = 1024, VALUE_MAX = 65536, ROUNDS = 5, MILLISECONDS = 600, OBJECTS = 10000, GROUP_MAX = 64 };

static uint8_t value[VALUE_MAX];
static size_t value_size = VALUE;

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "store-commit: %s\n", what);
    exit(1);
}

static void must(int rc)
{
    if (rc)
        die(mdb_strerror(rc));
}

static double rate(uint64_t count, uint64_t since)
{
    return (double)count * 1e6 / (double)(clock_monotonic_us() - since);
}

/* ---- LMDB alone */

static MDB_env *bare_open(const char *directory, MDB_dbi *ret)
{
    char path[4096];
    MDB_env *env;
    MDB_txn *txn;
    snprintf(path, sizeof path, "%s/bare", directory);
    if (mkdir(path, 0700) != 0)
        die(path);
    must(mdb_env_create(&env));
    must(mdb_env_set_mapsize(env, 1ull << 40));
    must(mdb_env_set_maxdbs(env, 1));
    must(mdb_env_open(env, path, MDB_NOTLS, 0600));
    must(mdb_txn_begin(env, NULL, 0, &txn));
    must(mdb_dbi_open(txn, "log", MDB_CREATE | MDB_INTEGERKEY, ret));
    must(mdb_txn_commit(txn));
    return env;
}

static double bare_commits(MDB_env *env, MDB_dbi log, unsigned group)
{
    static uint64_t revision;
    const uint64_t start = clock_monotonic_us(), end = clock_monotonic_ms() + MILLISECONDS;
    uint64_t count = 0;
    while (clock_monotonic_ms() < end) {
        MDB_txn *txn;
        must(mdb_txn_begin(env, NULL, 0, &txn));
        for (unsigned i = 0; i < group; i++) {
            revision++;
            MDB_val key = {sizeof revision, &revision}, data = {value_size, value};
            must(mdb_put(txn, log, &key, &data, MDB_APPEND));
        }
        must(mdb_txn_commit(txn));
        count += group;
    }
    return rate(count, start);
}

/* ---- The store */

static struct {
    struct store *store;
    struct store_write writes[GROUP_MAX];
    char names[GROUP_MAX][40];
    uint64_t end, count;
    unsigned out, number;
    pthread_mutex_t mutex;
    pthread_cond_t idle;
} run = {.mutex = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER};

static void send(size_t i)
{
    int n = snprintf(run.names[i], sizeof run.names[i], "default/b%u", run.number++);
    run.writes[i].key = (struct store_key){1, {(uint8_t *)run.names[i], (size_t)n}};
    store_commit(run.store, &run.writes[i]);
}

static void on_done(struct store_write *write)
{
    if (write->result != ERR_OK)
        die(write->message);
    run.count++;
    if (clock_monotonic_ms() < run.end) {
        send((size_t)(write - run.writes));
        return;
    }
    pthread_mutex_lock(&run.mutex);
    if (--run.out == 0)
        pthread_cond_signal(&run.idle);
    pthread_mutex_unlock(&run.mutex);
}

static double store_commits(unsigned group)
{
    const uint64_t start = clock_monotonic_us();
    run.end = clock_monotonic_ms() + MILLISECONDS;
    run.count = 0;
    run.out = group;
    for (unsigned i = 0; i < group; i++)
        run.writes[i] = (struct store_write){.value = {value, VALUE}, .done = on_done};
    /* All at once: the numbers of names are the commit thread's from the first on. */
    for (unsigned i = 0; i < group; i++) {
        snprintf(run.names[i], sizeof run.names[i], "default/s%u-%u", run.number, i);
        run.writes[i].key = (struct store_key){1, bytes_of(run.names[i])};
    }
    for (unsigned i = 0; i < group; i++)
        store_commit(run.store, &run.writes[i]);
    pthread_mutex_lock(&run.mutex);
    while (run.out)
        pthread_cond_wait(&run.idle, &run.mutex);
    pthread_mutex_unlock(&run.mutex);
    return rate(run.count, start);
}

static double gets(unsigned *checksum)
{
    char names[64][24];
    for (unsigned i = 0; i < 64; i++)
        snprintf(names[i], sizeof names[i], "default/b%u", i * (OBJECTS / 64));
    const uint64_t start = clock_monotonic_us(), end = clock_monotonic_ms() + MILLISECONDS;
    uint64_t count = 0;
    while (clock_monotonic_ms() < end)
        for (unsigned i = 0; i < 64; i++, count++) {
            struct read_txn *txn;
            struct record record = {.value = {value, VALUE}};
            if (store_read_begin(run.store, &txn, NULL) != ERR_OK)
                die("no read");
            if (store_get(txn, (struct store_key){1, bytes_of(names[i])}, 0, &record, NULL) == ERR_OK)
                *checksum += record.value.p[1];
            store_read_end(txn);
        }
    return rate(count, start);
}

static double ranges(unsigned *checksum)
{
    const uint64_t start = clock_monotonic_us(), end = clock_monotonic_ms() + MILLISECONDS;
    uint64_t count = 0;
    while (clock_monotonic_ms() < end) {
        struct range range = {.kind = 1};
        struct record record;
        if (store_read_begin(run.store, &range.txn, NULL) != ERR_OK || range_begin(&range, NULL) != ERR_OK)
            die("no range");
        for (unsigned i = 0; i < OBJECTS && range_next(&range, &record); i++, count++)
            *checksum += record.value.p[1];
        range_end(&range);
        store_read_end(range.txn);
    }
    return rate(count, start);
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, ascending);
    return values[ROUNDS / 2];
}

static void compare_commits(MDB_env *env, MDB_dbi log)
{
    static const unsigned groups[] = {1, 8, GROUP_MAX};
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        double bare[ROUNDS], ours[ROUNDS], ratio[ROUNDS];
        for (int i = 0; i < ROUNDS; i++) {
            bare[i] = bare_commits(env, log, groups[g]);
            ours[i] = store_commits(groups[g]);
            ratio[i] = ours[i] / bare[i];
        }
        printf(
            "bare %u: %.0f\nstore %u: %.0f (%.2f)\n", groups[g], median(bare), groups[g], median(ours), median(ratio));
        fflush(stdout);
    }
}

static void remove_all(const char *directory)
{
    static const char *const files[] = {
        "bare/data.mdb", "bare/lock.mdb", "bare", "store/data.mdb", "store/lock.mdb", "store/lock", "store", ""};
    char path[4200];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        remove(path);
    }
}

static void bare_alone(const char *directory)
{
    MDB_dbi log;
    MDB_env *env = bare_open(directory, &log);
    double bare[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        bare[i] = bare_commits(env, log, GROUP_MAX);
    printf("bare %d: %.0f\n", GROUP_MAX, median(bare));
    mdb_env_close(env);
}

int main(int argc, char **argv)
{
    char directory[4096], path[4200];
    struct error error;
    MDB_dbi log;
    unsigned checksum = 0;
    double got[ROUNDS], ranged[ROUNDS];
    if (argc < 2 || argc > 3 || strlen(argv[1]) > 4000)
        die("usage: store-commit DIR [SIZE]");
    if (argc == 3 && (!(value_size = strtoul(argv[2], NULL, 10)) || value_size > VALUE_MAX))
        die("a size that cannot be");
    snprintf(directory, sizeof directory, "%s/store-commit-XXXXXX", argv[1]);
    if (!mkdtemp(directory))
        die("cannot make a directory");
    for (size_t i = 0; i < VALUE_MAX; i++)
        value[i] = (uint8_t)(i * 7);
    if (argc == 3) {
        bare_alone(directory);
        remove_all(directory);
        return 0;
    }
    snprintf(path, sizeof path, "%s/store", directory);
    error_init(&error, NULL);
    if (store_open(&(struct store_options){.directory = path}, &run.store, &error) != ERR_OK)
        die((const char *)error.text);
    MDB_env *env = bare_open(directory, &log);
    compare_commits(env, log);
    for (int i = 0; i < ROUNDS; i++)
        got[i] = gets(&checksum), ranged[i] = ranges(&checksum);
    printf("gets: %.0f\nrange rows: %.0f\n", median(got), median(ranged));
    store_close(run.store);
    mdb_env_close(env);
    remove_all(directory);
    return checksum == 0;
}
