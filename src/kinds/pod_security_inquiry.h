/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks of the Pod Security Standards are made of: walks over a pod's containers, and sentences about what
 * was found. For pod_security_checks.c. When the arena is full the detail's buffer fails; it is looked at once, at the
 * end. */
#ifndef COFFER_KINDS_POD_SECURITY_INQUIRY_H
#define COFFER_KINDS_POD_SECURITY_INQUIRY_H

#include "base/arena.h"
#include "kinds/pod_security_standards.h"
#include "kinds/tree.h"

/* Borrowed texts, in the order in which they were added, until words_settle. */
struct words {
    bytes *items;
    size_t count, capacity;
};

/* A pod under one check. A check that finds something writes the detail. */
struct inquiry {
    struct arena *arena;
    const struct json *metadata, *spec;
    const char *const *allowed;      /* values, of the table's row; ends in NULL */
    const char *reason;              /* of the row; a check may put another one */
    bool pod;                        /* the pod itself has what is looked for */
    struct words containers, values; /* names of the containers that have it; what they have */
    bool user, role;                 /* of SELinux options: set by somebody */
    struct buffer detail;            /* empty: nothing was found */
};

void words_add(struct inquiry *, struct words *, bytes);
/* Sorted, each once. */
void words_settle(struct words *);

/* Whether a container, or the spec of a pod, has what is looked for; both have a member securityContext. */
typedef bool inquiry_function(struct inquiry *, const struct json *owner);
/* Asks about all containers: init containers, containers, ephemeral ones; takes the names of those that have it. */
bool inquiry_find_in_containers(struct inquiry *, inquiry_function *has);
/* About the pod itself too. */
bool inquiry_find(struct inquiry *, inquiry_function *has);
/* The next container after `at` (NULL: the first); *list is 0 before the first call. NULL: the end. */
const struct json *inquiry_next_container(const struct inquiry *, const struct json *at, size_t *list);

/* Appended to the detail: "a", "b" with a quote of one's choice around each ... */
void inquiry_put_words(struct inquiry *, const struct words *, const char *quote);
/* ... `volume "a"`, `volumes "a", "b"` ... */
void inquiry_put_named(struct inquiry *, const char *what, const struct words *);
/* ... and who has it: `pod`, `container "a"`, `pod and containers "a", "b"`. */
void inquiry_put_owners(struct inquiry *);

#endif
