/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, whole: read into an arena, replaced atomically. Sentences of errors name the path. */
#ifndef COFFER_BASE_FILE_H
#define COFFER_BASE_FILE_H

#include "base/arena.h"

#include <sys/types.h>

/* The whole file; NUL-terminated after its n bytes. ERR_NOT_FOUND when absent, ERR_TOO_LARGE above limit, ERR_IO and
 * its kin. */
MUST_CHECK err_t file_read(struct arena *, const char *path, size_t limit, bytes *ret, struct error *);

/* A file that holds a private key or other credentials: refused (ERR_INVALID) when others than its owner and group may
 * read it, or others than its owner write it; links are followed, and what counts is the file that is read. */
MUST_CHECK err_t file_read_private(struct arena *, const char *path, size_t limit, bytes *ret, struct error *);

/* Writes a new file beside path, syncs it, renames it over path and syncs the directory: readers see the old or the new
 * whole. */
MUST_CHECK err_t file_replace(const char *path, mode_t mode, bytes content, struct error *);

/* For CLEANUP: closes when not negative. */
void file_close(int *fd);

#endif
