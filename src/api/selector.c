/* SPDX-License-Identifier: Apache-2.0 */
/* Label selectors: Kubernetes' lexer, grammar and sentences. */
#include "api/selector.h"

#include "api/object.h"
#include "text/utf8.h"

#include <stdlib.h>

enum token {
    TOKEN_END,
    TOKEN_IDENTIFIER,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_NOT,
    TOKEN_DOUBLE_EQUALS,
    TOKEN_EQUALS,
    TOKEN_GREATER,
    TOKEN_IN,
    TOKEN_LESS,
    TOKEN_NOT_EQUALS,
    TOKEN_NOT_IN,
    TOKEN_OPEN
};

static const struct {
    const char *text;
    enum token token;
} symbols[] = {/* the longer of two that begin alike first */
    {"==", TOKEN_DOUBLE_EQUALS}, {"=", TOKEN_EQUALS}, {"!=", TOKEN_NOT_EQUALS}, {"!", TOKEN_NOT}, {"(", TOKEN_OPEN},
    {")", TOKEN_CLOSE}, {",", TOKEN_COMMA}, {">", TOKEN_GREATER}, {"<", TOKEN_LESS}};

struct lexeme {
    enum token token;
    bytes text;
};

struct parser {
    struct arena *arena;
    struct error *error;
    struct cursor rest;
    struct lexeme ahead; /* the next token */
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What ends a word; a NUL ends the whole text, as it does in Kubernetes. */
static bool ends_word(uint8_t c)
{
    return c == '\0' || is_space(c) || strchr("=!(),><", c);
}

static struct lexeme scan(struct cursor *c)
{
    bytes taken;
    while (c->left && is_space(*c->p) && cursor_take(c, 1, &taken))
        ;
    if (!c->left || *c->p == '\0')
        return (struct lexeme){TOKEN_END, BYTES("")};
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++)
        if (bytes_start((bytes){c->p, c->left}, bytes_of(symbols[i].text)) &&
            cursor_take(c, strlen(symbols[i].text), &taken))
            return (struct lexeme){symbols[i].token, taken};
    size_t n = 0;
    while (n < c->left && !ends_word(c->p[n]))
        n++;
    if (!cursor_take(c, n, &taken))
        return (struct lexeme){TOKEN_END, BYTES("")};
    if (bytes_equal(taken, BYTES("in")))
        return (struct lexeme){TOKEN_IN, taken};
    return (struct lexeme){bytes_equal(taken, BYTES("notin")) ? TOKEN_NOT_IN : TOKEN_IDENTIFIER, taken};
}

/* Where a key or value stands, the keywords are plain words. */
static enum token word_ahead(const struct parser *p)
{
    bool keyword = p->ahead.token == TOKEN_IN || p->ahead.token == TOKEN_NOT_IN;
    return keyword ? TOKEN_IDENTIFIER : p->ahead.token;
}

static struct lexeme take(struct parser *p)
{
    struct lexeme now = p->ahead;
    p->ahead = scan(&p->rest);
    return now;
}

static struct lexeme take_word(struct parser *p)
{
    enum token token = word_ahead(p);
    struct lexeme now = take(p);
    return (struct lexeme){token, now.text};
}

static err_t refuse(struct parser *p, const char *before, bytes found, const char *expected)
{
    return error_set(p->error, ERR_BAD_REQUEST, "%sfound '%.*s'%s", before, BYTES_FMT(found), expected);
}

#define REQUIREMENT "unable to parse requirement: "

/* ---- Values */

struct values {
    bytes *p;
    size_t n, capacity;
};

static err_t values_add(struct parser *p, struct values *values, bytes value)
{
    if (values->n == values->capacity) {
        size_t capacity = values->capacity ? 2 * values->capacity : 4;
        bytes *grown = arena_alloc(p->arena, capacity * sizeof(*grown));
        if (!grown)
            return arena_error(p->arena, p->error);
        if (values->n)
            memcpy(grown, values->p, values->n * sizeof(*grown));
        values->p = grown, values->capacity = capacity;
    }
    values->p[values->n++] = value;
    return ERR_OK;
}

static int compare_values(const void *a, const void *b)
{
    return bytes_compare(*(const bytes *)a, *(const bytes *)b);
}

/* In order, each once. */
static void values_finish(struct values *values)
{
    size_t kept = 0;
    qsort(values->p, values->n, sizeof(*values->p), compare_values);
    for (size_t i = 0; i < values->n; i++)
        if (i == 0 || !bytes_equal(values->p[i], values->p[kept - 1]))
            values->p[kept++] = values->p[i];
    values->n = kept;
}

/* After "(": words and commas; nothing before, between or after commas is the empty value. */
static err_t parse_list(struct parser *p, struct values *values)
{
    for (;;) {
        struct lexeme now = take_word(p);
        if (now.token == TOKEN_IDENTIFIER) {
            TRY(values_add(p, values, now.text));
            if (word_ahead(p) == TOKEN_CLOSE)
                return ERR_OK;
            if (word_ahead(p) != TOKEN_COMMA)
                return refuse(p, REQUIREMENT, p->ahead.text, ", expected: ',' or ')'");
            continue;
        }
        if (now.token != TOKEN_COMMA)
            return refuse(p, REQUIREMENT, now.text, ", expected: ',', or identifier");
        if (values->n == 0)
            TRY(values_add(p, values, BYTES("")));
        if (word_ahead(p) == TOKEN_CLOSE)
            return values_add(p, values, BYTES(""));
        if (word_ahead(p) == TOKEN_COMMA) {
            (void)take_word(p);
            TRY(values_add(p, values, BYTES("")));
        }
    }
}

static err_t parse_set(struct parser *p, struct values *values)
{
    struct lexeme open = take_word(p);
    if (open.token != TOKEN_OPEN)
        return refuse(p, REQUIREMENT, open.text, " expected: '('");
    bytes first = p->ahead.text;
    switch (word_ahead(p)) {
    case TOKEN_IDENTIFIER:
    case TOKEN_COMMA:
        TRY(parse_list(p, values));
        return take_word(p).token == TOKEN_CLOSE ? ERR_OK : refuse(p, REQUIREMENT, first, ", expected: ')'");
    case TOKEN_CLOSE:
        (void)take_word(p);
        return values_add(p, values, BYTES(""));
    default:
        return refuse(p, REQUIREMENT, open.text, ", expected: ',', ')' or identifier");
    }
}

static err_t parse_exact(struct parser *p, struct values *values)
{
    if (word_ahead(p) == TOKEN_END || word_ahead(p) == TOKEN_COMMA)
        return values_add(p, values, BYTES(""));
    struct lexeme word = take_word(p);
    if (word.token != TOKEN_IDENTIFIER)
        return refuse(p, REQUIREMENT, word.text, ", expected: identifier");
    return values_add(p, values, word.text);
}

/* ---- Requirements */

static err_t refuse_key_or_value(
    struct parser *p, const char *where, bytes value, const char *const *sentences, size_t n)
{
    struct buffer all;
    bytes quoted = utf8_quote(p->arena, value);
    buffer_init(&all, p->arena);
    for (size_t i = 0; i < n; i++) {
        buffer_text(&all, i ? "; " : "");
        buffer_text(&all, sentences[i]);
    }
    if (!quoted.p || all.failed)
        return arena_error(p->arena, p->error);
    return error_set(p->error, ERR_BAD_REQUEST, REQUIREMENT "%s: Invalid value: %.*s: %.*s", where, BYTES_FMT(quoted),
        BYTES_FMT(buffer_bytes(&all)));
}

static err_t check_values(struct parser *p, struct requirement *r)
{
    const char *sentences[4];
    bool number = r->operator== SELECT_GREATER || r->operator== SELECT_LESS;
    for (size_t i = 0; i < r->value_count; i++) {
        const struct json text = {.type = JSON_NUMBER, .text = r->values[i]};
        bytes where = arena_format(p->arena, number ? "values[%zu]" : "values[%zu][%.*s]", i, BYTES_FMT(r->key));
        if (!where.p)
            return arena_error(p->arena, p->error);
        const char *no_integer = "for 'Gt', 'Lt' operators, the value must be an integer";
        if (number && !json_to_int64(&text, &r->number))
            return refuse_key_or_value(p, (const char *)where.p, r->values[i], &no_integer, 1);
        size_t n = label_value_errors(r->values[i], sentences);
        if (n)
            return refuse_key_or_value(p, (const char *)where.p, r->values[i], sentences, n);
    }
    return ERR_OK;
}

static const struct {
    enum token token;
    enum selector_operator operator;
    err_t (*parse)(struct parser *, struct values *);
} operators[] = {{TOKEN_IN, SELECT_IN, parse_set}, {TOKEN_NOT_IN, SELECT_NOT_IN, parse_set},
    {TOKEN_EQUALS, SELECT_EQUALS, parse_exact}, {TOKEN_DOUBLE_EQUALS, SELECT_EQUALS, parse_exact},
    {TOKEN_NOT_EQUALS, SELECT_NOT_EQUALS, parse_exact}, {TOKEN_GREATER, SELECT_GREATER, parse_exact},
    {TOKEN_LESS, SELECT_LESS, parse_exact}};

static err_t parse_operator(struct parser *p, struct requirement *r)
{
    struct values values = {0};
    struct lexeme operator= take(p);
    size_t i = 0;
    while (i < ARRAY_LEN(operators) && operators[i].token != operator.token)
        i++;
    if (i == ARRAY_LEN(operators))
        return refuse(p, REQUIREMENT, operator.text, ", expected: in, notin, =, ==, !=, gt, lt");
    TRY(operators[i].parse(p, &values));
    values_finish(&values);
    r->operator= operators[i].operator;
    r->values = values.p, r->value_count = values.n;
    return check_values(p, r);
}

static err_t parse_requirement(struct parser *p, struct requirement *ret)
{
    struct requirement r = {.operator= SELECT_EXISTS };
    const char *sentences[4];
    struct lexeme word = take_word(p);
    if (word.token == TOKEN_NOT) {
        r.operator= SELECT_NOT_EXISTS;
        word = take_word(p);
    }
    if (word.token != TOKEN_IDENTIFIER)
        return refuse(p, REQUIREMENT, word.text, ", expected: identifier");
    size_t n = qualified_name_errors(word.text, sentences);
    if (n)
        return refuse_key_or_value(p, "<nil>", word.text, sentences, n);
    r.key = word.text;
    if (r.operator== SELECT_EXISTS && p->ahead.token != TOKEN_END && p->ahead.token != TOKEN_COMMA)
        TRY(parse_operator(p, &r));
    *ret = r;
    return ERR_OK;
}

static size_t count_commas(bytes text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ',';
    return n;
}

err_t label_selector_parse(struct arena *arena, bytes text, struct selector *ret, struct error *error)
{
    struct parser p = {.arena = arena, .error = error, .rest = cursor_of(text)};
    struct requirement *requirements = arena_alloc(arena, (count_commas(text) + 1) * sizeof(*requirements));
    size_t count = 0;
    if (!requirements)
        return arena_error(arena, error);
    p.ahead = scan(&p.rest);
    if (p.ahead.token != TOKEN_END && word_ahead(&p) != TOKEN_IDENTIFIER && p.ahead.token != TOKEN_NOT)
        return refuse(&p, "", p.ahead.text, ", expected: !, identifier, or 'end of string'");
    while (p.ahead.token != TOKEN_END) {
        TRY(parse_requirement(&p, &requirements[count++]));
        struct lexeme between = take_word(&p);
        if (between.token == TOKEN_END)
            break;
        if (between.token != TOKEN_COMMA)
            return refuse(&p, "", between.text, ", expected: ',' or 'end of string'");
        if (word_ahead(&p) != TOKEN_IDENTIFIER && word_ahead(&p) != TOKEN_NOT)
            return refuse(&p, "", p.ahead.text, ", expected: identifier after ','");
    }
    *ret = (struct selector){requirements, count};
    return ERR_OK;
}

/* ---- Matching */

static bool has_value(const struct requirement *r, bytes value)
{
    return bsearch(&value, r->values, r->value_count, sizeof(value), compare_values) != NULL;
}

static bool requirement_matches(const struct requirement *r, const struct json *label)
{
    int64_t number;
    switch (r->operator) {
    case SELECT_EXISTS:
        return label != NULL;
    case SELECT_NOT_EXISTS:
        return label == NULL;
    case SELECT_EQUALS:
    case SELECT_IN:
        return label && has_value(r, label->text);
    case SELECT_NOT_EQUALS:
    case SELECT_NOT_IN:
        return !label || !has_value(r, label->text);
    default:
        break;
    }
    if (!label || !json_to_int64(&(struct json){.type = JSON_NUMBER, .text = label->text}, &number))
        return false;
    return r->operator== SELECT_GREATER ? number > r->number : number<r->number;
}

bool label_selector_matches(const struct selector *selector, const struct json *labels)
{
    for (size_t i = 0; i < selector->count; i++)
        if (!requirement_matches(&selector->requirements[i], json_get(labels, selector->requirements[i].key)))
            return false;
    return true;
}

/* ---- Writing */

static void put_values(struct buffer *b, const struct json *values)
{
    buffer_byte(b, '(');
    for (const struct json *v = values ? values->first : NULL; v; v = v->next) {
        buffer_put(b, v->text);
        if (v->next)
            buffer_byte(b, ',');
    }
    buffer_byte(b, ')');
}

static void put_expression(struct buffer *b, const struct json *expression)
{
    bytes key = json_text(expression, BYTES("key")), operator= json_text(expression, BYTES("operator"));
    bool in = bytes_equal(operator, BYTES("In")), not_in = bytes_equal(operator, BYTES("NotIn"));

    if (bytes_equal(operator, BYTES("DoesNotExist")))
        buffer_byte(b, '!');
    buffer_put(b, key);
    if (!in && !not_in)
        return;
    buffer_text(b, in ? " in " : " notin ");
    put_values(b, json_get(expression, BYTES("values")));
}

void label_selector_write(struct buffer *b, const struct json *label_selector)
{
    const struct json *labels = json_get(label_selector, BYTES("matchLabels")),
                      *expressions = json_get(label_selector, BYTES("matchExpressions"));
    bool comma = false;

    for (const struct json *l = labels ? labels->first : NULL; l; l = l->next, comma = true)
        buffer_format(b, "%s%.*s=%.*s", comma ? "," : "", BYTES_FMT(l->key), BYTES_FMT(l->text));
    for (const struct json *e = expressions ? expressions->first : NULL; e; e = e->next, comma = true) {
        buffer_text(b, comma ? "," : "");
        put_expression(b, e);
    }
}
