/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COFFER_CRYPT_X509_NAME_H
#define COFFER_CRYPT_X509_NAME_H

#include "crypt/x509.h"

#include <openssl/x509v3.h>

/* A subject alternative name: an IP address when the text is one, else DNS. ERR_INVALID when it can be neither. Free
 * the result with GENERAL_NAME_free. */
MUST_CHECK err_t x509_name_from(bytes text, GENERAL_NAME **ret, struct error *);
/* All of them; free the result with GENERAL_NAMES_free. */
MUST_CHECK err_t x509_names_from(const bytes *texts, size_t count, GENERAL_NAMES **ret, struct error *);
/* Letters, digits, '-', '.', '_' and the wildcard, up to 253. */
bool x509_is_dns_name(bytes);

/* The last CN and every O of a subject, into an identity that holds nothing else. As x509_identify. */
MUST_CHECK err_t x509_read_subject(struct arena *, X509_NAME *, struct x509_identity *ret, struct error *);

#endif
