/* SPDX-License-Identifier: Apache-2.0 */
/* No confused deputies: an object may name another in a namespace that is not its own, and whoever acts on it reaches
 * that one with rights of their own. So who writes such a name must have the right to what is named. The fields are
 * those that the schemas mark; what each sort of them takes stands in one table. */
#include "api/references.h"
#include "serve/guard.h"

/* One of the verbs on the object that is named. Sorts of fields that are not here reach nothing by their name:
 * subjects of bindings are given rights, which guard_rbac.c weighs; Events and Endpoints tell of objects. */
static const struct crossing {
    enum schema_target target;
    const char *resource, *singular, *verbs[2];
} crossings[] = {
    {TARGET_SECRET, "secrets", "Secret", {"get", "mount"}},
    {TARGET_CONFIG_MAP, "configmaps", "ConfigMap", {"get"}},
    {TARGET_CLAIM, "persistentvolumeclaims", "PersistentVolumeClaim", {"get"}},
    {TARGET_SERVICE, "services", "Service", {"get"}},
    {TARGET_ENDPOINTS, "endpoints", "Endpoints", {"get"}},
};

static uint32_t targets(void)
{
    uint32_t bits = 0;

    for (size_t i = 0; i < ARRAY_LEN(crossings); i++)
        bits |= TARGET_BIT(crossings[i].target);
    return bits;
}

static bool allowed(const struct request *r, const struct crossing *crossing, const struct reference *reference)
{
    struct attributes a = {.user = &r->user,
        .resource_request = true,
        .version = BYTES("v1"),
        .resource = bytes_of(crossing->resource),
        .namespace = reference->namespace,
        .name = reference->name};

    for (size_t i = 0; i < ARRAY_LEN(crossing->verbs) && crossing->verbs[i]; i++) {
        a.verb = bytes_of(crossing->verbs[i]);
        if (authorized(&a))
            return true;
    }
    return false;
}

/* Whether the object named this before. */
static err_t is_same(void *context, const struct reference *old)
{
    const struct reference *new = context;

    return old->target == new->target &&bytes_equal(old->namespace, new->namespace) && bytes_equal(old->name, new->name)
               ? ERR_ALREADY_EXISTS
               : ERR_OK;
}

static bool in_status(const struct reference_step *step)
{
    while (step->parent)
        step = step->parent;
    return bytes_equal(step->name, BYTES("status"));
}

static err_t check(void *context, const struct reference *reference)
{
    struct request *r = context;
    struct reference found = *reference;
    const struct crossing *crossing = crossings;
    bytes path;

    if (reference->namespace.n == 0 || bytes_equal(reference->namespace, r->namespace) || in_status(reference->step) ||
        (r->old && references_walk(r->kind->schema, r->old, targets(), is_same, &found) == ERR_ALREADY_EXISTS))
        return ERR_OK;
    while (crossing->target != reference->target)
        crossing++;
    if (allowed(r, crossing, reference))
        return ERR_OK;
    path = reference_path(r->arena, reference->step);
    if (!path.p)
        return arena_error(r->arena, &r->error);
    return guard_forbid(r,
        "User \"%.*s\" names %s \"%.*s\" in the namespace \"%.*s\" (%.*s) and may not: needs verb %s%s%s on %s "
        "\"%.*s\" there",
        BYTES_FMT(r->user.name), crossing->singular, BYTES_FMT(reference->name), BYTES_FMT(reference->namespace),
        BYTES_FMT(path), crossing->verbs[0], crossing->verbs[1] ? " or " : "",
        crossing->verbs[1] ? crossing->verbs[1] : "", crossing->resource, BYTES_FMT(reference->name));
}

err_t guard_references(struct request *r, struct read_txn *txn)
{
    (void)txn;
    if (!r->object || r->removes || !(r->kind->schema->targets & targets()))
        return ERR_OK;
    return references_walk(r->kind->schema, r->object, targets(), check, r);
}
