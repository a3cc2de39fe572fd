/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of conditions, as the status of most kinds has them: one of each type. */
#ifndef COFFER_API_CONDITIONS_H
#define COFFER_API_CONDITIONS_H

#include "text/json.h"

struct condition {
    const char *type, *status, *reason; /* status: "True", "False", "Unknown" */
    bytes message;
};

/* NULL: status is NULL, or has none of that type. */
struct json *condition_find(const struct json *status, const char *type);
bool condition_is_true(const struct json *status, const char *type);
/* Sets status.conditions[type=...]; lastTransitionTime becomes now (wall seconds) when its status changes. *ret_changed
 * becomes true when anything does, else it is left. False when the arena is full. */
MUST_CHECK bool condition_set(
    struct arena *, struct json *status, const struct condition *, int64_t now, bool *ret_changed);
/* Takes it out. */
void condition_remove(struct json *status, const char *type, bool *ret_changed);

#endif
