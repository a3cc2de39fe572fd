/* SPDX-License-Identifier: Apache-2.0 */
/* The environment that `coffer exec` hands to a program: ours, with values of Secrets laid over it. */
#ifndef COFFER_CMD_EXEC_ENVIRONMENT_H
#define COFFER_CMD_EXEC_ENVIRONMENT_H

#include "base/arena.h"

/* What one argument of execve may hold, its NUL included (Linux's MAX_ARG_STRLEN). */
#define ENVIRONMENT_MAX_LINE ((size_t)128 << 10)

struct environment_line {
    bytes line; /* "NAME=value" and a NUL behind it */
    size_t name_length;
    size_t order;
};

struct environment {
    struct arena *arena;
    struct environment_line *lines;
    size_t count, capacity;
};

void environment_init(struct environment *, struct arena *);
/* Takes lines as they are in environ; those without a name are left out. */
MUST_CHECK err_t environment_inherit(struct environment *, char *const *lines, struct error *);
/* ERR_INVALID when the value holds a NUL or is too large, with a sentence that begins with what. A later value of a
 * name wins. */
MUST_CHECK err_t environment_put(
    struct environment *, bytes name, struct secret value, const char *what, struct error *);
/* For execve: sorted by name, one line a name, NULL at the end. */
MUST_CHECK err_t environment_list(struct environment *, char ***ret, struct error *);

/* Whether Kubernetes takes it as the name of a variable: printable ASCII without an equals sign, not empty. */
bool environment_name_valid(bytes name);
/* Whether the dynamic loader or a shell takes code from it: who may write a Secret should not gain a shell by it. */
bool environment_name_loads_code(bytes name);

#endif
