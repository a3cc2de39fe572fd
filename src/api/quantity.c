/* SPDX-License-Identifier: Apache-2.0 */
#include "api/quantity.h"

#include <stdio.h>

#define NANO          1000000000
#define LARGEST       ((__int128)NANO * NANO * NANO * NANO * 10) /* 10^28, times 10^9 */
#define BINARY_MOST   ((__int128)INT64_MAX * NANO)
#define INT64_DIGITS  18
#define EXPONENT_MOST 1000000 /* beyond: too large, or rounded to one nano, whatever the digits */

/* power: of ten, or of two for the binary ones. */
static const struct suffix {
    const char *text;
    int power;
    bool binary;
} suffixes[] = {
    {"n", -9, false},
    {"u", -6, false},
    {"m", -3, false},
    {"", 0, false},
    {"k", 3, false},
    {"M", 6, false},
    {"G", 9, false},
    {"T", 12, false},
    {"P", 15, false},
    {"E", 18, false},
    {"Ki", 10, true},
    {"Mi", 20, true},
    {"Gi", 30, true},
    {"Ti", 40, true},
    {"Pi", 50, true},
    {"Ei", 60, true},
};

static const char fault_format[] =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
static const char fault_suffix[] = "unable to parse quantity's suffix";
static const char fault_numeric[] = "unable to parse numeric part of quantity";

struct parts {
    bool negative;
    bytes whole, fraction; /* digits; whole without leading zeros */
    int power;
};

static bytes take_digits(bytes *text)
{
    bytes digits = {text->p, 0};
    while (digits.n < text->n && text->p[digits.n] >= '0' && text->p[digits.n] <= '9')
        digits.n++;
    *text = bytes_skip(*text, digits.n);
    return digits;
}

static bool parse_exponent(bytes text, int *ret)
{
    bool negative = text.n && text.p[0] == '-';
    if (text.n && (text.p[0] == '-' || text.p[0] == '+'))
        text = bytes_skip(text, 1);
    if (text.n == 0)
        return false;
    int value = 0;
    for (size_t i = 0; i < text.n; i++)
        value = value > EXPONENT_MOST ? value : value * 10 + (text.p[i] - '0');
    *ret = negative ? -value : value;
    return true;
}

static const char *parse_suffix(bytes text, struct parts *parts, struct quantity *q)
{
    static const char letters[] = "eEinumkKMGTP";
    size_t letter_count = 0, end;
    while (letter_count < text.n && memchr(letters, text.p[letter_count], sizeof(letters) - 1))
        letter_count++;
    end = letter_count + (letter_count < text.n && (text.p[letter_count] == '-' || text.p[letter_count] == '+'));
    bytes left = bytes_skip(text, end);
    (void)take_digits(&left);
    if (left.n)
        return fault_format;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (bytes_equal(text, bytes_of(suffixes[i].text))) {
            q->format = suffixes[i].binary ? QUANTITY_BINARY : QUANTITY_DECIMAL;
            parts->power = suffixes[i].power;
            return NULL;
        }
    q->format = QUANTITY_EXPONENT;
    bool exponent = letter_count == 1 && (text.p[0] == 'e' || text.p[0] == 'E');
    return exponent && parse_exponent(bytes_skip(text, 1), &parts->power) ? NULL : fault_suffix;
}

static uint8_t digit_at(const struct parts *parts, size_t at)
{
    const uint8_t *p = at < parts->whole.n ? &parts->whole.p[at] : &parts->fraction.p[at - parts->whole.n];
    return (uint8_t)(*p - '0');
}

/* The digits moved to nano by power; what is cut off rounds up. */
static bool decimal_nano(const struct parts *parts, __int128 *ret)
{
    int64_t digits = (int64_t)(parts->whole.n + parts->fraction.n);
    int64_t kept = (int64_t)parts->whole.n + parts->power + 9;
    __int128 nano = 0;
    int64_t i = 0;
    for (; i < kept && (i < digits || nano); i++) {
        nano = nano * 10 + (i < digits ? digit_at(parts, (size_t)i) : 0);
        if (nano >= LARGEST)
            return false;
    }
    for (; i < digits; i++)
        if (digit_at(parts, (size_t)i)) {
            nano++;
            break;
        }
    *ret = nano;
    return true;
}

/* The fraction by Horner's rule from its last digit: dividing by ten at each keeps the numbers below 2^power * 10^9,
 * and the floor of floors is the floor of the whole. */
static __int128 binary_nano(const struct parts *parts)
{
    __int128 unit = ((__int128)1 << parts->power) * NANO, whole = 0, fraction = 0;
    bool cut = false;
    for (size_t i = 0; i < parts->whole.n; i++) {
        whole = whole * 10 + (parts->whole.p[i] - '0');
        if (whole << parts->power > INT64_MAX)
            return BINARY_MOST;
    }
    for (size_t i = parts->fraction.n; i-- > 0;) {
        fraction += (parts->fraction.p[i] - '0') * unit;
        cut |= fraction % 10 != 0;
        fraction /= 10;
    }
    __int128 nano = whole * unit + fraction + cut;
    return nano > BINARY_MOST ? BINARY_MOST : nano;
}

/* Whether upstream keeps the text: when its shortcut through an int64 took it and saw nothing to improve. */
static bool kept_as_written(const struct parts *parts, const struct quantity *q)
{
    size_t digits = parts->whole.n + parts->fraction.n;
    if (parts->whole.n == 0)
        return false;
    if (q->format == QUANTITY_BINARY) {
        __int128 value = (q->nano < 0 ? -q->nano : q->nano) / NANO >> parts->power;
        bool shortcut = !parts->fraction.n && 14 - (int)parts->whole.n - parts->power * 3 / 10 >= 0;
        return shortcut && (value & 7) != 0;
    }
    int64_t scale = parts->power - (int64_t)parts->fraction.n;
    bool thousands =
        digits >= 3 && !digit_at(parts, digits - 1) && !digit_at(parts, digits - 2) && !digit_at(parts, digits - 3);
    return digits <= INT64_DIGITS && scale >= -9 && scale % 3 == 0 && !thousands;
}

static bytes trim(bytes text)
{
    while (text.n && strchr(" \t\n\v\f\r", text.p[0]) && text.p[0])
        text = bytes_skip(text, 1);
    while (text.n && strchr(" \t\n\v\f\r", text.p[text.n - 1]) && text.p[text.n - 1])
        text.n--;
    return text;
}

static const char *parse(bytes text, struct quantity *ret)
{
    struct quantity q = {0};
    struct parts parts = {0};
    bytes left = text = trim(text);
    if (text.n == 0)
        return fault_format;
    parts.negative = left.p[0] == '-';
    if (left.p[0] == '-' || left.p[0] == '+')
        left = bytes_skip(left, 1);
    parts.whole = take_digits(&left);
    bool zero = parts.whole.n;
    while (parts.whole.n && parts.whole.p[0] == '0')
        parts.whole = bytes_skip(parts.whole, 1);
    if (left.n && left.p[0] == '.') {
        left = bytes_skip(left, 1);
        parts.fraction = take_digits(&left);
    }
    const char *fault = parse_suffix(left, &parts, &q);
    if (fault)
        return fault;
    if (q.format == QUANTITY_BINARY && parts.power >= 50 && !parts.whole.n && !parts.fraction.n && !zero)
        return fault_numeric; /* "Pi" and "Ei" alone; the smaller suffixes alone are 0, upstream's shortcut */
    if (q.format == QUANTITY_BINARY)
        q.nano = binary_nano(&parts);
    else if (!decimal_nano(&parts, &q.nano))
        return fault_numeric;
    if (parts.negative)
        q.nano = -q.nano;
    if (kept_as_written(&parts, &q))
        q.written = text;
    *ret = q;
    return NULL;
}

bool quantity_parse(bytes text, struct quantity *ret)
{
    return !parse(text, ret);
}

const char *quantity_fault(bytes text)
{
    struct quantity ignored;
    return parse(text, &ignored);
}

/* Divides by step while that leaves no rest, at most `most` times. */
static int strip(__int128 *value, int step, int most)
{
    int times = 0;
    for (; times < most && *value % step == 0; times++)
        *value /= step;
    return times;
}

static const char *suffix_of(int power, bool binary)
{
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (suffixes[i].power == power && (suffixes[i].binary == binary || power == 0))
            return suffixes[i].text;
    return "";
}

bytes quantity_text(struct arena *arena, const struct quantity *q)
{
    __int128 value = q->nano;
    bool small = value > -(__int128)1024 * NANO && value < (__int128)1024 * NANO;
    char digits[64], exponent[16] = "";
    const char *suffix = exponent;
    if (q->written.n)
        return arena_copy(arena, q->written);
    if (value == 0)
        return arena_copy(arena, BYTES("0"));
    if (q->format == QUANTITY_BINARY && !small && value % NANO == 0) {
        value /= NANO;
        suffix = suffix_of(10 * strip(&value, 1024, 6), true);
    } else {
        bool decimal = q->format != QUANTITY_EXPONENT;
        int power = 3 * strip(&value, 1000, decimal ? 9 : 13) - 9;
        if (decimal)
            suffix = suffix_of(power, false);
        else if (power)
            (void)snprintf(exponent, sizeof(exponent), "e%d", power);
    }
    size_t at = sizeof(digits);
    bool negative = value < 0;
    for (; value; value /= 10)
        digits[--at] = (char)('0' + (negative ? -(value % 10) : value % 10));
    if (negative)
        digits[--at] = '-';
    bytes number = {(const uint8_t *)digits + at, sizeof(digits) - at};
    return arena_join(arena, number, bytes_of(suffix), ARENA_END);
}

int quantity_compare(const struct quantity *a, const struct quantity *b)
{
    return (a->nano > b->nano) - (a->nano < b->nano);
}

bool quantity_add(struct quantity *a, const struct quantity *b)
{
    __int128 sum = a->nano + b->nano; /* both far below 2^126 */
    if (sum >= LARGEST || sum <= -LARGEST)
        return false;
    if (a->nano == 0)
        a->format = b->format;
    a->nano = sum;
    a->written = BYTES_NONE;
    return true;
}
