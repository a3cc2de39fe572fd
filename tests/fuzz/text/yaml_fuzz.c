/* SPDX-License-Identifier: Apache-2.0 */
/* What parses is the same after writing and reading again. Numbers are compared as JSON writes them. */
#include "text/yaml.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error;
    struct json *value, *again;
    arena_init(&arena, 1UL << 26);
    error_init(&error, &arena);
    if (yaml_parse(&arena, (bytes){data, size}, 10000, &value, &error) == ERR_OK) {
        struct buffer out;
        buffer_init(&out, &arena);
        yaml_write(&out, value);
        if (out.failed || yaml_parse(&arena, buffer_bytes(&out), 10000, &again, &error) != ERR_OK)
            abort();
        if (!json_equal(value, again))
            abort();
    } else if (error.message.n == 0) {
        abort();
    }
    if (yaml_parse_all(&arena, (bytes){data, size}, 10000, &value, &error) == ERR_OK && value->type != JSON_ARRAY)
        abort();
    arena_reset(&arena);
    return 0;
}
