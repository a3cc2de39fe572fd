/* SPDX-License-Identifier: Apache-2.0 */
/* The option parser, the nearest name and the texts, over a table of the test's own. */
#include "base/memory.h"
#include "cmd/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct tool_options {
    const char *data_dir;
    uint64_t limit, wait_ms;
    struct option_list san;
    int level;
    bool verbose, secretive;
};

static const char *const levels[] = {"low", "middle", "high", NULL};
static const struct tool_options tool_defaults = {.limit = 64 << 20, .wait_ms = 90000, .level = 1};

#define FIELD(name) offsetof(struct tool_options, name)
static const struct command_option tool_rows[] = {
    {"data-dir", 'd', OPTION_TEXT, "DIR", "where things are", FIELD(data_dir)},
    {"limit", 0, OPTION_SIZE, "SIZE", "how much", FIELD(limit)},
    {"wait", 'w', OPTION_DURATION, "TIME", "how long", FIELD(wait_ms)},
    {"tls-san", 0, OPTION_LIST, "NAME", "a name", FIELD(san)},
    {"level", 0, OPTION_CHOICE, "LEVEL", "how high", FIELD(level), .choices = levels},
    {"verbose", 'v', OPTION_FLAG, NULL, "say more", FIELD(verbose)},
    {"debuggable", 'x', OPTION_FLAG, NULL, "let others look", FIELD(secretive), .hidden = true},
};

static const struct command tool = {
    .name = "tool",
    .summary = "do a thing",
    .operands = "[FILE...]",
    .description = "Does one thing.\n\n  tool it\n",
    .options = tool_rows,
    .option_count = ARRAY_LEN(tool_rows),
    .defaults = &tool_defaults,
    .size = sizeof(struct tool_options),
    .max_operands = 3,
};
const struct command *const commands[] = {&tool, NULL};

#define MAX_ARGUMENTS 20

struct parsed {
    struct arena arena;
    struct error error;
    struct invocation v;
    const struct tool_options *options;
    char *argv[MAX_ARGUMENTS + 1];
    err_t code;
};

static void parse(struct parsed *p, const struct command *c, const char *line)
{
    static char copy[512];
    size_t n = 0;
    memset(p, 0, sizeof *p);
    arena_init(&p->arena, 1 << 20);
    error_init(&p->error, &p->arena);
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok(copy, " "); word && n < MAX_ARGUMENTS; word = strtok(NULL, " "))
        p->argv[n++] = word;
    p->code = command_parse(c, &p->arena, p->argv, &p->v, &p->error);
    p->options = p->v.options;
}

static void done(struct parsed *p)
{
    arena_reset(&p->arena);
}

static void refuses(const char *line, const char *sentence)
{
    struct parsed p;
    parse(&p, &tool, line);
    assert_int_equal(p.code, ERR_BAD_REQUEST);
    assert_int_equal(p.error.message.n, strlen(sentence));
    assert_memory_equal(p.error.message.p, sentence, strlen(sentence));
    assert_null(p.v.options); /* untouched on failure */
    done(&p);
}

static void test_defaults(void **state)
{
    (void)state;
    struct parsed p;
    parse(&p, &tool, "");
    assert_int_equal(p.code, ERR_OK);
    assert_int_equal(p.options->limit, 64 << 20);
    assert_int_equal(p.options->level, 1);
    assert_null(p.options->data_dir);
    assert_int_equal(p.v.operand_count, 0);
    assert_null(p.v.operands[0]);
    done(&p);
}

static void test_forms(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "--data-dir=/x -v --limit 3K a --tls-san=n1 b --tls-san n2 --wait=1h30m --level high",
        "-d /x --verbose --limit=3Ki -w90m a b --level=high --tls-san n1 --tls-san n2",
        "-vd/x --limit=3072 -w=90m --level=high --tls-san n1 --tls-san n2 -- a b",
        "-vxd /x --debuggable=false --data-dir= --data-dir /x --limit 3K -w 5400s --level high --tls-san=n1 "
        "--tls-san=n2 a b",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct parsed p;
        parse(&p, &tool, lines[i]);
        assert_int_equal(p.code, ERR_OK);
        assert_string_equal(p.options->data_dir, "/x");
        assert_true(p.options->verbose);
        assert_false(p.options->secretive);
        assert_int_equal(p.options->limit, 3072);
        assert_int_equal(p.options->wait_ms, 5400000);
        assert_int_equal(p.options->level, 2);
        assert_int_equal(p.options->san.count, 2);
        assert_string_equal(p.options->san.items[0], "n1");
        assert_string_equal(p.options->san.items[1], "n2");
        assert_int_equal(p.v.operand_count, 2);
        assert_string_equal(p.v.operands[0], "a");
        assert_string_equal(p.v.operands[1], "b");
        assert_null(p.v.operands[2]);
        done(&p);
    }
}

static void test_operands(void **state)
{
    (void)state;
    struct command runner = tool;
    struct parsed p;
    runner.operands_end_options = true;
    runner.min_operands = 1;
    runner.max_operands = UINT32_MAX;
    parse(&p, &runner, "-v prog --data-dir -- -x");
    assert_int_equal(p.code, ERR_OK);
    assert_int_equal(p.v.operand_count, 4);
    assert_string_equal(p.v.operands[0], "prog");
    assert_string_equal(p.v.operands[2], "--");
    assert_null(p.options->data_dir);
    done(&p);
    parse(&p, &runner, "-- --help");
    assert_int_equal(p.code, ERR_OK);
    assert_false(p.v.help);
    assert_string_equal(p.v.operands[0], "--help");
    done(&p);
    parse(&p, &runner, "-v");
    assert_int_equal(p.code, ERR_BAD_REQUEST);
    done(&p);
    parse(&p, &tool, "-");
    assert_int_equal(p.v.operand_count, 1);
    done(&p);
    refuses("a b c d", "unexpected argument d");
}

static void test_help_flag(void **state)
{
    (void)state;
    static const char *const lines[] = {"--help", "-h", "-vh", "a b c d --help", "--help --no-such"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct parsed p;
        parse(&p, &tool, lines[i]);
        assert_int_equal(p.code, ERR_OK);
        assert_true(p.v.help);
        done(&p);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    refuses("--data-dri /x", "unknown flag --data-dri; did you mean --data-dir?");
    refuses("--datadir=/x", "unknown flag --datadir; did you mean --data-dir?");
    refuses("--verb", "unknown flag --verb; did you mean --verbose?");
    refuses("--hepl", "unknown flag --hepl; did you mean --help?");
    refuses("--debugable", "unknown flag --debugable"); /* hidden flags are not told */
    refuses("--quite-another", "unknown flag --quite-another");
    refuses("-q", "unknown flag -q");
    refuses("--data-dir", "flag --data-dir needs a value: --data-dir=DIR");
    refuses("-d", "flag --data-dir needs a value: --data-dir=DIR");
    refuses("--verbose=maybe", "flag --verbose takes no value but true or false");
    refuses("--level=top", "flag --level takes one of: low, middle, high");
    static const char *const sizes[] = {"", "x", "3Q", "3KB", "-1", "18446744073709551616", "16777216T", "1.5G", "K"};
    static const char *const durations[] = {"", "5", "1h30", "h", "-1s", "1y", "18446744073709551615h", "1.5h"};
    char line[64];
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        snprintf(line, sizeof line, "--limit=%s", sizes[i]);
        refuses(line, "flag --limit takes a size: a number and K, M, G or T, as in 512M");
    }
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        snprintf(line, sizeof line, "--wait=%s", durations[i]);
        refuses(line, "flag --wait takes a duration: numbers with ms, s, m, h or d, as in 1h30m");
    }
}

static const char *item(const void *list, size_t i)
{
    return ((const char *const *)list)[i];
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = {"serve", "exec", "completion", "version", NULL};
    assert_string_equal(nearest_name("sevre", item, names), "serve"); /* swapped */
    assert_string_equal(nearest_name("serv", item, names), "serve");  /* left out */
    assert_string_equal(nearest_name("eexec", item, names), "exec");  /* put in */
    assert_string_equal(nearest_name("varsion", item, names), "version");
    assert_string_equal(nearest_name("comp", item, names), "completion");
    assert_null(nearest_name("xyz", item, names));
    assert_null(nearest_name("", item, names));
    assert_null(nearest_name("s", item, names));
    assert_null(nearest_name("this-name-is-longer-than-any-name-of-an-option-ever-was", item, names));
}

static bool holds(struct buffer *b, const char *text)
{
    buffer_byte(b, 0);
    assert_false(b->failed);
    b->n--;
    return strstr((const char *)b->p, text) != NULL;
}

static void test_texts(void **state)
{
    (void)state;
    struct arena arena;
    struct buffer b;
    arena_init(&arena, 1 << 20);
    buffer_init(&b, &arena);
    help_command(&b, &tool);
    assert_true(holds(&b, "Usage: coffer tool [FLAG...] [FILE...]\n\nDoes one thing.\n\n  tool it\n\nFlags:\n"));
    assert_true(holds(&b, "\n  -d, --data-dir DIR          where things are\n"));
    assert_true(holds(&b, "\n      --limit SIZE            how much (default: 64M)\n"));
    assert_true(holds(&b, "how long (default: 90s)\n"));
    assert_true(holds(&b, "how high; one of low, middle or high (default:\n"));
    assert_true(holds(&b, "a name; may be repeated\n"));
    assert_true(holds(&b, "\n  -h, --help                  show this text\n"));
    assert_false(holds(&b, "debuggable"));
    buffer_init(&b, &arena);
    help_completion(&b);
    assert_true(holds(&b, "tool) flags='--data-dir --limit --wait --tls-san --level --verbose --help' ;;"));
    assert_true(holds(&b, "compgen -W 'low middle high'"));
    assert_false(holds(&b, "debuggable"));
    buffer_init(&b, &arena);
    help_manual(&b, &tool);
    assert_true(holds(&b, ".Dt COFFER-TOOL 1\n"));
    assert_true(holds(&b, ".It Fl d , Fl -data-dir Ar DIR\nwhere things are\n"));
    assert_false(holds(&b, "debuggable"));
    arena_reset(&arena);
}

/* Each allocation fails once: the parser says so and is whole the next time. */
static void test_no_memory(void **state)
{
    (void)state;
    struct parsed p;
    for (long n = 0;; n++) {
        memory_fail_after(n);
        parse(&p, &tool, "--tls-san a --tls-san b --no-such-flag");
        bool fired = memory_fail_fired();
        memory_fail_after(-1);
        assert_true(p.code == ERR_BAD_REQUEST || (fired && p.code == ERR_NO_MEMORY));
        done(&p);
        if (!fired)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_operands),
        cmocka_unit_test(test_help_flag),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
