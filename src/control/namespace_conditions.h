/* SPDX-License-Identifier: Apache-2.0 */
/* What the conditions of a namespace say while its contents are deleted, in upstream's words. */
#ifndef COFFER_CONTROL_NAMESPACE_CONDITIONS_H
#define COFFER_CONTROL_NAMESPACE_CONDITIONS_H

#include "text/json.h"

/* A thing that stands in the way: "secrets." of which 3 are left, a finalizer in 2 objects. */
struct remaining {
    bytes name;
    uint64_t count;
    struct remaining *next;
};

struct namespace_progress {
    struct remaining *resources, *finalizers; /* sorted by name */
    bytes failures;                           /* sentences about what could not be deleted, joined by ", " */
    size_t failure_count;
};

/* Adds to the count of name. False when the arena is full. */
MUST_CHECK bool remaining_add(struct arena *, struct remaining **list, bytes name, uint64_t count);
void progress_fail(struct arena *, struct namespace_progress *, bytes sentence);

/* Makes status.conditions of a namespace say so. *ret_changed: they said something else. now: wall seconds. */
MUST_CHECK err_t namespace_conditions_set(struct arena *, struct json *namespace, const struct namespace_progress *,
    int64_t now, bool *ret_changed, struct error *);

#endif
