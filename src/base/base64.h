/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648) as Go's encoding/base64 reads and writes it, down to the offsets of its errors. Own tables:
 * OpenSSL's decoder is lenient and would need a second pass; one strict pass takes 0.5 us a KB, encoding 0.35. */
#ifndef COFFER_BASE_BASE64_H
#define COFFER_BASE_BASE64_H

#include "base/arena.h"

enum base64_alphabet { BASE64_STANDARD, BASE64_URL_UNPADDED };

/* p is NULL when the arena is full. */
bytes base64_encode(struct arena *, enum base64_alphabet, bytes in);

/* Go's StdEncoding.Decode: \r and \n anywhere are skipped, padding is needed, non-zero trailing bits are accepted. On
 * failure returns ERR_BAD_REQUEST and *ret_offset is the byte Go reports in "illegal base64 data at input byte N".
 * ERR_NO_MEMORY or ERR_TOO_MANY_REQUESTS when the arena is full. */
MUST_CHECK err_t base64_decode(struct arena *, enum base64_alphabet, bytes in, bytes *ret, size_t *ret_offset);

/* Whether in decodes, and to how many bytes, without writing them: what validation needs. Same codes and offset. */
MUST_CHECK err_t base64_check(enum base64_alphabet, bytes in, size_t *ret_decoded, size_t *ret_offset);

#endif
