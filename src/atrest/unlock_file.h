/* SPDX-License-Identifier: Apache-2.0 */
/* The file of --unlock file:PATH: one 32-byte key in text, readable by its owner alone. */
#ifndef COFFER_ATREST_UNLOCK_FILE_H
#define COFFER_ATREST_UNLOCK_FILE_H

#include "base/error.h"

#define UNLOCK_KEY_SIZE 32

/* Reads the key into ret. Strict: the comment line, the key line, nothing else. ERR_NOT_FOUND, ERR_FORBIDDEN when
 * another may read or own it, ERR_INVALID when it is no such file. Every sentence names the path. */
MUST_CHECK err_t unlock_file_read(const char *path, uint8_t ret[UNLOCK_KEY_SIZE], struct error *);

#endif
