/* SPDX-License-Identifier: Apache-2.0 */
#include "text/yaml_scalar.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Longer texts are no numbers to anyone; it bounds the copy that strtod needs. */
#define NUMBER_TEXT_MOST 400

static const struct {
    const char *texts; /* between spaces */
    struct yaml_scalar meaning;
} words[] = {
    {" ~ null Null NULL ", {.type = YAML_NULL}},
    {" y Y yes Yes YES true True TRUE on On ON ", {.type = YAML_BOOL, .truth = true}},
    {" n N no No NO false False FALSE off Off OFF ", {.type = YAML_BOOL}},
    {" .nan .NaN .NAN ", {.type = YAML_FLOAT, .number = (double)NAN}},
    {" .inf .Inf .INF +.inf +.Inf +.INF ", {.type = YAML_FLOAT, .number = (double)INFINITY}},
    {" -.inf -.Inf -.INF ", {.type = YAML_FLOAT, .number = -(double)INFINITY}},
};

static bool resolve_word(bytes text, struct yaml_scalar *ret)
{
    char wanted[8] = " ";
    if (text.n > 5 || memchr(text.p, ' ', text.n))
        return false;
    memcpy(wanted + 1, text.p, text.n);
    wanted[text.n + 1] = ' ';
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strstr(words[i].texts, wanted)) {
            *ret = words[i].meaning;
            return true;
        }
    return false;
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 99;
}

/* Sign, then 0x, 0o, 0b or 0 for the base. Above zero all 64 bits count, below one less. */
static bool resolve_integer(const char *text, struct yaml_scalar *ret)
{
    struct yaml_scalar found = {.type = YAML_INTEGER, .negative = *text == '-'};
    bool signed_text = *text == '-' || *text == '+';
    unsigned base = 10;
    text += signed_text;
    if (text[0] == '0' && text[1]) {
        char letter = (char)(text[1] | 0x20);
        base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
        text += base != 8 || letter == 'o' ? 2 : 1;
    }
    if (!*text)
        return false;
    for (; *text; text++) {
        unsigned digit = digit_value(*text);
        if (digit >= base || __builtin_mul_overflow(found.magnitude, base, &found.magnitude) ||
            __builtin_add_overflow(found.magnitude, digit, &found.magnitude))
            return false;
    }
    uint64_t least = (uint64_t)1 << 63;
    if ((found.negative && found.magnitude > least) || (signed_text && !found.negative && found.magnitude >= least))
        return false;
    *ret = found;
    return true;
}

static const char *skip_digits(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)? */
static bool is_float(const char *p)
{
    if (*p == '-' || *p == '+')
        p++;
    const char *whole = p;
    p = skip_digits(p);
    bool any = p > whole;
    if (*p == '.') {
        const char *fraction = ++p;
        p = skip_digits(p);
        any = any || p > fraction;
    }
    if (!any)
        return false;
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '-' || *p == '+')
            p++;
        const char *exponent = p;
        p = skip_digits(p);
        if (p == exponent)
            return false;
    }
    return *p == '\0';
}

static bool resolve_float(const char *text, struct yaml_scalar *ret)
{
    if (!is_float(text))
        return false;
    double number = strtod(text, NULL);
    if (!isfinite(number))
        return false;
    *ret = (struct yaml_scalar){.type = YAML_FLOAT, .number = number};
    return true;
}

/* After a leading dot Go takes an underscore only between digits. */
static bool underscores_fit(bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '_' && (i == 0 || i + 1 == text.n || text.p[i - 1] < '0' || text.p[i - 1] > '9' ||
                                    text.p[i + 1] < '0' || text.p[i + 1] > '9'))
            return false;
    return true;
}

struct yaml_scalar yaml_resolve(bytes text)
{
    struct yaml_scalar found = {.type = YAML_NULL};
    char plain[NUMBER_TEXT_MOST + 1];
    size_t n = 0;
    if (text.n == 0 || resolve_word(text, &found))
        return found;
    found = (struct yaml_scalar){.type = YAML_TEXT};
    uint8_t first = text.p[0];
    if (text.n > NUMBER_TEXT_MOST || !memchr("+-.0123456789", first, 13) || (first == '.' && !underscores_fit(text)))
        return found;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '_')
            plain[n++] = (char)text.p[i];
    plain[n] = '\0';
    if (strlen(plain) == n && !resolve_integer(plain, &found))
        (void)resolve_float(plain, &found);
    return found;
}

struct digits {
    bool negative;
    char digits[20];
    int count, exponent; /* d.ddd times 10 to the exponent */
};

/* The fewest digits that read back as the same number, of float or double precision. */
static struct digits shortest(double number, bool is_single)
{
    struct digits d = {.negative = signbit(number)};
    char text[40];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, fabs(number));
        if (is_single ? strtof(text, NULL) == (float)fabs(number) : strtod(text, NULL) == fabs(number))
            break;
    }
    char *e = strchr(text, 'e');
    d.exponent = (int)strtol(e + 1, NULL, 10);
    for (char *p = text; p < e; p++)
        if (*p != '.')
            d.digits[d.count++] = *p;
    return d;
}

static char *put_fixed(char *p, const struct digits *d)
{
    if (d->exponent < 0) {
        *p++ = '0', *p++ = '.';
        for (int i = -1; i > d->exponent; i--)
            *p++ = '0';
    }
    for (int i = 0; i < d->count || i <= d->exponent; i++) {
        if (i == d->exponent + 1 && d->exponent >= 0)
            *p++ = '.';
        *p++ = i < d->count ? d->digits[i] : '0';
    }
    return p;
}

static char *put_scientific(char *p, const struct digits *d)
{
    *p++ = d->digits[0];
    if (d->count > 1) {
        *p++ = '.';
        memcpy(p, d->digits + 1, (size_t)d->count - 1);
        p += d->count - 1;
    }
    return p;
}

void yaml_format_float(double number, char ret[YAML_FLOAT_SIZE])
{
    struct digits d = shortest(number, false);
    char *p = ret;
    if (d.negative)
        *p++ = '-';
    if (number == 0 || (d.exponent >= -6 && d.exponent < 21)) {
        *put_fixed(p, &d) = '\0';
        return;
    }
    p = put_scientific(p, &d);
    snprintf(p, (size_t)(ret + YAML_FLOAT_SIZE - p), d.exponent < 0 ? "e%d" : "e+%d", d.exponent);
}

void yaml_format_float_general(double number, bool is_single, char ret[YAML_FLOAT_SIZE])
{
    struct digits d = shortest(number, is_single);
    char *p = ret;
    if (d.negative)
        *p++ = '-';
    if (d.exponent >= -4 && d.exponent < 6) {
        *put_fixed(p, &d) = '\0';
        return;
    }
    p = put_scientific(p, &d);
    snprintf(p, (size_t)(ret + YAML_FLOAT_SIZE - p), d.exponent < 0 ? "e-%02d" : "e+%02d", abs(d.exponent));
}
