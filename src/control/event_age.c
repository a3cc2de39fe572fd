/* SPDX-License-Identifier: Apache-2.0 */
#include "control/event_age.h"

#include "base/clock.h"

static int64_t later(int64_t before, bytes text)
{
    int64_t when;
    return clock_parse(text, &when) && when > before ? when : before;
}

int64_t event_last_write(const struct json *event, int64_t now)
{
    const struct json *metadata = json_get(event, BYTES("metadata"));
    const struct json *changes = json_get(metadata, BYTES("managedFields"));
    int64_t created = later(0, json_text(metadata, BYTES("creationTimestamp"))), last = created;
    if (created == 0)
        return 0;
    last = later(last, json_text(event, BYTES("lastTimestamp")));
    last = later(last, json_text(event, BYTES("eventTime")));
    last = later(last, json_text(json_get(event, BYTES("series")), BYTES("lastObservedTime")));
    for (const struct json *one = changes && changes->type == JSON_ARRAY ? changes->first : NULL; one; one = one->next)
        last = later(last, json_text(one, BYTES("time")));
    return last < now ? last : now;
}
