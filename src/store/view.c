/* SPDX-License-Identifier: Apache-2.0 */
#include "store/view.h"

#include "base/log.h"

#include <errno.h>
#include <inttypes.h>

#define CACHE_LINE    64
#define PREFETCH_MOST 4096 /* bytes; what comes after them the processor has guessed by then */

static MDB_val val(bytes b)
{
    const union {
        const uint8_t *lent;
        void *data; /* LMDB reads what it is given, and has no const */
    } p = {b.p};
    return (MDB_val){b.n, p.data};
}

static bytes unval(MDB_val v)
{
    return (bytes){v.mv_data, v.mv_size};
}

enum err_code view_error_code(int code)
{
    static const struct {
        int code;
        enum err_code error;
    } codes[] = {{0, ERR_OK}, {MDB_MAP_FULL, ERR_NO_SPACE}, {ENOSPC, ERR_NO_SPACE}, {EDQUOT, ERR_NO_SPACE},
        {EFBIG, ERR_NO_SPACE}, {EROFS, ERR_READ_ONLY}, {EPERM, ERR_READ_ONLY}, {EACCES, ERR_FORBIDDEN},
        {ENOMEM, ERR_NO_MEMORY}, {MDB_NOTFOUND, ERR_NOT_FOUND}, {MDB_INVALID, ERR_CORRUPT},
        {MDB_CORRUPTED, ERR_CORRUPT}, {MDB_PAGE_NOTFOUND, ERR_CORRUPT}, {MDB_VERSION_MISMATCH, ERR_CORRUPT},
        {MDB_INCOMPATIBLE, ERR_CORRUPT}, {MDB_READERS_FULL, ERR_TOO_MANY_REQUESTS}};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].code == code)
            return codes[i].error;
    return ERR_IO;
}

err_t view_error(const struct view *view, int code, struct error *error)
{
    const enum err_code kind = view_error_code(code);
    if (kind == ERR_CORRUPT)
        return error_set(error, kind, "%s is damaged, or no store of Coffer's: %s", view->path, mdb_strerror(code));
    if (code == MDB_READERS_FULL)
        return error_set(error, kind, "too many reads of the store at once");
    return error_set(error, kind, "%s: %s", view->path, mdb_strerror(code));
}

void view_fatal(const struct view *view, int code, const char *what)
{
    struct error error;
    error_init(&error, NULL);
    enum err_code kind = error_set(&error, view_error_code(code), "%s: %s: %s", what, view->path, mdb_strerror(code));
    (void)kind;
    log_fatal("the store cannot go on", &error);
}

int view_head_at(MDB_cursor *log, uint64_t *ret)
{
    MDB_val key, data;
    int rc = mdb_cursor_get(log, &key, &data, MDB_LAST);
    if (!rc && key.mv_size != sizeof *ret)
        rc = MDB_CORRUPTED;
    if (!rc)
        memcpy(ret, key.mv_data, sizeof *ret);
    if (rc == MDB_NOTFOUND)
        *ret = 0, rc = 0;
    return rc;
}

int view_head(const struct view *view, MDB_txn *txn, uint64_t *ret)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, view->log, &cursor);
    if (rc)
        return rc;
    rc = view_head_at(cursor, ret);
    mdb_cursor_close(cursor);
    return rc;
}

static const char compacted_name[] = VIEW_OWN "compacted";

int view_compacted(const struct view *view, MDB_txn *txn, uint64_t *ret)
{
    bytes stored;
    int rc = view_meta_get(view, txn, BYTES(VIEW_OWN "compacted"), &stored);
    if (rc == MDB_NOTFOUND)
        return *ret = 0, 0;
    if (!rc && stored.n != sizeof *ret)
        rc = MDB_CORRUPTED;
    if (!rc)
        memcpy(ret, stored.p, sizeof *ret);
    return rc;
}

int view_find(const struct view *view, MDB_txn *txn, struct store_key key, struct index_row *ret)
{
    uint8_t encoded[INDEX_KEY_MAX];
    if (key.name.n > STORE_KEY_MAX)
        return MDB_NOTFOUND;
    MDB_val k = {index_key_encode(key, encoded), encoded}, data;
    int rc = mdb_get(txn, view->index, &k, &data);
    if (!rc && !index_row_decode(unval(data), ret))
        rc = MDB_CORRUPTED;
    return rc;
}

/* A row lies anywhere in the map: its cache lines are asked for together, instead of one after the other as they are
 * read. */
static void prefetch(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n && i < PREFETCH_MOST; i += CACHE_LINE)
        __builtin_prefetch(p + i);
}

int view_row(MDB_cursor *log, uint64_t revision, struct row *ret)
{
    MDB_val key = {sizeof revision, &revision}, data;
    int rc = mdb_cursor_get(log, &key, &data, MDB_SET_KEY);
    if (rc)
        return rc;
    prefetch(data.mv_data, data.mv_size);
    return row_decode(unval(data), revision, ret) ? 0 : MDB_CORRUPTED;
}

int view_row_at(MDB_cursor *log, struct store_key key, uint64_t from, uint64_t at, struct row *ret)
{
    struct row row;
    /* Each row's predecessor has a lower revision (row_decode): this ends. */
    for (uint64_t revision = from; revision; revision = row.older) {
        int rc = view_row(log, revision, &row);
        /* The index never points at nothing; an older row may have been compacted away. */
        if (rc == MDB_NOTFOUND && revision == from)
            return MDB_CORRUPTED;
        if (rc)
            return rc;
        if (row.record.key.kind != key.kind || !bytes_equal(row.record.key.name, key.name))
            return MDB_CORRUPTED;
        if (revision <= at) {
            if (row.record.deleted)
                return MDB_NOTFOUND;
            return *ret = row, 0;
        }
    }
    return MDB_NOTFOUND;
}

int view_count(const struct view *view, MDB_txn *txn, struct store_key prefix, uint64_t most, uint64_t *ret)
{
    uint8_t encoded[INDEX_KEY_MAX];
    const bytes start = {encoded, index_key_encode(prefix, encoded)};
    MDB_val key = val(start), data;
    MDB_cursor *cursor;
    struct index_row row;
    uint64_t count = 0;
    int rc = mdb_cursor_open(txn, view->index, &cursor);
    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);
    while (!rc && count < most && bytes_start(unval(key), start)) {
        if (!index_row_decode(unval(data), &row)) {
            rc = MDB_CORRUPTED;
            break;
        }
        count += !row.deleted;
        rc = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc && rc != MDB_NOTFOUND)
        return rc;
    return *ret = count, 0;
}

/* ---- Owners: an entry for each uid that an object's newest row names. */

static int owner_entry(const struct view *view, MDB_txn *txn, bytes uid, struct store_key object, bool add)
{
    uint8_t encoded[INDEX_KEY_MAX];
    MDB_val key = val(uid), data = {index_key_encode(object, encoded), encoded};
    int rc = add ? mdb_put(txn, view->owners, &key, &data, MDB_NODUPDATA) : mdb_del(txn, view->owners, &key, &data);
    return rc == MDB_KEYEXIST || rc == MDB_NOTFOUND ? 0 : rc; /* one uid may stand there twice */
}

static int owner_entries(const struct view *view, MDB_txn *txn, struct store_key object, bytes owners, bool add)
{
    struct cursor c = cursor_of(owners);
    bytes uid;
    int rc = 0;
    while (!rc && owners_next(&c, &uid))
        rc = owner_entry(view, txn, uid, object, add);
    return rc;
}

/* From what the row before named to what this one names. */
static int owners_apply(
    const struct view *view, MDB_txn *txn, const struct record *record, const struct index_row *before)
{
    struct row old = {0};
    if (before && before->owned && !before->deleted) {
        uint64_t revision = before->revision;
        MDB_val key = {sizeof revision, &revision}, data;
        int rc = mdb_get(txn, view->log, &key, &data);
        if (!rc && !row_decode(unval(data), revision, &old))
            rc = MDB_CORRUPTED;
        if (rc)
            return rc == MDB_NOTFOUND ? MDB_CORRUPTED : rc;
    }
    const bytes owners = record->deleted ? BYTES_NONE : record->owners;
    if (bytes_equal(old.record.owners, owners))
        return 0;
    uint8_t copy[STORE_OWNERS_MAX]; /* a delete moves the row */
    const bytes named = {copy, old.record.owners.n};
    if (named.n)
        memcpy(copy, old.record.owners.p, named.n);
    int rc = owner_entries(view, txn, record->key, named, false);
    return rc ? rc : owner_entries(view, txn, record->key, owners, true);
}

int view_owned(const struct view *view, MDB_txn *txn, bytes uid, const struct store_key *after, struct store_key *ret)
{
    uint8_t encoded[INDEX_KEY_MAX];
    MDB_val key = val(uid), data = {0, NULL};
    MDB_cursor *cursor;
    if (!view->has_owners || uid.n == 0 || uid.n > STORE_OWNER_MAX)
        return MDB_NOTFOUND;
    int rc = mdb_cursor_open(txn, view->owners, &cursor);
    if (rc)
        return rc;
    if (after)
        data = (MDB_val){index_key_encode(*after, encoded), encoded};
    rc = mdb_cursor_get(cursor, &key, &data, after ? MDB_GET_BOTH_RANGE : MDB_SET_KEY);
    if (!rc && after && bytes_equal(unval(data), (bytes){encoded, index_key_encode(*after, encoded)}))
        rc = mdb_cursor_get(cursor, &key, &data, MDB_NEXT_DUP);
    mdb_cursor_close(cursor);
    if (!rc && !index_key_decode(unval(data), ret))
        rc = MDB_CORRUPTED;
    return rc;
}

int view_owner_next(const struct view *view, MDB_txn *txn, bytes after, bytes *ret)
{
    MDB_val key = val(after), data;
    MDB_cursor *cursor;
    if (!view->has_owners)
        return MDB_NOTFOUND;
    int rc = mdb_cursor_open(txn, view->owners, &cursor);
    if (rc)
        return rc;
    rc = mdb_cursor_get(cursor, &key, &data, after.n ? MDB_SET_RANGE : MDB_FIRST);
    if (!rc && after.n && bytes_equal(unval(key), after))
        rc = mdb_cursor_get(cursor, &key, &data, MDB_NEXT_NODUP);
    mdb_cursor_close(cursor);
    if (!rc)
        *ret = unval(key);
    return rc;
}

int view_apply(const struct view *view, MDB_txn *txn, const struct row *row, const struct index_row *before)
{
    const struct record *r = &row->record;
    uint64_t revision = r->revision;
    int rc = owners_apply(view, txn, r, before);
    if (rc)
        return rc;
    MDB_val key = {sizeof revision, &revision}, data = {row_size(r), NULL};
    rc = mdb_put(txn, view->log, &key, &data, MDB_APPEND | MDB_RESERVE);
    if (rc)
        return rc;
    row_encode(row, data.mv_data);
    uint8_t name[INDEX_KEY_MAX], entry[INDEX_ROW_SIZE];
    index_row_encode(&(struct index_row){r->revision, r->created, r->deleted, r->owners.n > 0}, entry);
    key = (MDB_val){index_key_encode(r->key, name), name};
    data = (MDB_val){sizeof entry, entry};
    return mdb_put(txn, view->index, &key, &data, 0);
}

/* Drops a deletion whose history is over: its row, and its key when nothing came after. */
static int compact_deletion(const struct view *view, MDB_txn *txn, MDB_cursor *log, const struct row *row)
{
    struct index_row newest;
    uint8_t name[INDEX_KEY_MAX];
    MDB_val key = {index_key_encode(row->record.key, name), name}; /* copied: deleting moves the row */
    int rc = view_find(view, txn, row->record.key, &newest);
    if (!rc && newest.revision == row->record.revision)
        rc = mdb_del(txn, view->index, &key, NULL);
    if (rc && rc != MDB_NOTFOUND)
        return rc;
    return mdb_cursor_del(log, 0);
}

static int compact_row(const struct view *view, MDB_txn *txn, MDB_cursor *log, uint64_t revision)
{
    struct row row;
    int rc = view_row(log, revision, &row);
    if (rc == MDB_NOTFOUND) /* a log may leave revisions out */
        return 0;
    if (rc)
        return rc;
    uint64_t older = row.older;
    if (row.record.deleted)
        rc = compact_deletion(view, txn, log, &row);
    if (rc || older == 0)
        return rc;
    MDB_val key = {sizeof older, &older};
    rc = mdb_del(txn, view->log, &key, NULL);
    return rc == MDB_NOTFOUND ? 0 : rc; /* a deletion, dropped when its own turn came */
}

int view_compact(const struct view *view, MDB_txn *txn, uint64_t compacted, uint64_t through)
{
    MDB_cursor *log;
    int rc = mdb_cursor_open(txn, view->log, &log);
    if (rc)
        return rc;
    for (uint64_t r = compacted + 1; !rc && r <= through; r++)
        rc = compact_row(view, txn, log, r);
    mdb_cursor_close(log);
    if (rc)
        return rc;
    return view_meta_put(view, txn, bytes_of(compacted_name), (bytes){(const uint8_t *)&through, sizeof through});
}

int view_used_pages(const struct view *view, MDB_txn *reading, size_t *ret)
{
    const MDB_dbi freed = 0; /* LMDB's list of pages to reuse: each row starts with how many */
    MDB_envinfo info;
    MDB_cursor *cursor;
    MDB_val key, data;
    int rc = mdb_env_info(view->env, &info);
    if (rc || (rc = mdb_cursor_open(reading, freed, &cursor)))
        return rc;
    size_t used = info.me_last_pgno + 1, count;
    while (!(rc = mdb_cursor_get(cursor, &key, &data, MDB_NEXT)) && data.mv_size >= sizeof count) {
        memcpy(&count, data.mv_data, sizeof count);
        used -= count < used ? count : used;
    }
    mdb_cursor_close(cursor);
    if (rc != MDB_NOTFOUND)
        return rc ? rc : MDB_CORRUPTED;
    return *ret = used, 0;
}

int view_meta_get(const struct view *view, MDB_txn *txn, bytes name, bytes *ret)
{
    MDB_val key = val(name), data;
    int rc = mdb_get(txn, view->meta, &key, &data);
    if (!rc)
        *ret = unval(data);
    return rc;
}

int view_meta_put(const struct view *view, MDB_txn *txn, bytes name, bytes value)
{
    MDB_val key = val(name), data = val(value);
    return mdb_put(txn, view->meta, &key, &data, 0);
}
