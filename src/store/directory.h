/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory: made private, checked, and held by one process at a time. */
#ifndef COFFER_STORE_DIRECTORY_H
#define COFFER_STORE_DIRECTORY_H

#include "base/error.h"

/* Makes the directory (and what lacks above it) with mode 0700 and takes DIR/lock for this process. *ret_lock is held
 * until closed; -1 on a read-only file system with read_only. ERR_CONFLICT names who holds it. */
MUST_CHECK err_t directory_take(const char *path, bool read_only, int *ret_lock, struct error *);

/* Makes new names in it durable. */
MUST_CHECK err_t directory_sync(const char *path, struct error *);

#endif
