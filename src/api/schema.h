/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas: OpenAPI v3 with Kubernetes' protobuf numbers beside the fields. Written as YAML in schemas/, compiled to these tables at
 * build by schemac (src/api/schemac.c); custom resources will make the same tables at run time. Pruning, defaults, validation,
 * protobuf decoding, canonical order, OpenAPI and explain all walk them.
 *
 * A schema file:   properties in the order in which Kubernetes writes them; x-protobuf: N beside each; $ref: Name for shared ones. */
#ifndef COFFER_API_SCHEMA_H
#define COFFER_API_SCHEMA_H

#include "text/json.h"

enum schema_type { SCHEMA_ANY, SCHEMA_STRING, SCHEMA_BYTES /* format: byte, base64 in JSON */, SCHEMA_TIME /* format: date-time */, SCHEMA_INTEGER,
    SCHEMA_NUMBER, SCHEMA_BOOLEAN, SCHEMA_ARRAY, SCHEMA_MAP /* additionalProperties */, SCHEMA_OBJECT, SCHEMA_INT_OR_STRING, SCHEMA_RAW_JSON /* FieldsV1: JSON bytes in protobuf */ };

struct schema;

struct schema_property {
    const char *name;
    const struct schema *schema;
    uint32_t protobuf;           /* field number; 0: none */
    bool required;
    bool omit_empty;             /* left out of canonical JSON when empty: all but what Kubernetes writes always */
    const char *description;     /* ours, short */
    const char *default_json;    /* NULL: none */
};

struct schema {
    enum schema_type type;
    const char *name;            /* Go type name, for decode errors: "Secret", "ObjectMeta"; NULL for unnamed */
    const char *openapi_name;    /* io.k8s.api.core.v1.Secret; NULL for unnamed */
    const char *description;
    const char *format;          /* int32, int64 ...; NULL */
    const struct schema_property *properties; /* OBJECT, in canonical order */
    uint32_t property_count;
    const struct schema *items;  /* ARRAY items, MAP values */
    const char *patch_merge_key; /* x-kubernetes-patch-merge-key */
    const char *patch_strategy;  /* "merge", "merge,retainKeys", "replace"; NULL */
    const char *list_type;       /* atomic, set, map */
    const char *const *list_map_keys;
    uint32_t list_map_key_count;
    const char *const *enumeration;
    uint32_t enumeration_count;
};

/* Property by name (exact, case-sensitive), NULL when absent. */
const struct schema_property *schema_property(const struct schema *, bytes name);
const struct schema_property *schema_property_by_number(const struct schema *, uint32_t protobuf);

#endif
