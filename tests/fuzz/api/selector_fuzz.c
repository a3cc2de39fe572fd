/* SPDX-License-Identifier: Apache-2.0 */
/* Label and field selectors of hostile text; what parses is matched. */
#include "api/schemas.h"
#include "api/selector.h"

#include <stdlib.h>

static const char *const selectable[] = {"type"};
static const struct kind secret = {.group = "",
    .version = "v1",
    .kind = "Secret",
    .rules = &no_rules,
    .plural = "secrets",
    .namespaced = true,
    .schema = &schema_secret,
    .selectable_fields = selectable,
    .selectable_field_count = 1};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error;
    struct selector selector;
    struct json *object;
    arena_init(&arena, 64u << 20);
    error_init(&error, &arena);
    bytes json = BYTES(
        "{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\",\"labels\":{\"a\":\"b\",\"c\":\"5\"}},\"type\":\"x\"}");
    if (json_parse(&arena, json, &(struct json_options){0}, &object, NULL, &error) != ERR_OK)
        abort();
    if (label_selector_parse(&arena, (bytes){data, size}, &selector, &error) == ERR_OK) {
        (void)label_selector_matches(&selector, json_at(object, BYTES("metadata"), BYTES("labels"), BYTES_NONE));
        (void)label_selector_matches(&selector, NULL);
    }
    if (field_selector_parse(&arena, &secret, (bytes){data, size}, &selector, &error) == ERR_OK) {
        bool matches = field_selector_matches(&selector, &secret, object);
        if (matches && !field_selector_may_match_name(&selector, BYTES("b"), BYTES("a")))
            abort();
        bytes name = field_selector_required_name(&selector);
        if (name.p && matches && !bytes_equal(name, BYTES("a")))
            abort();
    }
    arena_reset(&arena);
    return 0;
}
