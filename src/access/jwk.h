/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys that verify tokens, as JSON (RFC 7517, 7518: RSA, and EC on P-256, P-384 and P-521) and as OpenSSL holds
 * them. */
#ifndef COFFER_ACCESS_JWK_H
#define COFFER_ACCESS_JWK_H

#include "access/jwt.h"

/* Base64url SHA-256 of the key's DER (SubjectPublicKeyInfo), NUL-terminated: its kid, as kube-apiserver makes it. */
#define JWK_ID_SIZE 44
MUST_CHECK err_t jwk_id(EVP_PKEY *, char ret[JWK_ID_SIZE], struct error *);

/* What a key signs with: RS256, or the algorithm of its curve. JWT_ALGORITHM_COUNT: nothing that is accepted here. */
enum jwt_algorithm jwk_algorithm(const EVP_PKEY *);

struct jwk {
    EVP_PKEY *key;                /* the caller's to free */
    bytes id;                     /* kid, borrowed; empty: none */
    enum jwt_algorithm algorithm; /* the only one it may verify; JWT_ALGORITHM_COUNT: all that fit the key */
};
/* A member of "keys". ERR_INVALID for what is no public key of these sorts, is too weak or too large, or is not for
 * signatures: the others of a set may still count. */
MUST_CHECK err_t jwk_parse(const struct json *, struct jwk *ret, struct error *);
/* The public part of a key, its members in the order that kube-apiserver writes. */
MUST_CHECK err_t jwk_make(struct arena *, EVP_PKEY *, struct json **ret, struct error *);

#endif
