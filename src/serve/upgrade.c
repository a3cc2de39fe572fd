/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/upgrade.h"

#include "net/websocket.h"

#include <strings.h>

#define TEXT(literal)                                                                                                  \
    {                                                                                                                  \
        (const uint8_t *)("" literal), sizeof(literal) - 1                                                             \
    }

/* The first that is offered, but never a token. */
static bytes choose_protocol(const struct http_exchange *x)
{
    bytes rest = http_header(x, BYTES("sec-websocket-protocol"));

    while (rest.n > 0) {
        bytes item = {rest.p, bytes_find(rest, ',')};
        rest = bytes_skip(rest, item.n < rest.n ? item.n + 1 : item.n);
        item = bytes_trim(item);
        if (item.n > 0 && !bytes_start(item, BYTES(BEARER_PROTOCOL)))
            return item;
    }
    return BYTES_NONE;
}

/* A browser sends its user's certificate to whoever a page tells it to, and lets the page read the answer: only pages
 * of this very host may. Other clients send no Origin. */
static bool origin_fits(const struct http_exchange *x)
{
    bytes origin = http_header(x, BYTES("origin")), mark = BYTES("://");
    const uint8_t *at = origin.n > 0 ? memmem(origin.p, origin.n, mark.p, mark.n) : NULL;

    if (!origin.p)
        return true;
    if (!at)
        return false;
    origin = bytes_skip(origin, (size_t)(at - origin.p) + mark.n);
    return origin.n == x->authority.n &&
           strncasecmp((const char *)origin.p, (const char *)x->authority.p, origin.n) == 0;
}

enum step_result upgrade_check(struct request *r, bytes *ret_protocol)
{
    static const struct http_header version = {TEXT("Sec-WebSocket-Version"), TEXT(WEBSOCKET_VERSION)};
    const struct http_exchange *x = r->exchange;
    char accept[WEBSOCKET_ACCEPT_SIZE];

    if (!bytes_equal(http_header(x, BYTES("sec-websocket-version")), BYTES(WEBSOCKET_VERSION))) {
        answer_bytes_with(
            r, 400, BYTES("text/plain; charset=utf-8"), BYTES("missing or bad WebSocket Version"), &version, 1);
        return STEP_DONE;
    }
    if (!websocket_accept(http_header(x, BYTES("sec-websocket-key")), accept))
        return error_set(&r->error, ERR_BAD_REQUEST, "missing or bad Sec-WebSocket-Key"), STEP_FAIL;
    if (!origin_fits(x))
        return error_set(&r->error, ERR_FORBIDDEN, "a WebSocket from a page of another origin is not accepted"),
               STEP_FAIL;
    *ret_protocol = choose_protocol(x);
    return STEP_NEXT;
}
