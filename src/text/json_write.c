/* SPDX-License-Identifier: Apache-2.0 */
#include "text/json.h"

#define EACH_BYTE(c) (0x0101010101010101U * (c))

/* The first byte that may need an escape, or end; as skip_plain of json_parse.c. '<' and '>' differ in one bit, '"' and
 * '&' in one. */
static const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        uint64_t hits = w | (w - EACH_BYTE(0x20U)) | ((w ^ EACH_BYTE('\\')) - EACH_BYTE(1U)) |
                        (((w | EACH_BYTE(2U)) ^ EACH_BYTE('>')) - EACH_BYTE(1U)) |
                        (((w | EACH_BYTE(4U)) ^ EACH_BYTE('&')) - EACH_BYTE(1U));
        hits &= EACH_BYTE(0x80U);
        if (hits)
            return p + __builtin_ctzll(hits) / 8;
    }
    while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\' && *p != '<' && *p != '>' && *p != '&')
        p++;
    return p;
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte of a word is its lowest");

static void put_escape(struct buffer *out, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    char letter = c < sizeof(letters) ? letters[c] : '\0';
    uint8_t text[] = {'\\', 'u', '0', '0', (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15]};
    if (letter)
        text[1] = (uint8_t)letter;
    buffer_put(out, (bytes){text, letter ? 2 : 6});
}

/* One character that skip_plain stopped at. Returns its length. */
static size_t put_special(struct buffer *out, bytes rest)
{
    unsigned n = bytes_utf8(rest);
    if (n == 0) {
        buffer_put(out, BYTES("\\ufffd"));
        return 1;
    }
    if (n == 1)
        put_escape(out, rest.p[0]);
    else if (n == 3 && rest.p[0] == 0xe2 && rest.p[1] == 0x80 && (rest.p[2] & 0xfe) == 0xa8)
        buffer_put(out, rest.p[2] == 0xa8 ? BYTES("\\u2028") : BYTES("\\u2029"));
    else
        buffer_put(out, (bytes){rest.p, n});
    return n;
}

static void put_escaped(struct buffer *out, const uint8_t *p, const uint8_t *end)
{
    while (p < end && !out->failed) {
        const uint8_t *plain = skip_plain(p, end);
        buffer_put(out, (bytes){p, (size_t)(plain - p)});
        p = plain;
        if (p < end)
            p += put_special(out, (bytes){p, (size_t)(end - p)});
    }
}

/* Most strings need no escape: one look, one copy. */
void json_write_string(struct buffer *out, bytes text)
{
    text = text.p ? text : BYTES("");
    const uint8_t *end = text.p + text.n, *special = skip_plain(text.p, end);
    size_t plain = (size_t)(special - text.p);
    uint8_t *to = buffer_reserve(out, plain + 2);
    if (!to)
        return;
    *to++ = '"';
    if (plain)
        memcpy(to, text.p, plain);
    out->n += plain + 1;
    if (special < end)
        put_escaped(out, special, end);
    buffer_byte(out, '"');
}

/* indent 0: compact. */
static void put_line(struct buffer *out, unsigned indent, unsigned depth)
{
    if (!indent)
        return;
    buffer_byte(out, '\n');
    for (unsigned i = 0; i < indent * depth; i++)
        buffer_byte(out, ' ');
}

static void write_value(struct buffer *, const struct json *, unsigned indent, unsigned depth);

static void write_children(struct buffer *out, const struct json *parent, unsigned indent, unsigned depth)
{
    bool object = parent->type == JSON_OBJECT;
    buffer_byte(out, object ? '{' : '[');
    for (const struct json *child = parent->first; child && !out->failed; child = child->next) {
        if (child != parent->first)
            buffer_byte(out, ',');
        put_line(out, indent, depth + 1);
        if (object) {
            json_write_string(out, child->key);
            buffer_put(out, indent ? BYTES(": ") : BYTES(":"));
        }
        write_value(out, child, indent, depth + 1);
    }
    if (parent->first)
        put_line(out, indent, depth);
    buffer_byte(out, object ? '}' : ']');
}

static void write_value(struct buffer *out, const struct json *value, unsigned indent, unsigned depth)
{
    switch (value->type) {
    case JSON_NULL:
        buffer_put(out, BYTES("null"));
        return;
    case JSON_FALSE:
        buffer_put(out, BYTES("false"));
        return;
    case JSON_TRUE:
        buffer_put(out, BYTES("true"));
        return;
    case JSON_NUMBER:
        buffer_put(out, value->text);
        return;
    case JSON_STRING:
        json_write_string(out, value->text);
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        write_children(out, value, indent, depth);
    }
}

void json_write(struct buffer *out, const struct json *value)
{
    write_value(out, value, 0, 0);
}

void json_write_pretty(struct buffer *out, const struct json *value, unsigned indent)
{
    write_value(out, value, indent, 0);
}
