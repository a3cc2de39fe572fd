/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/event.h"

#include "api/decode.h"
#include "kinds/cells.h"
#include "kinds/event_rules.h"
#include "kinds/kinds.h"

/* ---- The two forms */

static const char *const names[EVENT_FIELDS][2] = {[EVENT_ABOUT] = {"regarding", "involvedObject"},
    [EVENT_MESSAGE] = {"note", "message"},
    [EVENT_SOURCE] = {"deprecatedSource", "source"},
    [EVENT_FIRST] = {"deprecatedFirstTimestamp", "firstTimestamp"},
    [EVENT_LAST] = {"deprecatedLastTimestamp", "lastTimestamp"},
    [EVENT_COUNT] = {"deprecatedCount", "count"},
    [EVENT_REPORTER] = {"reportingController", "reportingComponent"}};

const char *event_field_name(enum event_field field, bool core)
{
    return names[field][core];
}

struct json *event_field(const struct json *event, enum event_field field)
{
    struct json *member = json_get(event, bytes_of(names[field][true]));
    return member ? member : json_get(event, bytes_of(names[field][false]));
}

/* By the new names; what the kind's schema has always or never is set right by decoding it anew. */
static err_t convert(struct arena *arena, const struct kind *to, struct json *object, bool to_core, struct error *error)
{
    struct warnings none = {0};
    struct json *converted;
    bytes version = kind_api_version(arena, to);
    for (struct json *member = object->first; member; member = member->next)
        for (size_t i = 0; i < EVENT_FIELDS; i++)
            if (bytes_equal(member->key, bytes_of(names[i][!to_core])))
                member->key = bytes_of(names[i][to_core]);
    if (!version.p || !tree_set_text(arena, object, "apiVersion", version))
        return arena_error(arena, error);
    TRY(decode_tree(arena, to->schema, object, FIELD_VALIDATION_IGNORE, &none, &converted, error));
    converted->key = object->key;
    converted->next = object->next;
    *object = *converted;
    return ERR_OK;
}

static err_t event_to_stored(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    return convert(arena, kind->stored_as, object, true, error);
}

static err_t event_from_stored(struct arena *arena, const struct kind *kind, struct json *object, struct error *error)
{
    return convert(arena, kind, object, false, error);
}

/* ---- Cells */

static bytes first_of(bytes a, bytes b)
{
    return a.n ? a : b;
}

static bool event_select(const struct json *event, bytes field, bytes *ret)
{
    if (!bytes_equal(field, BYTES("source")))
        return false;
    *ret = first_of(tree_text(json_get(event, BYTES("source")), "component"), tree_text(event, "reportingComponent"));
    return true;
}

/* "kubelet, node-1" */
static void put_source(struct arena *arena, struct buffer *b, const struct json *event)
{
    const struct json *source = event_field(event, EVENT_SOURCE), *reporter = event_field(event, EVENT_REPORTER);
    bytes component = first_of(tree_text(source, "component"), reporter ? reporter->text : BYTES_NONE);
    bytes instance = first_of(tree_text(source, "host"), tree_text(event, "reportingInstance"));
    put_cell(b, arena_join(arena, component, instance.n ? BYTES(", ") : BYTES_NONE, instance, ARENA_END));
}

/* "pod/web" */
static void put_target(struct arena *arena, struct buffer *b, const struct json *about)
{
    bytes kind = lower_case(arena, tree_text(about, "kind")), name = tree_text(about, "name");
    put_cell(b, arena_join(arena, kind, name.n ? BYTES("/") : BYTES_NONE, name, ARENA_END));
}

static bytes without_space_around(bytes text)
{
    static const char space[] = " \t\n\v\f\r";
    while (text.n && memchr(space, text.p[0], sizeof(space) - 1))
        text = bytes_skip(text, 1);
    while (text.n && memchr(space, text.p[text.n - 1], sizeof(space) - 1))
        text.n--;
    return text;
}

static bytes time_of(const struct json *member)
{
    return member && member->type == JSON_STRING ? member->text : BYTES_NONE;
}

static void event_cells(
    struct arena *arena, struct buffer *b, const struct kind *kind, const struct json *event, int64_t now)
{
    const struct json *series = json_get(event, BYTES("series")), *number = event_field(event, EVENT_COUNT);
    const struct json *about = event_field(event, EVENT_ABOUT), *message = event_field(event, EVENT_MESSAGE);
    bytes first = first_of(time_of(event_field(event, EVENT_FIRST)), tree_text(event, "eventTime"));
    bytes last = first_of(time_of(event_field(event, EVENT_LAST)), first);
    int64_t count = 0;
    char first_seen[24], last_seen[24];
    (void)kind;
    if (number && !json_to_int64(number, &count))
        count = 0;
    count = series ? tree_integer(series, "count", 0) : count ? count : 1;
    age_text(series ? tree_text(series, "lastObservedTime") : last, now, last_seen);
    age_text(first, now, first_seen);
    put_cell(b, bytes_of(last_seen));
    put_cell(b, tree_text(event, "type"));
    put_cell(b, tree_text(event, "reason"));
    put_target(arena, b, about);
    put_cell(b, tree_text(about, "fieldPath"));
    put_source(arena, b, event);
    put_cell(b, without_space_around(message ? message->text : BYTES_NONE));
    put_cell(b, bytes_of(first_seen));
    put_number_cell(b, count);
    put_cell(b, tree_text(json_get(event, BYTES("metadata")), "name"));
}

const struct kind_rules event_rules = {
    .validate = event_validate, .validate_name = validate_path_segment, .select = event_select, .cells = event_cells};
const struct kind_rules events_event_rules = {.validate = events_event_validate,
    .cells = event_cells,
    .to_stored = event_to_stored,
    .from_stored = event_from_stored};
