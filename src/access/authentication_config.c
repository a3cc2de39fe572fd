/* SPDX-License-Identifier: Apache-2.0 */
#include "access/authentication_config.h"

#include "crypt/x509.h"
#include "text/yaml.h"

#include <stdio.h>

#define NODES_MAX  100000
#define PATH_SIZE  128 /* of a field, in sentences: longer than any that is known */
#define WELL_KNOWN "/.well-known/openid-configuration"

struct path {
    char text[PATH_SIZE];
};

static struct path PRINTF_LIKE(1, 2) path_of(const char *format, ...)
{
    struct path path;
    va_list values;

    va_start(values, format);
    vsnprintf(path.text, sizeof path.text, format, values);
    va_end(values);
    return path;
}

static err_t invalid(struct error *error, const char *path, const char *what)
{
    return error_set(error, ERR_INVALID, "%s: %s", path, what);
}

/* ---- Objects by tables of their fields. */

enum field_type { FIELD_TEXT, FIELD_LIST, FIELD_OBJECT, FIELD_BOOL, FIELD_CEL, FIELD_REFUSED };

struct field {
    const char *name;
    enum field_type type;
    size_t offset; /* of a const struct json *, which is NULL when the field is not there; not for the last two types */
};

static bool is_empty(const struct json *value)
{
    switch (value->type) {
    case JSON_NULL:
        return true;
    case JSON_STRING:
        return value->text.n == 0;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return value->count == 0;
    default:
        return false;
    }
}

static err_t read_field(
    const struct json *value, const char *path, const struct field *field, void *to, struct error *error)
{
    static const struct {
        enum json_type type;
        const char *sentence;
    } kinds[] = {[FIELD_TEXT] = {JSON_STRING, "must be a text"},
        [FIELD_LIST] = {JSON_ARRAY, "must be a list"},
        [FIELD_OBJECT] = {JSON_OBJECT, "must be an object"},
        [FIELD_BOOL] = {JSON_TRUE, "must be true or false"},
        [FIELD_CEL] = {JSON_NULL, "CEL expressions are not supported: map and require claims by their names"},
        [FIELD_REFUSED] = {JSON_NULL, "is not supported"}};
    struct path at;

    if (value->type == JSON_NULL || (kinds[field->type].type == JSON_NULL && is_empty(value)))
        return ERR_OK;
    if (value->type != kinds[field->type].type && (field->type != FIELD_BOOL || value->type != JSON_FALSE)) {
        at = path_of("%s%s%s", path, *path ? "." : "", field->name);
        return invalid(error, at.text, kinds[field->type].sentence);
    }
    *(const struct json **)((char *)to + field->offset) = value;
    return ERR_OK;
}

/* to: a struct of pointers, all NULL. object NULL: nothing is there. */
static err_t read_fields(const struct json *object, const char *path, const struct field *fields, size_t count,
    void *to, struct error *error)
{
    if (object && object->type != JSON_OBJECT)
        return invalid(error, *path ? path : "the file", "must be an object");
    for (const struct json *member = object ? object->first : NULL; member; member = member->next) {
        size_t i = 0;
        while (i < count && !bytes_equal(member->key, bytes_of(fields[i].name)))
            i++;
        if (i == count)
            return error_set(error, ERR_INVALID, "unknown field \"%s%s%.*s\"", path, *path ? "." : "",
                (int)(member->key.n > PATH_SIZE ? PATH_SIZE : member->key.n), (const char *)member->key.p);
        TRY(read_field(member, path, &fields[i], to, error));
    }
    return ERR_OK;
}
#define READ(object, path, fields, to, error) read_fields(object, path, fields, ARRAY_LEN(fields), to, error)

static bytes text_of(const struct json *text)
{
    return text ? text->text : BYTES_NONE;
}

static size_t count_of(const struct json *list)
{
    return list ? list->count : 0;
}

/* ---- An issuer's addresses. */

/* https://HOST..., without a user, a query or a fragment, in characters that URLs are written in. */
static err_t check_url(bytes url, const char *path, struct error *error)
{
    bytes rest, host;

    if (!bytes_start(url, BYTES("https://")))
        return invalid(error, path, "URL scheme must be https");
    rest = bytes_skip(url, sizeof "https://" - 1);
    host = (bytes){rest.p, bytes_find(rest, '/')};
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] <= ' ' || rest.p[i] >= 0x7f || rest.p[i] == '\\')
            return invalid(error, path, "URL must be of ASCII characters without blanks");
    if (bytes_find(rest, '?') < rest.n)
        return invalid(error, path, "URL must not contain a query");
    if (bytes_find(rest, '#') < rest.n)
        return invalid(error, path, "URL must not contain a fragment");
    if (bytes_find(host, '@') < host.n)
        return invalid(error, path, "URL must not contain a username or password");
    return host.n > 0 ? ERR_OK : invalid(error, path, "URL must contain a host");
}

static bytes without_slash(bytes url)
{
    return bytes_end(url, BYTES("/")) ? (bytes){url.p, url.n - 1} : url;
}

static err_t read_urls(struct arena *arena, bytes url, bytes discovery, const char *path, struct oidc_issuer *ret,
    const struct audiences *taken, struct error *error)
{
    bytes copy;
    struct path at;

    at = path_of("%s.url", path);
    if (url.n == 0)
        return invalid(error, at.text, "Required value");
    TRY(check_url(url, at.text, error));
    if (audiences_hold(taken, url))
        return invalid(
            error, at.text, "URL must not be an issuer of service account tokens (--service-account-issuer)");
    at = path_of("%s.discoveryURL", path);
    if (discovery.n > 0)
        TRY(check_url(discovery, at.text, error));
    if (discovery.n > 0 && bytes_equal(without_slash(url), without_slash(discovery)))
        return invalid(error, at.text, "discoveryURL must be different from URL");
    copy = arena_copy(arena, url);
    discovery = discovery.n > 0 ? arena_copy(arena, discovery)
                                : arena_join(arena, without_slash(url), BYTES(WELL_KNOWN), ARENA_END);
    if (!copy.p || !discovery.p)
        return arena_error(arena, error);
    ret->url = (const char *)copy.p;
    ret->discovery_url = (const char *)discovery.p;
    return ERR_OK;
}

/* ---- Its audiences, and the CA of its servers. */

static err_t read_audiences(struct arena *arena, const struct json *list, bytes policy, const char *path,
    struct oidc_issuer *ret, struct error *error)
{
    bytes *audiences = arena_alloc(arena, count_of(list) * sizeof *audiences);
    struct path at;
    size_t n = 0;

    if (!audiences)
        return arena_error(arena, error);
    for (const struct json *item = list ? list->first : NULL; item; item = item->next) {
        const struct audiences before = {audiences, n};
        at = path_of("%s.audiences[%zu]", path, n);
        if (item->type != JSON_STRING || item->text.n == 0)
            return invalid(error, at.text, "Required value: a text");
        if (audiences_hold(&before, item->text))
            return invalid(error, at.text, "Duplicate value");
        audiences[n++] = item->text;
    }
    at = path_of("%s.audiences", path);
    if (n == 0)
        return invalid(error, at.text, "Required value: at least one audience");
    at = path_of("%s.audienceMatchPolicy", path);
    if (!bytes_equal(policy, BYTES("MatchAny")) && (n > 1 || policy.n > 0))
        return invalid(error, at.text,
            n > 1 ? "audienceMatchPolicy must be MatchAny for multiple audiences"
                  : "audienceMatchPolicy must be empty or MatchAny for single audience");
    ret->audiences = audiences;
    ret->audience_count = n;
    return ERR_OK;
}

static err_t read_authority(bytes pem, const char *path, struct oidc_issuer *ret, struct error *error)
{
    int64_t before, after;
    struct path at;
    err_t code = pem.n > 0 ? x509_inspect(pem, &before, &after, NULL) : ERR_OK;

    at = path_of("%s.certificateAuthority", path);
    if (code == ERR_INVALID)
        return invalid(error, at.text, "holds no certificate in PEM (its text is wanted, not the name of a file)");
    ret->ca_pem = pem;
    return code == ERR_OK ? ERR_OK : error_set(error, code, "%s: cannot be read now", at.text);
}

static err_t read_issuer(struct arena *arena, const struct json *object, const char *path,
    const struct audiences *taken, struct oidc_issuer *ret, struct error *error)
{
    struct {
        const struct json *url, *discovery, *authority, *audiences, *policy;
    } is = {NULL};
#define AT(member) offsetof(__typeof__(is), member)
    const struct field fields[] = {{"url", FIELD_TEXT, AT(url)}, {"discoveryURL", FIELD_TEXT, AT(discovery)},
        {"certificateAuthority", FIELD_TEXT, AT(authority)}, {"audiences", FIELD_LIST, AT(audiences)},
        {"audienceMatchPolicy", FIELD_TEXT, AT(policy)}, {"egressSelectorType", FIELD_REFUSED, 0}};
#undef AT

    TRY(READ(object, path, fields, &is, error));
    TRY(read_urls(arena, text_of(is.url), text_of(is.discovery), path, ret, taken, error));
    TRY(read_audiences(arena, is.audiences, text_of(is.policy), path, ret, error));
    return read_authority(text_of(is.authority), path, ret, error);
}

/* ---- What its claims mean. */

struct mapping_fields {
    const struct json *claim, *prefix;
};
static const struct field mapping_fields[] = {{"claim", FIELD_TEXT, offsetof(struct mapping_fields, claim)},
    {"prefix", FIELD_TEXT, offsetof(struct mapping_fields, prefix)}, {"expression", FIELD_CEL, 0}};
static const struct field uid_fields[] = {
    {"claim", FIELD_TEXT, offsetof(struct mapping_fields, claim)}, {"expression", FIELD_CEL, 0}};

static err_t read_mapping(
    const struct json *object, const char *path, bool needed, struct oidc_mapping *ret, struct error *error)
{
    struct mapping_fields is = {NULL, NULL};

    TRY(READ(object, path, mapping_fields, &is, error));
    *ret = (struct oidc_mapping){text_of(is.claim), text_of(is.prefix)};
    if (ret->claim.n == 0)
        return needed ? invalid(error, path, "Required value: claim is required") : ERR_OK;
    return is.prefix ? ERR_OK
                     : error_set(error, ERR_INVALID,
                           "%s.prefix: Required value: prefix is required when claim is set. It can be set to an empty "
                           "string to disable prefixing",
                           path);
}

static err_t read_mappings(const struct json *object, const char *path, struct oidc_issuer *ret, struct error *error)
{
    struct {
        const struct json *username, *groups, *uid;
    } is = {NULL, NULL, NULL};
#define AT(member) offsetof(__typeof__(is), member)
    const struct field fields[] = {{"username", FIELD_OBJECT, AT(username)}, {"groups", FIELD_OBJECT, AT(groups)},
        {"uid", FIELD_OBJECT, AT(uid)}, {"extra", FIELD_CEL, 0}};
#undef AT
    struct mapping_fields uid = {NULL, NULL};
    struct path at;

    TRY(READ(object, path, fields, &is, error));
    at = path_of("%s.username", path);
    TRY(read_mapping(is.username, at.text, true, &ret->username, error));
    at = path_of("%s.groups", path);
    TRY(read_mapping(is.groups, at.text, false, &ret->groups, error));
    at = path_of("%s.uid", path);
    TRY(READ(is.uid, at.text, uid_fields, &uid, error));
    ret->uid_claim = text_of(uid.claim);
    return ERR_OK;
}

static err_t read_rule(const struct json *object, const char *path, const struct oidc_rule *before, size_t n,
    struct oidc_rule *ret, struct error *error)
{
    struct {
        const struct json *claim, *value, *message;
    } is = {NULL, NULL, NULL};
#define AT(member) offsetof(__typeof__(is), member)
    const struct field fields[] = {{"claim", FIELD_TEXT, AT(claim)}, {"requiredValue", FIELD_TEXT, AT(value)},
        {"message", FIELD_TEXT, AT(message)}, {"expression", FIELD_CEL, 0}};
#undef AT

    TRY(READ(object, path, fields, &is, error));
    *ret = (struct oidc_rule){text_of(is.claim), text_of(is.value)};
    if (ret->claim.n == 0)
        return invalid(error, path, "Required value: claim is required");
    if (text_of(is.message).n > 0)
        return error_set(error, ERR_INVALID, "%s.message: may not be specified when claim is set", path);
    for (size_t i = 0; i < n; i++)
        if (bytes_equal(before[i].claim, ret->claim))
            return error_set(error, ERR_INVALID, "%s.claim: Duplicate value", path);
    return ERR_OK;
}

static err_t read_rules(
    struct arena *arena, const struct json *list, const char *path, struct oidc_issuer *ret, struct error *error)
{
    struct oidc_rule *rules = arena_alloc(arena, count_of(list) * sizeof *rules);
    struct path at;
    size_t n = 0;

    if (!rules)
        return arena_error(arena, error);
    for (const struct json *item = list ? list->first : NULL; item; item = item->next, n++) {
        at = path_of("%s[%zu]", path, n);
        TRY(read_rule(item, at.text, rules, n, &rules[n], error));
    }
    ret->rules = rules;
    ret->rule_count = n;
    return ERR_OK;
}

/* ---- Who has no credential. */

static err_t read_paths(struct arena *arena, const struct json *list, struct anonymous_config *ret, struct error *error)
{
    bytes *paths = arena_alloc(arena, count_of(list) * sizeof *paths);
    struct path at;
    size_t n = 0;

    if (!paths)
        return arena_error(arena, error);
    for (const struct json *item = list ? list->first : NULL; item; item = item->next) {
        const struct json *is = NULL;
        const struct field fields[] = {{"path", FIELD_TEXT, 0}};
        at = path_of("anonymous.conditions[%zu]", n);
        TRY(READ(item, at.text, fields, &is, error));
        if (text_of(is).n == 0)
            return error_set(error, ERR_INVALID, "%s.path: Required value", at.text);
        paths[n++] = is->text;
    }
    ret->paths = paths;
    ret->path_count = n;
    return ERR_OK;
}

static err_t read_anonymous(
    struct arena *arena, const struct json *object, struct anonymous_config *ret, struct error *error)
{
    struct {
        const struct json *enabled, *conditions;
    } is = {NULL, NULL};
#define AT(member) offsetof(__typeof__(is), member)
    const struct field fields[] = {{"enabled", FIELD_BOOL, AT(enabled)}, {"conditions", FIELD_LIST, AT(conditions)}};
#undef AT

    TRY(READ(object, "anonymous", fields, &is, error));
    TRY(read_paths(arena, is.conditions, ret, error));
    ret->given = object != NULL;
    ret->enabled = is.enabled && is.enabled->type == JSON_TRUE;
    return ret->enabled || ret->path_count == 0
               ? ERR_OK
               : invalid(error, "anonymous.conditions", "enabled should be set to true when conditions are defined");
}

/* ---- The whole. */

static err_t read_authenticator(struct arena *arena, const struct json *object, size_t number,
    const struct audiences *taken, struct oidc_issuer *ret, struct error *error)
{
    struct {
        const struct json *issuer, *rules, *mappings;
    } is = {NULL, NULL, NULL};
#define AT(member) offsetof(__typeof__(is), member)
    const struct field fields[] = {{"issuer", FIELD_OBJECT, AT(issuer)},
        {"claimValidationRules", FIELD_LIST, AT(rules)}, {"claimMappings", FIELD_OBJECT, AT(mappings)},
        {"userValidationRules", FIELD_CEL, 0}};
#undef AT
    struct path path, at;

    path = path_of("jwt[%zu]", number);
    TRY(READ(object, path.text, fields, &is, error));
    at = path_of("jwt[%zu].issuer", number);
    TRY(read_issuer(arena, is.issuer, at.text, taken, ret, error));
    at = path_of("jwt[%zu].claimValidationRules", number);
    TRY(read_rules(arena, is.rules, at.text, ret, error));
    at = path_of("jwt[%zu].claimMappings", number);
    return read_mappings(is.mappings, at.text, ret, error);
}

/* A discovery document that is named stands for one issuer. */
static err_t check_distinct(const struct oidc_issuer *issuers, size_t last, struct error *error)
{
    for (size_t i = 0; i < last; i++) {
        if (strcmp(issuers[i].url, issuers[last].url) == 0)
            return error_set(error, ERR_INVALID, "jwt[%zu].issuer.url: Duplicate value", last);
        if (strcmp(issuers[i].discovery_url, issuers[last].discovery_url) == 0)
            return error_set(error, ERR_INVALID, "jwt[%zu].issuer.discoveryURL: Duplicate value", last);
    }
    return ERR_OK;
}

static err_t read_all(struct arena *arena, const struct json *list, const struct audiences *taken,
    struct authentication_config *ret, struct error *error)
{
    struct oidc_issuer *issuers = arena_zero(arena, count_of(list) * sizeof *issuers);
    size_t n = 0;

    if (!issuers)
        return arena_error(arena, error);
    if (count_of(list) > OIDC_ISSUERS_MAX)
        return error_set(error, ERR_INVALID, "jwt: Too many: must have at most %d items", OIDC_ISSUERS_MAX);
    for (const struct json *item = list ? list->first : NULL; item; item = item->next, n++) {
        TRY(read_authenticator(arena, item, n, taken, &issuers[n], error));
        TRY(check_distinct(issuers, n, error));
    }
    ret->issuers = issuers;
    ret->issuer_count = n;
    return ERR_OK;
}

err_t authentication_config_parse(struct arena *arena, bytes text, const struct audiences *taken,
    struct authentication_config *ret, struct error *error)
{
    struct {
        const struct json *version, *kind, *jwt, *anonymous;
    } is = {NULL, NULL, NULL, NULL};
#define AT(member) offsetof(__typeof__(is), member)
    const struct field fields[] = {{"apiVersion", FIELD_TEXT, AT(version)}, {"kind", FIELD_TEXT, AT(kind)},
        {"jwt", FIELD_LIST, AT(jwt)}, {"anonymous", FIELD_OBJECT, AT(anonymous)}};
#undef AT
    struct json *root;
    err_t code = yaml_parse(arena, text, NODES_MAX, &root, error);

    if (code == ERR_BAD_REQUEST)
        return error ? error->code = ERR_INVALID : ERR_INVALID;
    TRY(code);
    TRY(READ(root, "", fields, &is, error));
    if (!bytes_equal(text_of(is.kind), BYTES("AuthenticationConfiguration")) ||
        (!bytes_equal(text_of(is.version), BYTES("apiserver.config.k8s.io/v1")) &&
            !bytes_equal(text_of(is.version), BYTES("apiserver.config.k8s.io/v1beta1"))))
        return error_set(error, ERR_INVALID,
            "must be an AuthenticationConfiguration of apiserver.config.k8s.io/v1 or v1beta1 (kind, apiVersion)");
    *ret = (struct authentication_config){.issuers = NULL};
    TRY(read_anonymous(arena, is.anonymous, &ret->anonymous, error));
    return read_all(arena, is.jwt, taken, ret, error);
}
