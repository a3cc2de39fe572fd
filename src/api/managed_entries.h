/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of metadata.managedFields as sets. Only src/api/managed_*.c and src/api/apply*.c include this. */
#ifndef COFFER_API_MANAGED_ENTRIES_H
#define COFFER_API_MANAGED_ENTRIES_H

#include "api/managed_fields.h"

struct managed_entry {
    bytes manager, api_version, subresource;
    bytes time; /* as it is written; BYTES_NONE: none */
    int64_t seconds;
    bool applied; /* operation Apply, else Update */
    const struct field_set *set;
};

/* Borrows texts from the trees it was read from. */
struct managed_entries {
    struct managed_entry *items;
    size_t count, capacity;
};

/* All that is in a list (NULL: none), the last of each identity. ERR_BAD_REQUEST when one cannot be read. */
MUST_CHECK err_t managed_entries_read(
    struct arena *, const struct json *list, struct managed_entries *ret, struct error *);
/* Takes out entries of versions that the kind no longer has, and fits the others to its schema. */
MUST_CHECK err_t managed_entries_fit(struct arena *, const struct kind *, struct managed_entries *, struct error *);
/* The entry of this manager and subresource; for an Update of this apiVersion. NULL when there is none. */
struct managed_entry *managed_entries_find(const struct managed_entries *, const struct managed_entry *identity);
/* A new one with this identity, without a time and fields. NULL when the arena is full. */
struct managed_entry *managed_entries_add(
    struct arena *, struct managed_entries *, const struct managed_entry *identity);
void managed_entries_drop_empty(struct managed_entries *);
/* Merges the oldest updates of a version into one while there are more than ten updates. */
MUST_CHECK err_t managed_entries_cap(struct arena *, struct managed_entries *, struct error *);
/* As metadata.managedFields, in upstream's order; without entries the member goes. */
MUST_CHECK err_t managed_entries_write(
    struct arena *, const struct kind *, struct json *object, struct managed_entries *, struct error *);

/* What differs between two objects, less what this subresource resets. */
MUST_CHECK err_t managed_compare(struct arena *, const struct kind *, bytes subresource, const struct json *old,
    const struct json *new, const struct field_set **ret_changed, const struct field_set **ret_removed, struct error *);
/* What a manager can own of a set: not what the subresource resets. */
const struct field_set *managed_reset(struct arena *, const struct kind *, bytes subresource, const struct field_set *);
/* Not the fields that nobody owns: apiVersion, kind, metadata.name ... */
const struct field_set *managed_strip(struct arena *, const struct field_set *);
/* Adds an update from old (NULL: nothing) to object to the entries. */
MUST_CHECK err_t managed_entries_update(struct arena *, const struct kind *, struct managed_entries *,
    const struct json *old, const struct json *object, const struct field_manager *, struct error *);
/* The time of a write, as entries have it. BYTES_NONE when the arena is full. */
bytes managed_time(struct arena *, int64_t seconds);

#endif
