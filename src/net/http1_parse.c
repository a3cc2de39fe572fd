/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1_parse.h"

#define ONES       0x0101010101010101u
#define HIGH_BITS  0x8080808080808080u
#define LENGTH_MAX ((uint64_t)1 << 62)

/* Token characters (RFC 9110 5.6.2), in lower case; 0 for all others. */
static const uint8_t token[256] = {
    ['!'] = '!',
    ['#'] = '#',
    ['$'] = '$',
    ['%'] = '%',
    ['&'] = '&',
    ['\''] = '\'',
    ['*'] = '*',
    ['+'] = '+',
    ['-'] = '-',
    ['.'] = '.',
    ['^'] = '^',
    ['_'] = '_',
    ['`'] = '`',
    ['|'] = '|',
    ['~'] = '~',
    ['0'] = '0',
    ['1'] = '1',
    ['2'] = '2',
    ['3'] = '3',
    ['4'] = '4',
    ['5'] = '5',
    ['6'] = '6',
    ['7'] = '7',
    ['8'] = '8',
    ['9'] = '9',
    ['a'] = 'a',
    ['b'] = 'b',
    ['c'] = 'c',
    ['d'] = 'd',
    ['e'] = 'e',
    ['f'] = 'f',
    ['g'] = 'g',
    ['h'] = 'h',
    ['i'] = 'i',
    ['j'] = 'j',
    ['k'] = 'k',
    ['l'] = 'l',
    ['m'] = 'm',
    ['n'] = 'n',
    ['o'] = 'o',
    ['p'] = 'p',
    ['q'] = 'q',
    ['r'] = 'r',
    ['s'] = 's',
    ['t'] = 't',
    ['u'] = 'u',
    ['v'] = 'v',
    ['w'] = 'w',
    ['x'] = 'x',
    ['y'] = 'y',
    ['z'] = 'z',
    ['A'] = 'a',
    ['B'] = 'b',
    ['C'] = 'c',
    ['D'] = 'd',
    ['E'] = 'e',
    ['F'] = 'f',
    ['G'] = 'g',
    ['H'] = 'h',
    ['I'] = 'i',
    ['J'] = 'j',
    ['K'] = 'k',
    ['L'] = 'l',
    ['M'] = 'm',
    ['N'] = 'n',
    ['O'] = 'o',
    ['P'] = 'p',
    ['Q'] = 'q',
    ['R'] = 'r',
    ['S'] = 's',
    ['T'] = 't',
    ['U'] = 'u',
    ['V'] = 'v',
    ['W'] = 'w',
    ['X'] = 'x',
    ['Y'] = 'y',
    ['Z'] = 'z',
};

static bool equal_ignoring_case(bytes b, bytes lower)
{
    if (b.n != lower.n)
        return false;
    for (size_t i = 0; i < b.n; i++)
        if ((b.p[i] >= 'A' && b.p[i] <= 'Z' ? b.p[i] | 0x20 : b.p[i]) != lower.p[i])
            return false;
    return true;
}

/* Whether no byte is below least (at most 0x80) or DEL, eight at a time: in v - least a byte below least borrows into
 * its high bit. A borrow may reach further bytes, but only from one that is a hit itself. */
static bool all_printable(bytes b, uint8_t least)
{
    size_t i = 0;
    for (; i + 8 <= b.n; i += 8) {
        uint64_t v, del;
        memcpy(&v, b.p + i, 8);
        del = v ^ ONES * 0x7f;
        if ((((v - ONES * least) & ~v) | ((del - ONES) & ~del)) & HIGH_BITS)
            return false;
    }
    for (; i < b.n; i++)
        if (b.p[i] < least || b.p[i] == 0x7f)
            return false;
    return true;
}

static bool is_field_value(bytes b)
{
    if (all_printable(b, 0x20))
        return true;
    for (size_t i = 0; i < b.n; i++)
        if ((b.p[i] < 0x20 && b.p[i] != '\t') || b.p[i] == 0x7f)
            return false;
    return true;
}

/* Visible ASCII without what cannot stand in a request target. */
static bool is_target(bytes b)
{
    if (!all_printable(b, 0x21))
        return false;
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] >= 0x80)
            return false;
    return true;
}

static bool is_authority(bytes b)
{
    for (size_t i = 0; i < b.n; i++)
        if (!token[b.p[i]] && !memchr("()[]:;=,", b.p[i], 8))
            return false;
    return true;
}

size_t http1_head_length(bytes in, size_t *scanned)
{
    size_t at = *scanned;
    for (;;) {
        at += bytes_find(bytes_skip(in, at), '\n');
        *scanned = at;
        if (at + 1 >= in.n)
            return 0;
        if (in.p[at + 1] == '\n')
            return at + 2; /* the parser refuses the bare line feeds */
        if (in.p[at + 1] == '\r') {
            if (at + 2 >= in.n)
                return 0;
            if (in.p[at + 2] == '\n')
                return at + 3;
        }
        at++;
    }
}

/* Next line without its CRLF. False on a bare CR or LF. */
static bool take_line(struct cursor *c, bytes *ret)
{
    bytes rest = {c->p, c->left};
    size_t n = bytes_find(rest, '\r');
    return n + 1 < rest.n && rest.p[n + 1] == '\n' && cursor_take(c, n + 2, ret) && (ret->n -= 2, true);
}

static enum http1_problem parse_target(bytes target, struct http1_head *head)
{
    static const bytes schemes[] = {{(const uint8_t *)"http://", 7}, {(const uint8_t *)"https://", 8}};
    if (!is_target(target) || target.n == 0)
        return HTTP1_BAD;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (target.n <= schemes[i].n || !equal_ignoring_case((bytes){target.p, schemes[i].n}, schemes[i]))
            continue;
        target = bytes_skip(target, schemes[i].n);
        size_t slash = bytes_find(target, '/'), mark = bytes_find(target, '?');
        head->authority = (bytes){target.p, slash < mark ? slash : mark};
        target = bytes_skip(target, head->authority.n);
        if (head->authority.n == 0 || !is_authority(head->authority))
            return HTTP1_BAD;
        if (target.n == 0 || target.p[0] == '?') {
            head->path = BYTES("/");
            head->query = target.n ? bytes_skip(target, 1) : BYTES_NONE;
            return HTTP1_FINE;
        }
    }
    if (target.p[0] != '/' && !(bytes_equal(target, BYTES("*")) && bytes_equal(head->method, BYTES("OPTIONS"))))
        return HTTP1_BAD;
    size_t mark = bytes_find(target, '?');
    head->path = (bytes){target.p, mark};
    head->query = mark < target.n ? bytes_skip(target, mark + 1) : BYTES_NONE;
    return HTTP1_FINE;
}

static enum http1_problem parse_request_line(bytes line, struct http1_head *head)
{
    size_t space = bytes_find(line, ' ');
    head->method = (bytes){line.p, space};
    for (size_t i = 0; i < space; i++)
        if (!token[line.p[i]])
            return HTTP1_BAD;
    if (space == 0 || space == line.n)
        return HTTP1_BAD;
    line = bytes_skip(line, space + 1);
    space = bytes_find(line, ' ');
    if (space == line.n)
        return HTTP1_BAD;
    bytes version = bytes_skip(line, space + 1);
    if (version.n != 8 || !bytes_start(version, BYTES("HTTP/")) || version.p[6] != '.' || version.p[5] < '0' ||
        version.p[5] > '9' || version.p[7] < '0' || version.p[7] > '9')
        return HTTP1_BAD;
    if (version.p[5] != '1')
        return HTTP1_UNKNOWN_VERSION;
    head->minor = version.p[7] == '0' ? 0 : 1;
    return parse_target((bytes){line.p, space}, head);
}

static enum http1_problem on_host(struct http1_head *head, bytes value)
{
    if (head->has_host || !is_authority(value))
        return HTTP1_BAD;
    head->has_host = true;
    if (!head->authority.p) /* that of an absolute target counts (RFC 9112 3.2.2) */
        head->authority = value;
    return HTTP1_FINE;
}

static enum http1_problem on_content_length(struct http1_head *head, bytes value)
{
    if (head->has_length || value.n == 0)
        return HTTP1_BAD;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9' || head->length > LENGTH_MAX / 16)
            return HTTP1_BAD;
        head->length = head->length * 10 + (uint64_t)(value.p[i] - '0');
    }
    head->has_length = true;
    return HTTP1_FINE;
}

static enum http1_problem on_transfer_encoding(struct http1_head *head, bytes value)
{
    if (head->chunked || head->minor == 0)
        return HTTP1_BAD;
    head->chunked = equal_ignoring_case(value, BYTES("chunked"));
    return head->chunked ? HTTP1_FINE : HTTP1_UNKNOWN_CODING;
}

static enum http1_problem on_connection(struct http1_head *head, bytes value)
{
    while (value.n > 0) {
        size_t comma = bytes_find(value, ',');
        bytes item = {value.p, comma};
        value = bytes_skip(value, comma < value.n ? comma + 1 : comma);
        while (item.n && (item.p[0] == ' ' || item.p[0] == '\t'))
            item = bytes_skip(item, 1);
        while (item.n && (item.p[item.n - 1] == ' ' || item.p[item.n - 1] == '\t'))
            item.n--;
        head->says_close |= equal_ignoring_case(item, BYTES("close"));
        head->says_keep_alive |= equal_ignoring_case(item, BYTES("keep-alive"));
    }
    return HTTP1_FINE;
}

static enum http1_problem on_expect(struct http1_head *head, bytes value)
{
    head->expects_continue |= head->minor > 0 && equal_ignoring_case(value, BYTES("100-continue"));
    return HTTP1_FINE;
}

/* The headers that frame a request. */
static const struct {
    bytes name;
    enum http1_problem (*read)(struct http1_head *, bytes value);
} framing[] = {
    {{(const uint8_t *)"host", 4}, on_host},
    {{(const uint8_t *)"content-length", 14}, on_content_length},
    {{(const uint8_t *)"transfer-encoding", 17}, on_transfer_encoding},
    {{(const uint8_t *)"connection", 10}, on_connection},
    {{(const uint8_t *)"expect", 6}, on_expect},
};

/* name ":" OWS value OWS. The name is made lower case in place: line lies in the caller's head. */
static enum http1_problem parse_header(bytes line, uint8_t *name, struct http1_head *head)
{
    size_t n = 0;
    while (n < line.n && token[line.p[n]]) {
        name[n] = token[line.p[n]];
        n++;
    }
    if (n == 0 || n == line.n || line.p[n] != ':')
        return HTTP1_BAD; /* also folded lines and space before the colon */
    bytes value = bytes_skip(line, n + 1);
    while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
        value = bytes_skip(value, 1);
    while (value.n && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
        value.n--;
    if (!is_field_value(value))
        return HTTP1_BAD;
    if (head->count == HTTP_HEADERS_MAX)
        return HTTP1_HEAD_TOO_LARGE;
    head->headers[head->count++] = (struct http_header){{name, n}, value};
    for (size_t i = 0; i < ARRAY_LEN(framing); i++)
        if (framing[i].name.n == n && memcmp(framing[i].name.p, name, n) == 0)
            return framing[i].read(head, value);
    return HTTP1_FINE;
}

enum http1_problem http1_parse(uint8_t *p, size_t n, struct http1_head *ret)
{
    struct cursor c = {p, n};
    bytes line;
    memset(ret, 0, offsetof(struct http1_head, headers));
    if (!take_line(&c, &line))
        return HTTP1_BAD;
    enum http1_problem problem = parse_request_line(line, ret);
    while (problem == HTTP1_FINE) {
        uint8_t *start = p + (n - c.left);
        if (!take_line(&c, &line))
            return HTTP1_BAD;
        if (line.n == 0)
            break;
        problem = parse_header(line, start, ret);
    }
    if (problem != HTTP1_FINE)
        return problem;
    if (c.left > 0 || (ret->chunked && ret->has_length))
        return HTTP1_BAD;
    if (ret->minor > 0 && !ret->has_host)
        return HTTP1_NO_HOST;
    ret->keep_alive = !ret->says_close && (ret->minor > 0 || ret->says_keep_alive);
    return HTTP1_FINE;
}

#define SIZE_LINE_MAX 256
#define TRAILER_MAX   8192

enum {
    SIZE_FIRST,
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST,
    TRAILER,
    TRAILER_LF,
    END_LF,
    ENDED
};

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of what is not data. False when it cannot stand there. */
static bool chunked_step(struct http1_chunked *c, uint8_t byte)
{
    int digit;
    switch (c->state) {
    case SIZE_FIRST:
    case SIZE:
        digit = hex_digit(byte);
        if (digit >= 0) {
            c->state = SIZE;
            if (c->left >> 56)
                return false;
            c->left = c->left << 4 | (uint64_t)digit;
            return ++c->line < SIZE_LINE_MAX;
        }
        if (c->state == SIZE_FIRST)
            return false;
        c->state = byte == '\r' ? SIZE_LF : EXTENSION;
        return byte == '\r' || byte == ';' || byte == ' ' || byte == '\t';
    case EXTENSION:
        if (byte == '\r')
            c->state = SIZE_LF;
        return ++c->line < SIZE_LINE_MAX && (byte == '\r' || byte == '\t' || (byte >= 0x20 && byte != 0x7f));
    case SIZE_LF:
        c->state = c->left ? DATA : TRAILER_FIRST;
        c->line = 0;
        return byte == '\n';
    case DATA_CR:
        c->state = DATA_LF;
        return byte == '\r';
    case DATA_LF:
        c->state = SIZE_FIRST;
        return byte == '\n';
    case TRAILER_FIRST:
    case TRAILER:
        if (byte == '\r')
            c->state = c->state == TRAILER_FIRST ? END_LF : TRAILER_LF;
        else
            c->state = TRAILER;
        return ++c->trailer < TRAILER_MAX && (byte == '\r' || byte == '\t' || (byte >= 0x20 && byte != 0x7f));
    case TRAILER_LF:
        c->state = TRAILER_FIRST;
        return byte == '\n';
    default: /* END_LF */
        c->state = ENDED;
        return byte == '\n';
    }
}

enum http1_chunk http1_chunked_next(struct http1_chunked *c, struct cursor *in, bytes *ret)
{
    while (c->state != ENDED && in->left > 0) {
        if (c->state == DATA) {
            size_t n = in->left < c->left ? in->left : (size_t)c->left;
            if (!cursor_take(in, n, ret))
                return HTTP1_CHUNK_BAD;
            c->left -= n;
            if (c->left == 0)
                c->state = DATA_CR;
            return HTTP1_CHUNK_DATA;
        }
        bytes one;
        if (!cursor_take(in, 1, &one) || !chunked_step(c, one.p[0]))
            return HTTP1_CHUNK_BAD;
    }
    return c->state == ENDED ? HTTP1_CHUNK_END : HTTP1_CHUNK_MORE;
}
