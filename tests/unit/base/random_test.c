/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void bytes_differ_at_every_size(void **state)
{
    uint8_t a[700], b[700];
    (void)state;
    for (size_t n = 16; n <= sizeof(a); n++) {
        random_bytes(a, n);
        random_bytes(b, n);
        assert_memory_not_equal(a, b, n);
    }
    random_bytes(a, 0);
}

static void a_child_draws_its_own(void **state)
{
    uint8_t ours[16], theirs[16];
    int ends[2], status;
    (void)state;
    random_bytes(ours, sizeof(ours)); /* the batch is filled */
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        random_bytes(theirs, sizeof(theirs));
        _exit(write(ends[1], theirs, sizeof(theirs)) != sizeof(theirs));
    }
    random_bytes(ours, sizeof(ours));
    assert_int_equal(read(ends[0], theirs, sizeof(theirs)), sizeof(theirs));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_memory_not_equal(ours, theirs, sizeof(ours));
    close(ends[0]);
    close(ends[1]);
}

/* 60,000 draws of 6: each face 10,000 times, give or take 10 standard deviations. */
static void below_is_even(void **state)
{
    unsigned faces[6] = {0};
    (void)state;
    for (unsigned i = 0; i < 60000; i++)
        faces[random_below(6)]++;
    for (unsigned i = 0; i < 6; i++)
        assert_in_range(faces[i], 9080, 10920);
    assert_int_equal(random_below(1), 0);
}

static void uuids_are_version_4(void **state)
{
    char a[UUID_SIZE], b[UUID_SIZE];
    (void)state;
    random_uuid(a);
    random_uuid(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    for (size_t i = 0; i < 36; i++)
        assert_non_null(strchr(i == 8 || i == 13 || i == 18 || i == 23 ? "-" : "0123456789abcdef", a[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_differ_at_every_size),
        cmocka_unit_test(a_child_draws_its_own),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(uuids_are_version_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
