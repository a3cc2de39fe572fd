/* SPDX-License-Identifier: Apache-2.0 */
/* Documents about the API, made from the registry of kinds: small ones on demand, the others kept. */
#include "api/discovery.h"
#include "base/clock.h"
#include "net/gzip.h"
#include "net/gzip_kept.h"
#include "serve/document_cache.h"
#include "serve/steps.h"

#define JSON_TYPE       BYTES("application/json")
#define AGGREGATED_TYPE BYTES("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                                             \
    }

/* A document is larger than what an exchange without a body may hold. */
static void begin(struct request *r, struct buffer *out)
{
    r->arena->limit = READ_ARENA_LIMIT;
    buffer_init(out, r->arena);
}

static enum step_result send(struct request *r, struct buffer *out, bytes type)
{
    if (out->failed)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    answer_bytes(r, 200, type, buffer_bytes(out));
    return STEP_DONE;
}

/* ---- Documents that are kept. */

/* How long a client may keep one. */
enum caching { CACHE_CHECK, CACHE_PUBLIC, CACHE_FOREVER };

#define PACK_LEAST   (128u << 10) /* of discovery, as kube-apiserver; OpenAPI is compressed for all who take it so */
#define YEAR_SECONDS (365 * 24 * 60 * 60)

/* The headers of r->document, but for what all answers have. Returns how many there are; 0: the arena is full. */
static size_t document_headers(struct request *r, enum caching caching, struct http_header ret[5])
{
    static const struct http_header controls[] = {{TEXT("Cache-Control"), TEXT("no-cache, private")},
        {TEXT("Cache-Control"), TEXT("public")}, {TEXT("Cache-Control"), TEXT("public, immutable")}};
    char expires[CLOCK_HTTP_SIZE];
    size_t n = 0;

    clock_format_http(clock_wall_seconds() + YEAR_SECONDS, expires);
    ret[n++] = controls[caching];
    ret[n++] =
        (struct http_header){BYTES("Etag"), arena_format(r->arena, "\"%.*s\"", DOCUMENT_TAG_SIZE, r->document->tag)};
    if (caching == CACHE_FOREVER)
        ret[n++] = (struct http_header){BYTES("Expires"), arena_copy(r->arena, bytes_of(expires))};
    ret[n] = (struct http_header){BYTES("Vary"), BYTES("Accept")};
    return ret[1].value.p && ret[n - 1].value.p ? n + 1 : 0;
}

/* In pieces, for who does not take it compressed. */
static enum step_result send_plain(struct request *r, bytes type, const struct http_header *extra, size_t extra_count)
{
    struct http_source *source = gzip_expand_new(r->document->packed);
    size_t count;
    const struct http_header *headers = source ? answer_headers(r, type, extra, extra_count, &count) : NULL;

    if (!source)
        return error_set(&r->error, ERR_NO_MEMORY, "the system has no memory for this document now"), STEP_FAIL;
    if (!headers) {
        source->close(source, r->exchange);
        return arena_error(r->arena, &r->error), STEP_FAIL;
    }
    metrics_count(
        server_loop_current(r->server)->metrics, r->verb, 200, clock_monotonic_us() - r->exchange->received_us);
    http_stream(r->exchange, 200, headers, count, source);
    return STEP_DONE;
}

/* 304 when the client has it. */
static enum step_result send_document(struct request *r, bytes type, enum caching caching)
{
    bytes known = http_header(r->exchange, BYTES("if-none-match"));
    struct http_header extra[6];
    size_t n = document_headers(r, caching, extra);

    if (n == 0)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    if (known.n && memmem(known.p, known.n, extra[1].value.p, extra[1].value.n)) {
        answer_bytes_with(r, 304, BYTES_NONE, BYTES_NONE, extra, n);
        return STEP_DONE;
    }
    if (caching == CACHE_PUBLIC && r->document->plain_size < PACK_LEAST)
        return send_plain(r, type, extra, n);
    extra[n - 1].value = BYTES("Accept, Accept-Encoding");
    if (!gzip_accepted(http_header(r->exchange, BYTES("accept-encoding"))))
        return send_plain(r, type, extra, n);
    extra[n++] = (struct http_header){BYTES("Content-Encoding"), BYTES("gzip")};
    r->answer.headers = answer_headers(r, type, extra, n, &r->answer.header_count);
    if (!r->answer.headers)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    r->answer.status = 200;
    r->answer.body = r->document->packed;
    answer_send(r);
    return STEP_DONE;
}

static enum step_result get_and_send(struct request *r, enum document_type which, bytes type, enum caching caching)
{
    enum step_result result = kept_document_get(r, which, NULL, 0);

    return result == STEP_NEXT ? send_document(r, type, caching) : result;
}

/* ---- What Accept asks for. */

/* The part before the mark, trimmed; *rest goes on after it. */
static bytes part(bytes *rest, uint8_t mark)
{
    size_t n = bytes_find(*rest, mark);
    bytes ret = {rest->p, n};

    *rest = n < rest->n ? bytes_skip(*rest, n + 1) : BYTES_NONE;
    return bytes_trim(ret);
}

enum discovery_form { DISCOVERY_NONE, DISCOVERY_PLAIN, DISCOVERY_AGGREGATED };

static enum discovery_form form_of_range(bytes range)
{
    bytes type = part(&range, ';'), as = BYTES_NONE, group = BYTES_NONE, version = BYTES_NONE;

    if (!bytes_equal(type, JSON_TYPE) && !bytes_equal(type, BYTES("*/*")) && !bytes_equal(type, BYTES("application/*")))
        return DISCOVERY_NONE;
    while (range.n > 0) {
        bytes parameter = part(&range, ';'), name = part(&parameter, '=');
        if (bytes_equal(name, BYTES("as")))
            as = parameter;
        else if (bytes_equal(name, BYTES("g")))
            group = parameter;
        else if (bytes_equal(name, BYTES("v")))
            version = parameter;
    }
    if (as.n == 0)
        return DISCOVERY_PLAIN;
    return bytes_equal(as, BYTES("APIGroupDiscoveryList")) && bytes_equal(group, BYTES("apidiscovery.k8s.io")) &&
                   bytes_equal(version, BYTES("v2"))
               ? DISCOVERY_AGGREGATED
               : DISCOVERY_NONE;
}

/* The first that we have, as clients list what they like best first. */
static enum discovery_form discovery_form(struct request *r)
{
    bytes accept = http_header(r->exchange, BYTES("accept"));
    enum discovery_form form = accept.n == 0 ? DISCOVERY_PLAIN : DISCOVERY_NONE;

    while (accept.n > 0 && form == DISCOVERY_NONE)
        form = form_of_range(part(&accept, ','));
    return form;
}

static bool takes_json(struct request *r)
{
    bytes accept = http_header(r->exchange, BYTES("accept"));
    bool takes = accept.n == 0;

    while (accept.n > 0 && !takes)
        takes = form_of_range(part(&accept, ',')) == DISCOVERY_PLAIN;
    return takes;
}

static enum step_result not_acceptable(struct request *r)
{
    (void)error_set(&r->error, ERR_NOT_ACCEPTABLE,
        "only the following media types are accepted: application/json, application/yaml, "
        "application/vnd.kubernetes.protobuf");
    return STEP_FAIL;
}

static enum step_result discovery_root(struct request *r, bool core)
{
    struct buffer out;

    begin(r, &out);
    switch (discovery_form(r)) {
    case DISCOVERY_NONE:
        return not_acceptable(r);
    case DISCOVERY_AGGREGATED:
        return get_and_send(r, core ? DOCUMENT_CORE : DOCUMENT_GROUPS, AGGREGATED_TYPE, CACHE_PUBLIC);
    default:
        if (core)
            discovery_api_versions(&out, r->exchange->authority);
        else
            discovery_group_list(&out, registry_current());
        return send(r, &out, JSON_TYPE);
    }
}

enum step_result api_document(struct request *r)
{
    return discovery_root(r, true);
}

enum step_result apis_document(struct request *r)
{
    return discovery_root(r, false);
}

enum step_result api_below_document(struct request *r)
{
    struct buffer out;

    begin(r, &out);
    return discovery_resources(&out, registry_current(), BYTES(""), route_rest(r)) ? send(r, &out, JSON_TYPE)
                                                                                   : answer_page_not_found(r);
}

enum step_result apis_below_document(struct request *r)
{
    bytes rest = route_rest(r), group = part(&rest, '/');
    struct buffer out;
    bool known;

    begin(r, &out);
    known = group.n > 0 && (rest.n > 0 ? discovery_resources(&out, registry_current(), group, rest)
                                       : discovery_group(&out, registry_current(), group));
    return known ? send(r, &out, JSON_TYPE) : answer_page_not_found(r);
}

enum step_result version_document(struct request *r)
{
    struct buffer out;

    begin(r, &out);
    discovery_version(&out);
    return send(r, &out, JSON_TYPE);
}

/* kubectl reads protobuf alone here, and asks for it with an "@" that is not in the name of the answer's type. */
enum step_result openapi_v2_document(struct request *r)
{
    bytes accept = http_header(r->exchange, BYTES("accept")), mark = BYTES("proto-openapi.spec.v2");

    if (accept.n > 0 && memmem(accept.p, accept.n, mark.p, mark.n))
        return get_and_send(
            r, DOCUMENT_V2_PROTOBUF, BYTES("application/com.github.proto-openapi.spec.v2.v1.0+protobuf"), CACHE_CHECK);
    return takes_json(r) ? get_and_send(r, DOCUMENT_V2_JSON, JSON_TYPE, CACHE_CHECK) : not_acceptable(r);
}

enum step_result openapi_v3_document(struct request *r)
{
    return get_and_send(r, DOCUMENT_V3_INDEX, JSON_TYPE, CACHE_CHECK);
}

/* The value of ?hash=, or nothing. */
static bytes asked_hash(struct request *r)
{
    struct cursor query = cursor_of(r->exchange->query);
    bytes name, value;

    while (http_query_next(r->arena, &query, &name, &value) == 1)
        if (bytes_equal(name, BYTES("hash")))
            return value;
    return BYTES_NONE;
}

/* Under its hash it never changes; under another the client is sent to today's. */
enum step_result openapi_v3_below_document(struct request *r)
{
    bytes rest = route_rest(r), root = part(&rest, '/'), hash = asked_hash(r), tag;
    bytes group = bytes_equal(root, BYTES("apis")) ? part(&rest, '/') : BYTES_NONE;
    const struct kind *const *kinds;
    struct http_header location = {BYTES("Location"), BYTES_NONE};
    enum step_result result;
    size_t count;

    kinds = group_version_find(registry_current(), group, rest, &count);
    if (!kinds || (!bytes_equal(root, BYTES("api")) && group.n == 0))
        return answer_page_not_found(r);
    if (!takes_json(r))
        return not_acceptable(r);
    result = kept_document_get(r, DOCUMENT_V3, kinds, count);
    if (result != STEP_NEXT)
        return result;
    tag = (bytes){(const uint8_t *)r->document->tag, DOCUMENT_TAG_SIZE};
    if (hash.n == 0 || bytes_equal(hash, tag))
        return send_document(r, JSON_TYPE, hash.n ? CACHE_FOREVER : CACHE_CHECK);
    location.value = arena_format(r->arena, "%.*s?hash=%.*s", BYTES_FMT(r->path), BYTES_FMT(tag));
    if (!location.value.p)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    answer_bytes_with(r, 301, BYTES_NONE, BYTES_NONE, &location, 1);
    return STEP_DONE;
}

/* ---- / lists the paths. */

static void put_path(struct buffer *out, bool *first, bytes path)
{
    buffer_text(out, *first ? "\n    " : ",\n    ");
    json_write_string(out, path);
    *first = false;
}

enum step_result root_document(struct request *r)
{
    size_t count, kind_count;
    const struct route *routes = routes_all(&count);
    const struct kind *const *kinds = registry_kinds(registry_current(), &kind_count), *before = NULL;
    struct buffer out;
    bool first = true;

    begin(r, &out);
    buffer_text(&out, "{\n  \"paths\": [");
    for (size_t i = 0; i < count; i++)
        if (!routes[i].below && strcmp(routes[i].path, "/") != 0)
            put_path(&out, &first, bytes_of(routes[i].path));
    for (size_t i = 0; i < kind_count; before = kinds[i++]) {
        const struct kind *k = kinds[i];
        if (before && strcmp(before->group, k->group) == 0 && strcmp(before->version, k->version) == 0)
            continue;
        put_path(&out, &first,
            k->group[0] ? arena_format(r->arena, "/apis/%s/%s", k->group, k->version)
                        : arena_format(r->arena, "/api/%s", k->version));
    }
    buffer_text(&out, "\n  ]\n}");
    return send(r, &out, JSON_TYPE);
}
