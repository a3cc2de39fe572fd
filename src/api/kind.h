/* SPDX-License-Identifier: Apache-2.0 */
/* What a kind is, and the registry of them. A new kind is a schema file and one C file with a struct kind. */
#ifndef COFFER_API_KIND_H
#define COFFER_API_KIND_H

#include "api/schema.h"

enum verb {
    VERB_GET,
    VERB_LIST,
    VERB_WATCH,
    VERB_CREATE,
    VERB_UPDATE,
    VERB_PATCH,
    VERB_DELETE,
    VERB_DELETECOLLECTION,
    VERB_COUNT
};
#define VERB_BIT(verb) (1u << (verb))
const char *verb_name(enum verb);

struct warnings;

struct column {
    const char *name, *type, *format, *description;
    int priority;
};

struct kind {
    uint16_t number;     /* in the store's keys; never reused: docs/architecture.md lists them */
    const char *group;   /* "" for core */
    const char *version; /* "v1" */
    const char *kind;    /* "Secret"; the list is this + "List" */
    const char *plural, *singular;
    const char *const *short_names;
    size_t short_name_count;
    const char *const *categories;
    size_t category_count;
    bool namespaced;
    unsigned verbs;                   /* VERB_BITs */
    const char *storage_prefix;       /* "secrets": the part after /registry/ of its key path */
    const struct schema *schema;      /* of the whole object */
    const char *storage_version_hash; /* shown in discovery; any stable text */

    /* Fields that field selectors may name, besides metadata.name and metadata.namespace: JSON paths, "type",
     * "status.phase". */
    const char *const *selectable_fields;
    size_t selectable_field_count;

    /* What a schema can't say. Objects are canonical trees, edited in place; all may be NULL. Field errors go into
     * error_cause. */
    /* After decoding, before defaults: stringData into data. */
    err_t (*decoded)(struct arena *, struct json *object, struct error *);
    /* Defaults beyond the schema's, and what the server owns (status, labels). old is NULL on create. */
    err_t (*prepare)(struct arena *, struct json *object, const struct json *old, struct error *);
    /* Adds causes. Names and metadata were checked before. old is NULL on create. */
    void (*validate)(struct arena *, const struct json *object, const struct json *old, struct error *);
    void (*validate_name)(
        struct arena *, bytes name, bool prefix, bytes field, struct error *); /* NULL: DNS-1123 subdomain */

    /* Sentences for Warning headers about an object that was found valid, and is accepted as it is. */
    void (*warn)(struct arena *, const struct json *object, struct warnings *);

    const struct column *columns; /* after Name; Age last is theirs too */
    size_t column_count;
    /* Appends the cells after Name as JSON values, each preceded by a comma. now: wall seconds, for ages. */
    void (*cells)(struct buffer *, const struct json *object, int64_t now);
    /* A delete answers with a Status (Secret), or with the object (Namespace). */
    bool delete_returns_object;
    /* Takes out of metadata what forms without the object's own fields (Table, PartialObjectMetadata) may not show.
     * NULL: nothing. */
    err_t (*redact_metadata)(struct arena *, struct json *metadata, struct error *);
};

/* All kinds, ordered by group, version and plural. */
const struct kind *const *kinds_all(size_t *ret_count);
const struct kind *kind_by_resource(bytes group, bytes version, bytes plural);
const struct kind *kind_by_name(bytes group, bytes version, bytes kind);
const struct kind *kind_by_number(uint16_t number);
/* Called by main before anything else; the table of kinds lives in src/kinds/kinds.c. */
void kinds_register(const struct kind *const *, size_t count);

/* "v1" or "group/version"; "secrets" or "roles.rbac.authorization.k8s.io"; into the arena. */
bytes kind_api_version(struct arena *, const struct kind *);
bytes kind_qualified_resource(struct arena *, const struct kind *);
/* "/registry/secrets/NS/NAME": the path that encryption binds to. key is "NS/NAME" or "NAME". */
bytes kind_storage_path(struct arena *, const struct kind *, bytes key);

/* Age columns: Kubernetes' human duration: "5s", "2m10s"; "<invalid>" for more than a second in the future. */
void human_duration(int64_t seconds, char ret[16]);

#endif
