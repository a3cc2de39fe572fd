/* SPDX-License-Identifier: Apache-2.0 */
/* Patches of every type on a Pod; the first byte chooses the type. The object stays as it was, a result is a tree that
 * can be written and read again, and merging twice is merging once. */
#include "api/patch.h"
#include "api/schemas.h"

#include <stdlib.h>

static const char pod[] =
    "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"labels\":{\"a\":\"1\",\"b\":\"2\"},\"finalizers\":[\"x\",\"y\"],"
    "\"ownerReferences\":[{\"uid\":\"1\",\"name\":\"o\"},{\"uid\":\"2\"}]},\"spec\":{\"containers\":[{\"name\":\"a\","
    "\"image\":\"i\",\"args\":[\"1\"],\"env\":[{\"name\":\"x\",\"value\":\"1\"},{\"name\":\"y\"}],\"ports\":[{"
    "\"containerPort\":53,\"protocol\":\"UDP\"},{\"containerPort\":53}]},{\"name\":\"b\"}],\"volumes\":[{\"name\":"
    "\"v\",\"secret\":{\"secretName\":\"s\"}}],\"tolerations\":[{\"key\":\"k\"}]}}";

static struct json *parse(struct arena *arena, bytes text)
{
    struct json *value;
    if (json_parse(arena, text, &(struct json_options){.max_depth = 512}, &value, NULL, NULL) != ERR_OK)
        abort();
    return value;
}

static bytes written(struct arena *arena, const struct json *value)
{
    struct buffer b;
    buffer_init(&b, arena);
    json_write(&b, value);
    if (b.failed)
        abort();
    return buffer_bytes(&b);
}

static err_t apply(struct arena *arena, enum patch_type type, const struct json *object, const struct json *patch,
    struct json **ret, struct error *error)
{
    if (type == PATCH_STRATEGIC)
        return patch_strategic(arena, &schema_pod, object, patch, ret, error);
    return (type == PATCH_JSON ? patch_json : patch_merge)(arena, object, patch, ret, error);
}

static void check(struct arena *arena, enum patch_type type, const struct json *patch, struct error *error)
{
    struct json *object = parse(arena, bytes_of(pod)), *result, *again;
    if (apply(arena, type, object, patch, &result, error) != ERR_OK)
        return;
    bytes text = written(arena, result);
    if (!bytes_equal(written(arena, object), bytes_of(pod)))
        abort();
    again = parse(arena, text);
    if (type == PATCH_MERGE &&
        (apply(arena, type, again, patch, &again, error) != ERR_OK || !bytes_equal(written(arena, again), text)))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error;
    struct warnings flaws = {0};
    struct json *patch;
    arena_init(&arena, 256u << 20);
    error_init(&error, &arena);
    if (size > 0) {
        enum patch_type type = data[0] % 4;
        bytes body = {data + 1, size - 1};
        if (patch_parse_strict(&arena, type, body, &flaws, &patch, &error) == ERR_OK && type != PATCH_APPLY)
            check(&arena, type, patch, &error);
    }
    arena_reset(&arena);
    return 0;
}
