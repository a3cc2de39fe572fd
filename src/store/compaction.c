/* SPDX-License-Identifier: Apache-2.0 */
/* Compaction: rows carry when they were written, so what is old enough is known after a restart too. The commit thread
 * drops a few hundred between groups. Pins, and what was promised to them, are decided under pin_mutex before rows go.
 */
#include "base/clock.h"
#include "store/internal.h"

#include <errno.h>

bool compaction_waits(const struct store *store)
{
    return !store->read_only && store->compacted + 1 < store->head;
}

/* The last of the next rows that are all old enough, and in how many seconds the one after is. A row from the future
 * (the clock was set back) has no age to wait for. */
static int old_enough(struct store *store, MDB_cursor *log, uint64_t *ret_through, int64_t *ret_wait)
{
    const int64_t now = clock_wall_seconds() + atomic_load(&store->clock_offset);
    uint64_t revision = store->compacted, through = revision;
    struct row row;
    int rc = 0;
    *ret_wait = 0;
    while (revision + 1 < store->head && revision - store->compacted < store->compact_rows) {
        rc = view_row(log, ++revision, &row);
        const int64_t wait = rc ? 0 : row.written + store->history_seconds - now;
        if (rc && rc != MDB_NOTFOUND)
            return rc;
        if (wait > 0 && wait <= store->history_seconds) {
            *ret_wait = wait;
            break;
        }
        through = revision;
    }
    *ret_through = through;
    return 0;
}

/* Bounded by the pins: from here on, revisions below can no longer be pinned. */
static uint64_t claim(struct store *store, uint64_t through)
{
    const uint64_t now = clock_monotonic_ms();
    pthread_mutex_lock(&store->pin_mutex);
    for (size_t i = 0; i < PINS; i++)
        if (store->pins[i].deadline > now && store->pins[i].revision < through)
            through = store->pins[i].revision;
    if (through > store->compacting)
        store->compacting = through;
    pthread_mutex_unlock(&store->pin_mutex);
    return through;
}

static int drop(struct store *store, uint64_t through)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(store->view.env, NULL, 0, &txn);
    if (rc)
        return rc;
    rc = view_compact(&store->view, txn, store->compacted, through);
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

static int find_old(struct store *store, uint64_t *ret_through, int64_t *ret_wait)
{
    struct read_txn *read;
    MDB_cursor *log;
    if (store_read_begin(store, &read, NULL) != ERR_OK)
        return ENOMEM;
    int rc = read_log_cursor(read, &log);
    if (rc == 0)
        rc = old_enough(store, log, ret_through, ret_wait);
    store_read_end(read);
    return rc;
}

void compaction_step(struct store *store)
{
    const uint64_t now = clock_monotonic_ms();
    uint64_t through = 0;
    int64_t wait = 0;
    if (!compaction_waits(store) || now < atomic_load(&store->compact_at))
        return;
    atomic_store(&store->compact_at, now + 1000);
    if (find_old(store, &through, &wait) != 0)
        return;
    if (wait > 1)
        atomic_store(&store->compact_at, now + (uint64_t)wait * 1000);
    through = claim(store, through);
    if (through <= store->compacted)
        return;
    int rc = drop(store, through);
    if (rc) {
        /* Smaller steps need less room to copy pages. */
        if (log_commit_failed(store, rc) == ERR_NO_SPACE && store->compact_rows > 1)
            store->compact_rows /= 2;
        return;
    }
    if (through - store->compacted == store->compact_rows)
        atomic_store(&store->compact_at, now); /* more waits: after the next group */
    store->compact_rows = COMPACT_ROWS;
    store->compacted = through;
    atomic_store(&store->published_compacted, through);
    atomic_fetch_add(&store->commits, 1);
}

bool store_pin(struct store *store, uint64_t revision, uint64_t *ret_pin)
{
    pthread_mutex_lock(&store->pin_mutex);
    const bool held = revision >= store->compacting;
    if (held) {
        const uint64_t id = ++store->last_pin;
        store->pins[id % PINS] = (struct pin){id, revision, clock_monotonic_ms() + PIN_MILLISECONDS};
        *ret_pin = id;
    }
    pthread_mutex_unlock(&store->pin_mutex);
    return held;
}

void store_unpin(struct store *store, uint64_t id)
{
    pthread_mutex_lock(&store->pin_mutex);
    struct pin *pin = &store->pins[id % PINS];
    if (pin->id == id)
        pin->deadline = 0;
    pthread_mutex_unlock(&store->pin_mutex);
}
