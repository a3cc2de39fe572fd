/* SPDX-License-Identifier: Apache-2.0 */
/* Leveled, structured logs: a literal sentence and typed fields. On a terminal a line of text, elsewhere a JSON object
 * a line. One write(2) a line, to stderr. Thread-safe. Fields take numbers and NUL-terminated public text; not `bytes`,
 * which may come from a Secret, and not `struct secret`: neither compiles. */
#ifndef COFFER_BASE_LOG_H
#define COFFER_BASE_LOG_H

#include "base/error.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG, LOG_TRACE };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
    const char *name;
    enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER } type;
    const char *text;
    long long number;
};

static inline struct log_field log_text(const char *name, const char *text)
{
    return (struct log_field){.name = name, .type = LOG_FIELD_TEXT, .text = text ? text : ""};
}
static inline struct log_field log_number(const char *name, long long number)
{
    return (struct log_field){.name = name, .type = LOG_FIELD_NUMBER, .number = number};
}
/* An error's sentence; errors hold no values by rule. */
struct log_field log_error_text(const struct error *);

void log_setup(enum log_level, enum log_format);
bool log_enabled(enum log_level);
void log_write(enum log_level, const char *sentence, const struct log_field *, size_t count);

/* log_event(LOG_INFO, "listening", log_text("address", a), log_number("port", p)); evaluates its fields only when
 * enabled. */
#define log_event(level, sentence, ...)                                                                                \
    do {                                                                                                               \
        if (log_enabled(level)) {                                                                                      \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                                      \
            log_write(level, "" sentence, log_fields_, sizeof(log_fields_) / sizeof(struct log_field));                \
        }                                                                                                              \
    } while (0)

/* Logs at LOG_ERROR and ends the process with status 1, without a core: for errors after which nothing may go on. */
_Noreturn void log_fatal(const char *sentence, const struct error *);

#endif
