/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that this server knows: one file each, one row each in kinds.c. */
#ifndef COFFER_KINDS_KINDS_H
#define COFFER_KINDS_KINDS_H

#include "api/kind.h"

/* Numbers in the store's keys: never reused, never changed. */
enum { KIND_NAMESPACE = 1, KIND_SECRET = 2 };

extern const struct kind namespace_kind, secret_kind;

/* Registers them all. Main calls it before anything else. */
void kinds_register_all(void);

/* The last cell of most tables: a comma and the time since creationTimestamp. */
void put_age_cell(struct buffer *, const struct json *object, int64_t now);

#endif
