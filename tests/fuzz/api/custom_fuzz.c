/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile definitions and objects of them: the input is two JSON texts with a newline between. Whatever is found valid
 * compiles; what a kind's defaults made, its validation may look at, and a second decoding leaves as it is. */
#include "api/custom_kind.h"
#include "api/object.h"
#include "api/schema_value.h"
#include "api/schemas.h"

#include <stdlib.h>

static bool same(struct arena *arena, const struct json *a, const struct json *b)
{
    struct buffer x, y;
    buffer_init(&x, arena);
    buffer_init(&y, arena);
    json_write(&x, a);
    json_write(&y, b);
    return x.failed || y.failed || bytes_equal(buffer_bytes(&x), buffer_bytes(&y));
}

static void try_object(struct arena *arena, const struct kind *kind, bytes text, const struct json *old)
{
    struct json *in, *object, *again;
    struct error error;
    error_init(&error, arena);
    if (json_parse(arena, text, &(struct json_options){.keep_duplicates = true}, &in, NULL, &error) != ERR_OK ||
        decode_tree(arena, kind->schema, in, FIELD_VALIDATION_IGNORE, NULL, &object, &error) != ERR_OK)
        return;
    if (decode_tree(arena, kind->schema, object, FIELD_VALIDATION_IGNORE, NULL, &again, &error) == ERR_OK &&
        !same(arena, object, again))
        abort();
    if (schema_set_defaults(arena, kind->schema, object, &error) == ERR_OK) {
        err_t created = object_validate(arena, kind, SUBRESOURCE_NONE, object, NULL, &error);
        err_t changed = object_validate(arena, kind, SUBRESOURCE_STATUS, object, old ? old : object, &error);
        (void)created, (void)changed; /* that they end is what matters */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error;
    struct json *in, *definition;
    struct warnings warnings = {0};
    struct kind_set *set = NULL;
    size_t line = bytes_find((bytes){data, size}, '\n');
    bytes object = line < size ? bytes_skip((bytes){data, size}, line + 1) : BYTES_NONE;
    arena_init(&arena, 64u << 20);
    error_init(&error, &arena);
    if (json_parse(&arena, (bytes){data, line}, &(struct json_options){0}, &in, NULL, &error) == ERR_OK &&
        decode_tree(&arena, &schema_custom_resource_definition, in, FIELD_VALIDATION_IGNORE, NULL, &definition,
            &error) == ERR_OK) {
        custom_definition_validate(&arena, definition, NULL, &error);
        custom_definition_warn(&arena, definition, &warnings);
        bool valid = error.cause_count == 0 && arena.failed == ERR_OK;
        err_t result = custom_kinds_compile(definition, 300, &set, &error);
        if (valid && result != ERR_OK && result != ERR_NO_MEMORY && result != ERR_TOO_MANY_REQUESTS)
            abort();
        for (size_t i = 0; result == ERR_OK && set && i < set->count; i++)
            try_object(&arena, set->kinds[i], object, definition);
        if (result == ERR_OK && set)
            kind_release(set->kinds[0]);
    }
    arena_reset(&arena);
    return 0;
}
