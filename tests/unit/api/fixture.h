/* SPDX-License-Identifier: Apache-2.0 */
/* An arena and an error for each test, texts to compare, and recorded files. */
#ifndef COFFER_TESTS_API_FIXTURE_H
#define COFFER_TESTS_API_FIXTURE_H

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena arena;
static struct error error;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 256u << 20);
    error_init(&error, &arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

/* A C string of b, for assert_string_equal. */
static inline const char *text(bytes b)
{
    bytes copy = arena_copy(&arena, b);
    assert_non_null(copy.p);
    return (const char *)copy.p;
}

static inline bytes golden(const char *name)
{
    char path[512];
    assert_true(snprintf(path, sizeof(path), "%s/%s", GOLDEN, name) < (int)sizeof(path));
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot open %s", path);
    uint8_t *p = arena_alloc(&arena, 1 << 20);
    assert_non_null(p);
    size_t n = fread(p, 1, 1 << 20, f);
    (void)fclose(f);
    return (bytes){p, n};
}

static inline bytes golden_hex(const char *name)
{
    bytes hex = golden(name);
    uint8_t *p = arena_alloc(&arena, hex.n / 2);
    size_t n = 0;
    unsigned byte;
    assert_non_null(p);
    while (2 * n + 1 < hex.n && sscanf((const char *)hex.p + 2 * n, "%2x", &byte) == 1)
        p[n++] = (uint8_t)byte;
    return (bytes){p, n};
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif
