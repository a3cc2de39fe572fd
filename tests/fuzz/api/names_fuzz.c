/* SPDX-License-Identifier: Apache-2.0 */
/* Every rule about names on hostile bytes: a name that passes holds only what a path segment may. */
#include "api/object.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error;
    const char *sentences[4];
    bytes name = {data, size};
    arena_init(&arena, 64u << 20);
    error_init(&error, &arena);
    if (qualified_name_errors(name, sentences) > 4 || label_value_errors(name, sentences) > 4)
        abort();
    if (!config_map_key_error(name) && (memchr(data, '/', size) || memchr(data, '\0', size)))
        abort();
    validate_dns1123_label(&arena, name, true, BYTES("f"), &error);
    validate_dns1123_label(&arena, name, false, BYTES("f"), &error);
    error_init(&error, &arena);
    validate_dns1123_subdomain(&arena, name, false, BYTES("f"), &error);
    if (error.code == ERR_OK &&
        (size == 0 || size > 253 || memchr(data, '/', size) || memchr(data, '%', size) || data[0] == '.'))
        abort();
    arena_reset(&arena);
    return 0;
}
