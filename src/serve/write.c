/* SPDX-License-Identifier: Apache-2.0 */
/* Writes: from the body to the object as it is to be stored. A retry starts anew here (request_retry).
 *
 *   decode ─> load ─> change ─> default ─> own ─> [admission.c: admit] ─> [webhooks.c: mutate] ─> prepare ─> validate
 *          ─> [webhooks.c: review] ─> [guard.c] ─> [seal.c]
 *
 * Up to `own` the object is the client's, and has a field manager; from `admit` on it is what the server makes of it.
 */
#include "api/managed_fields.h"
#include "api/schema_value.h"
#include "kinds/kinds.h"
#include "serve/pod_writer.h"
#include "serve/subresource.h"

#define OWNERS_COMPARED 256 /* more are too many to store anyway */

static enum step_result result_of(err_t code)
{
    return code == ERR_OK ? STEP_NEXT : STEP_FAIL;
}

/* ---- Decoding. */

static err_t decode_body(struct request *r)
{
    enum body_format format;

    TRY(body_format_of(http_header(r->exchange, BYTES("content-type")), &format, &r->error));
    if (r->subresource != SUBRESOURCE_NONE && subresource_shown_kind(r) != r->kind)
        return subresource_decode(r, format);
    TRY(decode_object(r->arena, r->kind, format, r->exchange->body, r->options.field_validation, &r->warnings,
        &r->object, &r->error));
    r->sent_revision = json_text(json_get(r->object, BYTES("metadata")), BYTES("resourceVersion"));
    return ERR_OK;
}

static err_t decode(struct request *r)
{
    switch (r->verb) {
    case VERB_CREATE:
    case VERB_UPDATE:
        return decode_body(r);
    case VERB_PATCH:
        return patch_decode(r);
    default:
        return r->subresource == SUBRESOURCE_EVICTION ? decode_body(r) : delete_decode(r);
    }
}

enum step_result decode_step(struct request *r)
{
    if (r->attempt == 0)
        r->arena->limit += READ_ARENA_LIMIT; /* an attempt reads an object whose size the body does not tell */
    error_init(&r->error, r->arena);
    r->object = r->old = r->sent = NULL;
    r->compares = NULL;
    r->compare_count = 0;
    r->old_revision = 0;
    r->creates = r->verb == VERB_CREATE;
    r->keep = r->removes = r->generated_name = r->pull_secrets_given = false;
    return result_of(decode(r));
}

/* ---- What is stored now. */

static err_t load(struct request *r, struct read_txn *txn)
{
    struct record record;
    err_t code = r->key.n > STORE_KEY_MAX
                     ? ERR_NOT_FOUND
                     : store_get(txn, (struct store_key){r->kind->number, r->key}, 0, &record, &r->error);

    if (code == ERR_NOT_FOUND && r->verb == VERB_PATCH && r->patch_type == PATCH_APPLY &&
        r->subresource == SUBRESOURCE_NONE) {
        r->creates = true;
        return access_create(r);
    }
    if (code == ERR_NOT_FOUND)
        return status_not_found(&r->error, &r->details, r->kind, r->name);
    if (code != ERR_OK)
        return code;
    r->old_revision = record.revision;
    code = record_open(r->server->atrest, r->arena, r->kind, &record, &r->old_text, &r->old_stale, &r->error);
    if (code == ERR_OK)
        code = record_parse(r->arena, r->kind, r->old_text, &r->old, &r->error);
    if (record_unreadable(code) && r->verb == VERB_DELETE) {
        error_init(&r->error, r->arena);
        return ERR_OK;
    }
    return record_unreadable(code) ? unreadable_error(r, r->name) : code;
}

enum step_result load_step(struct request *r)
{
    struct read_txn *txn;
    err_t code;

    r->key = object_key(r->arena, r->namespace, r->name);
    if (!r->key.p)
        return arena_error(r->arena, &r->error), STEP_FAIL;
    if (store_read_begin(r->server->store, &txn, &r->error) != ERR_OK)
        return STEP_FAIL;
    code = load(r, txn);
    store_read_end(txn);
    return result_of(code);
}

enum step_result change_step(struct request *r)
{
    if (r->verb == VERB_PATCH)
        return result_of(patch_object(r));
    return result_of(r->sent ? subresource_take(r, r->sent) : ERR_OK);
}

/* ---- Names, and what the client left out. */

static err_t identify_new(struct request *r)
{
    struct json *metadata = json_get(r->object, BYTES("metadata"));

    if (r->verb == VERB_PATCH) /* the URL has the name already */
        TRY(object_fit_name(r->object, r->name, &r->error));
    r->generated_name = json_text(metadata, BYTES("name")).n == 0;
    TRY(object_prepare_create(r->arena, r->kind, r->object, r->namespace, &r->error));
    r->name = json_text(json_get(r->object, BYTES("metadata")), BYTES("name"));
    r->generated_name = r->generated_name && r->name.n > 0;
    r->key = object_key(r->arena, r->namespace, r->name);
    return r->key.p ? ERR_OK : arena_error(r->arena, &r->error);
}

static err_t check_sent_revision(struct request *r)
{
    uint64_t sent;

    if (r->sent_revision.n == 0)
        return ERR_OK;
    if (!bytes_to_uint64(r->sent_revision, &sent))
        return error_set(&r->error, ERR_BAD_REQUEST, "strconv.ParseUint: parsing \"%.*s\": invalid syntax",
            BYTES_FMT(r->sent_revision));
    return sent == r->old_revision ? ERR_OK : status_conflict(&r->error, &r->details, r->kind, r->name, CHANGED);
}

static err_t identify_old(struct request *r)
{
    bytes given = json_text(json_get(r->object, BYTES("metadata")), BYTES("uid"));
    err_t code = object_prepare_update(r->arena, r->kind, r->object, r->old, r->namespace, r->name, &r->error);

    if (code == ERR_OK && r->verb == VERB_UPDATE) /* in a patch it would be a change */
        code = object_fit_precondition(r->arena, r->kind, r->namespace, r->name, "UID", given,
            json_text(json_get(r->old, BYTES("metadata")), BYTES("uid")), &r->error);
    if (code == ERR_CONFLICT)
        r->details = (struct status_details){
            .name = r->name, .group = bytes_of(r->kind->group), .kind = bytes_of(r->kind->plural)};
    TRY(code);
    TRY(check_sent_revision(r));
    return subresource_carry(r);
}

/* Of references that are equal the first is kept. */
static err_t remove_duplicate_owners(struct request *r)
{
    struct json *owners = json_at(r->object, BYTES("metadata"), BYTES("ownerReferences"), BYTES_NONE);
    struct json *kept = json_new(r->arena, JSON_ARRAY);
    struct buffer uids;

    if (!owners || owners->count < 2 || owners->count > OWNERS_COMPARED)
        return ERR_OK;
    buffer_init(&uids, r->arena);
    for (const struct json *o = owners->first; o && kept; o = o->next) {
        struct json *same = kept->first;
        while (same && !json_equal(same, o))
            same = same->next;
        if (same)
            buffer_format(&uids, "%s%.*s", uids.n > 0 ? ", " : "", BYTES_FMT(json_text(o, BYTES("uid"))));
        else if (!json_append(kept, json_copy(r->arena, o)))
            return arena_error(r->arena, &r->error);
    }
    if (!kept || uids.failed)
        return arena_error(r->arena, &r->error);
    if (uids.n == 0)
        return ERR_OK;
    bytes sentence = arena_format(r->arena,
        ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may "
        "reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: %.*s",
        BYTES_FMT(buffer_bytes(&uids)));
    if (!sentence.p)
        return arena_error(r->arena, &r->error);
    warning_add(r->arena, &r->warnings, sentence);
    owners->first = kept->first;
    owners->last = kept->last;
    owners->count = kept->count;
    return ERR_OK;
}

static err_t set_defaults(struct request *r)
{
    const struct kind_rules *rules = r->kind->rules;

    if (r->creates)
        TRY(subresource_drop_status(r));
    TRY(remove_duplicate_owners(r));
    TRY(schema_set_defaults(r->arena, r->kind->schema, r->object, &r->error));
    return rules->set_defaults ? rules->set_defaults(r->arena, r->kind, r->object, &r->error) : ERR_OK;
}

enum step_result default_step(struct request *r)
{
    err_t code = r->creates ? identify_new(r) : identify_old(r);

    return result_of(code == ERR_OK ? set_defaults(r) : code);
}

/* ---- After a webhook. */

/* What it may not say about a new object is as it was. A name that nobody chose may be its choice. */
static err_t identify_again(struct request *r, const struct json *before)
{
    static const char *const kept[] = {"name", "namespace", "uid", "creationTimestamp"},
                             *const gone[] = {"resourceVersion", "selfLink", "deletionTimestamp",
                                 "deletionGracePeriodSeconds", "generation"};
    struct json *metadata = json_get(r->object, BYTES("metadata"));
    bytes name = json_text(metadata, BYTES("name"));
    bool chosen = r->generated_name && name.n > 0;

    if (!chosen && name.n > 0 && !bytes_equal(name, r->name))
        return error_set(&r->error, ERR_BAD_REQUEST, "a webhook changed the name of the object");
    for (size_t i = chosen; i < ARRAY_LEN(kept); i++) {
        const struct json *value = json_get(before, bytes_of(kept[i]));
        json_remove(metadata, bytes_of(kept[i]));
        if (value && !json_set(metadata, bytes_of(kept[i]), json_copy(r->arena, value)))
            return arena_error(r->arena, &r->error);
    }
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        json_remove(metadata, bytes_of(gone[i]));
    if (chosen) {
        r->name = name;
        r->generated_name = false;
        r->key = object_key(r->arena, r->namespace, name);
    }
    return r->key.p ? ERR_OK : arena_error(r->arena, &r->error);
}

err_t settle_again(struct request *r, struct json *object)
{
    const struct json *before = json_get(r->object, BYTES("metadata")),
                      *managed = json_get(before, BYTES("managedFields"));
    struct json *metadata = json_get(object, BYTES("metadata"));

    if (!metadata)
        metadata = json_set(object, BYTES("metadata"), json_new(r->arena, JSON_OBJECT));
    if (!metadata)
        return arena_error(r->arena, &r->error);
    r->object = object;
    if (r->creates) {
        TRY(identify_again(r, before));
    } else {
        TRY(object_prepare_update(r->arena, r->kind, object, r->old, r->namespace, r->name, &r->error));
        TRY(subresource_carry(r));
        metadata = json_get(r->object, BYTES("metadata"));
    }
    json_remove(metadata, BYTES("managedFields"));
    if (managed && !json_set(metadata, BYTES("managedFields"), json_copy(r->arena, managed)))
        return arena_error(r->arena, &r->error);
    object_arrange(r->kind, r->object);
    return set_defaults(r);
}

/* ---- Whose fields they are. An apply knows already. */

enum step_result own_step(struct request *r)
{
    struct field_manager manager = subresource_manager(r);

    if (pod_writer_restore(r) != ERR_OK)
        return STEP_FAIL;
    if (r->verb == VERB_PATCH && r->patch_type == PATCH_APPLY)
        return r->creates ? STEP_NEXT : result_of(managed_fields_keep_times(r->arena, r->object, r->old, &r->error));
    return result_of(managed_fields_update(r->arena, r->kind, r->object, r->old, &manager, &r->error));
}

/* ---- What the server owns. */

/* Counts changes of what is wanted: all outside of metadata, and of status where that is a part of its own. */
static bool wants_otherwise(const struct request *r)
{
    bool status = kind_has_status(r->kind);

    for (const struct json *m = r->object->first; m; m = m->next)
        if (!bytes_equal(m->key, BYTES("metadata")) && !(status && bytes_equal(m->key, BYTES("status"))) &&
            (!json_get(r->old, m->key) || !json_equal(m, json_get(r->old, m->key))))
            return true;
    for (const struct json *m = r->old->first; m; m = m->next)
        if (!(status && bytes_equal(m->key, BYTES("status"))) && !json_get(r->object, m->key))
            return true;
    return false;
}

/* Of Deployments annotations count too: some of them say what is wanted. */
static bool notes_otherwise(const struct request *r)
{
    static const struct json none = {.type = JSON_OBJECT};
    const struct json *now = json_at(r->object, BYTES("metadata"), BYTES("annotations"), BYTES_NONE),
                      *before = json_at(r->old, BYTES("metadata"), BYTES("annotations"), BYTES_NONE);

    return !json_equal(now ? now : &none, before ? before : &none);
}

static err_t count_generation(struct request *r)
{
    struct json *metadata = json_get(r->object, BYTES("metadata"));
    const struct json *before = json_at(r->old, BYTES("metadata"), BYTES("generation"), BYTES_NONE);
    int64_t generation = 0;

    if (!r->kind->generation)
        return ERR_OK;
    if (before && !json_to_int64(before, &generation))
        generation = 0;
    if (r->creates || wants_otherwise(r) || (r->kind == &deployment_kind && notes_otherwise(r)))
        generation++;
    if (generation == 0)
        return ERR_OK;
    if (!json_set(metadata, BYTES("generation"), json_integer(r->arena, generation)))
        return arena_error(r->arena, &r->error);
    object_arrange(r->kind, r->object);
    return ERR_OK;
}

/* An object that is being deleted goes with the update that frees it. */
static bool is_freed(const struct request *r)
{
    const struct json *metadata = json_get(r->object, BYTES("metadata")),
                      *finalizers = json_get(metadata, BYTES("finalizers")),
                      *grace = json_get(metadata, BYTES("deletionGracePeriodSeconds"));
    int64_t seconds = 0;

    if (json_text(metadata, BYTES("deletionTimestamp")).n == 0 || (finalizers && finalizers->count > 0))
        return false;
    if (grace && json_to_int64(grace, &seconds) && seconds > 0)
        return false;
    return !r->kind->rules->is_held || !r->kind->rules->is_held(r->object);
}

static err_t prepare(struct request *r)
{
    if (r->kind->rules->prepare)
        TRY(r->kind->rules->prepare(
            r->arena, r->kind, r->subresource, r->object, r->creates ? NULL : r->old, &r->error));
    TRY(count_generation(r));
    r->removes = !r->creates && is_freed(r);
    return ERR_OK;
}

enum step_result prepare_step(struct request *r)
{
    return result_of(r->verb == VERB_DELETE ? delete_prepare(r) : prepare(r));
}

enum step_result validate_step(struct request *r)
{
    err_t code = object_validate(r->arena, r->kind, r->subresource, r->object, r->creates ? NULL : r->old, &r->error);

    if (code == ERR_INVALID)
        status_invalid_details(&r->details, r->kind, r->name);
    if (code == ERR_OK && r->kind->rules->warn)
        r->kind->rules->warn(r->arena, r->kind, r->object, &r->warnings);
    return result_of(code);
}
