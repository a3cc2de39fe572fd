/* SPDX-License-Identifier: Apache-2.0 */
/* What `coffer serve` gives up as soon as it has its port, before it opens a file: root's name when --user says so, and
 * every capability always. So a file that opens at start opens again later, by the same rights. */
#ifndef COFFER_CMD_PRIVILEGES_H
#define COFFER_CMD_PRIVILEGES_H

#include "base/error.h"

#include <sys/types.h>

struct account {
    const char *name; /* NULL: stay who we are */
    uid_t uid;
    gid_t gid;
};

/* The account that --user names; name may be NULL. ERR_NOT_FOUND when there is none, ERR_FORBIDDEN when only root could
 * become it and we are not root. */
MUST_CHECK err_t account_find(const char *name, struct account *ret, struct error *);

/* Makes a missing directory and gives it to the account. What cannot be made here is told by whoever needs it. */
void account_make_directory(const struct account *, const char *path);

/* Gives up gaining privileges (no_new_privs). Becomes the account with its groups, empties the capability sets, the
 * bounding set too where that is allowed (an ordinary user may not, and gains nothing by it under no_new_privs), and
 * checks that they are empty. Raises RLIMIT_MEMLOCK before, where it may: memory was locked by capability. Of the
 * calling thread: before there are others.
 */
MUST_CHECK err_t privileges_drop(const struct account *, struct error *);

#endif
