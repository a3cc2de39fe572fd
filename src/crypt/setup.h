/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COFFER_CRYPT_SETUP_H
#define COFFER_CRYPT_SETUP_H

#include "base/error.h"

/* Once, by main, before any other use of OpenSSL: gives it its secure heap (locked, guarded, not dumped), in which it
 * then keeps private keys, and fetches the algorithms, so that the first request pays nothing for them. */
MUST_CHECK err_t crypt_setup(struct error *);

#endif
