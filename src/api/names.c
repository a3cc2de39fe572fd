/* SPDX-License-Identifier: Apache-2.0 */
/* The grammars of names, labels and keys, and Kubernetes' sentences about them. */
#include "api/object.h"
#include "text/utf8.h"

#define SUBDOMAIN_MOST 253
#define LABEL_MOST     63

static bool is_lower(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alphanumeric(uint8_t c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool is_mark(uint8_t c)
{
    return c == '-' || c == '_' || c == '.';
}

/* [a-z0-9]([-a-z0-9]*[a-z0-9])? */
static bool is_dns_label(bytes b)
{
    if (b.n == 0 || !is_lower(b.p[0]) || !is_lower(b.p[b.n - 1]))
        return false;
    for (size_t i = 0; i < b.n; i++)
        if (!is_lower(b.p[i]) && b.p[i] != '-')
            return false;
    return true;
}

static bool is_dns_subdomain(bytes b)
{
    for (;;) {
        size_t dot = bytes_find(b, '.');
        if (!is_dns_label((bytes){b.p, dot}))
            return false;
        if (dot == b.n)
            return true;
        b = bytes_skip(b, dot + 1);
    }
}

/* ([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9] */
static bool is_name_part(bytes b)
{
    if (b.n == 0 || !is_alphanumeric(b.p[0]) || !is_alphanumeric(b.p[b.n - 1]))
        return false;
    for (size_t i = 0; i < b.n; i++)
        if (!is_alphanumeric(b.p[i]) && !is_mark(b.p[i]))
            return false;
    return true;
}

void cause_invalid(struct arena *arena, bytes field, bytes value, const char *sentence, struct error *error)
{
    bytes quoted = utf8_quote(arena, value);
    if (!quoted.p)
        (void)arena_error(arena, error);
    else
        error_cause(error, "FieldValueInvalid", field, "Invalid value: %.*s: %s", BYTES_FMT(quoted), sentence);
}

/* ---- Names of objects. A prefix, of generateName, may end in what a name may not end in: it is checked with an 'a'
 * for its last character. */

struct name_rule {
    size_t most;
    bool (*matches)(bytes);
    const char *too_long, *sentence;
};

static void validate_name_by(
    struct arena *arena, const struct name_rule *rule, bytes name, bool prefix, bytes field, struct error *error)
{
    bytes checked = name;
    if (prefix && name.n > 1 && name.p[name.n - 1] == '-') {
        checked = arena_join(arena, (bytes){name.p, name.n - 1}, BYTES("a"), ARENA_END);
        if (!checked.p) {
            (void)arena_error(arena, error);
            return;
        }
    }
    if (checked.n > rule->most)
        cause_invalid(arena, field, name, rule->too_long, error);
    if (!rule->matches(checked))
        cause_invalid(arena, field, name, rule->sentence, error);
}

void validate_dns1123_subdomain(struct arena *arena, bytes name, bool prefix, bytes field, struct error *error)
{
    static const struct name_rule rule = {SUBDOMAIN_MOST, is_dns_subdomain, "must be no more than 253 characters",
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an "
        "alphanumeric character (e.g. 'example.com', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"};
    validate_name_by(arena, &rule, name, prefix, field, error);
}

void validate_dns1123_label(struct arena *arena, bytes name, bool prefix, bytes field, struct error *error)
{
    static const struct name_rule rule = {LABEL_MOST, is_dns_label, "must be no more than 63 characters",
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
        "with an alphanumeric "
        "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"};
    if (bytes_find(name, '.') < name.n)
        cause_invalid(arena, field, name, "must not contain dots", error);
    else
        validate_name_by(arena, &rule, name, prefix, field, error);
}

/* ---- Labels and annotations */

#define NAME_PART_EXAMPLES                                                                                             \
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " \
    "(e.g. 'MyName',  or "                                                                                             \
    "'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

struct sentences {
    const char **text; /* NULL: only count */
    size_t count;
};

static void add(struct sentences *s, const char *sentence)
{
    if (s->text)
        s->text[s->count] = sentence;
    s->count++;
}

static void check_prefix(bytes prefix, struct sentences *s)
{
    if (prefix.n == 0) {
        add(s, "prefix part must be non-empty");
        return;
    }
    if (prefix.n > SUBDOMAIN_MOST)
        add(s, "prefix part must be no more than 253 characters");
    if (!is_dns_subdomain(prefix))
        add(s, "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
               "'.', and must start and end "
               "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
               "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')");
}

size_t qualified_name_errors(bytes name, const char *ret[4])
{
    struct sentences s = {.text = ret};
    size_t slash = bytes_find(name, '/');
    if (slash < name.n) {
        bytes prefix = {name.p, slash};
        name = bytes_skip(name, slash + 1);
        if (bytes_find(name, '/') < name.n) {
            add(&s, "a qualified name " NAME_PART_EXAMPLES
                    " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
            return s.count;
        }
        check_prefix(prefix, &s);
    }
    if (name.n == 0)
        add(&s, "name part must be non-empty");
    else if (name.n > LABEL_MOST)
        add(&s, "name part must be no more than 63 characters");
    if (!is_name_part(name))
        add(&s, "name part " NAME_PART_EXAMPLES);
    return s.count;
}

size_t label_value_errors(bytes value, const char *ret[4])
{
    struct sentences s = {.text = ret};
    if (value.n > LABEL_MOST)
        add(&s, "must be no more than 63 characters");
    if (value.n && !is_name_part(value))
        add(&s, "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and "
                "must start and end with an "
                "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
                "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')");
    return s.count;
}

bool qualified_name_valid(bytes name)
{
    return qualified_name_errors(name, NULL) == 0;
}

bool label_value_valid(bytes value)
{
    return label_value_errors(value, NULL) == 0;
}

/* ---- Keys of Secrets */

static bool is_config_map_key(bytes key)
{
    for (size_t i = 0; i < key.n; i++)
        if (!is_alphanumeric(key.p[i]) && !is_mark(key.p[i]))
            return false;
    return key.n > 0;
}

const char *config_map_key_error(bytes key)
{
    if (key.n > SUBDOMAIN_MOST)
        return "must be no more than 253 characters";
    if (!is_config_map_key(key))
        return "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
               "'KEY_NAME',  or "
               "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    if (bytes_equal(key, BYTES(".")))
        return "must not be '.'";
    if (bytes_equal(key, BYTES("..")))
        return "must not be '..'";
    return bytes_start(key, BYTES("..")) ? "must not start with '..'" : NULL;
}
