/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <errno.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void wipes(void **state)
{
    char text[] = "secret";
    (void)state;
    memory_wipe(text, 3);
    assert_memory_equal(text, "\0\0\0ret", 6);
    memory_wipe(NULL, 0);
}

#ifndef COFFER_SANITIZED
/* glibc keeps its links in the first 16 bytes of a free block. */
static void assert_gone(uintptr_t address, size_t n)
{
    const volatile uint8_t *p = (const volatile uint8_t *)address;
    for (size_t i = 16; i < n; i++)
        assert_int_equal(p[i], 0);
}

static void *filled(size_t n)
{
    void *p = malloc(n);
    assert_non_null(p);
    memset(p, 0x5a, n);
    return p;
}

static void free_wipes_for_program_and_libraries(void **state)
{
    (void)state;
    void *p = filled(1000);
    volatile uintptr_t address = (uintptr_t)p;
    free(p);
    assert_gone(address, 1000);
    p = OPENSSL_malloc(900);
    assert_non_null(p);
    memset(p, 0x5a, 900);
    address = (uintptr_t)p;
    OPENSSL_free(p);
    assert_gone(address, 900);
}

static void realloc_wipes_what_it_leaves(void **state)
{
    volatile size_t huge = SIZE_MAX / 2;
    void *p = filled(1000);
    volatile uintptr_t address = (uintptr_t)p;
    (void)state;
    uint8_t *moved = realloc(p, 50000);
    assert_non_null(moved);
    assert_true((uintptr_t)moved != address);
    assert_gone(address, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(moved[i], 0x5a);
    address = (uintptr_t)moved;
    uint8_t *shrunk = realloc(moved, 100);
    assert_true((uintptr_t)shrunk != address);
    assert_int_equal(shrunk[99], 0x5a);
    assert_null(realloc(shrunk, 0));
    assert_null(reallocarray(NULL, huge, 3));
    assert_int_equal(errno, ENOMEM);
}

static void aligned_kin_work(void **state)
{
    void *p = NULL;
    (void)state;
    assert_int_equal(posix_memalign(&p, 64, 100), 0);
    assert_int_equal((uintptr_t)p % 64, 0);
    free(p);
    assert_int_equal(posix_memalign(&p, 3, 100), EINVAL);
    p = aligned_alloc(4096, 8192);
    assert_int_equal((uintptr_t)p % 4096, 0);
    free(p);
    uint8_t *zeros = calloc(100, 10);
    assert_non_null(zeros);
    assert_int_equal(zeros[999], 0);
    free(zeros);
}

static void the_chosen_allocation_fails(void **state)
{
    (void)state;
    memory_fail_after(1);
    void *first = malloc(10), *second = malloc(10), *third = malloc(10);
    memory_fail_after(-1);
    assert_non_null(first);
    assert_null(second);
    assert_non_null(third);
    free(first);
    free(third);
}
#endif

static void failures_are_armed_once(void **state)
{
    (void)state;
    memory_fail_after(1);
    assert_false(memory_fail_now());
    assert_false(memory_fail_fired());
    assert_true(memory_fail_now());
    assert_true(memory_fail_fired());
    assert_false(memory_fail_now());
    memory_fail_after(-1);
    assert_false(memory_fail_fired());
    assert_false(memory_fail_now());
}

static void pages_are_zero_and_taken_when_written(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 20 * page + 1;
    unsigned char resident[21];
    uint8_t *p = memory_pages(n);
    (void)state;
    assert_non_null(p);
    p[5 * page] = 1;
    assert_int_equal(mincore(p, n, resident), 0);
    for (size_t i = 0; i < 21; i++)
        assert_int_equal(resident[i] & 1, i == 5);
    assert_int_equal(p[n - 1], 0);
    memory_pages_free(p, n);
    memory_fail_after(0);
    p = memory_pages(n);
    memory_fail_after(-1);
    assert_null(p);
    assert_null(memory_pages(SIZE_MAX / 2));
}

static void hardened_processes_leave_no_core(void **state)
{
    int status;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit;
        memory_harden(false);
        _exit(getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0 || prctl(PR_GET_DUMPABLE) != 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wipes),
#ifndef COFFER_SANITIZED
        cmocka_unit_test(free_wipes_for_program_and_libraries),
        cmocka_unit_test(realloc_wipes_what_it_leaves),
        cmocka_unit_test(aligned_kin_work),
        cmocka_unit_test(the_chosen_allocation_fails),
#endif
        cmocka_unit_test(failures_are_armed_once),
        cmocka_unit_test(pages_are_zero_and_taken_when_written),
        cmocka_unit_test(hardened_processes_leave_no_core),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
