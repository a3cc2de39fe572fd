/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in the store of an object, opened: decrypted, decoded, brought to canonical text. The one way from a row to
 * an object, for reads, writes, snapshots and whoever decides by what is stored. */
#ifndef COFFER_API_RECORD_H
#define COFFER_API_RECORD_H

#include "api/kind.h"
#include "atrest/atrest.h"
#include "store/store.h"
#include "text/json.h"

/* "namespace/name" or "name". p is NULL when the arena is full. */
bytes object_key(struct arena *, bytes namespace, bytes name);
/* "" for the namespace of a key without. */
void key_split(bytes key, bytes *ret_namespace, bytes *ret_name);

/* Decrypts a record's value to canonical text in the arena. ERR_UNREADABLE names the key that is missing. ret_stale:
 * by an older key than new ones are sealed with; may be NULL. */
MUST_CHECK err_t record_open(struct atrest *, struct arena *, const struct kind *, const struct record *,
    bytes *ret_text, bool *ret_stale, struct error *);
/* The tree of such a text. ERR_CORRUPT when it is none after all: what we wrote ourselves is taken at its start. */
MUST_CHECK err_t record_parse(struct arena *, const struct kind *, bytes text, struct json **ret, struct error *);
/* The newest object under the key as a tree; *ret NULL when there is none. ret_revision may be NULL. */
MUST_CHECK err_t record_get(struct atrest *, struct read_txn *, struct arena *, const struct kind *, bytes key,
    struct json **ret, uint64_t *ret_revision, struct error *);
/* Stub of an object that cannot be read, as canonical text: name, namespace and the reason. p is NULL when the arena is
 * full. */
bytes record_stub(struct arena *, const struct kind *, const struct record *, const struct error *reason);
/* Whether a failure of record_open concerns this object alone. */
bool record_unreadable(err_t);

#endif
