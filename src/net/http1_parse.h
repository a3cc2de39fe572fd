/* SPDX-License-Identifier: Apache-2.0 */
/* The strict HTTP/1.x request parser (RFC 9112) and the decoder of chunked bodies. Pure: no I/O, no allocation. Private
 * to net. */
#ifndef COFFER_NET_HTTP1_PARSE_H
#define COFFER_NET_HTTP1_PARSE_H

#include "net/http.h"

#define HTTP_HEADERS_MAX 100

enum http1_problem {
    HTTP1_FINE,
    HTTP1_BAD,             /* 400 */
    HTTP1_NO_HOST,         /* 400 */
    HTTP1_HEAD_TOO_LARGE,  /* 431 */
    HTTP1_BODY_TIMEOUT,    /* 408 */
    HTTP1_NO_MEMORY,       /* 429 */
    HTTP1_UNKNOWN_CODING,  /* 501 */
    HTTP1_UNKNOWN_VERSION, /* 505 */
};

struct http1_head {
    bytes method, path, query, authority;
    size_t count;
    uint64_t length; /* of the body, when not chunked */
    unsigned minor;  /* of the version: 0 or 1 */
    bool chunked, keep_alive, expects_continue;
    bool has_host, has_length, says_close, says_keep_alive;
    struct http_header headers[HTTP_HEADERS_MAX];
};

/* Length of the head at the start of in, its empty line included; 0 when its end is not there yet. *scanned starts at 0
 * and remembers where to go on when more bytes were appended. */
size_t http1_head_length(bytes in, size_t *scanned);

/* Parses a whole head of n bytes in place: names become lower case, the results point into it. */
MUST_CHECK enum http1_problem http1_parse(uint8_t *head, size_t n, struct http1_head *ret);

/* Decodes a chunked body piece by piece. Zero when new. */
struct http1_chunked {
    uint8_t state;
    uint16_t line;    /* bytes of this size line */
    uint16_t trailer; /* bytes of the trailer, which is read and dropped */
    uint64_t left;    /* data of this chunk still to come */
};
enum http1_chunk { HTTP1_CHUNK_MORE, HTTP1_CHUNK_DATA, HTTP1_CHUNK_END, HTTP1_CHUNK_BAD };
/* Takes bytes from the cursor until there is a run of data (*ret points into it), the end, or nothing left (MORE). */
enum http1_chunk http1_chunked_next(struct http1_chunked *, struct cursor *, bytes *ret);

#endif
