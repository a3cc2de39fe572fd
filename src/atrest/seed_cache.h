/* SPDX-License-Identifier: Apache-2.0 */
/* Unwrapped seeds by their wrapped form, in the key region. Seeds are few (one a start of a server), values are many:
 * looking one up takes no lock. Nothing is ever thrown out; when it is full, or the region is, callers unwrap at each
 * read. */
#ifndef COFFER_ATREST_SEED_CACHE_H
#define COFFER_ATREST_SEED_CACHE_H

#include "base/bytes.h"

#define SEED_CACHE_MOST 512 /* of 64 bytes: half the key region */

struct seed_cache;

/* NULL when there is no memory. */
MUST_CHECK struct seed_cache *seed_cache_new(void);
/* Wipes the seeds. No other thread uses it any more. NULL is accepted. */
void seed_cache_free(struct seed_cache *);

/* The seed, valid until seed_cache_free; p is NULL when it is not there. Any thread. */
struct secret seed_cache_find(struct seed_cache *, bytes wrapped);
/* Keeps a copy of seed, if there is room and wrapped is not there yet. Any thread. */
void seed_cache_add(struct seed_cache *, bytes wrapped, struct secret seed);

#endif
