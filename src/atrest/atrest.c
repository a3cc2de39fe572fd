/* SPDX-License-Identifier: Apache-2.0 */
#include "atrest/atrest.h"

#include <assert.h>
#include <stdlib.h>

struct atrest {
    size_t count;
    struct atrest_provider *providers[];
};

struct atrest *atrest_new(struct atrest_provider *const *providers, size_t count)
{
    assert(count > 0);
    struct atrest *atrest = malloc(sizeof(*atrest) + count * sizeof(struct atrest_provider *));
    if (!atrest) {
        for (size_t i = 0; i < count; i++)
            providers[i]->free(providers[i]);
        return NULL;
    }
    atrest->count = count;
    memcpy(atrest->providers, providers, count * sizeof(struct atrest_provider *));
    return atrest;
}

void atrest_free(struct atrest *atrest)
{
    if (!atrest)
        return;
    for (size_t i = 0; i < atrest->count; i++)
        atrest->providers[i]->free(atrest->providers[i]);
    free(atrest);
}

err_t atrest_seal(struct atrest *atrest, struct arena *arena, bytes path, bytes plain, bytes *ret, struct error *error)
{
    struct atrest_provider *writer = atrest->providers[0];
    struct buffer buffer;

    buffer_init(&buffer, arena);
    buffer_put(&buffer, writer->prefix);
    TRY(writer->seal(writer, arena, path, plain, &buffer, error));
    if (buffer.failed)
        return arena_error(arena, error);
    *ret = buffer_bytes(&buffer);
    return ERR_OK;
}

/* "k8s:enc:aescbc:v1:key1:": up to five parts of plain characters, each with its colon. What follows is ciphertext. */
static bytes public_prefix(bytes stored)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    const bytes mark = BYTES("k8s:enc:");
    size_t parts = 0, end = 0;

    if (!bytes_start(stored, mark))
        return BYTES_NONE;
    for (size_t i = mark.n; i < stored.n && parts < 3; i++) {
        if (stored.p[i] == ':')
            parts++, end = i + 1;
        else if (!memchr(plain, stored.p[i], sizeof(plain) - 1))
            break;
    }
    return (bytes){stored.p, end};
}

static err_t no_provider(bytes stored, struct error *error)
{
    bytes prefix = public_prefix(stored);
    if (prefix.n > 0 && prefix.n <= 128)
        return error_set(error, ERR_UNREADABLE,
            "no matching prefix found: stored with provider \"%.*s\", for which there is no key", BYTES_FMT(prefix));
    return error_set(error, ERR_UNREADABLE, "no matching prefix found: the value is not encrypted in a known way");
}

err_t atrest_open(struct atrest *atrest, struct arena *arena, bytes path, bytes stored, bytes *ret_plain,
    bool *ret_stale, struct error *error)
{
    err_t result = ERR_OK;

    for (size_t i = 0; i < atrest->count; i++) {
        struct atrest_provider *provider = atrest->providers[i];
        bool stale = false;
        bytes plain;
        if (!bytes_start(stored, provider->prefix))
            continue;
        result = provider->open(provider, arena, path, bytes_skip(stored, provider->prefix.n), &plain, &stale, error);
        if (result == ERR_OK) {
            *ret_plain = plain;
            *ret_stale = stale || i > 0;
            return ERR_OK;
        }
        /* Others may share the prefix with another key; but when memory is short they would fail for that. */
        if (result != ERR_UNREADABLE)
            return result;
    }
    return result == ERR_OK ? no_provider(stored, error) : result;
}
