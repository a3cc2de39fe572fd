/* SPDX-License-Identifier: Apache-2.0 */
/* Small records of the store itself (store_meta_get) that hold keys: sealed like any value, bound to their name. Calls
 * block: not on an event loop, nor on the commit thread. */
#ifndef COFFER_ATREST_SEALED_META_H
#define COFFER_ATREST_SEALED_META_H

#include "atrest/atrest.h"
#include "store/store.h"

/* Into the arena, which is wiped. ERR_NOT_FOUND when there is none of that name. */
MUST_CHECK err_t sealed_meta_get(
    struct store *, struct atrest *, struct arena *, const char *name, bytes *ret, struct error *);
/* Durable on return. */
MUST_CHECK err_t sealed_meta_put(
    struct store *, struct atrest *, struct arena *, const char *name, bytes plain, struct error *);

#endif
