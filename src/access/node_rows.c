/* SPDX-License-Identifier: Apache-2.0 */
#include "access/node_rows.h"

#include "access/node_graph.h"
#include "api/references.h"

#define MIRROR_ANNOTATION "kubernetes.io/config.mirror"

static err_t result(bool done, struct error *error)
{
    return done ? ERR_OK : error_set(error, ERR_NO_MEMORY, "no memory for the graph of nodes");
}

/* ---- Pods. */

static const struct {
    enum schema_target target;
    enum node_object what;
} targets[] = {
    {TARGET_SECRET, NODE_SECRET},
    {TARGET_CONFIG_MAP, NODE_CONFIG_MAP},
    {TARGET_CLAIM, NODE_CLAIM},
    {TARGET_SERVICE_ACCOUNT, NODE_ACCOUNT},
};

struct collected {
    struct node_reference *references; /* NULL: they are only counted */
    size_t count;
};

static err_t collect(void *context, const struct reference *found)
{
    struct collected *c = context;

    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        if (targets[i].target == found->target) {
            if (c->references)
                c->references[c->count] = (struct node_reference){targets[i].what, found->name};
            c->count++;
        }
    return ERR_OK;
}

/* A volume that is made for the Pod alone has a claim named after both. */
static err_t collect_ephemeral(struct arena *arena, const struct json *pod, struct collected *c, struct error *error)
{
    const struct json *volumes = json_at(pod, BYTES("spec"), BYTES("volumes"), BYTES_NONE);
    bytes name = json_text(json_get(pod, BYTES("metadata")), BYTES("name"));

    for (const struct json *v = volumes ? volumes->first : NULL; v; v = v->next) {
        if (!json_get(v, BYTES("ephemeral")))
            continue;
        if (c->references) {
            bytes claim = arena_join(arena, name, BYTES("-"), json_text(v, BYTES("name")), ARENA_END);
            if (!claim.p)
                return arena_error(arena, error);
            c->references[c->count] = (struct node_reference){NODE_CLAIM, claim};
        }
        c->count++;
    }
    return ERR_OK;
}

static err_t collect_all(
    struct arena *arena, const struct kind *kind, const struct json *pod, struct collected *c, struct error *error)
{
    uint32_t wanted = 0;

    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        wanted |= TARGET_BIT(targets[i].target);
    c->count = 0;
    TRY(references_walk(kind->schema, pod, wanted, collect, c));
    return collect_ephemeral(arena, pod, c, error);
}

err_t node_rows_pod(
    struct arena *arena, const struct kind *kind, bytes key, const struct json *pod, struct error *error)
{
    struct collected c = {0};
    struct node_pod put = {.node = json_text(json_get(pod, BYTES("spec")), BYTES("nodeName"))};

    if (put.node.n == 0)
        return result(node_graph_put_pod(key, NULL), error);
    put.mirror = json_at(pod, BYTES("metadata"), BYTES("annotations"), BYTES(MIRROR_ANNOTATION), BYTES_NONE) != NULL;
    TRY(collect_all(arena, kind, pod, &c, error));
    c.references = arena_alloc(arena, (c.count + 1) * sizeof *c.references);
    if (!c.references)
        return arena_error(arena, error);
    TRY(collect_all(arena, kind, pod, &c, error));
    put.references = c.references;
    put.count = c.count;
    return result(node_graph_put_pod(key, &put), error);
}

/* ---- Volumes. */

struct secrets {
    struct arena *arena;
    bytes namespace; /* of the claim: of secrets that name none */
    bytes *keys;     /* NULL: they are only counted */
    size_t count;
};

/* What controllers of the storage use, and no kubelet. */
static bool is_controllers(const struct reference_step *step)
{
    for (; step; step = step->parent)
        if (bytes_equal(step->name, BYTES("controllerPublishSecretRef")) ||
            bytes_equal(step->name, BYTES("controllerExpandSecretRef")))
            return true;
    return false;
}

static err_t collect_secret(void *context, const struct reference *found)
{
    struct secrets *s = context;
    bytes namespace = found->namespace.n > 0 ? found->namespace : s->namespace;

    if (is_controllers(found->step))
        return ERR_OK;
    if (s->keys) {
        s->keys[s->count] = arena_join(s->arena, namespace, BYTES("/"), found->name, ARENA_END);
        if (!s->keys[s->count].p)
            return ERR_NO_MEMORY;
    }
    s->count++;
    return ERR_OK;
}

err_t node_rows_volume(
    struct arena *arena, const struct kind *kind, bytes key, const struct json *volume, struct error *error)
{
    const struct json *claim = json_at(volume, BYTES("spec"), BYTES("claimRef"), BYTES_NONE);
    bytes name = json_text(claim, BYTES("name"));
    struct secrets s = {.arena = arena, .namespace = json_text(claim, BYTES("namespace"))};
    struct node_volume put = {0};

    if (name.n == 0)
        return result(node_graph_put_volume(key, NULL), error);
    TRY(references_walk(kind->schema, volume, TARGET_BIT(TARGET_SECRET), collect_secret, &s));
    s.keys = arena_alloc(arena, (s.count + 1) * sizeof *s.keys);
    put.claim = arena_join(arena, s.namespace, BYTES("/"), name, ARENA_END);
    s.count = 0;
    if (!s.keys || !put.claim.p ||
        references_walk(kind->schema, volume, TARGET_BIT(TARGET_SECRET), collect_secret, &s) != ERR_OK)
        return arena_error(arena, error);
    put.secrets = s.keys;
    put.count = s.count;
    return result(node_graph_put_volume(key, &put), error);
}

/* ---- Attachments. */

err_t node_rows_attachment(
    struct arena *arena, const struct kind *kind, bytes key, const struct json *attachment, struct error *error)
{
    (void)arena, (void)kind;
    return result(
        node_graph_put_attachment(key, json_text(json_get(attachment, BYTES("spec")), BYTES("nodeName"))), error);
}
