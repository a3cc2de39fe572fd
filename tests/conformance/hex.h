/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COFFER_CONFORMANCE_HEX_H
#define COFFER_CONFORMANCE_HEX_H

#include "base/bytes.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bytes that text spells, in malloc's memory of just their size; a vector that is not hex ends the test. */
static inline bytes unhex(const char *text)
{
    size_t n = strlen(text) / 2;
    uint8_t *p = malloc(n ? n : 1);
    assert(p && strlen(text) % 2 == 0);
    for (size_t i = 0; i < n; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], 0}, *end;
        p[i] = (uint8_t)strtoul(digits, &end, 16);
        assert(end == digits + 2);
    }
    return (bytes){p, n};
}

static inline void unhex_free(bytes b)
{
    free((void *)(uintptr_t)b.p);
}

#endif
