/* SPDX-License-Identifier: Apache-2.0 */
/* The store: a sequence of revisions, materialised in a local view that all reads use (docs/architecture.md, "One read
 * path").
 *
 *   store_commit ──> log (log_local.c: group commit; etcd later) ──> view.c (LMDB) ──> store_get, range, watch cursor
 *
 * LMDB databases:  log    revision (u64) ──> record: kind, key, value, predecessor's revision, deletion mark
 *                  index  kind (u16, big-endian) key ──> newest revision, creation revision, deletion mark
 *                  owners uid ──> kind, key of the objects that name it as an owner
 *                  meta   name ──> small records of the store itself
 *
 * Keys are a kind number and "namespace/name" or "name". Values are opaque bytes: ciphertext. A revision is one write,
 * counting from 1; revision 0 is "nothing yet". Invariants: (1) a record of revision r is visible to readers only after
 * the sync that made it durable; (2) revisions never go back, nor repeat, not over restarts either; (3) a write that
 * was refused changed nothing, and never fails its neighbours in the group; (4) rows at or below the compacted revision
 * that a newer row of their key replaces are gone; reading there is ERR_EXPIRED. */
#ifndef COFFER_STORE_STORE_H
#define COFFER_STORE_STORE_H

#include "base/arena.h"

struct store;

struct store_options {
    const char *directory;    /* made 0700 when absent; holds data.mdb, lock.mdb, lock */
    size_t limit;             /* bytes of the map: --store-limit; 0: 1 TiB, sparse */
    unsigned history_seconds; /* how long old revisions stay readable; 0: 300 */
    bool read_only;
    bool start_later; /* the commit thread waits for store_start: nothing may be written before */
};

/* Opens or makes it. Errors, each with a sentence that names the directory: another process has it open (ERR_CONFLICT),
 * written by a newer version (ERR_CORRUPT), no space, read-only file system, no permission. One store a process. */
MUST_CHECK err_t store_open(const struct store_options *, struct store **ret, struct error *);
/* Of a store opened with start_later: starts the commit thread. */
MUST_CHECK err_t store_start(struct store *, struct error *);
/* Waits for commits under way, then closes. All read transactions must have ended. */
void store_close(struct store *);

/* 32 hex digits, random, made with the store. */
const char *store_id(const struct store *);
/* For main, once: a read error under the map (SIGBUS) writes one line that names the file and ends the process with
 * status 1. */
void store_install_fault_handler(void);
/* Whether this store_open made it. */
bool store_is_new(const struct store *);

#define STORE_KEY_MAX   400 /* bytes of namespace/name */
#define STORE_VALUE_MAX (4u << 20)

struct store_key {
    uint16_t kind; /* from 1; 0 is the store's own */
    bytes name;    /* "namespace/name" or "name" */
};

struct record {
    struct store_key key;
    uint64_t revision; /* of this write */
    uint64_t created;  /* revision that created the object; of a deletion: the same */
    uint64_t previous; /* revision of the predecessor of the same object, 0 when it was created here */
    bool deleted;      /* this write removed the object; value is empty */
    bytes owners;      /* of the object as it was written; see store_owners_add */
    bytes value;
};

/* The uids of an object's owners, as they lie in the row: each a length byte and its bytes. */
#define STORE_OWNER_MAX  255
#define STORE_OWNERS_MAX 4096
/* Appends one; false when it is empty or too long, or all are. */
MUST_CHECK bool store_owners_add(uint8_t to[STORE_OWNERS_MAX], size_t *n, bytes uid);

/* ---- Reading. A read transaction is a snapshot, bound to its thread, and short: it keeps pages from reuse. Bytes in
 * records point into the map: valid until the transaction ends. */
struct read_txn;
MUST_CHECK err_t store_read_begin(struct store *, struct read_txn **ret, struct error *);
void store_read_end(struct read_txn *);
/* The newest revision in the snapshot, and the revision up to which history was compacted. */
uint64_t store_revision(struct read_txn *);
uint64_t store_compacted(struct read_txn *);

/* The object at `revision` (0: newest). ERR_NOT_FOUND, ERR_EXPIRED (compacted). *ret untouched on failure. */
MUST_CHECK err_t store_get(struct read_txn *, struct store_key, uint64_t revision, struct record *ret, struct error *);

/* The record that this revision wrote. For a watch's old state: record.previous. */
MUST_CHECK err_t store_record(struct read_txn *, uint64_t revision, struct record *ret, struct error *);

/* Live objects of a kind in key order, at a revision. */
struct range {
    struct read_txn *txn;
    uint16_t kind;
    bytes prefix;      /* "" or "namespace/" */
    bytes start;       /* first key wanted, "" for all; inclusive */
    bytes name;        /* only keys NAMESPACE/NAME with this name, without a look at others' rows; "" for all */
    uint64_t revision; /* 0: newest */
    void *cursor;      /* opaque */
};
/* The caller sets all but cursor. ERR_EXPIRED when compacted. A range must be ended before its transaction. */
MUST_CHECK err_t range_begin(struct range *, struct error *);
/* 1: *ret is set; 0: the end; ends the process on a read error under the map. */
int range_next(struct range *, struct record *ret);
void range_end(struct range *);
/* How many live objects remain from where the range stands, without reading values: for remainingItemCount. */
uint64_t range_count(struct range *);

/* The live objects whose newest row names this uid among its owners, by kind and key: the first after `after` (NULL:
 * the first of all). *ret's name is borrowed like a record's. ERR_NOT_FOUND at the end, ERR_NO_MEMORY; a read error
 * ends the process. */
MUST_CHECK err_t store_owned(
    struct read_txn *, bytes uid, const struct store_key *after, struct store_key *ret, struct error *);
/* The next uid after this one that any object names ("": the first), likewise. */
MUST_CHECK err_t store_owner_next(struct read_txn *, bytes after, bytes *ret, struct error *);

/* Keeps history at and after `revision` readable for a list in pieces, at most 60 s. False when it is compacted
 * already. */
MUST_CHECK bool store_pin(struct store *, uint64_t revision, uint64_t *ret_pin);
void store_unpin(struct store *, uint64_t pin);

/* ---- Watching: rows in revision order. The next row with a revision above `after`; 1: *ret set; 0: none yet;
 * ERR_EXPIRED shows as -1: `after` lies below the compacted revision and rows may be missing. */
int store_next(struct read_txn *, uint64_t after, struct record *ret);

/* Called on the commit thread after each group is durable and visible, with the newest revision, and before done of any
 * of its writes: what was acknowledged is in force. Must be quick (post to loops). Register before the first commit; at
 * most 64. */
void store_on_commit(struct store *, void (*notify)(void *context, uint64_t revision), void *context);

/* ---- Writing. */
enum { COMPARE_REVISION, COMPARE_ABSENT, COMPARE_EXISTS, COMPARE_FEWER };
struct compare {
    uint8_t type;
    struct store_key key; /* COMPARE_FEWER: name is a prefix ("ns/"); fewer than `revision` live objects have it */
    uint64_t revision;    /* COMPARE_REVISION: must be the newest write of the key, and live */
};

/* One write; the caller owns it and all it points to until done is called. */
struct store_write {
    struct store_key key;
    bytes value;                    /* stored when not deleting */
    bytes owners;                   /* made by store_owners_add */
    bool delete;                    /* ERR_NOT_FOUND when there is no such object */
    const struct compare *compares; /* decided inside the commit, after the group's earlier members */
    size_t compare_count;
    /* Called once on the commit thread. The results are set before. */
    void (*done)(struct store_write *);
    /* results */
    err_t result; /* ERR_OK, ERR_CONFLICT (a compare failed: failed_compare), ERR_NOT_FOUND, ERR_NO_SPACE,
                     ERR_READ_ONLY, ERR_NO_MEMORY, ERR_CORRUPT, ERR_IO,
                     ERR_TOO_LARGE (key over STORE_KEY_MAX, value over STORE_VALUE_MAX, owners over STORE_OWNERS_MAX) */
    size_t failed_compare;
    uint64_t revision;        /* of this write when ERR_OK */
    const char *message;      /* a literal or NULL; what people should know when it failed */
    struct store_write *next; /* the store's */
};

/* Queues it for the next group. Never blocks; done always comes. Any thread. A failed sync ends the process with a line
 * that names the file: what the disk holds is then unknown, and only a new start can find out. */
void store_commit(struct store *, struct store_write *);

/* ---- Small records of the store itself (certificates, wrapped keys), by name; at most STORE_META_MAX, durable on
 * return, after every write queued before. Values are the caller's to encrypt. Names are 1 to 300 bytes and don't begin
 * with "store/". meta_get copies into the arena; ERR_NOT_FOUND. Not on an event loop, nor on the commit thread. */
#define STORE_META_MAX 65536
MUST_CHECK err_t store_meta_get(struct store *, struct arena *, const char *name, bytes *ret, struct error *);
MUST_CHECK err_t store_meta_put(struct store *, const char *name, bytes value, struct error *);

/* For /metrics, /readyz. */
struct store_statistics {
    uint64_t revision, compacted, commits, writes, map_used_bytes, map_limit_bytes;
    bool writable; /* no write failed for want of space since there was room last */
};
void store_get_statistics(struct store *, struct store_statistics *ret);

#endif
