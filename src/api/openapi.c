/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI documents: version 3 for each group version, version 2 for all. */
#include "api/openapi.h"

#include "api/discovery.h"
#include "api/schemas.h"

#define INFORMATION "\"info\":{\"title\":\"Coffer\",\"version\":\"v1.34.0+coffer\"}"

/* What all paths speak of. */
static const struct schema *const common[] = {
    &schema_object_meta, &schema_list_meta, &schema_delete_options, &schema_patch, &schema_status};

/* The named schemas of a kind. What is named in a custom one are the types of metadata, which all need. */
static bool need_kind(struct openapi_schemas *needed, const struct kind *k)
{
    bool fits = k->custom || !k->schema || openapi_need(needed, k->schema);
    for (size_t i = 0; fits && i < k->subresource_count; i++) {
        const struct schema *schema = openapi_subresource_schema(&k->subresources[i]);
        fits = !schema || openapi_need(needed, schema);
    }
    return fits;
}

static void put_definitions(const struct openapi *w, const struct kind *const *kinds, size_t count)
{
    struct openapi_schemas *needed = arena_zero(w->out->arena, sizeof(*needed));
    bool fits = needed;

    for (size_t i = 0; fits && i < ARRAY_LEN(common); i++)
        fits = openapi_need(needed, common[i]);
    for (size_t i = 0; fits && i < count; i++)
        fits = need_kind(needed, kinds[i]);
    if (!fits) {
        w->out->failed = true;
        return;
    }
    for (size_t i = 0; i < needed->count; i++)
        openapi_definition(w, needed->schemas[i]);
    for (size_t i = 0; i < count; i++) {
        if (kinds[i]->custom)
            openapi_custom_definition(w, kinds[i]);
        if (kinds[i]->verbs & VERB_BIT(VERB_LIST))
            openapi_list_definition(w, kinds[i]);
    }
}

void openapi_v3(struct buffer *b, const struct kind *const *kinds, size_t count)
{
    struct openapi w = {.out = b};
    buffer_text(b, "{\"openapi\":\"3.0.0\"," INFORMATION ",\"paths\":{");
    for (size_t i = 0; i < count; i++)
        openapi_paths(&w, kinds[i]);
    buffer_text(b, "},\"components\":{\"schemas\":{");
    put_definitions(&w, kinds, count);
    buffer_text(b, "}}}\n");
}

void openapi_v2_json(struct buffer *b, const struct registry *registry)
{
    struct openapi w = {.out = b, .v2 = true};
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry, &count);
    buffer_text(b, "{\"swagger\":\"2.0\"," INFORMATION ",\"paths\":{");
    for (size_t i = 0; i < count; i++)
        openapi_paths(&w, kinds[i]);
    buffer_text(b, "},\"definitions\":{");
    put_definitions(&w, kinds, count);
    buffer_text(b, "}}\n");
}

void openapi_v2_protobuf(struct buffer *b, const struct registry *registry)
{
    struct buffer json;
    struct error error;
    buffer_init(&json, b->arena);
    error_init(&error, b->arena);
    openapi_v2_json(&json, registry);
    if (json.failed || openapi_protobuf(b->arena, buffer_bytes(&json), b, &error) != ERR_OK)
        b->failed = true;
}
