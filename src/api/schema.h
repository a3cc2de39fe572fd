/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas: OpenAPI v3 with Kubernetes' protobuf numbers beside the fields. Written as YAML in schemas/, compiled to
 * these tables at build by schemac (src/api/schemac.c); custom resources will make the same tables at run time.
 * Pruning, defaults, validation, protobuf decoding, canonical order, OpenAPI and explain all walk them.
 *
 * A schema file is a map from OpenAPI names to schemas. Properties stand in the order in which Kubernetes writes them.
 * Keywords: type (union: see below), format (byte, date-time, micro-time, int32, int64, double, quantity,
 * int-or-string, json), description, properties, required, items, additionalProperties, $ref (an OpenAPI name of any
 * file), enum, default, x-protobuf (field number, or the path of one), x-presence (kept, always or nil, see below),
 * x-coffer-resource (what makes a kind of it: src/api/schemac_kinds.c), x-coffer-reference (what the field names: see
 * enum schema_target), and Kubernetes' x-kubernetes-group-version-kind, -list-type, -list-map-keys, -map-type,
 * -patch-strategy, -patch-merge-key. Any other is an error.
 */
#ifndef COFFER_API_SCHEMA_H
#define COFFER_API_SCHEMA_H

#include "text/json.h"

enum schema_type {
    SCHEMA_ANY,
    SCHEMA_STRING,
    SCHEMA_BYTES /* format: byte, base64 in JSON */,
    SCHEMA_TIME /* format: date-time */,
    SCHEMA_INTEGER,
    SCHEMA_NUMBER,
    SCHEMA_BOOLEAN,
    SCHEMA_ARRAY,
    SCHEMA_MAP /* additionalProperties */,
    SCHEMA_OBJECT,
    SCHEMA_INT_OR_STRING,
    SCHEMA_RAW_JSON /* FieldsV1: JSON bytes in protobuf */,
    SCHEMA_MICRO_TIME /* format: micro-time, six digits of a second */,
    SCHEMA_QUANTITY,
    SCHEMA_UNION, /* JSON has the value of one of the properties, found by its type; protobuf is a message of them, and
                     the first that is there counts */
    SCHEMA_TYPE_COUNT
};

/* Of a property in canonical JSON: "", 0, false, {} and [] are empty. */
enum schema_presence {
    PRESENCE_OMITTED, /* left out when empty: most */
    PRESENCE_KEPT,    /* a pointer in Go: written when given, empty or not */
    PRESENCE_ALWAYS,  /* written even when not given */
    PRESENCE_NIL      /* the same, as null: a pointer, list or map */
};

/* What object a field names: x-coffer-reference of a property, or of a list or map of such.
 *
 *   x-coffer-reference: secret                                      a string is the name; an object has it as its name,
 *                                                                   and if its type has one a namespace
 *   x-coffer-reference: {target: secret, namespace: secretNamespace}    the string beside it says the namespace
 *   x-coffer-reference: {none: REASON}                              looks like a name, and nothing is read by it; of a
 *                                                                   type: nor by any field of it
 *
 * A field looks like a reference (schemas_mark) that can name anything by its type, and
 *   - whose own name has "secret", "serviceaccount", "configmap" or "claimname" in it, in any case; or
 *   - whose type's name has "Secret", "ServiceAccount", "ConfigMap" or "Reference" in it, or whose type has both a name
 *     and a namespace; unless the type is a kind, or excused; or
 *   - that is a string, called namespace or somethingNamespace, which no mark beside it takes and no name stands
 * beside. It must be marked or excused, unless a field just below it, in its own type, is marked: else there is no
 * program. */
enum schema_target {
    TARGET_UNMARKED,
    TARGET_NONE,
    TARGET_SECRET,
    TARGET_SERVICE_ACCOUNT,
    TARGET_CONFIG_MAP,
    TARGET_CLAIM,  /* PersistentVolumeClaim */
    TARGET_VOLUME, /* PersistentVolume */
    TARGET_RESOURCE_CLAIM,
    TARGET_RESOURCE_CLAIM_TEMPLATE,
    TARGET_SERVICE,
    TARGET_ENDPOINTS,
    TARGET_OBJECT, /* of the kind that stands beside the name, or that the type allows alone */
    TARGET_COUNT
};
#define TARGET_BIT(target) (1u << (target))

/* Members of one JSON object may lie in nested messages on the wire, as Go inlines structs: property.protobuf holds the
 * path of field numbers, all below 256, a byte each, the innermost last. */
#define PROTOBUF_PATH_MOST 3

struct schema;

struct schema_property {
    const char *name;
    const struct schema *schema;
    uint32_t name_length;
    uint32_t protobuf; /* field number, or path; 0: none */
    bool required;
    enum schema_presence presence;
    enum schema_target target;
    const char *target_namespace; /* the property beside it that says the namespace; NULL: see enum schema_target */
    const char *description;      /* ours, short; NULL: none, or the type's own */
    const char *default_json;     /* NULL: none */
};

struct schema {
    enum schema_type type;
    const char *name;         /* Go type name, for decode errors: "Secret", "ObjectMeta"; NULL for unnamed */
    const char *openapi_name; /* io.k8s.api.core.v1.Secret; NULL for unnamed */
    const char *description;
    const char *format;                       /* int32, int64 ...; NULL */
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
    const char *map_type;                         /* x-kubernetes-map-type: atomic */
    const char *gvk;                              /* x-kubernetes-group-version-kind as JSON; NULL */
    const struct schema_constraints *constraints; /* NULL: none but the type, required and enumeration */
    const char *default_json;                     /* of list items and map values; properties have their own; NULL */
    uint32_t targets;                             /* TARGET_BITs: what fields below it name */
    bool unreferring;                             /* excused: its fields name nothing; of files alone */
    bool nullable;                                /* null is a value, and kept */
    bool preserves_unknown; /* x-kubernetes-preserve-unknown-fields: members that have no property */
    bool embedded_resource; /* x-kubernetes-embedded-resource: an object with kind and metadata */
    bool custom;            /* of a custom resource: members in order of their names, kept when empty, and a value of
                             * the wrong type is the validation's to refuse, not the decoder's */
    bool typeless; /* values of any type: inside allOf, anyOf, oneOf and not, where type is about items alone */
};

struct regex;
struct schema_format;

/* OpenAPI v3's keywords for values, as structural schemas may hold them. */
struct schema_constraints {
    enum {
        HAS_MINIMUM = 1,
        HAS_MAXIMUM = 2,
        EXCLUSIVE_MINIMUM = 4,
        EXCLUSIVE_MAXIMUM = 8,
        HAS_MULTIPLE_OF = 16,
        UNIQUE_ITEMS = 32
    } flags;
    double minimum, maximum, multiple_of;
    int64_t min_length, max_length, min_items, max_items, min_properties, max_properties; /* -1: none */
    const struct regex *pattern;                                                          /* NULL: none */
    const char *pattern_text;
    const struct schema_format *format; /* how texts of schema.format are checked; NULL: they are not */
    const struct regex *format_pattern; /* of a format that is a pattern */
    const char *const *required;        /* names besides those of properties that say so, in order */
    size_t required_count;
    const struct json *enumeration;                                     /* an array of any values; NULL: none */
    const struct schema *const *all_of, *const *any_of, *const *one_of; /* value validations alone */
    size_t all_of_count, any_of_count, one_of_count;
    const struct schema * not ; /* NULL: none */
    size_t rule_count;          /* x-kubernetes-validations: kept, not evaluated */
};

/* Property by name (exact, case-sensitive), NULL when absent. */
const struct schema_property *schema_property(const struct schema *, bytes name);
const struct schema_property *schema_property_by_number(const struct schema *, uint32_t protobuf);

/* Puts members in canonical order, in place, all the way down: after fields were set.
 * Unknown members go last. */
void schema_arrange(const struct schema *, struct json *value);

/* Schemas read from files. References between them are resolved by schemas_link, once all files are read. Errors name
 * the place in the file: `io.k8s.x.Y.a: unknown keyword "b"`. All arena memory. */
struct schema_resource { /* an x-coffer-resource, borrowed from the file */
    const struct schema *schema;
    const struct json *resource;
    struct schema_resource *next;
};
struct schema_list {
    struct schema_node *all; /* those without a name too */
    struct schema **schemas; /* the named ones, in the order of the files */
    size_t count, capacity;
    struct schema_resource *resources;
    struct schema_reference *references; /* what schemas_link has to resolve */
};
MUST_CHECK err_t schemas_load(struct arena *, const struct json *file, struct schema_list *, struct error *);
MUST_CHECK err_t schemas_link(struct schema_list *, struct error *);
/* What schemas_link does at its end: refuses marks that fit no field, and fields that look like references and have
 * neither mark nor excuse; fills in schema.targets. */
struct schema_node {
    struct schema *schema;
    struct schema_node *next;
};
MUST_CHECK err_t schemas_mark(struct schema_list *, struct error *);
/* "secret"; the texts of x-coffer-reference. NULL for those that are no targets. */
const char *schema_target_name(enum schema_target);

#endif
