/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COFFER_CRYPT_OPENSSL_ERROR_H
#define COFFER_CRYPT_OPENSSL_ERROR_H

#include "base/error.h"

/* After a call into OpenSSL failed: ERR_NO_MEMORY or ERR_INTERNAL, with "cannot DO: OpenSSL's reason". Empties the
 * thread's error queue: what is left in it would be taken for the next connection's by SSL_get_error. */
MUST_CHECK err_t openssl_error(struct error *, const char *what);

#endif
