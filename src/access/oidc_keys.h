/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that an issuer signs with: its discovery document says where they are (OpenID Connect Discovery 1.0, 4), and
 * they are a JSON Web Key Set (RFC 7517, 5). Both are fetched by HTTPS, verified, without redirects. */
#ifndef COFFER_ACCESS_OIDC_KEYS_H
#define COFFER_ACCESS_OIDC_KEYS_H

#include "access/authentication_config.h"
#include "access/jwk.h"

#include <stdatomic.h>

#define OIDC_DOCUMENT_MAX ((size_t)512 << 10) /* bytes of each of the two */
#define OIDC_KEYS_MAX     64                  /* of one set */
#define OIDC_CALL_SECONDS 10                  /* that each of the two may take */

/* Immutable; counts who refers to it. */
struct oidc_keys;

/* Blocks. It ends early, with ERR_UNAVAILABLE, when *stopping becomes true between the two. ERR_INVALID when what came
 * is no answer, is of another issuer or holds no key that verifies tokens; the client's errors. */
MUST_CHECK err_t oidc_keys_fetch(
    const struct oidc_issuer *, const atomic_bool *stopping, struct oidc_keys **ret, struct error *);

/* Where the keys are, from a discovery document: NUL-terminated, in the arena. */
MUST_CHECK err_t oidc_discovery_parse(
    struct arena *, bytes document, const struct oidc_issuer *, const char **ret, struct error *);
/* The keys of a set that can verify tokens; the others are passed over. */
MUST_CHECK err_t oidc_keys_parse(struct arena *, bytes document, struct oidc_keys **ret, struct error *);

size_t oidc_keys_count(const struct oidc_keys *);
struct oidc_keys *oidc_keys_hold(struct oidc_keys *);
/* Accepts NULL. */
void oidc_keys_release(struct oidc_keys *);

/* Any thread. By the key of the token's kid; by every key when it names none. ERR_UNAUTHORIZED; *ret_unknown: newer
 * keys might do. */
MUST_CHECK err_t oidc_keys_verify(const struct oidc_keys *, const struct jwt *, bool *ret_unknown, struct error *);

#endif
