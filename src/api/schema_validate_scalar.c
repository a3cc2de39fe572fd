/* SPDX-License-Identifier: Apache-2.0 */
/* Strings, numbers and enumerations against schemas. */
#include "api/float_text.h"
#include "api/schema_check.h"
#include "api/schema_format.h"
#include "text/regex.h"
#include "text/utf8.h"

#include <math.h>
#include <stdlib.h>

/* ---- Numbers. */

bool number_of(const struct json *json, struct number *ret)
{
    char text[400];
    if (json->type != JSON_NUMBER)
        return false;
    *ret = (struct number){0};
    if (json_to_int64(json, &ret->whole)) {
        ret->integer = true;
        ret->value = (double)ret->whole;
        return true;
    }
    if (json->text.n >= sizeof(text))
        return false;
    memcpy(text, json->text.p, json->text.n);
    text[json->text.n] = '\0';
    ret->value = strtod(text, NULL);
    return isfinite(ret->value);
}

/* As go-openapi sees it: within 2^53, and up to a relative error of 1e-9. */
bool number_is_whole(double value)
{
    double near = round(value), most = 9007199254740991.0;
    if (!isfinite(value) || fabs(value) > most)
        return false;
    return value == near || (near != 0 && fabs(value - near) / (fabs(value) + fabs(near)) < 1e-9);
}

static bytes float_sentence(struct check *c, double value)
{
    char text[FLOAT_TEXT_SIZE];
    size_t n = float_text(value, FLOAT_SENTENCE, text);
    return arena_copy(c->arena, (bytes){(const uint8_t *)text, n});
}

/* Bounds are whole or not, whatever the value is. */
static bool is_int64(double bound)
{
    return bound == trunc(bound) && bound < 9223372036854775807.0 && bound >= -9223372036854775808.0;
}

static bytes bound_text(struct check *c, double bound, bool integer)
{
    return integer && is_int64(bound) ? arena_format(c->arena, "%lld", (long long)bound) : float_sentence(c, bound);
}

static int compare_bound(const struct number *n, double bound)
{
    if (!n->integer || !is_int64(bound))
        return (n->value > bound) - (n->value < bound);
    int64_t whole = (int64_t)bound;
    return (n->whole > whole) - (n->whole < whole);
}

static void check_multiple(struct check *c, struct findings *list, const struct schema_constraints *k,
    const struct json *json, const struct number *n, const struct place *at)
{
    bytes factor = bound_text(c, k->multiple_of, n->integer);
    double of = k->multiple_of;
    if (of <= 0) {
        finding_add(c, list, place_field(c, at), "FieldValueInvalid",
            "Invalid value: %.*s: factor MultipleOf declared for %.*s must be positive: %.*s", BYTES_FMT(factor),
            BYTES_FMT(place_text(c, at)), BYTES_FMT(factor));
        return;
    }
    bool fits = n->integer && is_int64(of) ? n->whole % (int64_t)of == 0
                                           : number_is_whole(of < 1 ? 1 / of * n->value : n->value / of);
    if (!fits)
        finding_in_body(
            c, list, at, "FieldValueInvalid", value_text(c, json), "should be a multiple of %.*s", BYTES_FMT(factor));
}

void check_number(struct check *c, struct findings *list, const struct schema *schema, const struct json *json,
    const struct place *at)
{
    const struct schema_constraints *k = schema->constraints;
    struct number n;
    if (!k || !number_of(json, &n))
        return;
    if (k->flags & HAS_MULTIPLE_OF)
        check_multiple(c, list, k, json, &n, at);
    int low = k->flags & HAS_MINIMUM ? compare_bound(&n, k->minimum) : 1;
    int high = k->flags & HAS_MAXIMUM ? compare_bound(&n, k->maximum) : -1;
    if (low < 0 || (low == 0 && k->flags & EXCLUSIVE_MINIMUM))
        finding_in_body(c, list, at, "FieldValueInvalid", value_text(c, json), "should be greater than %s%.*s",
            k->flags & EXCLUSIVE_MINIMUM ? "" : "or equal to ", BYTES_FMT(bound_text(c, k->minimum, n.integer)));
    if (high > 0 || (high == 0 && k->flags & EXCLUSIVE_MAXIMUM))
        finding_in_body(c, list, at, "FieldValueInvalid", value_text(c, json), "should be less than %s%.*s",
            k->flags & EXCLUSIVE_MAXIMUM ? "" : "or equal to ", BYTES_FMT(bound_text(c, k->maximum, n.integer)));
}

/* ---- Strings. */

static int64_t code_points(bytes text)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += (text.p[i] & 0xc0) != 0x80;
    return n;
}

/* Linear time is long when both the pattern and the text are: all matches of an object together have a bound, of about
 * a second. */
#define MATCH_STEPS_MOST (1000u * 1000 * 1000)

/* False: no match, or none that was looked for (then there is a finding that says so). */
static bool matches(struct check *c, struct findings *list, const struct regex *pattern, const struct json *json,
    const struct place *at, bool *ret_given_up)
{
    c->match_steps += (uint64_t)json->text.n * regex_states(pattern);
    *ret_given_up = c->match_steps > MATCH_STEPS_MOST;
    if (!*ret_given_up)
        return regex_matches(pattern, c->arena, json->text);
    finding_add(c, list, place_field(c, at), "FieldValueInvalid",
        "Invalid value: the strings of this object are too long to be matched against their patterns");
    return false;
}

static void check_format(struct check *c, struct findings *list, const struct schema *schema, const struct json *json,
    const struct place *at)
{
    const struct schema_format *format = schema->constraints->format;
    const struct regex *pattern = schema->constraints->format_pattern;
    bool given_up = false;
    if ((!pattern || matches(c, list, pattern, json, at, &given_up)) && (!format->check || format->check(json->text)))
        return;
    if (given_up)
        return;
    bytes quoted = value_text(c, json);
    finding_in_body(
        c, list, at, "FieldValueTypeInvalid", quoted, "must be of type %s: %.*s", schema->format, BYTES_FMT(quoted));
}

void check_string(struct check *c, struct findings *list, const struct schema *schema, const struct json *json,
    const struct place *at)
{
    const struct schema_constraints *k = schema->constraints;
    bool given_up = false;
    if (!k)
        return;
    /* one sentence for a string, and one for its format */
    if (k->max_length >= 0 && code_points(json->text) > k->max_length)
        finding_add(c, list, place_field(c, at), "FieldValueTooLong", "Too long: may not be more than %lld byte%s",
            (long long)k->max_length, k->max_length == 1 ? "" : "s");
    else if (k->min_length >= 0 && code_points(json->text) < k->min_length)
        finding_in_body(c, list, at, "FieldValueInvalid", value_text(c, json), "should be at least %lld chars long",
            (long long)k->min_length);
    else if (k->pattern && !matches(c, list, k->pattern, json, at, &given_up) && !given_up)
        finding_in_body(c, list, at, "FieldValueInvalid", value_text(c, json), "should match '%s'", k->pattern_text);
    if (k->format)
        check_format(c, list, schema, json, at);
}

/* ---- Any value. */

bytes value_text(struct check *c, const struct json *json)
{
    struct buffer b;
    struct number n;
    if (json->type == JSON_STRING)
        return utf8_quote(c->arena, json->text);
    if (number_of(json, &n) && !n.integer)
        return float_sentence(c, n.value);
    buffer_init(&b, c->arena);
    json_write(&b, json);
    return b.failed ? BYTES_NONE : buffer_bytes(&b);
}

static bool same_value(const struct json *a, const struct json *b)
{
    struct number x, y;
    if (number_of(a, &x) && number_of(b, &y))
        return x.integer && y.integer ? x.whole == y.whole : x.value == y.value;
    return json_equal(a, b);
}

static bool is_among(const struct schema *schema, const struct json *json)
{
    const struct schema_constraints *k = schema->constraints;
    for (const struct json *e = k && k->enumeration ? k->enumeration->first : NULL; e; e = e->next)
        if (same_value(e, json))
            return true;
    for (uint32_t i = 0; i < schema->enumeration_count; i++)
        if (json->type == JSON_STRING && bytes_equal(json->text, bytes_of(schema->enumeration[i])))
            return true;
    return false;
}

static void put_supported(struct check *c, struct buffer *b, bytes text)
{
    bytes quoted = utf8_quote(c->arena, text);
    buffer_text(b, b->n ? ", " : "");
    buffer_put(b, quoted);
}

void check_enumeration(struct check *c, struct findings *list, const struct schema *schema, const struct json *json,
    const struct place *at)
{
    const struct schema_constraints *k = schema->constraints;
    const struct json *any = k ? k->enumeration : NULL;
    struct buffer supported;
    if ((!any && !schema->enumeration_count) || is_among(schema, json))
        return;
    buffer_init(&supported, c->arena);
    for (const struct json *e = any ? any->first : NULL; e; e = e->next)
        put_supported(c, &supported, e->type == JSON_STRING ? e->text : value_text(c, e));
    for (uint32_t i = 0; i < schema->enumeration_count; i++)
        put_supported(c, &supported, bytes_of(schema->enumeration[i]));
    finding_add(c, list, place_field(c, at), "FieldValueNotSupported",
        "Unsupported value: %.*s: supported values: %.*s", BYTES_FMT(value_text(c, json)),
        BYTES_FMT(buffer_bytes(&supported)));
}
