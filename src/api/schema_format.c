/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schema_format.h"

#include "api/object.h"
#include "text/utf8.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <pthread.h>

static bool digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Exactly n digits at the start as a number. */
static bool take_digits(bytes *text, size_t n, unsigned *ret)
{
    unsigned value = 0;
    if (text->n < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!digit(text->p[i]))
            return false;
        value = value * 10 + (text->p[i] - '0' + 0U);
    }
    *text = bytes_skip(*text, n);
    *ret = value;
    return true;
}

static bool take_byte(bytes *text, uint8_t c)
{
    if (!text->n || lower(text->p[0]) != c)
        return false;
    *text = bytes_skip(*text, 1);
    return true;
}

/* ---- Times. */

static bool take_date(bytes *text)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day;
    if (!take_digits(text, 4, &year) || !take_byte(text, '-') || !take_digits(text, 2, &month) ||
        !take_byte(text, '-') || !take_digits(text, 2, &day) || month < 1 || month > 12)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day >= 1 && day <= days[month - 1] + (unsigned)(month == 2 && leap);
}

static bool is_date(bytes text)
{
    return take_date(&text) && text.n == 0;
}

/* RFC 3339, but the sign of a fraction may be any character, as upstream's pattern has it. */
static bool is_date_time(bytes text)
{
    unsigned hour, minute, second, ignored;
    if (!take_date(&text) || !take_byte(&text, 't') || !take_digits(&text, 2, &hour) || !take_byte(&text, ':') ||
        !take_digits(&text, 2, &minute) || !take_byte(&text, ':') || !take_digits(&text, 2, &second) || hour > 23 ||
        minute > 59 || second > 59)
        return false;
    unsigned separator = text.n >= 2 && !bytes_equal(text, BYTES("z")) ? bytes_utf8(text) : 0;
    if (separator && text.n > separator && digit(text.p[separator]) &&
        !((text.p[0] == '+' || text.p[0] == '-') && text.n == 6 && text.p[3] == ':')) {
        text = bytes_skip(text, separator);
        while (text.n && digit(text.p[0]))
            text = bytes_skip(text, 1);
    }
    if (take_byte(&text, 'z'))
        return text.n == 0;
    return (take_byte(&text, '+') || take_byte(&text, '-')) && take_digits(&text, 2, &ignored) &&
           take_byte(&text, ':') && take_digits(&text, 2, &ignored) && text.n == 0;
}

/* Scala's words: a number and a unit whose name may go on ("3 minutes"). */
static bool is_duration_unit(bytes unit)
{
    static const struct {
        const char *name;
        bool prefix;
    } units[] = {{"ns", false}, {"nano", true}, {"us", false}, {"\xc2\xb5s", false}, {"micro", true}, {"ms", false},
        {"milli", true}, {"s", false}, {"sec", true}, {"m", false}, {"min", true}, {"h", false}, {"hr", false},
        {"hour", true}, {"d", false}, {"day", true}, {"w", false}, {"wk", false}, {"week", true}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        bytes name = bytes_of(units[i].name);
        size_t n = 0;
        while (n < name.n && n < unit.n && lower(unit.p[n]) == name.p[n])
            n++;
        if (n == name.n && (n == unit.n || units[i].prefix))
            return true;
    }
    return false;
}

/* Go's: "1h30m", ".5s", "-0". */
static bool is_go_duration(bytes text)
{
    static const char *const units[] = {"ns", "us", "\xc2\xb5s", "\xce\xbcs", "ms", "s", "m", "h"};
    if (text.n && (text.p[0] == '-' || text.p[0] == '+'))
        text = bytes_skip(text, 1);
    if (bytes_equal(text, BYTES("0")))
        return true;
    if (!text.n)
        return false;
    while (text.n) {
        size_t number = 0, digits = 0, unit = 0, i;
        for (bool point = false; number < text.n && (digit(text.p[number]) || (text.p[number] == '.' && !point));
             number++)
            point = point || text.p[number] == '.', digits += digit(text.p[number]);
        while (number + unit < text.n && !digit(text.p[number + unit]) && text.p[number + unit] != '.')
            unit++;
        for (i = 0; i < ARRAY_LEN(units); i++)
            if (bytes_equal((bytes){text.p + number, unit}, bytes_of(units[i])))
                break;
        if (!digits || digits > 18 || i == ARRAY_LEN(units))
            return false;
        text = bytes_skip(text, number + unit);
    }
    return true;
}

static bool is_duration(bytes text)
{
    if (is_go_duration(text))
        return true;
    for (size_t i = 0; i < text.n;) {
        size_t start = i, unit;
        while (i < text.n && digit(text.p[i]))
            i++;
        if (i == start) {
            i++;
            continue;
        }
        if (i - start > 19)
            return false;
        while (i < text.n && isspace(text.p[i]))
            i++;
        for (unit = i; unit < text.n && (isalpha(text.p[unit]) || text.p[unit] == 0xc2 || text.p[unit] == 0xb5);)
            unit++;
        if (unit > i && is_duration_unit((bytes){text.p + i, unit - i}))
            return true;
    }
    return false;
}

/* ---- Addresses. */

/* In a NUL-terminated copy, with zeros before numbers of IPv4 gone, as upstream tolerates them. */
static bool copy_address(bytes text, char ret[64])
{
    size_t n = 0;
    if (text.n >= 64)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        bool begins = i == 0 || text.p[i - 1] == '.' || (n && ret[n - 1] == '.') || n == 0;
        if (text.p[i] == '\0')
            return false;
        if (begins && text.p[i] == '0' && i + 1 < text.n && digit(text.p[i + 1]))
            continue;
        ret[n++] = (char)text.p[i];
    }
    ret[n] = '\0';
    return true;
}

static bool is_address(bytes text, int family)
{
    char copy[64];
    uint8_t address[16];
    bool colon = bytes_find(text, ':') < text.n;
    if (colon && text.n < sizeof(copy)) {
        memcpy(copy, text.p, text.n);
        copy[text.n] = '\0';
    } else if (!copy_address(text, copy)) {
        return false;
    }
    return strlen(copy) > 0 && (!colon || strlen(copy) == text.n) && inet_pton(family, copy, address) == 1;
}

/* Upstream looks for a dot alone: an IPv6 address that ends in an IPv4 one passes. */
static bool is_ipv4(bytes text)
{
    bool colon = bytes_find(text, ':') < text.n;
    return bytes_find(text, '.') < text.n && is_address(text, colon ? AF_INET6 : AF_INET);
}

static bool is_ipv6(bytes text)
{
    return bytes_find(text, ':') < text.n && is_address(text, AF_INET6);
}

static bool is_cidr(bytes text)
{
    size_t slash = bytes_find(text, '/');
    uint64_t bits;
    if (slash == text.n)
        return false;
    bytes address = {text.p, slash}, length = bytes_skip(text, slash + 1);
    bool colon = bytes_find(address, ':') < address.n;
    while (length.n > 1 && length.p[0] == '0')
        length = bytes_skip(length, 1);
    return bytes_to_uint64(length, &bits) && bits <= (colon ? 128 : 32) &&
           is_address(address, colon ? AF_INET6 : AF_INET);
}

/* Groups of two hexadecimal digits with : or -, or of four with dots; 6, 8 or 20 bytes. */
static bool is_mac(bytes text)
{
    size_t group = text.n > 2 && (text.p[2] == ':' || text.p[2] == '-') ? 2 : 4, count = 0, i;
    uint8_t separator = text.n > group ? text.p[group] : 0;
    if (group == 4 && separator != '.')
        return false;
    for (i = 0; i < text.n; i++) {
        bool between = i % (group + 1) == group;
        if (between ? text.p[i] != separator : !isxdigit(text.p[i]))
            return false;
        count += !between;
    }
    return (i + 1) % (group + 1) == 0 && (count == 12 || count == 16 || count == 40);
}

/* ---- The web. */

static bool is_hostname(bytes text)
{
    if (text.n > 255)
        return false;
    while (text.n) {
        size_t label = bytes_find(text, '.');
        if (label > 63)
            return false;
        text = bytes_skip(text, label < text.n ? label + 1 : label);
    }
    return true;
}

/* An absolute URI or an absolute path, as Go's ParseRequestURI takes. */
static bool is_uri(bytes text)
{
    size_t scheme = 0;
    if (!text.n)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] == 0x7f ||
            (text.p[i] == '%' && (text.n - i < 3 || !isxdigit(text.p[i + 1]) || !isxdigit(text.p[i + 2]))))
            return false;
    if (text.p[0] == '/')
        return true;
    while (
        scheme < text.n && (isalpha(text.p[scheme]) || (scheme && (digit(text.p[scheme]) || text.p[scheme] == '+' ||
                                                                      text.p[scheme] == '-' || text.p[scheme] == '.'))))
        scheme++;
    if (!scheme || scheme == text.n || text.p[scheme] != ':')
        return false;
    text = bytes_skip(text, scheme + 1);
    if (!bytes_start(text, BYTES("//"))) /* opaque: anything but nothing after a scheme is fine */
        return true;
    text = bytes_skip(text, 2);
    for (size_t i = 0; i < text.n && text.p[i] != '/' && text.p[i] != '?' && text.p[i] != '#'; i++)
        if (text.p[i] == ' ' || text.p[i] == '<' || text.p[i] == '>' || text.p[i] == '"' || text.p[i] == '\\' ||
            text.p[i] == '^' || text.p[i] == '`' || text.p[i] == '{' || text.p[i] == '}' || text.p[i] == '|')
            return false;
    return true;
}

static bool is_atom(bytes text, bool dots)
{
    bool dot = true; /* none at the start */
    for (size_t i = 0; i < text.n; i++) {
        bool is_dot = text.p[i] == '.';
        if (is_dot ? !dots || dot
                   : !isalnum(text.p[i]) && text.p[i] < 0x80 && !strchr("!#$%&'*+-/=?^_`{|}~", text.p[i]))
            return false;
        dot = is_dot;
    }
    return text.n && !dot && bytes_find(text, 0) == text.n;
}

/* RFC 5322's mailbox without comments and folding: local@domain, or a name and <local@domain>. */
static bool is_email(bytes text)
{
    while (text.n && (text.p[0] == ' ' || text.p[0] == '\t'))
        text = bytes_skip(text, 1);
    while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    size_t angle = bytes_find(text, '<');
    if (angle < text.n) {
        if (text.p[text.n - 1] != '>')
            return false;
        text = (bytes){text.p + angle + 1, text.n - angle - 2};
    }
    size_t at = text.n;
    while (at && text.p[at - 1] != '@')
        at--;
    if (at < 2)
        return false;
    bytes local = {text.p, at - 1}, domain = bytes_skip(text, at);
    bool quoted = local.n > 2 && local.p[0] == '"' && local.p[local.n - 1] == '"';
    bool literal = domain.n > 2 && domain.p[0] == '[' && domain.p[domain.n - 1] == ']';
    if (literal)
        return (quoted || is_atom(local, true)) && is_address((bytes){domain.p + 1, domain.n - 2}, AF_INET);
    return (quoted ? memchr(local.p + 1, '"', local.n - 2) == NULL : is_atom(local, true)) && is_atom(domain, true);
}

/* ---- Numbers with check digits. */

/* The digits of text (and X where asked for); what `skipped` names is passed over, all else when it is NULL. */
static size_t digits_of(bytes text, const char *skipped, uint8_t ret[20])
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool counts = digit(c) || (c == 'X' && skipped);
        if (!counts && (!skipped || (c && strchr(skipped, c))))
            continue;
        if (!counts || n == 20)
            return 0;
        ret[n++] = c == 'X' ? 10 : c - '0';
    }
    return n;
}

static bool is_isbn10(bytes text)
{
    uint8_t d[20];
    unsigned sum = 0;
    if (digits_of(text, " \t\n\v\f\r-", d) != 10)
        return false;
    for (unsigned i = 0; i < 10; i++) {
        if (i < 9 && d[i] == 10) /* X is the last digit alone */
            return false;
        sum += (i + 1) * d[i];
    }
    return sum % 11 == 0;
}

static bool is_isbn13(bytes text)
{
    uint8_t d[20];
    unsigned sum = 0;
    if (digits_of(text, " \t\n\v\f\r-", d) != 13)
        return false;
    for (unsigned i = 0; i < 13; i++) {
        if (d[i] == 10)
            return false;
        sum += d[i] * (i % 2 ? 3U : 1U);
    }
    return sum % 10 == 0;
}

static bool is_isbn(bytes text)
{
    return is_isbn10(text) || is_isbn13(text);
}

static unsigned leading(const uint8_t *d, size_t n)
{
    unsigned value = 0;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + d[i];
    return value;
}

/* Visa, MasterCard, Discover, American Express, Diners, JCB: their first digits and lengths. */
static bool is_credit_card(bytes text)
{
    static const struct {
        unsigned digits, from, to, length, other_length;
    } brands[] = {{1, 4, 4, 13, 16}, {2, 51, 55, 16, 16}, {4, 6011, 6011, 16, 16}, {2, 65, 65, 15, 15},
        {2, 34, 34, 15, 15}, {2, 37, 37, 15, 15}, {3, 300, 305, 14, 14}, {2, 36, 36, 14, 14}, {2, 38, 38, 14, 14},
        {4, 2131, 2131, 15, 15}, {4, 1800, 1800, 15, 15}, {2, 35, 35, 16, 16}};
    uint8_t d[20];
    size_t n = digits_of(text, NULL, d);
    unsigned sum = 0, brand = 0;
    for (size_t i = 0; i < ARRAY_LEN(brands); i++)
        brand |= n >= 4 && (n == brands[i].length || n == brands[i].other_length) &&
                 leading(d, brands[i].digits) >= brands[i].from && leading(d, brands[i].digits) <= brands[i].to;
    for (size_t i = 0; i < n; i++) {
        unsigned v = d[n - 1 - i] * (i % 2 ? 2U : 1U);
        sum += v > 9 ? v - 9 : v;
    }
    return brand && sum % 10 == 0;
}

static bool is_social_security_number(bytes text)
{
    return text.n == 11; /* and its pattern */
}

/* ---- The table. */

#define HEX              "[0-9a-f]"
#define UUID(v, variant) "(?i)^" HEX "{8}-?" HEX "{4}-?" v "-?" variant "-?" HEX "{12}$"
#define COLOR            "\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*"
#define SYMBOL           "\\p{S}\\p{L}"

static const struct schema_format formats[] = {
    {"bsonobjectid", "^[0-9a-fA-F]{24}$", NULL},
    {"byte", "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$", NULL},
    {"cidr", NULL, is_cidr},
    {"creditcard", NULL, is_credit_card},
    {"date", NULL, is_date},
    {"datetime", NULL, is_date_time},
    {"duration", NULL, is_duration},
    {"email", NULL, is_email},
    {"hexcolor", "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$", NULL},
    {"hostname",
        "^([a-zA-Z0-9" SYMBOL "]((-?[a-zA-Z0-9" SYMBOL "]{0,62})?)|([a-zA-Z0-9" SYMBOL "](([a-zA-Z0-9-" SYMBOL
        "]{0,61}[a-zA-Z0-9" SYMBOL "])?)(\\.)){1,}([a-zA-Z\\p{L}]){2,63})$",
        is_hostname},
    {"ipv4", NULL, is_ipv4},
    {"ipv6", NULL, is_ipv6},
    {"isbn", NULL, is_isbn},
    {"isbn10", NULL, is_isbn10},
    {"isbn13", NULL, is_isbn13},
    {"mac", NULL, is_mac},
    {"password", NULL, NULL},
    {"rgbcolor", "^rgb\\(" COLOR "," COLOR "," COLOR "\\)$", NULL},
    {"ssn", "^\\d{3}[- ]?\\d{2}[- ]?\\d{4}$", is_social_security_number},
    {"uri", NULL, is_uri},
    {"uuid", UUID(HEX "{4}", HEX "{4}"), NULL},
    {"uuid3", UUID("3" HEX "{3}", HEX "{4}"), NULL},
    {"uuid4", UUID("4" HEX "{3}", "[89ab]" HEX "{3}"), NULL},
    {"uuid5", UUID("5" HEX "{3}", "[89ab]" HEX "{3}"), NULL},
};

const struct schema_format *schema_format_find(bytes name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        const char *p = formats[i].name;
        size_t at = 0;
        for (; at < name.n; at++) {
            if (name.p[at] == '-')
                continue;
            if (name.p[at] != (uint8_t)*p)
                break;
            p++;
        }
        if (at == name.n && *p == '\0')
            return &formats[i];
    }
    return NULL;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct arena forever;
static const struct regex *patterns[ARRAY_LEN(formats)];

err_t schema_format_pattern(const struct schema_format *format, const struct regex **ret, struct error *error)
{
    size_t at = (size_t)(format - formats);
    err_t result = ERR_OK;
    *ret = NULL;
    if (!format->pattern)
        return ERR_OK;
    pthread_mutex_lock(&mutex);
    if (!forever.limit)
        arena_init_plain(&forever, (size_t)16 << 20);
    if (!patterns[at])
        result = regex_compile(&forever, bytes_of(format->pattern), &patterns[at], error);
    forever.failed = ERR_OK;
    *ret = patterns[at];
    pthread_mutex_unlock(&mutex);
    return result;
}
