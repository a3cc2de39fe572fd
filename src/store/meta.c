/* SPDX-License-Identifier: Apache-2.0 */
/* The store's small records: read like any row, written through the commit thread as writes of kind 0. */
#include "store/internal.h"

enum { META_NAME_MAX = 300 };

struct meta_write {
    struct store_write write;
    pthread_mutex_t mutex;
    pthread_cond_t decided;
    bool done;
};

err_t store_meta_get(struct store *store, struct arena *arena, const char *name, bytes *ret, struct error *error)
{
    struct read_txn *read;
    bytes stored, copy = BYTES_NONE;
    TRY(store_read_begin(store, &read, error));
    int rc = view_meta_get(&store->view, read->txn, bytes_of(name), &stored);
    if (rc == 0)
        copy = arena_copy(arena, stored);
    store_read_end(read);
    if (rc == MDB_NOTFOUND)
        return error_set(error, ERR_NOT_FOUND, "the store has no record \"%s\"", name);
    if (rc)
        return view_error(&store->view, rc, error);
    if (!copy.p)
        return arena_error(arena, error);
    *ret = copy;
    return ERR_OK;
}

static void meta_done(struct store_write *write)
{
    struct meta_write *meta = (struct meta_write *)write;
    pthread_mutex_lock(&meta->mutex);
    meta->done = true;
    pthread_cond_signal(&meta->decided); /* under the mutex: the waiter ends meta as soon as it can */
    pthread_mutex_unlock(&meta->mutex);
}

err_t store_meta_put(struct store *store, const char *name, bytes value, struct error *error)
{
    const size_t n = strlen(name);
    struct meta_write meta = {.write = {.key = {0, bytes_of(name)}, .value = value, .done = meta_done},
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .decided = PTHREAD_COND_INITIALIZER};
    if (n == 0 || n > META_NAME_MAX || strncmp(name, VIEW_OWN, sizeof VIEW_OWN - 1) == 0)
        return error_set(error, ERR_INVALID, "no name for a record of the store: \"%s\"", name);
    if (value.n > STORE_META_MAX)
        return error_set(error, ERR_TOO_LARGE, "the record \"%s\" is over %d bytes", name, STORE_META_MAX);
    log_enqueue(store, &meta.write);
    pthread_mutex_lock(&meta.mutex);
    while (!meta.done)
        pthread_cond_wait(&meta.decided, &meta.mutex);
    pthread_mutex_unlock(&meta.mutex);
    pthread_cond_destroy(&meta.decided);
    pthread_mutex_destroy(&meta.mutex);
    if (meta.write.result)
        return error_set(error, meta.write.result, "cannot write the record \"%s\" of %s: %s", name, store->view.path,
            meta.write.message ? meta.write.message : "it failed");
    return ERR_OK;
}
