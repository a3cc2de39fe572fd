/* SPDX-License-Identifier: Apache-2.0 */
#include "crypt/key_region.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void closed_region_gives_nothing(void **state)
{
    (void)state;
    assert_null(key_region_take(32).p);
    assert_string_equal(key_region_kind(), "none");
}

static void opens_once(void **state)
{
    (void)state;
    assert_int_equal(key_region_open(NULL), ERR_OK);
    assert_int_equal(key_region_open(NULL), ERR_OK);
    assert_true(strcmp(key_region_kind(), "memfd_secret") == 0 || strcmp(key_region_kind(), "mlock") == 0);
}

static void pieces_are_apart_zeroed_and_wiped(void **state)
{
    (void)state;
    static const uint8_t zero[128];
    struct secret a = key_region_take(32), b = key_region_take(65), c = key_region_take(0);
    assert_non_null(a.p), assert_non_null(b.p), assert_non_null(c.p);
    assert_int_equal((uintptr_t)a.p % 64, 0);
    assert_int_equal((uintptr_t)b.p % 64, 0);
    assert_true(b.p >= a.p + 64 && c.p >= b.p + 128);
    assert_memory_equal(b.p, zero, 65);
    memset(a.p, 1, 32), memset(b.p, 2, 65);
    key_region_give(b);
    assert_memory_equal(b.p, zero, 128);
    assert_ptr_equal(key_region_take(128).p, b.p); /* the hole is used again */
    key_region_give((struct secret){b.p, 128});
    key_region_give(a), key_region_give(c);
    key_region_give((struct secret){NULL, 0});
}

static void full_region_gives_nothing(void **state)
{
    (void)state;
    struct secret all[KEY_REGION_SIZE / 64];
    assert_null(key_region_take(KEY_REGION_SIZE + 1).p);
    assert_null(key_region_take(SIZE_MAX).p);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i] = key_region_take(64);
        assert_non_null(all[i].p);
        memset(all[i].p, 0xff, 64); /* to the last byte before the guard page */
    }
    assert_null(key_region_take(1).p);
    key_region_give(all[7]);
    assert_null(key_region_take(65).p);
    all[7] = key_region_take(64);
    assert_non_null(all[7].p);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        key_region_give(all[i]);
    struct secret whole = key_region_take(KEY_REGION_SIZE);
    assert_non_null(whole.p);
    key_region_give(whole);
}

/* How a child ends that touches p; the signal, or 0. */
static int touch_in_child(const uint8_t *p)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL), signal(SIGBUS, SIG_DFL);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        *(volatile const uint8_t *)p;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void child_has_no_keys(void **state)
{
    (void)state;
    struct secret key = key_region_take(32);
    static const uint8_t control;
    assert_int_equal(touch_in_child(&control), 0);
    assert_int_equal(touch_in_child(key.p), SIGSEGV);
    key_region_give(key);
}

/* Without memfd_secret and mlock there is no region, and the sentence says what to do. In a child: the region is one
 * per process. */
static void refuses_unlocked_memory(void **state)
{
    (void)state;
#ifdef COFFER_SANITIZED
    skip(); /* AddressSanitizer makes mlock do nothing */
#endif
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct error error;
        error_init(&error, NULL);
        setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0});
        bool refused = setuid(65534) == 0 && key_region_open(&error) == ERR_NO_MEMORY && key_region_take(1).p == NULL &&
                       memmem(error.message.p, error.message.n, "RLIMIT_MEMLOCK", 14);
        _exit(refused ? 0 : geteuid() != 65534 ? 77 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* only root can become nobody, and only nobody is bound by the limit */
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void *take_and_give(void *unused)
{
    for (int i = 0; i < 2000; i++) {
        struct secret key = key_region_take(48);
        if (!key.p)
            return (void *)1;
        for (size_t k = 0; k < key.n; k++)
            if (key.p[k]++)
                return (void *)1;
        key_region_give(key);
    }
    return unused;
}

static void threads_share_it(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_region_gives_nothing),
        cmocka_unit_test(refuses_unlocked_memory),
        cmocka_unit_test(opens_once),
        cmocka_unit_test(pieces_are_apart_zeroed_and_wiped),
        cmocka_unit_test(full_region_gives_nothing),
        cmocka_unit_test(child_has_no_keys),
        cmocka_unit_test(threads_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
