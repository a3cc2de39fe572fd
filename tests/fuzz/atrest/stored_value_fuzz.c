/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostile store gives back: through the chain, the KMS v2 codec and decryption with a known seed (bytes 00 to
 * 1f). */
#include "atrest/atrest.h"
#include "atrest/kms_v2.h"

#include <stdlib.h>

static err_t open_value(struct atrest_provider *provider, struct arena *arena, bytes path, bytes stored,
    bytes *ret_plain, bool *ret_stale, struct error *error)
{
    uint8_t seed[KMS_V2_SEED_SIZE];
    struct kms_v2_object object;

    (void)provider;
    for (size_t i = 0; i < sizeof(seed); i++)
        seed[i] = (uint8_t)i;
    TRY(kms_v2_decode(arena, stored, &object, error));
    for (size_t i = 0; i < object.source.annotation_count; i++)
        if (object.source.annotations[i].key.n == 0)
            abort();
    TRY(kms_v2_open(arena, &object, (struct secret){seed, sizeof(seed)}, path, ret_plain, error));
    size_t overhead = object.source.type == KMS_V2_SEED ? 60 : 28;
    if (ret_plain->n + overhead != object.encrypted_data.n)
        abort();
    *ret_stale = object.source.type != KMS_V2_SEED;
    return ERR_OK;
}

static void free_nothing(struct atrest_provider *provider)
{
    (void)provider;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct atrest_provider provider = {.kind = "test", .open = open_value, .free = free_nothing};
    struct atrest_provider *const providers[] = {&provider};
    struct arena arena;
    struct error error;
    bytes plain;
    bool stale;

    provider.prefix = BYTES("k8s:enc:kms:v2:coffer:");
    struct atrest *atrest = atrest_new(providers, 1);
    if (!atrest)
        return 0;
    arena_init(&arena, 4 << 20);
    error_init(&error, &arena);
    if (atrest_open(atrest, &arena, BYTES("/registry/secrets/default/g1"), (bytes){data, size}, &plain, &stale,
            &error) != ERR_OK)
        /* A sentence: printable, and of modest length whatever the input is. */
        for (size_t i = 0; i < error.message.n; i++)
            if (error.message.p[i] < 0x20 || error.message.n > 8192)
                abort();
    arena_reset(&arena);
    atrest_free(atrest);
    return 0;
}
