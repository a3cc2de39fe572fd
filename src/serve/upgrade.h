/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that ask to go on as a WebSocket. Inside src/serve only. */
#ifndef COFFER_SERVE_UPGRADE_H
#define COFFER_SERVE_UPGRADE_H

#include "serve/request.h"

/* Checks the handshake of a request that asks for a WebSocket, and chooses what is answered to Sec-WebSocket-Protocol
 * ("": nothing). STEP_NEXT: it may go on; STEP_FAIL; STEP_DONE: refused. */
enum step_result upgrade_check(struct request *, bytes *ret_protocol);

#endif
