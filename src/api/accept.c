/* SPDX-License-Identifier: Apache-2.0 */
/* What Accept asks for. */
#include "api/present.h"

#define CLAUSES_MOST 32

struct clause {
    bytes type;               /* "application/json", "application" "/" "*" ... */
    bytes as, group, version; /* parameters */
    unsigned quality;         /* thousandths */
    unsigned wildcards;
    bool pretty, stream;
};

/* The part before the first separator; *rest is what follows it. */
static bytes cut(bytes *rest, uint8_t separator)
{
    bytes part = {rest->p, bytes_find(*rest, separator)};
    *rest = bytes_skip(*rest, part.n < rest->n ? part.n + 1 : part.n);
    return bytes_trim(part);
}

/* "0.25" is 250; what is no quality is 1. */
static unsigned quality_of(bytes text)
{
    unsigned value = 0, unit = 1000;
    for (size_t i = 0; i < text.n; i++) {
        if (i == 1 && text.p[i] == '.')
            continue;
        if (text.p[i] < '0' || text.p[i] > '9' || i > 4)
            return 1000;
        value += unit * (unsigned)(text.p[i] - '0');
        unit /= 10;
    }
    return text.n == 0 || value > 1000 ? 1000 : value;
}

static struct clause parse_clause(bytes text)
{
    struct clause c = {.type = cut(&text, ';'), .quality = 1000};
    while (text.n) {
        bytes value = cut(&text, ';'), name = cut(&value, '=');
        if (value.n > 1 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = (bytes){value.p + 1, value.n - 2};
        if (bytes_equal(name, BYTES("as")))
            c.as = value;
        else if (bytes_equal(name, BYTES("g")))
            c.group = value;
        else if (bytes_equal(name, BYTES("v")))
            c.version = value;
        else if (bytes_equal(name, BYTES("q")))
            c.quality = quality_of(value);
        else if (bytes_equal(name, BYTES("pretty")))
            c.pretty = bytes_equal(value, BYTES("1"));
        else if (bytes_equal(name, BYTES("stream")))
            c.stream = bytes_equal(value, BYTES("watch"));
    }
    c.wildcards = bytes_equal(c.type, BYTES("*/*")) ? 2 : bytes_end(c.type, BYTES("/*"));
    return c;
}

/* The clauses by preference; those of quality 0 are refusals and left out. */
static size_t parse_accept(bytes accept, struct clause clauses[CLAUSES_MOST])
{
    size_t n = 0;
    if (!bytes_trim(accept).n) {
        clauses[0] = (struct clause){.type = BYTES("*/*"), .quality = 1000};
        return 1;
    }
    while (accept.n && n < CLAUSES_MOST) {
        struct clause c = parse_clause(cut(&accept, ','));
        size_t at = n;
        if (!c.type.n || c.quality == 0)
            continue;
        while (at && (clauses[at - 1].quality < c.quality ||
                         (clauses[at - 1].quality == c.quality && clauses[at - 1].wildcards > c.wildcards)))
            at--;
        memmove(clauses + at + 1, clauses + at, (n++ - at) * sizeof(c));
        clauses[at] = c;
    }
    return n;
}

/* What a clause names. Wildcards are JSON. */
static bool choose_encoding(const struct clause *c, enum encoding *ret)
{
    static const struct {
        const char *type;
        enum encoding encoding;
    } types[] = {
        {"application/json", ENCODING_JSON},
        {"*/*", ENCODING_JSON},
        {"application/*", ENCODING_JSON},
        {"application/yaml", ENCODING_YAML},
        {"application/vnd.kubernetes.protobuf", ENCODING_PROTOBUF},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (bytes_equal(c->type, bytes_of(types[i].type))) {
            *ret = types[i].encoding;
            return true;
        }
    return false;
}

static const struct {
    const char *as;
    enum form form;
} forms[] = {
    {"Table", FORM_TABLE}, {"PartialObjectMetadata", FORM_PARTIAL}, {"PartialObjectMetadataList", FORM_PARTIAL_LIST}};

static bool choose_form(const struct clause *c, struct presentation *ret)
{
    bool v1beta1 = bytes_equal(c->version, BYTES("v1beta1"));
    if (!c->as.n)
        return true;
    if (!bytes_equal(c->group, BYTES("meta.k8s.io")) || (!v1beta1 && !bytes_equal(c->version, BYTES("v1"))))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (bytes_equal(c->as, bytes_of(forms[i].as))) {
            ret->form = forms[i].form;
            ret->v1beta1 = v1beta1;
            return true;
        }
    return false;
}

/* A parameter of the URL decides; else programs in front of which people sit. */
static bool is_pretty(bytes user_agent, bytes pretty)
{
    static const char *const truths[] = {"1", "t", "T", "true", "TRUE", "True"};
    if (!pretty.n)
        return bytes_start(user_agent, BYTES("curl")) || bytes_start(user_agent, BYTES("Wget")) ||
               bytes_start(user_agent, BYTES("Mozilla/5.0"));
    for (size_t i = 0; i < ARRAY_LEN(truths); i++)
        if (bytes_equal(pretty, bytes_of(truths[i])))
            return true;
    return false;
}

/* What such an answer can be given as; watching apart. */
static bool can_give(const struct clause *c, const struct kind *kind, struct presentation *ret)
{
    *ret = (struct presentation){.form = FORM_OBJECT};
    if (!choose_encoding(c, &ret->encoding) || !choose_form(c, ret))
        return false;
    if (ret->form == FORM_TABLE && kind && !kind_is_stored(kind))
        return false;
    if (ret->encoding == ENCODING_YAML)
        return !c->stream;
    return ret->encoding == ENCODING_JSON ||
           (ret->form != FORM_TABLE && (ret->form != FORM_OBJECT || !kind || encode_protobuf_possible(kind)));
}

/* Protobuf is for those who take nothing else: it costs a decoding and an encoding, which JSON does not. */
static const struct clause *best(const struct clause *clauses, size_t n, const struct kind *kind, bool watch,
    struct presentation *ret, bool *ret_only_streams)
{
    const struct clause *protobuf = NULL;
    struct presentation p;
    for (size_t i = 0; i < n; i++) {
        if (!can_give(&clauses[i], kind, &p))
            continue;
        *ret_only_streams = watch && p.encoding == ENCODING_YAML;
        if (*ret_only_streams)
            continue;
        if (p.encoding == ENCODING_PROTOBUF) {
            protobuf = protobuf ? protobuf : &clauses[i];
            continue;
        }
        *ret = p;
        return &clauses[i];
    }
    if (protobuf)
        (void)can_give(protobuf, kind, ret);
    return protobuf;
}

static err_t not_acceptable(const struct clause *clauses, size_t n, bool only_streams, struct error *error)
{
    static const char types[] = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
    enum encoding encoding;
    bool known = false;
    for (size_t i = 0; i < n; i++)
        known = known || choose_encoding(&clauses[i], &encoding);
    if (!known)
        return error_set(error, ERR_NOT_ACCEPTABLE, "406: Not Acceptable\n\nAvailable representations: %s", types);
    return error_set(error, ERR_NOT_ACCEPTABLE, "only the following media types are accepted: %s",
        only_streams ? "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch" : types);
}

/* As the Go type is called. */
static err_t is_a_list(const struct kind *kind, struct error *error)
{
    const char *package = !kind || kind->custom ? "unstructured" : kind->group[0] ? kind->group : "core";
    return error_set(error, ERR_NOT_ACCEPTABLE,
        "you requested PartialObjectMetadata, but the requested object is a list (*%.*s.%sList)",
        (int)strcspn(package, "."), package, !kind || kind->custom ? "Unstructured" : kind->kind);
}

err_t presentation_choose(bytes accept, bytes user_agent, bytes pretty, const struct kind *kind, bool list, bool watch,
    struct presentation *ret, struct error *error)
{
    struct clause clauses[CLAUSES_MOST];
    size_t n = parse_accept(accept, clauses);
    struct presentation p;
    bool only_streams = false;
    const struct clause *c = best(clauses, n, kind, watch, &p, &only_streams);
    if (!c)
        return not_acceptable(clauses, n, only_streams, error);
    if (list && !watch && p.form == FORM_PARTIAL)
        return is_a_list(kind, error);
    p.pretty = p.encoding == ENCODING_JSON && !watch && (c->pretty || is_pretty(user_agent, pretty));
    *ret = p;
    return ERR_OK;
}

void presentation_of_error(bytes accept, bytes user_agent, bytes pretty, struct presentation *ret)
{
    struct clause clauses[CLAUSES_MOST];
    size_t all = parse_accept(accept, clauses), n = 0;
    bool ignored;
    for (size_t i = 0; i < all; i++)
        if (!clauses[i].as.n)
            clauses[n++] = clauses[i];
    struct presentation p = {.form = FORM_OBJECT};
    const struct clause *c = best(clauses, n, NULL, false, &p, &ignored);
    if (!c)
        p = (struct presentation){.form = FORM_OBJECT, .pretty = true};
    else
        p.pretty = p.encoding == ENCODING_JSON && (c->pretty || is_pretty(user_agent, pretty));
    *ret = p;
}

err_t presentation_include(bytes include_object, struct presentation *presentation, struct error *error)
{
    if (!include_object.n || bytes_equal(include_object, BYTES("Metadata")))
        presentation->include = INCLUDE_METADATA;
    else if (bytes_equal(include_object, BYTES("None")))
        presentation->include = INCLUDE_NONE;
    else if (bytes_equal(include_object, BYTES("Object")))
        presentation->include = INCLUDE_OBJECT;
    else
        return error_set(error, ERR_BAD_REQUEST,
            "Unable to convert to Table as requested: includeObject: Invalid value: \"%.*s\": must be 'Metadata', "
            "'Object', 'None', or empty",
            BYTES_FMT(include_object));
    return ERR_OK;
}

bytes presentation_content_type(const struct presentation *presentation, bool watch)
{
    switch (presentation->encoding) {
    case ENCODING_YAML:
        return BYTES("application/yaml");
    case ENCODING_PROTOBUF:
        return watch ? BYTES("application/vnd.kubernetes.protobuf;stream=watch")
                     : BYTES("application/vnd.kubernetes.protobuf");
    case ENCODING_JSON:
        break;
    }
    return BYTES("application/json"); /* every form of kube-apiserver's JSON says the same */
}
