/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of OpenAPI documents: what may be done to which kind, with which parameters, bodies and answers. kubectl looks
 * here for the parameters of a patch, by which it knows what the server understands, and for the kind of a path. */
#include "api/openapi.h"
#include "api/schemas.h"

#include <ctype.h>

enum place { OF_NAMESPACE, OF_ALL_NAMESPACES, OF_CLUSTER };
enum content { CONTENT_NONE, CONTENT_OBJECT, CONTENT_LIST, CONTENT_PATCH, CONTENT_DELETE_OPTIONS, CONTENT_STATUS };

/* Sets of parameters. */
enum { FOR_GET = 1, FOR_LIST = 2, FOR_WRITE = 4, FOR_APPLY = 8, FOR_DELETE = 16, FOR_COLLECTION = 32 };
static const struct {
    const char *name, *type;
    unsigned sets;
} parameters[] = {
    {"allowWatchBookmarks", "boolean", FOR_LIST},
    {"continue", "string", FOR_LIST | FOR_COLLECTION},
    {"dryRun", "string", FOR_WRITE | FOR_DELETE | FOR_COLLECTION},
    {"fieldManager", "string", FOR_WRITE},
    {"fieldSelector", "string", FOR_LIST | FOR_COLLECTION},
    {"fieldValidation", "string", FOR_WRITE},
    {"force", "boolean", FOR_APPLY},
    {"gracePeriodSeconds", "integer", FOR_DELETE | FOR_COLLECTION},
    {"labelSelector", "string", FOR_LIST | FOR_COLLECTION},
    {"limit", "integer", FOR_LIST | FOR_COLLECTION},
    {"orphanDependents", "boolean", FOR_DELETE | FOR_COLLECTION},
    {"pretty", "string", FOR_GET | FOR_LIST | FOR_WRITE | FOR_DELETE | FOR_COLLECTION},
    {"propagationPolicy", "string", FOR_DELETE | FOR_COLLECTION},
    {"resourceVersion", "string", FOR_GET | FOR_LIST | FOR_COLLECTION},
    {"resourceVersionMatch", "string", FOR_LIST | FOR_COLLECTION},
    {"sendInitialEvents", "boolean", FOR_LIST},
    {"timeoutSeconds", "integer", FOR_LIST | FOR_COLLECTION},
    {"watch", "boolean", FOR_LIST},
};

struct operation {
    const char *method, *action, *does; /* does: how its identifier begins */
    enum verb verb;
    unsigned parameters;
    enum content body, answer;
    bool created; /* answers 201 too */
};
static const struct operation object_operations[] = {
    {"get", "get", "read", VERB_GET, FOR_GET, CONTENT_NONE, CONTENT_OBJECT, false},
    {"put", "put", "replace", VERB_UPDATE, FOR_WRITE, CONTENT_OBJECT, CONTENT_OBJECT, true},
    {"post", "post", "create", VERB_CREATE, FOR_WRITE, CONTENT_OBJECT, CONTENT_OBJECT, true}, /* of subresources */
    {"delete", "delete", "delete", VERB_DELETE, FOR_DELETE, CONTENT_DELETE_OPTIONS, CONTENT_STATUS, false},
    {"patch", "patch", "patch", VERB_PATCH, FOR_WRITE | FOR_APPLY, CONTENT_PATCH, CONTENT_OBJECT, true},
};
static const struct operation collection_operations[] = {
    {"get", "list", "list", VERB_LIST, FOR_LIST, CONTENT_NONE, CONTENT_LIST, false},
    {"post", "post", "create", VERB_CREATE, FOR_WRITE, CONTENT_OBJECT, CONTENT_OBJECT, true},
    {"delete", "deletecollection", "deleteCollection", VERB_DELETECOLLECTION, FOR_COLLECTION, CONTENT_DELETE_OPTIONS,
        CONTENT_STATUS, false},
};

static const char *const patch_types[] = {"application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json", "application/apply-patch+yaml"};
static const char *const answer_types[] = {
    "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"};

/* A path that is being written. */
struct path {
    const struct openapi *w;
    const struct kind *kind;
    const struct kind_subresource *part; /* NULL: the object itself, or its collection */
    enum place place;
    bool object;
    bytes object_name, list_name; /* of schemas */
};

/* ---- What an operation takes and gives */

static bytes schema_of(const struct path *p, enum content content)
{
    switch (content) {
    case CONTENT_OBJECT:
        return p->object_name;
    case CONTENT_LIST:
        return p->list_name;
    case CONTENT_PATCH:
        return bytes_of(schema_patch.openapi_name);
    case CONTENT_DELETE_OPTIONS:
        return bytes_of(schema_delete_options.openapi_name);
    case CONTENT_STATUS:
        /* A Namespace answers with itself, and so does what has a grace period: the Status is what most give. */
        return p->kind->delete_returns_object && p->object ? p->object_name : bytes_of(schema_status.openapi_name);
    default:
        return BYTES_NONE;
    }
}

static void put_parameter(const struct openapi *w, const char *name, const char *type, const char *in)
{
    bool required = strcmp(in, "path") == 0;
    openapi_text(w, "name", name);
    openapi_text(w, "in", in);
    if (required)
        buffer_text(w->out, ",\"required\":true");
    if (!w->v2)
        buffer_text(w->out, ",\"schema\":{");
    openapi_text(w, "type", type);
    buffer_text(w->out, w->v2 ? ",\"uniqueItems\":true" : ",\"uniqueItems\":true}");
}

static void put_parameters(const struct path *p, const struct operation *o)
{
    const struct openapi *w = p->w;
    bool any = false;
    openapi_key(w, "parameters");
    buffer_byte(w->out, '[');
    if (w->v2 && o->body != CONTENT_NONE) {
        buffer_text(w->out, "{\"name\":\"body\",\"in\":\"body\",\"schema\":");
        openapi_reference(w, schema_of(p, o->body));
        buffer_text(w->out, o->body == CONTENT_DELETE_OPTIONS ? "}" : ",\"required\":true}");
        any = true;
    }
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++) {
        if (!(parameters[i].sets & o->parameters))
            continue;
        buffer_text(w->out, any ? ",{" : "{");
        put_parameter(w, parameters[i].name, parameters[i].type, "query");
        buffer_byte(w->out, '}');
        any = true;
    }
    buffer_byte(w->out, ']');
}

/* Custom resources are neither merged strategically nor shown as protobuf. */
static size_t types_of(const struct path *p, enum content body, const char *ret[ARRAY_LEN(patch_types)])
{
    size_t n = 0;
    if (body != CONTENT_PATCH)
        ret[n++] = "*/*";
    else
        for (size_t i = 0; i < ARRAY_LEN(patch_types); i++)
            if (i != 2 || !p->kind->custom)
                ret[n++] = patch_types[i];
    return n;
}

static void put_types(const struct openapi *w, const char *name, const char *const *types, size_t count)
{
    openapi_key(w, name);
    for (size_t i = 0; i < count; i++) {
        buffer_byte(w->out, i ? ',' : '[');
        json_write_string(w->out, bytes_of(types[i]));
    }
    buffer_byte(w->out, ']');
}

static void put_content(const struct openapi *w, const char *const *types, size_t count, bytes schema)
{
    buffer_text(w->out, "\"content\":{");
    for (size_t i = 0; i < count; i++) {
        openapi_key(w, types[i]);
        buffer_text(w->out, "{\"schema\":");
        openapi_reference(w, schema);
        buffer_byte(w->out, '}');
    }
    buffer_byte(w->out, '}');
}

static void put_response(const struct path *p, const char *code, const char *description, bytes schema)
{
    const struct openapi *w = p->w;
    openapi_key(w, code);
    buffer_byte(w->out, '{');
    openapi_text(w, "description", description);
    if (schema.n && w->v2) {
        openapi_key(w, "schema");
        openapi_reference(w, schema);
    } else if (schema.n) {
        buffer_byte(w->out, ',');
        put_content(w, answer_types, ARRAY_LEN(answer_types) - p->kind->custom, schema);
    }
    buffer_byte(w->out, '}');
}

static void put_bodies(const struct path *p, const struct operation *o)
{
    const struct openapi *w = p->w;
    const char *types[ARRAY_LEN(patch_types)];
    size_t count = types_of(p, o->body, types);

    if (w->v2) {
        put_types(w, "consumes", types, count);
        put_types(w, "produces", answer_types, ARRAY_LEN(answer_types) - p->kind->custom);
    } else if (o->body != CONTENT_NONE) {
        buffer_text(w->out, ",\"requestBody\":{");
        put_content(w, types, count, schema_of(p, o->body));
        buffer_text(w->out, o->body == CONTENT_DELETE_OPTIONS ? "}" : ",\"required\":true}");
    }
    openapi_key(w, "responses");
    buffer_byte(w->out, '{');
    put_response(p, "200", "OK", schema_of(p, o->answer));
    if (o->created)
        put_response(p, "201", "Created", schema_of(p, o->answer));
    put_response(p, "401", "Unauthorized", BYTES_NONE);
    buffer_byte(w->out, '}');
}

/* ---- Identifiers, as client libraries are generated from them: readAppsV1NamespacedDeploymentStatus */

/* The group without what all of Kubernetes' own end in, its parts joined; "core" has no name. */
static void put_group(struct buffer *b, const char *group, bool upper)
{
    bytes name = bytes_of(group[0] ? group : "core"), ending = BYTES(".k8s.io");
    if (bytes_end(name, ending))
        name.n -= ending.n;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != '.' && name.p[i] != '-')
            buffer_byte(b, upper ? (uint8_t)toupper(name.p[i]) : name.p[i]);
        upper = name.p[i] == '.' || name.p[i] == '-';
    }
}

static void put_capital(struct buffer *b, const char *word)
{
    if (!word[0])
        return;
    buffer_byte(b, (uint8_t)toupper((unsigned char)word[0]));
    buffer_text(b, word + 1);
}

static void put_identifier(const struct path *p, const struct operation *o)
{
    struct buffer *b = p->w->out;
    bool collection = o->verb == VERB_DELETECOLLECTION;

    openapi_key(p->w, "operationId");
    buffer_byte(b, '"');
    buffer_text(b, collection ? "delete" : o->does);
    put_group(b, p->kind->group, true);
    put_capital(b, p->kind->version);
    buffer_text(b, collection ? "Collection" : "");
    buffer_text(b, p->place == OF_NAMESPACE ? "Namespaced" : "");
    buffer_text(b, p->kind->kind);
    put_capital(b, p->part ? subresource_name(p->part->which) : "");
    buffer_text(b, p->place == OF_ALL_NAMESPACES ? "ForAllNamespaces\"" : "\"");
    openapi_key(p->w, "tags");
    buffer_text(b, "[\"");
    put_group(b, p->kind->group, false);
    buffer_byte(b, '_');
    buffer_text(b, p->kind->version);
    buffer_text(b, "\"]");
}

/* ---- Paths */

static void put_operation(const struct path *p, const struct operation *o)
{
    const struct openapi *w = p->w;
    const struct kind *k = p->kind;
    bool other = p->part && p->part->kind && !k->custom;

    openapi_key(w, o->method);
    buffer_byte(w->out, '{');
    put_identifier(p, o);
    put_parameters(p, o);
    put_bodies(p, o);
    openapi_text(w, "x-kubernetes-action", o->action);
    openapi_gvk(
        w, other ? p->part->group : k->group, other ? p->part->version : k->version, other ? p->part->kind : k->kind);
    buffer_byte(w->out, '}');
}

static void put_path_name(const struct path *p)
{
    const struct kind *k = p->kind;
    struct buffer *b = p->w->out;

    if (b->n && b->p[b->n - 1] != '{')
        buffer_byte(b, ',');
    buffer_format(b, "\"%s%s/%s/%s%s", k->group[0] ? "/apis/" : "/api", k->group, k->version,
        p->place == OF_NAMESPACE ? "namespaces/{namespace}/" : "", k->plural);
    buffer_text(b, p->object ? "/{name}" : "");
    buffer_text(b, p->part ? "/" : "");
    buffer_text(b, p->part ? subresource_name(p->part->which) : "");
    buffer_text(b, "\":{");
}

static void put_path_parameters(const struct path *p)
{
    const struct openapi *w = p->w;
    bool both = p->object && p->place == OF_NAMESPACE;

    if (!p->object && p->place != OF_NAMESPACE)
        return;
    buffer_text(w->out, ",\"parameters\":[{");
    if (p->object)
        put_parameter(w, "name", "string", "path");
    buffer_text(w->out, both ? "},{" : "");
    if (p->place == OF_NAMESPACE)
        put_parameter(w, "namespace", "string", "path");
    buffer_text(w->out, "}]");
}

static void put_path(const struct path *p, unsigned verbs)
{
    const struct operation *operations = p->object ? object_operations : collection_operations;
    size_t count = p->object ? ARRAY_LEN(object_operations) : ARRAY_LEN(collection_operations);
    bool any = false;

    for (size_t i = 0; i < count; i++)
        any = any || (verbs & VERB_BIT(operations[i].verb));
    if (!any)
        return;
    put_path_name(p);
    for (size_t i = 0; i < count; i++)
        if (verbs & VERB_BIT(operations[i].verb))
            put_operation(p, &operations[i]);
    put_path_parameters(p);
    buffer_byte(p->w->out, '}');
}

const struct schema *openapi_subresource_schema(const struct kind_subresource *part)
{
    static const struct schema *const schemas[SUBRESOURCE_COUNT] = {[SUBRESOURCE_SCALE] = &schema_scale,
        [SUBRESOURCE_BINDING] = &schema_binding,
        [SUBRESOURCE_EVICTION] = &schema_eviction,
        [SUBRESOURCE_TOKEN] = &schema_authentication_v1_token_request};
    return schemas[part->which];
}

void openapi_paths(const struct openapi *w, const struct kind *k)
{
    struct path p = {.w = w,
        .kind = k,
        .place = k->namespaced ? OF_NAMESPACE : OF_CLUSTER,
        .object_name = openapi_name(w->out->arena, k),
        .list_name = openapi_list_name(w->out->arena, k)};
    bytes own = p.object_name;

    w->out->failed = w->out->failed || !p.object_name.p || !p.list_name.p;
    put_path(&p, k->verbs);
    p.object = true;
    put_path(&p, k->verbs & ~VERB_BIT(VERB_CREATE));
    for (size_t i = 0; i < k->subresource_count; i++) {
        const struct schema *shown = openapi_subresource_schema(&k->subresources[i]);
        p.part = &k->subresources[i];
        p.object_name = shown ? bytes_of(shown->openapi_name) : own;
        put_path(&p, p.part->verbs);
    }
    p.part = NULL, p.object = false, p.object_name = own, p.place = OF_ALL_NAMESPACES;
    if (k->namespaced)
        put_path(&p, k->verbs & VERB_BIT(VERB_LIST));
}
