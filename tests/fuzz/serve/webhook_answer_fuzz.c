/* SPDX-License-Identifier: Apache-2.0 */
/* What a webhook answers, as a mutating and as a validating one, in both versions; and its patch, on a Secret whose
 * values it was not shown: whatever it does, they end up where they were or the patch is refused. The first byte picks
 * version and phase. */
#include "api/patch.h"
#include "kinds/kinds.h"
#include "serve/webhook_review.h"

#include <stdlib.h>

#define VALUE "c2VjcmV0LXZhbHVl"
#define SECRET                                                                                                         \
    "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s\",\"annotations\":{\"kubectl.kubernetes."   \
    "io/"                                                                                                              \
    "last-applied-configuration\":\"{\\\"data\\\":{\\\"a\\\":\\\"" VALUE "\\\"}}\"}},\"data\":{\"a\":\"" VALUE         \
    "\",\"b\":\"" VALUE "\"},\"type\":\"Opaque\"}"

static size_t count_values(struct arena *arena, const struct json *object)
{
    struct buffer text;
    size_t n = 0;

    buffer_init(&text, arena);
    json_write(&text, object);
    for (bytes rest = buffer_bytes(&text); rest.n > 0;) {
        const uint8_t *at = memmem(rest.p, rest.n, VALUE, strlen(VALUE));
        if (!at)
            break;
        n++;
        rest = bytes_skip(rest, (size_t)(at - rest.p) + strlen(VALUE));
    }
    return n;
}

static void apply(struct arena *arena, const struct json *patch, struct error *error)
{
    struct json *real, *hidden, *patched, *object;
    bytes field;

    if (json_parse(arena, BYTES(SECRET), &(struct json_options){0}, &real, NULL, error) != ERR_OK)
        abort();
    hidden = json_copy(arena, real);
    if (!hidden || secret_rules.hide(arena, hidden, error) != ERR_OK || count_values(arena, hidden) != 0)
        abort();
    if (patch_json(arena, hidden, patch, &patched, error) != ERR_OK ||
        decode_patched(arena, &secret_kind, patched, FIELD_VALIDATION_IGNORE, NULL, &object, error) != ERR_OK)
        return;
    object = json_copy(arena, object);
    if (!object || count_values(arena, object) > 0) /* it knows the value from elsewhere */
        return;
    if (secret_rules.reveal(arena, object, hidden, real, &field, error) != ERR_OK)
        return;
    if (field.n == 0 && count_values(arena, object) != 3)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct review_refusal refusal;
    struct review_answer answer;
    struct arena arena;
    struct error error;

    if (size == 0)
        return 0;
    kinds_register_all();
    arena_init(&arena, 64u << 20);
    error_init(&error, &arena);
    if (review_read(&arena, (bytes){data + 1, size - 1}, BYTES("u"), data[0] & 1, data[0] & 2, &answer, &error) ==
        ERR_OK) {
        if (answer.patch && (!answer.allowed || !(data[0] & 2)))
            abort();
        if (!answer.allowed && review_refuse(&arena, BYTES("w"), answer.result, &refusal, &error) == ERR_OK &&
            (refusal.status < 400 || refusal.status > 599))
            abort();
        if (answer.patch)
            apply(&arena, answer.patch, &error);
    }
    arena_reset(&arena);
    return 0;
}
