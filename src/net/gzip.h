/* SPDX-License-Identifier: Apache-2.0 */
/* A streamed answer, compressed on its way (RFC 1952, by zlib at its fastest). */
#ifndef COFFER_NET_GZIP_H
#define COFFER_NET_GZIP_H

#include "net/http.h"

/* Whether an Accept-Encoding value takes gzip. */
bool gzip_accepted(bytes accept_encoding);

/* A source that gives what `inner` gives, compressed, and closes it: from now on only the HTTP server may call inner,
 * by way of this. It frees itself when it is closed. What it holds, 70 KB and the piece at hand, is wiped. NULL without
 * memory; inner is then as it was. */
struct http_source *gzip_source_new(struct http_source *inner);
/* The same for a body that is whole, borrowed until the source is closed. */
struct http_source *gzip_body_new(bytes body);

#endif
