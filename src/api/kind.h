/* SPDX-License-Identifier: Apache-2.0 */
/* What a kind is, and the registry of them. A new kind is a schema file, which says all of struct kind, and one C file
 * with its rules; src/api/schemac.c makes the tables. */
#ifndef COFFER_API_KIND_H
#define COFFER_API_KIND_H

#include "api/schema.h"

#include <stdatomic.h>

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
struct kind;

/* ---- Parts of a kind. */

struct column {
    const char *name, *type, *format, *description;
    int priority;     /* above 0: with -o wide */
    const char *path; /* JSONPath of the cell; NULL: the age, or kind_rules.cells makes it */
};

enum subresource {
    SUBRESOURCE_NONE,
    SUBRESOURCE_STATUS,
    SUBRESOURCE_SCALE,
    SUBRESOURCE_FINALIZE,
    SUBRESOURCE_BINDING,
    SUBRESOURCE_EVICTION,
    SUBRESOURCE_EPHEMERAL_CONTAINERS,
    SUBRESOURCE_RESIZE,
    SUBRESOURCE_APPROVAL,
    SUBRESOURCE_TOKEN,
    SUBRESOURCE_COUNT
};

struct kind_subresource {
    enum subresource which;
    unsigned verbs;                     /* VERB_BITs: GET, UPDATE, PATCH; CREATE for binding, eviction, token */
    const char *group, *version, *kind; /* of what it takes and gives; NULL: the kind itself */
};
/* "status", "ephemeralcontainers" */
const char *subresource_name(enum subresource);

/* Where autoscaling/v1 Scale finds its numbers: simple JSONPaths. */
struct kind_scale {
    const char *spec_replicas, *status_replicas;
    const char *label_selector; /* a string, or a LabelSelector for built-in kinds; NULL: none */
};

/* What a schema can't say. Objects are canonical trees, edited in place; all may be NULL. Field errors go into
 * error_cause. One kind's rules serve all its versions. */
struct kind_rules {
    /* After decoding, before defaults: stringData into data. */
    err_t (*decoded)(struct arena *, const struct kind *, struct json *object, struct error *);
    /* Defaults beyond the schema's, of an object that a client sent: what upstream's SetDefaults functions do. What is
     * set here belongs to the client's field manager. */
    err_t (*set_defaults)(struct arena *, const struct kind *, struct json *object, struct error *);
    /* After admission: what the server owns (status, derived fields: upstream's PrepareForCreate and -Update); belongs
     * to no field manager. old is NULL on create. What an update through this subresource may not touch was carried
     * over from old before, and generation is counted after. */
    err_t (*prepare)(struct arena *, const struct kind *, enum subresource, struct json *object, const struct json *old,
        struct error *);
    /* Adds causes. Names and metadata were checked before, the schema's constraints too. old is NULL on create. */
    void (*validate)(struct arena *, const struct kind *, enum subresource, const struct json *object,
        const struct json *old, struct error *);
    /* NULL: DNS-1123 subdomain. */
    void (*validate_name)(struct arena *, bytes name, bool prefix, bytes field, struct error *);
    /* Sentences for Warning headers about an object that was found valid, and is accepted as it is. */
    void (*warn)(struct arena *, const struct kind *, const struct json *object, struct warnings *);
    /* Appends the cells after Name as JSON values, each preceded by a comma; NULL: by the columns' paths. now: wall
     * seconds, for ages. */
    void (*cells)(struct arena *, struct buffer *, const struct kind *, const struct json *object, int64_t now);
    /* Takes out of metadata what forms without the object's own fields (Table, PartialObjectMetadata) may not show. */
    err_t (*redact_metadata)(struct arena *, struct json *metadata, struct error *);
    /* Puts marks where the object holds values that not everybody who hears of it may see (a webhook): in place. */
    err_t (*hide)(struct arena *, struct json *object, struct error *);
    /* Puts the values of `real` back into an object that was made from a copy of it with marks: `hidden`. *ret_field:
     * the first field that has not kept its mark, or a mark where none was; empty when all is well. */
    err_t (*reveal)(struct arena *, struct json *object, const struct json *hidden, const struct json *real,
        bytes *ret_field, struct error *);
    /* What a selectable field says whose name is no path into the object ("source" of an Event); false: it is one. */
    bool (*select)(const struct json *object, bytes field, bytes *ret);
    /* Whether something beside metadata.finalizers holds an object that is being deleted: spec.finalizers of a
     * Namespace.
     */
    bool (*is_held)(const struct json *object);
    /* What the first delete of an object changes in it besides deletionTimestamp: a finalizer that holds it. */
    err_t (*deleting)(struct arena *, const struct kind *, struct json *object, struct error *);
    /* Seconds that a delete leaves the object (Pods); NULL: always 0, it is removed at once. given < 0: the client said
     * nothing. */
    int64_t (*grace_period)(const struct json *object, int64_t given);
    /* Of a kind whose version is not the stored one (kind.stored_as): between the two, in place, apiVersion and kind
     * included. NULL: only apiVersion differs. */
    err_t (*to_stored)(struct arena *, const struct kind *, struct json *object, struct error *);
    err_t (*from_stored)(struct arena *, const struct kind *, struct json *object, struct error *);
};

/* ---- A kind in one version. */

struct kind {
    uint16_t number;       /* in the store's keys, the same for all versions; never reused: docs/architecture.md lists
                            * them; 0: a review, created and answered but never stored */
    const char *group;     /* "" for core */
    const char *version;   /* "v1" */
    const char *kind;      /* "Secret" */
    const char *list_kind; /* NULL: kind + "List" */
    const char *plural, *singular;
    const char *const *short_names;
    size_t short_name_count;
    const char *const *categories;
    size_t category_count;
    bool namespaced;
    bool custom;                      /* defined by a CustomResourceDefinition: all members in order of their names */
    bool fits_on_read;                /* custom: what is stored may be as an earlier definition left it, so that each
                                       * read fits it to the schema */
    bool generation;                  /* metadata.generation counts changes outside of metadata and status */
    bool keeps_status;                /* status as the client sends it on create (Node); else it is dropped there */
    bool delete_returns_object;       /* a delete answers with the object (Namespace), not with a Status (Secret) */
    unsigned verbs;                   /* VERB_BITs */
    const char *storage_prefix;       /* "secrets": the part after /registry/ of its key path */
    const char *storage_version_hash; /* shown in discovery; any stable text */
    const struct schema *schema;      /* of the whole object */
    const struct kind *stored_as;     /* the version that is stored; NULL: this one */

    /* Fields that field selectors may name, besides metadata.name and metadata.namespace: "type", "status.phase". */
    const char *const *selectable_fields;
    size_t selectable_field_count;
    const struct kind_subresource *subresources;
    size_t subresource_count;
    const struct kind_scale *scale;
    const struct column *columns; /* after Name, unless it is among them; Age is theirs too */
    size_t column_count;
    const char *deprecation; /* a Warning for every request; NULL: none */

    const struct kind_rules *rules; /* never NULL */
    struct kind_set *set;           /* of a custom kind: what it lives and ends with; NULL: it is always there */
};

extern const struct kind_rules no_rules;

/* NULL when the kind has none of that sort, or of that name. */
const struct kind_subresource *kind_subresource_find(const struct kind *, bytes name);
/* Whether the kind has a status subresource. */
bool kind_has_status(const struct kind *);
/* Whether objects of it are kept; what is not has no names, and can only be created. */
static inline bool kind_is_stored(const struct kind *kind)
{
    return kind->number != 0;
}
/* The kind whose number, prefix and version are stored. */
static inline const struct kind *kind_stored(const struct kind *kind)
{
    return kind->stored_as ? kind->stored_as : kind;
}

/* ---- Lifetimes. Built-in kinds are constants. Custom kinds come and go while the server runs; all versions of one
 * definition live in one set. */

struct kind_set {
    atomic_uint references;
    const struct kind *const *kinds; /* one per served version, in order of preference, the stored one among them */
    size_t count;
    struct arena memory; /* a plain one: no secrets, not counted */
};
/* A reference to the kind's set, to keep the kind past the snapshot it was found in. Cheap; nothing for built-in ones.
 * Any thread; release accepts NULL. */
const struct kind *kind_hold(const struct kind *);
void kind_release(const struct kind *);

/* ---- The registry: an immutable snapshot of all kinds, swapped whole. */

struct registry;
/* The newest snapshot, borrowed: it, and kinds found in it, are valid until this thread calls this again. Takes no lock
 * unless the snapshot changed since the thread's last call. Never NULL. */
const struct registry *registry_current(void);
/* All kinds, ordered by group, version and plural. */
const struct kind *const *registry_kinds(const struct registry *, size_t *ret_count);
const struct kind *kind_by_resource(const struct registry *, bytes group, bytes version, bytes plural);
const struct kind *kind_by_name(const struct registry *, bytes group, bytes version, bytes kind);
/* The stored version of the kind with this number. */
const struct kind *kind_by_number(const struct registry *, uint16_t number);
/* Changes with each snapshot: for caches of what is made from it. */
uint64_t registry_version(const struct registry *);

/* Called by main before anything else with the built-in kinds, constants all. */
void kinds_register(const struct kind *const *, size_t count);
/* Puts a set in place of the one with the same group and plural, or adds it; takes over the caller's reference. False
 * without memory (the reference is then still the caller's). remove: takes them out; no matter when there are none. In
 * force for every registry_current after return. Any thread. */
MUST_CHECK bool registry_put(struct kind_set *);
MUST_CHECK bool registry_remove(bytes group, bytes plural);

/* "v1" or "group/version"; "secrets" or "roles.rbac.authorization.k8s.io"; into the arena. */
bytes kind_api_version(struct arena *, const struct kind *);
bytes kind_qualified_resource(struct arena *, const struct kind *);
/* "/registry/secrets/NS/NAME": the path that encryption binds to. key is "NS/NAME" or "NAME". */
bytes kind_storage_path(struct arena *, const struct kind *, bytes key);

/* Age columns: Kubernetes' human duration: "5s", "2m10s"; "<invalid>" for more than a second in the future. */
void human_duration(int64_t seconds, char ret[16]);

#endif
