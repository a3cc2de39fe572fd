/* SPDX-License-Identifier: Apache-2.0 */
/* The core kinds without memory, wherever it ends: an error that says so, never half an object, never a sentence about
 * an object that is fine. */
#include "served.h"

#define SAMPLE 5 /* every fifth case */

static struct arena bodies; /* what outlives each try */
static const struct json *all;

static int parse_all(void **state)
{
    struct json *parsed;
    (void)state;
    arena_init(&arena, 64u << 20);
    arena_init(&bodies, 64u << 20);
    error_init(&error, &arena);
    if (json_parse(&arena, golden("objects/core-rules.json"), &(struct json_options){0}, &parsed, NULL, &error) !=
        ERR_OK)
        return -1;
    all = json_copy(&bodies, parsed);
    arena_reset(&arena);
    return all ? 0 : -1;
}

static int drop_all(void **state)
{
    (void)state;
    arena_reset(&bodies);
    arena_reset(&arena);
    return 0;
}

static void fill(size_t limit, size_t used)
{
    arena_reset(&arena);
    arena_init(&arena, limit);
    error_init(&error, &arena);
    warnings = (struct warnings){0};
    (void)!arena_alloc(&arena, used);
}

static err_t make_and_show(const struct json *one)
{
    struct json *created, *object;
    struct buffer b;
    TRY(serve_case(one, &created, &object));
    buffer_init(&b, &arena);
    present_cells(&arena, &b, recorded_kind(tree_text(one, "kind")), object, 1795247998);
    return b.failed || arena.failed ? arena_error(&arena, &error) : ERR_OK;
}

/* Tries with ever more memory until it is done wherever memory ends. */
static void starve(const struct json *one)
{
    bool done = false;
    fill(16u << 20, 0);
    err_t expected = make_and_show(one);
    for (size_t limit = 2048; !done; limit += 2048) {
        done = true;
        for (size_t used = 0; used < 2000; used += 360) {
            fill(limit, used);
            err_t result = arena.failed ? ERR_TOO_MANY_REQUESTS : make_and_show(one);
            done = done && arena.failed == ERR_OK;
            if (arena.failed == ERR_OK)
                assert_int_equal(result, expected);
            else if (result != ERR_TOO_MANY_REQUESTS && result != ERR_NO_MEMORY)
                fail_msg(
                    "%zu, %zu: %d %s", limit, used, (int)result, error.message.p ? (const char *)error.message.p : "");
        }
        assert_true(limit < 4u << 20);
    }
}

static void what_is_made_is_whole(void **state)
{
    size_t i = 0;
    (void)state;
    for (const struct json *one = all->first; one; one = one->next)
        if (i++ % SAMPLE == 0 && tree_integer(one, "code", 0) != 400) /* decode_test.c */
            starve(one);
    assert_true(i > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(what_is_made_is_whole)};
    kinds_register_all();
    return cmocka_run_group_tests(tests, parse_all, drop_all);
}
