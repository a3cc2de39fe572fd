/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one request or one turn of a loop: bump-allocated from chunks that are kept out of core dumps and locked
 * while RLIMIT_MEMLOCK allows, freed all at once, wiped when freed. An arena has one owner (thread) at a time and may
 * be handed over.
 *
 *   arena ──> chunk ──> chunk ──> ...      the newest first; the first is 2 KiB, then they grow to 64 KiB;
 *                                          a larger piece gets a chunk of its own size
 *
 * Chunks come from a process-wide pool of slabs (slab.h); empty slabs go back to the kernel. Under AddressSanitizer
 * pieces have red zones and the unused tail of a chunk is poisoned.
 *
 * Cost: a piece is a bump of a pointer, about 3 ns; a chunk from the thread's own cache, its wipe and its return 15 ns
 * for 2 KiB; a request with 9 KB of pieces 130 ns in all. An arena that holds anything holds 2 KiB. */
#ifndef COFFER_BASE_ARENA_H
#define COFFER_BASE_ARENA_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdarg.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunk;
    size_t used;          /* bytes of chunks held */
    size_t limit;         /* held may not exceed this */
    enum err_code failed; /* why an allocation was refused, or ERR_OK; sticky until arena_reset */
    bool plain;
};

/* Never fails and allocates nothing yet. limit in bytes. */
void arena_init(struct arena *, size_t limit);
/* One for what lives long and is no secret (schemas): its chunks come from malloc, the first of 256 bytes, neither
 * locked nor kept out of core dumps, and the process's memory limit does not count them. */
void arena_init_plain(struct arena *, size_t limit);

/* Uninitialised memory, aligned to 16, never NULL for n 0. NULL when the arena's limit or the process's memory limit is
 * reached (failed becomes ERR_TOO_MANY_REQUESTS) or the system has none (ERR_NO_MEMORY). */
MUST_CHECK void *arena_alloc(struct arena *, size_t n);
MUST_CHECK void *arena_zero(struct arena *, size_t n);

/* Copies; text results are NUL-terminated after their n bytes. p is NULL on failure. */
bytes arena_copy(struct arena *, bytes);
bytes arena_format(struct arena *, const char *format, ...) PRINTF_LIKE(2, 3);
bytes arena_vformat(struct arena *, const char *format, va_list);
/* a followed by b, and so on, up to BYTES_NONE with p NULL as end mark: arena_join(arena, a, b, c, ARENA_END). */
#define ARENA_END ((bytes){NULL, SIZE_MAX})
bytes arena_join(struct arena *, bytes first, ...);

/* Wipes and gives back everything; the arena is as after arena_init. */
void arena_reset(struct arena *);

/* After an allocation failed: the error for it, with a sentence. */
err_t arena_error(const struct arena *, struct error *);
#ifdef __clang_analyzer__ /* as in base/error.h */
#define arena_error(arena, error) ((arena_error)((arena), (error)), ERR_NO_MEMORY)
#endif

/* A byte string that grows inside an arena. Errors are sticky: write everything, then look at failed once. */
struct buffer {
    struct arena *arena;
    uint8_t *p;
    size_t n, capacity;
    bool failed;
};
void buffer_init(struct buffer *, struct arena *);
void buffer_put(struct buffer *, bytes);
void buffer_byte(struct buffer *, uint8_t);
void buffer_text(struct buffer *, const char *);
void buffer_uint(struct buffer *, uint64_t);
void buffer_format(struct buffer *, const char *format, ...) PRINTF_LIKE(2, 3);
/* Room for n more bytes at once, to write directly; then add what was written to n. NULL on failure. */
uint8_t *buffer_reserve(struct buffer *, size_t n);
static inline bytes buffer_bytes(const struct buffer *b)
{
    return (bytes){b->p, b->n};
}

/* The process's bound on all arenas together, in bytes (--memory-limit). Set once at start. Default: no bound. The last
 * eighth is for arenas of at most ARENA_SMALL: what is large leaves room for those that ask for little. */
#define ARENA_SMALL ((size_t)256 * 1024)
void arena_set_memory_limit(size_t bytes);
/* Bytes of chunks held by all arenas now, for /metrics and for refusing work before it is begun. */
size_t arena_memory_used(void);
/* True when lying bytes of this process may be swapped out: locking failed and the machine has swap. */
bool arena_memory_unlocked(void);

#endif
