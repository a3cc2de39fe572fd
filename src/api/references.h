/* SPDX-License-Identifier: Apache-2.0 */
/* What other objects an object names: found by walking its schema, where each field that names one is marked
 * (schema.h, enum schema_target), so that none can be forgotten. Of built-in kinds: those of custom resources say
 * nothing of it. Any thread; the objects are canonical trees, and only read. */
#ifndef COFFER_API_REFERENCES_H
#define COFFER_API_REFERENCES_H

#include "api/schema.h"

/* A step down to a field; the outermost has no parent. On the walker's stack. */
struct reference_step {
    const struct reference_step *parent;
    bytes name;   /* of a member; empty: an element of a list */
    size_t index; /* of an element */
};

struct reference {
    enum schema_target target;
    bytes namespace;          /* when the reference says one, else empty: that of the object, or the target has none */
    bytes name;               /* never empty: fields that are left empty name nothing */
    const struct json *value; /* the name, or the object that has it as a member */
    const struct reference_step *step; /* to the name itself */
};

/* Returns ERR_OK to go on; anything else ends the walk. The reference lives for the call, its texts as the object. */
typedef err_t reference_visit(void *context, const struct reference *);

/* Visits each field of object that names a target of these (TARGET_BITs), in the order of the object; what names none
 * by its schema is not looked at. Values of the wrong type name nothing. Returns what the last visit did, or
 * ERR_TOO_LARGE for what is nested beyond all schemas. Allocates nothing. */
MUST_CHECK err_t references_walk(
    const struct schema *, const struct json *object, uint32_t targets, reference_visit *, void *context);

/* The first member, of object or below it where a walk for these targets comes, whose name differs from a property's in
 * case alone; NULL: none. The walk takes it for unknown, and Go's decoders take it for the property: who holds JSON
 * that no schema has pruned must ask. (They fold U+017F to s and U+212A to k besides.) */
const struct json *references_disguised(const struct schema *, const struct json *object, uint32_t targets);

/* "spec.volumes[0].secret.secretName", into the arena; p is NULL when it is full. */
bytes reference_path(struct arena *, const struct reference_step *);

#endif
