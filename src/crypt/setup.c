/* SPDX-License-Identifier: Apache-2.0 */
#include "crypt/setup.h"

#include "crypt/aead.h"
#include "crypt/openssl_error.h"

#include <openssl/crypto.h>

/* An RSA-4096 key needs about 4 KiB with its factors, an ECDSA one 100 bytes: room for the keys of several
 * certificates, and 32 to 100 bytes for each handshake that is under way. Pages count once they are used. */
#define SECURE_HEAP_SIZE  (512 * 1024)
#define SECURE_HEAP_PIECE 32

err_t crypt_setup(struct error *error)
{
    /* 2: made, but the kernel would not lock it. As for arenas, that is no reason to stop; arena_memory_unlocked warns.
     */
    if (!CRYPTO_secure_malloc_initialized() && CRYPTO_secure_malloc_init(SECURE_HEAP_SIZE, SECURE_HEAP_PIECE) == 0)
        return openssl_error(error, "make the secure heap");
    /* OpenSSL 3.0 goes on with a context that it could not make, and crashes. */
    if (!OSSL_LIB_CTX_get0_global_default())
        return error_set(error, ERR_NO_MEMORY, "no memory for OpenSSL");
    return aes_gcm_fetch(error);
}
