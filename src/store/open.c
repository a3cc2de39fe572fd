/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/random.h"
#include "store/directory.h"
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

static err_t read_state(struct store *store, struct error *error)
{
    MDB_txn *txn;
    bytes id = BYTES_NONE;
    int rc = mdb_txn_begin(store->view.env, NULL, MDB_RDONLY, &txn);
    if (rc)
        return view_error(&store->view, rc, error);
    rc = view_meta_get(&store->view, txn, BYTES(VIEW_OWN "id"), &id);
    store->is_new = rc == MDB_NOTFOUND;
    if (rc == 0 && id.n != sizeof store->id - 1)
        rc = MDB_CORRUPTED;
    if (rc == 0)
        memcpy(store->id, id.p, id.n);
    if (rc == 0 || rc == MDB_NOTFOUND)
        rc = view_head(&store->view, txn, &store->head);
    if (rc == 0)
        rc = view_compacted(&store->view, txn, &store->compacted);
    if (rc == 0 && store->head && store->compacted >= store->head)
        rc = MDB_CORRUPTED;
    mdb_txn_abort(txn);
    store->compacting = store->compacted;
    atomic_store(&store->published_compacted, store->compacted);
    return rc ? view_error(&store->view, rc, error) : ERR_OK;
}

/* A store is made when it has its id. */
static err_t make_id(struct store *store, struct error *error)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t random[16];
    MDB_txn *txn;
    random_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        store->id[2 * i] = digits[random[i] >> 4];
        store->id[2 * i + 1] = digits[random[i] & 15];
    }
    int rc = mdb_txn_begin(store->view.env, NULL, 0, &txn);
    if (rc)
        return view_error(&store->view, rc, error);
    rc = view_meta_put(&store->view, txn, BYTES(VIEW_OWN "id"), bytes_of(store->id));
    if (rc)
        mdb_txn_abort(txn);
    else
        rc = mdb_txn_commit(txn);
    return rc ? view_error(&store->view, rc, error) : directory_sync(store->directory, error);
}

/* Where puts stop: a sixteenth of the limit, at most 64 MiB, stays for deletions and compaction. */
static err_t set_bounds(struct store *store, size_t limit, struct error *error)
{
    MDB_envinfo info;
    MDB_stat stat;
    int rc = mdb_env_info(store->view.env, &info);
    if (rc || (rc = mdb_env_stat(store->view.env, &stat)))
        return view_error(&store->view, rc, error);
    store->page_size = stat.ms_psize;
    store->map_pages = info.me_mapsize / stat.ms_psize;
    size_t pages = store->map_pages, reserve;
    if (limit && limit / stat.ms_psize < pages)
        pages = limit / stat.ms_psize;
    reserve = pages / 16;
    reserve = reserve < 32 ? 32 : reserve > 16384 ? 16384 : reserve;
    store->soft_pages = pages > reserve ? pages - reserve : 0;
    return ERR_OK;
}

static err_t open_parts(struct store *store, const struct store_options *options, struct error *error)
{
    const struct view_options view = {store->directory, options->limit, options->read_only};
    bool view_is_new;
    TRY(directory_take(store->directory, options->read_only, &store->lock, error));
    TRY(view_open(&store->view, &view, &view_is_new, error));
    TRY(read_state(store, error));
    if (store->is_new && store->read_only)
        return error_set(error, ERR_CORRUPT, "%s is no complete store", store->view.path);
    if (store->is_new)
        TRY(make_id(store, error));
    TRY(set_bounds(store, options->limit, error));
    store->sync_fd = open(store->view.path, O_RDONLY | O_CLOEXEC);
    if (store->sync_fd < 0)
        return error_errno(error, errno, "cannot open %s", store->view.path);
    fault_watch(store);
    return options->start_later ? ERR_OK : log_start(store, error);
}

err_t store_open(const struct store_options *options, struct store **ret, struct error *error)
{
    pthread_condattr_t monotonic;
    struct store *store = aligned_alloc(_Alignof(struct store), sizeof *store);
    char *directory = strdup(options->directory);
    if (!store || !directory) {
        free(store);
        free(directory);
        return error_set(error, ERR_NO_MEMORY, "no memory to open the store");
    }
    memset(store, 0, sizeof *store);
    store->directory = directory;
    store->lock = store->sync_fd = -1;
    store->read_only = options->read_only;
    store->history_seconds = options->history_seconds ? options->history_seconds : HISTORY_SECONDS;
    store->compact_rows = COMPACT_ROWS;
    store->writable = true;
    pthread_mutex_init(&store->mutex, NULL);
    pthread_mutex_init(&store->pin_mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    err_t result = open_parts(store, options, error);
    if (result)
        store_close(store);
    else
        *ret = store;
    return result;
}

err_t store_start(struct store *store, struct error *error)
{
    return log_start(store, error);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    log_stop(store);
    fault_forget();
    spares_free(store);
    view_close(&store->view);
    file_close(&store->sync_fd);
    file_close(&store->lock); /* last: nothing is open any more */
    pthread_cond_destroy(&store->wake);
    pthread_mutex_destroy(&store->pin_mutex);
    pthread_mutex_destroy(&store->mutex);
    free(store->directory);
    free(store);
}

const char *store_id(const struct store *store)
{
    return store->id;
}

bool store_is_new(const struct store *store)
{
    return store->is_new;
}

void store_get_statistics(struct store *store, struct store_statistics *ret)
{
    struct store_statistics s = {.compacted = atomic_load(&store->published_compacted),
        .commits = atomic_load(&store->commits),
        .writes = atomic_load(&store->writes),
        .map_limit_bytes = store->map_pages * store->page_size,
        .writable = !store->read_only && atomic_load(&store->writable)};
    struct read_txn *read;
    size_t used;
    if (store_read_begin(store, &read, NULL) == ERR_OK) {
        s.revision = store_revision(read);
        if (view_used_pages(&store->view, read->txn, &used) == 0)
            s.map_used_bytes = used * store->page_size;
        store_read_end(read);
    }
    *ret = s;
}
