/* SPDX-License-Identifier: Apache-2.0 */
/* The local log: one thread takes all writes that wait, decides them in order inside one transaction of the view, and
 * commits once for all. Where a group fails as a whole, each member gets a transaction of its own, so that the one that
 * does not fit fails alone.
 *
 *   queue ──> group ──> decide, apply ──> commit (two syncs) ──> notify ──> done
 *                              └─ failed: one by one ─┘ */
#include "base/clock.h"
#include "store/internal.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A file system with less left counts as full. */
static const uint64_t disk_slack = 1u << 20;

/* One transaction under way. */
struct batch {
    struct store *store;
    MDB_txn *txn;
    uint64_t head;
    int64_t now;
    size_t room; /* bytes that puts may still take */
    bool changed;
};

static bool disk_is_full(const struct store *store)
{
    struct statvfs fs;
    return statvfs(store->directory, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize < disk_slack;
}

enum err_code log_commit_failed(struct store *store, int code)
{
    enum err_code result = view_error_code(code);
    /* LMDB says EIO for a write that the full disk cut short, too; and a sync may fail for want of space. A descriptor
     * of our own hears of every failed write-back since it was asked last. */
    const bool space = result == ERR_NO_SPACE || (code == EIO && disk_is_full(store));
    if (code == MDB_PANIC || (code == EIO && !space))
        view_fatal(&store->view, code, "a write or sync failed");
    if (space && code != MDB_MAP_FULL) {
        result = ERR_NO_SPACE;
        if (fdatasync(store->sync_fd) != 0)
            view_fatal(&store->view, errno, "a sync failed");
    }
    if (result == ERR_NO_SPACE)
        atomic_store(&store->writable, false);
    return result;
}

/* ---- Deciding */

static void refuse(struct store_write *write, enum err_code result, const char *message)
{
    write->result = result;
    write->message = message;
}

/* Sets *ret_holds, or returns LMDB's code. */
static int compare_holds(const struct batch *batch, const struct compare *compare, bool *ret_holds)
{
    const struct view *view = &batch->store->view;
    struct index_row newest = {0};
    if (compare->type == COMPARE_FEWER) {
        uint64_t count = 0;
        int rc = compare->key.name.n > STORE_KEY_MAX
                     ? 0
                     : view_count(view, batch->txn, compare->key, compare->revision, &count);
        *ret_holds = count < compare->revision;
        return rc;
    }
    int rc = view_find(view, batch->txn, compare->key, &newest);
    if (rc && rc != MDB_NOTFOUND)
        return rc;
    const bool live = rc == 0 && !newest.deleted;
    *ret_holds = compare->type == COMPARE_ABSENT ? !live : live;
    if (compare->type == COMPARE_REVISION)
        *ret_holds = live && newest.revision == compare->revision;
    return 0;
}

/* What a put may take of the file: its pages, and the copies of those on the way to it. */
static size_t put_cost(const struct store *store, const struct store_write *write)
{
    const size_t row = ROW_HEADER_SIZE + write->key.name.n + write->owners.n + write->value.n;
    return (row / store->page_size + 3) * store->page_size;
}

static int apply_meta(struct batch *batch, struct store_write *write)
{
    batch->changed = true;
    return view_meta_put(&batch->store->view, batch->txn, write->key.name, write->value);
}

static int apply_write(struct batch *batch, struct store_write *write)
{
    const struct view *view = &batch->store->view;
    struct index_row newest = {0};
    int rc = view_find(view, batch->txn, write->key, &newest);
    if (rc && rc != MDB_NOTFOUND)
        return rc;
    const bool live = rc == 0 && !newest.deleted;
    if (write->delete &&!live)
        return refuse(write, ERR_NOT_FOUND, "there is no such object"), 0;
    const size_t cost = write->delete ? 0 : put_cost(batch->store, write);
    if (cost > batch->room)
        return refuse(write, ERR_NO_SPACE, "the store is full: it has reached --store-limit"), 0;
    batch->room -= cost;
    const uint64_t revision = batch->head + 1;
    const struct row row = {.record = {.key = write->key,
                                .revision = revision,
                                .created = live ? newest.created : revision,
                                .deleted = write->delete,
                                .owners = write->delete ? BYTES_NONE : write->owners,
                                .value = write->delete ? BYTES_NONE : write->value},
        .older = newest.revision,
        .written = batch->now};
    rc = view_apply(view, batch->txn, &row, newest.revision ? &newest : NULL);
    if (rc)
        return rc;
    batch->changed = true;
    write->revision = batch->head = revision;
    return 0;
}

/* Returns LMDB's code when the transaction cannot go on; else the write's result is set. */
static int decide(struct batch *batch, struct store_write *write)
{
    write->result = ERR_OK;
    write->message = NULL;
    write->revision = 0;
    if (write->key.kind == 0)
        return apply_meta(batch, write);
    if (write->key.name.n > STORE_KEY_MAX)
        return refuse(write, ERR_TOO_LARGE, "the name is too long"), 0;
    if (!write->delete &&write->value.n > STORE_VALUE_MAX)
        return refuse(write, ERR_TOO_LARGE, "the value is too large"), 0;
    if (write->owners.n > STORE_OWNERS_MAX)
        return refuse(write, ERR_TOO_LARGE, "the object has too many owners"), 0;
    for (size_t i = 0; i < write->compare_count; i++) {
        bool holds = false;
        int rc = compare_holds(batch, &write->compares[i], &holds);
        if (rc)
            return rc;
        if (!holds) {
            write->failed_compare = i;
            return refuse(write, ERR_CONFLICT, "a compare failed"), 0;
        }
    }
    return apply_write(batch, write);
}

/* ---- Groups */

/* Bytes that puts may take now. Counting the pages to reuse walks a list: only when the file has grown close to its
 * bound. */
static size_t room_left(struct store *store)
{
    MDB_envinfo info;
    struct read_txn *read;
    size_t used;
    int rc = mdb_env_info(store->view.env, &info);
    if (rc)
        return 0;
    used = info.me_last_pgno + 1;
    if (used + 2 * GROUP_BYTES / store->page_size > store->soft_pages) {
        if (store_read_begin(store, &read, NULL) != ERR_OK)
            return 0;
        rc = view_used_pages(&store->view, read->txn, &used);
        store_read_end(read);
    }
    return rc || used >= store->soft_pages ? 0 : (store->soft_pages - used) * store->page_size;
}

/* One transaction for n writes. 0: all decided, and what was accepted is durable; else LMDB's code, and nothing
 * changed. */
static int try_commit(struct store *store, struct store_write **writes, size_t n)
{
    struct batch batch = {.store = store,
        .head = store->head,
        .now = clock_wall_seconds() + atomic_load(&store->clock_offset),
        .room = room_left(store)};
    int rc = mdb_txn_begin(store->view.env, NULL, 0, &batch.txn);
    if (rc)
        return rc;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = decide(&batch, writes[i]);
    if (rc || !batch.changed) {
        mdb_txn_abort(batch.txn);
        return rc;
    }
    rc = mdb_txn_commit(batch.txn);
    if (rc == 0) {
        store->head = batch.head;
        atomic_fetch_add(&store->commits, 1);
    }
    return rc;
}

/* A put that was taken tells of room, a refused one of none; a deletion goes in either case. */
static void note_space(struct store *store, struct store_write **writes, size_t n)
{
    bool taken = false, refused = false;
    for (size_t i = 0; i < n; i++) {
        taken |= writes[i]->result == ERR_OK && writes[i]->key.kind && !writes[i]->delete;
        refused |= writes[i]->result == ERR_NO_SPACE;
    }
    if (taken || refused)
        atomic_store(&store->writable, !refused);
}

/* What was decided is durable and visible: tells observers, then the writers. A write is its owner's again after done.
 */
static void finish(struct store *store, struct store_write **writes, size_t n, uint64_t head_before)
{
    const uint64_t accepted = store->head - head_before;
    atomic_fetch_add(&store->writes, accepted);
    note_space(store, writes, n);
    for (size_t i = 0; accepted && i < store->observer_count; i++)
        store->observers[i].notify(store->observers[i].context, store->head);
    for (size_t i = 0; i < n; i++)
        writes[i]->done(writes[i]);
}

static const char *failure_message(enum err_code code)
{
    switch (code) {
    case ERR_NO_SPACE:
        return "there is no space left for the store";
    case ERR_READ_ONLY:
        return "the store is read-only";
    case ERR_NO_MEMORY:
        return "no memory to write to the store";
    default:
        return "the store could not write";
    }
}

static void commit_alone(struct store *store, struct store_write *write)
{
    const uint64_t before = store->head;
    int rc = try_commit(store, &write, 1);
    if (rc) {
        enum err_code code = log_commit_failed(store, rc);
        refuse(write, code, failure_message(code));
        write->revision = 0;
    }
    finish(store, &write, 1, before);
}

static void commit_group(struct store *store, struct store_write **writes, size_t n)
{
    if (store->read_only) {
        for (size_t i = 0; i < n; i++)
            refuse(writes[i], ERR_READ_ONLY, failure_message(ERR_READ_ONLY));
        finish(store, writes, n, store->head);
        return;
    }
    const uint64_t before = store->head;
    int rc = n > 1 ? try_commit(store, writes, n) : -1;
    if (rc == 0) {
        finish(store, writes, n, before);
        return;
    }
    if (n > 1 && rc != MDB_MAP_FULL)
        log_commit_failed(store, rc); /* ends the process where it must; the members tell the rest */
    for (size_t i = 0; i < n; i++)
        commit_alone(store, writes[i]);
}

/* After a write failed for want of space: whether there is room again, so that readiness does not wait for a write. */
static void check_space(struct store *store)
{
    const uint64_t now = clock_monotonic_ms();
    if (atomic_load(&store->writable) || now < store->space_check_at)
        return;
    store->space_check_at = now + 1000;
    if (room_left(store) > GROUP_BYTES / 64 && !disk_is_full(store))
        atomic_store(&store->writable, true);
}

/* ---- The thread and its queue */

static bool deadline_wait(struct store *store)
{
    uint64_t at = UINT64_MAX;
    if (!atomic_load(&store->writable))
        at = store->space_check_at;
    if (compaction_waits(store) && atomic_load(&store->compact_at) < at)
        at = atomic_load(&store->compact_at);
    if (at == UINT64_MAX)
        return pthread_cond_wait(&store->wake, &store->mutex) == 0;
    const struct timespec until = {.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000};
    return pthread_cond_timedwait(&store->wake, &store->mutex, &until) == 0;
}

/* Takes what waits, up to a group's bounds; waits for it, or until there is something to look after. False when it is
 * over. */
static bool take_group(struct store *store, struct store_write **writes, size_t *ret_n)
{
    size_t n = 0, size = 0;
    pthread_mutex_lock(&store->mutex);
    while (!store->first && !store->stopping && deadline_wait(store))
        ;
    while (store->first && n < GROUP_WRITES && (n == 0 || size + store->first->value.n <= GROUP_BYTES)) {
        writes[n] = store->first;
        size += writes[n++]->value.n;
        store->first = store->first->next;
    }
    if (!store->first)
        store->last = NULL;
    const bool over = store->stopping && n == 0;
    pthread_mutex_unlock(&store->mutex);
    *ret_n = n;
    return !over;
}

static void *commit_thread(void *argument)
{
    struct store *store = argument;
    struct store_write *writes[GROUP_WRITES];
    size_t n;
    pthread_setname_np(pthread_self(), "commit");
    while (take_group(store, writes, &n)) {
        if (n)
            commit_group(store, writes, n);
        check_space(store);
        compaction_step(store);
    }
    return NULL;
}

void log_enqueue(struct store *store, struct store_write *write)
{
    write->next = NULL;
    pthread_mutex_lock(&store->mutex);
    const bool idle = !store->first;
    if (store->last)
        store->last->next = write;
    else
        store->first = write;
    store->last = write;
    pthread_mutex_unlock(&store->mutex);
    if (idle)
        pthread_cond_signal(&store->wake);
}

void store_commit(struct store *store, struct store_write *write)
{
    assert(write->key.kind != 0);
    write->failed_compare = 0;
    log_enqueue(store, write);
}

void store_on_commit(struct store *store, void (*notify)(void *context, uint64_t revision), void *context)
{
    if (store->observer_count < OBSERVERS)
        store->observers[store->observer_count++] = (struct observer){notify, context};
}

err_t log_start(struct store *store, struct error *error)
{
    sigset_t most, before;
    sigfillset(&most);
    sigdelset(&most, SIGBUS); /* a read error under the map finds its handler on any thread */
    pthread_sigmask(SIG_SETMASK, &most, &before);
    int rc = pthread_create(&store->thread, NULL, commit_thread, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc)
        return error_errno(error, rc, "cannot start the commit thread");
    store->thread_started = true;
    return ERR_OK;
}

void log_stop(struct store *store)
{
    if (!store->thread_started)
        return;
    pthread_mutex_lock(&store->mutex);
    store->stopping = true;
    pthread_mutex_unlock(&store->mutex);
    pthread_cond_signal(&store->wake);
    pthread_join(store->thread, NULL);
    store->thread_started = false;
}
