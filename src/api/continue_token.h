/* SPDX-License-Identifier: Apache-2.0 */
/* Continue tokens of chunked lists: unpadded base64url of {"v":"meta.k8s.io/v1","rv":REV,"start":"KEY"}; start is
 * relative to the list's prefix and is the last key + NUL. Texts of bad ones as kube-apiserver's (golden 213-216,
 * 420-422). */
#ifndef COFFER_API_CONTINUE_TOKEN_H
#define COFFER_API_CONTINUE_TOKEN_H

#include "text/json.h"

/* revision -1: continue at the newest. */
bytes continue_token_write(struct arena *, int64_t revision, bytes start);
MUST_CHECK err_t continue_token_parse(
    struct arena *, bytes token, int64_t *ret_revision, bytes *ret_start, struct error *);

#endif
