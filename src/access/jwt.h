/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Tokens as signed compact text (RFC 7515, 7518, 7519), taken strictly: three parts of unpadded base64url in
 * its one canonical spelling, a header and claims that are JSON objects without a member twice, one of six asymmetric
 * algorithms, no critical extensions. A header says which key to look for, never which key to trust (RFC 8725).
 *
 *   base64url(header) . base64url(claims) . base64url(signature)
 *   └──────────── signed_text ──────────┘
 *
 * Any thread; keys are only read. */
#ifndef COFFER_ACCESS_JWT_H
#define COFFER_ACCESS_JWT_H

#include "text/json.h"

#include <openssl/types.h>

#define JWT_SIZE_MAX  32768u /* of the text */
#define JWT_DEPTH_MAX 16u    /* of its JSON */

enum jwt_algorithm { JWT_RS256, JWT_RS384, JWT_RS512, JWT_ES256, JWT_ES384, JWT_ES512, JWT_ALGORITHM_COUNT };
/* "RS256" */
const char *jwt_algorithm_name(enum jwt_algorithm);
/* JWT_ALGORITHM_COUNT when it is none of them. */
enum jwt_algorithm jwt_algorithm_of(bytes name);

struct jwt {
    enum jwt_algorithm algorithm;
    bytes key_id; /* the header's kid; empty: it has none */
    const struct json *claims;
    bytes signed_text, signature; /* signed_text is borrowed from the token */
};

/* Whether the text looks like one: three parts. What does not is another kind of token. */
bool jwt_shaped(bytes token);
/* Takes it apart; nothing in it is to be believed before jwt_verify. ERR_UNAUTHORIZED with a reason that quotes none of
 * it, or the arena's error. */
MUST_CHECK err_t jwt_parse(struct arena *, bytes token, struct jwt *ret, struct error *);
/* Whether the key can verify the algorithm: RSA of 2,048 to 8,192 bits for RS*, the one curve for each ES*. */
bool jwt_fits(enum jwt_algorithm, const EVP_PKEY *);
/* Whether the key made the signature. ERR_UNAUTHORIZED when it did not, or cannot have. */
MUST_CHECK err_t jwt_verify(const struct jwt *, EVP_PKEY *, struct error *);
/* A token of these claims, in the arena. key_id may be empty. ERR_INTERNAL when the key does not fit. */
MUST_CHECK err_t jwt_sign(struct arena *, enum jwt_algorithm, EVP_PKEY *, bytes key_id, const struct json *claims,
    bytes *ret, struct error *);

/* exp (needed), nbf and iat (looked at when there): whole or fractional seconds. A token may be used until exp; nbf and
 * iat may lie ahead by leeway seconds. ERR_UNAUTHORIZED. */
MUST_CHECK err_t jwt_check_times(const struct json *claims, int64_t now, int64_t leeway, struct error *);
/* exp of claims whose times were checked. */
int64_t jwt_expiry(const struct json *claims);
/* Walks aud, which is a text or a list of texts: BYTES_NONE at the end. *at starts as NULL. */
bytes jwt_next_audience(const struct json *claims, const struct json **at);

#endif
