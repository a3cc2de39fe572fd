/* SPDX-License-Identifier: Apache-2.0 */
/* Queries and percent encoding. */
#include "net/http.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    bytes name, value, in = {data, size};
    arena_init(&arena, (size_t)1 << 22);
    struct cursor query = cursor_of(in);
    for (size_t pairs = 0; http_query_next(&arena, &query, &name, &value) > 0; pairs++)
        if (pairs > size || name.n + value.n > size)
            abort();
    bytes decoded = http_decode(&arena, in, false);
    if (decoded.p && decoded.n > size)
        abort();
    arena_reset(&arena);
    return 0;
}
