/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/workload.h"

#include <stdlib.h>

/* ---- Selectors */

static enum selector_operator operator_of(bytes text)
{
    static const struct {
        const char *text;
        enum selector_operator operator;
    } operators[] = {{"In", SELECT_IN}, {"NotIn", SELECT_NOT_IN}, {"DoesNotExist", SELECT_NOT_EXISTS}};
    for (size_t i = 0; i < ARRAY_LEN(operators); i++)
        if (bytes_equal(text, bytes_of(operators[i].text)))
            return operators[i].operator;
    return SELECT_EXISTS;
}

static bool take_values(struct arena *arena, const struct json *list, struct requirement *requirement)
{
    bytes *values = arena_alloc(arena, (list ? list->count : 0) * sizeof(*values));
    if (!values)
        return false;
    for (const struct json *value = list ? list->first : NULL; value; value = value->next)
        values[requirement->value_count++] = value->text;
    requirement->values = values;
    return true;
}

bool selector_of_json(struct arena *arena, const struct json *selector, struct selector *ret)
{
    const struct json *labels = json_get(selector, BYTES("matchLabels"));
    const struct json *others = json_get(selector, BYTES("matchExpressions"));
    size_t most = (labels ? labels->count : 0) + (others ? others->count : 0), count = 0;
    struct requirement *requirements = arena_zero(arena, most * sizeof(*requirements));
    if (!requirements)
        return false;
    for (const struct json *label = labels ? labels->first : NULL; label; label = label->next)
        requirements[count++] =
            (struct requirement){.operator= SELECT_EQUALS, .key = label->key, .values = &label->text, .value_count = 1};
    for (const struct json *other = others ? others->first : NULL; other; other = other->next) {
        struct requirement *requirement = &requirements[count++];
        requirement->operator= operator_of(tree_text(other, "operator"));
        requirement->key = tree_text(other, "key");
        if (!take_values(arena, json_get(other, BYTES("values")), requirement))
            return false;
    }
    *ret = (struct selector){requirements, count};
    return true;
}

bool selector_selects(struct arena *arena, const struct json *selector, const struct json *labels)
{
    struct selector parsed;
    return selector && selector_of_json(arena, selector, &parsed) && label_selector_matches(&parsed, labels);
}

/* ---- Selectors as text */

static int compare_requirements(const void *a, const void *b)
{
    const struct requirement *x = a, *y = b;
    return bytes_compare(x->key, y->key);
}

static int compare_texts(const void *a, const void *b)
{
    const bytes *x = a, *y = b;
    return bytes_compare(*x, *y);
}

static void put_set(struct arena *arena, struct buffer *b, const struct requirement *requirement, const char *word)
{
    bytes *values = arena_alloc(arena, requirement->value_count * sizeof(*values));
    if (!values) {
        b->failed = true;
        return;
    }
    memcpy(values, requirement->values, requirement->value_count * sizeof(*values));
    qsort(values, requirement->value_count, sizeof(*values), compare_texts);
    buffer_put(b, requirement->key);
    buffer_format(b, " %s (", word);
    for (size_t i = 0; i < requirement->value_count; i++) {
        buffer_text(b, i ? "," : "");
        buffer_put(b, values[i]);
    }
    buffer_byte(b, ')');
}

static void put_requirement(struct arena *arena, struct buffer *b, const struct requirement *requirement)
{
    switch (requirement->operator) {
    case SELECT_EQUALS:
        buffer_put(b, requirement->key);
        buffer_byte(b, '=');
        buffer_put(b, requirement->values[0]);
        return;
    case SELECT_IN:
        put_set(arena, b, requirement, "in");
        return;
    case SELECT_NOT_IN:
        put_set(arena, b, requirement, "notin");
        return;
    case SELECT_NOT_EXISTS:
        buffer_byte(b, '!');
        buffer_put(b, requirement->key);
        return;
    default:
        buffer_put(b, requirement->key);
    }
}

bytes selector_text(struct arena *arena, const struct json *selector)
{
    struct selector parsed;
    struct buffer b;
    if (!selector_of_json(arena, selector, &parsed))
        return BYTES_NONE;
    if (!parsed.count)
        return BYTES("<none>");
    struct requirement *sorted = arena_alloc(arena, parsed.count * sizeof(*sorted));
    if (!sorted)
        return BYTES_NONE;
    memcpy(sorted, parsed.requirements, parsed.count * sizeof(*sorted));
    qsort(sorted, parsed.count, sizeof(*sorted), compare_requirements);
    buffer_init(&b, arena);
    for (size_t i = 0; i < parsed.count; i++) {
        buffer_text(&b, i ? "," : "");
        put_requirement(arena, &b, &sorted[i]);
    }
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

bytes labels_text(struct arena *arena, const struct json *labels)
{
    struct json selector = {.type = JSON_OBJECT}, copy;
    if (!labels || !labels->count)
        return BYTES("<none>");
    copy = *labels;
    copy.key = BYTES("matchLabels");
    copy.next = NULL;
    selector.first = selector.last = &copy;
    selector.count = 1;
    return selector_text(arena, &selector);
}

/* ---- Defaults and rules */

err_t workload_template_set_defaults(struct arena *arena, struct json *template, struct error *error)
{
    return pod_spec_set_defaults(arena, json_get(template, BYTES("spec")), error);
}

bool workload_selector_check(const struct field *spec, bool required, const char *word)
{
    const struct field *selector = FIELD(spec, "selector");
    unsigned causes = spec->check->error->cause_count;
    if (!selector->value) {
        if (required)
            field_required(selector);
        return true;
    }
    check_label_selector(selector);
    bool selects = spec->check->error->cause_count == causes;
    if (!field_count(FIELD(selector, "matchLabels")) && !field_count(FIELD(selector, "matchExpressions")))
        field_invalid(selector, "empty selector is invalid for %s", word);
    return selects;
}

void workload_template_labels_check(const struct field *template, const struct json *selector)
{
    const struct field *labels = FIELD(FIELD(template, "metadata"), "labels");
    struct json null = {.type = JSON_NULL};
    struct field shown = *labels;
    if (selector_selects(template->check->arena, selector, labels->value))
        return;
    if (!shown.value)
        shown.value = &null;
    field_invalid(&shown, "`selector` does not match template `labels`");
}

void workload_template_check(
    const struct field *template, const struct json *selector, const struct json *checked, const char *word)
{
    static const char *const always[] = {"Always"};
    const struct field *spec = FIELD(template, "spec"), *restart = FIELD(spec, "restartPolicy");
    struct field as = *template;
    workload_template_labels_check(template, selector);
    if (checked)
        as.value = checked;
    pod_template_check(&as);
    if (!field_is(restart, "Always"))
        FIELD_UNSUPPORTED(restart, always);
    if (FIELD(spec, "activeDeadlineSeconds")->value)
        field_forbidden(FIELD(spec, "activeDeadlineSeconds"), "activeDeadlineSeconds in %s is not Supported", word);
}

void workload_numbers_check(const struct field *owner, const char *const *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_not_negative(FIELD(owner, members[i]));
}

void workload_replicas_check(const struct field *status, const char *const *members, size_t count, const char *than)
{
    int64_t replicas = field_integer(FIELD(status, "replicas"), 0);
    const struct field *available = FIELD(status, "availableReplicas");
    for (size_t i = 0; i < count; i++)
        if (field_integer(FIELD(status, members[i]), 0) > replicas)
            field_invalid(FIELD(status, members[i]), "cannot be greater than status.replicas");
    if (than && field_integer(available, 0) > field_integer(FIELD(status, "readyReplicas"), 0))
        field_invalid(available, "cannot be greater than %s", than);
}

void workload_collision_count_check(const struct field *status, const struct json *old)
{
    const struct field *count = FIELD(status, "collisionCount");
    int64_t now = field_integer(count, 0);
    if (json_get(old, BYTES("collisionCount")) && now < tree_integer(old, "collisionCount", 0))
        field_invalid_as(count, arena_format(status->check->arena, "%lld", (long long)now), "cannot be decremented");
}

static bool is_percent(bytes text)
{
    uint64_t number;
    if (!bytes_end(text, BYTES("%")) || text.n < 2)
        return false;
    text.n--;
    while (text.n > 1 && text.p[0] == '0')
        text = bytes_skip(text, 1);
    return bytes_to_uint64(text, &number);
}

int64_t int_or_percent(const struct field *field)
{
    uint64_t number = 0;
    bytes text = field_text(field);
    if (!is_percent(text))
        return field_integer(field, 0);
    text.n--;
    while (text.n > 1 && text.p[0] == '0')
        text = bytes_skip(text, 1);
    return bytes_to_uint64(text, &number) && number < INT32_MAX ? (int64_t)number : INT32_MAX;
}

void check_int_or_percent(const struct field *field)
{
    if (field->value && field->value->type == JSON_STRING) {
        if (!is_percent(field_text(field)))
            field_invalid(field, "a valid percent string must be a numeric string followed by an ending '%%' (e.g. "
                                 "'1%%',  or '93%%', regex used for validation is '[0-9]+%%')");
    } else {
        check_not_negative(field);
    }
}

void check_at_most_all(const struct field *field)
{
    if (is_percent(field_text(field)) && int_or_percent(field) > 100)
        field_invalid(field, "must not be greater than 100%%");
}

/* ---- Warnings */

void workload_warn_name(struct arena *arena, const struct json *object, const char *use, struct warnings *warnings)
{
    struct error why;
    error_init(&why, arena);
    validate_dns1123_label(
        arena, tree_text(json_get(object, BYTES("metadata")), "name"), false, BYTES("metadata.name"), &why);
    if (!why.causes)
        return;
    struct buffer b;
    buffer_init(&b, arena);
    buffer_format(&b,
        "metadata.name: this is used in %s, which can result in surprising behavior; a DNS label is recommended: [",
        use);
    for (const struct cause *cause = why.causes; cause; cause = cause->next) {
        buffer_text(&b, cause == why.causes ? "" : " ");
        buffer_put(&b, cause_sentence(cause));
    }
    buffer_byte(&b, ']');
    if (!b.failed)
        warning_add(arena, warnings, buffer_bytes(&b));
}

void workload_warn(struct arena *arena, const struct kind *kind, const struct json *object, struct warnings *warnings)
{
    (void)kind;
    workload_warn_name(arena, object, "Pod names and hostnames", warnings);
    pod_spec_warn(arena, tree_at(object, "spec", "template", NULL), "spec.template", warnings);
}

/* ---- Cells */

static void put_joined(struct arena *arena, struct buffer *b, const struct json *pod_spec, const char *member)
{
    struct buffer text;
    buffer_init(&text, arena);
    for (const struct json *container = tree_first(pod_spec, "containers"); container; container = container->next) {
        buffer_text(&text, text.n ? "," : "");
        buffer_put(&text, tree_text(container, member));
    }
    b->failed = b->failed || text.failed;
    put_cell(b, buffer_bytes(&text));
}

void put_container_cells(struct arena *arena, struct buffer *b, const struct json *pod_spec)
{
    put_joined(arena, b, pod_spec, "name");
    put_joined(arena, b, pod_spec, "image");
}

void put_selector_cell(struct arena *arena, struct buffer *b, const struct json *selector)
{
    bytes text = selector_text(arena, selector);
    b->failed = b->failed || !text.p;
    put_cell(b, text);
}
