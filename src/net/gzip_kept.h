/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that are kept compressed (RFC 1952), as most clients take them. Nothing secret: nothing is wiped. */
#ifndef COFFER_NET_GZIP_KEPT_H
#define COFFER_NET_GZIP_KEPT_H

#include "net/http.h"

/* Into the arena; p is NULL when it is full or the system has no memory. Takes a millisecond for 60 KB. */
bytes gzip_compress(struct arena *, bytes plain);
/* The plain bytes again, for who does not take them compressed: packed is gzip_compress's, borrowed until the source is
 * closed, when it frees itself. NULL without memory. */
struct http_source *gzip_expand_new(bytes packed);

#endif
