/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: what other objects say about a write. What it rests on goes into the commit as compares. */
#include "serve/admission.h"

#include "kinds/kinds.h"
#include "serve/snapshots.h"
#include "serve/steps.h"

#define COMPARES_MOST 64 /* the object, its namespace, quotas */

err_t compare_add(struct request *r, uint8_t type, const struct kind *kind, bytes key, uint64_t revision)
{
    if (!r->compares)
        r->compares = arena_alloc(r->arena, COMPARES_MOST * sizeof *r->compares);
    if (!r->compares)
        return arena_error(r->arena, &r->error);
    if (r->compare_count == COMPARES_MOST)
        return error_set(&r->error, ERR_UNAVAILABLE, "the write rests on too many other objects");
    r->compares[r->compare_count++] = (struct compare){type, {kind->number, key}, revision};
    return ERR_OK;
}

err_t admission_get(struct request *r, struct read_txn *txn, const struct kind *kind, bytes key, struct json **ret,
    uint64_t *ret_revision)
{
    return record_get(r->server->atrest, txn, r->arena, kind, key, ret, ret_revision, &r->error);
}

err_t admission_list(
    struct request *r, struct read_txn *txn, const struct kind *kind, bytes prefix, struct admission_list *ret)
{
    struct range range = {.txn = txn, .kind = kind->number, .prefix = prefix, .start = prefix};
    struct record record;
    err_t code = ERR_OK;

    TRY(range_begin(&range, &r->error));
    while (code == ERR_OK && range_next(&range, &record) == 1) {
        bytes text;
        if (ret->count == ADMISSION_LIST_MOST) {
            code = error_set(&r->error, ERR_UNAVAILABLE, "there are more than %d %s that decide about this write",
                ADMISSION_LIST_MOST, kind->plural);
            break;
        }
        ret->revisions[ret->count] = record.revision;
        code = record_open(r->server->atrest, r->arena, kind, &record, &text, NULL, &r->error);
        if (code == ERR_OK)
            code = record_parse(r->arena, kind, text, &ret->objects[ret->count], &r->error);
        ret->count += code == ERR_OK;
    }
    range_end(&range);
    return code;
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
    struct json *namespace;
    uint64_t revision;

    TRY(admission_get(r, txn, kind, r->namespace, &namespace, &revision));
    if (!namespace)
        return status_not_found(&r->error, &r->details, kind, r->namespace);
    if (json_text(json_get(namespace, BYTES("metadata")), BYTES("deletionTimestamp")).n > 0)
        return terminating(r, r->namespace);
    return compare_add(r, COMPARE_REVISION, kind, r->namespace, revision);
}

/* A kind that is defined gets its number before anything can be stored under it. */
static err_t admit_definition(struct request *r)
{
    const struct json *spec = json_get(r->object, BYTES("spec"));
    uint16_t number;

    return snapshots_allot_number(r->server, json_text(spec, BYTES("group")),
        json_text(json_get(spec, BYTES("names")), BYTES("plural")), &number, &r->error);
}

static struct json *extra_of(struct request *r)
{
    struct json *extra = json_new(r->arena, JSON_OBJECT);
    for (size_t i = 0; i < r->user.extra_count; i++) {
        const struct user_extra *one = &r->user.extra[i];
        struct json *values = json_set(extra, one->key, json_new(r->arena, JSON_ARRAY));
        for (size_t k = 0; k < one->value_count; k++)
            if (!json_append(values, json_string(r->arena, one->values[k])))
                return NULL;
    }
    return extra;
}

/* Who asks for a certificate is who sends the request, whatever the request says; and stays so. */
static err_t admit_signing_request(struct request *r)
{
    static const char *const names[] = {"username", "uid", "groups", "extra"};
    struct json *spec = json_get(r->object, BYTES("spec")), *groups = json_new(r->arena, JSON_ARRAY);
    const struct json *old = json_get(r->old, BYTES("spec"));
    bool fine = spec && groups;

    for (size_t i = 0; fine && i < ARRAY_LEN(names); i++) {
        const struct json *before = r->creates ? NULL : json_get(old, bytes_of(names[i]));
        json_remove(spec, bytes_of(names[i]));
        fine = !before || json_set(spec, bytes_of(names[i]), json_copy(r->arena, before));
    }
    if (r->creates && fine)
        fine = json_set(spec, BYTES("username"), json_string(r->arena, r->user.name)) != NULL;
    for (size_t i = 0; r->creates && fine && i < r->user.group_count; i++)
        fine = json_append(groups, json_string(r->arena, r->user.groups[i])) != NULL;
    if (r->creates && fine && groups->count > 0)
        fine = json_set(spec, BYTES("groups"), groups) != NULL;
    if (r->creates && fine && r->user.uid.n)
        fine = json_set(spec, BYTES("uid"), json_string(r->arena, r->user.uid)) != NULL;
    if (r->creates && fine && r->user.extra_count)
        fine = json_set(spec, BYTES("extra"), extra_of(r)) != NULL;
    if (!fine)
        return arena_error(r->arena, &r->error);
    object_arrange(r->kind, r->object);
    return ERR_OK;
}

static err_t admit(struct request *r, struct read_txn *txn)
{
    if (r->kind == &certificate_signing_request_kind && r->object)
        TRY(admit_signing_request(r));
    if (r->creates && r->kind == &custom_resource_definition_kind && !r->options.dry_run)
        TRY(admit_definition(r));
    TRY(compare_add(r, r->creates ? COMPARE_ABSENT : COMPARE_REVISION, r->kind, r->key, r->old_revision));
    if (r->creates && r->kind->namespaced)
        TRY(admit_namespace(r, txn));
    if (r->creates && r->kind == &pod_kind)
        return admit_pod(r, txn);
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
    return code == ERR_OK ? STEP_NEXT : STEP_FAIL;
}
