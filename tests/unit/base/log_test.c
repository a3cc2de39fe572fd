/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char captured[8192];

/* What log() writes to stderr. */
static const char *capture(void (*log)(void))
{
    int ends[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    log();
    dup2(saved, STDERR_FILENO);
    close(saved);
    ssize_t n = read(ends[0], captured, sizeof(captured) - 1);
    close(ends[0]);
    captured[n > 0 ? n : 0] = '\0';
    return captured;
}

static void hostile(void)
{
    log_event(LOG_WARNING, "something \"odd\"", log_text("name", "a b\"\\\n\x1b[31m\xff\xc2\x9b\xc3\xa9"),
        log_text("plain", "x/y:1"), log_text("empty", ""), log_text("none", NULL), log_number("count", -9));
}

static void lines_are_escaped(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_FORMAT_JSON);
    const char *line = capture(hostile);
    assert_memory_equal(line, "{\"time\":\"20", 11);
    assert_string_equal(line + 30, "\",\"level\":\"warning\",\"message\":\"something \\\"odd\\\"\",\"name\":\"a "
                                   "b\\\"\\\\\\u000a\\u001b[31m\\ufffd\\u009b\xc3\xa9\",\"plain\":\"x/"
                                   "y:1\",\"empty\":\"\",\"none\":\"\",\"count\":-9}\n" +
                                       1);
    log_setup(LOG_INFO, LOG_FORMAT_TEXT);
    line = capture(hostile);
    assert_string_equal(line + 20,
        " WARNING something \\\"odd\\\" name=\"a b\\\"\\\\\\u000a\\u001b[31m\\ufffd\\u009b\xc3\xa9\" plain=x/y:1 "
        "empty=\"\" none=\"\" count=-9\n");
}

static void quiet(void)
{
    log_event(LOG_DEBUG, "not this");
}

static void levels_filter(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_FORMAT_TEXT);
    assert_string_equal(capture(quiet), "");
    assert_true(log_enabled(LOG_ERROR) && !log_enabled(LOG_DEBUG));
    log_setup(LOG_TRACE, LOG_FORMAT_TEXT);
    assert_true(log_enabled(LOG_TRACE));
    assert_non_null(strstr(capture(quiet), "DEBUG not this\n"));
}

static void endless(void)
{
    static char text[10000];
    memset(text, '"', sizeof(text) - 1);
    log_event(LOG_ERROR, "long", log_text("a", text), log_text("b", text));
}

static void a_line_too_long_is_cut_but_whole(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_FORMAT_JSON);
    const char *line = capture(endless);
    size_t n = strlen(line);
    assert_true(n > 3900 && n <= 4096);
    assert_string_equal(line + n - 4, "\\\"\"}\n" + 1);
}

static void fatal_ends_the_process(void **state)
{
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        log_fatal("the end", NULL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_escaped),
        cmocka_unit_test(levels_filter),
        cmocka_unit_test(a_line_too_long_is_cut_but_whole),
        cmocka_unit_test(fatal_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
