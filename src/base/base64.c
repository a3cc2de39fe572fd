/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static const char alphabets[][65] = {
    [BASE64_STANDARD] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    [BASE64_URL_UNPADDED] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

/* What a byte stands for, plus one, so that absent entries are 0. */
#define SHARED_DIGITS                                                                                                  \
    ['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, ['a'] = 27, \
    28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, ['0'] = 53,    \
    54, 55, 56, 57, 58, 59, 60, 61, 62
static const uint8_t digits[][256] = {
    [BASE64_STANDARD] = {SHARED_DIGITS, ['+'] = 63, ['/'] = 64},
    [BASE64_URL_UNPADDED] = {SHARED_DIGITS, ['-'] = 63, ['_'] = 64},
};

bytes base64_encode(struct arena *arena, enum base64_alphabet alphabet, bytes in)
{
    const char *letters = alphabets[alphabet];
    if (in.n > SIZE_MAX / 4 * 3 - 4)
        return BYTES_NONE;
    uint8_t *start = arena_alloc(arena, (in.n + 2) / 3 * 4 + 1), *out = start;
    if (!start)
        return BYTES_NONE;
    for (; in.n >= 3; in = bytes_skip(in, 3)) {
        uint32_t v = (uint32_t)in.p[0] << 16 | (uint32_t)in.p[1] << 8 | in.p[2];
        *out++ = (uint8_t)letters[v >> 18];
        *out++ = (uint8_t)letters[v >> 12 & 63];
        *out++ = (uint8_t)letters[v >> 6 & 63];
        *out++ = (uint8_t)letters[v & 63];
    }
    if (in.n) {
        uint32_t v = (uint32_t)in.p[0] << 16 | (in.n == 2 ? (uint32_t)in.p[1] << 8 : 0);
        *out++ = (uint8_t)letters[v >> 18];
        *out++ = (uint8_t)letters[v >> 12 & 63];
        if (in.n == 2)
            *out++ = (uint8_t)letters[v >> 6 & 63];
        while (alphabet == BASE64_STANDARD && (out - start) % 4 != 0)
            *out++ = '=';
    }
    *out = '\0';
    return (bytes){start, (size_t)(out - start)};
}

struct decoder {
    bytes in;
    size_t at; /* next byte of in */
    const uint8_t *digits;
    bool padded;
    uint8_t *out; /* NULL: only count */
    size_t n;
};

static void skip_newlines(struct decoder *d)
{
    while (d->at < d->in.n && (d->in.p[d->at] == '\n' || d->in.p[d->at] == '\r'))
        d->at++;
}

static void emit(struct decoder *d, uint32_t v, unsigned count)
{
    if (d->out)
        for (unsigned i = 0; i < count; i++)
            d->out[d->n + i] = (uint8_t)(v >> (16 - 8 * i));
    d->n += count;
}

/* The padding after the `have` digits of the last quantum; its first '=' is at d->at - 1. Go's offsets, one for one. */
static bool end_padding(struct decoder *d, unsigned have, size_t *ret_offset)
{
    *ret_offset = d->at - 1;
    if (have < 2)
        return false;
    if (have == 2) {
        skip_newlines(d);
        *ret_offset = d->at == d->in.n ? d->at : d->at - 1;
        if (d->at == d->in.n || d->in.p[d->at] != '=')
            return false;
        d->at++;
    }
    skip_newlines(d);
    *ret_offset = d->at;
    return d->at == d->in.n;
}

/* One group of up to four digits, newlines between them skipped. False with the offset that Go reports. */
static bool decode_quantum(struct decoder *d, size_t *ret_offset)
{
    uint32_t v = 0;
    for (unsigned have = 0; have < 4;) {
        if (d->at == d->in.n) {
            *ret_offset = d->at - have;
            if (have == 1 || (have > 1 && d->padded))
                return false;
            emit(d, v << (24 - 6 * have), have ? have - 1 : 0);
            return true;
        }
        uint8_t c = d->in.p[d->at++];
        if (d->digits[c]) {
            v = v << 6 | (d->digits[c] - 1U);
            have++;
        } else if (c == '=' && d->padded) {
            if (!end_padding(d, have, ret_offset))
                return false;
            emit(d, v << (24 - 6 * have), have - 1);
            return true;
        } else if (c != '\n' && c != '\r') {
            *ret_offset = d->at - 1;
            return false;
        }
    }
    emit(d, v, 3);
    return true;
}

/* Whole quanta without newlines or padding: nearly everything. */
static void decode_run(struct decoder *d)
{
    const uint8_t *p = d->in.p, *of = d->digits;
    size_t at = d->at, n = d->n;
    for (; d->in.n - at >= 4; at += 4, n += 3) {
        unsigned a = of[p[at]], b = of[p[at + 1]], c = of[p[at + 2]], e = of[p[at + 3]];
        if (!a || !b || !c || !e)
            break;
        if (d->out) {
            uint32_t v = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (e - 1);
            d->out[n] = (uint8_t)(v >> 16);
            d->out[n + 1] = (uint8_t)(v >> 8);
            d->out[n + 2] = (uint8_t)v;
        }
    }
    d->at = at, d->n = n;
}

static bool decode(struct decoder *d, size_t *ret_offset)
{
    while (d->at < d->in.n) {
        decode_run(d);
        if (!decode_quantum(d, ret_offset))
            return false;
    }
    return true;
}

static struct decoder decoder_of(enum base64_alphabet alphabet, bytes in, uint8_t *out)
{
    return (struct decoder){.in = in, .digits = digits[alphabet], .padded = alphabet == BASE64_STANDARD, .out = out};
}

err_t base64_decode(struct arena *arena, enum base64_alphabet alphabet, bytes in, bytes *ret, size_t *ret_offset)
{
    size_t offset;
    uint8_t *out = arena_alloc(arena, in.n / 4 * 3 + 4);
    if (!out)
        return arena_error(arena, NULL);
    struct decoder d = decoder_of(alphabet, in, out);
    if (!decode(&d, &offset)) {
        *ret_offset = offset;
        return ERR_BAD_REQUEST;
    }
    out[d.n] = '\0';
    *ret = (bytes){out, d.n};
    return ERR_OK;
}

err_t base64_check(enum base64_alphabet alphabet, bytes in, size_t *ret_decoded, size_t *ret_offset)
{
    struct decoder d = decoder_of(alphabet, in, NULL);
    size_t offset;
    if (!decode(&d, &offset)) {
        *ret_offset = offset;
        return ERR_BAD_REQUEST;
    }
    *ret_decoded = d.n;
    return ERR_OK;
}
