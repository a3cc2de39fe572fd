/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of custom kinds share: schemas of definitions (JSONSchemaProps, decoded) to tables, and their checks.
 */
#ifndef COFFER_API_CUSTOM_SCHEMA_H
#define COFFER_API_CUSTOM_SCHEMA_H

#include "api/custom_kind.h"
#include "api/decode.h"

/* A schema of a definition as tables, for the whole object: apiVersion, kind and metadata are there whatever it says.
 * Everything is copied into the arena. What is no structural schema is ERR_INVALID, without causes. */
MUST_CHECK err_t custom_schema_compile(
    struct arena *, const struct json *schema, const struct schema **ret, struct error *);
/* One that is inside of it, as it stands there. */
MUST_CHECK err_t custom_schema_compile_part(
    struct arena *, const struct json *schema, const struct schema **ret, struct error *);

/* Any value, kept whole and in canonical form: what is below a member that is preserved. */
extern const struct schema custom_any;
/* ObjectMeta with its members in the order of their names; NULL without memory. Lives forever. */
const struct schema *custom_object_meta(void);

extern const struct kind_rules custom_rules;

#endif
