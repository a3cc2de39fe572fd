/* SPDX-License-Identifier: Apache-2.0 */
/* What the store's files share; nothing outside src/store and its tests includes it.
 *
 *   open.c         makes and ends it                    directory.c  the data directory and its lock
 *   read.c range.c read transactions, on any thread     view.c row.c the rows in LMDB
 *   log_local.c    the commit thread: decides, orders,  compaction.c pins, and what the commit thread drops between
 * groups applies to the view in groups        fault.c      read errors under the map */
#ifndef COFFER_STORE_INTERNAL_H
#define COFFER_STORE_INTERNAL_H

#include "store/view.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    GROUP_WRITES = 256, /* of one commit */
    GROUP_BYTES = 8 << 20,
    OBSERVERS = 64,
    SPARE_SLOTS = 64,
    COMPACT_ROWS = 512, /* of one transaction: a few milliseconds */
    PINS = 1024,        /* a list more takes the oldest's place */
    PIN_MILLISECONDS = 60000,
    HISTORY_SECONDS = 300,
};

struct observer {
    void (*notify)(void *context, uint64_t revision);
    void *context;
};

/* A read transaction that nobody uses now. Each thread looks at its own slot first. */
struct spare_slot {
    _Alignas(64) _Atomic(struct read_txn *) txn;
};

struct pin {
    uint64_t id, revision, deadline; /* monotonic ms; 0: free */
};

struct store {
    struct spare_slot spare[SPARE_SLOTS];
    struct view view;
    char *directory;
    int lock, sync_fd; /* sync_fd: the data file, to ask whether a write-back failed */
    size_t page_size, map_pages;
    size_t soft_pages; /* puts stop here, so that deletions and compaction always have room */
    unsigned history_seconds;
    unsigned compact_rows; /* of the commit thread's next transaction: fewer after one did not fit */
    char id[33];
    bool is_new, read_only, thread_started;
    bool stopping;         /* under mutex, as is the queue */
    _Atomic bool writable; /* no put was refused for want of space since there was room last */

    pthread_mutex_t mutex; /* the queue */
    pthread_cond_t wake;
    struct store_write *first, *last;
    pthread_t thread;
    struct observer observers[OBSERVERS];
    size_t observer_count;

    /* the commit thread's */
    uint64_t head;
    uint64_t compacted;
    uint64_t space_check_at; /* monotonic ms: whether there is room again */

    pthread_mutex_t pin_mutex;
    struct pin pins[PINS]; /* id % PINS is the place */
    uint64_t last_pin;
    uint64_t compacting; /* rows up to here may be dropped at any moment */

    _Atomic uint64_t compact_at;  /* monotonic ms of the next look at compaction */
    _Atomic int64_t clock_offset; /* tests move it */
    _Atomic uint64_t commits, writes, published_compacted;
};

struct read_txn {
    struct store *store;
    MDB_txn *txn;
    MDB_cursor *log; /* kept with the transaction; renewed at first use */
    bool log_ready, compacted_known, revision_known;
    uint64_t revision, compacted;
};

/* log_local.c */
MUST_CHECK err_t log_start(struct store *, struct error *);
void log_stop(struct store *);
/* As store_commit, for kind 0 too: name is that of a meta record. */
void log_enqueue(struct store *, struct store_write *);
/* Judges what LMDB's commit said: ends the process when it is not sure that nothing changed. Returns the code to answer
 * with. */
enum err_code log_commit_failed(struct store *, int code);

/* compaction.c; on the commit thread. One step when one is due. */
void compaction_step(struct store *);
bool compaction_waits(const struct store *);

/* read.c */
void spares_free(struct store *);
/* The transaction's log cursor, or NULL with an LMDB code. */
MUST_CHECK int read_log_cursor(struct read_txn *, MDB_cursor **ret);

/* fault.c */
void fault_watch(struct store *);
void fault_forget(void);

#endif
