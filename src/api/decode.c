/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies and stored values to objects: the format, the envelope, kind and version, and kube-apiserver's sentences about
 * them. */
#include "api/decode.h"

#include "api/object.h"
#include "api/schema_value.h"
#include "text/utf8.h"
#include "text/yaml.h"

/* ---- Media types */

static bool equal_ignoring_case(bytes a, bytes lower)
{
    if (a.n != lower.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if ((a.p[i] >= 'A' && a.p[i] <= 'Z' ? a.p[i] | 0x20 : a.p[i]) != lower.p[i])
            return false;
    return true;
}

err_t body_format_of(bytes content_type, enum body_format *ret, struct error *error)
{
    static const char *const names[] = {[BODY_JSON] = "application/json",
        [BODY_YAML] = "application/yaml",
        [BODY_PROTOBUF] = "application/vnd.kubernetes.protobuf"};
    bytes type = {content_type.p, bytes_find(content_type, ';')};
    while (type.n && (type.p[type.n - 1] == ' ' || type.p[type.n - 1] == '\t'))
        type.n--;
    while (type.n && (*type.p == ' ' || *type.p == '\t'))
        type = bytes_skip(type, 1);
    if (type.n == 0) {
        *ret = BODY_JSON;
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (equal_ignoring_case(type, bytes_of(names[i]))) {
            *ret = (enum body_format)i;
            return ERR_OK;
        }
    return error_set(error, ERR_UNSUPPORTED_MEDIA_TYPE,
        "the body of the request was in an unknown format - accepted media types include: %s, %s, %s", names[BODY_JSON],
        names[BODY_YAML], names[BODY_PROTOBUF]);
}

/* ---- What an unreadable body looked like */

#define SUMMARY_TEXT 30 /* characters of a JSON object */
#define SUMMARY_HEX  8  /* bytes of anything else: too few for a value */

/* How much of a JSON object may be shown: kind and apiVersion at its start, nothing that could be of a Secret. */
static size_t public_length(bytes body)
{
    size_t at = 1;
    while (at < body.n) {
        if (body.p[at] && strchr(" \t\r\n,}", body.p[at])) {
            at++;
            continue;
        }
        bytes rest = bytes_skip(body, at);
        if (!bytes_start(rest, BYTES("\"kind\":\"")) && !bytes_start(rest, BYTES("\"apiVersion\":\"")))
            return at;
        at += bytes_find(rest, ':') + 2;
        at += bytes_find(bytes_skip(body, at), '"') + 1;
    }
    return body.n;
}

static void put_summary(struct buffer *b, bytes body)
{
    if (body.n == 0) {
        buffer_text(b, "<empty>");
        return;
    }
    bool text = body.p[0] == '{';
    size_t most = text ? SUMMARY_TEXT : SUMMARY_HEX, shown = body.n < most ? body.n : most;
    if (text) {
        size_t public = public_length(body);
        while (shown > 1 && (shown > public || !utf8_valid((bytes){body.p, shown})))
            shown--;
    }
    if (text && body.p[shown - 1] < 0x80)
        buffer_put(b, (bytes){body.p, shown});
    for (size_t i = 0; i < shown && !text; i++)
        buffer_format(b, "%02x", body.p[i]);
    if (shown < body.n)
        buffer_text(b, " ...");
}

/* Before kind and version are known: "the object provided is unrecognized ...". */
static err_t refuse_unrecognized(struct arena *arena, const struct kind *kind, bytes body, struct error *error)
{
    struct buffer summary;
    if (!error || error->code != ERR_BAD_REQUEST)
        return error ? error->code : ERR_BAD_REQUEST;
    buffer_init(&summary, arena);
    put_summary(&summary, body);
    if (summary.failed)
        return arena_error(arena, error);
    return error_set(error, ERR_BAD_REQUEST, "the object provided is unrecognized (must be of type %s): %.*s (%.*s)",
        kind->kind, BYTES_FMT(error->message), BYTES_FMT(buffer_bytes(&summary)));
}

/* ---- Kind and version */

struct type {
    bytes api_version, kind;
};

static bytes version_of(bytes api_version)
{
    size_t slash = bytes_find(api_version, '/');
    return slash == api_version.n ? api_version : bytes_skip(api_version, slash + 1);
}

/* After kind and version are known: `Secret in version "v1" cannot be handled as a Secret: ...`. */
static err_t refuse_handling(struct arena *arena, const struct kind *kind, struct type type, struct error *error)
{
    if (!error || error->code != ERR_BAD_REQUEST)
        return error ? error->code : ERR_BAD_REQUEST;
    bytes version = utf8_quote(arena, version_of(type.api_version));
    if (!version.p)
        return arena_error(arena, error);
    return error_set(error, ERR_BAD_REQUEST, "%.*s in version %.*s cannot be handled as a %s: %.*s",
        BYTES_FMT(type.kind), BYTES_FMT(version), kind->kind, BYTES_FMT(error->message));
}

/* Kinds of the core group that kube-apiserver knows, whether we serve them or not: it says that one can't be converted,
 * not that it is unknown. */
static bool is_core_kind(bytes kind)
{
    static const char *const names[] = {"Binding", "ComponentStatus", "ConfigMap", "Endpoints", "Event", "LimitRange",
        "Namespace", "Node", "PersistentVolume", "PersistentVolumeClaim", "Pod", "PodTemplate", "ReplicationController",
        "ResourceQuota", "Secret", "Service", "ServiceAccount"};
    if (bytes_end(kind, BYTES("List")))
        kind.n -= strlen("List");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal(kind, bytes_of(names[i])))
            return true;
    return false;
}

/* The same of another kind that is built into this server. */
static bool is_built_in(const struct kind *kind, struct type type)
{
    size_t slash = bytes_find(type.api_version, '/');
    bytes group = slash < type.api_version.n ? (bytes){type.api_version.p, slash} : BYTES("");
    const struct kind *named = kind_by_name(registry_current(), group, version_of(type.api_version), type.kind);
    return named && !named->custom && strcmp(named->kind, kind->kind) != 0;
}

static err_t check_type(struct arena *arena, const struct kind *kind, struct type type, struct error *error)
{
    bytes expected = kind_api_version(arena, kind);
    if (arena->failed) /* what is compared may be cut */
        return arena_error(arena, error);
    bool same_version = bytes_equal(type.api_version, expected);
    if (same_version && bytes_equal(type.kind, bytes_of(kind->kind)))
        return ERR_OK;
    const char *internal = kind->group[0] ? kind->group : "core";
    bytes named = utf8_quote(arena, type.kind), version = utf8_quote(arena, type.api_version);
    if (!expected.p || !named.p || !version.p)
        return arena_error(arena, error);
    if ((bytes_equal(type.api_version, BYTES("v1")) && is_core_kind(type.kind)) || is_built_in(kind, type))
        (void)error_set(error, ERR_BAD_REQUEST, "converting (%.*s.%.*s) to (%.*s.%s): unknown conversion",
            BYTES_FMT(version_of(type.api_version)), BYTES_FMT(type.kind), (int)strcspn(internal, "."), internal,
            kind->kind);
    else
        (void)error_set(error, ERR_BAD_REQUEST,
            "no kind %.*s is registered for version %.*s in scheme \"pkg/runtime/scheme.go:110\"", BYTES_FMT(named),
            BYTES_FMT(version));
    return error ? error->code : ERR_BAD_REQUEST;
}

/* What is not said is what the URL says. */
static struct type complete(struct arena *arena, const struct kind *kind, struct type type)
{
    if (!type.api_version.n)
        type.api_version = kind_api_version(arena, kind);
    if (!type.kind.n)
        type.kind = bytes_of(kind->kind);
    return type;
}

/* Of members of one name the last counts. */
static const struct json *last_member(const struct json *object, bytes name)
{
    const struct json *found = NULL;
    for (const struct json *m = object->type == JSON_OBJECT ? object->first : NULL; m; m = m->next)
        if (bytes_equal(m->key, name))
            found = m;
    return found;
}

static bytes text_or_none(const struct json *value)
{
    return value && value->type == JSON_STRING ? value->text : BYTES_NONE;
}

/* Go reads these two first, by a struct without a name. */
static err_t read_type(const struct json *tree, struct type *ret, struct error *error)
{
    static const char *const values[] = {[JSON_FALSE] = "bool",
        [JSON_TRUE] = "bool",
        [JSON_NUMBER] = "number",
        [JSON_STRING] = "string",
        [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object"};
    const struct json *fields[] = {last_member(tree, BYTES("apiVersion")), last_member(tree, BYTES("kind"))};
    if (tree->type != JSON_OBJECT && tree->type != JSON_NULL)
        return error_set(error, ERR_BAD_REQUEST,
            "couldn't get version/kind; json parse error: json: cannot unmarshal %s into Go value of type struct { "
            "APIVersion string "
            "\"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }",
            values[tree->type]);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i] && fields[i]->type != JSON_STRING && fields[i]->type != JSON_NULL)
            return error_set(error, ERR_BAD_REQUEST,
                "couldn't get version/kind; json parse error: json: cannot unmarshal %s into Go struct field .%s of "
                "type string",
                values[fields[i]->type], i ? "kind" : "apiVersion");
    *ret = (struct type){text_or_none(fields[0]), text_or_none(fields[1])};
    size_t slash = bytes_find(ret->api_version, '/');
    if (slash < ret->api_version.n &&
        bytes_find(bytes_skip(ret->api_version, slash + 1), '/') < ret->api_version.n - slash - 1)
        return error_set(error, ERR_BAD_REQUEST, "unexpected GroupVersion string: %.*s", BYTES_FMT(ret->api_version));
    return ERR_OK;
}

/* ---- Bodies */

/* JSON keeps the members of one name, for the walker to tell; YAML tells by lines. */
static err_t parse_text(struct arena *arena, enum body_format format, bytes body, struct json **ret,
    struct json **ret_duplicates, struct error *error)
{
    const struct json_options options = {.keep_duplicates = true};
    if (format == BODY_YAML)
        return yaml_parse_duplicates(arena, body, 0, ret, ret_duplicates, error);
    err_t result = json_parse(arena, body, &options, ret, NULL, error);
    if (result == ERR_BAD_REQUEST && error)
        return error_set(error, result, "couldn't get version/kind; json parse error: %.*s", BYTES_FMT(error->message));
    return result;
}

/* The body as a tree that still is to be walked, and what it says that it is. */
static err_t read_body(struct arena *arena, const struct kind *kind, enum body_format format, bytes body,
    struct json **ret, struct json **ret_duplicates, struct type *ret_type, struct error *error)
{
    struct protobuf_envelope envelope;
    err_t result;
    if (format != BODY_PROTOBUF) {
        result = parse_text(arena, format, body, ret, ret_duplicates, error);
        if (result == ERR_OK)
            result = read_type(*ret, ret_type, error);
        return result == ERR_OK ? ERR_OK : refuse_unrecognized(arena, kind, body, error);
    }
    result = decode_envelope(body, &envelope, error);
    if (result != ERR_OK)
        return refuse_unrecognized(arena, kind, body, error);
    *ret_type = (struct type){envelope.api_version, envelope.kind};
    struct type type = complete(arena, kind, *ret_type);
    if (check_type(arena, kind, type, error) != ERR_OK)
        return refuse_handling(arena, kind, type, error);
    result = decode_protobuf(arena, kind->schema, envelope.raw, ret, error);
    return result == ERR_OK ? ERR_OK : refuse_handling(arena, kind, type, error);
}

/* kind and apiVersion as they were understood, in their place. */
static err_t set_type(
    struct arena *arena, const struct kind *kind, struct type type, struct json *object, struct error *error)
{
    const struct {
        bytes name, text;
    } members[] = {{BYTES("kind"), type.kind}, {BYTES("apiVersion"), type.api_version}};
    bool added = false;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct json *member = json_get(object, members[i].name);
        if (member)
            member->text = members[i].text;
        else if (!json_set(object, members[i].name, json_string(arena, members[i].text)))
            return arena_error(arena, error);
        added = added || !member;
    }
    if (added)
        schema_arrange(kind->schema, object);
    return ERR_OK;
}

static err_t walk(struct arena *arena, const struct kind *kind, struct type type, const struct json *tree,
    enum field_validation validation, struct warnings *warnings, struct json **ret, struct error *error)
{
    struct json *object;
    TRY(decode_tree(arena, kind->schema, tree, validation, warnings, &object, error));
    TRY(set_type(arena, kind, type, object, error));
    if (kind->rules->decoded)
        TRY(kind->rules->decoded(arena, kind, object, error));
    *ret = object;
    return ERR_OK;
}

/* Names that a YAML body sets twice. */
static err_t tell_duplicates(struct arena *arena, const struct json *duplicates, enum field_validation validation,
    struct warnings *warnings, struct error *error)
{
    struct buffer all;
    if (!duplicates || duplicates->count == 0 || validation == FIELD_VALIDATION_IGNORE)
        return ERR_OK;
    buffer_init(&all, arena);
    for (const struct json *sentence = duplicates->first; sentence; sentence = sentence->next) {
        if (validation == FIELD_VALIDATION_WARN)
            warning_add(arena, warnings, sentence->text);
        buffer_text(&all, "\n  ");
        buffer_put(&all, sentence->text);
    }
    if (validation == FIELD_VALIDATION_WARN)
        return ERR_OK;
    return all.failed ? arena_error(arena, error)
                      : error_set(error, ERR_BAD_REQUEST, "strict decoding error: yaml: unmarshal errors:%.*s",
                            BYTES_FMT(buffer_bytes(&all)));
}

err_t decode_object(struct arena *arena, const struct kind *kind, enum body_format format, bytes body,
    enum field_validation validation, struct warnings *warnings, struct json **ret, struct error *error)
{
    static const struct json nothing = {.type = JSON_OBJECT};
    struct json *tree, *duplicates = NULL;
    struct type type;
    TRY(read_body(arena, kind, format, body, &tree, &duplicates, &type, error));
    type = complete(arena, kind, type);
    if (check_type(arena, kind, type, error) != ERR_OK ||
        tell_duplicates(arena, duplicates, validation, warnings, error) != ERR_OK)
        return refuse_handling(arena, kind, type, error);
    if (format == BODY_PROTOBUF)
        validation = FIELD_VALIDATION_IGNORE; /* repeats and unknown fields are the format's own */
    err_t result = walk(arena, kind, type, tree->type == JSON_NULL ? &nothing : tree, validation, warnings, ret, error);
    return result == ERR_OK ? ERR_OK : refuse_handling(arena, kind, type, error);
}

err_t decode_patched(struct arena *arena, const struct kind *kind, const struct json *tree,
    enum field_validation validation, struct warnings *warnings, struct json **ret, struct error *error)
{
    struct type type;
    TRY(read_type(tree, &type, error));
    type = complete(arena, kind, type);
    TRY(check_type(arena, kind, type, error));
    return walk(arena, kind, type, tree, validation, warnings, ret, error);
}

/* ---- Stored values */

static err_t set_version(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    bytes version = kind_api_version(arena, kind);
    if (!version.p || !json_set(object, BYTES("apiVersion"), json_string(arena, version)))
        return arena_error(arena, error);
    return ERR_OK;
}

static err_t fit(
    struct arena *arena, const struct kind *kind, struct json *tree, struct json **ret, struct error *error)
{
    struct warnings none = {0};
    TRY(set_version(arena, kind, tree, error));
    TRY(decode_patched(arena, kind, tree, FIELD_VALIDATION_IGNORE, &none, ret, error));
    return schema_set_defaults(arena, kind->schema, *ret, error);
}

/* A custom object of any version: they differ by apiVersion alone, and by what their schemas keep; what the stored
 * version does not know is in none. */
static err_t decode_custom(
    struct arena *arena, const struct kind *kind, bytes stored, struct json **ret, struct error *error)
{
    struct json *tree;
    TRY(json_parse(arena, stored, &(struct json_options){.max_depth = 100}, &tree, NULL, error));
    if (kind_stored(kind)->schema != kind->schema)
        TRY(fit(arena, kind_stored(kind), tree, &tree, error));
    return fit(arena, kind, tree, ret, error);
}

static err_t decode_built_in(
    struct arena *arena, const struct kind *kind, bytes stored, struct json **ret, struct error *error)
{
    enum body_format format = bytes_start(stored, BYTES("k8s\0")) ? BODY_PROTOBUF : BODY_JSON;
    struct warnings none = {0};
    TRY(decode_object(arena, kind_stored(kind), format, stored, FIELD_VALIDATION_IGNORE, &none, ret, error));
    return kind->stored_as ? object_from_stored(arena, kind, *ret, error) : ERR_OK;
}

err_t object_to_stored(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    if (kind->rules->to_stored)
        return kind->rules->to_stored(arena, kind, object, error);
    return set_version(arena, kind_stored(kind), object, error);
}

err_t object_from_stored(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    if (kind->rules->from_stored)
        return kind->rules->from_stored(arena, kind, object, error);
    return set_version(arena, kind, object, error);
}

err_t decode_stored(struct arena *arena, const struct kind *kind, bytes stored, bytes *ret, struct error *error)
{
    struct object_cuts cuts;
    struct json *object = NULL;
    if (!kind->fits_on_read && object_cut(stored, &cuts) && bytes_equal(cuts.kind, bytes_of(kind->kind)) &&
        bytes_equal(cuts.api_version, kind_api_version(arena, kind))) {
        *ret = stored;
        return ERR_OK;
    }
    err_t result = (kind->custom ? decode_custom : decode_built_in)(arena, kind, stored, &object, error);
    if (result == ERR_BAD_REQUEST ||
        (result == ERR_OK && !json_at(object, BYTES("metadata"), BYTES("name"), BYTES_NONE)))
        return error_set(error, ERR_CORRUPT, "a stored %s cannot be decoded", kind->kind);
    TRY(result);
    bytes text = object_store_text(arena, kind, object);
    if (!text.p)
        return arena_error(arena, error);
    *ret = text;
    return ERR_OK;
}
