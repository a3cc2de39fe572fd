/* SPDX-License-Identifier: Apache-2.0 */
/* An object and what it names as its owners, as the garbage collector sees them: metadata alone, read through the API.
 * Inside src/control only. */
#ifndef COFFER_CONTROL_GARBAGE_OWNER_H
#define COFFER_CONTROL_GARBAGE_OWNER_H

#include "control/control.h"

enum owner_state {
    OWNER_SOLID,   /* it is there */
    OWNER_GONE,    /* it is not, or another has its name: the uid decides */
    OWNER_WAITING, /* it is being deleted, and waits for this object to go first */
    OWNER_UNKNOWN  /* a kind that is not served, one out of reach, or a read that failed: nothing may follow from it */
};

/* The metadata of an object. *ret NULL: there is none. A read that failed is an error. */
MUST_CHECK err_t garbage_read(
    struct worker *, struct arena *, const struct kind *, bytes key, struct json **ret, struct error *);
MUST_CHECK err_t garbage_read_path(struct worker *, struct arena *, bytes path, struct json **ret, struct error *);
/* What became of an owner of this object: a reference of metadata.ownerReferences. */
MUST_CHECK err_t garbage_owner_state(struct worker *, struct arena *, const struct kind *, const struct json *object,
    const struct json *reference, enum owner_state *ret, struct error *);

/* Deletes the object as it was read; gone or changed since is fine, and a change comes back as a conflict. */
MUST_CHECK err_t garbage_delete(struct worker *, struct arena *, bytes path, const struct json *object,
    const char *propagation_policy, struct error *);
/* Replaces a list of metadata ("ownerReferences", "finalizers") in the object as it was read. */
MUST_CHECK err_t garbage_set_list(struct worker *, struct arena *, bytes path, const struct json *object,
    const char *member, struct json *list, struct error *);

bool garbage_has_finalizer(const struct json *object, const char *finalizer);
/* The path of the object with this key. p is NULL when the arena is full. */
bytes garbage_path(struct arena *, const struct kind *, bytes key);

#endif
