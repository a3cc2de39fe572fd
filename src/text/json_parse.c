/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the text, by recursive descent bounded by max_depth. Strings are found eight bytes at a time. */
#include "text/json_names.h"
#include "text/utf8.h"

#include <stdio.h>

#define DEPTH_DEFAULT 64
#define DEPTH_MOST    512

struct parser {
    const uint8_t *p, *end;
    struct arena *arena;
    struct error *error;
    err_t code;
    unsigned depth, max_depth;
    bool keep_duplicates, find_duplicates, duplicate;
};

static struct json *parse_value(struct parser *);

/* Parsers return NULL or false after one of these. */
static bool refuse_memory(struct parser *parser)
{
    parser->code = arena_error(parser->arena, parser->error);
    return false;
}

/* Go writes a byte as the character of that number, quoted. */
static bool refuse_byte(struct parser *parser, uint8_t c, const char *where)
{
    uint8_t character[4];
    if (c == '\'' || c == '"') {
        const char *quoted = c == '"' ? "'\"'" : "'\\''";
        parser->code = error_set(parser->error, ERR_BAD_REQUEST, "invalid character %s %s", quoted, where);
        return false;
    }
    bytes quoted = utf8_quote(parser->arena, (bytes){character, utf8_put(c, character)});
    if (!quoted.p)
        return refuse_memory(parser);
    parser->code = error_set(parser->error, ERR_BAD_REQUEST, "invalid character '%.*s' %s", (int)quoted.n - 2,
        (const char *)quoted.p + 1, where);
    return false;
}

/* Between tokens and in strings. */
static bool refuse(struct parser *parser, const char *where)
{
    if (parser->p < parser->end)
        return refuse_byte(parser, *parser->p, where);
    parser->code = error_set(parser->error, ERR_BAD_REQUEST, "unexpected end of JSON input");
    return false;
}

/* Inside a number, a literal or an escape: there Go takes the end of the text for a space. */
static bool refuse_inside(struct parser *parser, const char *where)
{
    return refuse_byte(parser, parser->p < parser->end ? *parser->p : ' ', where);
}

static void skip_space(struct parser *parser)
{
    while (parser->p < parser->end &&
           (*parser->p == ' ' || *parser->p == '\n' || *parser->p == '\r' || *parser->p == '\t'))
        parser->p++;
}

static bool at(const struct parser *parser, char c)
{
    return parser->p < parser->end && *parser->p == (uint8_t)c;
}

#define EACH_BYTE(c) (0x0101010101010101U * (c))

/* The first byte that is a quote, a backslash, a control or not ASCII, or end. In a word of ASCII a subtraction sets a
 * byte's top bit only where that byte is below the subtrahend; a borrow can spoil only bytes after the first hit. */
static const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        uint64_t hits = w | (w - EACH_BYTE(0x20U)) | ((w ^ EACH_BYTE('"')) - EACH_BYTE(1U)) |
                        ((w ^ EACH_BYTE('\\')) - EACH_BYTE(1U));
        hits &= EACH_BYTE(0x80U);
        if (hits)
            return p + __builtin_ctzll(hits) / 8;
    }
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Stands on the byte after a backslash. */
static bool check_escape(struct parser *parser)
{
    if (parser->p == parser->end || !memchr("bfnrt\\/\"u", *parser->p, 9))
        return refuse_inside(parser, "in string escape code");
    if (*parser->p++ != 'u')
        return true;
    for (unsigned i = 0; i < 4; i++, parser->p++)
        if (parser->p == parser->end || hex_digit(*parser->p) < 0)
            return refuse_inside(parser, "in \\u hexadecimal character escape");
    return true;
}

static uint32_t hex4(const uint8_t *p)
{
    return (uint32_t)(hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 | hex_digit(p[2]) << 4 | hex_digit(p[3]));
}

/* p stands on the u of a checked escape. Halves of a surrogate pair join; one that stands alone becomes U+FFFD, as in
 * Go. */
static const uint8_t *decode_unicode(const uint8_t *p, const uint8_t *end, uint8_t **out)
{
    uint32_t c = hex4(p + 1);
    p += 5;
    if (c >= 0xd800 && c < 0xe000) {
        uint32_t low = c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : 0;
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            p += 6;
        } else {
            c = 0xfffd;
        }
    }
    *out += utf8_put(c, *out);
    return p;
}

/* raw has been checked; what it decodes to is never longer. */
static bool unescape(struct parser *parser, bytes raw, bytes *ret)
{
    static const uint8_t meaning[] = {
        ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t', ['\\'] = '\\', ['/'] = '/', ['"'] = '"'};
    const uint8_t *p = raw.p, *end = raw.p + raw.n;
    uint8_t *start = arena_alloc(parser->arena, raw.n), *out = start;
    if (!start)
        return refuse_memory(parser);
    while (p < end) {
        const uint8_t *backslash = memchr(p, '\\', (size_t)(end - p));
        size_t run = (size_t)((backslash ? backslash : end) - p);
        memcpy(out, p, run);
        out += run, p += run;
        if (p == end)
            break;
        if (*++p == 'u')
            p = decode_unicode(p, end, &out);
        else
            *out++ = meaning[*p++];
    }
    *ret = (bytes){start, (size_t)(out - start)};
    return true;
}

/* Stands on the opening quote. */
static bool parse_string(struct parser *parser, bytes *ret)
{
    const uint8_t *start = ++parser->p;
    bool escaped = false;
    for (;;) {
        parser->p = skip_plain(parser->p, parser->end);
        if (at(parser, '"'))
            break;
        if (at(parser, '\\')) {
            parser->p++;
            escaped = true;
            if (!check_escape(parser))
                return false;
            continue;
        }
        if (parser->p == parser->end || *parser->p < 0x20)
            return refuse(parser, "in string literal");
        unsigned n = bytes_utf8((bytes){parser->p, (size_t)(parser->end - parser->p)});
        if (n == 0) {
            parser->code = error_set(parser->error, ERR_BAD_REQUEST, "invalid UTF-8 in string literal");
            return false;
        }
        parser->p += n;
    }
    bytes raw = {start, (size_t)(parser->p++ - start)};
    if (escaped)
        return unescape(parser, raw, ret);
    *ret = raw;
    return true;
}

static bool skip_digits(struct parser *parser, const char *where)
{
    const uint8_t *start = parser->p;
    while (parser->p < parser->end && *parser->p >= '0' && *parser->p <= '9')
        parser->p++;
    return parser->p > start || refuse_inside(parser, where);
}

static bool parse_number(struct parser *parser, bytes *ret)
{
    const uint8_t *start = parser->p;
    if (at(parser, '-'))
        parser->p++;
    if (at(parser, '0'))
        parser->p++;
    else if (!skip_digits(parser, "in numeric literal"))
        return false;
    if (at(parser, '.')) {
        parser->p++;
        if (!skip_digits(parser, "after decimal point in numeric literal"))
            return false;
    }
    if (at(parser, 'e') || at(parser, 'E')) {
        parser->p++;
        if (at(parser, '+') || at(parser, '-'))
            parser->p++;
        if (!skip_digits(parser, "in exponent of numeric literal"))
            return false;
    }
    *ret = (bytes){start, (size_t)(parser->p - start)};
    return true;
}

static bool parse_literal(struct parser *parser, const char *literal)
{
    char where[40];
    for (const char *c = literal; *c; c++, parser->p++) {
        if (at(parser, *c))
            continue;
        snprintf(where, sizeof(where), "in literal %s (expecting '%c')", literal, *c);
        return refuse_inside(parser, where);
    }
    return true;
}

static bool check_duplicates(struct parser *parser, const struct json *object)
{
    const struct json *found;
    if (!parser->find_duplicates)
        return true;
    if (json_find_duplicate(parser->arena, object, &found) != ERR_OK)
        return refuse_memory(parser);
    if (!found)
        return true;
    parser->duplicate = true;
    parser->find_duplicates = !parser->keep_duplicates; /* knowing of one is enough */
    if (parser->keep_duplicates)
        return true;
    bytes name = utf8_quote(parser->arena, found->key);
    if (!name.p)
        return refuse_memory(parser);
    parser->code = error_set(parser->error, ERR_BAD_REQUEST, "duplicate field %.*s", BYTES_FMT(name));
    return false;
}

/* Reads `: value` after a name. */
static struct json *parse_member(struct parser *parser)
{
    bytes name;
    skip_space(parser);
    if (!at(parser, '"')) {
        refuse(parser, "looking for beginning of object key string");
        return NULL;
    }
    if (!parse_string(parser, &name))
        return NULL;
    skip_space(parser);
    if (!at(parser, ':')) {
        refuse(parser, "after object key");
        return NULL;
    }
    parser->p++;
    struct json *value = parse_value(parser);
    if (value)
        value->key = name;
    return value;
}

/* Members or items up to the closing byte; stands after the opening one. */
static bool parse_children(struct parser *parser, struct json *parent)
{
    bool object = parent->type == JSON_OBJECT;
    char close = object ? '}' : ']';
    skip_space(parser);
    if (at(parser, close)) {
        parser->p++;
        return true;
    }
    for (;;) {
        struct json *child = object ? parse_member(parser) : parse_value(parser);
        if (!child)
            return false;
        if (parent->last)
            parent->last->next = child;
        else
            parent->first = child;
        parent->last = child;
        parent->count++;
        skip_space(parser);
        if (at(parser, close))
            break;
        if (!at(parser, ','))
            return refuse(parser, object ? "after object key:value pair" : "after array element");
        parser->p++;
    }
    parser->p++;
    return !object || check_duplicates(parser, parent);
}

static bool parse_container(struct parser *parser, struct json *value)
{
    if (parser->depth == parser->max_depth) {
        parser->code = error_set(parser->error, ERR_BAD_REQUEST, "exceeded max depth");
        return false;
    }
    parser->p++;
    parser->depth++;
    bool parsed = parse_children(parser, value);
    parser->depth--;
    return parsed;
}

static bool parse_into(struct parser *parser, struct json *value)
{
    switch (parser->p < parser->end ? *parser->p : 0) {
    case '{':
        value->type = JSON_OBJECT;
        return parse_container(parser, value);
    case '[':
        value->type = JSON_ARRAY;
        return parse_container(parser, value);
    case '"':
        value->type = JSON_STRING;
        return parse_string(parser, &value->text);
    case 't':
        value->type = JSON_TRUE;
        return parse_literal(parser, "true");
    case 'f':
        value->type = JSON_FALSE;
        return parse_literal(parser, "false");
    case 'n':
        value->type = JSON_NULL;
        return parse_literal(parser, "null");
    case '-':
    case '0' ... '9':
        value->type = JSON_NUMBER;
        return parse_number(parser, &value->text);
    default:
        return refuse(parser, "looking for beginning of value");
    }
}

static struct json *parse_value(struct parser *parser)
{
    struct json *value = json_new(parser->arena, JSON_NULL);
    if (!value) {
        refuse_memory(parser);
        return NULL;
    }
    skip_space(parser);
    return parse_into(parser, value) ? value : NULL;
}

err_t json_parse(struct arena *arena, bytes in, const struct json_options *options, struct json **ret,
    bool *ret_duplicate, struct error *error)
{
    static const struct json_options defaults = {0};
    options = options ? options : &defaults;
    in = in.p ? in : BYTES("");
    unsigned depth = options->max_depth ? options->max_depth : DEPTH_DEFAULT;
    struct parser parser = {
        .p = in.p,
        .end = in.p + in.n,
        .arena = arena,
        .error = error,
        .max_depth = depth < DEPTH_MOST ? depth : DEPTH_MOST,
        .keep_duplicates = options->keep_duplicates,
        .find_duplicates = !options->keep_duplicates || ret_duplicate,
    };
    struct json *value = parse_value(&parser);
    if (!value)
        return parser.code;
    skip_space(&parser);
    if (parser.p != parser.end) {
        refuse(&parser, "after top-level value");
        return parser.code;
    }
    if (ret_duplicate)
        *ret_duplicate = parser.duplicate;
    *ret = value;
    return ERR_OK;
}
