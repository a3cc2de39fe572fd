/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that the server makes for itself to sign tokens with, ECDSA on P-256, sealed in the store:
 *
 *   meta "token-keys"   {"keys":[{"pem":PKCS#8,"made":T,"from":T,"until":T}, ...]}   oldest first; T: wall seconds
 *
 * made: when; from: signs from then on, until a newer key's `from` has come; until: when the last token that it signed
 * is over, rounded up. A key is forgotten when a newer one signs and its `until` has passed. A key that follows another
 * is told to clients for a while before it signs.
 *
 * Calls block; the caller makes one at a time. */
#ifndef COFFER_ACCESS_OWN_KEYS_H
#define COFFER_ACCESS_OWN_KEYS_H

#include "access/jwk.h"
#include "atrest/atrest.h"
#include "store/store.h"

#define OWN_KEYS_MAX     32
#define OWN_KEYS_FOREVER INT64_MAX /* `until` of a key that signed a token without an end */

struct own_keys_place {
    struct store *store;
    struct atrest *atrest;
};

struct own_key {
    EVP_PKEY *key; /* the caller's to free */
    int64_t from, until;
};

/* Reads them, forgets what is over. make: makes the first, and the next when the newest is lifetime_seconds old (0:
 * never). On failure the caller has no keys. */
MUST_CHECK err_t own_keys_load(const struct own_keys_place *, int64_t now, bool make, int64_t lifetime_seconds,
    struct own_key ret[OWN_KEYS_MAX], size_t *ret_count, struct error *);

/* Notes, durably, that the key of this id signs a token that is over at `until`. *ret_until: what was noted, which may
 * be later. ERR_NOT_FOUND when the key was forgotten. */
MUST_CHECK err_t own_keys_reserve(
    const struct own_keys_place *, const char id[JWK_ID_SIZE], int64_t until, int64_t *ret_until, struct error *);

#endif
