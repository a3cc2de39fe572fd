/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http2_memory.h"

#include <stdlib.h>
#include <sys/mman.h>

#define MAP_SIZE    ((size_t)24 * 1024)
#define SESSION_MAX ((size_t)3584) /* leaves the frame buffer's head its part of the page */
#define FRAME_MIN   ((size_t)16 * 1024)

static bool mapped(const struct http2_memory *m, const void *p)
{
    return m->map && (const uint8_t *)p >= m->map && (const uint8_t *)p < m->map + MAP_SIZE;
}

static void *allocate(size_t n, void *user)
{
    struct http2_memory *m = user;
    if (n >= FRAME_MIN && n <= MAP_SIZE - SESSION_MAX && m->map && !m->frame)
        return m->frame = m->map + SESSION_MAX;
    return malloc(n);
}

/* The session's struct is the first thing that nghttp2 asks for. */
static void *allocate_zeroed(size_t count, size_t size, void *user)
{
    struct http2_memory *m = user;
    if (!m->map && count == 1 && size <= SESSION_MAX) {
        void *map = mmap(NULL, MAP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map != MAP_FAILED)
            return m->session = m->map = map;
    }
    return calloc(count, size);
}

static void release(void *p, void *user)
{
    if (!mapped(user, p))
        free(p);
}

static void *resize(void *p, size_t n, void *user)
{
    struct http2_memory *m = user;
    if (!p)
        return allocate(n, user); /* the frame buffer comes so */
    if (!mapped(m, p))
        return realloc(p, n);
    size_t had = (size_t)(m->map + MAP_SIZE - (uint8_t *)p);
    void *grown = malloc(n);
    if (grown)
        memcpy(grown, p, n < had ? n : had);
    return grown;
}

nghttp2_mem http2_memory_allocator(struct http2_memory *m)
{
    return (nghttp2_mem){m, allocate, release, allocate_zeroed, resize};
}

void http2_memory_free(struct http2_memory *m)
{
    if (m->map)
        munmap(m->map, MAP_SIZE); /* the kernel gives pages out zeroed */
    *m = (struct http2_memory){0};
}
