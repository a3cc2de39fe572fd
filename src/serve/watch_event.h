/* SPDX-License-Identifier: Apache-2.0 */
/* A row of the log as a watch shows it: opened once, its lines encoded once for each type and form that somebody wants.
 */
#ifndef COFFER_SERVE_WATCH_EVENT_H
#define COFFER_SERVE_WATCH_EVENT_H

#include "serve/request.h"

enum event_type { EVENT_NONE, EVENT_ADDED, EVENT_MODIFIED, EVENT_DELETED, EVENT_TYPES };

#define EVENT_FORMS 16 /* what watches may ask for: see form_number */

#define EVENT_LENGTH_SIZE 4 /* before an event in protobuf */

/* One state of the object: canonical text, or a stub's when no key opens it. */
struct event_state {
    bytes text; /* empty: there is none */
    bool unreadable;
    struct json *object; /* parsed when a selector first asks */
};

struct event {
    const struct kind *kind;
    bytes namespace, name;
    uint64_t revision;
    struct event_state now, before;
    bytes lines[EVENT_TYPES][EVENT_FORMS];
    struct event *next; /* newer */
};

/* What a watch lets through. */
struct event_filter {
    const struct kind *kind;
    bytes namespace, name; /* empty: all */
    struct selector labels, fields;
    const struct visible *visible; /* NULL: all names */
};

/* Opens a row, and the state before it when `before` is wanted or the row is a deletion. All in the arena: the
 * transaction may end. */
MUST_CHECK err_t event_open(struct server *, struct arena *, struct read_txn *, const struct kind *,
    const struct record *, bool before, struct event *ret, struct error *);
/* An object of the state at which a watch begins, as an event that adds it. */
MUST_CHECK err_t event_open_initial(
    struct server *, struct arena *, const struct kind *, const struct record *, struct event *ret, struct error *);

/* Whether the filter may want events of this object at all, by kind and name. */
bool event_concerns(const struct event *, const struct event_filter *);
/* What the row is to a watch with this filter: an object that starts to match is added, one that stops is deleted.
 * Parses into the arena; a full arena shows as a failed arena and EVENT_NONE. */
enum event_type event_type_for(struct arena *, struct event *, const struct event_filter *);

/* The event as it is sent, in the version that `kind` is: the line {"type":..,"object":..} and a newline, or in
 * protobuf a WatchEvent behind its length in four bytes. Cached in the event when that is the event's own version,
 * unless with_columns. The arena must be the event's. */
MUST_CHECK err_t event_line(struct arena *, struct event *, enum event_type, const struct kind *,
    const struct presentation *, bool with_columns, bytes *ret, struct error *);

/* A BOOKMARK line. initial_end marks the end of the initial events. */
MUST_CHECK err_t event_bookmark(struct arena *, const struct kind *, const struct presentation *, uint64_t revision,
    bool initial_end, bytes *ret, struct error *);
/* An ERROR line with the Status of the error. */
MUST_CHECK err_t event_error(struct arena *, const struct presentation *, const struct error *, bytes *ret);

#endif
