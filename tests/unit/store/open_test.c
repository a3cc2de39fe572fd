/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static err_t try_open(const char *directory, bool read_only, struct error *error)
{
    struct store *store = NULL;
    const struct store_options options = {directory, wide, 0, read_only};
    error_init(error, NULL);
    err_t result = store_open(&options, &store, error);
    assert_true(result != ERR_OK || store);
    store_close(store);
    return result;
}

static void assert_says(const struct error *error, const char *word)
{
    char text[300];
    snprintf(text, sizeof text, "%.*s", BYTES_FMT(error->message));
    if (!strstr(text, word))
        fail_msg("\"%s\" does not say \"%s\"", text, word);
}

/* Opening must fail so, with a sentence that holds both words. */
static void assert_refused(const char *directory, err_t want, const char *word, const char *other)
{
    struct error error;
    assert_int_equal(try_open(directory, false, &error), want);
    assert_says(&error, word);
    assert_says(&error, other);
}

static void test_first_and_again(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char id[33];
    assert_true(store_is_new(f->store));
    snprintf(id, sizeof id, "%s", store_id(f->store));
    assert_int_equal(strspn(id, "0123456789abcdef"), 32);
    assert_int_equal(stat(f->directory, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    put(f->store, "a", "1");
    reopen(f);
    assert_false(store_is_new(f->store));
    assert_string_equal(store_id(f->store), id);
    assert_value(f->store, "a", 0, "1");
    assert_int_equal(put(f->store, "a", "2"), 2);
}

static void test_files_are_private(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"data.mdb", "lock.mdb", "lock"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[200];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", f->directory, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
}

static void test_makes_parents(void **state)
{
    struct fixture *f = *state;
    char path[200];
    struct error error;
    struct stat st;
    snprintf(path, sizeof path, "%s/x/y//z/", f->parent);
    assert_int_equal(try_open(path, false, &error), ERR_OK);
    snprintf(path, sizeof path, "%s/x/y", f->parent);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

static void test_held_here(void **state)
{
    struct fixture *f = *state;
    char pid[24];
    snprintf(pid, sizeof pid, "pid %d", getpid());
    assert_refused(f->directory, ERR_CONFLICT, f->directory, pid);
    put(f->store, "a", "1");
}

static void test_held_elsewhere(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    int ready[2], leave[2];
    char byte, pid[24];
    assert_int_equal(pipe(ready) | pipe(leave), 0);
    pid_t child = fork();
    if (child == 0) {
        open_with(f, (struct store_options){0});
        ssize_t n = write(ready[1], "x", 1);
        close(leave[1]);
        n += read(leave[0], &byte, 1);
        _exit(n < 0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    snprintf(pid, sizeof pid, "pid %d", child);
    assert_refused(f->directory, ERR_CONFLICT, f->directory, pid);
    close(leave[1]);
    int status;
    waitpid(child, &status, 0);
    open_with(f, (struct store_options){0}); /* its end, without a close, freed the directory */
    put(f->store, "a", "1");
    close(ready[0]), close(ready[1]), close(leave[0]);
}

static void set_format(struct fixture *f, const char *format)
{
    struct waiting w = {.write = {.key = {0, BYTES(VIEW_OWN "format")}, .value = bytes_of(format)}};
    pthread_mutex_init(&w.mutex, NULL);
    pthread_cond_init(&w.cond, NULL);
    w.write.done = waiting_done;
    log_enqueue(f->store, &w.write);
    assert_int_equal(waiting_end(&w), ERR_OK);
    close_store(f);
}

static void test_newer_format(void **state)
{
    struct fixture *f = *state;
    set_format(f, "3");
    assert_refused(f->directory, ERR_CORRUPT, "newer version", f->directory);
}

static void test_bad_format(void **state)
{
    struct fixture *f = *state;
    set_format(f, "x");
    assert_refused(f->directory, ERR_CORRUPT, "damaged", f->directory);
}

static void test_not_lmdb(void **state)
{
    struct fixture *f = *state;
    char path[200];
    close_store(f);
    snprintf(path, sizeof path, "%s/data.mdb", f->directory);
    int fd = open(path, O_WRONLY | O_TRUNC);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(write(fd, "these are no pages of a database", 32), 32);
    close(fd);
    assert_refused(f->directory, ERR_CORRUPT, path, "damaged");
}

static void test_a_strangers_database(void **state)
{
    struct fixture *f = *state;
    char path[200];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    snprintf(path, sizeof path, "%s/other", f->parent);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, 1);
    assert_int_equal(mdb_env_open(env, path, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "mail", MDB_CREATE, &dbi), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    assert_refused(path, ERR_CORRUPT, path, "no store");
}

static void test_not_a_directory(void **state)
{
    struct fixture *f = *state;
    char path[200];
    snprintf(path, sizeof path, "%s/file", f->parent);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_refused(path, ERR_INVALID, path, "no directory");
    strcat(path, "/below");
    assert_refused(path, ERR_INVALID, path, "no directory");
    assert_refused("", ERR_INVALID, "empty", "path");
}

static void test_writable_by_others(void **state)
{
    struct fixture *f = *state;
    close_store(f);
    static const mode_t modes[] = {0770, 0702, 01777};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        assert_int_equal(chmod(f->directory, modes[i]), 0);
        assert_refused(f->directory, ERR_FORBIDDEN, f->directory, "written by others");
    }
    assert_int_equal(chmod(f->directory, 0750), 0);
    open_with(f, (struct store_options){0});
}

static void test_no_permission(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod(f->parent, 0755), 0);
    close_store(f);
    assert_int_equal(seteuid(65534), 0);
    assert_refused(f->directory, ERR_FORBIDDEN, f->directory, "permission denied");
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(chown(f->directory, 65533, 65533), 0);
    assert_refused(f->directory, ERR_FORBIDDEN, f->directory, "another user");
}

static void test_read_only(void **state)
{
    struct fixture *f = *state;
    put(f->store, "a", "1");
    close_store(f);
    open_with(f, (struct store_options){.read_only = true});
    assert_value(f->store, "a", 0, "1");
    struct waiting w = {.write = {.key = key_of("a"), .value = BYTES("2")}};
    assert_int_equal(write_and_wait(f->store, &w), ERR_READ_ONLY);
    assert_int_equal(store_meta_put(f->store, "x", BYTES("y"), NULL), ERR_READ_ONLY);
    assert_value(f->store, "a", 0, "1");
    struct error error;
    char path[200];
    snprintf(path, sizeof path, "%s/absent", f->parent);
    assert_int_equal(try_open(path, true, &error), ERR_IO);
    assert_says(&error, path);
}

/* A file cut short under the map: one line that names it, and the end. */
static void test_read_fault(void **state)
{
    struct fixture *f = *state;
    char path[200], line[400] = "";
    int out[2], status;
    snprintf(path, sizeof path, "%s/data.mdb", f->directory);
    for (int i = 0; i < 50; i++)
        put(f->store, "a", "1");
    close_store(f);
    assert_int_equal(pipe(out), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], 2);
        store_install_fault_handler();
        open_with(f, (struct store_options){0});
        struct read_txn *txn = begin(f->store);
        struct record record;
        int rc = truncate(path, 8192);
        _exit(20 + rc + (int)store_get(txn, key_of("a"), 0, &record, NULL));
    }
    close(out[1]);
    assert_true(read(out[0], line, sizeof line - 1) > 0);
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_non_null(strstr(line, path));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    close(out[0]);
}

static void test_statistics(void **state)
{
    struct fixture *f = *state;
    struct store_statistics s;
    for (int i = 0; i < 5; i++)
        put(f->store, "a", "1");
    age(f->store, HISTORY_SECONDS + 1);
    store_get_statistics(f->store, &s);
    assert_int_equal(s.revision, 5);
    assert_int_equal(s.compacted, 4);
    assert_int_equal(s.writes, 5);
    assert_true(s.commits >= 5);
    assert_int_equal(s.map_limit_bytes, wide);
    assert_in_range(s.map_used_bytes, 8192, 1 << 20);
    assert_true(s.writable);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(first_and_again), T(files_are_private), T(makes_parents), T(held_here),
        T(held_elsewhere), T(newer_format), T(bad_format), T(not_lmdb), T(a_strangers_database), T(not_a_directory),
        T(writable_by_others), T(no_permission), T(read_only), T(read_fault), T(statistics)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
