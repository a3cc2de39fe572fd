/* SPDX-License-Identifier: Apache-2.0 */
/* What Accept asks for. */
#include "api/present.h"

#define CLAUSES_MOST 32

struct clause {
    bytes type;               /* "application/json", "application" "/" "*" ... */
    bytes as, group, version; /* parameters */
    unsigned quality;         /* thousandths */
    unsigned wildcards;
    bool pretty;
};

static bytes trim(bytes b)
{
    while (b.n && (b.p[0] == ' ' || b.p[0] == '\t'))
        b = bytes_skip(b, 1);
    while (b.n && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
        b.n--;
    return b;
}

/* The part before the first separator; *rest is what follows it. */
static bytes cut(bytes *rest, uint8_t separator)
{
    bytes part = {rest->p, bytes_find(*rest, separator)};
    *rest = bytes_skip(*rest, part.n < rest->n ? part.n + 1 : part.n);
    return trim(part);
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
    }
    c.wildcards = bytes_equal(c.type, BYTES("*/*")) ? 2 : bytes_end(c.type, BYTES("/*"));
    return c;
}

/* The clauses by preference; those of quality 0 are refusals and left out. */
static size_t parse_accept(bytes accept, struct clause clauses[CLAUSES_MOST])
{
    size_t n = 0;
    if (!trim(accept).n) {
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

static bool is_json(const struct clause *c)
{
    return bytes_equal(c->type, BYTES("application/json")) || bytes_equal(c->type, BYTES("*/*")) ||
           bytes_equal(c->type, BYTES("application/*"));
}

/* Known to Kubernetes, but not what this server writes. */
static bool is_other_format(const struct clause *c)
{
    return bytes_equal(c->type, BYTES("application/yaml")) ||
           bytes_equal(c->type, BYTES("application/vnd.kubernetes.protobuf"));
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

err_t presentation_choose(
    bytes accept, bytes user_agent, bytes pretty, bool list, bool watch, struct presentation *ret, struct error *error)
{
    struct clause clauses[CLAUSES_MOST];
    size_t n = parse_accept(accept, clauses);
    bool known = false;
    for (size_t i = 0; i < n; i++) {
        struct presentation p = {.form = FORM_OBJECT};
        known = known || is_json(&clauses[i]) || is_other_format(&clauses[i]);
        if (!is_json(&clauses[i]) || !choose_form(&clauses[i], &p))
            continue;
        if (list && !watch && p.form == FORM_PARTIAL)
            return error_set(
                error, ERR_NOT_ACCEPTABLE, "you requested PartialObjectMetadata, but the requested object is a list");
        p.pretty = !watch && (clauses[i].pretty || is_pretty(user_agent, pretty));
        *ret = p;
        return ERR_OK;
    }
    if (!known)
        return error_set(
            error, ERR_NOT_ACCEPTABLE, "406: Not Acceptable\n\nAvailable representations: application/json");
    return error_set(error, ERR_NOT_ACCEPTABLE, "only the following media types are accepted: application/json%s",
        watch ? ";stream=watch" : "");
}

bool presentation_error_pretty(bytes accept, bytes user_agent, bytes pretty)
{
    struct clause clauses[CLAUSES_MOST];
    size_t n = parse_accept(accept, clauses);
    for (size_t i = 0; i < n; i++)
        if (is_json(&clauses[i]) && !clauses[i].as.n)
            return clauses[i].pretty || is_pretty(user_agent, pretty);
    return true;
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

bytes presentation_content_type(const struct presentation *presentation)
{
    (void)presentation; /* every form of kube-apiserver's JSON says the same */
    return BYTES("application/json");
}
