/* SPDX-License-Identifier: Apache-2.0 */
/* A path up to the first newline, walked over the document behind it. */
#include "api/json_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes input = {data, size};
    const struct json_path *path;
    const struct json *found[4];
    struct json *root, value = {.type = JSON_TRUE};
    struct arena arena;
    struct error error;
    size_t line = bytes_find(input, '\n');
    arena_init(&arena, (size_t)4 << 20);
    error_init(&error, &arena);
    if (json_path_parse(&arena, (bytes){data, line}, false, &path, &error) == ERR_OK && line < size &&
        json_parse(&arena, bytes_skip(input, line + 1), &(struct json_options){0}, &root, NULL, &error) == ERR_OK) {
        (void)json_path_find(path, root, found, ARRAY_LEN(found));
        if (json_path_parse(&arena, (bytes){data, line}, true, &path, &error) == ERR_OK &&
            json_path_set(&arena, path, root, &value) && json_path_find(path, root, found, 1) != 1)
            __builtin_trap();
    }
    arena_reset(&arena);
    return 0;
}
