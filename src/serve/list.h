/* SPDX-License-Identifier: Apache-2.0 */
/* A list on its way: what it selects, where it stands, at which revision. Shared with collection deletes, which walk
 * the same way. Inside src/serve only. */
#ifndef COFFER_SERVE_LIST_H
#define COFFER_SERVE_LIST_H

#include "serve/request.h"

#define LIST_KEY_MAX (STORE_KEY_MAX + 1) /* a key and the NUL that stands for what follows it */

struct list {
    struct http_source source; /* first: the HTTP server hands it back */
    struct http_exchange *exchange;
    struct server *server;
    const struct kind *kind;
    const struct request_options *options;
    struct present_list shown;
    struct arena piece, scratch; /* of what is being sent; of the row at hand */
    struct timer timer;          /* a turn found nothing to send */

    uint64_t revision; /* all pieces show this one */
    uint64_t pin;
    bool pinned;
    bytes prefix;   /* "" or "namespace/" */
    bool continued; /* from a token, at this revision; -1: at the newest */
    int64_t continued_revision;
    const struct visible *visible; /* NULL: all of it */
    bool selective;                /* there are selectors, or names that are not visible */
    bool looks_inside;             /* and names do not decide them */
    bool skip_unreadable;          /* what cannot be read is left out; else a stub stands for it */
    bool ended, warned;

    uint8_t start[LIST_KEY_MAX]; /* where it begins */
    size_t start_size;
    uint8_t next[LIST_KEY_MAX]; /* where to go on */
    size_t next_size;
    uint8_t last[LIST_KEY_MAX]; /* where the page ends; size 0: nowhere */
    size_t last_size;
    uint64_t items;
    bytes first; /* the piece that was made before the head was sent */

    /* the plan of a page */
    int64_t planned, remaining;
    uint8_t planned_last[LIST_KEY_MAX];
    size_t planned_last_size;
    bytes token;
    bool paged; /* the page is planned */

    uint64_t written; /* protobuf: of shown.size */

    uint64_t unreadable; /* rows so far */
    char unreadable_names[512];
    size_t unreadable_names_size;
};

struct list_visit {
    /* For each object that the selectors want, in key order. text is canonical, and empty unless it was wanted or
     * needed. *ret_go_on is true; setting it false ends the walk after this one. */
    err_t (*take)(void *context, struct range *, const struct record *, bytes text, bool *ret_go_on, struct error *);
    void *context;
    bool want_text;
};

/* Walks on from list->next, for a millisecond at most. *ret_end: nothing is left. ERR_EXPIRED when the pin ran out. */
MUST_CHECK err_t list_walk(struct list *, const struct list_visit *, bool *ret_end, struct error *);
/* The same before anything is sent: ERR_EXPIRED then has its sentence, and begins anew. */
MUST_CHECK err_t list_walk_before(struct request *, const struct list_visit *, bool *ret_end);
/* Back to where it begins. */
void list_rewind(struct list *);
/* A Warning that counts and names what could not be read so far; once a list. */
void list_warn(struct request *);
void list_note_unreadable(struct list *, bytes key);
/* The 410 of a revision that is compacted. */
err_t list_expired(struct request *, const struct list *);
/* Gives back all that the list holds but itself. */
void list_close(struct list *);

/* list_answer.c: finds shown.size, over as many turns as it takes. */
enum step_result list_measure(struct request *);

#endif
