/* SPDX-License-Identifier: Apache-2.0 */
/* What `coffer serve` can reach once its keys are read, whatever code runs in it: by Landlock its data directory, the
 * directories of files that it reads again, and what libraries need; by seccomp the system calls of system_calls.c. */
#ifndef COFFER_CMD_SANDBOX_H
#define COFFER_CMD_SANDBOX_H

#include "base/error.h"

struct sandbox {
    const char *data_directory; /* read and written; must exist */
    const char *const *files;   /* read again later: their directories may be read, so that they can be replaced */
    size_t file_count;
};

/* Of the calling thread and those that it starts, for good: after privileges_drop, before there are others. A kernel
 * without Landlock is told in one line of the log, and no error; one that cannot filter system calls is. */
MUST_CHECK err_t sandbox_enter(const struct sandbox *, struct error *);

#endif
