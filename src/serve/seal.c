/* SPDX-License-Identifier: Apache-2.0 */
/* From the object that is to be stored to its commit and answer. What a write rests on (its object's revision, its
 * namespace's) is in the commit as compares; when one loses, the write starts anew from its body. */
#include "serve/subresource.h"
#include "serve/token_request.h"

#define ATTEMPTS_MAX   100         /* of an update while others win: they are as many as there are writers */
#define ATTEMPTS_SIZE  (64u << 20) /* what they may hold: each reads and makes the object anew */
#define NAMES_MAX      8           /* that are drawn for a generateName */
#define ADMISSIONS_MAX 16          /* while a namespace keeps changing */

static enum step_result result_of(err_t code)
{
    return code == ERR_OK ? STEP_NEXT : STEP_FAIL;
}

/* The text as it is stored: of another version than the one that is shown, where the kind has several. */
static err_t stored_text(struct request *r, bytes *ret)
{
    struct json *copy;

    *ret = r->text;
    if (!r->kind->stored_as)
        return ERR_OK;
    copy = json_copy(r->arena, r->object);
    if (!copy)
        return arena_error(r->arena, &r->error);
    TRY(object_to_stored(r->arena, r->kind, copy, &r->error));
    *ret = object_store_text(r->arena, kind_stored(r->kind), copy);
    return ret->p ? ERR_OK : arena_error(r->arena, &r->error);
}

/* Who is named as an owner; and what waits for the garbage collector, under the name of its finalizer, so that it is
 * found again after a restart. */
static err_t name_owners(struct request *r, bytes *ret)
{
    const struct json *metadata = json_get(r->object, BYTES("metadata")),
                      *references = json_get(metadata, BYTES("ownerReferences")),
                      *finalizers = json_get(metadata, BYTES("finalizers"));
    bool deleted = json_text(metadata, BYTES("deletionTimestamp")).n > 0, fits = true;
    uint8_t *owners;
    size_t n = 0;

    *ret = BYTES_NONE;
    if (!references && !(deleted && finalizers))
        return ERR_OK;
    owners = arena_alloc(r->arena, STORE_OWNERS_MAX);
    if (!owners)
        return arena_error(r->arena, &r->error);
    for (const struct json *o = references ? references->first : NULL; o && fits; o = o->next)
        fits = store_owners_add(owners, &n, json_text(o, BYTES("uid")));
    for (const struct json *f = deleted && finalizers ? finalizers->first : NULL; f && fits; f = f->next)
        if (bytes_equal(f->text, BYTES(FINALIZER_FOREGROUND)) || bytes_equal(f->text, BYTES(FINALIZER_ORPHAN)))
            fits = store_owners_add(owners, &n, f->text);
    if (!fits)
        return error_set(&r->error, ERR_TOO_LARGE, "the object names too many owners, or one by too long a uid");
    *ret = (bytes){owners, n};
    return ERR_OK;
}

static err_t seal(struct request *r)
{
    bytes path = kind_storage_path(r->arena, r->kind, r->key), sealed = BYTES_NONE, owners = BYTES_NONE, text;

    if (!path.p)
        return arena_error(r->arena, &r->error);
    if (r->object) {
        r->text = object_store_text(r->arena, r->kind, r->object);
        if (!r->text.p)
            return arena_error(r->arena, &r->error);
    }
    if (!r->removes && r->old)
        r->keep = bytes_equal(r->text, r->old_text) && !r->old_stale;
    r->keep = r->keep || r->options.dry_run || r->subresource == SUBRESOURCE_TOKEN;
    if (!r->keep && !r->removes) {
        TRY(stored_text(r, &text));
        TRY(name_owners(r, &owners));
        TRY(atrest_seal(r->server->atrest, r->arena, path, text, &sealed, &r->error));
    }
    r->write = (struct store_write){.key = {r->kind->number, r->key},
        .value = sealed,
        .owners = owners,
        .delete = r->removes,
        .compares = r->compares,
        .compare_count = r->compare_count};
    return ERR_OK;
}

enum step_result seal_step(struct request *r)
{
    return result_of(seal(r));
}

static err_t encode(struct request *r)
{
    struct status_details details = {
        .name = r->name, .kind = bytes_of(r->kind->plural), .group = bytes_of(r->kind->group)};
    /* An update that removes shows the object as it was last. */
    bool known = r->keep || (r->removes && r->verb != VERB_DELETE);
    bytes shown;

    if (r->subresource == SUBRESOURCE_BINDING || r->subresource == SUBRESOURCE_EVICTION)
        return answer_prepare_success(r, 201, NULL);
    if (r->subresource == SUBRESOURCE_TOKEN) {
        TRY(token_request_answer(r, &shown));
        return answer_prepare_object(r, 201, shown, 0);
    }
    if (r->object) {
        TRY(subresource_show(r, r->text, &shown));
        return answer_prepare_object(r, r->creates ? 201 : 200, shown, known ? r->old_revision : REVISION_UNKNOWN);
    }
    if (r->old)
        details.uid = json_text(json_get(r->old, BYTES("metadata")), BYTES("uid"));
    return answer_prepare_success(r, 200, &details);
}

enum step_result encode_step(struct request *r)
{
    return result_of(encode(r));
}

static void committed(struct store_write *write)
{
    request_return((struct request *)((char *)write - offsetof(struct request, write)));
}

static err_t already_exists(struct request *r)
{
    bytes told;

    (void)status_already_exists(&r->error, &r->details, r->kind, r->name);
    if (!r->generated_name)
        return ERR_ALREADY_EXISTS;
    told = r->error.message;
    r->details.retry_after_seconds = 1;
    return error_set(&r->error, ERR_ALREADY_EXISTS,
        "%.*s, the server was not able to generate a unique name for the object", BYTES_FMT(told));
}

/* A dry run learns here what the commit would have said. */
static err_t rehearse(struct request *r)
{
    struct record record;
    struct read_txn *txn;
    err_t code;

    if (!r->creates || r->key.n > STORE_KEY_MAX)
        return ERR_OK;
    TRY(store_read_begin(r->server->store, &txn, &r->error));
    code = store_get(txn, r->write.key, 0, &record, NULL);
    store_read_end(txn);
    if (code == ERR_OK)
        return already_exists(r);
    return code == ERR_NOT_FOUND ? ERR_OK : error_set(&r->error, code, "the store cannot be read");
}

enum step_result commit_step(struct request *r)
{
    if (r->keep)
        return result_of(r->options.dry_run ? rehearse(r) : ERR_OK);
    r->write.done = committed;
    store_commit(r->server->store, &r->write);
    return STEP_WAIT;
}

static enum step_result lost(struct request *r)
{
    bool own = r->write.failed_compare == 0;

    if (r->verb == VERB_CREATE && own && (!r->generated_name || r->attempt + 1 >= NAMES_MAX))
        return already_exists(r), STEP_FAIL;
    /* a revision that the client named is compared with the newest by the next attempt */
    if (r->verb != VERB_CREATE && own && (r->attempt + 1 >= ATTEMPTS_MAX || r->arena->used > ATTEMPTS_SIZE))
        return status_conflict(&r->error, &r->details, r->kind, r->name, CHANGED), STEP_FAIL;
    if (!own && r->attempt + 1 >= ADMISSIONS_MAX)
        return status_conflict(
                   &r->error, &r->details, r->kind, r->name, "its namespace keeps changing; please try again"),
               STEP_FAIL;
    return request_retry(r);
}

enum step_result conclude_step(struct request *r)
{
    if (r->keep)
        return STEP_NEXT;
    if (r->write.result == ERR_CONFLICT || r->write.result == ERR_NOT_FOUND)
        return lost(r);
    if (r->write.result != ERR_OK)
        return error_set(&r->error, r->write.result, "%s",
                   r->write.message ? r->write.message : "the store refused the write"),
               STEP_FAIL;
    garbage_note_write(r);
    answer_set_revision(r, r->write.revision);
    return STEP_NEXT;
}

enum step_result write_answer_step(struct request *r)
{
    answer_send(r);
    return STEP_DONE;
}
