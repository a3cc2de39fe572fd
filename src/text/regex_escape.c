/* SPDX-License-Identifier: Apache-2.0 */
/* Escapes and classes in brackets. */
#include "text/regex_parser.h"

static int hex_value(uint32_t c)
{
    if (c >= '0' && c <= '9')
        return (int)c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (int)c - 'a' + 10 : -1;
}

/* Behind \x: two digits, or any number in braces. False when they are not that. */
static err_t parse_hex(struct parser *p, uint32_t *ret, bool *ret_valid)
{
    uint32_t c, value = 0;
    *ret_valid = false;
    if (p->left.n == 0)
        return ERR_OK;
    TRY(regex_next_rune(p, &c));
    if (c != '{') {
        int high = hex_value(c);
        TRY(regex_next_rune(p, &c));
        int low = hex_value(c);
        *ret_valid = high >= 0 && low >= 0;
        *ret = (uint32_t)(high * 16 + low);
        return ERR_OK;
    }
    for (bool digits = false; p->left.n; digits = true) {
        TRY(regex_next_rune(p, &c));
        if (c == '}') {
            *ret_valid = digits;
            *ret = value;
            return ERR_OK;
        }
        int digit = hex_value(c);
        if (digit < 0 || (value = value * 16 + (uint32_t)digit) > CODE_POINT_MOST)
            return ERR_OK;
    }
    return ERR_OK;
}

err_t regex_parse_escape(struct parser *p, uint32_t *ret)
{
    static const char c_escapes[] = "a\af\fn\nr\rt\tv\v";
    const uint8_t *start = p->left.p;
    uint32_t c, value = 0;
    bool valid = false;
    p->left = bytes_skip(p->left, 1);
    if (p->left.n == 0)
        return regex_fail(p, "trailing backslash at end of expression", BYTES(""));
    TRY(regex_next_rune(p, &c));
    if (c == 'x') {
        TRY(parse_hex(p, &value, &valid));
    } else if (c >= '0' && c <= '7') {
        bool next = p->left.n && p->left.p[0] >= '0' && p->left.p[0] <= '7';
        valid = c == '0' || next; /* \1 alone would refer to a group */
        value = c - '0';
        for (int i = 1; valid && i < 3 && p->left.n && p->left.p[0] >= '0' && p->left.p[0] <= '7'; i++) {
            value = value * 8 + (uint32_t)(p->left.p[0] - '0');
            p->left = bytes_skip(p->left, 1);
        }
    } else if (c < 128 && !regex_is_alphanumeric(c)) {
        valid = true;
        value = c;
    }
    for (const char *at = c_escapes; *at && !valid && c != 'x'; at += 2)
        if (c == (uint8_t)*at) {
            valid = true;
            value = (uint8_t)at[1];
        }
    if (!valid)
        return regex_fail(p, INVALID_ESCAPE, regex_since(p, start));
    *ret = value;
    return ERR_OK;
}

/* \p{Name}, \pN, and \P for what is not. */
static err_t parse_unicode(struct parser *p, struct class_builder *set)
{
    const uint8_t *start = p->left.p;
    bool negate = start[1] == 'P';
    uint32_t c;
    p->left = bytes_skip(p->left, 2);
    const uint8_t *name_start = p->left.p;
    TRY(regex_next_rune(p, &c));
    bytes name = regex_since(p, name_start);
    if (c == '{') {
        size_t end = bytes_find(p->left, '}');
        if (end == p->left.n) {
            TRY(regex_check_utf8(p, regex_rest(p, start)));
            return regex_fail(p, INVALID_RANGE, regex_rest(p, start));
        }
        name = (bytes){p->left.p, end};
        p->left = bytes_skip(p->left, end + 1);
        TRY(regex_check_utf8(p, name));
    }
    bool caret = name.n && name.p[0] == '^';
    if (!class_add_unicode(set, bytes_skip(name, caret), negate != caret, p->flags & FLAG_FOLD))
        return regex_fail(p, INVALID_RANGE, regex_since(p, start));
    return ERR_OK;
}

err_t regex_parse_set_escape(struct parser *p, struct class_builder *set, bool *ret_taken)
{
    *ret_taken = p->left.n >= 2 && p->left.p[0] == '\\' && strchr("dDsSwWpP", p->left.p[1]) && p->left.p[1];
    if (!*ret_taken)
        return ERR_OK;
    uint8_t letter = p->left.p[1];
    if (letter == 'p' || letter == 'P')
        return parse_unicode(p, set);
    p->left = bytes_skip(p->left, 2);
    (void)!class_add_perl(set, letter, p->flags & FLAG_FOLD);
    return ERR_OK;
}

/* [:alpha:] inside of brackets. */
static err_t parse_posix(struct parser *p, struct class_builder *set, bool *ret_taken)
{
    *ret_taken = false;
    if (p->left.n <= 2 || !bytes_start(p->left, BYTES("[:")))
        return ERR_OK;
    for (size_t i = 2; i + 1 < p->left.n; i++)
        if (p->left.p[i] == ':' && p->left.p[i + 1] == ']') {
            bytes whole = {p->left.p, i + 2}, name = {p->left.p + 2, i - 2};
            *ret_taken = true;
            p->left = bytes_skip(p->left, whole.n);
            return class_add_posix(set, name, p->flags & FLAG_FOLD) ? ERR_OK : regex_fail(p, INVALID_RANGE, whole);
        }
    return ERR_OK;
}

static err_t parse_class_char(struct parser *p, const uint8_t *class_start, uint32_t *ret)
{
    if (p->left.n == 0)
        return regex_fail(p, "missing closing ]", regex_rest(p, class_start));
    return p->left.p[0] == '\\' ? regex_parse_escape(p, ret) : regex_next_rune(p, ret);
}

err_t regex_parse_class(struct parser *p, struct class_builder *set)
{
    const uint8_t *class_start = p->left.p;
    p->left = bytes_skip(p->left, 1);
    bool negate = p->left.n && p->left.p[0] == '^';
    p->left = bytes_skip(p->left, negate);
    /* A ] that comes first is itself. */
    for (bool first = true; first || !p->left.n || p->left.p[0] != ']'; first = false) {
        const uint8_t *start = p->left.p;
        uint32_t low = 0, high;
        bool taken;
        TRY(parse_posix(p, set, &taken));
        if (!taken)
            TRY(regex_parse_set_escape(p, set, &taken));
        if (taken)
            continue;
        TRY(parse_class_char(p, class_start, &low));
        high = low;
        if (p->left.n >= 2 && p->left.p[0] == '-' && p->left.p[1] != ']') {
            p->left = bytes_skip(p->left, 1);
            TRY(parse_class_char(p, class_start, &high));
            if (high < low)
                return regex_fail(p, INVALID_RANGE, regex_since(p, start));
        }
        class_add(set, low, high, p->flags & FLAG_FOLD);
    }
    p->left = bytes_skip(p->left, 1);
    if (negate)
        class_negate(set);
    return ERR_OK;
}
