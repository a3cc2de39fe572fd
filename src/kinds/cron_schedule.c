/* SPDX-License-Identifier: Apache-2.0 */
/* Schedules of CronJobs: five fields, or a descriptor (@daily, @every 1h30m). */
#include "kinds/job.h"
#include "text/utf8.h"

struct bounds {
    unsigned least, most;
    const char *const *names; /* of the numbers from least */
    size_t name_count;
};

static const char *const months[] = {
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct bounds fields[] = {
    {0, 59, NULL, 0},
    {0, 23, NULL, 0},
    {1, 31, NULL, 0},
    {1, 12, months, ARRAY_LEN(months)},
    {0, 6, days, ARRAY_LEN(days)},
};

/* ---- Numbers */

/* As Go's strconv.Atoi: a sign, digits. */
static bytes number_fault(struct arena *arena, bytes text, int64_t *ret)
{
    uint64_t number = 0;
    bool signed_text = text.n && (text.p[0] == '-' || text.p[0] == '+');
    bytes digits = signed_text ? bytes_skip(text, 1) : text;
    bool all = digits.n > 0;
    for (size_t i = 0; i < digits.n; i++)
        all = all && digits.p[i] >= '0' && digits.p[i] <= '9';
    while (digits.n > 1 && digits.p[0] == '0')
        digits = bytes_skip(digits, 1);
    bool fits = all && bytes_to_uint64(digits, &number) && number <= INT64_MAX;
    bytes quoted = utf8_quote(arena, text);
    if (!fits)
        return arena_format(arena, "failed to parse int from %.*s: strconv.Atoi: parsing %.*s: %s", BYTES_FMT(text),
            BYTES_FMT(quoted), all ? "value out of range" : "invalid syntax");
    if (text.p[0] == '-' && number)
        return arena_format(
            arena, "negative number (-%llu) not allowed: %.*s", (unsigned long long)number, BYTES_FMT(text));
    *ret = (int64_t)number;
    return BYTES_NONE;
}

static bytes named_fault(struct arena *arena, bytes text, const struct bounds *bounds, int64_t *ret)
{
    for (size_t i = 0; i < bounds->name_count; i++)
        if (text.n == 3 && strncasecmp((const char *)text.p, bounds->names[i], 3) == 0) {
            *ret = bounds->least + (int64_t)i;
            return BYTES_NONE;
        }
    return number_fault(arena, text, ret);
}

/* ---- Ranges: *, N, N-M, each with /STEP */

static size_t count_of(bytes text, uint8_t c)
{
    size_t count = 0;
    for (size_t i = 0; i < text.n; i++)
        count += text.p[i] == c;
    return count;
}

static bytes ends_fault(
    struct arena *arena, bytes range, bytes whole, const struct bounds *bounds, int64_t *start, int64_t *end)
{
    size_t dash = bytes_find(range, '-');
    bytes low = {range.p, dash};
    *start = bounds->least;
    *end = bounds->most;
    if (bytes_equal(low, BYTES("*")) || bytes_equal(low, BYTES("?")))
        return BYTES_NONE;
    bytes fault = named_fault(arena, low, bounds, start);
    *end = *start;
    if (fault.p || dash == range.n)
        return fault;
    if (count_of(range, '-') > 1)
        return arena_format(arena, "too many hyphens: %.*s", BYTES_FMT(whole));
    return named_fault(arena, bytes_skip(range, dash + 1), bounds, end);
}

static bytes range_fault(struct arena *arena, bytes text, const struct bounds *bounds)
{
    size_t slash = bytes_find(text, '/');
    bytes range = {text.p, slash}, fault;
    int64_t start, end, step = 1;
    fault = ends_fault(arena, range, text, bounds, &start, &end);
    if (fault.p)
        return fault;
    if (count_of(text, '/') > 1)
        return arena_format(arena, "too many slashes: %.*s", BYTES_FMT(text));
    if (slash < text.n) {
        fault = number_fault(arena, bytes_skip(text, slash + 1), &step);
        if (fault.p)
            return fault;
        if (bytes_find(range, '-') == range.n)
            end = bounds->most;
    }
    if (start < bounds->least)
        return arena_format(arena, "beginning of range (%lld) below minimum (%u): %.*s", (long long)start,
            bounds->least, BYTES_FMT(text));
    if (end > bounds->most)
        return arena_format(
            arena, "end of range (%lld) above maximum (%u): %.*s", (long long)end, bounds->most, BYTES_FMT(text));
    if (start > end)
        return arena_format(arena, "beginning of range (%lld) beyond end of range (%lld): %.*s", (long long)start,
            (long long)end, BYTES_FMT(text));
    return step ? BYTES_NONE : arena_format(arena, "step of range should be a positive number: %.*s", BYTES_FMT(text));
}

static bytes field_fault(struct arena *arena, bytes text, const struct bounds *bounds)
{
    while (text.n) {
        size_t comma = bytes_find(text, ',');
        bytes fault = comma ? range_fault(arena, (bytes){text.p, comma}, bounds) : BYTES_NONE;
        if (fault.p)
            return fault;
        text = bytes_skip(text, comma < text.n ? comma + 1 : comma);
    }
    return BYTES_NONE;
}

/* ---- Descriptors */

static size_t unit_length(bytes text)
{
    size_t n = 0;
    while (n < text.n && text.p[n] != '.' && !(text.p[n] >= '0' && text.p[n] <= '9'))
        n++;
    return n;
}

/* Go's durations: 1h30m, 1.5s, -2us. */
static bytes duration_fault(struct arena *arena, bytes whole)
{
    static const char *const units[] = {"ns", "us", "\xc2\xb5s", "\xce\xbcs", "ms", "s", "m", "h"};
    bytes text = whole, quoted = utf8_quote(arena, whole);
    if (text.n && (text.p[0] == '-' || text.p[0] == '+'))
        text = bytes_skip(text, 1);
    if (bytes_equal(text, BYTES("0")))
        return BYTES_NONE;
    for (bool any = false; text.n || !any; any = true) {
        size_t digits = 0, n = 0;
        bool known = false;
        while (n < text.n && ((text.p[n] >= '0' && text.p[n] <= '9') || text.p[n] == '.'))
            digits += text.p[n++] != '.';
        if (!digits || count_of((bytes){text.p, n}, '.') > 1)
            return arena_format(arena, "time: invalid duration %.*s", BYTES_FMT(quoted));
        bytes unit = {text.p + n, unit_length(bytes_skip(text, n))}, shown = utf8_quote(arena, unit);
        if (!unit.n)
            return arena_format(arena, "time: missing unit in duration %.*s", BYTES_FMT(quoted));
        for (size_t i = 0; i < ARRAY_LEN(units); i++)
            known = known || bytes_equal(unit, bytes_of(units[i]));
        if (!known)
            return arena_format(arena, "time: unknown unit %.*s in duration %.*s", BYTES_FMT(shown), BYTES_FMT(quoted));
        text = bytes_skip(text, n + unit.n);
    }
    return BYTES_NONE;
}

static bytes descriptor_fault(struct arena *arena, bytes text)
{
    static const char *const known[] = {
        "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (bytes_equal(text, bytes_of(known[i])))
            return BYTES_NONE;
    if (!bytes_start(text, BYTES("@every ")))
        return arena_format(arena, "unrecognized descriptor: %.*s", BYTES_FMT(text));
    bytes fault = duration_fault(arena, bytes_skip(text, strlen("@every ")));
    return fault.p ? arena_format(arena, "failed to parse duration %.*s: %.*s", BYTES_FMT(text), BYTES_FMT(fault))
                   : BYTES_NONE;
}

/* ---- The whole */

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Up to six fields, and how many there are. */
static size_t split(bytes text, bytes ret[6])
{
    size_t count = 0;
    for (size_t i = 0; i < text.n;) {
        while (i < text.n && is_space(text.p[i]))
            i++;
        size_t start = i;
        while (i < text.n && !is_space(text.p[i]))
            i++;
        if (i > start && count < 6)
            ret[count] = (bytes){text.p + start, i - start};
        count += i > start;
    }
    return count;
}

static bytes count_fault(struct arena *arena, bytes text, size_t count)
{
    struct buffer b;
    buffer_init(&b, arena);
    buffer_format(&b, "expected exactly 5 fields, found %zu: [", count);
    for (size_t i = 0, written = 0; i < text.n; i++) {
        if (is_space(text.p[i]))
            continue;
        if (written++ && i && is_space(text.p[i - 1]))
            buffer_byte(&b, ' ');
        buffer_byte(&b, text.p[i]);
    }
    buffer_byte(&b, ']');
    return buffer_bytes(&b);
}

bytes cron_schedule_fault(struct arena *arena, bytes schedule)
{
    bytes parts[6];
    if (bytes_start(schedule, BYTES("TZ=")) || bytes_start(schedule, BYTES("CRON_TZ="))) {
        size_t space = bytes_find(schedule, ' ');
        if (space == schedule.n)
            return BYTES("expected exactly 5 fields, found 0: []");
        schedule = bytes_skip(schedule, space);
        while (schedule.n && is_space(schedule.p[0]))
            schedule = bytes_skip(schedule, 1);
    }
    if (bytes_start(schedule, BYTES("@")))
        return descriptor_fault(arena, schedule);
    size_t count = split(schedule, parts);
    if (count != 5)
        return count_fault(arena, schedule, count);
    for (size_t i = 0; i < 5; i++) {
        bytes fault = field_fault(arena, parts[i], &fields[i]);
        if (fault.p)
            return fault;
    }
    return BYTES_NONE;
}
