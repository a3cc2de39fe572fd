/* SPDX-License-Identifier: Apache-2.0 */
/* Field selectors: terms of = == != joined by commas, with backslashes before \ , = in values. */
#include "api/selector.h"

#include <stdlib.h>

/* The end of the term that starts text: its first comma that no backslash guards. */
static size_t term_length(bytes text)
{
    size_t i = 0;
    while (i < text.n && text.p[i] != ',')
        i += text.p[i] == '\\' && i + 1 < text.n ? 2 : 1;
    return i;
}

static int compare_terms(const void *a, const void *b)
{
    return bytes_compare(*(const bytes *)a, *(const bytes *)b);
}

/* The terms in byte order: which of two bad ones is told does not depend on how they were written. */
static bytes *split(struct arena *arena, bytes text, size_t *ret_count)
{
    size_t capacity = 1, n = 0;
    for (size_t i = 0; i < text.n; i++)
        capacity += text.p[i] == ',';
    bytes *terms = arena_alloc(arena, capacity * sizeof(*terms));
    while (terms && text.n) {
        size_t length = term_length(text);
        if (length)
            terms[n++] = (bytes){text.p, length};
        text = bytes_skip(text, length < text.n ? length + 1 : length);
    }
    if (n)
        qsort(terms, n, sizeof(*terms), compare_terms);
    *ret_count = n;
    return terms;
}

static err_t unescape(struct arena *arena, bytes value, bytes *ret, struct error *error)
{
    uint8_t *out = arena_alloc(arena, value.n);
    size_t n = 0;
    if (!out)
        return arena_error(arena, error);
    for (size_t i = 0; i < value.n; i++) {
        uint8_t c = value.p[i];
        if (c == ',' || c == '=')
            return error_set(error, ERR_BAD_REQUEST, "invalid field selector: unescaped character in value: %u", c);
        if (c == '\\') {
            if (++i == value.n)
                return error_set(error, ERR_BAD_REQUEST, "invalid field selector: invalid escape sequence: \\");
            c = value.p[i];
            if (c != '\\' && c != ',' && c != '=')
                return error_set(error, ERR_BAD_REQUEST, "invalid field selector: invalid escape sequence: \\%c", c);
        }
        out[n++] = c;
    }
    *ret = (bytes){out, n};
    return ERR_OK;
}

static bool selectable(const struct kind *kind, bytes field)
{
    if (bytes_equal(field, BYTES("metadata.name")) ||
        (kind->namespaced && bytes_equal(field, BYTES("metadata.namespace"))))
        return true;
    for (size_t i = 0; i < kind->selectable_field_count; i++)
        if (bytes_equal(field, bytes_of(kind->selectable_fields[i])))
            return true;
    return false;
}

/* In upstream's words: kinds without selectable fields of their own share a sentence. */
static err_t unsupported(const struct kind *kind, bytes field, struct error *error)
{
    if (kind->custom || kind->selectable_field_count > 0)
        return error_set(error, ERR_BAD_REQUEST, "field label not supported: %.*s", BYTES_FMT(field));
    return error_set(error, ERR_BAD_REQUEST,
        "\"%.*s\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"", BYTES_FMT(field));
}

static err_t parse_term(
    struct arena *arena, const struct kind *kind, bytes text, bytes term, struct requirement *ret, struct error *error)
{
    size_t at = 0, skip = 1;
    while (at < term.n && term.p[at] != '=' && !bytes_start(bytes_skip(term, at), BYTES("!=")))
        at++;
    if (at == term.n)
        return error_set(error, ERR_BAD_REQUEST, "invalid selector: '%.*s'; can't understand '%.*s'", BYTES_FMT(text),
            BYTES_FMT(term));
    bool not_equal = term.p[at] == '!';
    if (not_equal || bytes_start(bytes_skip(term, at), BYTES("==")))
        skip = 2;
    bytes *value = arena_alloc(arena, sizeof(*value)), field = {term.p, at};
    if (!value)
        return arena_error(arena, error);
    TRY(unescape(arena, bytes_skip(term, at + skip), value, error));
    if (kind && !selectable(kind, field))
        return unsupported(kind, field, error);
    *ret = (struct requirement){
        .operator= not_equal ? SELECT_NOT_EQUALS : SELECT_EQUALS, .key = field, .values = value, .value_count = 1};
    return ERR_OK;
}

err_t field_selector_parse(
    struct arena *arena, const struct kind *kind, bytes text, struct selector *ret, struct error *error)
{
    size_t count;
    bytes *terms = split(arena, text, &count);
    struct requirement *requirements = terms ? arena_alloc(arena, count * sizeof(*requirements)) : NULL;
    if (!requirements)
        return arena_error(arena, error);
    for (size_t i = 0; i < count; i++)
        TRY(parse_term(arena, kind, text, terms[i], &requirements[i], error));
    *ret = (struct selector){requirements, count};
    return ERR_OK;
}

/* ---- Matching */

static bool term_matches(const struct requirement *r, bytes value)
{
    return bytes_equal(r->values[0], value) == (r->operator== SELECT_EQUALS);
}

/* The text at a dotted path; "" when absent. */
static bytes field_text(const struct json *object, bytes path)
{
    for (;;) {
        size_t dot = bytes_find(path, '.');
        if (dot == path.n)
            return json_text(object, path);
        object = json_get(object, (bytes){path.p, dot});
        path = bytes_skip(path, dot + 1);
    }
}

bool field_selector_matches(const struct selector *selector, const struct kind *kind, const struct json *object)
{
    for (size_t i = 0; i < selector->count; i++) {
        const struct requirement *r = &selector->requirements[i];
        bytes text;
        if (!kind->rules->select || !kind->rules->select(object, r->key, &text))
            text = field_text(object, r->key);
        if (!term_matches(r, text))
            return false;
    }
    return true;
}

bool field_selector_may_match_name(const struct selector *selector, bytes namespace, bytes name)
{
    for (size_t i = 0; i < selector->count; i++) {
        const struct requirement *r = &selector->requirements[i];
        if ((bytes_equal(r->key, BYTES("metadata.name")) && !term_matches(r, name)) ||
            (bytes_equal(r->key, BYTES("metadata.namespace")) && !term_matches(r, namespace)))
            return false;
    }
    return true;
}

bool field_selector_only_names(const struct selector *selector)
{
    for (size_t i = 0; i < selector->count; i++)
        if (!bytes_equal(selector->requirements[i].key, BYTES("metadata.name")) &&
            !bytes_equal(selector->requirements[i].key, BYTES("metadata.namespace")))
            return false;
    return true;
}

bytes field_selector_required_name(const struct selector *selector)
{
    for (size_t i = 0; i < selector->count; i++) {
        const struct requirement *r = &selector->requirements[i];
        if (r->operator== SELECT_EQUALS && bytes_equal(r->key, BYTES("metadata.name")))
            return r->values[0];
    }
    return BYTES_NONE;
}
