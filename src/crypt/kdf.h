/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256, HMAC and HKDF (RFC 5869). They allocate nothing and cannot fail; intermediate keys are wiped. */
#ifndef COFFER_CRYPT_KDF_H
#define COFFER_CRYPT_KDF_H

#include "base/bytes.h"

#define SHA256_SIZE 32

void sha256(bytes in, uint8_t ret[SHA256_SIZE]);
void hmac_sha256(struct secret key, bytes in, uint8_t ret[SHA256_SIZE]);
/* RFC 5869 section 2.3, Expand only; n at most 8160 (asserted: callers give constants). */
void hkdf_expand(struct secret prk, bytes info, uint8_t *ret, size_t n);
void hkdf_extract(bytes salt, struct secret ikm, uint8_t ret[SHA256_SIZE]);

#endif
