/* SPDX-License-Identifier: Apache-2.0 */
#include "atrest/local_keyring.h"
#include "atrest/unlock_file.h"
#include "base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"

static char folder[] = "/tmp/coffer-unlock-XXXXXX";
static struct error error;

static int setup(void **state)
{
    (void)state;
    error_init(&error, NULL);
    return !mkdtemp(folder) || chdir(folder) != 0;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const files[] = {"file", "link", "made/a/key", "relative", "fifo"}, *const folders[] = {"made/a",
                                                                                               "made", "folder"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        unlink(files[i]);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        rmdir(folders[i]);
    return rmdir(folder);
}

static void write_file(const char *name, bytes text, mode_t mode)
{
    CLEANUP(file_close) int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n && fchmod(fd, mode) == 0);
}

static bool names(const char *path)
{
    return memmem(error.message.p, error.message.n, path, strlen(path)) != NULL;
}

static void makes_a_file_for_its_owner(void **state)
{
    (void)state;
    char path[PATH_MAX];
    uint8_t key[UNLOCK_KEY_SIZE], again[UNLOCK_KEY_SIZE];
    struct stat st;
    snprintf(path, sizeof(path), "%s//made/a/key", folder);
    assert_int_equal(unlock_file_create(path, &error), ERR_OK);
    assert_true(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
    assert_true(stat("made/a", &st) == 0 && (st.st_mode & 07777) == 0700);
    assert_true(stat("made", &st) == 0 && (st.st_mode & 07777) == 0700);
    assert_int_equal(unlock_file_read(path, key, &error), ERR_OK);

    assert_int_equal(unlock_file_create(path, &error), ERR_ALREADY_EXISTS);
    assert_true(names(path));
    assert_int_equal(unlock_file_read(path, again, &error), ERR_OK);
    assert_memory_equal(key, again, sizeof(key));

    assert_int_equal(unlock_file_create("relative", &error), ERR_OK);
    assert_int_equal(unlock_file_read("relative", again, &error), ERR_OK);
    assert_memory_not_equal(key, again, sizeof(key));
    assert_int_equal(unlock_file_create("relative/key", &error), ERR_IO);
    assert_true(names("relative/key"));
}

static void reads_just_its_form(void **state)
{
    (void)state;
    static uint8_t large[2000] = "# ";
    memset(large + 2, 'x', sizeof(large) - 2);
    memcpy(large + 1900, "\ncoffer-unlock-v1 " HEX "\n", 83);
    const struct {
        bytes text;
        bool good;
    } cases[] = {
        {BYTES("# any comment\ncoffer-unlock-v1 " HEX "\n"), true},
        {BYTES("#\ncoffer-unlock-v1 " HEX "\n"), true},
        {BYTES(""), false},
        {BYTES("#"), false},
        {BYTES("#\n"), false},
        {BYTES("coffer-unlock-v1 " HEX "\n"), false},
        {BYTES("#\ncoffer-unlock-v1 " HEX), false},
        {BYTES("#\ncoffer-unlock-v1 " HEX "\n\n"), false},
        {BYTES("#\ncoffer-unlock-v1 " HEX "0\n"), false},
        {BYTES("#\ncoffer-unlock-v1  " HEX "\n"), false},
        {BYTES("#\ncoffer-unlock-v2 " HEX "\n"), false},
        {BYTES("#\r\ncoffer-unlock-v1 " HEX "\r\n"), false},
        {BYTES("#\ncoffer-unlock-v1 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1EFF\n"), false},
        {BYTES("#\ncoffer-unlock-v1 0001020304050607080\0000a0b0c0d0e0f101112131415161718191a1b1c1d1e\n"), false},
        {{large, sizeof(large)}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t key[UNLOCK_KEY_SIZE] = {7};
        write_file("file", cases[i].text, 0600);
        assert_int_equal(unlock_file_read("file", key, &error), cases[i].good ? ERR_OK : ERR_INVALID);
        assert_true(cases[i].good ? key[0] == 0 && key[1] == 1 && key[31] == 0xff : key[0] == 7 && names("file"));
        assert_false(!cases[i].good && (names("0001") || names("xxx"))); /* no content in the sentence */
    }
}

static void others_may_not_read_it(void **state)
{
    (void)state;
    uint8_t key[UNLOCK_KEY_SIZE];
    for (unsigned mode = 0400; mode <= 0777; mode++) {
        write_file("file", BYTES("#\ncoffer-unlock-v1 " HEX "\n"), mode);
        err_t result = unlock_file_read("file", key, &error);
        assert_int_equal(result, mode & 077 ? ERR_FORBIDDEN : ERR_OK);
    }
    assert_true(names("file"));
    write_file("file", BYTES("#\ncoffer-unlock-v1 " HEX "\n"), 0600);
    if (geteuid() == 0) {
        assert_int_equal(chown("file", 65534, 0), 0);
        assert_int_equal(unlock_file_read("file", key, &error), ERR_FORBIDDEN);
        assert_int_equal(chown("file", 0, 0), 0);
    }
}

static void reads_files_alone(void **state)
{
    (void)state;
    uint8_t key[UNLOCK_KEY_SIZE];
    assert_int_equal(unlock_file_read("none", key, &error), ERR_NOT_FOUND);
    assert_true(names("none"));
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(unlock_file_read("fifo", key, &error), ERR_INVALID);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(unlock_file_read("folder", key, &error), ERR_INVALID);
    write_file("file", BYTES("#\ncoffer-unlock-v1 " HEX "\n"), 0600);
    assert_int_equal(symlink("file", "link"), 0);
    assert_int_equal(unlock_file_read("link", key, &error), ERR_OK);
    write_file("file", BYTES("#\ncoffer-unlock-v1 " HEX "\n"), 0644);
    assert_int_equal(unlock_file_read("link", key, &error), ERR_FORBIDDEN);
}

static void tells_a_full_or_read_only_disk(void **state)
{
    (void)state;
    assert_int_equal(unlock_file_create("/proc/coffer-key", &error), ERR_IO);
    assert_true(names("/proc/coffer-key"));
    char path[PATH_MAX + 1];
    memset(path, 'x', PATH_MAX);
    path[PATH_MAX] = 0;
    assert_int_equal(unlock_file_create(path, &error), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_a_file_for_its_owner),
        cmocka_unit_test(reads_just_its_form),
        cmocka_unit_test(others_may_not_read_it),
        cmocka_unit_test(reads_files_alone),
        cmocka_unit_test(tells_a_full_or_read_only_disk),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
