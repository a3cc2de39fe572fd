/* SPDX-License-Identifier: Apache-2.0 */
/* One call of a webhook: where it is, and the HTTP exchange with it. Inside src/serve only. */
#ifndef COFFER_SERVE_WEBHOOK_CALL_H
#define COFFER_SERVE_WEBHOOK_CALL_H

#include "serve/request.h"
#include "serve/webhook.h"

/* Posts a review and waits for the answer's body, at most timeout_ms: on the outbound pool. A Service is looked up by
 * its Endpoints or, when it has none, its EndpointSlices, and the connection goes to one of their addresses; its
 * certificate is checked against NAME.NAMESPACE.svc. Connections are kept for later calls. Failures get the sentence
 * that comes after `failed calling webhook "w": ` into error, which nobody but the client is shown. */
MUST_CHECK err_t webhook_call(
    struct request *, struct webhook *, bytes body, unsigned timeout_ms, bytes *ret_answer, struct error *);

#endif
