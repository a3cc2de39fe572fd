/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/bootstrap.h"

#include "api/managed_fields.h"
#include "base/clock.h"
#include "base/log.h"
#include "kinds/default_flow_control.h"
#include "kinds/kinds.h"
#include "serve/steps.h"

#define ROLE_MEMORY (32u << 20)
#define WRITES_MOST 256

/* Everything is made first and committed together: a first start costs a few syncs, not one for each object. */
struct batch {
    struct server *server;
    struct arena *arena;
    struct awaited_write *writes;
    size_t count;
    struct error *error;
};

/* What is stored there: *ret NULL, and *ret_lost, when it cannot be read. It stays for who can repair or delete it: one
 * object must not keep the server from its start. */
static err_t find(
    struct batch *b, const struct kind *kind, bytes key, struct json **ret, uint64_t *ret_revision, bool *ret_lost)
{
    struct read_txn *txn;
    struct error inner;
    err_t code;

    *ret = NULL;
    error_init(&inner, b->arena);
    TRY(store_read_begin(b->server->store, &txn, b->error));
    code = record_get(b->server->atrest, txn, b->arena, kind, key, ret, ret_revision, &inner);
    store_read_end(txn);
    *ret_lost = record_unreadable(code);
    if (*ret_lost) {
        bytes name = arena_copy(b->arena, key);
        log_event(LOG_ERROR, "an object that belongs to every cluster cannot be read, and stays as it is",
            log_text("kind", kind->kind), log_text("name", name.p ? (const char *)name.p : ""), log_error_text(&inner));
        return ERR_OK;
    }
    return code == ERR_OK ? ERR_OK : error_set(b->error, code, "%.*s", BYTES_FMT(inner.message));
}

/* The steps of a write, from the object to its sealed form. old NULL: a create. */
static err_t add_write(
    struct batch *b, const struct kind *kind, struct json *object, struct json *old, uint64_t revision)
{
    struct request r = {.server = b->server,
        .arena = b->arena,
        .kind = kind,
        .verb = old ? VERB_UPDATE : VERB_CREATE,
        .creates = !old,
        .object = object,
        .old = old,
        .old_revision = revision};
    const struct json *metadata = json_get(object, BYTES("metadata"));
    struct field_manager manager = {BYTES("kube-apiserver"), BYTES(""), clock_wall_seconds()};

    if (b->count == WRITES_MOST)
        return error_set(b->error, ERR_INTERNAL, "more than %d objects at the start", WRITES_MOST);
    error_init(&r.error, b->arena);
    r.namespace = json_text(metadata, BYTES("namespace"));
    r.name = json_text(metadata, BYTES("name"));
    r.key = object_key(b->arena, r.namespace, r.name);
    if (!r.key.p)
        return arena_error(b->arena, b->error);
    if (default_step(&r) == STEP_FAIL ||
        managed_fields_update(b->arena, kind, r.object, old, &manager, &r.error) != ERR_OK ||
        admit_step(&r) == STEP_FAIL || prepare_step(&r) == STEP_FAIL || validate_step(&r) == STEP_FAIL ||
        seal_step(&r) == STEP_FAIL)
        return error_set(b->error, r.error.code, "cannot make the %s %.*s: %.*s", kind->singular, BYTES_FMT(r.name),
            BYTES_FMT(r.error.message));
    b->writes[b->count++].write = r.write;
    return ERR_OK;
}

/* A compare that lost: it is there already. */
static err_t commit(struct batch *b)
{
    if (b->count > 0)
        commit_all(b->server->store, b->writes, b->count);
    for (size_t i = 0; i < b->count; i++) {
        const struct store_write *w = &b->writes[i].write;
        if (w->result != ERR_OK && w->result != ERR_CONFLICT)
            return error_set(b->error, w->result, "cannot store %.*s: %s", BYTES_FMT(w->key.name),
                w->message ? w->message : "the store refused the write");
    }
    b->count = 0;
    return ERR_OK;
}

static err_t add_namespaces(struct batch *b)
{
    static const char *const names[] = {"default", "kube-node-lease", "kube-public", "kube-system"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bytes body = arena_format(b->arena, "{\"metadata\":{\"name\":\"%s\"}}", names[i]);
        struct json *object, *old;
        struct warnings none = {0};
        bool lost;
        if (!body.p)
            return arena_error(b->arena, b->error);
        TRY(find(b, &namespace_kind, bytes_of(names[i]), &old, NULL, &lost));
        if (old || lost)
            continue;
        TRY(decode_object(
            b->arena, &namespace_kind, BODY_JSON, body, FIELD_VALIDATION_STRICT, &none, &object, b->error));
        TRY(add_write(b, &namespace_kind, object, NULL, 0));
    }
    return ERR_OK;
}

/* What a tree of the table's is, once it was decoded as a client's would be. */
static err_t decoded(struct batch *b, const struct kind *kind, const struct json *tree, struct json **ret)
{
    struct warnings none = {0};
    struct buffer text;

    buffer_init(&text, b->arena);
    json_write(&text, tree);
    if (text.failed)
        return arena_error(b->arena, b->error);
    return decode_object(b->arena, kind, BODY_JSON, buffer_bytes(&text), FIELD_VALIDATION_STRICT, &none, ret, b->error);
}

static err_t add_default(struct batch *b, const struct kind *kind, const struct json *defaults)
{
    const struct json *metadata = json_get(defaults, BYTES("metadata"));
    bytes key = object_key(b->arena, json_text(metadata, BYTES("namespace")), json_text(metadata, BYTES("name")));
    struct json *old, *object;
    uint64_t revision = 0;
    bool changed, lost;

    if (!key.p)
        return arena_error(b->arena, b->error);
    TRY(find(b, kind, key, &old, &revision, &lost));
    if (lost)
        return ERR_OK;
    if (!old) {
        TRY(decoded(b, kind, defaults, &object));
        return add_write(b, kind, object, NULL, 0);
    }
    object = json_copy(b->arena, old);
    if (!object)
        return arena_error(b->arena, b->error);
    TRY(bootstrap_merge(b->arena, object, defaults, &changed, b->error));
    return changed ? add_write(b, kind, object, old, revision) : ERR_OK;
}

static err_t add_roles(struct batch *b, const struct default_role *roles, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct default_role *role = &roles[i];
        bool none;
        struct json *object = bootstrap_role(b->arena, role), *binding = bootstrap_binding(b->arena, role, &none);
        if (!object || (!binding && !none))
            return arena_error(b->arena, b->error);
        TRY(add_default(b, role->namespace ? &role_kind : &cluster_role_kind, object));
        if (binding)
            TRY(add_default(b, role->namespace ? &role_binding_kind : &cluster_role_binding_kind, binding));
    }
    return ERR_OK;
}

#define AUTO_UPDATE_SPEC "apf.kubernetes.io/autoupdate-spec"

static bool wants_updates(const struct json *stored)
{
    const struct json *annotations = json_at(stored, BYTES("metadata"), BYTES("annotations"), BYTES_NONE);

    return bytes_equal(json_text(annotations, BYTES(AUTO_UPDATE_SPEC)), BYTES("true"));
}

/* A stored one gets the default's spec when it is mandatory, or says that it wants it. */
static err_t add_flow_object(struct batch *b, const struct default_flow_object *of)
{
    bytes body = arena_format(
        b->arena, "metadata: {name: %s, annotations: {" AUTO_UPDATE_SPEC ": 'true'}}\nspec: {%s}", of->name, of->spec);
    struct json *object, *old, *spec;
    struct warnings none = {0};
    uint64_t revision = 0;
    bool lost;

    if (!body.p)
        return arena_error(b->arena, b->error);
    TRY(decode_object(b->arena, of->kind, BODY_YAML, body, FIELD_VALIDATION_STRICT, &none, &object, b->error));
    TRY(find(b, of->kind, bytes_of(of->name), &old, &revision, &lost));
    if (lost)
        return ERR_OK;
    if (!old)
        return add_write(b, of->kind, object, NULL, 0);
    spec = json_get(object, BYTES("spec"));
    if (json_equal(json_get(old, BYTES("spec")), spec) || (!of->mandatory && !wants_updates(old)))
        return ERR_OK;
    object = json_copy(b->arena, old);
    if (!object || !json_set(object, BYTES("spec"), spec))
        return arena_error(b->arena, b->error);
    return add_write(b, of->kind, object, old, revision);
}

static err_t add_flow_objects(struct batch *b)
{
    for (size_t i = 0; i < default_flow_object_count; i++)
        TRY(add_flow_object(b, &default_flow_objects[i]));
    return ERR_OK;
}

static err_t fill(struct batch *b)
{
    TRY(add_namespaces(b));
    TRY(commit(b)); /* what lies in them is compared with them */
    TRY(add_roles(b, default_roles, default_role_count));
    TRY(add_roles(b, default_controller_roles, default_controller_role_count));
    TRY(add_roles(b, default_coffer_roles, default_coffer_role_count));
    TRY(add_flow_objects(b));
    return commit(b);
}

err_t server_bootstrap(struct server *server, struct error *error)
{
    struct arena arena;
    struct batch batch = {.server = server, .arena = &arena, .error = error};
    struct error inner;
    err_t code;

    arena_init(&arena, ROLE_MEMORY);
    error_init(&inner, &arena);
    batch.error = &inner;
    batch.writes = arena_zero(&arena, WRITES_MOST * sizeof *batch.writes);
    code = batch.writes ? fill(&batch) : arena_error(&arena, &inner);
    if (code != ERR_OK)
        (void)error_set(error, code, "%.*s", BYTES_FMT(inner.message));
    arena_reset(&arena);
    return code;
}
