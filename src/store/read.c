/* SPDX-License-Identifier: Apache-2.0 */
/* Read transactions. Ended ones are kept, reset, with their slot in LMDB's reader table: beginning one again is a
 * renewal, which takes no lock and allocates nothing. */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>

/* The calling thread's number among those that read. */
static unsigned thread_number(void)
{
    static _Atomic unsigned last;
    static _Thread_local unsigned mine;
    if (!mine)
        mine = atomic_fetch_add(&last, 1) + 1;
    return mine;
}

static struct read_txn *spare_take(struct store *store)
{
    const unsigned own = thread_number();
    for (unsigned i = 0; i < SPARE_SLOTS; i++) {
        struct spare_slot *slot = &store->spare[(own + i) % SPARE_SLOTS];
        if (!atomic_load_explicit(&slot->txn, memory_order_relaxed))
            continue;
        struct read_txn *txn = atomic_exchange(&slot->txn, NULL);
        if (txn)
            return txn;
    }
    return NULL;
}

static bool spare_give(struct store *store, struct read_txn *txn)
{
    const unsigned own = thread_number();
    for (unsigned i = 0; i < SPARE_SLOTS; i++) {
        struct read_txn *none = NULL;
        if (atomic_compare_exchange_strong(&store->spare[(own + i) % SPARE_SLOTS].txn, &none, txn))
            return true;
    }
    return false;
}

static void read_free(struct read_txn *read)
{
    if (read->log)
        mdb_cursor_close(read->log);
    if (read->txn)
        mdb_txn_abort(read->txn);
    free(read);
}

void spares_free(struct store *store)
{
    for (unsigned i = 0; i < SPARE_SLOTS; i++) {
        struct read_txn *read = atomic_exchange(&store->spare[i].txn, NULL);
        if (read)
            read_free(read);
    }
}

err_t store_read_begin(struct store *store, struct read_txn **ret, struct error *error)
{
    struct read_txn *read = spare_take(store);
    int rc;
    if (read) {
        rc = mdb_txn_renew(read->txn);
    } else {
        read = calloc(1, sizeof *read);
        if (!read)
            return error_set(error, ERR_NO_MEMORY, "no memory to read the store");
        rc = mdb_txn_begin(store->view.env, NULL, MDB_RDONLY, &read->txn);
        if (rc)
            read->txn = NULL;
        else /* now, so that nothing later needs memory */
            rc = mdb_cursor_open(read->txn, store->view.log, &read->log);
    }
    if (rc) {
        read_free(read);
        return view_error(&store->view, rc, error);
    }
    read->store = store;
    read->log_ready = read->compacted_known = read->revision_known = false;
    *ret = read;
    return ERR_OK;
}

void store_read_end(struct read_txn *read)
{
    if (!read)
        return;
    mdb_txn_reset(read->txn);
    if (!spare_give(read->store, read))
        read_free(read);
}

uint64_t store_revision(struct read_txn *read)
{
    if (!read->revision_known) {
        MDB_cursor *log;
        int rc = read_log_cursor(read, &log);
        if (rc == 0)
            rc = view_head_at(log, &read->revision);
        if (rc)
            view_fatal(&read->store->view, rc, "cannot read the newest revision");
        read->revision_known = true;
    }
    return read->revision;
}

uint64_t store_compacted(struct read_txn *read)
{
    if (!read->compacted_known) {
        int rc = view_compacted(&read->store->view, read->txn, &read->compacted);
        if (rc)
            view_fatal(&read->store->view, rc, "cannot read the compacted revision");
        read->compacted_known = true;
    }
    return read->compacted;
}

int read_log_cursor(struct read_txn *read, MDB_cursor **ret)
{
    int rc = 0;
    if (!read->log_ready)
        rc = mdb_cursor_renew(read->txn, read->log);
    if (rc)
        return rc;
    read->log_ready = true;
    *ret = read->log;
    return 0;
}

static err_t not_found(struct error *error)
{
    return error_set(error, ERR_NOT_FOUND, "not found");
}

static err_t expired(uint64_t revision, struct read_txn *read, struct error *error)
{
    return error_set(error, ERR_EXPIRED, "revision %llu has been compacted; the oldest that can be read is %llu",
        (unsigned long long)revision, (unsigned long long)store_compacted(read));
}

static err_t read_error(const struct read_txn *read, int rc, struct error *error)
{
    return rc == MDB_NOTFOUND ? not_found(error) : view_error(&read->store->view, rc, error);
}

err_t store_get(struct read_txn *read, struct store_key key, uint64_t revision, struct record *ret, struct error *error)
{
    struct index_row newest;
    struct row row;
    MDB_cursor *log;
    if (revision && revision < store_compacted(read))
        return expired(revision, read, error);
    int rc = view_find(&read->store->view, read->txn, key, &newest);
    if (rc == 0)
        rc = read_log_cursor(read, &log);
    if (rc == 0)
        rc = view_row_at(log, key, newest.revision, revision ? revision : newest.revision, &row);
    if (rc)
        return read_error(read, rc, error);
    *ret = row.record;
    return ERR_OK;
}

err_t store_record(struct read_txn *read, uint64_t revision, struct record *ret, struct error *error)
{
    struct row row;
    MDB_cursor *log;
    int rc = read_log_cursor(read, &log);
    if (rc == 0)
        rc = view_row(log, revision, &row);
    if (rc == MDB_NOTFOUND && revision <= store_compacted(read))
        return expired(revision, read, error);
    if (rc)
        return read_error(read, rc, error);
    *ret = row.record;
    return ERR_OK;
}

static err_t owners_result(const struct read_txn *read, int rc, struct error *error)
{
    if (rc && rc != MDB_NOTFOUND && rc != ENOMEM)
        view_fatal(&read->store->view, rc, "cannot read the owners");
    return rc ? read_error(read, rc, error) : ERR_OK;
}

err_t store_owned(
    struct read_txn *read, bytes uid, const struct store_key *after, struct store_key *ret, struct error *error)
{
    return owners_result(read, view_owned(&read->store->view, read->txn, uid, after, ret), error);
}

err_t store_owner_next(struct read_txn *read, bytes after, bytes *ret, struct error *error)
{
    return owners_result(read, view_owner_next(&read->store->view, read->txn, after, ret), error);
}

int store_next(struct read_txn *read, uint64_t after, struct record *ret)
{
    const struct view *view = &read->store->view;
    uint64_t from = after + 1;
    MDB_val key = {sizeof from, &from}, data;
    struct row row;
    MDB_cursor *log;
    if (after < store_compacted(read))
        return -1;
    if (from == 0)
        return 0;
    int rc = read_log_cursor(read, &log);
    if (rc == 0)
        rc = mdb_cursor_get(log, &key, &data, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND)
        return 0;
    if (rc == 0 && key.mv_size == sizeof from) {
        memcpy(&from, key.mv_data, sizeof from);
        if (row_decode((bytes){data.mv_data, data.mv_size}, from, &row))
            return *ret = row.record, 1;
    }
    view_fatal(view, rc ? rc : MDB_CORRUPTED, "cannot read the log");
}
