/* SPDX-License-Identifier: Apache-2.0 */
/* ID tokens of OpenID Connect issuers (authentication_config.h). A thread for each issuer fetches its keys, so that one
 * that hangs holds up nobody: at start, every ten minutes, when the configuration is read again, and when a token was
 * signed by a key that is not known; ten seconds at least lie between two fetches, so that nobody can use the server
 * against the issuer. A request never waits for that: its token is refused, and is good when the keys have come. Keys
 * stay in use until others were fetched, however long the issuer cannot be reached.
 *
 *   file ──> generation (issuers, a thread each) <── snapshot (keys of each) <── requests
 *
 * A snapshot is immutable; a fetch makes another, a new file another generation. */
#ifndef COFFER_ACCESS_OIDC_H
#define COFFER_ACCESS_OIDC_H

#include "access/authenticator.h"

/* Reads the file and begins to watch its issuers; NULL: there are none. After authenticator_set, whose anonymous_given
 * excludes that the file speaks of it. The path is borrowed.
 * ERR_INVALID with a sentence for the file's keeper. Blocks. */
MUST_CHECK err_t oidc_open(const char *file, struct error *);
/* Reads the file again, and fetches every issuer's keys soon. A failure leaves what was in force. Blocks, for
 * OIDC_CALL_SECONDS at most when an issuer hangs; one at a time. */
MUST_CHECK err_t oidc_reload(struct error *);
/* When nobody authenticates any more. Blocks likewise. */
void oidc_close(void);

/* Whether who asks for the path without a credential is system:anonymous, by the file, or where that says nothing by
 * the flag. */
bool oidc_anonymous(bytes path, bool flag);

/* A token_function. */
MUST_CHECK err_t oidc_authenticate(
    struct arena *, bytes token, const struct audiences *asked, struct authenticated *ret, struct error *);

#endif
