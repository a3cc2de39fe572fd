/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include "base/arena.h"

#include <errno.h>
#include <stdio.h>

static const struct {
    int http_status;
    const char *reason;
} codes[] = {[ERR_OK] = {200, ""},
#define X(name, http, reason) [ERR_##name] = {http, reason},
    ERRORS(X)
#undef X
};

int error_http_status(enum err_code code)
{
    return codes[code].http_status;
}

const char *error_reason(enum err_code code)
{
    return codes[code].reason;
}

void error_init(struct error *error, struct arena *arena)
{
    *error = (struct error){.arena = arena};
}

/* The arguments may point into the message that is replaced: the new one is made before the old one goes. */
static bytes format_message(struct error *error, const char *format, va_list args)
{
    char text[sizeof(error->text)];
    va_list again;
    va_copy(again, args);
    bytes message = error->arena ? arena_vformat(error->arena, format, again) : BYTES_NONE;
    va_end(again);
    if (message.p)
        return message;
    int n = vsnprintf(text, sizeof(text), format, args);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    memcpy(error->text, text, length);
    error->text[length] = '\0';
    return (bytes){(const uint8_t *)error->text, length};
}

static err_t replace(struct error *error, enum err_code code, bytes message)
{
    error->code = code;
    error->message = message;
    error->causes = error->last_cause = NULL;
    error->cause_count = 0;
    return code;
}

err_t(error_set)(struct error *error, enum err_code code, const char *format, ...)
{
    va_list args;
    if (!error)
        return code;
    va_start(args, format);
    bytes message = format_message(error, format, args);
    va_end(args);
    return replace(error, code, message);
}

static enum err_code code_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case EROFS:
        return ERR_READ_ONLY;
    case ENOMEM:
        return ERR_NO_MEMORY;
    default:
        return ERR_IO;
    }
}

err_t error_errno(struct error *error, int errno_value, const char *format, ...)
{
    enum err_code code = code_of_errno(errno_value);
    char buffer[128];
    va_list args;
    if (!error)
        return code;
    va_start(args, format);
    bytes message = format_message(error, format, args);
    va_end(args);
    return error_set(error, code, "%.*s: %s", BYTES_FMT(message), strerror_r(errno_value, buffer, sizeof(buffer)));
}

void error_cause(struct error *error, const char *reason, bytes field, const char *format, ...)
{
    va_list args;
    if (!error)
        return;
    error->code = ERR_INVALID;
    if (!error->arena)
        return;
    struct cause *cause = arena_alloc(error->arena, sizeof(*cause));
    va_start(args, format);
    bytes message = arena_vformat(error->arena, format, args);
    va_end(args);
    field = arena_copy(error->arena, field);
    if (!cause || !message.p || !field.p) {
        (void)arena_error(error->arena, error);
        return;
    }
    *cause = (struct cause){.reason = reason, .message = message, .field = field};
    if (error->last_cause)
        error->last_cause->next = cause;
    else
        error->causes = cause;
    error->last_cause = cause;
    error->cause_count++;
}
