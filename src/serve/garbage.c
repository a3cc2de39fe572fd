/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/garbage.h"

#include "serve/steps.h"

#include <pthread.h>
#include <stdlib.h>

struct garbage {
    pthread_mutex_t mutex;
    struct garbage_note *first, **last;
    bool lost;
    void (*wake)(void *context);
    void *context;
};

struct garbage *garbage_new(void)
{
    struct garbage *g = calloc(1, sizeof *g);

    if (g) {
        pthread_mutex_init(&g->mutex, NULL);
        g->last = &g->first;
    }
    return g;
}

static void free_notes(struct garbage_note *note)
{
    while (note) {
        struct garbage_note *next = note->next;
        free(note);
        note = next;
    }
}

void garbage_free(struct garbage *g)
{
    if (g)
        free_notes(g->first);
    free(g);
}

void garbage_observe(struct server *server, void (*wake)(void *context), void *context)
{
    struct garbage *g = server->garbage;

    pthread_mutex_lock(&g->mutex);
    g->wake = wake;
    g->context = context;
    pthread_mutex_unlock(&g->mutex);
}

static struct garbage_note *note_new(enum garbage_reason reason, uint16_t kind, bytes text)
{
    struct garbage_note *note = malloc(sizeof *note + text.n);

    if (!note)
        return NULL;
    *note = (struct garbage_note){.reason = reason, .kind = kind, .n = text.n};
    if (text.n > 0)
        memcpy(note->text, text.p, text.n);
    return note;
}

/* Nobody takes notes before there is a collector, and none are kept for it: it looks at everything first. */
static void put(struct garbage *g, enum garbage_reason reason, uint16_t kind, bytes text)
{
    struct garbage_note *note = note_new(reason, kind, text);
    bool first;

    pthread_mutex_lock(&g->mutex);
    if (!g->wake) {
        pthread_mutex_unlock(&g->mutex);
        free(note);
        return;
    }
    first = !g->first && !g->lost;
    if (note) {
        *g->last = note;
        g->last = &note->next;
    } else {
        g->lost = true;
    }
    if (first)
        g->wake(g->context);
    pthread_mutex_unlock(&g->mutex);
}

struct garbage_note *garbage_take(struct server *server)
{
    struct garbage *g = server->garbage;
    struct garbage_note *notes, *all = NULL;

    pthread_mutex_lock(&g->mutex);
    if (g->lost)
        all = note_new(GARBAGE_ALL, 0, BYTES_NONE);
    if (all) {
        all->next = g->first;
        g->lost = false;
    }
    notes = all ? all : g->first;
    g->first = NULL;
    g->last = &g->first;
    pthread_mutex_unlock(&g->mutex);
    return notes;
}

/* ---- What a write leaves to look at. */

static bool waits(const struct json *metadata)
{
    const struct json *finalizers = json_get(metadata, BYTES("finalizers"));

    if (json_text(metadata, BYTES("deletionTimestamp")).n == 0)
        return false;
    for (const struct json *f = finalizers ? finalizers->first : NULL; f; f = f->next)
        if (bytes_equal(f->text, BYTES(FINALIZER_FOREGROUND)) || bytes_equal(f->text, BYTES(FINALIZER_ORPHAN)))
            return true;
    return false;
}

/* Whether any object names this uid; without memory it may be so. */
static bool is_named(struct read_txn *txn, bytes uid)
{
    struct store_key key;

    return store_owned(txn, uid, NULL, &key, NULL) != ERR_NOT_FOUND;
}

/* Looks into the index; a store that cannot be read now leaves it to the collector to look at everything. */
static void note_removal(struct request *r)
{
    const struct json *metadata = json_get(r->old, BYTES("metadata"));
    bytes uid = json_text(metadata, BYTES("uid"));
    struct read_txn *txn;
    bool named, waiting;

    if (store_read_begin(r->server->store, &txn, NULL) != ERR_OK) {
        put(r->server->garbage, GARBAGE_ALL, 0, BYTES_NONE);
        return;
    }
    named = is_named(txn, uid);
    waiting = json_get(metadata, BYTES("ownerReferences")) &&
              (is_named(txn, BYTES(FINALIZER_FOREGROUND)) || is_named(txn, BYTES(FINALIZER_ORPHAN)));
    store_read_end(txn);
    if (named)
        put(r->server->garbage, GARBAGE_OWNER_GONE, 0, uid);
    if (waiting)
        put(r->server->garbage, GARBAGE_WAITING, 0, BYTES_NONE);
}

void garbage_note_write(struct request *r)
{
    const struct json *metadata = json_get(r->object, BYTES("metadata")),
                      *owners = json_get(metadata, BYTES("ownerReferences")),
                      *before = json_at(r->old, BYTES("metadata"), BYTES("ownerReferences"), BYTES_NONE);

    if (r->removes) {
        if (r->old)
            note_removal(r);
        return;
    }
    if (waits(metadata))
        put(r->server->garbage, GARBAGE_WAITING, 0, BYTES_NONE);
    if (owners && owners->count > 0 && !(before && json_equal(owners, before)))
        put(r->server->garbage, GARBAGE_DEPENDENT, r->kind->number, r->key);
    else if (before && !owners) /* an owner that waits may wait for this no longer */
        put(r->server->garbage, GARBAGE_WAITING, 0, BYTES_NONE);
}

/* ---- The index. */

/* The next one, and its kind when it is served; NULL for one that is not. */
static err_t next_dependent(struct read_txn *txn, struct arena *arena, bytes uid, struct store_key *at,
    const struct kind **ret, struct error *error)
{
    struct store_key found;
    bytes name;

    TRY(store_owned(txn, uid, at->kind ? at : NULL, &found, error));
    name = arena_copy(arena, found.name);
    if (!name.p)
        return arena_error(arena, error);
    *at = (struct store_key){found.kind, name};
    *ret = kind_by_number(registry_current(), found.kind);
    return ERR_OK;
}

err_t garbage_next_dependent(struct server *server, struct arena *arena, bytes uid, uint16_t *number, bytes *key,
    const struct kind **ret_kind, struct error *error)
{
    struct store_key at = {*number, *key};
    const struct kind *kind = NULL;
    struct read_txn *txn;
    err_t code = ERR_OK;

    *ret_kind = NULL;
    TRY(store_read_begin(server->store, &txn, error));
    while (!kind && code == ERR_OK)
        code = next_dependent(txn, arena, uid, &at, &kind, error);
    store_read_end(txn);
    if (code == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(code);
    *number = at.kind;
    *key = at.name;
    *ret_kind = kind_hold(kind);
    return ERR_OK;
}

err_t garbage_next_owner(struct server *server, struct arena *arena, bytes after, bytes *ret, struct error *error)
{
    struct read_txn *txn;
    bytes uid;
    err_t code;

    *ret = BYTES_NONE;
    TRY(store_read_begin(server->store, &txn, error));
    code = store_owner_next(txn, after, &uid, error);
    if (code == ERR_OK)
        *ret = arena_copy(arena, uid);
    store_read_end(txn);
    if (code == ERR_OK && !ret->p)
        return arena_error(arena, error);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}
