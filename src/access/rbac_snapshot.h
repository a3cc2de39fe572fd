/* SPDX-License-Identifier: Apache-2.0 */
/* What the snapshot of RBAC is made of. Inside src/access only. */
#ifndef COFFER_ACCESS_RBAC_SNAPSHOT_H
#define COFFER_ACCESS_RBAC_SNAPSHOT_H

#include "access/rbac.h"
#include "base/published.h"

/* The bindings that name one user or group in one scope. */
struct bound {
    struct persistent_value value;
    const struct persistent_map *bindings; /* by their keys */
};

/* Who is bound in the cluster, or in a namespace. */
struct scope {
    struct persistent_value value;
    const struct persistent_map *users, *groups; /* by name: struct bound */
};

struct rbac {
    struct published_value published;
    uint64_t version;
    const struct persistent_map *roles, *bindings; /* by key: struct rbac_role, struct rbac_binding */
    const struct persistent_map *scopes;           /* by namespace: struct scope */
    struct scope cluster;                          /* its value is not counted */
};

/* One object, compiled into one block of just its size. ERR_NO_MEMORY, or ERR_TOO_LARGE for one beyond 64 MiB. */
MUST_CHECK err_t rbac_role_new(const struct json *object, struct persistent_value **ret, struct error *);
MUST_CHECK err_t rbac_binding_new(bytes key, const struct json *object, struct persistent_value **ret, struct error *);

/* A list of texts (NULL: none), copied. False when the arena is full. */
MUST_CHECK bool rbac_texts_read(struct arena *, const struct json *list, struct rbac_texts *ret);
bool rbac_has(struct rbac_texts, bytes text);
/* The text, or a star. */
bool rbac_has_or_all(struct rbac_texts, bytes text);
/* An equal one, or one whose stars at its end stand for what follows. */
bool rbac_has_url(struct rbac_texts, bytes path);

/* Whether names have it, by the table that was made of them. */
bool rbac_table_has(const uint32_t *table, struct rbac_texts names, bytes name);

/* The bits of a text in a sieve; a resource counts without its subresource. */
uint64_t rbac_bit(bytes text);

#endif
