/* SPDX-License-Identifier: Apache-2.0 */
/* Files of tokens that are hostile: what is read is found again, what is not leaves what was. */
#include "access/token_file.h"
#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bytes own = {(const uint8_t *)"api", 3};
    static const struct authenticator authenticator = {.audiences = &own, .audience_count = 1};
    const struct audiences asked = {&own, 1};
    struct authenticated found;
    struct arena arena;

    log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
    authenticator_set(&authenticator);
    arena_init(&arena, 1u << 20);
    (void)!token_file_parse("file", (bytes){data, size}, NULL);
    (void)!token_file_authenticate(&arena, (bytes){data, size / 2}, &asked, &found, NULL);
    arena_reset(&arena);
    return 0;
}
