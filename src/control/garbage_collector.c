/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes what lost all its owners; takes `orphan` and `foregroundDeletion` off what waited for its dependents. Notes
 * of writes and the store's index of owners say where to look (serve/garbage.h); what is done follows from objects as
 * the API shows them, by uid, and never from a read that failed.
 *
 * Keys of the queue:  a 0 UID    all owners after UID: at the start, and when notes were lost
 *                     u 0 UID    an owner is gone: its dependents
 *                     d N KEY    one dependent, of the kind with that number
 *                     w 0        what waits for its dependents */
#include "base/log.h"
#include "control/controllers.h"
#include "control/garbage_owner.h"
#include "serve/garbage.h"
#include "serve/steps.h"

#include <stdio.h>
#include <stdlib.h>

#define OBJECTS_A_CALL 64
#define AGAIN_MS       1000 /* what waits is looked at again, whatever notes come */

static void enqueue_after(struct worker *worker, char letter, uint16_t kind, bytes text, uint64_t after_ms)
{
    char key[16 + STORE_KEY_MAX];
    int n = snprintf(key, sizeof key, "%c %u %.*s", letter, kind, BYTES_FMT(text.n > 0 ? text : BYTES("")));

    if (n > 0 && (size_t)n < sizeof key)
        worker_enqueue(worker, (bytes){(const uint8_t *)key, (size_t)n}, after_ms);
}

static void enqueue(struct worker *worker, char letter, uint16_t kind, bytes text)
{
    enqueue_after(worker, letter, kind, text, 0);
}

static void woken(void *worker)
{
    worker_wake(worker);
}

static err_t start(struct worker *worker, struct error *error)
{
    (void)error;
    garbage_observe(server_current(), woken, worker);
    enqueue(worker, 'a', 0, BYTES_NONE);
    return ERR_OK;
}

static void stop(struct worker *worker)
{
    (void)worker;
    if (server_current())
        garbage_observe(server_current(), NULL, NULL);
}

static void poll(struct worker *worker)
{
    static const char letters[] = {
        [GARBAGE_OWNER_GONE] = 'u', [GARBAGE_DEPENDENT] = 'd', [GARBAGE_WAITING] = 'w', [GARBAGE_ALL] = 'a'};
    struct garbage_note *note = garbage_take(server_current());

    while (note) {
        struct garbage_note *next = note->next;
        enqueue(worker, letters[note->reason], note->kind, (bytes){note->text, note->n});
        free(note);
        note = next;
    }
}

/* ---- One dependent. */

struct owners {
    struct json *solid; /* references to what is there, or may be */
    size_t gone, waiting;
};

static err_t sort_owners(struct worker *worker, struct arena *arena, const struct kind *kind, const struct json *object,
    struct owners *ret, struct error *error)
{
    const struct json *references = json_at(object, BYTES("metadata"), BYTES("ownerReferences"), BYTES_NONE);

    *ret = (struct owners){.solid = json_new(arena, JSON_ARRAY)};
    for (const struct json *o = references ? references->first : NULL; o; o = o->next) {
        enum owner_state state;
        TRY(garbage_owner_state(worker, arena, kind, object, o, &state, error));
        ret->gone += state == OWNER_GONE;
        ret->waiting += state == OWNER_WAITING;
        if ((state == OWNER_SOLID || state == OWNER_UNKNOWN) && !json_append(ret->solid, json_copy(arena, o)))
            return arena_error(arena, error);
    }
    return ret->solid ? ERR_OK : arena_error(arena, error);
}

/* What a delete by us leaves of the object's own dependents: as its finalizers say. */
static const char *policy_of(const struct json *object)
{
    if (garbage_has_finalizer(object, FINALIZER_ORPHAN))
        return "Orphan";
    return garbage_has_finalizer(object, FINALIZER_FOREGROUND) ? "Foreground" : "Background";
}

/* Whether the object has dependents, and whether one of them waits for its own: then the two may wait for each other.
 */
static err_t look_at_dependents(struct worker *worker, struct arena *arena, const struct json *object, bool *ret_any,
    bool *ret_circle, struct error *error)
{
    bytes uid = json_text(json_get(object, BYTES("metadata")), BYTES("uid")), key = BYTES_NONE;
    const struct kind *kind;
    uint16_t number = 0;

    *ret_any = *ret_circle = false;
    while (!*ret_circle) {
        struct json *dependent;
        err_t code;
        TRY(garbage_next_dependent(server_current(), arena, uid, &number, &key, &kind, error));
        if (!kind)
            return ERR_OK;
        *ret_any = true;
        code = garbage_read(worker, arena, kind, key, &dependent, error);
        kind_release(kind);
        TRY(code);
        *ret_circle = json_text(json_get(dependent, BYTES("metadata")), BYTES("deletionTimestamp")).n > 0 &&
                      garbage_has_finalizer(dependent, FINALIZER_FOREGROUND);
    }
    return ERR_OK;
}

/* Nobody waits for this object any more: it goes when its owners are gone. */
static err_t unblock_owners(
    struct worker *worker, struct arena *arena, bytes path, const struct json *object, struct error *error)
{
    const struct json *references = json_at(object, BYTES("metadata"), BYTES("ownerReferences"), BYTES_NONE);
    struct json *left = json_new(arena, JSON_ARRAY);

    for (const struct json *o = references ? references->first : NULL; o; o = o->next) {
        struct json *copy = json_append(left, json_copy(arena, o));
        if (!copy || !json_set(copy, BYTES("blockOwnerDeletion"), json_bool(arena, false)))
            return arena_error(arena, error);
    }
    return left ? garbage_set_list(worker, arena, path, object, "ownerReferences", left, error)
                : arena_error(arena, error);
}

static err_t collect(
    struct worker *worker, struct arena *arena, const struct kind *kind, bytes key, struct error *error)
{
    bytes path = garbage_path(arena, kind, key);
    struct json *object;
    struct owners owners;
    bool any = false, circle = false;

    TRY(garbage_read_path(worker, arena, path, &object, error));
    if (!object || json_text(json_get(object, BYTES("metadata")), BYTES("deletionTimestamp")).n > 0)
        return ERR_OK;
    TRY(sort_owners(worker, arena, kind, object, &owners, error));
    if (owners.gone + owners.waiting == 0)
        return ERR_OK;
    if (owners.solid->count > 0)
        return garbage_set_list(worker, arena, path, object, "ownerReferences", owners.solid, error);
    if (owners.waiting > 0)
        TRY(look_at_dependents(worker, arena, object, &any, &circle, error));
    if (circle)
        return unblock_owners(worker, arena, path, object, error);
    log_event(LOG_DEBUG, "collecting what lost its owners", log_text("path", (const char *)path.p));
    if (any)
        return garbage_delete(worker, arena, path, object, "Foreground", error);
    return garbage_delete(worker, arena, path, object, policy_of(object), error);
}

/* What lost its kind meanwhile is gone with it. */
static err_t collect_one(struct worker *worker, struct arena *arena, uint16_t number, bytes key, struct error *error)
{
    const struct kind *kind = kind_by_number(registry_current(), number);
    err_t code;

    if (!kind)
        return ERR_OK;
    kind_hold(kind);
    code = collect(worker, arena, kind, key, error);
    kind_release(kind);
    return code;
}

/* ---- An owner that is gone. Each dependent is looked at by itself: one that fails does not hold up the others. */

static err_t owner_gone(struct worker *worker, struct arena *arena, bytes uid, struct error *error)
{
    const struct kind *kind;
    uint16_t number = 0;
    bytes key = BYTES_NONE;

    for (;;) {
        TRY(garbage_next_dependent(server_current(), arena, uid, &number, &key, &kind, error));
        if (!kind)
            return ERR_OK;
        enqueue(worker, 'd', number, key);
        kind_release(kind);
    }
}

/* ---- Owners that wait. */

/* The list without what names this owner. */
static err_t disown(
    struct worker *worker, struct arena *arena, const struct kind *kind, bytes key, bytes uid, struct error *error)
{
    bytes path = garbage_path(arena, kind, key);
    struct json *object, *left = json_new(arena, JSON_ARRAY);
    const struct json *references;

    TRY(garbage_read_path(worker, arena, path, &object, error));
    if (!object)
        return ERR_OK;
    references = json_at(object, BYTES("metadata"), BYTES("ownerReferences"), BYTES_NONE);
    for (const struct json *o = references ? references->first : NULL; o; o = o->next)
        if (!bytes_equal(json_text(o, BYTES("uid")), uid) && !json_append(left, json_copy(arena, o)))
            return arena_error(arena, error);
    return left ? garbage_set_list(worker, arena, path, object, "ownerReferences", left, error)
                : arena_error(arena, error);
}

/* Whether the owner has to wait for this one: it is there, and says that it blocks. One that does not go yet is
 * deleted. */
static err_t blocks_owner(struct worker *worker, struct arena *arena, const struct kind *kind, bytes key, bytes uid,
    bool *ret, struct error *error)
{
    struct json *object;
    const struct json *references;

    *ret = false;
    TRY(garbage_read(worker, arena, kind, key, &object, error));
    references = json_at(object, BYTES("metadata"), BYTES("ownerReferences"), BYTES_NONE);
    for (const struct json *o = references ? references->first : NULL; o; o = o->next) {
        const struct json *block = json_get(o, BYTES("blockOwnerDeletion"));
        if (bytes_equal(json_text(o, BYTES("uid")), uid) && block && block->type == JSON_TRUE)
            *ret = true;
    }
    return *ret ? collect(worker, arena, kind, key, error) : ERR_OK;
}

/* Goes through the dependents of what waits. *ret_free: nothing holds it any more. */
static err_t settle_dependents(
    struct worker *worker, struct arena *arena, bytes uid, bool orphan, bool *ret_free, struct error *error)
{
    const struct kind *kind;
    uint16_t number = 0;
    bytes key = BYTES_NONE;

    *ret_free = true;
    for (unsigned seen = 0;; seen++) {
        bool holds = false;
        err_t code;
        TRY(garbage_next_dependent(server_current(), arena, uid, &number, &key, &kind, error));
        if (!kind)
            return ERR_OK;
        if (seen == OBJECTS_A_CALL) {
            kind_release(kind);
            return *ret_free = false, ERR_OK;
        }
        code = orphan ? disown(worker, arena, kind, key, uid, error)
                      : blocks_owner(worker, arena, kind, key, uid, &holds, error);
        kind_release(kind);
        TRY(code);
        if (holds)
            *ret_free = false;
    }
}

static err_t remove_finalizer(struct worker *worker, struct arena *arena, bytes path, const struct json *object,
    const char *finalizer, struct error *error)
{
    const struct json *finalizers = json_at(object, BYTES("metadata"), BYTES("finalizers"), BYTES_NONE);
    struct json *left = json_new(arena, JSON_ARRAY);

    for (const struct json *f = finalizers ? finalizers->first : NULL; f; f = f->next)
        if (!bytes_equal(f->text, bytes_of(finalizer)) && !json_append(left, json_string(arena, f->text)))
            return arena_error(arena, error);
    return left ? garbage_set_list(worker, arena, path, object, "finalizers", left, error) : arena_error(arena, error);
}

static err_t settle(struct worker *worker, struct arena *arena, const struct kind *kind, bytes key,
    const char *finalizer, struct error *error)
{
    bytes path = garbage_path(arena, kind, key);
    struct json *object;
    bool free_now;

    TRY(garbage_read_path(worker, arena, path, &object, error));
    if (!object || json_text(json_get(object, BYTES("metadata")), BYTES("deletionTimestamp")).n == 0 ||
        !garbage_has_finalizer(object, finalizer))
        return ERR_OK;
    TRY(settle_dependents(worker, arena, json_text(json_get(object, BYTES("metadata")), BYTES("uid")),
        strcmp(finalizer, FINALIZER_ORPHAN) == 0, &free_now, error));
    if (free_now)
        return remove_finalizer(worker, arena, path, object, finalizer, error);
    enqueue_after(worker, 'w', 0, BYTES_NONE, AGAIN_MS);
    return ERR_OK;
}

static err_t settle_all(struct worker *worker, struct arena *arena, const char *finalizer, struct error *error)
{
    const struct kind *kind;
    uint16_t number = 0;
    bytes key = BYTES_NONE;
    err_t first = ERR_OK;

    for (;;) {
        err_t code;
        TRY(garbage_next_dependent(server_current(), arena, bytes_of(finalizer), &number, &key, &kind, error));
        if (!kind)
            return first;
        code = settle(worker, arena, kind, key, finalizer, error);
        kind_release(kind);
        if (first == ERR_OK) /* the others are not held up by it */
            first = code;
    }
}

/* ---- Everything: after a start, one look at each owner that is named. */

static err_t look_at_owner(struct worker *worker, struct arena *arena, bytes uid, struct error *error)
{
    const struct kind *kind;
    uint16_t number = 0;
    bytes key = BYTES_NONE;

    if (bytes_equal(uid, BYTES(FINALIZER_FOREGROUND)) || bytes_equal(uid, BYTES(FINALIZER_ORPHAN))) {
        enqueue(worker, 'w', 0, BYTES_NONE);
        return ERR_OK;
    }
    TRY(garbage_next_dependent(server_current(), arena, uid, &number, &key, &kind, error));
    if (!kind)
        return ERR_OK;
    struct json *object;
    const struct json *references;
    enum owner_state state = OWNER_SOLID;
    err_t code = garbage_read(worker, arena, kind, key, &object, error);
    references = json_at(object, BYTES("metadata"), BYTES("ownerReferences"), BYTES_NONE);
    for (const struct json *o = references ? references->first : NULL; o && code == ERR_OK; o = o->next)
        if (bytes_equal(json_text(o, BYTES("uid")), uid))
            code = garbage_owner_state(worker, arena, kind, object, o, &state, error);
    kind_release(kind);
    if (code == ERR_OK && state == OWNER_GONE)
        enqueue(worker, 'u', 0, uid);
    return code;
}

static err_t look_at_all(struct worker *worker, struct arena *arena, bytes after, struct error *error)
{
    for (unsigned i = 0; i < OBJECTS_A_CALL; i++) {
        bytes uid;
        TRY(garbage_next_owner(server_current(), arena, after, &uid, error));
        if (!uid.p)
            return ERR_OK;
        if (look_at_owner(worker, arena, uid, error) != ERR_OK) {
            log_event(LOG_WARNING, "cannot look at an owner; its dependents stay", log_error_text(error));
            enqueue(worker, 'u', 0, uid); /* which tries again, dependent by dependent */
        }
        after = uid;
    }
    enqueue(worker, 'a', 0, after);
    return ERR_OK;
}

static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    bytes rest = bytes_skip(key, 2), text;
    uint64_t number;
    size_t space = bytes_find(rest, ' ');

    if (!bytes_to_uint64((bytes){rest.p, space}, &number) || number > UINT16_MAX)
        return ERR_OK;
    text = bytes_skip(rest, space + 1);
    switch (key.p[0]) {
    case 'u':
        return owner_gone(worker, arena, text, error);
    case 'd':
        return collect_one(worker, arena, (uint16_t)number, text, error);
    case 'w':
        TRY(settle_all(worker, arena, FINALIZER_ORPHAN, error));
        return settle_all(worker, arena, FINALIZER_FOREGROUND, error);
    default:
        return look_at_all(worker, arena, text, error);
    }
}

const struct controller garbage_collector = {
    .name = "generic-garbage-collector",
    .reconcile = reconcile,
    .start = start,
    .stop = stop,
    .poll = poll,
};
