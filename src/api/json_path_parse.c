/* SPDX-License-Identifier: Apache-2.0 */
#include "api/json_path_steps.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS_MOST 64
#define DEPTH_MOST 8 /* of filters, unions and names in brackets within each other */

struct parser {
    struct arena *arena;
    struct error *error;
    bool simple;
    unsigned steps, depth;
};

/* The steps parsed so far of one list. */
struct steps {
    struct step *first, *last;
};

static MUST_CHECK err_t parse_steps(struct parser *, bytes text, struct steps *);

static err_t append(struct parser *p, struct steps *steps, struct step step)
{
    if (p->simple && step.type != STEP_FIELD)
        return error_set(p->error, ERR_BAD_REQUEST, "only names are allowed in a simple path");
    if (++p->steps > STEPS_MOST)
        return error_set(p->error, ERR_BAD_REQUEST, "must have at most %d steps", STEPS_MOST);
    struct step *copy = arena_alloc(p->arena, sizeof(*copy));
    if (!copy)
        return arena_error(p->arena, p->error);
    *copy = step;
    for (struct branch *b = steps->last ? steps->last->branches : NULL; b; b = b->next)
        b->last->next = copy;
    *(steps->last ? &steps->last->next : &steps->first) = copy;
    steps->last = copy;
    return ERR_OK;
}

static err_t unrecognized(struct parser *p, uint8_t c)
{
    if (c < ' ' || c >= 0x7f)
        return error_set(p->error, ERR_BAD_REQUEST, "unrecognized character in action: U+%04X", c);
    return error_set(p->error, ERR_BAD_REQUEST, "unrecognized character in action: U+%04X '%c'", c, c);
}

static bool ends_name(uint8_t c)
{
    return c && strchr(" \t\r\n.,[]$@{}", c);
}

/* A name up to what ends it, its backslashes removed; "*" is all children. */
static err_t parse_field(struct parser *p, bytes *text, struct steps *steps)
{
    size_t n = 0, kept = 0;
    bool escaped = false;
    for (; n < text->n && (escaped || !ends_name(text->p[n])); n++)
        escaped = !escaped && text->p[n] == '\\';
    bytes name = {text->p, n};
    if (escaped && n == text->n)
        return error_set(p->error, ERR_BAD_REQUEST, "unclosed action");
    *text = bytes_skip(*text, n);
    if (name.n == 0 && p->simple)
        return error_set(p->error, ERR_BAD_REQUEST, "must not have an empty name");
    if (bytes_equal(name, BYTES("*")))
        return append(p, steps, (struct step){.type = STEP_WILDCARD});
    if (bytes_find(name, '\\') < name.n) {
        uint8_t *plain = arena_alloc(p->arena, name.n);
        if (!plain)
            return arena_error(p->arena, p->error);
        for (size_t i = 0; i < name.n; i++)
            if (name.p[i] != '\\')
                plain[kept++] = name.p[i];
        name = (bytes){plain, kept};
    }
    return append(p, steps, (struct step){.type = STEP_FIELD, .name = name});
}

/* An optional sign and digits at the start; an empty one is allowed. False when it is none or no int64. */
static bool take_index(bytes *text, int64_t *ret, bool *ret_given)
{
    size_t sign = text->n && text->p[0] == '-', n = sign;
    int64_t value = 0;
    for (; n < text->n && text->p[n] >= '0' && text->p[n] <= '9'; n++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, text->p[n] - '0', &value))
            return false;
    if (n == sign && sign)
        return false;
    if (!sign && value == INT64_MIN)
        return false;
    *ret = sign ? value : -value;
    *ret_given = n > 0;
    *text = bytes_skip(*text, n);
    return true;
}

/* [n], [start:end], [start:end:stride], each part optional. */
static err_t parse_slice(struct parser *p, bytes text, struct steps *steps)
{
    struct step step = {.type = STEP_SLICE, .stride = 1, .single = true};
    bytes left = bytes_equal(text, BYTES("*")) ? BYTES(":") : text;
    int64_t given[3] = {0, 0, 1};
    bool known[3] = {false};
    size_t part = 0;
    bool ok = take_index(&left, &given[0], &known[0]);
    while (ok && left.n && left.p[0] == ':' && ++part < 3) {
        left = bytes_skip(left, 1);
        ok = take_index(&left, &given[part], &known[part]);
    }
    if (!ok || left.n)
        return error_set(p->error, ERR_BAD_REQUEST, "invalid array index %.*s", BYTES_FMT(text));
    step.start = given[0];
    step.single = part == 0;
    step.to_end = part > 0 && !known[1];
    step.end = step.single ? given[0] + (given[0] < INT64_MAX) : given[1];
    step.stride = known[2] ? given[2] : 1;
    return append(p, steps, step);
}

/* What stands in brackets: a name in quotes, or indices. */
static err_t parse_subscript(struct parser *p, bytes text, struct steps *steps)
{
    bool quoted = text.n >= 2 && text.p[0] == '\'' && text.p[text.n - 1] == '\'';
    bytes name = quoted ? (bytes){text.p + 1, text.n - 2} : BYTES_NONE;
    if (!quoted || bytes_find(name, '\'') < name.n)
        return parse_slice(p, text, steps);
    bytes path = arena_join(p->arena, BYTES("."), name, ARENA_END);
    return path.p ? parse_steps(p, path, steps) : arena_error(p->arena, p->error);
}

static bytes trim(bytes text)
{
    while (text.n && text.p[0] == ' ')
        text = bytes_skip(text, 1);
    while (text.n && text.p[text.n - 1] == ' ')
        text.n--;
    return text;
}

static err_t parse_union(struct parser *p, bytes text, struct steps *steps)
{
    struct step step = {.type = STEP_UNION};
    struct branch **tail = &step.branches;
    for (bool more = true; more;) {
        size_t comma = bytes_find(text, ',');
        struct steps inner = {0};
        TRY(parse_subscript(p, trim((bytes){text.p, comma}), &inner));
        more = comma < text.n;
        text = bytes_skip(text, comma + more);
        *tail = arena_alloc(p->arena, sizeof(**tail));
        if (!*tail)
            return arena_error(p->arena, p->error);
        **tail = (struct branch){.first = inner.first, .last = inner.last};
        tail = &(*tail)->next;
    }
    return append(p, steps, step);
}

/* Behind the opening bracket. */
static err_t parse_brackets(struct parser *p, bytes *text, struct steps *steps)
{
    size_t end = bytes_find(*text, ']');
    bytes inside = {text->p, end};
    if (end == text->n || bytes_find(inside, '\n') < end)
        return error_set(p->error, ERR_BAD_REQUEST, "unterminated array");
    *text = bytes_skip(*text, end + 1);
    return bytes_find(inside, ',') < end ? parse_union(p, inside, steps) : parse_subscript(p, inside, steps);
}

/* The escapes that a JSON string knows, but for \u. */
static err_t parse_quoted(struct parser *p, bytes text, bytes *ret)
{
    static const char escapes[] = "\\\\''\"\"n\nt\tr\rb\bf\f//";
    uint8_t quote = text.p[0];
    uint8_t *plain = arena_alloc(p->arena, text.n);
    size_t n = 0, i = 1;
    if (!plain)
        return arena_error(p->arena, p->error);
    for (; i < text.n && text.p[i] != quote; i++) {
        const char *escape = escapes;
        plain[n] = text.p[i];
        if (text.p[i] == '\\') {
            if (++i == text.n)
                break;
            while (*escape && *escape != (char)text.p[i])
                escape += 2;
            if (!*escape)
                return error_set(
                    p->error, ERR_BAD_REQUEST, "unquote string %.*s error invalid syntax", BYTES_FMT(text));
            plain[n] = (uint8_t)escape[1];
        }
        n++;
    }
    if (i + 1 != text.n)
        return error_set(p->error, ERR_BAD_REQUEST, "unterminated quoted string");
    *ret = (bytes){plain, n};
    return ERR_OK;
}

/* One side of a comparison: a string in quotes, true, false, a number, or a path from the item on. */
static err_t parse_operand(struct parser *p, bytes text, struct operand *ret)
{
    struct steps steps = {0};
    char number[32], *end;
    text = trim(text);
    ret->literal = (struct json){.type = JSON_STRING};
    if (text.n && (text.p[0] == '"' || text.p[0] == '\''))
        return parse_quoted(p, text, &ret->literal.text);
    bool truth = bytes_equal(text, BYTES("true"));
    if (truth || bytes_equal(text, BYTES("false"))) {
        ret->literal.type = truth ? JSON_TRUE : JSON_FALSE;
        return ERR_OK;
    }
    if (text.n && (strchr("+-", text.p[0]) || (text.p[0] >= '0' && text.p[0] <= '9'))) {
        bool plus = text.p[0] == '+';
        bytes value = bytes_skip(text, plus);
        (void)snprintf(number, sizeof(number), "%.*s", BYTES_FMT(value));
        (void)strtod(number, &end);
        if (value.n == 0 || strspn(number + (number[0] == '-'), "0123456789.") + (number[0] == '-') != value.n || *end)
            return error_set(p->error, ERR_BAD_REQUEST, "cannot parse number %.*s", BYTES_FMT(text));
        ret->literal = (struct json){.type = JSON_NUMBER, .text = value};
        return ERR_OK;
    }
    TRY(parse_steps(p, text, &steps));
    ret->is_path = true;
    ret->path = steps.first;
    return ERR_OK;
}

/* Where the filter's text ends: at the first ) outside of its first quoted string. */
static size_t filter_end(bytes text)
{
    uint8_t quote = 0;
    bool closed = false;
    for (size_t i = 0; i < text.n && text.p[i] != '\n'; i++) {
        uint8_t c = text.p[i];
        if ((c == '"' || c == '\'') && !quote)
            quote = c;
        else if (c == quote && quote && text.p[i - 1] != '\\')
            closed = true;
        else if (c == ')' && (!quote || closed))
            return i;
    }
    return text.n;
}

/* Behind "[?(". */
static err_t parse_filter(struct parser *p, bytes *text, struct steps *steps)
{
    static const char *const tests[] = {[TEST_EQUAL] = "==",
        [TEST_NOT_EQUAL] = "!=",
        [TEST_LESS] = "<",
        [TEST_LESS_EQUAL] = "<=",
        [TEST_GREATER] = ">",
        [TEST_GREATER_EQUAL] = ">="};
    size_t end = filter_end(*text), left = 0, right;
    bytes inside = {text->p, end};
    struct filter *filter = arena_zero(p->arena, sizeof(*filter));
    if (!filter)
        return arena_error(p->arena, p->error);
    if (end == text->n)
        return error_set(p->error, ERR_BAD_REQUEST, "unterminated filter");
    if (end + 1 == text->n || text->p[end + 1] != ']')
        return error_set(p->error, ERR_BAD_REQUEST, "unclosed array expect ]");
    *text = bytes_skip(*text, end + 2);
    while (left < end && !strchr("!<>=", inside.p[left]))
        left++;
    for (right = left; right < end && strchr("!<>=", inside.p[right]);)
        right++;
    TRY(parse_operand(p, (bytes){inside.p, left}, &filter->left));
    if (left < end) {
        bytes written = {inside.p + left, right - left};
        for (size_t i = TEST_EQUAL; i < ARRAY_LEN(tests); i++)
            if (bytes_equal(written, bytes_of(tests[i])))
                filter->test = (enum test)i;
        if (filter->test == TEST_EXISTS)
            return error_set(p->error, ERR_BAD_REQUEST, "unrecognized filter operator %.*s", BYTES_FMT(written));
        if (right == end)
            return unrecognized(p, inside.p[end - 1]);
        TRY(parse_operand(p, bytes_skip(inside, right), &filter->right));
    }
    return append(p, steps, (struct step){.type = STEP_FILTER, .filter = filter});
}

/* Behind "..". A name may follow at once. */
static err_t parse_below(struct parser *p, bytes *text, struct steps *steps)
{
    if (steps->last && steps->last->type == STEP_BELOW)
        return error_set(p->error, ERR_BAD_REQUEST, "invalid multiple recursive descent");
    TRY(append(p, steps, (struct step){.type = STEP_BELOW}));
    uint8_t c = text->n ? text->p[0] : ' ';
    bool name = c == '_' || c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return name ? parse_field(p, text, steps) : ERR_OK;
}

static err_t parse_steps(struct parser *p, bytes text, struct steps *steps)
{
    static const struct {
        bytes start;
        err_t (*parse)(struct parser *, bytes *text, struct steps *);
    } forms[] = {
        {BYTES("[?("), parse_filter},
        {BYTES("["), parse_brackets},
        {BYTES(".."), parse_below},
        {BYTES("."), parse_field},
    };
    if (++p->depth > DEPTH_MOST)
        return error_set(p->error, ERR_BAD_REQUEST, "brackets within brackets");
    while (text.n) {
        size_t form = 0;
        if (strchr(" @$", text.p[0]) && text.p[0]) { /* the object itself */
            text = bytes_skip(text, 1);
            continue;
        }
        while (form < ARRAY_LEN(forms) && !bytes_start(text, forms[form].start))
            form++;
        if (form == ARRAY_LEN(forms))
            return unrecognized(p, text.p[0]);
        text = bytes_skip(text, forms[form].start.n);
        TRY(forms[form].parse(p, &text, steps));
    }
    p->depth--;
    return ERR_OK;
}

err_t json_path_parse(struct arena *arena, bytes text, bool simple, const struct json_path **ret, struct error *error)
{
    struct parser p = {.arena = arena, .error = error, .simple = simple};
    struct steps steps = {0};
    struct json_path *path = arena_alloc(arena, sizeof(*path));
    if (!path)
        return arena_error(arena, error);
    TRY(parse_steps(&p, text, &steps));
    if (simple && !steps.first)
        return error_set(error, ERR_BAD_REQUEST, "must name a field");
    *path = (struct json_path){.first = steps.first};
    *ret = path;
    return ERR_OK;
}
