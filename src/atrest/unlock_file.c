/* SPDX-License-Identifier: Apache-2.0 */
#include "atrest/unlock_file.h"

#include "atrest/local_keyring.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMENT                                                                                                        \
    "# Unlock key of a Coffer store: with it and the store everything can be read, without it nothing. Back it up.\n"
#define MARK      "coffer-unlock-v1 "
#define HEX_SIZE  ((size_t)2 * UNLOCK_KEY_SIZE)
#define FILE_SIZE (sizeof(COMMENT MARK) - 1 + HEX_SIZE + 1)
#define FILE_MOST 1024 /* the comment may have been edited */

static const char hex_digits[] = "0123456789abcdef";

struct file_text {
    uint8_t p[FILE_MOST + 1];
    size_t n;
};

static void file_text_wipe(struct file_text *text)
{
    memory_wipe(text, sizeof(*text));
}

/* A comment line, the key line, and no more. */
static bool parse(bytes text, uint8_t ret[UNLOCK_KEY_SIZE])
{
    size_t comment = bytes_find(text, '\n');
    if (!bytes_start(text, BYTES("#")) || comment == text.n)
        return false;
    text = bytes_skip(text, comment + 1);
    if (!bytes_start(text, BYTES(MARK)) || text.n != sizeof(MARK) - 1 + HEX_SIZE + 1 || text.p[text.n - 1] != '\n')
        return false;
    text = bytes_skip(text, sizeof(MARK) - 1);
    for (size_t i = 0; i < HEX_SIZE; i++) {
        const char *digit = memchr(hex_digits, text.p[i], sizeof(hex_digits) - 1);
        if (!digit)
            return false;
        ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | (digit - hex_digits));
    }
    return true;
}

static err_t check_access(int fd, const char *path, struct error *error)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return error_errno(error, errno, "cannot read the unlock key %s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(error, ERR_INVALID, "the unlock key %s is no regular file", path);
    if (st.st_uid != geteuid())
        return error_set(error, ERR_FORBIDDEN, "the unlock key %s belongs to user %u, not to user %u who runs this",
            path, st.st_uid, geteuid());
    if (st.st_mode & 077)
        return error_set(error, ERR_FORBIDDEN, "others may read the unlock key %s (mode %04o): chmod 600 it", path,
            st.st_mode & 07777U);
    return ERR_OK;
}

err_t unlock_file_read(const char *path, uint8_t ret[UNLOCK_KEY_SIZE], struct error *error)
{
    /* O_NONBLOCK: a FIFO is refused below instead of waited for. Links are followed: /etc is full of them; what counts
     * is the file. */
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    CLEANUP(file_text_wipe) struct file_text text = {.n = 0};
    uint8_t key[UNLOCK_KEY_SIZE] = {0};
    ssize_t got;

    if (fd < 0 && errno == ENOENT)
        return error_set(error, ERR_NOT_FOUND,
            "the unlock key %s is missing: put it back from its backup, or name it by --unlock", path);
    if (fd < 0)
        return error_errno(error, errno, "cannot read the unlock key %s", path);
    TRY(check_access(fd, path, error));
    while (text.n < sizeof(text.p) && (got = read(fd, text.p + text.n, sizeof(text.p) - text.n)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(error, errno, "cannot read the unlock key %s", path);
        text.n += (size_t)got;
    }
    bool good = text.n <= FILE_MOST && parse((bytes){text.p, text.n}, key);
    if (good)
        memcpy(ret, key, sizeof(key));
    memory_wipe(key, sizeof(key));
    return good ? ERR_OK
                : error_set(error, ERR_INVALID,
                      "%s is no unlock key: it must hold a comment line and the line \"" MARK "KEY\"", path);
}

static void generate(struct file_text *text)
{
    uint8_t key[UNLOCK_KEY_SIZE];
    size_t head = sizeof(COMMENT MARK) - 1;

    random_bytes(key, sizeof(key));
    memcpy(text->p, COMMENT MARK, head);
    for (size_t i = 0; i < sizeof(key); i++) {
        text->p[head + 2 * i] = (uint8_t)hex_digits[key[i] >> 4];
        text->p[head + 2 * i + 1] = (uint8_t)hex_digits[key[i] & 15];
    }
    text->p[FILE_SIZE - 1] = '\n';
    text->n = FILE_SIZE;
    memory_wipe(key, sizeof(key));
}

/* Walks *fd from the root, or where we are, to the directory of path, making what is missing, each synced into its
 * parent. Cuts path; *ret_name is its last part. False with errno set; *fd is the caller's to close either way. */
static bool walk_to_directory(char *path, int *fd, const char **ret_name)
{
    char *part = path, *slash;

    *fd = open(*path == '/' ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (; *fd >= 0 && (slash = strchr(part, '/')); part = slash + 1) {
        *slash = 0;
        if (slash == part)
            continue;
        bool made = mkdirat(*fd, part, 0700) == 0;
        if (made ? fsync(*fd) != 0 : errno != EEXIST)
            return false;
        int next = openat(*fd, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (next < 0)
            return false;
        close(*fd);
        *fd = next;
    }
    *ret_name = part;
    return *fd >= 0;
}

err_t unlock_file_create(const char *path, struct error *error)
{
    char copy[PATH_MAX];
    const char *name;
    CLEANUP(file_text_wipe) struct file_text text;

    if (strlen(path) >= sizeof(copy))
        return error_errno(error, ENAMETOOLONG, "cannot make the unlock key");
    memcpy(copy, path, strlen(path) + 1);
    CLEANUP(file_close) int directory = -1;
    if (!walk_to_directory(copy, &directory, &name))
        return error_errno(error, errno, "cannot make the unlock key %s", path);
    CLEANUP(file_close) int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return error_set(error, ERR_ALREADY_EXISTS, "there is already an unlock key %s", path);
    if (fd < 0)
        return error_errno(error, errno, "cannot make the unlock key %s", path);
    generate(&text);
    ssize_t put = write(fd, text.p, text.n);
    if (put == (ssize_t)text.n && fsync(fd) == 0 && fsync(directory) == 0)
        return ERR_OK;
    /* A short write of so little is a full disk. */
    err_t result =
        error_errno(error, put >= 0 && put < (ssize_t)text.n ? ENOSPC : errno, "cannot write the unlock key %s", path);
    unlinkat(directory, name, 0);
    return result;
}
