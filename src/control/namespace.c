/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces that are being deleted: their contents go, then their finalizer, and with it the server lets go of them.
 * Pods go first, as upstream has it: what they use outlives them. What stays (finalizers, objects that cannot be read)
 * is watched, and told in the conditions. */
#include "base/clock.h"
#include "control/controllers.h"
#include "control/namespace_conditions.h"

#define FINALIZER   BYTES("kubernetes")
#define UNREADABLE  BYTES("coffer.dev/unreadable")
#define BACKGROUND  "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Background\"}"
#define PAGE        500
#define PAGE_MEMORY ((size_t)64 << 20)
#define LOOK_MS     60000 /* at what waits for others, should no watch tell */

struct deletion {
    struct worker *worker;
    struct arena *arena;
    bytes namespace;
    struct namespace_progress progress;
    bool left;   /* contents, or the doubt */
    bool failed; /* to be tried again soon */
};

/* ---- Contents of one kind. */

static err_t no_room(const struct deletion *d, struct error *error)
{
    return arena_error(d->arena, error);
}

/* "secrets." and "roles.rbac.authorization.k8s.io", as upstream names them here. */
static bytes resource_name(struct arena *arena, const struct kind *kind)
{
    return arena_format(arena, "%s.%s", kind->plural, kind->group);
}

static bool is_unreadable(const struct json *item)
{
    return json_at(item, BYTES("metadata"), BYTES("annotations"), UNREADABLE, BYTES_NONE) != NULL;
}

/* Counts an object that stays. */
static err_t count_one(struct deletion *d, const struct json *item, struct buffer *unreadable, struct error *error)
{
    const struct json *metadata = json_get(item, BYTES("metadata"));
    const struct json *finalizers = json_get(metadata, BYTES("finalizers"));
    for (const struct json *f = finalizers ? finalizers->first : NULL; f; f = f->next)
        if (!remaining_add(d->arena, &d->progress.finalizers, f->text, 1))
            return no_room(d, error);
    if (is_unreadable(item)) {
        buffer_byte(unreadable, ' ');
        buffer_put(unreadable, json_text(metadata, BYTES("name")));
    }
    return ERR_OK;
}

static err_t tell_unreadable(
    struct deletion *d, const struct kind *kind, const struct buffer *names, struct error *error)
{
    bytes sentence;
    if (names->n == 0 && !names->failed)
        return ERR_OK;
    bytes resource = kind_qualified_resource(d->arena, kind);
    sentence = arena_format(d->arena,
        "%s that cannot be read are left alone; to remove them for ever: kubectl delete --namespace=%.*s %.*s%.*s",
        kind->plural, BYTES_FMT(d->namespace), BYTES_FMT(resource), BYTES_FMT(buffer_bytes(names)));
    if (names->failed || !resource.p || !sentence.p)
        return no_room(d, error);
    progress_fail(d->arena, &d->progress, sentence);
    return ERR_OK;
}

static err_t count_pages(struct deletion *d, struct arena *page, struct api_list *list, struct buffer *unreadable,
    uint64_t *ret_count, struct error *error)
{
    struct json *items;
    uint64_t found = 0;
    do {
        arena_reset(page);
        TRY(api_list_next(d->worker->client, page, list, &items, error));
        found += items ? items->count : 0;
        for (const struct json *item = items ? items->first : NULL; item; item = item->next)
            TRY(count_one(d, item, unreadable, error));
    } while (items);
    *ret_count = found;
    return ERR_OK;
}

/* Counts what there is of a kind. */
static err_t count(struct deletion *d, const struct kind *kind, uint64_t *ret_count, struct error *error)
{
    struct api_list list = {
        .path = api_kind_path(d->arena, kind, d->namespace, BYTES_NONE), .accept = metadata_list, .limit = PAGE};
    struct buffer unreadable;
    struct arena page;
    if (!list.path.p)
        return no_room(d, error);
    buffer_init(&unreadable, d->arena);
    arena_init(&page, PAGE_MEMORY);
    err_t code = count_pages(d, &page, &list, &unreadable, ret_count, error);
    arena_reset(&page);
    return code == ERR_OK ? tell_unreadable(d, kind, &unreadable, error) : code;
}

static err_t is_empty(struct deletion *d, const struct kind *kind, bool *ret, struct error *error)
{
    struct api_list list = {
        .path = api_kind_path(d->arena, kind, d->namespace, BYTES_NONE), .accept = metadata_list, .limit = 1};
    struct json *items;
    if (!list.path.p)
        return no_room(d, error);
    TRY(api_list_next(d->worker->client, d->arena, &list, &items, error));
    *ret = items->count == 0;
    return ERR_OK;
}

/* What was deleted would be listed in the answer. */
static err_t delete_collection(struct deletion *d, const struct kind *kind, struct error *error)
{
    struct api_client *client = d->worker->client;
    struct api_reply reply;
    const struct api_request request = {.method = "DELETE",
        .path = api_kind_path(d->arena, kind, d->namespace, BYTES_NONE),
        .accept = metadata_list,
        .body = BYTES(BACKGROUND),
        .discard = true};
    if (!request.path.p)
        return no_room(d, error);
    TRY(client->call(client, d->arena, &request, &reply, error));
    return reply.status < 300 ? ERR_OK : api_status_error(&reply, d->arena, error);
}

static err_t delete_kind(struct deletion *d, const struct kind *kind, struct error *error)
{
    uint64_t left = 0;
    bool empty;
    TRY(is_empty(d, kind, &empty, error));
    if (empty)
        return ERR_OK;
    TRY(delete_collection(d, kind, error));
    TRY(count(d, kind, &left, error));
    if (left == 0)
        return ERR_OK;
    d->left = true;
    if (!remaining_add(d->arena, &d->progress.resources, resource_name(d->arena, kind), left) ||
        !worker_watch(d->worker, kind, d->namespace, true))
        return no_room(d, error);
    return ERR_OK;
}

/* One kind that fails keeps no other from being deleted; but what fails for want of memory, or because the server
 * stops, would fail for all. */
static err_t try_kind(struct deletion *d, const struct kind *kind, struct error *error)
{
    err_t code = delete_kind(d, kind, error);
    if (code == ERR_OK || code == ERR_NO_MEMORY || code == ERR_UNAVAILABLE || d->arena->failed != ERR_OK)
        return code;
    d->left = d->failed = true;
    progress_fail(d->arena, &d->progress, arena_copy(d->arena, error->message));
    return ERR_OK;
}

/* ---- All contents. */

/* Each resource once, by its stored version. */
static bool is_content(const struct kind *kind)
{
    const unsigned verbs = VERB_BIT(VERB_LIST) | VERB_BIT(VERB_DELETECOLLECTION);
    return kind->namespaced && (kind->verbs & verbs) == verbs && !kind->stored_as;
}

static bool is_pod(const struct kind *kind)
{
    return !kind->group[0] && bytes_equal(bytes_of(kind->plural), BYTES("pods"));
}

static err_t delete_contents(struct deletion *d, struct error *error)
{
    size_t kinds;
    const struct kind *const *all = registry_kinds(registry_current(), &kinds);
    worker_unwatch(d->worker, d->namespace);
    for (size_t i = 0; i < kinds; i++)
        if (is_content(all[i]) && is_pod(all[i]))
            TRY(try_kind(d, all[i], error));
    bool pods_left = d->left;
    for (size_t i = 0; i < kinds && !pods_left; i++)
        if (is_content(all[i]) && !is_pod(all[i]))
            TRY(try_kind(d, all[i], error));
    return d->arena->failed == ERR_OK ? ERR_OK : no_room(d, error);
}

static err_t put(struct deletion *d, struct json *namespace, const char *subresource, struct error *error)
{
    struct json *answer;
    bytes path = arena_format(d->arena, "/api/v1/namespaces/%.*s/%s", BYTES_FMT(d->namespace), subresource);
    return worker_send(d->worker, d->arena, "PUT", path, namespace, &answer, error);
}

static struct json *finalizer_of(const struct json *namespace)
{
    const struct json *finalizers = json_at(namespace, BYTES("spec"), BYTES("finalizers"), BYTES_NONE);
    struct json *one = finalizers && finalizers->type == JSON_ARRAY ? finalizers->first : NULL;
    while (one && !bytes_equal(one->text, FINALIZER))
        one = one->next;
    return one;
}

static err_t finalize(struct deletion *d, struct json *namespace, struct error *error)
{
    struct json *before = json_at(namespace, BYTES("spec"), BYTES("finalizers"), BYTES_NONE);
    struct json *after = json_new(d->arena, JSON_ARRAY);
    for (const struct json *one = before->first; one; one = one->next)
        if (!bytes_equal(one->text, FINALIZER) && !json_append(after, json_string(d->arena, one->text)))
            return no_room(d, error);
    if (!json_set(json_get(namespace, BYTES("spec")), BYTES("finalizers"), after))
        return no_room(d, error);
    return put(d, namespace, "finalize", error);
}

static err_t reconcile(struct worker *worker, struct arena *arena, bytes key, struct error *error)
{
    struct deletion d = {.worker = worker, .arena = arena, .namespace = key};
    bytes path = arena_join(arena, BYTES("/api/v1/namespaces/"), key, ARENA_END);
    struct json *namespace;
    bool changed;
    if (!path.p)
        return no_room(&d, error);
    err_t code = api_get(worker->client, arena, path, &namespace, error);
    if (code == ERR_NOT_FOUND ||
        (code == ERR_OK && (!json_at(namespace, BYTES("metadata"), BYTES("deletionTimestamp"), BYTES_NONE) ||
                               !finalizer_of(namespace)))) {
        worker_unwatch(worker, key);
        return ERR_OK;
    }
    TRY(code);
    TRY(delete_contents(&d, error));
    if (!d.left) {
        worker_unwatch(worker, key);
        return finalize(&d, namespace, error);
    }
    TRY(namespace_conditions_set(arena, namespace, &d.progress, clock_wall_seconds(), &changed, error));
    if (changed)
        TRY(put(&d, namespace, "status", error));
    if (d.failed)
        return error_set(error, ERR_UNAVAILABLE, "contents of the namespace %.*s could not be deleted", BYTES_FMT(key));
    worker_enqueue(worker, key, LOOK_MS);
    return ERR_OK;
}

/* A namespace that is being deleted, or what changed in one: what was added there changes nothing. */
static void changed(struct worker *worker, const struct kind *kind, const struct json *object, enum api_event_type type)
{
    const struct json *metadata = json_get(object, BYTES("metadata"));
    if (kind->namespaced && type != API_ADDED)
        worker_enqueue(worker, json_text(metadata, BYTES("namespace")), 0);
    else if (!kind->namespaced && type != API_DELETED && json_get(metadata, BYTES("deletionTimestamp")))
        worker_enqueue(worker, json_text(metadata, BYTES("name")), 0);
}

static const struct collection collections[] = {{"", "v1", "namespaces", NULL, true}};

const struct controller namespace_controller = {
    .name = "namespace-controller",
    .collections = collections,
    .collection_count = ARRAY_LEN(collections),
    .changed = changed,
    .reconcile = reconcile,
};
