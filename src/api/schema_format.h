/* SPDX-License-Identifier: Apache-2.0 */
/* Formats of strings that custom resources' schemas may ask for; all others are ignored, as kube-apiserver does. */
#ifndef COFFER_API_SCHEMA_FORMAT_H
#define COFFER_API_SCHEMA_FORMAT_H

#include "text/regex.h"

struct schema_format {
    const char *name;     /* without dashes */
    const char *pattern;  /* for regex.h; NULL: none */
    bool (*check)(bytes); /* after the pattern; NULL: that is all */
};

/* By the name that a schema gives ("date-time"); NULL: not one that is checked. */
const struct schema_format *schema_format_find(bytes name);
/* Its pattern, compiled once in the process's life; NULL when it has none. ERR_NO_MEMORY. */
MUST_CHECK err_t schema_format_pattern(const struct schema_format *, const struct regex **ret, struct error *);

#endif
