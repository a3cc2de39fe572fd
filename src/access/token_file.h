/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens out of a file (--token-auth-file), as kube-apiserver reads it: CSV, a line each
 *
 *   TOKEN,USER,UID[,"GROUP1,GROUP2"]
 *
 * with quotes as RFC 4180 has them. A line without a token is passed over; of two lines with the same token the last
 * counts. In memory are digests of the tokens, not the tokens. */
#ifndef COFFER_ACCESS_TOKEN_FILE_H
#define COFFER_ACCESS_TOKEN_FILE_H

#include "access/authenticator.h"

/* Reads it; what was in force stays on failure. ERR_INVALID for a file that others may read, or that is malformed: with
 * the line, never with what stands there. NULL: no tokens. Blocks, one at a time. */
MUST_CHECK err_t token_file_load(const char *path, struct error *);
/* The same from text, for tests: the path is for messages alone. */
MUST_CHECK err_t token_file_parse(const char *path, bytes text, struct error *);

token_function token_file_authenticate;

#endif
