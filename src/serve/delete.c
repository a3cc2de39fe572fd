/* SPDX-License-Identifier: Apache-2.0 */
/* Deletes: preconditions, finalizers. What has finalizers is marked and stays; what has none goes. */
#include "base/clock.h"
#include "kinds/kinds.h"
#include "serve/delete_options.h"
#include "serve/steps.h"

#define FOREGROUND BYTES(FINALIZER_FOREGROUND)
#define ORPHAN     BYTES(FINALIZER_ORPHAN)
#define DAY_LAST   INT64_C(253402214400) /* 9999-12-31: no date after it can be written */

err_t delete_decode(struct request *r)
{
    TRY(delete_options_read(r));
    return options_check_delete(r);
}

/* ---- What becomes of the object. */

/* This conflict names the Kind where others name the resource. */
static err_t precondition_failed(
    struct request *r, const char *what, bytes wanted, bytes found, const char *consequence)
{
    r->details.name = r->name;
    r->details.kind = bytes_of(r->kind->kind);
    r->details.group = bytes_of(r->kind->group);
    return error_set(&r->error, ERR_CONFLICT,
        "Operation cannot be fulfilled on %s \"%.*s\": the %s in the precondition (%.*s) does not match the %s in "
        "record "
        "(%.*s). The object might have been %s",
        r->kind->kind, BYTES_FMT(r->name), what, BYTES_FMT(wanted), what, BYTES_FMT(found), consequence);
}

static err_t check_preconditions(struct request *r)
{
    const struct request_options *o = &r->options;
    bytes uid = json_text(json_get(r->old, BYTES("metadata")), BYTES("uid"));
    bytes revision = arena_format(r->arena, "%llu", (unsigned long long)r->old_revision);

    if (o->precondition_uid.n > 0 && !r->old)
        return status_conflict(&r->error, &r->details, r->kind, r->name,
            "it cannot be read, so its uid cannot be compared with the one in the precondition; delete it without "
            "that");
    if (o->precondition_uid.n > 0 && !bytes_equal(o->precondition_uid, uid))
        return precondition_failed(r, "UID", o->precondition_uid, uid, "deleted and then recreated");
    if (o->has_precondition_revision && !bytes_equal(o->precondition_revision, revision))
        return precondition_failed(r, "ResourceVersion", o->precondition_revision, revision, "modified");
    return ERR_OK;
}

static err_t check_protected(struct request *r)
{
    static const char *const names[] = {"default", "kube-system", "kube-public", "kube-node-lease"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal(r->name, bytes_of(names[i]))) {
            r->details.name = r->name;
            r->details.kind = bytes_of(r->kind->plural);
            return error_set(&r->error, ERR_FORBIDDEN, "%s \"%s\" is forbidden: this namespace may not be deleted",
                r->kind->plural, names[i]);
        }
    return ERR_OK;
}

/* Kinds that keep their dependents unless told otherwise, as kube-apiserver has it for old clients' sake. */
static bool orphans_by_default(const struct kind *kind)
{
    return kind == &job_kind || kind == &replication_controller_kind;
}

/* The finalizers that the policy leaves. *ret_changed: they are others than before. NULL when the arena is full. */
static struct json *finalizers_after(struct request *r, const struct json *before, bool *ret_changed)
{
    const struct request_options *o = &r->options;
    bool foreground = bytes_equal(o->propagation_policy, BYTES("Foreground"));
    bool orphan = bytes_equal(o->propagation_policy, BYTES("Orphan")) || o->orphan_dependents;
    bool decided = o->propagation_policy.n > 0 || o->has_orphan_dependents;
    bool orphans = !decided && !json_get(json_get(r->old, BYTES("metadata")), BYTES("deletionTimestamp")) &&
                   orphans_by_default(r->kind);
    struct json *after = json_new(r->arena, JSON_ARRAY);

    orphan = orphan || orphans;
    *ret_changed = false;
    for (const struct json *f = before ? before->first : NULL; f && after; f = f->next) {
        bool ours = bytes_equal(f->text, FOREGROUND) || bytes_equal(f->text, ORPHAN);
        bool wanted = bytes_equal(f->text, FOREGROUND) ? foreground : orphan;
        if (!ours || !decided || wanted) {
            if (!json_append(after, json_string(r->arena, f->text)))
                return NULL;
            foreground = foreground && !bytes_equal(f->text, FOREGROUND);
            orphan = orphan && !bytes_equal(f->text, ORPHAN);
        } else {
            *ret_changed = true;
        }
    }
    if (after && (foreground || orphan)) {
        *ret_changed = true;
        if (!json_append(after, json_string(r->arena, foreground ? FOREGROUND : ORPHAN)))
            return NULL;
    }
    return after;
}

/* Seconds that the object is left, 0 for most. Less than none is one, as kube-apiserver has it. */
static int64_t grace_period(const struct request *r)
{
    int64_t given = r->options.grace_period_seconds;

    if (!r->old || !r->kind->rules->grace_period)
        return 0;
    return r->kind->rules->grace_period(r->old, !r->options.has_grace_period ? -1 : given < 0 ? 1 : given);
}

static bool set_deletion(struct request *r, struct json *metadata, int64_t grace)
{
    char when[CLOCK_RFC3339_SIZE];
    const struct json *generation = json_get(metadata, BYTES("generation"));
    int64_t now = clock_wall_seconds(), counted;

    clock_format(grace < DAY_LAST - now ? now + grace : DAY_LAST, when);
    if (!json_set(metadata, BYTES("deletionTimestamp"), json_string(r->arena, arena_copy(r->arena, bytes_of(when)))))
        return false;
    if (generation && json_to_int64(generation, &counted) &&
        !json_set(metadata, BYTES("generation"), json_integer(r->arena, counted + 1)))
        return false;
    return r->kind == &namespace_kind ||
           json_set(metadata, BYTES("deletionGracePeriodSeconds"), json_integer(r->arena, grace));
}

/* A namespace says so in its status too. */
static bool set_terminating(struct request *r, struct json *object)
{
    struct json *status = json_get(object, BYTES("status"));

    if (r->kind != &namespace_kind)
        return true;
    if (!status)
        status = json_set(object, BYTES("status"), json_new(r->arena, JSON_OBJECT));
    return json_set(status, BYTES("phase"), json_string(r->arena, BYTES("Terminating")));
}

/* Seconds that are left to an object that is marked already; a later delete can only shorten them. */
static bool shortens(const struct json *metadata, int64_t grace)
{
    const struct json *left = json_get(metadata, BYTES("deletionGracePeriodSeconds"));
    int64_t seconds;

    return left && json_to_int64(left, &seconds) && grace < seconds;
}

/* The object as it is once its kind has heard of its first delete. */
static err_t hear(struct request *r, const struct json **ret)
{
    struct json *object;

    *ret = r->old;
    if (!r->old || !r->kind->rules->deleting ||
        json_text(json_get(r->old, BYTES("metadata")), BYTES("deletionTimestamp")).n > 0)
        return ERR_OK;
    object = json_copy(r->arena, r->old);
    if (!object)
        return arena_error(r->arena, &r->error);
    *ret = object;
    return r->kind->rules->deleting(r->arena, r->kind, object, &r->error);
}

/* The object as it shows that it is being deleted. */
static err_t mark(struct request *r, const struct json *old, struct json *finalizers, int64_t grace)
{
    struct json *object = json_copy(r->arena, old), *metadata = json_get(object, BYTES("metadata"));
    bool marked = json_text(metadata, BYTES("deletionTimestamp")).n > 0, fine = metadata && finalizers;

    if (fine && (!marked || shortens(metadata, grace)))
        fine = set_deletion(r, metadata, grace);
    fine = fine && set_terminating(r, object);
    if (fine && finalizers->count > 0)
        fine = json_set(metadata, BYTES("finalizers"), finalizers);
    else if (fine)
        json_remove(metadata, BYTES("finalizers"));
    if (!fine)
        return arena_error(r->arena, &r->error);
    object_arrange(r->kind, object);
    r->object = object;
    return ERR_OK;
}

err_t delete_prepare(struct request *r)
{
    const struct json *old;
    int64_t grace = grace_period(r);
    struct json *finalizers;
    bool changed;

    if (r->kind == &namespace_kind)
        TRY(check_protected(r));
    TRY(check_preconditions(r));
    TRY(hear(r, &old));
    finalizers = finalizers_after(r, json_at(old, BYTES("metadata"), BYTES("finalizers"), BYTES_NONE), &changed);
    if (!finalizers)
        return arena_error(r->arena, &r->error);
    r->removes = !r->old || (finalizers->count == 0 && grace == 0 &&
                                !(r->kind->rules->is_held && r->kind->rules->is_held(r->old)));
    if (!r->old || (r->removes && !r->kind->delete_returns_object))
        return ERR_OK;
    return mark(r, old, finalizers, grace);
}
