/* SPDX-License-Identifier: Apache-2.0 */
/* Authenticated encryption by OpenSSL 3. Algorithms are fetched once; no key schedule outlives a call. Thread-safe. */
#ifndef COFFER_CRYPT_AEAD_H
#define COFFER_CRYPT_AEAD_H

#include "base/arena.h"

#define AES_GCM_NONCE_SIZE 12
#define AES_GCM_TAG_SIZE   16

/* AES-GCM with a 16, 24 or 32 byte key. out has room for in.n + 16; the tag goes last. out may not overlap in. */
MUST_CHECK err_t aes_gcm_seal(
    struct secret key, const uint8_t nonce[AES_GCM_NONCE_SIZE], bytes aad, bytes in, uint8_t *out);
/* in is ciphertext and tag; out has room for in.n - 16 and is wiped when the tag is wrong. ERR_UNREADABLE then. */
MUST_CHECK err_t aes_gcm_open(
    struct secret key, const uint8_t nonce[AES_GCM_NONCE_SIZE], bytes aad, bytes in, uint8_t *out);

/* Fetches the algorithms now instead of at first use. */
MUST_CHECK err_t aes_gcm_fetch(struct error *);

#endif
