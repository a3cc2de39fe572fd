/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/memory.h"
#include "base/slab.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static void pieces_are_aligned_and_apart(void **state)
{
    struct arena arena;
    uint8_t *pieces[300];
    (void)state;
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < 300; i++) {
        pieces[i] = arena_alloc(&arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        memset(pieces[i], (int)i, i);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(pieces[i][k], (uint8_t)i);
    arena_reset(&arena);
    assert_int_equal(arena_memory_used(), 0);
    assert_int_equal(arena.used, 0);
}

static void the_first_chunk_is_small_and_all_is_counted(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 24);
    assert_int_equal(arena.used, 0);
    assert_non_null(arena_alloc(&arena, 1024));
    assert_int_equal(arena.used, 2048);
    assert_non_null(arena_alloc(&arena, 3000000));
    assert_true(arena.used > 3000000 && arena.used < 3010000);
    assert_int_equal(arena_memory_used(), arena.used);
    void *small = arena_alloc(&arena, 100);
    assert_non_null(small);
    assert_true(arena.used < 3010000); /* the first chunk still serves */
    arena_reset(&arena);
    assert_int_equal(arena_memory_used(), 0);
}

static void plain_ones_begin_smaller(void **state)
{
    struct arena arena;
    (void)state;
    arena_init_plain(&arena, 1 << 20);
    assert_non_null(arena_alloc(&arena, 10));
    assert_int_equal(arena.used, 256);
    assert_int_equal(arena_memory_used(), 0);
    assert_non_null(arena_alloc(&arena, 250));
    assert_int_equal(arena.used, 768);
    for (size_t i = 0; i < 1000; i++)
        assert_non_null(arena_alloc(&arena, 100));
    assert_in_range(arena.used, 100 * 1000, 3 * 100 * 1000); /* and grow as all do */
    arena_reset(&arena);
    assert_int_equal(arena.used, 0);
}

static void limits_refuse(void **state)
{
    struct arena arena;
    struct error error;
    (void)state;
    arena_init(&arena, 10000);
    size_t pieces = 0;
    while (arena_alloc(&arena, 500))
        pieces++;
    assert_true(pieces >= 12);
    assert_true(arena.used <= 10000);
    assert_int_equal(arena.failed, ERR_TOO_MANY_REQUESTS);
    error_init(&error, NULL);
    assert_int_equal(arena_error(&arena, &error), ERR_TOO_MANY_REQUESTS);
    arena_reset(&arena);
    assert_int_equal(arena.failed, ERR_OK);
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 8));
    assert_null(arena_alloc(&arena, SIZE_MAX / 2));
    arena_set_memory_limit(4096);
    arena_reset(&arena);
    assert_non_null(arena_alloc(&arena, 1000));
    assert_null(arena_alloc(&arena, 5000));
    assert_int_equal(arena.failed, ERR_TOO_MANY_REQUESTS);
    arena_set_memory_limit(SIZE_MAX);
    arena_reset(&arena);
}

static void a_refused_allocation_says_so(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 20);
    memory_fail_after(1);
    assert_non_null(arena_alloc(&arena, 10));
    assert_null(arena_alloc(&arena, 10));
    assert_true(memory_fail_fired());
    assert_int_equal(arena.failed, ERR_NO_MEMORY);
    assert_non_null(arena_alloc(&arena, 10));
    memory_fail_after(-1);
    arena_reset(&arena);
}

static void reset_wipes(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 20);
    uint8_t *p = arena_alloc(&arena, 1500);
    assert_non_null(p);
    memset(p, 0x5a, 1500);
    arena_reset(&arena);
    /* The same thread's next chunk of that size is the same block. */
    uint8_t *again = arena_alloc(&arena, 1500);
    assert_ptr_equal(p, again);
    for (size_t i = 0; i < 1500; i++)
        assert_int_equal(again[i], 0);
    arena_reset(&arena);
}

static void blocks_come_back_whole(void **state)
{
    enum { COUNT = 700 };
    void *blocks[COUNT];
    size_t sizes[COUNT];
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            sizes[i] = slab_size((size_t)2048 << (i * 7 + round) % 9);
            blocks[i] = slab_take(sizes[i]);
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % 2048, 0);
            memset(blocks[i], (int)i, sizes[i]);
        }
        for (size_t i = 0; i < COUNT; i++) {
            const uint8_t *p = blocks[i];
            assert_int_equal(p[0], (uint8_t)i);
            assert_int_equal(p[sizes[i] - 1], (uint8_t)i);
        }
        for (size_t i = 0; i < COUNT; i++)
            slab_give(blocks[(i * 11 + round) % COUNT], sizes[(i * 11 + round) % COUNT]);
    }
    assert_int_equal(slab_size(1), 2048);
    assert_int_equal(slab_size(2049), 4096);
    assert_int_equal(slab_size(512 * 1024), 512 * 1024);
    assert_int_equal(slab_size(512 * 1024 + 1), 512 * 1024 + 4096);
}

/* Of the pages from p on; none when they were unmapped. */
static size_t resident_pages(void *p, size_t pages)
{
    unsigned char in_memory[256];
    size_t count = 0;
    assert_in_range(pages, 1, sizeof in_memory);
    if (mincore(p, pages * (size_t)sysconf(_SC_PAGESIZE), in_memory) != 0)
        return 0;
    for (size_t i = 0; i < pages; i++)
        count += in_memory[i] & 1;
    return count;
}

static void trimming_gives_free_blocks_back(void **state)
{
    size_t size = 512UL * 1024, pages = size / (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *large = slab_take(size), *small = slab_take(2048), *held = slab_take(65536), *given = slab_take(65536);
    (void)state;
    assert_non_null(large);
    assert_non_null(small);
    assert_non_null(held);
    assert_non_null(given);
    memset(large, 1, size);
    memset(small, 2, 2048);
    memset(held, 3, 65536);
    memset(given, 4, 65536);
    memory_trim(); /* what is taken stays as it is */
    assert_int_equal(resident_pages(large, pages), pages);
    assert_int_equal(large[size - 1], 1);
    slab_give(large, size);
    slab_give(given, 65536); /* to the blocks at hand */
    memory_trim();
    assert_in_range(resident_pages(large, pages), 0, 1);
    assert_in_range(resident_pages(given, 16), 0, 1);
    assert_int_equal(small[2047], 2);
    assert_int_equal(held[0], 3);
    assert_int_equal(held[65535], 3);
    large = slab_take(size); /* and it serves again */
    assert_non_null(large);
    memset(large, 5, size);
    slab_give(large, size);
    slab_give(small, 2048);
    slab_give(held, 65536);
    memory_trim();
    memory_trim(); /* nothing to give */
}

/* Returns its argument when it is refused memory. */
static void *churn(void *refused)
{
    for (unsigned i = 0; i < 2000; i++) {
        struct arena arena;
        arena_init(&arena, 1 << 20);
        for (unsigned k = 0; k < i % 20; k++) {
            uint8_t *p = arena_alloc(&arena, 100U << (k % 8));
            if (!p)
                return refused;
            memset(p, 1, 100U << (k % 8));
        }
        arena_reset(&arena);
    }
    return NULL;
}

static void threads_share_the_slabs(void **state)
{
    pthread_t threads[4];
    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &threads), 0);
    for (size_t i = 0; i < 4; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(arena_memory_used(), 0);
}

static void texts_end_in_nul(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, 1 << 20);
    bytes copy = arena_copy(&arena, BYTES("abc"));
    assert_string_equal((const char *)copy.p, "abc");
    assert_int_equal(copy.n, 3);
    copy = arena_copy(&arena, BYTES_NONE);
    assert_non_null(copy.p);
    assert_int_equal(copy.n, 0);
    bytes text = arena_format(&arena, "%d-%s", 42, "x");
    assert_string_equal((const char *)text.p, "42-x");
    bytes joined = arena_join(&arena, BYTES("a"), BYTES_NONE, BYTES("bc"), ARENA_END);
    assert_string_equal((const char *)joined.p, "abc");
    assert_int_equal(joined.n, 3);
    arena_reset(&arena);
}

static void buffers_grow(void **state)
{
    struct arena arena;
    struct buffer b;
    (void)state;
    arena_init(&arena, 1 << 24);
    buffer_init(&b, &arena);
    for (unsigned i = 0; i < 100000; i++) {
        buffer_byte(&b, (uint8_t)i);
        if (i % 1000 == 0)
            assert_non_null(arena_alloc(&arena, 7)); /* in the way of growing in place */
    }
    assert_false(b.failed);
    assert_int_equal(b.n, 100000);
    for (unsigned i = 0; i < 100000; i++)
        assert_int_equal(b.p[i], (uint8_t)i);
    buffer_init(&b, &arena);
    buffer_uint(&b, 0);
    buffer_uint(&b, UINT64_MAX);
    buffer_text(&b, "x");
    buffer_format(&b, "%03d", 7);
    buffer_put(&b, BYTES_NONE);
    assert_true(bytes_equal(buffer_bytes(&b), BYTES("018446744073709551615x007")));
    assert_null(buffer_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    arena_reset(&arena);
}

static void a_failed_buffer_stays_failed(void **state)
{
    struct arena arena;
    struct buffer b;
    (void)state;
    arena_init(&arena, 4096);
    buffer_init(&b, &arena);
    for (unsigned i = 0; i < 10000; i++)
        buffer_byte(&b, 'x');
    assert_true(b.failed);
    size_t n = b.n;
    buffer_byte(&b, 'x');
    assert_int_equal(b.n, n);
    arena_reset(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(the_first_chunk_is_small_and_all_is_counted),
        cmocka_unit_test(plain_ones_begin_smaller),
        cmocka_unit_test(limits_refuse),
        cmocka_unit_test(a_refused_allocation_says_so),
        cmocka_unit_test(reset_wipes),
        cmocka_unit_test(blocks_come_back_whole),
        cmocka_unit_test(trimming_gives_free_blocks_back),
        cmocka_unit_test(threads_share_the_slabs),
        cmocka_unit_test(texts_end_in_nul),
        cmocka_unit_test(buffers_grow),
        cmocka_unit_test(a_failed_buffer_stays_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
