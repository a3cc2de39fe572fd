/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COFFER_CRYPT_X509_NAME_H
#define COFFER_CRYPT_X509_NAME_H

#include "base/error.h"

#include <openssl/x509v3.h>

/* A subject alternative name: an IP address when the text is one, else DNS. ERR_INVALID when it can be neither. Free
 * the result with GENERAL_NAME_free. */
MUST_CHECK err_t x509_name_from(bytes text, GENERAL_NAME **ret, struct error *);

#endif
