/* SPDX-License-Identifier: Apache-2.0 */
#include "atrest/sealed_meta.h"

static bytes path_of(struct arena *arena, const char *name)
{
    return arena_join(arena, BYTES("/coffer/meta/"), bytes_of(name), ARENA_END);
}

err_t sealed_meta_get(
    struct store *store, struct atrest *atrest, struct arena *arena, const char *name, bytes *ret, struct error *error)
{
    bytes sealed, path;
    bool stale;

    TRY(store_meta_get(store, arena, name, &sealed, error));
    path = path_of(arena, name);
    return path.p ? atrest_open(atrest, arena, path, sealed, ret, &stale, error) : arena_error(arena, error);
}

err_t sealed_meta_put(
    struct store *store, struct atrest *atrest, struct arena *arena, const char *name, bytes plain, struct error *error)
{
    bytes path = path_of(arena, name), sealed;

    if (!path.p)
        return arena_error(arena, error);
    TRY(atrest_seal(atrest, arena, path, plain, &sealed, error));
    return store_meta_put(store, name, sealed, error);
}
