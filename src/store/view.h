/* SPDX-License-Identifier: Apache-2.0 */
/* The view: the log's rows in LMDB. It applies rows and finds them; what is written, and in which order, a log decides.
 * Functions take a transaction of LMDB's and return LMDB's codes: 0, MDB_NOTFOUND, MDB_CORRUPTED for rows that do not
 * decode, and so on. After any other failure in a write transaction, that transaction can only be aborted. */
#ifndef COFFER_STORE_VIEW_H
#define COFFER_STORE_VIEW_H

#include "store/row.h"

#include <lmdb.h>

struct view {
    MDB_env *env;
    MDB_dbi log, index, owners, meta;
    bool has_owners; /* not in a store of format 1 that is open for reading only */
    char *path;      /* of the data file, for sentences */
};

struct view_options {
    const char *directory;
    size_t limit; /* bytes; the map is this large, or as large as what is there already needs */
    bool read_only;
};
/* Opens or makes it, in a directory that exists and is locked. A view of a newer format is refused. *ret_new: it was
 * made now. On failure nothing is left open. */
MUST_CHECK err_t view_open(struct view *, const struct view_options *, bool *ret_new, struct error *);
void view_close(struct view *);
#ifdef COFFER_TESTING
extern bool view_without_sync; /* set before view_open: what the power loss test must catch */
#endif

/* The error for a code, with a sentence that names the file. */
err_t view_error(const struct view *, int code, struct error *);
enum err_code view_error_code(int code);
/* Ends the process, naming the file: for what may not be gone on from. */
_Noreturn void view_fatal(const struct view *, int code, const char *what);

/* The newest revision; 0 in an empty store. */
MUST_CHECK int view_head(const struct view *, MDB_txn *, uint64_t *ret);
/* The same by a cursor of the log that is open: it needs no memory. */
MUST_CHECK int view_head_at(MDB_cursor *log, uint64_t *ret);
MUST_CHECK int view_compacted(const struct view *, MDB_txn *, uint64_t *ret);

/* The newest row of a key, a deletion included. */
MUST_CHECK int view_find(const struct view *, MDB_txn *, struct store_key, struct index_row *ret);
/* The row of a revision. log: a cursor of the transaction's, which ends up on it. */
MUST_CHECK int view_row(MDB_cursor *log, uint64_t revision, struct row *ret);
/* The row of the key that was newest at `at`, from its row `from` backwards. MDB_NOTFOUND: the key was not there then.
 */
MUST_CHECK int view_row_at(MDB_cursor *log, struct store_key, uint64_t from, uint64_t at, struct row *ret);
/* How many live objects' keys start so; counting stops at `most`. */
MUST_CHECK int view_count(const struct view *, MDB_txn *, struct store_key prefix, uint64_t most, uint64_t *ret);

/* Appends a row, whose revision must be above the head, and makes it the newest of its key. before: the key's entry
 * until now; NULL when it had none. */
MUST_CHECK int view_apply(const struct view *, MDB_txn *, const struct row *, const struct index_row *before);

/* The first object after `after` (NULL: of all) that names the uid; the first uid after one. MDB_NOTFOUND. */
MUST_CHECK int view_owned(
    const struct view *, MDB_txn *, bytes uid, const struct store_key *after, struct store_key *ret);
MUST_CHECK int view_owner_next(const struct view *, MDB_txn *, bytes after, bytes *ret);

/* Drops what the rows from `compacted` up to `through` replaced, and deletions among them, and remembers `through`.
 * Each row drops at most its predecessor and itself, so the cost follows the writes. through must be below the head:
 * the newest row stays, as it is what tells the head. */
MUST_CHECK int view_compact(const struct view *, MDB_txn *, uint64_t compacted, uint64_t through);

/* Pages in use: what the file has grown to without what it has to reuse. */
MUST_CHECK int view_used_pages(const struct view *, MDB_txn *reading, size_t *ret);

/* Records by name. The store's own names start with VIEW_OWN. */
#define VIEW_OWN "store/"
MUST_CHECK int view_meta_get(const struct view *, MDB_txn *, bytes name, bytes *ret);
MUST_CHECK int view_meta_put(const struct view *, MDB_txn *, bytes name, bytes value);

#endif
