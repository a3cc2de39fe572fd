/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: a code that programs decide by, a sentence for people, and field causes. One list of codes; src/api/status.h
 * turns an error into a Kubernetes Status. Messages name objects, files, sizes; they never hold a value of a Secret. */
#ifndef COFFER_BASE_ERROR_H
#define COFFER_BASE_ERROR_H

#include "base/bytes.h"

struct arena;

/* X(NAME, HTTP status, Kubernetes reason). The reason "" is what kube-apiserver sends for errors without one. */
#define ERRORS(X)                                                                                                      \
    X(BAD_REQUEST, 400, "BadRequest")                                                                                  \
    X(UNAUTHORIZED, 401, "Unauthorized")                                                                               \
    X(FORBIDDEN, 403, "Forbidden")                                                                                     \
    X(NOT_FOUND, 404, "NotFound")                                                                                      \
    X(METHOD_NOT_ALLOWED, 405, "MethodNotAllowed")                                                                     \
    X(NOT_ACCEPTABLE, 406, "NotAcceptable")                                                                            \
    X(CONFLICT, 409, "Conflict")                                                                                       \
    X(ALREADY_EXISTS, 409, "AlreadyExists")                                                                            \
    X(GONE, 410, "Gone")                                                                                               \
    X(EXPIRED, 410, "Expired")                                                                                         \
    X(TOO_LARGE, 413, "RequestEntityTooLarge")                                                                         \
    X(UNSUPPORTED_MEDIA_TYPE, 415, "UnsupportedMediaType")                                                             \
    X(INVALID, 422, "Invalid")                                                                                         \
    X(TOO_MANY_REQUESTS, 429, "TooManyRequests")                                                                       \
    X(INTERNAL, 500, "InternalError")                                                                                  \
    X(UNKNOWN, 500, "")                 /* kube-apiserver's plain errors: the message alone */                         \
    X(IO, 500, "InternalError")         /* a system call or a library failed */                                        \
    X(CORRUPT, 500, "InternalError")    /* stored bytes are not what was written */                                    \
    X(UNREADABLE, 500, "InternalError") /* stored bytes that no key in the keyring opens */                            \
    X(UNAVAILABLE, 503, "ServiceUnavailable")                                                                          \
    X(NO_MEMORY, 503, "ServiceUnavailable") /* the system has none left */                                             \
    X(TIMEOUT, 504, "Timeout")                                                                                         \
    X(NO_SPACE, 507, "ServiceUnavailable")  /* disk or --store-limit is full: nothing was written */                   \
    X(READ_ONLY, 507, "ServiceUnavailable") /* the file system refuses writes */

enum err_code {
    ERR_OK,
#define X(name, http, reason) ERR_##name,
    ERRORS(X)
#undef X
};

/* What a fallible function returns: ERR_OK is 0. Such functions are MUST_CHECK. */
typedef enum err_code err_t;

/* One field that was wrong: reason as Kubernetes names it ("FieldValueInvalid"), message without the field, and the
 * field's path ("data[a/b]"). All arena memory or literals. */
struct cause {
    const char *reason;
    bytes message;
    bytes field;
    struct cause *next;
};

struct error {
    enum err_code code;
    struct arena *arena; /* where texts and causes live; NULL: only text[] and no causes */
    bytes message;       /* points into the arena, to text[], or to a literal */
    struct cause *causes, *last_cause;
    unsigned cause_count;
    char text[256];
};

/* arena may be NULL. The struct may not move while message points into it. */
void error_init(struct error *, struct arena *);

/* Sets code and message and returns code, for `return error_set(...)`. Formats into the arena, or cut to text[] without
 * one. Replaces what was there. error may be NULL: then only the code goes back. */
err_t error_set(struct error *, enum err_code, const char *format, ...) PRINTF_LIKE(3, 4);

#ifdef __clang_analyzer__ /* which does not see that what comes back is never ERR_OK */
#define error_set(error, code, ...) ((error_set)((error), (code), __VA_ARGS__), (code))
#endif

/* As error_set, ending in ": " and strerror(errno_value). Picks ERR_NO_SPACE for ENOSPC and EDQUOT, ERR_READ_ONLY for
 * EROFS, ERR_NO_MEMORY for ENOMEM, else ERR_IO. */
err_t error_errno(struct error *, int errno_value, const char *format, ...) PRINTF_LIKE(3, 4);

/* Adds a field cause and sets the code to ERR_INVALID; the whole message is composed by whoever knows the kind's name.
 * reason must be a literal; message and field are copied into the arena. */
void error_cause(struct error *, const char *reason, bytes field, const char *format, ...) PRINTF_LIKE(4, 5);

/* The HTTP status and Kubernetes reason of a code; 200 and "" for ERR_OK. */
int error_http_status(enum err_code);
const char *error_reason(enum err_code);

/* Returns from the calling function when the expression is not ERR_OK. */
#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        err_t try_code_ = (expression);                                                                                \
        if (try_code_ != ERR_OK)                                                                                       \
            return try_code_;                                                                                          \
    } while (0)

/* CLEANUP(fd_close) int fd = ...; runs fd_close(&fd) at every way out of the scope. */
#define CLEANUP(function) __attribute__((cleanup(function)))

#endif
