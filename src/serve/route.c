/* SPDX-License-Identifier: Apache-2.0 */
/* Paths: a resource under /api/V or /apis/G/V, or a row of the table of documents.
 *
 *   [watch/] [namespaces/NS/] RESOURCE [/NAME [/SUBRESOURCE]]      and namespaces/NS itself, a resource too
 *
 * What is wrong with a path is kept until the client has shown that it may know. */
#include "serve/steps.h"

#define SEGMENTS_MAX 10

static const struct route routes[] = {
    {"/", false, false, root_document},
    {"/.well-known/openid-configuration", false, false, openid_configuration_document},
    {"/api", false, false, api_document},
    {"/api", true, false, api_below_document},
    {"/apis", false, false, apis_document},
    {"/apis", true, false, apis_below_document},
    {"/healthz", false, false, health_document},
    {"/healthz", true, false, health_document},
    {"/livez", false, true, health_document},
    {"/livez", true, false, health_document},
    {"/metrics", false, false, metrics_document},
    {"/openapi/v2", false, false, openapi_v2_document},
    {"/openapi/v3", false, false, openapi_v3_document},
    {"/openapi/v3", true, false, openapi_v3_below_document},
    {"/openid/v1/jwks", false, false, openid_keys_document},
    {"/readyz", false, true, health_document},
    {"/readyz", true, false, health_document},
    {"/version", false, false, version_document},
};

const struct route *routes_all(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(routes);
    return routes;
}

bytes route_rest(const struct request *r)
{
    size_t n = strlen(r->route->path);
    bytes rest = n < r->path.n ? bytes_skip(r->path, n + 1) : BYTES_NONE;

    while (bytes_end(rest, BYTES("/")))
        rest.n--;
    return rest;
}

/* Verbs by method, for a collection and for a name; VERB_COUNT: none. HEAD is a GET whose body stays away. */
static const struct method {
    bytes name;
    const char *lower;
    enum verb collection, single;
} methods[] = {
    {{(const uint8_t *)"GET", 3}, "get", VERB_LIST, VERB_GET},
    {{(const uint8_t *)"HEAD", 4}, "head", VERB_LIST, VERB_GET},
    {{(const uint8_t *)"POST", 4}, "post", VERB_CREATE, VERB_COUNT},
    {{(const uint8_t *)"PUT", 3}, "put", VERB_COUNT, VERB_UPDATE},
    {{(const uint8_t *)"PATCH", 5}, "patch", VERB_COUNT, VERB_PATCH},
    {{(const uint8_t *)"DELETE", 6}, "delete", VERB_DELETECOLLECTION, VERB_DELETE},
    {{(const uint8_t *)"OPTIONS", 7}, "options", VERB_COUNT, VERB_COUNT},
};

static const struct method *method_find(bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (bytes_equal(methods[i].name, name))
            return &methods[i];
    return NULL;
}

struct segments {
    bytes at[SEGMENTS_MAX];
    size_t count; /* SEGMENTS_MAX + 1: more than that */
};

/* Without the slashes at the end. */
static struct segments split(bytes path)
{
    struct segments ret = {.count = 0};

    while (bytes_end(path, BYTES("/")))
        path.n--;
    while (path.n > 0) {
        size_t n;
        path = bytes_skip(path, 1);
        n = bytes_find(path, '/');
        if (ret.count == SEGMENTS_MAX) {
            ret.count++;
            break;
        }
        ret.at[ret.count++] = (bytes){path.p, n};
        path = bytes_skip(path, n);
    }
    return ret;
}

/* One true value of the query, without decoding all of it: what decides between list and watch. */
static bool asks_to_watch(bytes query)
{
    while (query.n > 0) {
        size_t n = bytes_find(query, '&');
        bytes pair = {query.p, n};
        if (bytes_start(pair, BYTES("watch=")) || bytes_equal(pair, BYTES("watch"))) {
            bytes value = pair.n > 6 ? bytes_skip(pair, 6) : BYTES_NONE;
            return !bytes_equal(value, BYTES("0")) &&
                   !(value.n == 5 && strncasecmp((const char *)value.p, "false", 5) == 0);
        }
        query = n < query.n ? bytes_skip(query, n + 1) : BYTES_NONE;
    }
    return false;
}

/* Whether the path has the shape that the kind's scope needs, and the verb is one that the kind offers there. A
 * namespace itself is at namespaces/NS, which sets both. */
static err_t judge(const struct request *r, const struct attributes *a, const struct kind_subresource *part)
{
    if ((a->subresource.n > 0 && !part) || (!r->kind->namespaced && a->namespace.n > 0 && a->namespace.p != a->name.p))
        return ERR_NOT_FOUND;
    if (r->kind->namespaced && a->namespace.n == 0 && r->name.n > 0)
        return ERR_NOT_FOUND;
    if (!kind_is_stored(r->kind) && (r->name.n > 0 || r->kind->namespaced != (a->namespace.n > 0)))
        return ERR_NOT_FOUND;
    if (r->verb == VERB_COUNT || !((part ? part->verbs : r->kind->verbs) & VERB_BIT(r->verb)))
        return ERR_METHOD_NOT_ALLOWED;
    if (r->kind->namespaced && a->namespace.n == 0 && r->verb != VERB_LIST && r->verb != VERB_WATCH)
        return ERR_METHOD_NOT_ALLOWED;
    return ERR_OK;
}

static void resolve_verb(struct request *r, const struct method *method, bool watch_path)
{
    bool get = method && (method->collection == VERB_LIST);

    r->verb = !method ? VERB_COUNT : r->name.n > 0 ? method->single : method->collection;
    if (r->attributes.subresource.n > 0 && method && method->collection == VERB_CREATE)
        r->verb = VERB_CREATE;
    if (get && watch_path) {
        r->legacy_watch = true;
        r->verb = VERB_WATCH;
    } else if (r->verb == VERB_LIST && asks_to_watch(r->exchange->query) && method == &methods[0]) {
        r->verb = VERB_WATCH;
    }
}

/* Posting a binding, an eviction or a request for a token is a create for authorization. For the steps the first two
 * are an update and a delete of the Pod, the third an update of the account that changes nothing. */
static enum verb verb_of_steps(enum verb verb, enum subresource subresource)
{
    if (verb != VERB_CREATE)
        return verb;
    if (subresource == SUBRESOURCE_BINDING || subresource == SUBRESOURCE_TOKEN)
        return VERB_UPDATE;
    return subresource == SUBRESOURCE_EVICTION ? VERB_DELETE : verb;
}

static void resolve_part(struct request *r, bool too_long)
{
    struct attributes *a = &r->attributes;
    const struct kind_subresource *part = r->kind ? kind_subresource_find(r->kind, a->subresource) : NULL;

    r->route_result = !r->kind || too_long ? ERR_NOT_FOUND : judge(r, a, part);
    if (r->route_result != ERR_OK) {
        r->kind = NULL, r->verb = VERB_COUNT;
        return;
    }
    kind_hold(r->kind);
    if (r->kind->namespaced)
        r->namespace = a->namespace;
    if (part)
        r->subresource = part->which;
    r->verb = verb_of_steps(r->verb, r->subresource);
}

static void resolve_resource(struct request *r, const struct segments *s, size_t at, const struct method *method)
{
    struct attributes *a = &r->attributes;
    bool watch_path = s->count > at && bytes_equal(s->at[at], BYTES("watch"));

    a->resource_request = true;
    at += watch_path;
    if (at + 1 < s->count && bytes_equal(s->at[at], BYTES("namespaces"))) {
        a->namespace = s->at[at + 1];
        if (at + 2 < s->count && !bytes_equal(s->at[at + 2], BYTES("status")) &&
            !bytes_equal(s->at[at + 2], BYTES("finalize")))
            at += 2;
    }
    if (at < s->count)
        a->resource = s->at[at];
    if (at + 1 < s->count)
        a->name = s->at[at + 1];
    if (at + 2 < s->count)
        a->subresource = s->at[at + 2];
    r->name = a->name;
    r->kind = kind_by_resource(registry_current(), a->group, a->version, a->resource);
    resolve_verb(r, method, watch_path);
    a->verb = bytes_of(r->verb < VERB_COUNT ? verb_name(r->verb) : method ? method->lower : "unknown");
    resolve_part(r, s->count > SEGMENTS_MAX);
}

static void resolve_document(struct request *r, const struct method *method)
{
    bytes path = r->path;

    r->attributes.verb = bytes_of(method ? method->lower : "unknown");
    while (path.n > 1 && bytes_end(path, BYTES("/")))
        path.n--;
    for (size_t i = 0; i < ARRAY_LEN(routes) && !r->route; i++) {
        bytes prefix = bytes_of(routes[i].path);
        if (routes[i].below ? path.n > prefix.n && bytes_start(path, prefix) && path.p[prefix.n] == '/'
                            : bytes_equal(path, prefix))
            r->route = &routes[i];
    }
    r->route_result = !r->route                              ? ERR_NOT_FOUND
                      : method && method->single == VERB_GET ? ERR_OK
                                                             : ERR_METHOD_NOT_ALLOWED;
    r->open = r->route && r->route->bare_open && r->route_result == ERR_OK && r->server->options.anonymous_health &&
              r->exchange->query.n == 0;
}

enum step_result resolve_step(struct request *r)
{
    struct http_exchange *x = r->exchange;
    const struct method *method = method_find(x->method);
    struct segments s;
    bool core, grouped;

    r->path = x->path;
    if (bytes_find(x->path, '%') < x->path.n) {
        r->path = http_decode(r->arena, x->path, false);
        if (!r->path.p) {
            r->route_result = ERR_BAD_REQUEST;
            return STEP_NEXT;
        }
    }
    r->attributes.path = r->path;
    s = split(r->path);
    core = s.count >= 3 && bytes_equal(s.at[0], BYTES("api"));
    grouped = s.count >= 4 && bytes_equal(s.at[0], BYTES("apis"));
    if (grouped)
        r->attributes.group = s.at[1];
    if (core || grouped) {
        r->attributes.version = s.at[grouped ? 2 : 1];
        resolve_resource(r, &s, grouped ? 3 : 2, method);
    } else {
        resolve_document(r, method);
    }
    return STEP_NEXT;
}

enum step_result route_step(struct request *r)
{
    switch (r->route_result) {
    case ERR_OK:
        if (r->kind && r->kind->deprecation)
            warning_add(r->arena, &r->warnings, bytes_of(r->kind->deprecation));
        return STEP_NEXT;
    case ERR_BAD_REQUEST:
        return error_set(&r->error, ERR_BAD_REQUEST, "the path is not well percent-encoded"), STEP_FAIL;
    case ERR_METHOD_NOT_ALLOWED:
        r->details.present = true;
        (void)error_set(
            &r->error, ERR_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource");
        return STEP_FAIL;
    default:
        if (!r->attributes.resource_request)
            return answer_page_not_found(r);
        r->details.present = true;
        (void)error_set(&r->error, ERR_NOT_FOUND, "the server could not find the requested resource");
        return STEP_FAIL;
    }
}
