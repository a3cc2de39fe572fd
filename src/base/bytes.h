/* SPDX-License-Identifier: Apache-2.0 */
/* Byte strings that carry their length, and the cursor that reads them. Nothing here allocates or owns. */
#ifndef COFFER_BASE_BYTES_H
#define COFFER_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed run of bytes. p may be NULL only when n is 0. Not NUL-terminated. */
typedef struct bytes {
    const uint8_t *p;
    size_t n;
} bytes;

/* Key material, passwords, seeds. A type of its own so that no log or error call accepts it by mistake. */
struct secret {
    uint8_t *p;
    size_t n;
};

#define BYTES(literal) ((bytes){(const uint8_t *)("" literal), sizeof(literal) - 1})
#define BYTES_NONE     ((bytes){NULL, 0})
#define ARRAY_LEN(a)   (sizeof(a) / sizeof((a)[0]))

/* For printf-like formats: "%.*s", BYTES_FMT(b). Cuts at INT_MAX. */
#define BYTES_FMT(b) (int)((b).n > INT32_MAX ? INT32_MAX : (b).n), (const char *)(b).p

/* Marks a function whose result must be looked at. */
#define MUST_CHECK                 __attribute__((warn_unused_result))
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))

static inline bytes bytes_of(const char *text)
{
    return (bytes){(const uint8_t *)text, text ? strlen(text) : 0};
}

/* Not constant-time: never for secrets; those compare with CRYPTO_memcmp. */
static inline bool bytes_equal(bytes a, bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Byte order, a shorter string before its extensions: the order of etcd keys. */
static inline int bytes_compare(bytes a, bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static inline bool bytes_start(bytes b, bytes prefix)
{
    return b.n >= prefix.n && (prefix.n == 0 || memcmp(b.p, prefix.p, prefix.n) == 0);
}

static inline bool bytes_end(bytes b, bytes suffix)
{
    return b.n >= suffix.n && (suffix.n == 0 || memcmp(b.p + b.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* b without its first n bytes; n must not exceed b.n. */
static inline bytes bytes_skip(bytes b, size_t n)
{
    return (bytes){n ? b.p + n : b.p, b.n - n}; /* p may be NULL */
}

/* Without the spaces and tabs around it. */
static inline bytes bytes_trim(bytes b)
{
    while (b.n > 0 && (b.p[0] == ' ' || b.p[0] == '\t'))
        b = bytes_skip(b, 1);
    while (b.n > 0 && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
        b.n--;
    return b;
}
/* Offset of the first c, or b.n. */
static inline size_t bytes_find(bytes b, uint8_t c)
{
    const uint8_t *at = b.n ? memchr(b.p, c, b.n) : NULL;
    return at ? (size_t)(at - b.p) : b.n;
}

/* A reader that compares before it moves. */
struct cursor {
    const uint8_t *p;
    size_t left;
};

static inline struct cursor cursor_of(bytes b)
{
    return (struct cursor){b.p, b.n};
}

/* Takes the next n bytes. False, and nothing moved or written, when fewer are left. */
static inline MUST_CHECK bool cursor_take(struct cursor *c, size_t n, bytes *ret)
{
    if (n > c->left)
        return false;
    *ret = (bytes){c->p, n};
    c->p += n, c->left -= n;
    return true;
}

/* Big-endian integers of 1 to 8 bytes, the order of LMDB keys and of the wire. */
static inline MUST_CHECK bool cursor_uint(struct cursor *c, size_t size, uint64_t *ret)
{
    bytes b;
    uint64_t v = 0;
    if (!cursor_take(c, size, &b))
        return false;
    for (size_t i = 0; i < size; i++)
        v = v << 8 | b.p[i];
    *ret = v;
    return true;
}

/* Parses a whole unsigned decimal without sign, space or leading zero (but "0"). False on anything else, or overflow.
 */
MUST_CHECK bool bytes_to_uint64(bytes text, uint64_t *ret);

/* Length of the strict UTF-8 sequence (RFC 3629) at the start: 1 to 4, or 0 when malformed, cut off or empty. */
unsigned bytes_utf8(bytes);

#endif
