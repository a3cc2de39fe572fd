/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

void file_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static err_t read_whole(
    struct arena *arena, const char *path, size_t limit, mode_t forbidden, bytes *ret, struct error *error)
{
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    size_t n = 0;

    if (fd < 0 && errno == ENOENT)
        return error_set(error, ERR_NOT_FOUND, "%s: no such file", path);
    if (fd < 0 || fstat(fd, &st) != 0)
        return error_errno(error, errno, "cannot read %s", path);
    if (S_ISDIR(st.st_mode))
        return error_errno(error, EISDIR, "cannot read %s", path);
    if (st.st_mode & forbidden)
        return error_set(error, ERR_INVALID,
            "%s may be read or changed by others (mode %04o): what it holds is secret, chmod 0600 it", path,
            (unsigned)(st.st_mode & 07777));
    /* A pipe has no size: room for the limit then. */
    size_t room = S_ISREG(st.st_mode) && st.st_size >= 0 && (size_t)st.st_size < limit ? (size_t)st.st_size : limit;
    uint8_t *p = arena_alloc(arena, room + 2);
    if (!p)
        return arena_error(arena, error);
    while (n < room + 1) {
        ssize_t got = read(fd, p + n, room + 1 - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(error, errno, "cannot read %s", path);
        if (got == 0)
            break;
        n += (size_t)got;
    }
    if (n > room)
        return error_set(error, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, limit);
    p[n] = 0;
    *ret = (bytes){p, n};
    return ERR_OK;
}

err_t file_read(struct arena *arena, const char *path, size_t limit, bytes *ret, struct error *error)
{
    return read_whole(arena, path, limit, 0, ret, error);
}

err_t file_read_private(struct arena *arena, const char *path, size_t limit, bytes *ret, struct error *error)
{
    return read_whole(arena, path, limit, S_IWGRP | S_IRWXO, ret, error);
}

static err_t write_all(int fd, bytes content, const char *path, struct error *error)
{
    while (content.n) {
        ssize_t put = write(fd, content.p, content.n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return error_errno(error, errno, "cannot write %s", path);
        content = bytes_skip(content, (size_t)put);
    }
    return fsync(fd) == 0 ? ERR_OK : error_errno(error, errno, "cannot write %s", path);
}

static err_t sync_directory_of(const char *path, struct error *error)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    memcpy(directory, slash ? path : ".", slash ? n : 1);
    directory[slash ? n : 1] = 0;
    if (slash == path)
        memcpy(directory, "/", 2);
    CLEANUP(file_close) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return error_errno(error, errno, "cannot sync %s", directory);
    return ERR_OK;
}

err_t file_replace(const char *path, mode_t mode, bytes content, struct error *error)
{
    char fresh[PATH_MAX];
    if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh))
        return error_errno(error, ENAMETOOLONG, "cannot write %s", path);
    /* What a crash left is ours to replace; O_EXCL so that no link is followed. */
    if (unlink(fresh) != 0 && errno != ENOENT)
        return error_errno(error, errno, "cannot replace %s", fresh);
    CLEANUP(file_close) int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return error_errno(error, errno, "cannot create %s", fresh);
    err_t result = write_all(fd, content, fresh, error);
    if (result == ERR_OK && rename(fresh, path) != 0)
        result = error_errno(error, errno, "cannot replace %s", path);
    if (result != ERR_OK) {
        unlink(fresh);
        return result;
    }
    return sync_directory_of(path, error);
}
