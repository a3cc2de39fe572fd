/* SPDX-License-Identifier: Apache-2.0 */
/* Creates and updates, and the way that deletes share with them. What a write rests on (its object's revision, its
 * namespace's) goes into the commit as compares; when one loses, the write starts anew from its body. */
#include "kinds/kinds.h"
#include "serve/steps.h"

#define ATTEMPTS_MAX   5  /* of an update that names no revision */
#define NAMES_MAX      8  /* that are drawn for a generateName */
#define ADMISSIONS_MAX 16 /* while a namespace keeps changing */
#define CHANGED        "the object has been modified; please apply your changes to the latest version and try again"

static enum step_result result_of(err_t code)
{
    return code == ERR_OK ? STEP_NEXT : STEP_FAIL;
}

/* ---- Decoding. */

static err_t decode_body(struct request *r)
{
    enum body_format format;

    TRY(body_format_of(http_header(r->exchange, BYTES("content-type")), &format, &r->error));
    TRY(decode_object(r->arena, r->kind, format, r->exchange->body, r->options.field_validation, &r->warnings,
        &r->object, &r->error));
    r->sent_revision = json_text(json_get(r->object, BYTES("metadata")), BYTES("resourceVersion"));
    return ERR_OK;
}

enum step_result decode_step(struct request *r)
{
    r->arena->limit += READ_ARENA_LIMIT; /* an attempt reads an object whose size the body does not tell */
    error_init(&r->error, r->arena);
    r->object = r->old = NULL;
    r->compares = NULL;
    r->compare_count = 0;
    r->keep = r->removes = r->generated_name = false;
    return result_of(r->verb == VERB_CREATE || r->verb == VERB_UPDATE ? decode_body(r) : delete_decode(r));
}

/* ---- What is stored now. */

static err_t load(struct request *r, struct read_txn *txn)
{
    struct record record;
    err_t code = r->key.n > STORE_KEY_MAX
                     ? ERR_NOT_FOUND
                     : store_get(txn, (struct store_key){r->kind->number, r->key}, 0, &record, &r->error);

    if (code == ERR_NOT_FOUND)
        return status_not_found(&r->error, &r->details, r->kind, r->name);
    if (code != ERR_OK)
        return code;
    r->old_revision = record.revision;
    code = record_open(r->server, r->arena, r->kind, &record, &r->old_text, &r->old_stale, &r->error);
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

/* ---- What the server owns. */

static err_t prepare_create(struct request *r)
{
    struct json *metadata = json_get(r->object, BYTES("metadata"));

    r->generated_name = json_text(metadata, BYTES("name")).n == 0;
    TRY(object_prepare_create(r->arena, r->kind, r->object, r->namespace, &r->error));
    if (r->kind->rules->prepare)
        TRY(r->kind->rules->prepare(r->arena, r->kind, SUBRESOURCE_NONE, r->object, NULL, &r->error));
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

static err_t prepare_update(struct request *r)
{
    struct json *metadata;
    err_t code = object_prepare_update(r->arena, r->kind, r->object, r->old, r->namespace, r->name, &r->error);

    if (code == ERR_CONFLICT)
        r->details = (struct status_details){
            .name = r->name, .group = bytes_of(r->kind->group), .kind = bytes_of(r->kind->plural)};
    TRY(code);
    TRY(check_sent_revision(r));
    if (r->kind->rules->prepare)
        TRY(r->kind->rules->prepare(r->arena, r->kind, SUBRESOURCE_NONE, r->object, r->old, &r->error));
    metadata = json_get(r->object, BYTES("metadata"));
    r->removes = json_text(metadata, BYTES("deletionTimestamp")).n > 0 &&
                 (!json_get(metadata, BYTES("finalizers")) || json_get(metadata, BYTES("finalizers"))->count == 0);
    return ERR_OK;
}

enum step_result prepare_step(struct request *r)
{
    switch (r->verb) {
    case VERB_CREATE:
        return result_of(prepare_create(r));
    case VERB_UPDATE:
        return result_of(prepare_update(r));
    default:
        return result_of(delete_prepare(r));
    }
}

/* ---- Admission: what must hold when the write commits. */

err_t compare_add(struct request *r, uint8_t type, const struct kind *kind, bytes key, uint64_t revision)
{
    size_t kinds;

    (void)registry_kinds(registry_current(), &kinds);
    if (!r->compares)
        r->compares = arena_alloc(r->arena, (kinds + 2) * sizeof *r->compares);
    if (!r->compares)
        return arena_error(r->arena, &r->error);
    r->compares[r->compare_count++] = (struct compare){type, {kind->number, key}, revision};
    return ERR_OK;
}

static err_t terminating(struct request *r, bytes namespace)
{
    (void)error_set(&r->error, ERR_FORBIDDEN,
        "%s \"%.*s\" is forbidden: unable to create new content in namespace %.*s because it is being terminated",
        r->kind->plural, BYTES_FMT(r->name), BYTES_FMT(namespace));
    error_cause(&r->error, "NamespaceTerminating", BYTES("metadata.namespace"), "namespace %.*s is being terminated",
        BYTES_FMT(namespace));
    r->error.code = ERR_FORBIDDEN;
    r->details.name = r->name;
    r->details.kind = bytes_of(r->kind->plural);
    r->details.group = bytes_of(r->kind->group);
    return ERR_FORBIDDEN;
}

static err_t admit_namespace(struct request *r, struct read_txn *txn)
{
    const struct kind *kind = &namespace_kind;
    struct store_key key = {kind->number, r->namespace};
    struct record record;
    struct json *namespace;
    bytes text;
    err_t code = key.name.n > STORE_KEY_MAX ? ERR_NOT_FOUND : store_get(txn, key, 0, &record, &r->error);

    if (code == ERR_NOT_FOUND)
        return status_not_found(&r->error, &r->details, kind, r->namespace);
    if (code != ERR_OK)
        return code;
    TRY(record_open(r->server, r->arena, kind, &record, &text, NULL, &r->error));
    TRY(record_parse(r->arena, kind, text, &namespace, &r->error));
    if (json_text(json_get(namespace, BYTES("metadata")), BYTES("deletionTimestamp")).n > 0)
        return terminating(r, r->namespace);
    return compare_add(r, COMPARE_REVISION, kind, r->namespace, record.revision);
}

/* Counts what is in the namespace for the sentence; the compares keep it true. */
static err_t admit_empty(struct request *r, struct read_txn *txn)
{
    bytes prefix = arena_join(r->arena, r->name, BYTES("/"), ARENA_END), sentence;
    const struct kind *const *kinds;
    struct buffer held;
    size_t count;

    if (!prefix.p)
        return arena_error(r->arena, &r->error);
    buffer_init(&held, r->arena);
    kinds = registry_kinds(registry_current(), &count);
    for (size_t i = 0; i < count; i++) {
        struct range range = {.txn = txn, .kind = kinds[i]->number, .prefix = prefix, .start = prefix};
        uint64_t objects;
        if (!kinds[i]->namespaced)
            continue;
        TRY(compare_add(r, COMPARE_EMPTY, kinds[i], prefix, 0));
        TRY(range_begin(&range, &r->error));
        objects = range_count(&range);
        range_end(&range);
        if (objects > 0)
            buffer_format(&held, "%s%llu %s", held.n > 0 ? ", " : "", (unsigned long long)objects,
                objects == 1 ? kinds[i]->singular : kinds[i]->plural);
    }
    if (held.n > 0)
        buffer_format(&held, "; delete that first");
    buffer_byte(&held, 0);
    if (held.failed)
        return arena_error(r->arena, &r->error);
    if (held.n == 1)
        return ERR_OK;
    sentence = arena_format(r->arena, "the namespace is not empty: it still holds %s", (char *)held.p);
    if (!sentence.p)
        return arena_error(r->arena, &r->error);
    return status_conflict(&r->error, &r->details, r->kind, r->name, (const char *)sentence.p);
}

static err_t admit(struct request *r, struct read_txn *txn)
{
    TRY(compare_add(r, r->verb == VERB_CREATE ? COMPARE_ABSENT : COMPARE_REVISION, r->kind, r->key, r->old_revision));
    if (r->verb == VERB_CREATE && r->kind->namespaced)
        return admit_namespace(r, txn);
    if (r->verb != VERB_CREATE && r->kind == &namespace_kind && (r->removes || r->verb == VERB_DELETE))
        return admit_empty(r, txn);
    return ERR_OK;
}

enum step_result admit_step(struct request *r)
{
    struct read_txn *txn;
    err_t code;

    if (store_read_begin(r->server->store, &txn, &r->error) != ERR_OK)
        return STEP_FAIL;
    code = admit(r, txn);
    store_read_end(txn);
    return result_of(code);
}

enum step_result validate_step(struct request *r)
{
    err_t code = object_validate(r->arena, r->kind, SUBRESOURCE_NONE, r->object, r->old, &r->error);

    if (code == ERR_INVALID)
        status_invalid_details(&r->details, r->kind, r->name);
    if (code == ERR_OK && r->kind->rules->warn)
        r->kind->rules->warn(r->arena, r->kind, r->object, &r->warnings);
    return result_of(code);
}

/* ---- Storing. */

static err_t seal(struct request *r)
{
    bytes path = kind_storage_path(r->arena, r->kind, r->key), sealed = BYTES_NONE;

    if (!path.p)
        return arena_error(r->arena, &r->error);
    if (r->object) {
        r->text = object_store_text(r->arena, r->object);
        if (!r->text.p)
            return arena_error(r->arena, &r->error);
    }
    if (!r->removes && r->old)
        r->keep = bytes_equal(r->text, r->old_text) && !r->old_stale;
    r->keep = r->keep || r->options.dry_run;
    if (!r->keep && !r->removes)
        TRY(atrest_seal(r->server->atrest, r->arena, path, r->text, &sealed, &r->error));
    r->write = (struct store_write){.key = {r->kind->number, r->key},
        .value = sealed,
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
    bool known = r->keep || (r->removes && r->verb == VERB_UPDATE);

    if (r->object)
        return answer_prepare_object(
            r, r->verb == VERB_CREATE ? 201 : 200, r->text, known ? r->old_revision : REVISION_UNKNOWN);
    if (r->old)
        details.uid = json_text(json_get(r->old, BYTES("metadata")), BYTES("uid"));
    return answer_prepare_success(r, &details);
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

    if (r->verb != VERB_CREATE || r->key.n > STORE_KEY_MAX)
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
    if (r->verb != VERB_CREATE && own && (r->sent_revision.n > 0 || r->attempt + 1 >= ATTEMPTS_MAX))
        return status_conflict(&r->error, &r->details, r->kind, r->name, CHANGED), STEP_FAIL;
    if (r->attempt + 1 >= ADMISSIONS_MAX)
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
    answer_set_revision(r, r->write.revision);
    return STEP_NEXT;
}

enum step_result write_answer_step(struct request *r)
{
    answer_send(r);
    return STEP_DONE;
}
