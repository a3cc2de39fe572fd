/* SPDX-License-Identifier: Apache-2.0 */
/* metadata.managedFields: who set which field, and server-side apply on top of it (spec 2.11, KEP-555, golden 146-155
 * and every recorded object). Manager names, times and entries as kube-apiserver keeps them. */
#ifndef COFFER_API_MANAGED_FIELDS_H
#define COFFER_API_MANAGED_FIELDS_H

#include "api/field_set.h"
#include "api/kind.h"

#define FIELD_MANAGER_MOST 128

struct field_manager {
    bytes name;        /* fieldManager, else the User-Agent up to the first '/'; at most 128 bytes */
    bytes subresource; /* "status"; "": none */
    int64_t now;       /* wall seconds */
};

/* After a create or an update that is no apply: sets object.metadata.managedFields from what old's entries say, what
 * changed, and what the client sent (an empty list or one empty entry clears them). old is NULL on create. Both trees
 * are canonical and of this kind. The object is edited in place. */
MUST_CHECK err_t managed_fields_update(struct arena *, const struct kind *, struct json *object, const struct json *old,
    const struct field_manager *, struct error *);

/* Server-side apply. old: NULL when there is none yet. applied: the configuration as the client sent it, parsed but not
 * decoded: empty values and nulls are owned too, so it must not have lost or gained any. That it decodes without error
 * is the caller's to see before; unknown fields are refused here, with upstream's sentence (ERR_BAD_REQUEST).
 * stringData of a Secret counts as data, for merging and owning: a key that left it leaves data. *ret: the merged
 * object with its managedFields, decoded, a tree of its own, before defaults and validation. Fields that this manager
 * alone owned and no longer names are removed. ERR_CONFLICT with kube-apiserver's sentence and causes, unless force.
 * *ret_changed false: nothing changed but times: keep the old object. */
MUST_CHECK err_t managed_fields_apply(struct arena *, const struct kind *, const struct json *old,
    const struct json *applied, const struct field_manager *, bool force, struct json **ret, bool *ret_changed,
    struct error *);

/* Whether two objects are equal but for the times in managedFields: then there is nothing to write. */
bool managed_fields_same(const struct json *old, const struct json *object);
/* Gives such an object old's times; does nothing when they differ in more. After defaults and what admission takes
 * back, for updates and applies alike. */
MUST_CHECK err_t managed_fields_keep_times(struct arena *, struct json *object, const struct json *old, struct error *);

/* Adds causes for entries that a client sent and that managed_fields_update let pass (the name of a manager may be too
 * long): of an object about to be stored. */
void managed_fields_validate(struct arena *, const struct json *metadata, struct error *);

#endif
