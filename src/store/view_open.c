/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "store/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Slots for read transactions: one a thread that reads, some spare. */
enum { READERS = 1022, DATABASES = 4 };

static const size_t smallest_map = 1u << 20, everything = 1ull << 40;

static const char format_name[] = VIEW_OWN "format";

#ifdef COFFER_TESTING
bool view_without_sync;
#endif

/* LMDB found its own pages inconsistent. */
_Noreturn static void env_damaged(MDB_env *env, const char *assertion)
{
    const char *path = "";
    struct error error;
    error_init(&error, NULL);
    (void)mdb_env_get_path(env, &path);
    enum err_code code = error_set(&error, ERR_CORRUPT, "%s/data.mdb is damaged: %s", path, assertion);
    (void)code;
    log_fatal("the store cannot go on", &error);
}

static unsigned env_flags(const struct view_options *options)
{
    unsigned flags = MDB_NOTLS | (options->read_only ? MDB_RDONLY : 0);
#ifdef COFFER_TESTING
    flags |= view_without_sync ? MDB_NOSYNC : 0;
#endif
    return flags;
}

/* The map is never resized under a reader. A limit below what the file holds already leaves room to delete and compact.
 */
static size_t map_size(const char *path, size_t limit)
{
    struct stat st;
    size_t size = limit ? limit : everything;
    if (size < smallest_map)
        size = smallest_map;
    const size_t held = stat(path, &st) == 0 ? (size_t)st.st_size : 0;
    if (held + held / 8 + smallest_map / 8 > size)
        size = held + held / 8 + smallest_map / 8;
    return (size + 0xffff) & ~(size_t)0xffff;
}

static int env_create(struct view *view, const struct view_options *options, size_t size)
{
    int rc = mdb_env_create(&view->env);
    if (rc)
        return view->env = NULL, rc;
    if ((rc = mdb_env_set_maxdbs(view->env, DATABASES)) || (rc = mdb_env_set_maxreaders(view->env, READERS)) ||
        (rc = mdb_env_set_mapsize(view->env, size)) || (rc = mdb_env_set_assert(view->env, env_damaged)) ||
        (rc = mdb_env_open(view->env, options->directory, env_flags(options), 0600))) {
        mdb_env_close(view->env);
        view->env = NULL;
    }
    return rc;
}

/* With address space bounded (RLIMIT_AS), the largest map that fits will do. */
static int env_open(struct view *view, const struct view_options *options)
{
    size_t size = map_size(view->path, options->limit);
    int rc = env_create(view, options, size);
    while (rc == ENOMEM && !options->limit && size > 1ull << 32)
        rc = env_create(view, options, size /= 2);
    return rc;
}

static int databases_open(struct view *view, MDB_txn *txn, unsigned create)
{
    int rc;
    if ((rc = mdb_dbi_open(txn, "meta", create, &view->meta)))
        return rc;
    if ((rc = mdb_dbi_open(txn, "log", create | MDB_INTEGERKEY, &view->log)))
        return rc;
    return mdb_dbi_open(txn, "index", create, &view->index);
}

/* Of a store that format 1 wrote it is made now; what is read only does without. */
static int owners_open(struct view *view, MDB_txn *txn, bool read_only)
{
    int rc = mdb_dbi_open(txn, "owners", MDB_DUPSORT | (read_only ? 0 : MDB_CREATE), &view->owners);
    view->has_owners = rc == 0;
    return read_only && rc == MDB_NOTFOUND ? 0 : rc;
}

static int format_put(const struct view *view, MDB_txn *txn)
{
    char text[16];
    int n = snprintf(text, sizeof text, "%d", ROW_FORMAT);
    return view_meta_put(view, txn, bytes_of(format_name), (bytes){(const uint8_t *)text, (size_t)n});
}

static err_t format_check(struct view *view, MDB_txn *txn, bool read_only, struct error *error)
{
    bytes stored;
    uint64_t format;
    int rc = view_meta_get(view, txn, bytes_of(format_name), &stored);
    if (rc)
        return view_error(view, rc == MDB_NOTFOUND ? MDB_INVALID : rc, error);
    if (!bytes_to_uint64(stored, &format) || format == 0)
        return view_error(view, MDB_CORRUPTED, error);
    if (format > ROW_FORMAT)
        return error_set(error, ERR_CORRUPT,
            "%s was written by a newer version of Coffer (format %" PRIu64 "; this one reads up to %d)", view->path,
            format, ROW_FORMAT);
    rc = owners_open(view, txn, read_only);
    if (rc == 0 && format < ROW_FORMAT && !read_only)
        rc = format_put(view, txn);
    return rc ? view_error(view, rc, error) : ERR_OK;
}

/* The first transaction: all of a new view, or the handles and the format of one that is there. */
static err_t view_begin(struct view *view, MDB_txn *txn, bool read_only, bool *ret_new, struct error *error)
{
    MDB_stat stat;
    int rc = databases_open(view, txn, 0);
    *ret_new = false;
    if (rc == 0)
        return format_check(view, txn, read_only, error);
    if (rc != MDB_NOTFOUND)
        return view_error(view, rc, error);
    rc = mdb_stat(txn, 1, &stat); /* the database of databases: a stranger's has some */
    if (rc == 0 && (stat.ms_entries || read_only))
        rc = MDB_INVALID;
    if (rc == 0)
        rc = databases_open(view, txn, MDB_CREATE);
    if (rc == 0)
        rc = owners_open(view, txn, false);
    if (rc == 0)
        rc = format_put(view, txn);
    if (rc)
        return view_error(view, rc, error);
    *ret_new = true;
    return ERR_OK;
}

static err_t view_start(struct view *view, bool read_only, bool *ret_new, struct error *error)
{
    MDB_txn *txn;
    bool is_new;
    int rc = mdb_txn_begin(view->env, NULL, read_only ? MDB_RDONLY : 0, &txn);
    if (rc)
        return view_error(view, rc, error);
    err_t result = view_begin(view, txn, read_only, &is_new, error);
    if (result) {
        mdb_txn_abort(txn);
        return result;
    }
    if ((rc = mdb_txn_commit(txn)))
        return view_error(view, rc, error);
    *ret_new = is_new;
    return ERR_OK;
}

err_t view_open(struct view *view, const struct view_options *options, bool *ret_new, struct error *error)
{
    *view = (struct view){0};
    if (asprintf(&view->path, "%s/data.mdb", options->directory) < 0) {
        view->path = NULL;
        return error_set(error, ERR_NO_MEMORY, "no memory to open the store");
    }
    int rc = env_open(view, options);
    err_t result = rc ? view_error(view, rc, error) : view_start(view, options->read_only, ret_new, error);
    if (result)
        view_close(view);
    return result;
}

void view_close(struct view *view)
{
    if (view->env)
        mdb_env_close(view->env);
    free(view->path);
    *view = (struct view){0};
}
