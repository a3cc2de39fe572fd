/* SPDX-License-Identifier: Apache-2.0 */
#include "api/kind.h"

#include <stdio.h>

const struct kind_rules no_rules;

const char *verb_name(enum verb verb)
{
    static const char *const names[VERB_COUNT] = {[VERB_GET] = "get",
        [VERB_LIST] = "list",
        [VERB_WATCH] = "watch",
        [VERB_CREATE] = "create",
        [VERB_UPDATE] = "update",
        [VERB_PATCH] = "patch",
        [VERB_DELETE] = "delete",
        [VERB_DELETECOLLECTION] = "deletecollection"};
    return names[verb];
}

const char *subresource_name(enum subresource which)
{
    static const char *const names[SUBRESOURCE_COUNT] = {[SUBRESOURCE_NONE] = "",
        [SUBRESOURCE_STATUS] = "status",
        [SUBRESOURCE_SCALE] = "scale",
        [SUBRESOURCE_FINALIZE] = "finalize",
        [SUBRESOURCE_BINDING] = "binding",
        [SUBRESOURCE_EVICTION] = "eviction",
        [SUBRESOURCE_EPHEMERAL_CONTAINERS] = "ephemeralcontainers",
        [SUBRESOURCE_RESIZE] = "resize",
        [SUBRESOURCE_APPROVAL] = "approval",
        [SUBRESOURCE_TOKEN] = "token"};
    return names[which];
}

const struct kind_subresource *kind_subresource_find(const struct kind *kind, bytes name)
{
    for (size_t i = 0; i < kind->subresource_count; i++)
        if (bytes_equal(name, bytes_of(subresource_name(kind->subresources[i].which))))
            return &kind->subresources[i];
    return NULL;
}

bool kind_has_status(const struct kind *kind)
{
    return kind_subresource_find(kind, BYTES("status")) != NULL;
}

bytes kind_api_version(struct arena *arena, const struct kind *kind)
{
    if (!kind->group[0])
        return bytes_of(kind->version);
    return arena_format(arena, "%s/%s", kind->group, kind->version);
}

bytes kind_qualified_resource(struct arena *arena, const struct kind *kind)
{
    if (!kind->group[0])
        return bytes_of(kind->plural);
    return arena_format(arena, "%s.%s", kind->plural, kind->group);
}

bytes kind_storage_path(struct arena *arena, const struct kind *kind, bytes key)
{
    return arena_join(arena, BYTES("/registry/"), bytes_of(kind->storage_prefix), BYTES("/"), key, ARENA_END);
}

/* ---- Human durations */

#define MINUTE ((int64_t)60)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365 * DAY)

/* Below `below` seconds: whole big units, then what is left in small ones unless that is none. */
static const struct {
    int64_t below, big, small;
    char big_letter, small_letter;
} duration_steps[] = {
    {2 * MINUTE, 1, 0, 's', 0},
    {10 * MINUTE, MINUTE, 1, 'm', 's'},
    {3 * HOUR, MINUTE, 0, 'm', 0},
    {8 * HOUR, HOUR, MINUTE, 'h', 'm'},
    {2 * DAY, HOUR, 0, 'h', 0},
    {8 * DAY, DAY, HOUR, 'd', 'h'},
    {2 * YEAR, DAY, 0, 'd', 0},
    {8 * YEAR, YEAR, DAY, 'y', 'd'},
    {INT64_MAX, YEAR, 0, 'y', 0},
};

void human_duration(int64_t seconds, char ret[16])
{
    char text[32] = "";
    size_t i = 0;
    if (seconds < 0) { /* clocks may differ by a second */
        (void)snprintf(ret, 16, "%s", seconds >= -1 ? "0s" : "<invalid>");
        return;
    }
    while (seconds >= duration_steps[i].below && i + 1 < ARRAY_LEN(duration_steps))
        i++;
    unsigned big = (unsigned)(seconds / duration_steps[i].big), rest = 0;
    if (duration_steps[i].small)
        rest = (unsigned)(seconds % duration_steps[i].big / duration_steps[i].small);
    if (rest)
        (void)snprintf(
            text, sizeof(text), "%u%c%u%c", big, duration_steps[i].big_letter, rest, duration_steps[i].small_letter);
    else
        (void)snprintf(text, sizeof(text), "%u%c", big, duration_steps[i].big_letter);
    memcpy(ret, text, 15);
    ret[15] = '\0';
}
