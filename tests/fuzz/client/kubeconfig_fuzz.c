/* SPDX-License-Identifier: Apache-2.0 */
/* A kubeconfig, from its bytes to one resolved context; two files of the same text merge as well. Reads no file, runs
 * no plugin. */
#include "client/credential_plugin.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error;
    struct kubeconfig_set set = {0};
    struct kubeconfig_query query = {0};
    struct kubeconfig k = {0};
    arena_init(&arena, 16 << 20);
    error_init(&error, &arena);
    for (int i = 0; i < 2; i++)
        if (kubeconfig_add(&set, &arena, i ? "second" : "folder/first", (bytes){data, size}, &error) != ERR_OK)
            break;
    if (set.files && kubeconfig_resolve(&set, &arena, &query, &k, &error) == ERR_OK) {
        if (!k.server || !k.namespace || !k.cluster || !k.user)
            abort();
        if (k.plugin)
            (void)credential_plugin_info(&k, &arena, false);
    }
    arena_reset(&arena);
    return 0;
}
