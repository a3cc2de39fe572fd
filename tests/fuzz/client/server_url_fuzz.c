/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken as a server's URL stays one, holds nothing that ends a header, and is taken again unchanged. */
#include "client/server_url.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    const char *url, *again;
    arena_init(&arena, 1 << 20);
    bytes text = arena_copy(&arena, (bytes){data, size});
    if (text.p && server_url_check(&arena, "it", (const char *)text.p, &url, NULL) == ERR_OK) {
        if (strpbrk(url, " \r\n@?#"))
            abort();
        if (server_url_check(&arena, "it", url, &again, NULL) != ERR_OK || strcmp(url, again) != 0)
            abort();
        (void)server_url_is_loopback(url);
    }
    arena_reset(&arena);
    return 0;
}
