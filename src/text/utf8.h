/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COFFER_TEXT_UTF8_H
#define COFFER_TEXT_UTF8_H

#include "base/arena.h"

/* Strict UTF-8 (RFC 3629): no overlong forms, surrogates, or code points above U+10FFFF. */
bool utf8_valid(bytes);
/* Decodes one code point at the start. Returns its length, 0 when malformed or empty. */
unsigned utf8_next(bytes, uint32_t *ret);
/* Encodes; returns the length, 1 to 4. */
unsigned utf8_put(uint32_t code_point, uint8_t ret[4]);
/* Go's %q: double quotes, \n \t \" \\ and \xNN or \uNNNN for what is not printable. p is NULL when the arena is full.
 */
bytes utf8_quote(struct arena *, bytes);

#endif
