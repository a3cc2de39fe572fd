/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

static enum log_level level_wanted = LOG_INFO;
static enum log_format format_wanted = LOG_FORMAT_AUTO;

static const char *const level_names[][2] = {
    [LOG_ERROR] = {"ERROR", "error"},
    [LOG_WARNING] = {"WARNING", "warning"},
    [LOG_INFO] = {"INFO", "info"},
    [LOG_DEBUG] = {"DEBUG", "debug"},
    [LOG_TRACE] = {"TRACE", "trace"},
};

void log_setup(enum log_level level, enum log_format format)
{
    level_wanted = level;
    format_wanted = format == LOG_FORMAT_AUTO && isatty(STDERR_FILENO) ? LOG_FORMAT_TEXT : format;
}

bool log_enabled(enum log_level level)
{
    return level <= level_wanted;
}

struct log_field log_error_text(const struct error *error)
{
    return log_text("error", error && error->message.p ? (const char *)error->message.p : "");
}

/* A line that never outgrows its buffer: text is cut, what closes it always fits. */
struct line {
    size_t n;
    char text[4096];
};
#define LINE_RESERVE 8

static void put(struct line *line, const char *text, size_t n)
{
    if (n > sizeof(line->text) - line->n)
        return;
    memcpy(line->text + line->n, text, n);
    line->n += n;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Control bytes, bytes that are no UTF-8 and the C1 controls are escaped: a name in a log can't steer a terminal. */
static void put_escaped(struct line *line, const char *text)
{
    for (bytes left = bytes_of(text); left.n && line->n < sizeof(line->text) - LINE_RESERVE - 8;) {
        unsigned n = bytes_utf8(left);
        uint8_t c = left.p[0];
        char escape[8];
        if (n == 0 || c < 0x20 || c == 0x7f || (n == 2 && c == 0xc2 && left.p[1] < 0xa0)) {
            int length = snprintf(escape, sizeof(escape), "\\u%04x", n == 2 ? left.p[1] : n ? c : 0xfffd);
            put(line, escape, (size_t)length);
        } else {
            if (c == '"' || c == '\\')
                put(line, "\\", 1);
            put(line, (const char *)left.p, n);
        }
        left = bytes_skip(left, n ? n : 1);
    }
}

static void put_quoted(struct line *line, const char *text)
{
    put(line, "\"", 1);
    put_escaped(line, text);
    put(line, "\"", 1);
}

static void put_number(struct line *line, long long number)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", number);
    put(line, text, (size_t)n);
}

static bool is_bare(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text >= 0x7f || *text == '"' || *text == '\\' || *text == '=')
            return false;
    return true;
}

static bool has_room(const struct line *line, const struct log_field *field)
{
    return sizeof(line->text) - line->n > strlen(field->name) + 32 + LINE_RESERVE;
}

static void write_text(
    struct line *line, enum log_level level, const char *sentence, const struct log_field *fields, size_t count)
{
    put(line, " ", 1);
    put_text(line, level_names[level][0]);
    put(line, " ", 1);
    put_escaped(line, sentence);
    for (const struct log_field *f = fields; f < fields + count && has_room(line, f); f++) {
        put(line, " ", 1);
        put_text(line, f->name);
        put(line, "=", 1);
        if (f->type == LOG_FIELD_NUMBER)
            put_number(line, f->number);
        else if (is_bare(f->text))
            put_escaped(line, f->text);
        else
            put_quoted(line, f->text);
    }
}

static void write_json(
    struct line *line, enum log_level level, const char *sentence, const struct log_field *fields, size_t count)
{
    put_text(line, "\",\"level\":\"");
    put_text(line, level_names[level][1]);
    put_text(line, "\",\"message\":");
    put_quoted(line, sentence);
    for (const struct log_field *f = fields; f < fields + count && has_room(line, f); f++) {
        put(line, ",", 1);
        put_quoted(line, f->name);
        put(line, ":", 1);
        if (f->type == LOG_FIELD_NUMBER)
            put_number(line, f->number);
        else
            put_quoted(line, f->text);
    }
    put(line, "}", 1);
}

/* A log that can't be written has nowhere to say so. */
void log_write(enum log_level level, const char *sentence, const struct log_field *fields, size_t count)
{
    struct line line;
    char time[CLOCK_RFC3339_SIZE];
    line.n = 0;
    clock_format(clock_wall_seconds(), time);
    if (format_wanted == LOG_FORMAT_TEXT) {
        put_text(&line, time);
        write_text(&line, level, sentence, fields, count);
    } else {
        put_text(&line, "{\"time\":\"");
        put_text(&line, time);
        write_json(&line, level, sentence, fields, count);
    }
    put(&line, "\n", 1);
    ssize_t written = write(STDERR_FILENO, line.text, line.n);
    (void)written;
}

void log_fatal(const char *sentence, const struct error *error)
{
    const struct log_field field = log_error_text(error);
    log_write(LOG_ERROR, sentence, &field, error ? 1 : 0);
    _exit(1);
}
