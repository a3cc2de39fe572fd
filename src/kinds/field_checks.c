/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that fields of many kinds share. */
#include "kinds/field.h"

#include <arpa/inet.h>

void check_one_of(const struct field *field, const char *const *values, size_t count)
{
    if (!field_text(field).n) {
        field_required(field);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (field_is(field, values[i]))
            return;
    field_unsupported(field, values, count);
}

bool check_not_empty(const struct field *field)
{
    if (field_text(field).n || field_count(field))
        return true;
    field_required(field);
    return false;
}

void check_not_negative(const struct field *field)
{
    if (field_integer(field, 0) < 0)
        field_invalid(field, "must be greater than or equal to 0");
}

void check_positive(const struct field *field)
{
    int64_t number = field_integer(field, 0);
    if (number <= 0)
        field_invalid_as(
            field, arena_format(field->check->arena, "%lld", (long long)number), "must be greater than zero");
}

typedef void (*name_rule)(struct arena *, bytes name, bool prefix, bytes field, struct error *);

/* Asked twice, so that the path is spelled out only for a bad name. */
static void check_name(const struct field *field, bytes name, name_rule validate)
{
    struct arena *arena = field->check->arena;
    struct error probe;
    error_init(&probe, NULL);
    validate(arena, name, false, BYTES(""), &probe);
    bytes path = probe.code == ERR_OK ? BYTES_NONE : field_path(field);
    if (path.p)
        validate(arena, name, false, path, field->check->error);
}

void check_dns_label(const struct field *field)
{
    check_name(field, field_text(field), validate_dns1123_label);
}

void check_dns_subdomain(const struct field *field)
{
    check_name(field, field_text(field), validate_dns1123_subdomain);
}

void check_dns_subdomain_of(const struct field *field, bytes name)
{
    check_name(field, name, validate_dns1123_subdomain);
}

static void check_sentences(
    const struct field *field, bytes value, const struct json *shown, size_t (*errors)(bytes, const char *[4]))
{
    const char *sentences[4];
    size_t count = errors(value, sentences);
    struct field as = *field;
    as.value = shown;
    for (size_t i = 0; i < count; i++)
        field_invalid(&as, "%s", sentences[i]);
}

void check_qualified_name(const struct field *field)
{
    check_sentences(field, field_text(field), field->value, qualified_name_errors);
}

void check_label_value(const struct field *field)
{
    check_sentences(field, field_text(field), field->value, label_value_errors);
}

void check_labels(const struct field *map)
{
    FIELD_EACH(label, map)
    {
        struct json key = {.type = JSON_STRING, .text = label.key};
        check_sentences(map, label.key, &key, qualified_name_errors);
        check_sentences(map, field_text(&label), label.value, label_value_errors);
    }
}

bool check_set_operator(const struct field *requirement)
{
    const struct field *operator= FIELD(requirement, "operator"), *values = FIELD(requirement, "values");
    if (field_is(operator, "In") || field_is(operator, "NotIn")) {
        if (!field_count(values))
            field_required_because(values, "must be specified when `operator` is 'In' or 'NotIn'");
        return true;
    }
    if (!field_is(operator, "Exists") && !field_is(operator, "DoesNotExist"))
        return false;
    if (field_count(values))
        field_forbidden(values, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
    return true;
}

static void check_requirement(const struct field *requirement)
{
    const struct field *operator= FIELD(requirement, "operator"), *values = FIELD(requirement, "values");
    if (!check_set_operator(requirement))
        field_invalid(operator, "not a valid selector operator");
    check_qualified_name(FIELD(requirement, "key"));
    FIELD_EACH(value, values)
    check_label_value(&value);
}

void check_label_selector(const struct field *selector)
{
    check_labels(FIELD(selector, "matchLabels"));
    const struct field *requirements = FIELD(selector, "matchExpressions");
    FIELD_EACH(requirement, requirements)
    check_requirement(&requirement);
}

bytes cause_sentence(const struct cause *cause)
{
    const uint8_t *end = memmem(cause->message.p, cause->message.n, "\": ", 3);
    return end ? bytes_skip(cause->message, (size_t)(end - cause->message.p) + 3) : cause->message;
}

bytes lower_case(struct arena *arena, bytes text)
{
    uint8_t *letters = arena_alloc(arena, text.n);
    for (size_t i = 0; letters && i < text.n; i++)
        letters[i] = (uint8_t)(text.p[i] >= 'A' && text.p[i] <= 'Z' ? text.p[i] + 32 : text.p[i]);
    return (bytes){letters, letters ? text.n : 0};
}

/* ---- Comparing */

static bool is_nothing(const struct json *value)
{
    return !value || value->type == JSON_NULL ||
           ((value->type == JSON_ARRAY || value->type == JSON_OBJECT) && value->count == 0);
}

static bool items_alike(const struct json *a, const struct json *b)
{
    if (a->count != b->count)
        return false;
    for (a = a->first, b = b->first; a && b; a = a->next, b = b->next)
        if (!json_alike(a, b))
            return false;
    return !a && !b;
}

/* Members mostly stand in the same order, which makes it linear. */
static bool members_alike(const struct json *a, const struct json *b)
{
    const struct json *next = b->first;
    for (const struct json *member = a->first; member; member = member->next) {
        const struct json *other = next && bytes_equal(next->key, member->key) ? next : json_get(b, member->key);
        if (!json_alike(member, other))
            return false;
        next = other ? other->next : next;
    }
    next = a->first;
    for (const struct json *member = b->first; member; member = member->next) {
        const struct json *other = next && bytes_equal(next->key, member->key) ? next : NULL;
        if (!other && !is_nothing(member) && !json_get(a, member->key))
            return false;
        next = other ? other->next : next;
    }
    return true;
}

bool json_alike(const struct json *a, const struct json *b)
{
    if (is_nothing(a) || is_nothing(b))
        return is_nothing(a) && is_nothing(b);
    if (a->type != b->type)
        return false;
    if (a->type == JSON_ARRAY)
        return items_alike(a, b);
    return a->type == JSON_OBJECT ? members_alike(a, b) : json_equal(a, b);
}

void check_immutable(const struct field *field, const struct json *old)
{
    struct field shown = *field;
    struct json null = {.type = JSON_NULL};
    if (json_alike(field->value, old))
        return;
    if (!shown.value)
        shown.value = &null;
    field_invalid(&shown, "field is immutable");
}

/* ---- Addresses */

bool ip_parse(bytes value, bool *ret_v6)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    if (!value.n || value.n >= sizeof(text) || memchr(value.p, 0, value.n))
        return false;
    memcpy(text, value.p, value.n);
    text[value.n] = 0;
    *ret_v6 = inet_pton(AF_INET, text, address) != 1;
    return !*ret_v6 || inet_pton(AF_INET6, text, address) == 1;
}

void check_ip(const struct field *field)
{
    bool v6;
    if (!ip_parse(field_text(field), &v6))
        field_invalid(field, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
}

bool cidr_parse(bytes text, bool *ret_v6)
{
    uint64_t length;
    size_t slash = bytes_find(text, '/');
    return slash < text.n && ip_parse((bytes){text.p, slash}, ret_v6) &&
           bytes_to_uint64(bytes_skip(text, slash + 1), &length) && length <= (*ret_v6 ? 128 : 32);
}

void check_cidr(const struct field *field)
{
    bool v6;
    if (!cidr_parse(field_text(field), &v6))
        field_invalid(field, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
}
