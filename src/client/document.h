/* SPDX-License-Identifier: Apache-2.0 */
/* Reading members of a configuration file's objects by type, with sentences that name the file and the member, never
 * its value. */
#ifndef COFFER_CLIENT_DOCUMENT_H
#define COFFER_CLIENT_DOCUMENT_H

#include "text/json.h"

struct document {
    const char *file; /* for sentences */
    const struct json *root;
    struct arena *arena;
    struct error *error;
};

/* *ret is NULL when the member is absent or null. Another type than the wanted one is ERR_INVALID. */
MUST_CHECK err_t document_get(
    const struct document *, const struct json *object, const char *name, enum json_type, const struct json **ret);
/* A string, NUL-terminated in the arena; NULL when absent, null or empty. One that holds a NUL is refused. */
MUST_CHECK err_t document_text(const struct document *, const struct json *object, const char *name, const char **ret);
MUST_CHECK err_t document_bool(const struct document *, const struct json *object, const char *name, bool *ret);
/* An array of strings, NULL-terminated; *ret_count may be NULL. An absent one is empty. */
MUST_CHECK err_t document_texts(
    const struct document *, const struct json *object, const char *name, const char *const **ret, size_t *ret_count);
/* A string in base64, decoded; empty when absent. */
MUST_CHECK err_t document_base64(const struct document *, const struct json *object, const char *name, bytes *ret);
/* A path, made absolute or relative to the working directory by the folder of the document's file; NULL when absent. */
MUST_CHECK err_t document_path(const struct document *, const struct json *object, const char *name, const char **ret);
/* A relative path is meant from the folder of file. p is NULL when the arena is full. */
bytes document_beside(struct arena *, const char *file, const char *path);

/* Without the blanks and line ends around it. */
bytes document_trim(bytes);
/* A NUL-terminated copy as secret; p is NULL when the arena is full. */
struct secret secret_copy(struct arena *, bytes);

#endif
