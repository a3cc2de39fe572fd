/* SPDX-License-Identifier: Apache-2.0 */
/* What decodes has the length that the check says, and its encoding decodes to the same. */
#include "base/base64.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes in = {data, size};
    for (unsigned i = 0; i < 2; i++) {
        enum base64_alphabet alphabet = i ? BASE64_URL_UNPADDED : BASE64_STANDARD;
        struct arena arena;
        bytes out, again;
        size_t n, offset, check_offset;
        arena_init(&arena, 8 * size + 65536);
        err_t code = base64_decode(&arena, alphabet, in, &out, &offset);
        if (base64_check(alphabet, in, &n, &check_offset) != code)
            abort();
        if (code != ERR_OK && (offset != check_offset || offset > size))
            abort();
        if (code == ERR_OK) {
            bytes text = base64_encode(&arena, alphabet, out);
            if (out.n != n || base64_decode(&arena, alphabet, text, &again, &offset) != ERR_OK ||
                !bytes_equal(out, again))
                abort();
        }
        arena_reset(&arena);
    }
    return 0;
}
