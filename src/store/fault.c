/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that cannot be read shows as SIGBUS at a load from the map. There is nothing to return to: one line, and the
 * end. */
#include "store/internal.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* LMDB's pages begin with their number; page 0 holds this at byte 16. */
static const uint32_t lmdb_magic = 0xBEEFC0DE;

static _Atomic uintptr_t map_start, map_end;
static atomic_flag told = ATOMIC_FLAG_INIT;
static char line[4200];
static size_t line_size;

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    const uintptr_t at = (uintptr_t)info->si_addr;
    if (at >= atomic_load(&map_start) && at < atomic_load(&map_end)) {
        while (atomic_flag_test_and_set(&told)) /* another thread says it, and ends the process */
            pause();
        ssize_t written = write(STDERR_FILENO, line, line_size);
        (void)written;
        _exit(1);
    }
    signal(number, SIG_DFL); /* not ours: the load faults again, with the default end */
}

void store_install_fault_handler(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

/* LMDB does not tell where its map lies: counted back from a row in it. */
static const uint8_t *find_map(struct store *store)
{
    const uint8_t *start = NULL;
    struct read_txn *read;
    bytes stored;
    if (store_read_begin(store, &read, NULL) != ERR_OK)
        return NULL;
    if (view_meta_get(&store->view, read->txn, BYTES(VIEW_OWN "format"), &stored) == 0) {
        const uint8_t *page = stored.p - (uintptr_t)stored.p % store->page_size;
        uint64_t number;
        uint32_t magic;
        memcpy(&number, page, sizeof number);
        if (number < store->map_pages) {
            start = page - number * store->page_size;
            memcpy(&magic, start + 16, sizeof magic);
            start = magic == lmdb_magic ? start : NULL;
        }
    }
    store_read_end(read);
    return start;
}

void fault_watch(struct store *store)
{
    const uintptr_t start = (uintptr_t)find_map(store);
    int n = snprintf(line, sizeof line, "coffer: reading %s failed: the disk is damaged or the file was cut short\n",
        store->view.path);
    line_size = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    atomic_store(&map_start, start);
    atomic_store(&map_end, start ? start + store->map_pages * store->page_size : 0);
}

void fault_forget(void)
{
    atomic_store(&map_end, 0);
    atomic_store(&map_start, 0);
}
