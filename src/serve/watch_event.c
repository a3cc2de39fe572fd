/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/watch_event.h"

#include "api/schemas.h"
#include "serve/visible.h"
#include "text/protobuf.h"

/* An object that no key opens is shown as a stub: it hides nothing, also not from a watch. */
static err_t state_open(struct server *server, struct arena *arena, const struct kind *kind,
    const struct record *record, struct event_state *ret, struct error *error)
{
    err_t result = record_open(server->atrest, arena, kind, record, &ret->text, NULL, error);
    if (result == ERR_OK)
        return ERR_OK;
    if (result != ERR_UNREADABLE && result != ERR_CORRUPT)
        return result;
    ret->unreadable = true;
    ret->text = record_stub(arena, kind, record, error);
    return ret->text.p ? ERR_OK : arena_error(arena, error);
}

static err_t names_copy(struct arena *arena, bytes key, struct event *event, struct error *error)
{
    bytes copy = arena_copy(arena, key);
    if (!copy.p)
        return arena_error(arena, error);
    key_split(copy, &event->namespace, &event->name);
    return ERR_OK;
}

err_t event_open(struct server *server, struct arena *arena, struct read_txn *txn, const struct kind *kind,
    const struct record *record, bool before, struct event *ret, struct error *error)
{
    struct record previous;
    struct event event = {.kind = kind, .revision = record->revision};
    TRY(names_copy(arena, record->key.name, &event, error));
    if (!record->deleted)
        TRY(state_open(server, arena, kind, record, &event.now, error));
    if (record->previous && (before || record->deleted)) {
        TRY(store_record(txn, record->previous, &previous, error));
        TRY(state_open(server, arena, kind, &previous, &event.before, error));
    } else if (record->previous) {
        event.before = event.now; /* only whether there was one matters */
    }
    *ret = event;
    return ERR_OK;
}

err_t event_open_initial(struct server *server, struct arena *arena, const struct kind *kind,
    const struct record *record, struct event *ret, struct error *error)
{
    struct event event = {.kind = kind, .revision = record->revision};
    TRY(names_copy(arena, record->key.name, &event, error));
    TRY(state_open(server, arena, kind, record, &event.now, error));
    *ret = event;
    return ERR_OK;
}

bool event_concerns(const struct event *event, const struct event_filter *filter)
{
    return event->kind->number == filter->kind->number &&
           (!filter->visible || visible_has(filter->visible, event->name)) &&
           (!filter->namespace.n || bytes_equal(filter->namespace, event->namespace)) &&
           (!filter->name.n || bytes_equal(filter->name, event->name));
}

/* A stub has neither labels nor fields but its name. */
static bool stub_matches(const struct event *event, const struct event_filter *filter)
{
    return filter->labels.count == 0 && field_selector_only_names(&filter->fields) &&
           field_selector_may_match_name(&filter->fields, event->namespace, event->name);
}

/* What turns out to be unreadable only when it is looked at. */
static err_t state_spoil(struct arena *arena, const struct event *event, struct event_state *state, struct error *error)
{
    bytes reason = BYTES("the stored value cannot be decoded");
    state->unreadable = true;
    state->text = object_stub_text(arena, event->kind, event->namespace, event->name, reason);
    return state->text.p ? ERR_OK : arena_error(arena, error);
}

/* The object as a watch of another version sees it; NULL when it cannot be shown. */
static const struct json *state_of_version(
    struct arena *arena, const struct event_state *state, const struct kind *kind)
{
    struct json *object;
    bytes text;
    return decode_stored(arena, kind, state->text, &text, NULL) == ERR_OK &&
                   record_parse(arena, kind, text, &object, NULL) == ERR_OK
               ? object
               : NULL;
}

static bool fields_match(
    struct arena *arena, const struct event *event, const struct event_state *state, const struct event_filter *filter)
{
    const struct json *object = state->object;
    if (!filter->fields.count)
        return true;
    if (filter->kind != event->kind)
        object = state_of_version(arena, state, filter->kind);
    return object && field_selector_matches(&filter->fields, filter->kind, object);
}

static bool state_matches(
    struct arena *arena, const struct event *event, struct event_state *state, const struct event_filter *filter)
{
    if (!state->text.n)
        return false;
    if (!filter->labels.count && !filter->fields.count)
        return true;
    if (state->unreadable)
        return stub_matches(event, filter);
    if (!state->object && record_parse(arena, event->kind, state->text, &state->object, NULL) != ERR_OK)
        return arena->failed == ERR_OK && state_spoil(arena, event, state, NULL) == ERR_OK &&
               stub_matches(event, filter);
    return label_selector_matches(
               &filter->labels, json_at(state->object, BYTES("metadata"), BYTES("labels"), BYTES_NONE)) &&
           fields_match(arena, event, state, filter);
}

enum event_type event_type_for(struct arena *arena, struct event *event, const struct event_filter *filter)
{
    bool now = state_matches(arena, event, &event->now, filter);
    bool before = state_matches(arena, event, &event->before, filter);
    if (arena->failed != ERR_OK)
        return EVENT_NONE;
    return now ? (before ? EVENT_MODIFIED : EVENT_ADDED) : before ? EVENT_DELETED : EVENT_NONE;
}

static const char *const type_names[EVENT_TYPES] = {"", "ADDED", "MODIFIED", "DELETED"};

/* An event that is being written. */
struct line {
    struct buffer text;
    enum encoding encoding;
    size_t object, raw; /* protobuf: {1: type, 2: {1: object}} */
};

static void line_head(struct line *line, struct arena *arena, enum encoding encoding, const char *type)
{
    *line = (struct line){.encoding = encoding};
    buffer_init(&line->text, arena);
    if (encoding == ENCODING_PROTOBUF) {
        buffer_put(&line->text, (bytes){(const uint8_t[EVENT_LENGTH_SIZE]){0}, EVENT_LENGTH_SIZE});
        protobuf_put_bytes(&line->text, 1, bytes_of(type));
        line->object = line->raw = protobuf_open(&line->text);
        return;
    }
    buffer_text(&line->text, "{\"type\":\"");
    buffer_text(&line->text, type);
    buffer_text(&line->text, "\",\"object\":");
}

static err_t line_end(struct line *line, bytes *ret, struct error *error)
{
    struct buffer *text = &line->text;
    if (line->encoding == ENCODING_PROTOBUF) {
        protobuf_close(text, line->raw, 1);
        protobuf_close(text, line->object, 2);
        for (size_t i = 0, n = text->n - EVENT_LENGTH_SIZE; i < EVENT_LENGTH_SIZE && !text->failed; i++)
            text->p[i] = (uint8_t)(n >> (8 * (EVENT_LENGTH_SIZE - 1 - i)));
    } else {
        buffer_put(text, BYTES("}\n"));
    }
    if (text->failed)
        return arena_error(text->arena, error);
    *ret = buffer_bytes(text);
    return ERR_OK;
}

static err_t line_write(struct arena *arena, const struct event *event, enum event_type type, const struct kind *kind,
    bytes text, const struct presentation *presentation, bool with_columns, bytes *ret, struct error *error)
{
    struct line line;
    if (kind != event->kind) /* another version of it */
        TRY(decode_stored(arena, kind, text, &text, error));
    line_head(&line, arena, presentation->encoding, type_names[type]);
    TRY(present_object(arena, &line.text, presentation, kind, text, event->revision, with_columns, error));
    return line_end(&line, ret, error);
}

/* Objects, both versions of metadata alone, and of Tables by what each row includes; in JSON and in protobuf, which has
 * no Tables. */
static size_t form_number(const struct presentation *p)
{
    static const size_t first[] = {[FORM_OBJECT] = 0, [FORM_PARTIAL] = 1, [FORM_PARTIAL_LIST] = 3, [FORM_TABLE] = 5};
    size_t number = first[p->form];
    if (p->form == FORM_TABLE)
        return number + 3 * p->v1beta1 + (size_t)p->include;
    return number + (p->form != FORM_OBJECT && p->v1beta1) + (p->encoding == ENCODING_PROTOBUF ? 11 : 0);
}

err_t event_line(struct arena *arena, struct event *event, enum event_type type, const struct kind *kind,
    const struct presentation *presentation, bool with_columns, bytes *ret, struct error *error)
{
    bytes *cached = &event->lines[type][form_number(presentation)];
    bool cacheable = !with_columns && kind == event->kind && !presentation->metadata_only;
    if (cacheable && cached->n) {
        *ret = *cached;
        return ERR_OK;
    }
    struct event_state *state = type == EVENT_DELETED ? &event->before : &event->now;
    err_t result = line_write(arena, event, type, kind, state->text, presentation, with_columns, ret, error);
    if (record_unreadable(result)) {
        TRY(state_spoil(arena, event, state, error));
        result = line_write(arena, event, type, kind, state->text, presentation, with_columns, ret, error);
    }
    TRY(result);
    if (cacheable)
        *cached = *ret;
    return ERR_OK;
}

err_t event_bookmark(struct arena *arena, const struct kind *kind, const struct presentation *presentation,
    uint64_t revision, bool initial_end, bytes *ret, struct error *error)
{
    struct line line;
    bytes text = arena_format(arena, "{\"kind\":\"%s\",\"apiVersion\":\"%.*s\",\"metadata\":{%s}}\n", kind->kind,
        BYTES_FMT(kind_api_version(arena, kind)),
        initial_end ? "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
    if (!text.p)
        return arena_error(arena, error);
    line_head(&line, arena, presentation->encoding, "BOOKMARK");
    TRY(present_object(arena, &line.text, presentation, kind, text, revision, false, error));
    return line_end(&line, ret, error);
}

err_t event_error(struct arena *arena, const struct presentation *presentation, const struct error *error, bytes *ret)
{
    struct line line;
    struct buffer text;
    struct json *status;
    struct status_details none = {0};
    buffer_init(&text, arena);
    status_write_failure(&text, error, &none);
    if (text.failed)
        return arena_error(arena, NULL);
    TRY(json_parse(arena, buffer_bytes(&text), &(struct json_options){0}, &status, NULL, NULL));
    line_head(&line, arena, presentation->encoding, "ERROR");
    TRY(encode_document(arena, &line.text, presentation->encoding, &schema_status, status, NULL));
    return line_end(&line, ret, NULL);
}
