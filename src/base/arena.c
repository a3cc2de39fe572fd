/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/memory.h"
#include "base/slab.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

#ifdef __SANITIZE_ADDRESS__
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif
#ifdef ASAN
#include <sanitizer/asan_interface.h>
#define RED_ZONE 16U /* stays poisoned between pieces */
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define RED_ZONE                          0U
#endif

#define ALIGNMENT   16U
#define CHUNK_LARGE (64UL * 1024)
#define PLAIN_LEAST 256U
#define PIECE_MOST  (SIZE_MAX / 4)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, at; /* of the whole chunk; where free space begins */
} __attribute__((aligned(ALIGNMENT)));

static atomic_size_t memory_used;
static atomic_size_t memory_limit = SIZE_MAX;

void arena_set_memory_limit(size_t n)
{
    atomic_store(&memory_limit, n);
}

size_t arena_memory_used(void)
{
    return atomic_load_explicit(&memory_used, memory_order_relaxed);
}

bool arena_memory_unlocked(void)
{
    struct sysinfo system;
    return slab_lock_failed() && (sysinfo(&system) != 0 || system.totalswap > 0);
}

void arena_init(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.limit = limit};
}

void arena_init_plain(struct arena *arena, size_t limit)
{
    *arena = (struct arena){.limit = limit, .plain = true};
}

static bool within_limits(const struct arena *arena, size_t size)
{
    size_t limit = atomic_load(&memory_limit);
    if (arena->used + size > ARENA_SMALL && limit != SIZE_MAX)
        limit -= limit / 8;
    return size <= arena->limit - arena->used && (arena->plain || arena_memory_used() + size <= limit);
}

static struct arena_chunk *chunk_new(struct arena *arena, size_t n)
{
    size_t size = arena->plain ? n : slab_size(n);
    if (!within_limits(arena, size)) {
        arena->failed = ERR_TOO_MANY_REQUESTS;
        return NULL;
    }
    struct arena_chunk *chunk = arena->plain ? malloc(size) : slab_take(size);
    if (!chunk) {
        arena->failed = ERR_NO_MEMORY;
        return NULL;
    }
    *chunk = (struct arena_chunk){.size = size, .at = sizeof(*chunk)};
    ASAN_POISON_MEMORY_REGION((uint8_t *)chunk + sizeof(*chunk), size - sizeof(*chunk));
    arena->used += size;
    if (!arena->plain)
        atomic_fetch_add_explicit(&memory_used, size, memory_order_relaxed);
    return chunk;
}

static void chunk_free(struct arena_chunk *chunk, bool plain)
{
    size_t size = chunk->size;
    ASAN_UNPOISON_MEMORY_REGION(chunk, size);
    if (plain) {
        free(chunk); /* which wipes */
        return;
    }
    memory_wipe(chunk, chunk->at);
    slab_give(chunk, size);
    atomic_fetch_sub_explicit(&memory_used, size, memory_order_relaxed);
}

/* As much as the arena holds already, from 2 KiB (of a plain one 256 bytes) to 64 KiB: small requests stay small, large
 * ones take few chunks. Near its limit an arena gets no more than the piece needs. */
static size_t regular_size(const struct arena *arena, size_t needed)
{
    size_t size = arena->plain ? PLAIN_LEAST : SLAB_BLOCK_LEAST;
    while (size <= arena->used && size < CHUNK_LARGE && 2 * size <= arena->limit - arena->used)
        size *= 2;
    return size > needed ? size : needed;
}

static size_t chunk_left(const struct arena_chunk *chunk)
{
    return chunk ? chunk->size - chunk->at : 0;
}

/* The chunk with more room left stays first: it serves the next pieces. */
static struct arena_chunk *chunk_add(struct arena *arena, size_t size)
{
    struct arena_chunk *chunk = chunk_new(arena, regular_size(arena, sizeof(*chunk) + size));
    if (!chunk)
        return NULL;
    if (chunk_left(chunk) - size >= chunk_left(arena->chunk)) {
        chunk->next = arena->chunk;
        arena->chunk = chunk;
    } else {
        chunk->next = arena->chunk->next;
        arena->chunk->next = chunk;
    }
    return chunk;
}

static size_t piece_size(size_t n)
{
    return ((n ? n : 1) + RED_ZONE + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void *arena_alloc(struct arena *arena, size_t n)
{
    struct arena_chunk *chunk = arena->chunk;
    size_t size = piece_size(n);
#ifdef COFFER_TESTING
    if (memory_fail_now()) {
        arena->failed = ERR_NO_MEMORY;
        return NULL;
    }
#endif
    if (n > PIECE_MOST) {
        arena->failed = ERR_TOO_MANY_REQUESTS;
        return NULL;
    }
    if (size > chunk_left(chunk) && !(chunk = chunk_add(arena, size)))
        return NULL;
    void *p = (uint8_t *)chunk + chunk->at;
    chunk->at += size;
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    return p;
}

void *arena_zero(struct arena *arena, size_t n)
{
    void *p = arena_alloc(arena, n);
    return p ? memset(p, 0, n) : NULL;
}

void arena_reset(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->chunk, *next; chunk; chunk = next) {
        next = chunk->next;
        chunk_free(chunk, arena->plain);
    }
    *arena = (struct arena){.limit = arena->limit, .plain = arena->plain};
}

err_t(arena_error)(const struct arena *arena, struct error *error)
{
    if (arena->failed == ERR_TOO_MANY_REQUESTS)
        return error_set(error, ERR_TOO_MANY_REQUESTS, "the request needs more memory than is left for it");
    return error_set(error, ERR_NO_MEMORY, "the system has no memory left");
}

/* Room for a text of n bytes and its NUL. */
static uint8_t *alloc_text(struct arena *arena, size_t n)
{
    uint8_t *p = arena_alloc(arena, n < PIECE_MOST ? n + 1 : n);
    if (p)
        p[n] = '\0';
    return p;
}

bytes arena_copy(struct arena *arena, bytes from)
{
    uint8_t *p = alloc_text(arena, from.n);
    if (!p)
        return BYTES_NONE;
    if (from.n)
        memcpy(p, from.p, from.n);
    return (bytes){p, from.n};
}

bytes arena_vformat(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    uint8_t *p = n < 0 ? NULL : alloc_text(arena, (size_t)n);
    if (!p)
        return BYTES_NONE;
    vsnprintf((char *)p, (size_t)n + 1, format, args);
    return (bytes){p, (size_t)n};
}

bytes arena_format(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bytes text = arena_vformat(arena, format, args);
    va_end(args);
    return text;
}

static bool is_end(bytes b)
{
    return !b.p && b.n == SIZE_MAX;
}

bytes arena_join(struct arena *arena, bytes first, ...)
{
    va_list args;
    size_t n = 0, at = 0;
    va_start(args, first);
    for (bytes b = first; !is_end(b); b = va_arg(args, bytes))
        n += b.n;
    va_end(args);
    uint8_t *p = alloc_text(arena, n);
    if (!p)
        return BYTES_NONE;
    va_start(args, first);
    for (bytes b = first; !is_end(b); at += b.n, b = va_arg(args, bytes))
        if (b.n)
            memcpy(p + at, b.p, b.n);
    va_end(args);
    return (bytes){p, n};
}

/* Lengthens the newest piece where it lies. False when another came after it, or its chunk is full. */
static bool extend(struct arena *arena, uint8_t *p, size_t old_n, size_t new_n)
{
    struct arena_chunk *chunk = arena->chunk;
    size_t more = piece_size(new_n) - piece_size(old_n);
    if (!p || !chunk || p + piece_size(old_n) != (uint8_t *)chunk + chunk->at || more > chunk_left(chunk))
        return false;
    chunk->at += more;
    ASAN_UNPOISON_MEMORY_REGION(p, new_n);
    return true;
}

void buffer_init(struct buffer *b, struct arena *arena)
{
    *b = (struct buffer){.arena = arena};
}

static bool grow(struct buffer *b, size_t n)
{
    if (b->failed || n > PIECE_MOST - b->n) {
        b->failed = true;
        return false;
    }
    size_t wanted = b->n + n > 2 * b->capacity ? b->n + n : 2 * b->capacity;
    size_t capacity = wanted < 256 ? 256 : (wanted + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!extend(b->arena, b->p, b->capacity, capacity)) {
        uint8_t *p = arena_alloc(b->arena, capacity);
        if (!p) {
            b->failed = true;
            return false;
        }
        if (b->p)
            memcpy(p, b->p, b->n);
        b->p = p;
    }
    b->capacity = capacity;
    return true;
}

uint8_t *buffer_reserve(struct buffer *b, size_t n)
{
    if (n > b->capacity - b->n || b->failed || !b->p)
        if (!grow(b, n))
            return NULL;
    return b->p + b->n;
}

void buffer_put(struct buffer *b, bytes more)
{
    uint8_t *p = buffer_reserve(b, more.n);
    if (!p || !more.n)
        return;
    memcpy(p, more.p, more.n);
    b->n += more.n;
}

void buffer_byte(struct buffer *b, uint8_t c)
{
    uint8_t *p = buffer_reserve(b, 1);
    if (p)
        *p = c, b->n++;
}

void buffer_text(struct buffer *b, const char *text)
{
    buffer_put(b, bytes_of(text));
}

void buffer_uint(struct buffer *b, uint64_t value)
{
    uint8_t digits[20], *p = digits + sizeof(digits);
    do
        *--p = (uint8_t)('0' + value % 10);
    while (value /= 10);
    buffer_put(b, (bytes){p, (size_t)(digits + sizeof(digits) - p)});
}

void buffer_format(struct buffer *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    uint8_t *p = n < 0 ? NULL : buffer_reserve(b, (size_t)n + 1);
    if (p) {
        vsnprintf((char *)p, (size_t)n + 1, format, args);
        b->n += (size_t)n;
    } else {
        b->failed = true;
    }
    va_end(args);
}
