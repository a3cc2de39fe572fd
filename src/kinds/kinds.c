/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/kinds.h"

#include "base/clock.h"

/* By group, version and plural. */
static const struct kind *const kinds[] = {&namespace_kind, &secret_kind};

void kinds_register_all(void)
{
    kinds_register(kinds, ARRAY_LEN(kinds));
}

void put_age_cell(struct buffer *b, const struct json *object, int64_t now)
{
    int64_t created;
    char age[16];
    bytes text = json_text(json_get(object, BYTES("metadata")), BYTES("creationTimestamp"));
    if (!text.n || !clock_parse(text, &created)) {
        buffer_text(b, ",\"\\u003cunknown\\u003e\"");
        return;
    }
    human_duration(now - created, age);
    buffer_byte(b, ',');
    json_write_string(b, bytes_of(age));
}
