/* SPDX-License-Identifier: Apache-2.0 */
/* What parses is the same after writing and parsing again, compact and pretty; sorting keeps the members. */
#include "text/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct json_options keep = {.keep_duplicates = true};
    struct arena arena;
    struct error error;
    struct json *value, *strict, *again;
    bool duplicate;
    arena_init(&arena, 1UL << 26);
    error_init(&error, &arena);
    err_t code = json_parse(&arena, (bytes){data, size}, &keep, &value, &duplicate, &error);
    err_t strict_code = json_parse(&arena, (bytes){data, size}, NULL, &strict, NULL, NULL);
    if (code != ERR_OK && (strict_code == ERR_OK || error.message.n == 0))
        abort();
    if (code == ERR_OK) {
        struct buffer compact, pretty;
        if ((strict_code == ERR_OK) == duplicate)
            abort();
        buffer_init(&compact, &arena);
        json_write(&compact, value);
        buffer_init(&pretty, &arena);
        json_write_pretty(&pretty, value, 2);
        if (json_parse(&arena, buffer_bytes(&compact), &keep, &again, NULL, NULL) != ERR_OK)
            abort();
        if (!duplicate && !json_equal(value, again))
            abort();
        if (json_parse(&arena, buffer_bytes(&pretty), &keep, &again, NULL, NULL) != ERR_OK)
            abort();
        json_sort(again);
        if (!duplicate && !json_equal(json_copy(&arena, value), again))
            abort();
    }
    arena_reset(&arena);
    return 0;
}
