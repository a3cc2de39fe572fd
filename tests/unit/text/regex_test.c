/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/memory.h"
#include "regex_cases.h"
#include "text/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ARENA_BYTES ((size_t)64 << 20)

static const struct regex *compiled(struct arena *arena, bytes pattern)
{
    const struct regex *regex = NULL;
    struct error error;
    error_init(&error, arena);
    assert_int_equal(regex_compile(arena, pattern, &regex, &error), ERR_OK);
    return regex;
}

static void matches_what_go_matches(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(regex_cases); i++) {
        const struct regex_case *c = &regex_cases[i];
        if (regex_matches(compiled(&arena, c->pattern), &arena, c->text) != c->matches)
            fail_msg("`%.*s` on `%.*s`: Go says %d", BYTES_FMT(c->pattern), BYTES_FMT(c->text), c->matches);
        arena_reset(&arena);
    }
}

static void refuses_with_gos_sentences(void **state)
{
    struct arena arena;
    (void)state;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(regex_faults); i++) {
        char expected[256];
        const struct regex *regex = NULL;
        struct error error;
        error_init(&error, &arena);
        assert_int_equal(regex_compile(&arena, regex_faults[i].pattern, &regex, &error), ERR_BAD_REQUEST);
        assert_null(regex);
        (void)snprintf(expected, sizeof(expected), "error parsing regexp: %s", regex_faults[i].sentence);
        assert_string_equal((const char *)error.message.p, expected);
        arena_reset(&arena);
    }
}

/* A pattern of count pieces. */
static bytes repeated(struct arena *arena, const char *before, const char *piece, size_t count, const char *after)
{
    struct buffer out;
    buffer_init(&out, arena);
    buffer_text(&out, before);
    for (size_t i = 0; i < count; i++)
        buffer_text(&out, piece);
    buffer_text(&out, after);
    assert_false(out.failed);
    return buffer_bytes(&out);
}

static void refuses_what_is_too_large(void **state)
{
    static const struct {
        const char *before, *piece;
        size_t count;
        const char *after, *sentence; /* NULL: fine */
    } cases[] = {
        {"", "a", 65536, "", NULL},
        {"", "a", 65537, "", "expression too large"},
        {"", "(((((((((a)))))))))", 100, "", NULL},
        {"", "(", 1000, "a", "missing closing )"},
        {"", "(", 1001, "a", "expression nests too deeply"},
        {"", "(", 60000, "", "expression nests too deeply"},
        {"", "(?:", 20000, "", "expression nests too deeply"},
        {"", "a(|b", 5000, "", "expression nests too deeply"},
        {"", "a{1000}", 99, "", NULL},
        {"", "a{1000}", 101, "", "expression too large"},
        {"", "[^a]{1000}|", 1000, "", "expression too large"},
        {"", "\\pL", 250, "", NULL},
        {"", "\\pL", 20000, "", "expression too large"},
        {"(?i)[", "B-\\x{1e900}", 5000, "]", NULL},
        {"(?i)", "[B-\\x{1e900}]", 4000, "", NULL},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bytes pattern = repeated(&arena, cases[i].before, cases[i].piece, cases[i].count, cases[i].after);
        const struct regex *regex = NULL;
        struct error error;
        error_init(&error, &arena);
        err_t code = regex_compile(&arena, pattern, &regex, &error);
        assert_int_equal(code, cases[i].sentence ? ERR_BAD_REQUEST : ERR_OK);
        if (cases[i].sentence)
            assert_non_null(strstr((const char *)error.message.p, cases[i].sentence));
        arena_reset(&arena);
    }
    bytes open = repeated(&arena, "", "(", 999, "a"), close = repeated(&arena, "", ")", 999, "");
    bytes nested = arena_join(&arena, open, close, ARENA_END);
    assert_true(regex_matches(compiled(&arena, nested), &arena, BYTES("a")));
    arena_reset(&arena);
}

/* What makes a backtracking matcher take 2^n steps, on 100 KB: the bound is far above what linear time takes, and far
 * below any other. */
static void takes_linear_time(void **state)
{
    static const char *const patterns[] = {
        "(a*)*b", "^(a+)+$b", "(a|aa)+$b", "(a|a)*b", "(.*)(.*)(.*)(.*)(.*)b", "(?:a?){30}a{30}b", "(x+x+)+y"};
    struct arena arena;
    (void)state;
    arena_init(&arena, ARENA_BYTES);
    bytes text = repeated(&arena, "", "a", 100000, "");
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        uint64_t start = clock_monotonic_ms();
        assert_false(regex_matches(compiled(&arena, bytes_of(patterns[i])), &arena, text));
        assert_true(clock_monotonic_ms() - start < 20000); /* 1 to 50 ms, sanitizers and a busy machine aside */
    }
    assert_int_equal(arena.failed, ERR_OK);
    arena_reset(&arena);
}

static void survives_a_full_arena(void **state)
{
    bytes pattern = BYTES("^(?P<n>a|[b-d\\pL]{2,3}|(?i)k\\W)*$");
    struct arena arena;
    (void)state;
    arena_init(&arena, ARENA_BYTES);
    for (long n = 0;; n++) {
        const struct regex *regex = NULL;
        struct error error;
        error_init(&error, NULL);
        memory_fail_after(n);
        err_t code = regex_compile(&arena, pattern, &regex, &error);
        bool matches = code == ERR_OK && regex_matches(regex, &arena, BYTES("abcK-"));
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_int_equal(matches, !fired);
        assert_int_equal(arena.failed != ERR_OK, fired);
        assert_int_equal(regex != NULL, code == ERR_OK);
        arena_reset(&arena);
        if (!fired)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_what_go_matches),
        cmocka_unit_test(refuses_with_gos_sentences),
        cmocka_unit_test(refuses_what_is_too_large),
        cmocka_unit_test(takes_linear_time),
        cmocka_unit_test(survives_a_full_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
