/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/snapshots.h"

#include "access/node_graph.h"
#include "access/node_rows.h"
#include "access/rbac.h"
#include "api/custom_kind.h"
#include "base/log.h"
#include "kinds/kinds.h"
#include "serve/request.h"
#include "serve/webhook.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROW_MEMORY        (64u << 20)
#define NUMBER_FIRST      1000 /* below: built-in kinds */
#define RETRY_NANOSECONDS 10000000
#define META_NEXT         "kinds/next"

/* Of a custom kind. */
struct number {
    char *resource; /* "group/plural" */
    uint16_t number;
};

struct snapshots {
    pthread_mutex_t allotting; /* held while the store writes; never by the commit thread, which that waits for */
    pthread_mutex_t mutex;     /* numbers */
    struct number *numbers;
    size_t count, capacity;
    uint64_t applied; /* the commit thread's: rows up to here are in the snapshots */
};

/* A row that snapshots are made from: object is what is stored, canonical; NULL: it was deleted. */
struct row {
    struct server *server;
    struct arena *arena;
    const struct kind *kind;
    bytes key;
    struct json *object;
};
typedef err_t follow_function(const struct row *, struct error *);
static follow_function follow_definition, follow_role, follow_binding, follow_mutating, follow_validating,
    follow_flow_schema, follow_flow_level, follow_pod, follow_volume, follow_attachment;

/* The kinds, in the order in which they are read at the start. */
static const struct followed {
    const char *group, *kind;
    follow_function *apply;
} followed[] = {
    {"apiextensions.k8s.io", "CustomResourceDefinition", follow_definition},
    {"rbac.authorization.k8s.io", "ClusterRole", follow_role},
    {"rbac.authorization.k8s.io", "ClusterRoleBinding", follow_binding},
    {"rbac.authorization.k8s.io", "Role", follow_role},
    {"rbac.authorization.k8s.io", "RoleBinding", follow_binding},
    {"admissionregistration.k8s.io", "MutatingWebhookConfiguration", follow_mutating},
    {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration", follow_validating},
    {"flowcontrol.apiserver.k8s.io", "FlowSchema", follow_flow_schema},
    {"flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", follow_flow_level},
    {"", "PersistentVolume", follow_volume},
    {"", "Pod", follow_pod},
    {"storage.k8s.io", "VolumeAttachment", follow_attachment},
};

static const struct followed *followed_find(const struct kind *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(followed); i++)
        if (strcmp(kind->kind, followed[i].kind) == 0 && strcmp(kind->group, followed[i].group) == 0)
            return &followed[i];
    return NULL;
}

/* ---- Numbers of custom kinds. */

static const struct number *find_number(const struct snapshots *s, const char *resource)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->numbers[i].resource, resource) == 0)
            return &s->numbers[i];
    return NULL;
}

static bool known_number(struct snapshots *s, const char *resource, uint16_t *ret)
{
    const struct number *known;

    pthread_mutex_lock(&s->mutex);
    known = find_number(s, resource);
    if (known)
        *ret = known->number;
    pthread_mutex_unlock(&s->mutex);
    return known != NULL;
}

static bool keep_number(struct snapshots *s, const char *resource, uint16_t number)
{
    char *copy = strdup(resource);
    bool room;

    pthread_mutex_lock(&s->mutex);

    if (copy && s->count == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 64;
        struct number *grown = realloc(s->numbers, capacity * sizeof *grown);
        if (grown)
            s->numbers = grown, s->capacity = capacity;
    }
    room = copy && s->count < s->capacity;
    if (room)
        s->numbers[s->count++] = (struct number){copy, number};
    pthread_mutex_unlock(&s->mutex);
    if (!room)
        free(copy);
    return room;
}

static err_t read_number(
    struct server *server, struct arena *arena, const char *name, uint64_t *ret, struct error *error)
{
    bytes text;

    TRY(store_meta_get(server->store, arena, name, &text, error));
    return bytes_to_uint64(text, ret) && *ret <= UINT16_MAX
               ? ERR_OK
               : error_set(error, ERR_CORRUPT, "the store's record %s is no number", name);
}

static err_t write_number(struct server *server, const char *name, uint64_t number, struct error *error)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return store_meta_put(server->store, name, bytes_of(text), error);
}

/* The counter goes first: a number that a crash leaves behind is never given again. */
static err_t new_number(
    struct server *server, struct arena *arena, const char *name, uint64_t *ret, struct error *error)
{
    uint64_t next = NUMBER_FIRST;
    err_t code = read_number(server, arena, META_NEXT, &next, error);

    if (code != ERR_OK && code != ERR_NOT_FOUND)
        return code;
    if (next == UINT16_MAX)
        return error_set(error, ERR_UNAVAILABLE, "this store has held %u custom kinds, and has no number for another",
            UINT16_MAX - NUMBER_FIRST);
    TRY(write_number(server, META_NEXT, next + 1, error));
    TRY(write_number(server, name, next, error));
    *ret = next;
    return ERR_OK;
}

static err_t allot(struct server *server, struct arena *arena, const char *resource, uint16_t *ret, struct error *error)
{
    uint64_t number = 0;
    bytes name;
    err_t code;

    if (known_number(server->snapshots, resource, ret))
        return ERR_OK;
    name = arena_format(arena, "kinds/%s", resource);
    if (!name.p)
        return arena_error(arena, error);
    code = read_number(server, arena, (const char *)name.p, &number, error);
    if (code == ERR_NOT_FOUND)
        code = new_number(server, arena, (const char *)name.p, &number, error);
    TRY(code);
    if (!keep_number(server->snapshots, resource, (uint16_t)number))
        return error_set(error, ERR_NO_MEMORY, "no memory for a kind's number");
    *ret = (uint16_t)number;
    return ERR_OK;
}

err_t snapshots_allot_number(struct server *server, bytes group, bytes plural, uint16_t *ret, struct error *error)
{
    struct arena arena;
    bytes resource;
    err_t code;

    arena_init(&arena, 64u << 10);
    resource = arena_join(&arena, group, BYTES("/"), plural, ARENA_END);
    pthread_mutex_lock(&server->snapshots->allotting);
    code = resource.p ? allot(server, &arena, (const char *)resource.p, ret, error) : arena_error(&arena, error);
    pthread_mutex_unlock(&server->snapshots->allotting);
    arena_reset(&arena);
    return code;
}

/* What was allotted: the commit thread must not wait for the store. */
static err_t number_of(
    struct snapshots *s, struct arena *arena, bytes group, bytes plural, uint16_t *ret, struct error *error)
{
    bytes resource = arena_join(arena, group, BYTES("/"), plural, ARENA_END);

    if (!resource.p)
        return arena_error(arena, error);
    return known_number(s, (const char *)resource.p, ret)
               ? ERR_OK
               : error_set(error, ERR_CORRUPT, "it has no number in this store");
}

/* ---- Kinds from definitions. */

static bool established(const struct json *definition)
{
    const struct json *conditions = json_at(definition, BYTES("status"), BYTES("conditions"), BYTES_NONE);

    for (const struct json *c = conditions ? conditions->first : NULL; c; c = c->next)
        if (bytes_equal(json_text(c, BYTES("type")), BYTES("Established")))
            return bytes_equal(json_text(c, BYTES("status")), BYTES("True"));
    return false;
}

/* A definition is named PLURAL.GROUP. */
static err_t forget_kind(bytes name, struct error *error)
{
    size_t dot = bytes_find(name, '.');
    bytes group = dot < name.n ? bytes_skip(name, dot + 1) : BYTES_NONE;

    if (!registry_remove(group, (bytes){name.p, dot}))
        return error_set(error, ERR_NO_MEMORY, "no memory for the registry of kinds");
    return ERR_OK;
}

static err_t learn_kind(struct server *server, struct arena *arena, const struct json *definition, struct error *error)
{
    const struct json *spec = json_get(definition, BYTES("spec"));
    bytes group = json_text(spec, BYTES("group")), plural = json_text(json_get(spec, BYTES("names")), BYTES("plural"));
    struct kind_set *set;
    uint16_t number;

    if (!established(definition))
        return ERR_OK;
    TRY(number_of(server->snapshots, arena, group, plural, &number, error));
    TRY(custom_kinds_compile(definition, number, &set, error));
    if (set ? registry_put(set) : registry_remove(group, plural)) /* none: no version is served */
        return ERR_OK;
    if (set)
        kind_release(set->kinds[0]);
    return error_set(error, ERR_NO_MEMORY, "no memory for the registry of kinds");
}

static err_t number_definition(struct server *server, bytes name, struct error *error)
{
    size_t dot = bytes_find(name, '.');
    uint16_t number;

    return snapshots_allot_number(
        server, dot < name.n ? bytes_skip(name, dot + 1) : BYTES_NONE, (bytes){name.p, dot}, &number, error);
}

static err_t follow_definition(const struct row *row, struct error *error)
{
    return row->object ? learn_kind(row->server, row->arena, row->object, error) : forget_kind(row->key, error);
}

/* ---- What others make of the rest. */

static err_t follow_role(const struct row *row, struct error *error)
{
    return rbac_put(RBAC_ROLES, row->key, row->object, error);
}

static err_t follow_binding(const struct row *row, struct error *error)
{
    return rbac_put(RBAC_BINDINGS, row->key, row->object, error);
}

static err_t follow_mutating(const struct row *row, struct error *error)
{
    return webhooks_follow(WEBHOOK_MUTATING, row->key, row->object, error);
}

static err_t follow_validating(const struct row *row, struct error *error)
{
    return webhooks_follow(WEBHOOK_VALIDATING, row->key, row->object, error);
}

static err_t follow_flow_schema(const struct row *row, struct error *error)
{
    return flow_schema_put(row->key, row->object, error);
}

static err_t follow_flow_level(const struct row *row, struct error *error)
{
    return flow_level_put(row->key, row->object, error);
}

static err_t follow_pod(const struct row *row, struct error *error)
{
    return node_rows_pod(row->arena, row->kind, row->key, row->object, error);
}

static err_t follow_volume(const struct row *row, struct error *error)
{
    return node_rows_volume(row->arena, row->kind, row->key, row->object, error);
}

static err_t follow_attachment(const struct row *row, struct error *error)
{
    return node_rows_attachment(row->arena, row->kind, row->key, row->object, error);
}

/* ---- Following the store. */

/* The stored version. */
static const struct kind *followed_kind(const struct followed *what)
{
    size_t count;
    const struct kind *const *kinds = registry_kinds(registry_current(), &count);

    for (size_t i = 0; i < count; i++)
        if (!kinds[i]->custom && !kinds[i]->stored_as && followed_find(kinds[i]) == what)
            return kinds[i];
    return NULL;
}

static err_t open_row(struct server *server, struct arena *arena, const struct followed *what, const struct kind *kind,
    const struct record *record, struct error *error)
{
    struct row row = {.server = server, .arena = arena, .kind = kind, .key = record->key.name};
    bytes text;

    if (!record->deleted) {
        TRY(record_open(server->atrest, arena, kind, record, &text, NULL, error));
        TRY(record_parse(arena, kind, text, &row.object, error));
    }
    return what->apply(&row, error);
}

/* Rules that cannot be read or held allow nothing, not what they allowed before. */
static err_t withdraw(const struct followed *what, bytes key, struct error *error)
{
    if (what->apply == follow_role || what->apply == follow_binding)
        return rbac_put(what->apply == follow_role ? RBAC_ROLES : RBAC_BINDINGS, key, NULL, error);
    return ERR_OK;
}

/* Any other object that cannot be read or held leaves what was in force. It says so, and is passed by: one that is too
 * large for ROW_MEMORY is so the next time too. False: for want of memory alone, and nothing was said. */
static bool apply_row(struct server *server, const struct record *record)
{
    const struct kind *kind = kind_by_number(registry_current(), record->key.kind);
    const struct followed *what = kind ? followed_find(kind) : NULL;
    struct arena arena;
    struct error error;
    err_t code;

    if (!what)
        return true;
    arena_init_plain(&arena, ROW_MEMORY); /* requests must not take the memory that a withdrawal needs */
    error_init(&error, &arena);
    code = open_row(server, &arena, what, kind, record, &error);
    if (code != ERR_OK && code != ERR_NO_MEMORY) {
        bytes name = arena_copy(&arena, record->key.name);
        log_event(LOG_ERROR, "an object is not in force", log_text("kind", what->kind),
            log_text("name", name.p ? (const char *)name.p : ""), log_error_text(&error));
        code = withdraw(what, record->key.name, &error);
    }
    arena_reset(&arena);
    return code != ERR_NO_MEMORY;
}

static err_t load_kind(struct server *server, struct read_txn *txn, const struct followed *what, struct error *error)
{
    const struct kind *kind = followed_kind(what);
    struct range range = {.txn = txn, .kind = kind ? kind->number : 0};
    struct record record;
    err_t code = ERR_OK;

    if (!kind)
        return ERR_OK;
    TRY(range_begin(&range, error));
    while (code == ERR_OK && range_next(&range, &record) == 1) {
        if (what->apply == follow_definition)
            code = number_definition(server, record.key.name, error);
        if (code == ERR_OK && !apply_row(server, &record))
            code = error_set(error, ERR_NO_MEMORY, "no memory for what is made from %s", kind->plural);
    }
    range_end(&range);
    return code;
}

static err_t load(struct server *server, struct read_txn *txn, struct error *error)
{
    err_t code = ERR_OK;

    node_graph_clear(); /* rows of what went may never be seen */
    TRY(rbac_clear(error));
    for (size_t i = 0; code == ERR_OK && i < ARRAY_LEN(followed); i++)
        code = load_kind(server, txn, &followed[i], error);
    return code;
}

/* False: there was no memory for all of it. */
static bool catch_up(struct server *server, uint64_t revision)
{
    struct snapshots *s = server->snapshots;
    struct read_txn *txn;
    struct record record;
    int found = 1;

    if (store_read_begin(server->store, &txn, NULL) != ERR_OK)
        return false;
    while (s->applied < revision && (found = store_next(txn, s->applied, &record)) == 1 && apply_row(server, &record))
        s->applied = record.revision;
    if (found == 0 || (found < 0 && load(server, txn, NULL) == ERR_OK)) /* below 0: they are compacted */
        s->applied = revision;
    store_read_end(txn);
    return s->applied >= revision;
}

/* On the commit thread, before a write of the group is acknowledged: what was acknowledged is in force, so all writes
 * wait until there is memory for it. Reads go on meanwhile, and give theirs back. */
static void follow(void *context, uint64_t revision)
{
    bool told = false;

    while (!catch_up(context, revision)) {
        if (!told)
            log_event(LOG_ERROR, "writes wait for memory to put what was written in force");
        told = true;
        nanosleep(&(struct timespec){.tv_nsec = RETRY_NANOSECONDS}, NULL);
    }
    if (told)
        log_event(LOG_INFO, "what was written is in force");
}

err_t snapshots_open(struct server *server, struct error *error)
{
    struct read_txn *txn;
    err_t code;

    server->snapshots = calloc(1, sizeof *server->snapshots);
    if (!server->snapshots)
        return error_set(error, ERR_NO_MEMORY, "no memory for the server's snapshots");
    pthread_mutex_init(&server->snapshots->allotting, NULL);
    pthread_mutex_init(&server->snapshots->mutex, NULL);
    TRY(store_read_begin(server->store, &txn, error));
    server->snapshots->applied = store_revision(txn);
    code = load(server, txn, error);
    store_read_end(txn);
    TRY(code);
    store_on_commit(server->store, follow, server);
    return ERR_OK;
}

void snapshots_close(struct server *server)
{
    struct snapshots *s = server->snapshots;

    for (size_t i = 0; s && i < s->count; i++)
        free(s->numbers[i].resource);
    if (s)
        free(s->numbers);
    free(s);
    server->snapshots = NULL;
}
