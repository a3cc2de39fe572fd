/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting a collection: batches of keys at the list's revision, each object deleted by the steps of a single delete,
 * the batch committed together. The answer is the list as it was. */
#include "base/clock.h"
#include "serve/list.h"
#include "serve/webhooks.h"

#define BATCH        64
#define BATCH_MEMORY (8u << 20) /* of prepared objects; then the batch commits as it is */
#define ATTEMPTS_MAX 5

struct batch {
    struct request *request;
    bytes keys[BATCH];
    size_t count;
};

static err_t take_key(
    void *context, struct range *range, const struct record *record, bytes text, bool *ret_go_on, struct error *error)
{
    struct batch *batch = context;
    struct arena *arena = &batch->request->list->piece;
    bytes key = arena_copy(arena, record->key.name);

    (void)range, (void)text;
    if (!key.p)
        return arena_error(arena, error);
    batch->keys[batch->count++] = key;
    *ret_go_on = batch->count < BATCH;
    return ERR_OK;
}

static bool prepare_delete(struct request *one)
{
    bool fine = prepare_step(one) == STEP_NEXT && webhook_delete_step(one) == STEP_NEXT &&
                admit_step(one) == STEP_NEXT && guard_step(one) == STEP_NEXT && seal_step(one) == STEP_NEXT;

    webhooks_end(one);
    return fine;
}

/* Prepares the delete of one key as a request of its own. *ret_wanted false: it is gone, or cannot be read. */
static err_t prepare_one(
    struct request *r, bytes key, struct awaited_write *ret, struct request **ret_one, bool *ret_wanted)
{
    struct arena *arena = &r->list->piece;
    struct request *one = arena_zero(arena, sizeof *one);

    *ret_wanted = false;
    if (!one)
        return arena_error(arena, &r->error);
    *one = (struct request){.exchange = r->exchange,
        .arena = arena,
        .server = r->server,
        .kind = r->kind,
        .verb = VERB_DELETE,
        .options = r->options,
        .user = r->user,
        .attributes = r->attributes,
        .rules_version = r->rules_version,
        .graph_version = r->graph_version,
        .deadline_us = r->deadline_us,
        .waits_here = true};
    error_init(&one->error, arena);
    key_split(key, &one->namespace, &one->name);
    if (load_step(one) == STEP_FAIL && one->error.code == ERR_NOT_FOUND)
        return ERR_OK;
    if (one->error.code == ERR_OK && !one->old)
        return ERR_OK;
    if (one->error.code != ERR_OK || !prepare_delete(one)) {
        r->details = one->details;
        r->details.name = arena_copy(r->arena, one->details.name);
        r->refusal = one->refusal;
        r->refusal.text = arena_copy(r->arena, one->refusal.text); /* the piece goes before the answer */
        return error_set(&r->error, one->error.code, "%.*s", BYTES_FMT(one->error.message));
    }
    ret->write = one->write;
    *ret_one = one;
    *ret_wanted = !one->keep;
    return ERR_OK;
}

/* Deletes keys[0..count); what lost its compare stays in keys for another attempt. */
static err_t delete_some(struct request *r, bytes *keys, size_t *count)
{
    struct arena *arena = &r->list->piece;
    struct awaited_write writes[BATCH];
    size_t taken = 0, prepared = 0, left = 0;
    struct request *requests[BATCH];
    bytes from[BATCH];

    while (taken < *count && (prepared == 0 || arena->used < BATCH_MEMORY)) {
        bool wanted;
        TRY(prepare_one(r, keys[taken], &writes[prepared], &requests[prepared], &wanted));
        if (wanted)
            from[prepared++] = keys[taken];
        taken++;
    }
    commit_all(r->server->store, writes, prepared);
    for (size_t i = 0; i < prepared; i++) {
        const struct store_write *w = &writes[i].write;
        if (w->result == ERR_OK)
            garbage_note_write(requests[i]);
        else if (w->result == ERR_CONFLICT)
            keys[left++] = from[i];
        else if (w->result != ERR_NOT_FOUND)
            return error_set(&r->error, w->result, "%s", w->message ? w->message : "the store refused the write");
    }
    memmove(keys + left, keys + taken, (*count - taken) * sizeof *keys);
    *count = left + *count - taken;
    return ERR_OK;
}

static err_t delete_batch(struct request *r, struct batch *batch)
{
    size_t before = batch->count;

    for (unsigned stuck = 0; batch->count > 0; before = batch->count) {
        TRY(delete_some(r, batch->keys, &batch->count));
        stuck = batch->count < before ? 0 : stuck + 1;
        if (stuck == ATTEMPTS_MAX)
            return status_conflict(
                &r->error, &r->details, r->kind, batch->keys[0], "the object keeps changing; please try again");
    }
    return ERR_OK;
}

/* What is found in a turn of the list, and at most a batch of it. */
static err_t delete_next(struct request *r, bool *ret_end)
{
    struct list *l = r->list;
    struct batch batch = {.request = r};
    struct list_visit visit = {take_key, &batch, .want_text = true};

    TRY(list_walk(l, &visit, ret_end, &r->error));
    if (!r->options.dry_run || r->destination.n > 0) /* a dry run asks the webhooks too */
        TRY(delete_batch(r, &batch));
    arena_reset(&l->piece);
    if (clock_monotonic_us() > r->deadline_us)
        return error_set(&r->error, ERR_TIMEOUT,
            "Timeout: request did not complete within requested timeout - some objects may have been deleted");
    return ERR_OK;
}

/* Between batches others have their turns: a few that delete thousands would else keep every writer for as long. Where
 * webhooks are called, those have threads of their own. */
enum step_result collection_step(struct request *r)
{
    bool end = false;

    do {
        if (delete_next(r, &end) != ERR_OK)
            return STEP_FAIL;
    } while (!end && r->destination.n > 0);
    if (!end) {
        r->wait_ms = 0;
        return STEP_AGAIN;
    }
    list_warn(r);
    list_rewind(r->list);
    return STEP_NEXT;
}
