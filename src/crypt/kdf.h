/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COFFER_CRYPT_KDF_H
#define COFFER_CRYPT_KDF_H

#include "base/arena.h"

void sha256(bytes in, uint8_t ret[32]);
MUST_CHECK err_t hmac_sha256(struct secret key, bytes in, uint8_t ret[32]);
/* RFC 5869 section 2.3, Expand only, SHA-256; n at most 8160. */
MUST_CHECK err_t hkdf_expand(struct secret prk, bytes info, uint8_t *ret, size_t n);
MUST_CHECK err_t hkdf_extract(bytes salt, struct secret ikm, uint8_t ret[32]);

#endif
