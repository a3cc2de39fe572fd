/* SPDX-License-Identifier: Apache-2.0 */
/* What schemas do to values, for built-in and custom kinds alike: defaults and validation. Pruning and types are
 * decode.h's. */
#ifndef COFFER_API_SCHEMA_VALUE_H
#define COFFER_API_SCHEMA_VALUE_H

#include "api/schema.h"

/* Sets what is absent and has a default (and nulls that are not nullable), in place, depth first as structural
 * defaulting goes: a default may hold members that get defaults themselves; nothing is made only to hold a default. In
 * canonical order afterwards. */
MUST_CHECK err_t schema_set_defaults(struct arena *, const struct schema *, struct json *value, struct error *);

/* Adds a cause for everything in value that the schema forbids, with kube-apiserver's texts and field paths below
 * `path`
 * ("" for the whole object, "spec" ...). old: the same place in the old object, or NULL; what is equal there is not
 * complained about again where ratchet is set (validation ratcheting, KEP-4008). Metadata of the object is left to
 * object_validate. */
MUST_CHECK err_t schema_validate(struct arena *, const struct schema *, const struct json *value,
    const struct json *old, bool ratchet, bytes path, struct error *);

#endif
