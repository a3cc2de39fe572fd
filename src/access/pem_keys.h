/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in PEM: PKCS#8 and the older forms of RSA and EC, public keys, certificates. */
#ifndef COFFER_ACCESS_PEM_KEYS_H
#define COFFER_ACCESS_PEM_KEYS_H

#include "base/arena.h"

#include <openssl/types.h>

/* The private key that stands first in the text. ERR_INVALID when there is none, or it is encrypted; the error does not
 * say where it was read. The key is the caller's to free. */
MUST_CHECK err_t pem_private_key(bytes text, EVP_PKEY **ret, struct error *);
/* Every key in the text, private ones too, at most `most`, in order: each the caller's to free, also on failure.
 * ERR_INVALID when there is none, one cannot be read, or there are more. */
MUST_CHECK err_t pem_keys(bytes text, size_t most, EVP_PKEY **ret, size_t *ret_count, struct error *);
/* PKCS#8, into the arena. */
MUST_CHECK err_t pem_write_private_key(struct arena *, EVP_PKEY *, bytes *ret, struct error *);

#endif
