/* SPDX-License-Identifier: Apache-2.0 */
#include "text/utf8.h"

bool utf8_valid(bytes b)
{
    while (b.n) {
        uint64_t word;
        if (b.n >= sizeof(word)) {
            memcpy(&word, b.p, sizeof(word));
            if (!(word & 0x8080808080808080)) {
                b = bytes_skip(b, sizeof(word));
                continue;
            }
        }
        unsigned n = bytes_utf8(b);
        if (n == 0)
            return false;
        b = bytes_skip(b, n);
    }
    return true;
}

unsigned utf8_next(bytes b, uint32_t *ret)
{
    static const uint8_t head_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    unsigned n = bytes_utf8(b);
    if (n == 0)
        return 0;
    uint32_t code_point = b.p[0] & head_bits[n];
    for (unsigned i = 1; i < n; i++)
        code_point = code_point << 6 | (b.p[i] & 0x3f);
    *ret = code_point;
    return n;
}

unsigned utf8_put(uint32_t c, uint8_t ret[4])
{
    unsigned n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (unsigned i = n; i-- > 1; c >>= 6)
        ret[i] = (uint8_t)(0x80 | (c & 0x3f));
    ret[0] = (uint8_t)(heads[n] | c);
    return n;
}

/* Ranges from first to last that print nothing: controls, formats, spaces, private use, noncharacters. */
static const uint32_t unprintable[][2] = {
    {0x00, 0x1f},
    {0x7f, 0xa0},
    {0xad, 0xad},
    {0x600, 0x605},
    {0x61c, 0x61c},
    {0x6dd, 0x6dd},
    {0x70f, 0x70f},
    {0x890, 0x891},
    {0x8e2, 0x8e2},
    {0x1680, 0x1680},
    {0x180e, 0x180e},
    {0x2000, 0x200f},
    {0x2028, 0x202f},
    {0x205f, 0x206f},
    {0x3000, 0x3000},
    {0xd800, 0xf8ff},
    {0xfdd0, 0xfdef},
    {0xfeff, 0xfeff},
    {0xfff0, 0xfffb},
    {0xfffe, 0xffff},
    {0xe0000, 0x10ffff},
};

static bool is_printable(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_LEN(unprintable) && c >= unprintable[i][0]; i++)
        if (c <= unprintable[i][1])
            return false;
    return true;
}

static char short_escape(uint32_t c)
{
    static const char escapes[] = {
        ['\a'] = 'a',
        ['\b'] = 'b',
        ['\t'] = 't',
        ['\n'] = 'n',
        ['\v'] = 'v',
        ['\f'] = 'f',
        ['\r'] = 'r',
        ['"'] = '"',
        ['\\'] = '\\',
    };
    return c < sizeof(escapes) ? escapes[c] : '\0';
}

bytes utf8_quote(struct arena *arena, bytes text)
{
    struct buffer out;
    buffer_init(&out, arena);
    buffer_byte(&out, '"');
    while (text.n) {
        uint32_t c;
        unsigned n = utf8_next(text, &c);
        if (n == 0)
            buffer_format(&out, "\\x%02x", text.p[0]);
        else if (short_escape(c))
            buffer_byte(&out, '\\'), buffer_byte(&out, (uint8_t)short_escape(c));
        else if (is_printable(c))
            buffer_put(&out, (bytes){text.p, n});
        else
            buffer_format(&out, c < 0x80 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        text = bytes_skip(text, n ? n : 1);
    }
    buffer_put(&out, (bytes){(const uint8_t *)"\"", 2}); /* with its NUL, as all text of arenas */
    return out.failed ? BYTES_NONE : (bytes){out.p, out.n - 1};
}
