/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of every built-in kind in every format: the first byte says which. What is accepted is canonical: written and
 * read again it is the same. */
#include "api/object.h"
#include "api/schema_value.h"
#include "kinds/kinds.h"

#include <stdlib.h>

/* Decodes, prepares and validates as a create does; the stored text, or none. */
static bytes write(
    struct arena *arena, const struct kind *kind, enum body_format format, bytes body, struct error *error)
{
    struct warnings warnings = {0};
    struct json *object;
    if (decode_object(arena, kind, format, body, FIELD_VALIDATION_WARN, &warnings, &object, error) != ERR_OK ||
        object_prepare_create(arena, kind, object, BYTES("n"), error) != ERR_OK ||
        schema_set_defaults(arena, kind->schema, object, error) != ERR_OK ||
        (kind->rules->set_defaults && kind->rules->set_defaults(arena, kind, object, error) != ERR_OK) ||
        (kind->rules->prepare && kind->rules->prepare(arena, kind, SUBRESOURCE_NONE, object, NULL, error) != ERR_OK) ||
        object_validate(arena, kind, SUBRESOURCE_NONE, object, NULL, error) != ERR_OK)
        return BYTES_NONE;
    return object_store_text(arena, kind, object);
}

/* Secret and Namespace below 8, as the oldest seeds have it; else one of all. */
static const struct kind *kind_of(uint8_t first)
{
    static bool registered;
    size_t count;
    if (!registered)
        kinds_register_all();
    registered = true;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    return first >= 8 ? kinds[first % count] : first & 4 ? &namespace_kind : &secret_kind;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error;
    struct warnings warnings = {0};
    struct object_cuts cuts;
    struct json *object;
    if (size == 0)
        return 0;
    arena_init(&arena, 64u << 20);
    error_init(&error, &arena);
    const struct kind *kind = kind_of(data[0]);
    bytes stored = write(&arena, kind, (enum body_format)(data[0] % 4 % 3), (bytes){data + 1, size - 1}, &error), again;
    if (stored.p && !arena.failed) {
        if (kind_is_stored(kind) && !object_cut(stored, &cuts))
            abort();
        error_init(&error, &arena);
        if (decode_object(&arena, kind, BODY_JSON, stored, FIELD_VALIDATION_STRICT, &warnings, &object, &error) !=
            ERR_OK) {
            if (!arena.failed)
                abort();
        } else {
            again = object_store_text(&arena, kind, object);
            if (again.p && !bytes_equal(again, stored))
                abort();
        }
    }
    error_init(&error, &arena);
    (void)!decode_stored(&arena, kind, (bytes){data + 1, size - 1}, &again, &error);
    arena_reset(&arena);
    return 0;
}
