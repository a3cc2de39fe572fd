/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges: the index in key order; each key's row from the log. */
#include "store/internal.h"

#include <errno.h>
#include <stdlib.h>

struct range_cursor {
    MDB_cursor *index, *log;
    bool placed; /* the index cursor stands on the row of `at`, which was returned or passed */
    bool ended;
    uint64_t revision; /* 0: the newest of the snapshot */
    size_t prefix_size, at_size;
    uint8_t prefix[INDEX_KEY_MAX];
    uint8_t at[INDEX_KEY_MAX]; /* before `placed`: where to start */
};

static void cursor_free(struct range_cursor *c)
{
    if (c->index)
        mdb_cursor_close(c->index);
    if (c->log)
        mdb_cursor_close(c->log);
    free(c);
}

err_t range_begin(struct range *range, struct error *error)
{
    struct read_txn *read = range->txn;
    const struct view *view = &read->store->view;
    if (range->revision && range->revision < store_compacted(read))
        return error_set(error, ERR_EXPIRED, "revision %llu has been compacted", (unsigned long long)range->revision);
    struct range_cursor *c = calloc(1, sizeof *c);
    int rc = c ? mdb_cursor_open(read->txn, view->index, &c->index) : ENOMEM;
    if (rc == 0)
        rc = mdb_cursor_open(read->txn, view->log, &c->log);
    if (rc) {
        if (c)
            cursor_free(c);
        return view_error(view, rc, error);
    }
    /* Nothing is as long as that. */
    c->ended = range->prefix.n > STORE_KEY_MAX || range->start.n > STORE_KEY_MAX;
    if (!c->ended) {
        const bool from_prefix = bytes_compare(range->start, range->prefix) < 0;
        c->prefix_size = index_key_encode((struct store_key){range->kind, range->prefix}, c->prefix);
        c->at_size =
            index_key_encode((struct store_key){range->kind, from_prefix ? range->prefix : range->start}, c->at);
    }
    if (range->revision && range->revision < store_revision(read))
        c->revision = range->revision;
    range->cursor = c;
    return ERR_OK;
}

void range_end(struct range *range)
{
    if (range->cursor)
        cursor_free(range->cursor);
    range->cursor = NULL;
}

/* The next row of the index under the prefix. False at the end. */
static bool step(const struct range *range, MDB_val *key, struct index_row *ret)
{
    struct range_cursor *c = range->cursor;
    MDB_val data;
    if (c->ended)
        return false;
    *key = (MDB_val){c->at_size, c->at};
    int rc = mdb_cursor_get(c->index, key, &data, c->placed ? MDB_NEXT : MDB_SET_RANGE);
    c->placed = true;
    if (rc == MDB_NOTFOUND)
        return false;
    if (rc == 0 && !bytes_start((bytes){key->mv_data, key->mv_size}, (bytes){c->prefix, c->prefix_size}))
        return false;
    if (rc == 0 && (key->mv_size > INDEX_KEY_MAX || !index_row_decode((bytes){data.mv_data, data.mv_size}, ret)))
        rc = MDB_CORRUPTED;
    if (rc)
        view_fatal(&range->txn->store->view, rc, "cannot read the index");
    return true;
}

/* Whether the key is of an object with the name that the range wants. */
static bool named(const struct range *range, const MDB_val *key)
{
    const bytes whole = {key->mv_data, key->mv_size};
    return range->name.n == 0 ||
           (whole.n > range->name.n && whole.p[whole.n - range->name.n - 1] == '/' && bytes_end(whole, range->name));
}

/* The row of an index row as of the range's revision. False when the object was not there then. */
static bool resolve(const struct range *range, const MDB_val *key, const struct index_row *newest, struct row *ret)
{
    struct range_cursor *c = range->cursor;
    struct store_key name;
    const uint64_t at = c->revision ? c->revision : newest->revision;
    if (newest->deleted && newest->revision <= at)
        return false;
    int rc = MDB_CORRUPTED;
    if (index_key_decode((bytes){key->mv_data, key->mv_size}, &name))
        rc = view_row_at(c->log, name, newest->revision, at, ret);
    if (rc && rc != MDB_NOTFOUND)
        view_fatal(&range->txn->store->view, rc, "cannot read the log");
    return rc == 0;
}

int range_next(struct range *range, struct record *ret)
{
    struct range_cursor *c = range->cursor;
    struct index_row newest;
    struct row row;
    MDB_val key;
    while (step(range, &key, &newest)) {
        if (!named(range, &key) || !resolve(range, &key, &newest, &row))
            continue;
        memcpy(c->at, key.mv_data, key.mv_size);
        c->at_size = key.mv_size;
        *ret = row.record;
        return 1;
    }
    c->ended = true;
    return 0;
}

uint64_t range_count(struct range *range)
{
    struct range_cursor *c = range->cursor;
    const bool placed = c->placed;
    struct index_row newest;
    struct row row;
    uint64_t count = 0;
    MDB_val key;
    while (step(range, &key, &newest)) {
        if (!named(range, &key))
            continue;
        if (c->revision == 0 || newest.revision <= c->revision) /* the index knows; it is much smaller than the log */
            count += !newest.deleted;
        else
            count += resolve(range, &key, &newest, &row);
    }
    /* Back to where it stood: the key of `at` is in this snapshot when it was returned. */
    c->placed = false;
    if (placed && !c->ended)
        step(range, &key, &newest);
    return count;
}
