/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_internal.h"

#include <ctype.h>

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Request Entity Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Requested Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Entity"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "";
}

static int hex_value(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit(c) ? (c | 0x20) - 'a' + 10 : -1;
}

bytes http_decode(struct arena *arena, bytes in, bool query)
{
    uint8_t *out = arena_alloc(arena, in.n + 1);
    size_t n = 0;
    if (!out)
        return BYTES_NONE;
    for (size_t i = 0; i < in.n; i++) {
        uint8_t c = in.p[i];
        if (c == '%') {
            int high = in.n - i > 2 ? hex_value(in.p[i + 1]) : -1, low = high >= 0 ? hex_value(in.p[i + 2]) : -1;
            if (low < 0)
                return BYTES_NONE;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (query && c == '+') {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = 0;
    return (bytes){out, n};
}

int http_query_next(struct arena *arena, struct cursor *query, bytes *ret_name, bytes *ret_value)
{
    bytes pair = BYTES_NONE;
    while (query->left > 0 && pair.n == 0) { /* empty pairs, as in "a=1&&b=2", are passed over */
        bytes rest = {query->p, query->left};
        pair.p = rest.p;
        pair.n = bytes_find(rest, '&');
        rest = bytes_skip(rest, pair.n < rest.n ? pair.n + 1 : pair.n);
        *query = cursor_of(rest);
    }
    if (pair.n == 0)
        return 0;
    size_t equals = bytes_find(pair, '=');
    bytes name = http_decode(arena, (bytes){pair.p, equals}, true);
    bytes value = http_decode(arena, equals < pair.n ? bytes_skip(pair, equals + 1) : BYTES_NONE, true);
    if (!name.p || !value.p || bytes_find(pair, ';') < pair.n) /* as Go: no semicolons */
        return -1;
    *ret_name = name;
    *ret_value = value;
    return 1;
}
