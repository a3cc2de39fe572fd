/* SPDX-License-Identifier: Apache-2.0 */
/* Documents about the API: made from the registry of kinds on demand. */
#include "api/discovery.h"
#include "crypt/kdf.h"
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

/* With an ETag of its content; 304 when the client has it. */
static enum step_result send_cached(struct request *r, struct buffer *out, bytes type)
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t hash[32];
    char tag[2 * sizeof hash + 2];
    struct http_header headers[3] = {
        {TEXT("Cache-Control"), TEXT("public")}, {TEXT("Etag"), {NULL, 0}}, {TEXT("Vary"), TEXT("Accept")}};

    if (out->failed)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    sha256(buffer_bytes(out), hash);
    tag[0] = tag[sizeof tag - 1] = '"';
    for (size_t i = 0; i < sizeof hash; i++) {
        tag[1 + 2 * i] = digits[hash[i] >> 4];
        tag[2 + 2 * i] = digits[hash[i] & 15];
    }
    headers[1].value = arena_copy(r->arena, (bytes){(const uint8_t *)tag, sizeof tag});
    if (!headers[1].value.p)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    if (bytes_equal(http_header(r->exchange, BYTES("if-none-match")), headers[1].value))
        answer_bytes_with(r, 304, BYTES_NONE, BYTES_NONE, headers, ARRAY_LEN(headers));
    else
        answer_bytes_with(r, 200, type, buffer_bytes(out), headers, ARRAY_LEN(headers));
    return STEP_DONE;
}

/* ---- What Accept asks for. */

static bytes trim(bytes b)
{
    while (b.n > 0 && (b.p[0] == ' ' || b.p[0] == '\t'))
        b = bytes_skip(b, 1);
    while (b.n > 0 && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
        b.n--;
    return b;
}

/* The part before the mark, trimmed; *rest goes on after it. */
static bytes part(bytes *rest, uint8_t mark)
{
    size_t n = bytes_find(*rest, mark);
    bytes ret = {rest->p, n};

    *rest = n < rest->n ? bytes_skip(*rest, n + 1) : BYTES_NONE;
    return trim(ret);
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
        discovery_aggregated(&out, registry_current(), core);
        return send_cached(r, &out, AGGREGATED_TYPE);
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
    struct buffer out;

    begin(r, &out);
    if (accept.n > 0 && memmem(accept.p, accept.n, mark.p, mark.n)) {
        openapi_v2_protobuf(&out, registry_current());
        return send_cached(r, &out, BYTES("application/com.github.proto-openapi.spec.v2.v1.0+protobuf"));
    }
    openapi_v2_json(&out, registry_current());
    return send_cached(r, &out, JSON_TYPE);
}

enum step_result openapi_v3_document(struct request *r)
{
    struct buffer out;

    begin(r, &out);
    buffer_text(&out, "{\"paths\":{");
    {
        size_t count;
        const struct group_version *v = group_versions(r->arena, registry_current(), &count);
        for (size_t i = 0; v && i < count; i++) {
            const struct kind *k = v[i].kinds[0];
            const char *root = k->group[0] ? "apis/" : "api";
            buffer_format(&out, "%s\"%s%s/%s\":{\"serverRelativeURL\":\"/openapi/v3/%s%s/%s\"}", i ? "," : "", root,
                k->group, k->version, root, k->group, k->version);
        }
    }
    buffer_text(&out, "}}\n");
    return send_cached(r, &out, JSON_TYPE);
}

enum step_result openapi_v3_below_document(struct request *r)
{
    bytes rest = route_rest(r), root = part(&rest, '/');
    bytes group = bytes_equal(root, BYTES("apis")) ? part(&rest, '/') : BYTES_NONE;
    const struct kind *const *kinds;
    size_t count;
    struct buffer out;

    begin(r, &out);
    if ((!bytes_equal(root, BYTES("api")) && group.n == 0) ||
        !group_version_find(registry_current(), group, rest, &count))
        return answer_page_not_found(r);
    kinds = group_version_find(registry_current(), group, rest, &count);
    openapi_v3(&out, kinds, count);
    return send_cached(r, &out, JSON_TYPE);
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
