/* SPDX-License-Identifier: Apache-2.0 */
/* What authentication rests on in this process: set up once, before the first request, and only read then. */
#ifndef COFFER_ACCESS_AUTHENTICATOR_H
#define COFFER_ACCESS_AUTHENTICATOR_H

#include "access/user.h"
#include "atrest/atrest.h"
#include "store/store.h"
#include "text/json.h"

struct authenticator {
    struct store *store;
    struct atrest *atrest;
    const bytes *issuers; /* of service account tokens: at least one; the first signs, the others are accepted too */
    size_t issuer_count;
    const bytes *audiences; /* whom a token must be for: one of them */
    size_t audience_count;
    bytes jwks_uri;             /* told by the discovery document */
    int64_t token_seconds_most; /* that a token is issued for; 0: no bound but the API's own */
    bool anonymous;             /* who has no credential is system:anonymous; else 401 */
    bool anonymous_given;       /* the flag says so, or that it is not: the configuration may not too */
};

/* The struct is borrowed until it is replaced; NULL: no tokens are known. */
void authenticator_set(const struct authenticator *);
const struct authenticator *authenticator_current(void);

/* Who a token stands for. */
struct authenticated {
    struct user user;
    const bytes *audiences; /* that were asked for and that it is good for */
    size_t audience_count;
    int64_t expires; /* wall seconds from which on it is not; INT64_MAX: unless it is withdrawn */
    bytes secret;    /* the key of the Secret without which it is not; empty: none */
};

/* Whom a token is asked to be for. */
struct audiences {
    const bytes *list;
    size_t count;
};

/* A kind of token. ERR_OK; ERR_NOT_FOUND: no such token at all, another kind may know it; ERR_UNAUTHORIZED: one that is
 * not good, with the reason for the log; others: it could not be decided. ret's texts are in the arena. */
typedef err_t token_function(
    struct arena *, bytes token, const struct audiences *asked, struct authenticated *ret, struct error *);

/* For tokens that say nothing of audiences: they are for the server's own. ERR_UNAUTHORIZED when none was asked for. */
MUST_CHECK err_t audiences_own(
    struct arena *, const struct audiences *asked, struct authenticated *ret, struct error *);
bool audiences_hold(const struct audiences *, bytes audience);

/* The newest stored object of a core kind, opened in the arena; *ret NULL when there is none. */
MUST_CHECK err_t authenticator_get(
    struct arena *, const char *kind, bytes namespace, bytes name, struct json **ret, struct error *);

#endif
