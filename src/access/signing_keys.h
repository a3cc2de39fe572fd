/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of service account tokens: which signs, which verify. The server's own (own_keys.h), and those that files
 * bring: a private one signs in place of the server's own, whose tokens stay good; public ones verify.
 *
 * One set a process, a snapshot (base/published.h): looking takes no lock. */
#ifndef COFFER_ACCESS_SIGNING_KEYS_H
#define COFFER_ACCESS_SIGNING_KEYS_H

#include "access/jwk.h"
#include "atrest/atrest.h"
#include "store/store.h"

struct signing_keys_options {
    struct store *store;
    struct atrest *atrest;
    const char *private_file;        /* PEM; NULL: the server's own key signs */
    const char *const *public_files; /* PEM, several keys in each; private ones count by their public part */
    size_t public_file_count;
    int64_t lifetime_seconds; /* how long an own key signs; 0: for ever */
};

/* Loads them; the options' texts and places are borrowed until signing_keys_close. Blocks. */
MUST_CHECK err_t signing_keys_open(const struct signing_keys_options *, int64_t now, struct error *);
/* Reads the files again and makes the key that is due; on failure what was in force stays. Blocks, one at a time. */
MUST_CHECK err_t signing_keys_renew(int64_t now, struct error *);
/* When no thread looks any more. */
void signing_keys_close(void);

/* ERR_UNAUTHORIZED when no key of the token's kid, or without one no key at all, made its signature. Any thread. */
MUST_CHECK err_t signing_keys_verify(const struct jwt *, struct error *);
/* Changes when the keys do: for caches of what was verified. */
uint64_t signing_keys_version(void);
/* A token of these claims; expires (wall seconds; INT64_MAX: never) is noted with the key first, where that is an own
 * one. May block: not on a loop. */
MUST_CHECK err_t signing_keys_sign(
    struct arena *, const struct json *claims, int64_t now, int64_t expires, bytes *ret, struct error *);

/* {"keys":[...]} and the algorithms that they sign with, for the discovery documents. */
MUST_CHECK err_t signing_keys_public(
    struct arena *, struct json **ret_set, struct json **ret_algorithms, struct error *);

#endif
