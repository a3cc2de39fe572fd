/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of one nghttp2 session, kept small. A session is a struct of some 3 KB and a frame buffer of 16 KB, of which a
 * server that sends its data frames without a copy uses the first hundred bytes. Both lie in one mapping:
 *
 *   | struct | frame buffer ............................ |
 *   | one page, used  | pages that nobody touched: no memory |
 *
 * All else comes from malloc, whose free wipes. Private to net. */
#ifndef COFFER_NET_HTTP2_MEMORY_H
#define COFFER_NET_HTTP2_MEMORY_H

#include "base/bytes.h"

#include <nghttp2/nghttp2.h>

struct http2_memory {
    uint8_t *map;
    uint8_t *session, *frame; /* what was handed out of the map */
};

/* The allocator for nghttp2_session_server_new3; the memory must outlive the session. */
nghttp2_mem http2_memory_allocator(struct http2_memory *);
/* After nghttp2_session_del. */
void http2_memory_free(struct http2_memory *);

#endif
