/* SPDX-License-Identifier: Apache-2.0 */
/* What the OpenAPI documents of both versions share. */
#ifndef COFFER_API_OPENAPI_H
#define COFFER_API_OPENAPI_H

#include "api/kind.h"

/* OpenAPI's words for enum schema_type. */
struct openapi_type {
    const char *type, *format; /* format may be NULL */
};
extern const struct openapi_type openapi_types[];

/* The named schemas that a document needs, each once. More than fit are left out: their references stay open. */
#define OPENAPI_SCHEMAS_MOST 512
struct openapi_schemas {
    const struct schema *schemas[OPENAPI_SCHEMAS_MOST];
    size_t count;
};
/* Adds the schema and all that it refers to. */
void openapi_need(struct openapi_schemas *, const struct schema *);

/* "/api/v1/namespaces/{namespace}/secrets", with "/{name}" for one object. */
void openapi_path(struct buffer *, const struct kind *, bool object);

#endif
