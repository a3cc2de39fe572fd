/* SPDX-License-Identifier: Apache-2.0 */
/* What the garbage collector has to look at: noted by writes once they are durable, found by the store's index of
 * owners. Here nothing is decided or deleted: the collector (control/garbage_collector.c) acts through the API alone.
 */
#ifndef COFFER_SERVE_GARBAGE_H
#define COFFER_SERVE_GARBAGE_H

#include "api/kind.h"
#include "serve/server.h"

enum garbage_reason {
    GARBAGE_OWNER_GONE, /* text: the uid of an object that was removed while others name it */
    GARBAGE_DEPENDENT,  /* kind, text: the key of an object that got owners */
    GARBAGE_WAITING,    /* something waits for its dependents: FINALIZER_FOREGROUND, FINALIZER_ORPHAN */
    GARBAGE_ALL         /* notes were lost for want of memory: look at everything */
};

struct garbage_note {
    struct garbage_note *next;
    enum garbage_reason reason;
    uint16_t kind;
    size_t n;
    uint8_t text[];
};

struct garbage;
/* NULL without memory. */
struct garbage *garbage_new(void);
void garbage_free(struct garbage *);

/* wake is called on a loop when the first note comes after all were taken; NULL ends it. Any thread. */
void garbage_observe(struct server *, void (*wake)(void *context), void *context);
/* All notes, oldest first, for the caller to free. Any thread. */
struct garbage_note *garbage_take(struct server *);

/* The objects that name a uid (or one of the finalizers above) as their owner, one after the other: *number and
 * *key are the last one seen, number 0 for none yet. *ret_kind is held: the caller releases it; the key lies in the
 * arena. NULL at the end. Objects of kinds that are not served are passed over. Any thread but a loop's. */
MUST_CHECK err_t garbage_next_dependent(struct server *, struct arena *, bytes uid, uint16_t *number, bytes *key,
    const struct kind **ret_kind, struct error *);
/* The uid after this one ("" for the first) that is named as an owner; p NULL at the end. */
MUST_CHECK err_t garbage_next_owner(struct server *, struct arena *, bytes after, bytes *ret, struct error *);

#endif
