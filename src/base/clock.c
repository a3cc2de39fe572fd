/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

/* What the year's four digits can say: 0000-01-01T00:00:00Z to 9999-12-31T23:59:59Z. */
#define FIRST_SECOND (-62167219200)
#define LAST_SECOND  253402300799

static uint64_t monotonic(uint64_t per_second)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * per_second + (uint64_t)t.tv_nsec / (1000000000 / per_second);
}

uint64_t clock_monotonic_ms(void)
{
    return monotonic(1000);
}

uint64_t clock_monotonic_us(void)
{
    return monotonic(1000000);
}

int64_t clock_wall_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec;
}

struct date {
    unsigned year, month, day, hour, minute, second, weekday;
};

/* Days since 1970-01-01 of a proleptic Gregorian date. Years begin in March, so that the leap day ends them. */
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct date date_of(int64_t seconds)
{
    if (seconds < FIRST_SECOND)
        seconds = FIRST_SECOND;
    if (seconds > LAST_SECOND)
        seconds = LAST_SECOND;
    int64_t since_march_0 = seconds + 719468LL * 86400;
    int64_t era = (since_march_0 >= 0 ? since_march_0 : since_march_0 - (146097LL * 86400 - 1)) / (146097LL * 86400);
    unsigned rest = (unsigned)((since_march_0 - era * 146097 * 86400) / 86400);
    unsigned clock = (unsigned)((since_march_0 - era * 146097 * 86400) % 86400);
    unsigned year_of_era = (rest - rest / 1460 + rest / 36524 - rest / 146096) / 365;
    unsigned day_of_year = rest - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153;
    int64_t days = (seconds - FIRST_SECOND) / 86400; /* 0000-01-01 was a Saturday */
    return (struct date){
        .year = (unsigned)(era * 400 + year_of_era) + (month >= 10),
        .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
        .hour = clock / 3600,
        .minute = clock / 60 % 60,
        .second = clock % 60,
        .weekday = (unsigned)((days + 6) % 7),
    };
}

static char *put_digits(char *p, unsigned value, unsigned width)
{
    for (unsigned i = width; i-- > 0; value /= 10)
        p[i] = (char)('0' + value % 10);
    return p + width;
}

static char *put_time(char *p, const struct date *d)
{
    p = put_digits(p, d->hour, 2), *p++ = ':';
    p = put_digits(p, d->minute, 2), *p++ = ':';
    return put_digits(p, d->second, 2);
}

static char *put_rfc3339(char *p, int64_t seconds)
{
    struct date d = date_of(seconds);
    p = put_digits(p, d.year, 4), *p++ = '-';
    p = put_digits(p, d.month, 2), *p++ = '-';
    p = put_digits(p, d.day, 2), *p++ = 'T';
    return put_time(p, &d);
}

void clock_format(int64_t seconds, char ret[CLOCK_RFC3339_SIZE])
{
    char *p = put_rfc3339(ret, seconds);
    *p++ = 'Z', *p = '\0';
}

void clock_format_micro(int64_t seconds, uint32_t microseconds, char ret[CLOCK_RFC3339_MICRO_SIZE])
{
    char *p = put_rfc3339(ret, seconds);
    *p++ = '.';
    p = put_digits(p, microseconds, 6);
    *p++ = 'Z', *p = '\0';
}

void clock_format_http(int64_t seconds, char ret[CLOCK_HTTP_SIZE])
{
    struct date d = date_of(seconds);
    char *p = ret;
    memcpy(p, &"SunMonTueWedThuFriSat"[d.weekday * 3], 3), p += 3;
    *p++ = ',', *p++ = ' ';
    p = put_digits(p, d.day, 2), *p++ = ' ';
    memcpy(p, &"JanFebMarAprMayJunJulAugSepOctNovDec"[(d.month - 1) * 3], 3), p += 3;
    *p++ = ' ';
    p = put_digits(p, d.year, 4), *p++ = ' ';
    p = put_time(p, &d);
    memcpy(p, " GMT", 5);
}

static bool take_digits(struct cursor *c, size_t width, unsigned low, unsigned high, unsigned *ret)
{
    bytes digits;
    unsigned v = 0;
    if (!cursor_take(c, width, &digits))
        return false;
    for (size_t i = 0; i < width; i++) {
        unsigned digit = (unsigned)digits.p[i] - '0';
        if (digit > 9)
            return false;
        v = v * 10 + digit;
    }
    *ret = v;
    return v >= low && v <= high;
}

static bool take_byte(struct cursor *c, char wanted)
{
    bytes b;
    if (c->left == 0 || *c->p != (uint8_t)wanted)
        return false;
    return cursor_take(c, 1, &b);
}

static unsigned days_in(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1U : 0U);
}

static bool take_date(struct cursor *c, struct date *d)
{
    return take_digits(c, 4, 0, 9999, &d->year) && take_byte(c, '-') && take_digits(c, 2, 1, 12, &d->month) &&
           take_byte(c, '-') && take_digits(c, 2, 1, days_in(d->year, d->month), &d->day) && take_byte(c, 'T') &&
           take_digits(c, 2, 0, 23, &d->hour) && take_byte(c, ':') && take_digits(c, 2, 0, 59, &d->minute) &&
           take_byte(c, ':') && take_digits(c, 2, 0, 59, &d->second);
}

/* A fraction has at least one digit, and the rest of it says nothing here. */
static bool skip_fraction(struct cursor *c)
{
    unsigned digit;
    if (!take_byte(c, '.'))
        return true;
    if (!take_digits(c, 1, 0, 9, &digit))
        return false;
    while (c->left && *c->p >= '0' && *c->p <= '9')
        c->p++, c->left--;
    return true;
}

static bool take_offset(struct cursor *c, int64_t *ret_seconds)
{
    unsigned hours, minutes;
    int64_t sign = 1;
    *ret_seconds = 0;
    if (take_byte(c, 'Z'))
        return true;
    if (take_byte(c, '-'))
        sign = -1;
    else if (!take_byte(c, '+'))
        return false;
    if (!take_digits(c, 2, 0, 23, &hours) || !take_byte(c, ':') || !take_digits(c, 2, 0, 59, &minutes))
        return false;
    *ret_seconds = sign * (int64_t)(hours * 3600 + minutes * 60);
    return true;
}

bool clock_parse(bytes text, int64_t *ret_seconds)
{
    struct cursor c = cursor_of(text);
    struct date d;
    int64_t offset;
    if (!take_date(&c, &d) || !skip_fraction(&c) || !take_offset(&c, &offset) || c.left)
        return false;
    int64_t seconds = days_of(d.year, d.month, d.day) * 86400 + d.hour * 3600 + d.minute * 60 + d.second - offset;
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND)
        return false;
    *ret_seconds = seconds;
    return true;
}
