/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded default provider: values in Kubernetes' KMS v2 layout (KEP-3299, EncryptedObject type 1) under the name
 * "coffer", seeds wrapped by the key of --unlock file:PATH. key_id is "local:", the first 16
 * bytes of SHA-256("coffer key id v1" 0x00 key) in hex, ":1". The wrapped seed is one format byte 1, a 12-byte nonce
 * and AES-256-GCM with the additional data "coffer seed v1" 0x00 key_id: 61 bytes. A new seed is drawn at each start;
 * seeds met when reading are unwrapped once and kept in the key region (which must be open). */
#ifndef COFFER_ATREST_LOCAL_KEYRING_H
#define COFFER_ATREST_LOCAL_KEYRING_H

#include "atrest/atrest.h"

/* Makes PATH with a new random key, mode 0600, directories 0700, synced. ERR_ALREADY_EXISTS when there is a file, which
 * stays as it is. The file is text: a comment line that says what it is, then "coffer-unlock-v1 " and 64 hex digits. */
MUST_CHECK err_t unlock_file_create(const char *path, struct error *);

/* Reads PATH and gives the provider. ERR_NOT_FOUND; ERR_FORBIDDEN when others may read (mode & 077) or own the file;
 * ERR_INVALID when it is no unlock key. The sentence of every error names the path. */
MUST_CHECK err_t local_keyring_open(const char *path, struct atrest_provider **ret, struct error *);

/* The key_id in use, NUL-terminated, for the store's header: a store opened with another key refuses to start by it. */
const char *local_keyring_key_id(const struct atrest_provider *);

#endif
