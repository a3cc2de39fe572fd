/* SPDX-License-Identifier: Apache-2.0 */
/* Accept headers. */
#include "api/present.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct presentation presentation;
    enum body_format format;
    bytes header = {data, size};
    error_init(&error, NULL);
    (void)!presentation_choose(header, header, header, NULL, size & 1, size & 2, &presentation, &error);
    presentation_of_error(header, header, header, &presentation);
    (void)!presentation_include(header, &presentation, &error);
    (void)!body_format_of(header, &format, &error);
    return 0;
}
