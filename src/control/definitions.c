/* SPDX-License-Identifier: Apache-2.0 */
/* CustomResourceDefinitions: names that are free are accepted, then the definition is established, and its kinds are
 * served (src/serve/snapshots.h). One that is being deleted is let go when its objects are gone. Conditions as
 * upstream's naming, establishing and finalizing controllers set them. */
#include "api/conditions.h"
#include "api/custom_kind.h"
#include "base/clock.h"
#include "control/controllers.h"
#include "control/definition_names.h"

#define COLLECTION "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
#define PAGE       500
#define LOOK_MS    1000 /* at what waits for finalizers */
#define RULES_MOST 1024 /* bytes of rules' places in a condition */

struct sync {
    struct worker *worker;
    struct arena *arena;
    struct json *definition, *spec, *status;
    bool changed; /* status */
};

static err_t no_room(const struct sync *s, struct error *error)
{
    return arena_error(s->arena, error);
}

static err_t set(
    struct sync *s, const char *type, const char *status, const char *reason, bytes message, struct error *error)
{
    const struct condition condition = {type, status, reason, message};
    return condition_set(s->arena, s->status, &condition, clock_wall_seconds(), &s->changed) ? ERR_OK
                                                                                             : no_room(s, error);
}

/* What changed meanwhile comes back by the watch. */
static err_t put_status(struct sync *s, struct error *error)
{
    bytes name = json_text(json_get(s->definition, BYTES("metadata")), BYTES("name"));
    bytes path =
        arena_join(s->arena, BYTES(COLLECTION "/"), name, BYTES("/status?fieldManager=kube-apiserver"), ARENA_END);
    struct json *answer;
    if (!s->changed)
        return ERR_OK;
    err_t code = worker_send(s->worker, s->arena, "PUT", path, s->definition, &answer, error);
    return code == ERR_CONFLICT || code == ERR_NOT_FOUND ? ERR_OK : code;
}

/* ---- Rules that nobody evaluates. */

struct places {
    struct buffer text;
    unsigned count, left_out;
};

static void take_place(void *context, bytes place)
{
    struct places *p = context;
    p->count++;
    if (p->text.n + place.n > RULES_MOST) {
        p->left_out++;
        return;
    }
    buffer_text(&p->text, p->text.n ? ", " : "");
    buffer_put(&p->text, place);
}

static err_t tell_rules(struct sync *s, struct error *error)
{
    struct places p = {0};
    buffer_init(&p.text, s->arena);
    custom_definition_rules(s->arena, s->definition, take_place, &p);
    if (!p.count) {
        condition_remove(s->status, "ValidationRulesIgnored", &s->changed);
        return ERR_OK;
    }
    bytes message = arena_format(s->arena, "kept but not evaluated: %.*s", BYTES_FMT(buffer_bytes(&p.text)));
    if (p.left_out && message.p)
        message = arena_format(s->arena, "%.*s and %u more", BYTES_FMT(message), p.left_out);
    if (p.text.failed || !message.p)
        return no_room(s, error);
    return set(s, "ValidationRulesIgnored", "True", "NotEvaluated", message, error);
}

/* ---- Names. */

static err_t establish(struct sync *s, struct error *error)
{
    struct name_verdict verdict;
    TRY(definition_names_judge(s->worker->state, s->arena, s->definition, &verdict, error));
    if (!json_equal(verdict.accepted, json_get(s->status, BYTES("acceptedNames")))) {
        s->changed = true;
        if (!json_set(s->status, BYTES("acceptedNames"), verdict.accepted))
            return no_room(s, error);
    }
    TRY(set(s, "NamesAccepted", verdict.reason ? "False" : "True", verdict.reason ? verdict.reason : "NoConflicts",
        verdict.reason ? verdict.message : BYTES("no conflicts found"), error));
    if (!verdict.reason)
        TRY(set(
            s, "Established", "True", "InitialNamesAccepted", BYTES("the initial names have been accepted"), error));
    else if (!condition_is_true(s->status, "Established"))
        TRY(set(s, "Established", "False", "NotAccepted", BYTES("not all names are accepted"), error));
    TRY(tell_rules(s, error));
    TRY(put_status(s, error));
    bool freed; /* claimed at once: the next definition may be judged before the watch tells of this */
    return definition_names_learn(s->worker->state, s->definition, false, &freed)
               ? ERR_OK
               : error_set(error, ERR_NO_MEMORY, "no memory for the names of a definition");
}

/* ---- The end. */

static const struct kind *served_kind(const struct sync *s)
{
    size_t count;
    bytes group = json_text(s->spec, BYTES("group")),
          plural = json_text(json_get(s->spec, BYTES("names")), BYTES("plural"));
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);
    for (size_t i = 0; i < count; i++)
        if (kinds[i]->set && bytes_equal(group, bytes_of(kinds[i]->group)) &&
            bytes_equal(plural, bytes_of(kinds[i]->plural)))
            return kinds[i];
    return NULL;
}

static err_t delete_namespace(struct sync *s, const struct kind *kind, bytes namespace, struct error *error)
{
    struct json *answer;
    const struct api_request request = {.method = "DELETE",
        .path = api_kind_path(s->arena, kind, namespace, BYTES_NONE),
        .accept = metadata_list,
        .body = BYTES("{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Background\"}")};
    if (!request.path.p)
        return no_room(s, error);
    return api_do(s->worker->client, s->arena, &request, &answer, error);
}

/* Deletes what is there, and tells whether there was anything. Objects are in the order of namespaces: each is asked
 * for once. */
static err_t delete_objects(struct sync *s, const struct kind *kind, bool *ret_any, struct error *error)
{
    struct api_list list = {
        .path = api_kind_path(s->arena, kind, BYTES_NONE, BYTES_NONE), .accept = metadata_list, .limit = PAGE};
    struct json *items;
    bytes last = BYTES_NONE;
    bool any = false;
    if (!list.path.p)
        return no_room(s, error);
    do {
        TRY(api_list_next(s->worker->client, s->arena, &list, &items, error));
        for (const struct json *item = items ? items->first : NULL; item; item = item->next) {
            bytes namespace = json_text(json_get(item, BYTES("metadata")), BYTES("namespace"));
            if (any && bytes_equal(namespace, last))
                continue;
            TRY(delete_namespace(s, kind, namespace, error));
            last = namespace;
            any = true;
        }
    } while (items);
    *ret_any = any;
    return ERR_OK;
}

static err_t let_go(struct sync *s, struct error *error)
{
    struct json *metadata = json_get(s->definition, BYTES("metadata")), *after = json_new(s->arena, JSON_ARRAY);
    const struct json *before = json_get(metadata, BYTES("finalizers"));
    for (const struct json *f = before ? before->first : NULL; f && after; f = f->next)
        if (!bytes_equal(f->text, BYTES(CUSTOM_FINALIZER)) && !json_append(after, json_string(s->arena, f->text)))
            return no_room(s, error);
    return json_set(metadata, BYTES("finalizers"), after) ? ERR_OK : no_room(s, error);
}

/* What failed, or still stands, is told and tried again. */
static err_t wait(struct sync *s, bytes key, const char *reason, bytes message, struct error *error)
{
    TRY(set(s, "Terminating", "True", reason, message, error));
    worker_enqueue(s->worker, key, LOOK_MS);
    return put_status(s, error);
}

/* Twice: what has no finalizers is gone when it is looked for again. */
static err_t delete_all(struct sync *s, const struct kind *kind, bool *ret_any, struct error *error)
{
    err_t code = delete_objects(s, kind, ret_any, error);
    return code == ERR_OK && *ret_any ? delete_objects(s, kind, ret_any, error) : code;
}

static err_t finish(struct sync *s, const char *reason, const char *message, struct error *error)
{
    TRY(set(s, "Terminating", "False", reason, bytes_of(message), error));
    TRY(let_go(s, error));
    s->changed = true;
    return put_status(s, error);
}

static err_t terminate(struct sync *s, bytes key, struct error *error)
{
    const struct kind *kind = served_kind(s);
    bool any = false;
    struct error why;
    if (!condition_is_true(s->status, "Established"))
        return finish(s, "NeverEstablished", "resource was never established", error);
    if (!kind)
        return wait(s, key, "InstanceDeletionFailed",
            BYTES("no version is served: serve one, so that the instances can be deleted"), error);
    error_init(&why, s->arena);
    err_t code = delete_all(s, kind_hold(kind), &any, &why);
    kind_release(kind);
    if (code == ERR_NO_MEMORY || code == ERR_UNAVAILABLE)
        return error_set(error, code, "%.*s", BYTES_FMT(why.message));
    if (code != ERR_OK)
        return wait(s, key, "InstanceDeletionFailed",
            arena_format(s->arena, "could not issue all deletes: %.*s", BYTES_FMT(why.message)), error);
    if (any)
        return wait(s, key, "InstanceDeletionInProgress", BYTES("CustomResource deletion is in progress"), error);
    return finish(s, "InstanceDeletionCompleted", "removed all instances", error);
}

static bool is_held(const struct json *definition)
{
    const struct json *finalizers = json_at(definition, BYTES("metadata"), BYTES("finalizers"), BYTES_NONE);
    for (const struct json *f = finalizers ? finalizers->first : NULL; f; f = f->next)
        if (bytes_equal(f->text, BYTES(CUSTOM_FINALIZER)))
            return true;
    return false;
}

/* ---- The controller. */

static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    struct sync s = {.worker = worker, .arena = arena};
    bytes path = arena_join(arena, BYTES(COLLECTION "/"), key, ARENA_END);
    if (!path.p)
        return no_room(&s, error);
    err_t code = api_get(worker->client, arena, path, &s.definition, error);
    if (code == ERR_NOT_FOUND)
        return ERR_OK;
    TRY(code);
    s.spec = json_get(s.definition, BYTES("spec"));
    s.status = json_get(s.definition, BYTES("status"));
    if (!s.spec || !s.status)
        return ERR_OK;
    if (!json_at(s.definition, BYTES("metadata"), BYTES("deletionTimestamp"), BYTES_NONE))
        return establish(&s, error);
    return is_held(s.definition) ? terminate(&s, key, error) : ERR_OK;
}

static void look_now(void *worker, bytes name)
{
    worker_enqueue(worker, name, 0);
}

/* Names that a definition gives up may be what another of its group waits for. */
static void changed(struct worker *worker, const struct kind *kind, const struct json *object, enum api_event_type type)
{
    bool freed = true; /* without memory: all are looked at */
    (void)kind;
    if (!definition_names_learn(worker->state, object, type == API_DELETED, &freed) || freed)
        definition_names_others(worker->state, object, look_now, worker);
    if (type != API_DELETED)
        worker_enqueue(worker, json_text(json_get(object, BYTES("metadata")), BYTES("name")), 0);
}

static void stop(struct worker *worker)
{
    definition_names_free(worker->state);
}

static const struct collection collections[] = {
    {"apiextensions.k8s.io", "v1", "customresourcedefinitions", NULL, false}};

const struct controller definition_controller = {
    .name = "custom-resource-definition-controller",
    .collections = collections,
    .collection_count = ARRAY_LEN(collections),
    .changed = changed,
    .reconcile = reconcile,
    .stop = stop,
    .state_size = sizeof(struct definition_names),
};
