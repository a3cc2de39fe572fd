/* SPDX-License-Identifier: Apache-2.0 */
#ifndef COFFER_SERVE_DELETE_OPTIONS_H
#define COFFER_SERVE_DELETE_OPTIONS_H

#include "serve/request.h"

/* Reads the DeleteOptions of the body, if there is one, over what the query said, into r->options; unchecked. Errors
 * are kube-apiserver's (ERR_BAD_REQUEST, ERR_UNSUPPORTED_MEDIA_TYPE). */
MUST_CHECK err_t delete_options_read(struct request *r);
/* The same from a tree: what an Eviction carries. */
MUST_CHECK err_t delete_options_take(struct request *r, const struct json *options);

#endif
