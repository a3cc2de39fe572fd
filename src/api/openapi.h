/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of OpenAPI share. Both versions are written by the same walk: version 2 has other words for some
 * things, and leaves out what it has none for.
 *
 *   openapi.c ─> openapi_paths.c    a path for every verb and subresource that is served
 *             ─> openapi_schema.c   the schemas that they name
 *   openapi_protobuf.c              version 2 once more, as gnostic's messages */
#ifndef COFFER_API_OPENAPI_H
#define COFFER_API_OPENAPI_H

#include "api/kind.h"

struct openapi {
    struct buffer *out;
    bool v2;
};

/* Starts a member of the object that is open: a comma unless it is the first, the name, a colon. */
void openapi_key(const struct openapi *, const char *name);
void openapi_key_bytes(const struct openapi *, bytes name);
/* A member that is a text; NULL: none. */
void openapi_text(const struct openapi *, const char *name, const char *value);
/* The content of x-kubernetes-group-version-kind for one kind. */
void openapi_gvk(const struct openapi *, const char *group, const char *version, const char *kind);

/* "io.k8s.api.core.v1.Secret", "com.example.v1.Widget"; into the arena. p is NULL when it is full. */
bytes openapi_name(struct arena *, const struct kind *);
bytes openapi_list_name(struct arena *, const struct kind *);
/* {"$ref":"#/..."} to the schema of that name. */
void openapi_reference(const struct openapi *, bytes name);

/* The named built-in schemas that a document needs, each once. */
#define OPENAPI_SCHEMAS_MOST 1024
struct openapi_schemas {
    const struct schema *schemas[OPENAPI_SCHEMAS_MOST];
    size_t count;
};
/* Adds the schema and all that it refers to. False when there is no more room. */
MUST_CHECK bool openapi_need(struct openapi_schemas *, const struct schema *);

/* Members of the object of schemas: a named built-in one; a custom kind's; a kind's list. */
void openapi_definition(const struct openapi *, const struct schema *);
void openapi_custom_definition(const struct openapi *, const struct kind *);
void openapi_list_definition(const struct openapi *, const struct kind *);

/* Members of the object of paths: all paths of the kind. */
void openapi_paths(const struct openapi *, const struct kind *);
/* The schema of what a subresource takes and gives, when that is another kind's; else NULL. */
const struct schema *openapi_subresource_schema(const struct kind_subresource *);

/* The same document as gnostic's message openapi.v2.Document. */
MUST_CHECK err_t openapi_protobuf(struct arena *, bytes v2_json, struct buffer *out, struct error *);

#endif
