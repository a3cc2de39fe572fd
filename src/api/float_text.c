/* SPDX-License-Identifier: Apache-2.0 */
#include "api/float_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The fewest digits, without point and trailing zeros, and the power of ten of the first. */
static size_t shortest(double value, char digits[24], int *ret_exponent)
{
    char text[40];
    size_t n = 0;
    for (int precision = 0; precision <= 16; precision++) {
        (void)snprintf(text, sizeof(text), "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    *ret_exponent = (int)strtol(p + 1, NULL, 10);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

static size_t scientific(const char *digits, size_t n, int exponent, enum float_style style, char *out)
{
    size_t at = 0;
    out[at++] = digits[0];
    if (n > 1) {
        out[at++] = '.';
        memcpy(out + at, digits + 1, n - 1);
        at += n - 1;
    }
    int width = style == FLOAT_JSON && exponent < 0 ? 2 : 3; /* Go drops a zero there */
    return at + (size_t)snprintf(out + at, 8, "e%+0*d", width, exponent);
}

static size_t positional(const char *digits, size_t n, int exponent, char *out)
{
    size_t at = 0;
    if (exponent < 0) {
        out[at++] = '0';
        out[at++] = '.';
        for (int i = -1; i > exponent; i--)
            out[at++] = '0';
        memcpy(out + at, digits, n);
        return at + n;
    }
    size_t whole = (size_t)exponent + 1;
    for (size_t i = 0; i < whole; i++)
        out[at++] = i < n ? digits[i] : '0';
    if (n > whole) {
        out[at++] = '.';
        memcpy(out + at, digits + whole, n - whole);
        at += n - whole;
    }
    return at;
}

size_t float_text(double value, enum float_style style, char ret[FLOAT_TEXT_SIZE])
{
    char digits[24] = "0";
    int exponent;
    size_t n = shortest(fabs(value), digits, &exponent), at = 0;
    if (signbit(value))
        ret[at++] = '-';
    bool json = style == FLOAT_JSON;
    if (exponent >= (json ? 21 : 6) || exponent < (json ? -6 : -4))
        at += scientific(digits, n, exponent, style, ret + at);
    else
        at += positional(digits, n, exponent, ret + at);
    ret[at] = '\0';
    return at;
}
