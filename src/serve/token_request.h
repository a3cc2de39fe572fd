/* SPDX-License-Identifier: Apache-2.0 */
/* POST serviceaccounts/NAME/token (kubernetes-api.md 3.2): a TokenRequest is answered with a token. Nothing is stored.
 * Inside src/serve only. */
#ifndef COFFER_SERVE_TOKEN_REQUEST_H
#define COFFER_SERVE_TOKEN_REQUEST_H

#include "serve/request.h"

extern const struct kind token_request_kind;

/* What was sent for the account that is loaded (request.old): checks it, looks up what it binds to, and fills in what
 * was left out, so that guards see it whole in request.sent. */
MUST_CHECK err_t token_request_take(struct request *, struct json *sent);
/* The answer's canonical text, with a token that is signed here; in a dry run without one. */
MUST_CHECK err_t token_request_answer(struct request *, bytes *ret);

#endif
