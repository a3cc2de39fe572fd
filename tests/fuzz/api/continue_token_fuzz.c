/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens from clients; and that what is written is read back. */
#include "api/continue_token.h"
#include "text/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error;
    int64_t revision;
    bytes start, input = {data, size};
    arena_init(&arena, 64u << 20);
    error_init(&error, &arena);
    if (continue_token_parse(&arena, input, &revision, &start, &error) == ERR_OK) {
        if (revision == 0 || revision < -1)
            abort();
        int64_t again;
        bytes same;
        if (continue_token_parse(&arena, continue_token_write(&arena, revision, start), &again, &same, &error) !=
                ERR_OK ||
            again != revision || !bytes_equal(same, start))
            abort();
    }
    arena_reset(&arena);
    return 0;
}
