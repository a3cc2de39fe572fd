/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

bool bytes_to_uint64(bytes text, uint64_t *ret)
{
    uint64_t v = 0;
    if (text.n == 0 || (text.n > 1 && text.p[0] == '0'))
        return false;
    for (size_t i = 0; i < text.n; i++) {
        unsigned digit = (unsigned)text.p[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *ret = v;
    return true;
}

/* The first byte fixes the length and the range of the second byte; that range is what refuses overlong forms (E0, F0),
 * surrogates (ED) and values above U+10FFFF (F4). */
unsigned bytes_utf8(bytes b)
{
    uint8_t low = 0x80, high = 0xbf;
    unsigned n;
    if (b.n == 0)
        return 0;
    uint8_t c = b.p[0];
    if (c < 0x80)
        return 1;
    if (c < 0xc2 || c > 0xf4)
        return 0;
    n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    if (b.n < n || b.p[1] < low || b.p[1] > high)
        return 0;
    for (unsigned i = 2; i < n; i++)
        if ((b.p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}
