/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that a node asks for: bound to a Pod that runs there, for an audience that this Pod needs. */
#include "access/authenticator.h"
#include "kinds/kinds.h"
#include "kinds/tree.h"
#include "serve/admission.h"
#include "serve/guard_node.h"

#define VERB_AUDIENCE "request-serviceaccounts-token-audience"

static err_t get(struct request *r, struct read_txn *txn, const struct kind *kind, bytes name, struct json **ret)
{
    bytes key = kind->namespaced ? object_key(r->arena, r->namespace, name) : name;

    *ret = NULL;
    if (!key.p)
        return arena_error(r->arena, &r->error);
    return name.n > 0 ? admission_get(r, txn, kind, key, ret, NULL) : ERR_OK;
}

/* The driver of the volume that the claim is bound to; empty when there is none. */
static err_t driver_of_claim(struct request *r, struct read_txn *txn, bytes name, bytes *ret)
{
    struct json *claim, *volume;

    TRY(get(r, txn, &persistent_volume_claim_kind, name, &claim));
    TRY(get(r, txn, &persistent_volume_kind, tree_text(json_get(claim, BYTES("spec")), "volumeName"), &volume));
    *ret = tree_text(tree_at(volume, "spec", "csi", NULL), "driver");
    return ERR_OK;
}

static err_t driver_of(
    struct request *r, struct read_txn *txn, const struct json *pod, const struct json *volume, bytes *ret)
{
    const struct json *claim = json_get(volume, BYTES("persistentVolumeClaim"));
    bytes name = tree_text(claim, "claimName");

    *ret = tree_text(json_get(volume, BYTES("csi")), "driver");
    if (json_get(volume, BYTES("ephemeral")))
        name = arena_join(r->arena, tree_text(json_get(pod, BYTES("metadata")), "name"), BYTES("-"),
            tree_text(volume, "name"), ARENA_END);
    else if (!claim)
        return ERR_OK;
    return name.p ? driver_of_claim(r, txn, name, ret) : arena_error(r->arena, &r->error);
}

/* Whether the CSIDriver has kubelets ask for such tokens. */
static err_t driver_asks(struct request *r, struct read_txn *txn, bytes driver, bytes audience, bool *ret)
{
    struct json *object;

    TRY(get(r, txn, &csi_driver_kind, driver, &object));
    for (const struct json *t = tree_first(json_get(object, BYTES("spec")), "tokenRequests"); t; t = t->next)
        *ret = *ret || bytes_equal(tree_text(t, "audience"), audience);
    return ERR_OK;
}

static bool projection_asks(const struct json *volume, bytes audience)
{
    const struct json *source = tree_first(json_get(volume, BYTES("projected")), "sources");

    for (; source; source = source->next) {
        const struct json *token = json_get(source, BYTES("serviceAccountToken"));
        if (token && bytes_equal(tree_text(token, "audience"), audience))
            return true;
    }
    return false;
}

static err_t pod_asks(struct request *r, struct read_txn *txn, const struct json *pod, bytes audience, bool *ret)
{
    const struct json *volume = tree_first(json_get(pod, BYTES("spec")), "volumes");

    *ret = false;
    for (; volume && !*ret; volume = volume->next) {
        bytes driver;
        *ret = projection_asks(volume, audience);
        TRY(driver_of(r, txn, pod, volume, &driver));
        if (!*ret && driver.n > 0)
            TRY(driver_asks(r, txn, driver, audience, ret));
    }
    return ERR_OK;
}

/* Whether these are what a request that names none is given: a Pod says "" for them. */
static bool is_default(const struct json *audiences)
{
    const struct authenticator *a = authenticator_current();
    const struct json *audience = audiences ? audiences->first : NULL;
    size_t i = 0;

    for (; audience && i < a->audience_count && bytes_equal(audience->text, a->audiences[i]); i++)
        audience = audience->next;
    return !audience && i == a->audience_count;
}

static bool granted(const struct request *r, bytes audience)
{
    const struct attributes asked = {.user = &r->user,
        .verb = BYTES(VERB_AUDIENCE),
        .resource_request = true,
        .group = BYTES(""),
        .resource = audience,
        .namespace = r->namespace,
        .name = r->name};

    return authorized(&asked);
}

static err_t check_audience(struct request *r, struct read_txn *txn, const struct json *pod)
{
    const struct json *audiences = tree_at(r->sent, "spec", "audiences", NULL);
    bool by_default = is_default(audiences), found = false;
    bytes audience = audiences && audiences->first ? audiences->first->text : BYTES("");

    if (!by_default && audiences && audiences->count > 1)
        return guard_forbid(r, "node may only request 0 or 1 audiences");
    TRY(pod_asks(r, txn, pod, audience, &found));
    if (!found && by_default)
        TRY(pod_asks(r, txn, pod, BYTES(""), &found));
    if (found || granted(r, audience) || (by_default && granted(r, BYTES(""))))
        return ERR_OK;
    return guard_forbid(r,
        "audience \"%.*s\" not found in pod spec volume, %.*s is not authorized to request tokens for this audience",
        BYTES_FMT(by_default ? BYTES("") : audience), BYTES_FMT(r->user.name));
}

err_t guard_node_token(struct request *r, struct read_txn *txn, bytes node)
{
    const struct json *bound = tree_at(r->sent, "spec", "boundObjectRef", NULL);
    bytes name = tree_text(bound, "name"), uid = tree_text(bound, "uid");
    struct json *pod;

    if (!bytes_equal(tree_text(bound, "apiVersion"), BYTES("v1")) ||
        !bytes_equal(tree_text(bound, "kind"), BYTES("Pod")) || name.n == 0)
        return guard_forbid(r, "node requested token not bound to a pod");
    if (uid.n == 0)
        return guard_forbid(r, "node requested token with a pod binding without a uid");
    TRY(get(r, txn, &pod_kind, name, &pod));
    if (!pod)
        return status_not_found(&r->error, &r->details, &pod_kind, name);
    if (!bytes_equal(uid, tree_text(json_get(pod, BYTES("metadata")), "uid")))
        return guard_forbid(r,
            "the UID in the bound object reference (%.*s) does not match the UID in record. The object might have been "
            "deleted and then recreated",
            BYTES_FMT(uid));
    if (!bytes_equal(tree_text(json_get(pod, BYTES("spec")), "nodeName"), node))
        return guard_forbid(r, "node requested token bound to a pod scheduled on a different node");
    return check_audience(r, txn, pod);
}
