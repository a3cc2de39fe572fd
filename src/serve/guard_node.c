/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/guard_node.h"

#include "access/node_authorizer.h"
#include "api/references.h"
#include "base/base64.h"
#include "crypt/x509_csr.h"
#include "kinds/kinds.h"
#include "kinds/pod.h"
#include "kinds/tree.h"
#include "serve/admission.h"

#include <stdlib.h>

#define NODE_LEASES "kube-node-lease"
#define RESTRICTED  "node-restriction.kubernetes.io"

static bytes pod_node(const struct json *pod)
{
    return tree_text(json_get(pod, BYTES("spec")), "nodeName");
}

/* ---- Pods. */

static err_t check_owner(struct request *r, struct read_txn *txn, bytes node)
{
    const struct json *owners = tree_at(r->object, "metadata", "ownerReferences", NULL), *owner;
    struct json *live;
    bytes uid;

    if (owners && owners->count > 1)
        return guard_forbid(
            r, "node \"%.*s\" can only create pods with a single owner reference set to itself", BYTES_FMT(node));
    owner = owners ? owners->first : NULL;
    if (!bytes_equal(tree_text(owner, "apiVersion"), BYTES("v1")) ||
        !bytes_equal(tree_text(owner, "kind"), BYTES("Node")) || !bytes_equal(tree_text(owner, "name"), node))
        return guard_forbid(
            r, "node \"%.*s\" can only create pods with an owner reference set to itself", BYTES_FMT(node));
    if (!tree_true(owner, "controller"))
        return guard_forbid(
            r, "node \"%.*s\" can only create pods with a controller owner reference set to itself", BYTES_FMT(node));
    if (tree_true(owner, "blockOwnerDeletion"))
        return guard_forbid(r, "node \"%.*s\" must not set blockOwnerDeletion on an owner reference", BYTES_FMT(node));
    TRY(admission_get(r, txn, &node_kind, node, &live, NULL));
    if (!live)
        return status_not_found(&r->error, &r->details, &node_kind, node);
    uid = tree_text(json_get(live, BYTES("metadata")), "uid");
    if (bytes_equal(uid, tree_text(owner, "uid")))
        return ERR_OK;
    return guard_forbid(r, "node %.*s UID mismatch: expected %.*s got %.*s", BYTES_FMT(node),
        BYTES_FMT(tree_text(owner, "uid")), BYTES_FMT(uid));
}

static err_t first_target(void *context, const struct reference *found)
{
    *(enum schema_target *)context = found->target;
    return ERR_FORBIDDEN; /* ends the walk */
}

static bool names(const struct request *r, enum schema_target target)
{
    enum schema_target found = TARGET_NONE;

    return references_walk(r->kind->schema, r->object, TARGET_BIT(target), first_target, &found) != ERR_OK;
}

/* Parts of a volume that need the API, in kube-apiserver's order and words. */
static const char *volume_reference(const struct json *volume)
{
    static const struct {
        const char *source, *words;
    } sources[] =
        {
            {"configMap", "configmaps (via configmap volumes)"},
            {"secret", "secrets (via secret volumes)"},
            {"csi", "csidrivers (via CSI volumes)"},
            {"glusterfs", "endpoints (via glusterFS volumes)"},
            {"persistentVolumeClaim", "persistentvolumeclaims"},
            {"ephemeral", "persistentvolumeclaims (via ephemeral volumes)"},
            {"azureFile", "secrets (via azureFile volumes)"},
        },
      projected[] = {
          {"configMap", "configmaps (via projected volumes)"},
          {"secret", "secrets (via projected volumes)"},
          {"serviceAccountToken", "serviceaccounts (via projected volumes)"},
          {"clusterTrustBundle", "clustertrustbundles"},
          {"podCertificate", "podcertificates"},
      };

    for (size_t i = 0; i < ARRAY_LEN(sources); i++)
        if (json_get(volume, bytes_of(sources[i].source)))
            return sources[i].words;
    for (const struct json *s = tree_first(json_get(volume, BYTES("projected")), "sources"); s; s = s->next)
        for (size_t i = 0; i < ARRAY_LEN(projected); i++)
            if (json_get(s, bytes_of(projected[i].source)))
                return projected[i].words;
    return NULL;
}

/* What of the API's objects the Pod names; NULL: none. */
static const char *pod_reference(const struct request *r)
{
    const struct json *spec = json_get(r->object, BYTES("spec"));
    const char *found = NULL;

    if (names(r, TARGET_SERVICE_ACCOUNT))
        return "serviceaccounts";
    if (names(r, TARGET_SECRET))
        return "secrets";
    if (names(r, TARGET_CONFIG_MAP))
        return "configmaps";
    if (tree_first(spec, "resourceClaims"))
        return "resourceclaims";
    for (const struct json *v = tree_first(spec, "volumes"); v && !found; v = v->next)
        found = volume_reference(v);
    return found;
}

static err_t check_pod_create(struct request *r, struct read_txn *txn, bytes node)
{
    const char *reference;

    if (!tree_at(r->object, "metadata", "annotations", MIRROR_POD_ANNOTATION, NULL))
        return guard_forbid(r,
            "pod does not have \"" MIRROR_POD_ANNOTATION "\" annotation, node \"%.*s\" can only create mirror pods",
            BYTES_FMT(node));
    if (!bytes_equal(pod_node(r->object), node))
        return guard_forbid(r, "node \"%.*s\" can only create pods with spec.nodeName set to itself", BYTES_FMT(node));
    TRY(check_owner(r, txn, node));
    reference = pod_reference(r);
    if (reference)
        return guard_forbid(r, "node \"%.*s\" can not create pods that reference %s", BYTES_FMT(node), reference);
    return ERR_OK;
}

static bool same(const struct json *a, const struct json *b)
{
    bool no_a = !a || (a->type >= JSON_ARRAY && a->count == 0), no_b = !b || (b->type >= JSON_ARRAY && b->count == 0);

    return no_a || no_b ? no_a == no_b : json_equal(a, b);
}

static err_t check_pod_status(struct request *r, bytes node)
{
    if (!bytes_equal(pod_node(r->old), node))
        return guard_forbid(
            r, "node \"%.*s\" can only update pod status for pods with spec.nodeName set to itself", BYTES_FMT(node));
    if (!same(tree_at(r->old, "metadata", "labels", NULL), tree_at(r->object, "metadata", "labels", NULL)))
        return guard_forbid(r, "node \"%.*s\" cannot update labels through pod status", BYTES_FMT(node));
    if (!same(tree_at(r->old, "status", "resourceClaimStatuses", NULL),
            tree_at(r->object, "status", "resourceClaimStatuses", NULL)))
        return guard_forbid(r, "node \"%.*s\" cannot update resource claim statues", BYTES_FMT(node));
    if (!same(tree_at(r->old, "status", "extendedResourceClaimStatus", NULL),
            tree_at(r->object, "status", "extendedResourceClaimStatus", NULL)))
        return guard_forbid(r, "node \"%.*s\" cannot update extended resource claim status", BYTES_FMT(node));
    return ERR_OK;
}

static err_t check_pod(struct request *r, struct read_txn *txn, bytes node)
{
    bool own = bytes_equal(pod_node(r->old), node);

    if (r->subresource == SUBRESOURCE_STATUS)
        return check_pod_status(r, node);
    if (r->subresource == SUBRESOURCE_EVICTION)
        return own ? ERR_OK
                   : guard_forbid(r, "node %.*s can only evict pods with spec.nodeName set to itself", BYTES_FMT(node));
    if (r->subresource != SUBRESOURCE_NONE)
        return guard_forbid(r, "unexpected pod subresource \"%s\", only 'status' and 'eviction' are allowed",
            subresource_name(r->subresource));
    if (r->creates)
        return check_pod_create(r, txn, node);
    if (r->verb != VERB_DELETE)
        return guard_forbid(r, "unexpected operation \"UPDATE\", node \"%.*s\" can only create and delete mirror pods",
            BYTES_FMT(node));
    return own ? ERR_OK
               : guard_forbid(
                     r, "node \"%.*s\" can only delete pods with spec.nodeName set to itself", BYTES_FMT(node));
}

/* ---- Nodes. */

static bool is_or_below(bytes domain, const char *parent)
{
    bytes p = bytes_of(parent);

    return bytes_equal(domain, p) || (bytes_end(domain, p) && domain.n > p.n && domain.p[domain.n - p.n - 1] == '.');
}

static bool is_known_label(bytes key, bytes domain)
{
    static const char *const labels[] = {"kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch",
        "beta.kubernetes.io/os", "beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type",
        "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/zone", "topology.kubernetes.io/region"};

    for (size_t i = 0; i < ARRAY_LEN(labels); i++)
        if (bytes_equal(key, bytes_of(labels[i])))
            return true;
    return is_or_below(domain, "kubelet.kubernetes.io") || is_or_below(domain, "node.kubernetes.io");
}

/* Labels that would steer other workloads to the node. */
static bool is_forbidden_label(bytes key)
{
    size_t slash = bytes_find(key, '/');
    bytes domain = slash < key.n ? (bytes){key.p, slash} : BYTES_NONE;

    if (is_or_below(domain, RESTRICTED))
        return true;
    return (is_or_below(domain, "kubernetes.io") || is_or_below(domain, "k8s.io")) && !is_known_label(key, domain);
}

static int compare_names(const void *a, const void *b)
{
    return bytes_compare(*(const bytes *)a, *(const bytes *)b);
}

/* Members of one that the other has not, or has with another value. */
static size_t changed_labels(const struct json *from, const struct json *other, bool values, bytes *ret)
{
    size_t n = 0;

    for (const struct json *l = from ? from->first : NULL; l; l = l->next) {
        const struct json *there = json_get(other, l->key);
        if (is_forbidden_label(l->key) && (!there || (values && !bytes_equal(there->text, l->text))))
            ret[n++] = l->key;
    }
    return n;
}

/* The forbidden labels that differ, sorted and joined; empty when there are none, p NULL when the arena is full. */
static bytes forbidden_labels(struct arena *arena, const struct json *now, const struct json *before)
{
    size_t most = (now ? now->count : 0) + (before ? before->count : 0), n;
    bytes *found = arena_alloc(arena, (most + 1) * sizeof *found);
    struct buffer text;

    if (!found)
        return BYTES_NONE;
    n = changed_labels(now, before, true, found);
    n += changed_labels(before, now, false, found + n);
    qsort(found, n, sizeof *found, compare_names);
    buffer_init(&text, arena);
    buffer_text(&text, "");
    for (size_t i = 0; i < n; i++) {
        buffer_text(&text, i > 0 ? ", " : "");
        buffer_put(&text, found[i]);
    }
    return text.failed ? BYTES_NONE : n > 0 ? buffer_bytes(&text) : BYTES("");
}

static err_t check_node_update(struct request *r, bytes node)
{
    const struct json *config = tree_at(r->object, "spec", "configSource", NULL);

    if (config && !same(config, tree_at(r->old, "spec", "configSource", NULL)))
        return guard_forbid(
            r, "node \"%.*s\" is not allowed to update configSource to a new non-nil configSource", BYTES_FMT(node));
    if (!same(tree_at(r->object, "spec", "taints", NULL), tree_at(r->old, "spec", "taints", NULL)))
        return guard_forbid(r, "node \"%.*s\" is not allowed to modify taints", BYTES_FMT(node));
    if (!same(tree_at(r->object, "metadata", "ownerReferences", NULL),
            tree_at(r->old, "metadata", "ownerReferences", NULL)))
        return guard_forbid(r, "node \"%.*s\" is not allowed to modify ownerReferences", BYTES_FMT(node));
    return ERR_OK;
}

static err_t check_node(struct request *r, struct read_txn *txn, bytes node)
{
    bytes labels;

    (void)txn;
    if (!bytes_equal(r->name, node))
        return guard_forbid(
            r, "node \"%.*s\" is not allowed to modify node \"%.*s\"", BYTES_FMT(node), BYTES_FMT(r->name));
    if (r->verb == VERB_DELETE)
        return ERR_OK;
    if (r->creates && tree_at(r->object, "spec", "configSource", NULL))
        return guard_forbid(
            r, "node \"%.*s\" is not allowed to create pods with a non-nil configSource", BYTES_FMT(node));
    if (!r->creates)
        TRY(check_node_update(r, node));
    labels = forbidden_labels(
        r->arena, tree_at(r->object, "metadata", "labels", NULL), tree_at(r->old, "metadata", "labels", NULL));
    if (!labels.p)
        return arena_error(r->arena, &r->error);
    if (labels.n > 0 && r->creates)
        return guard_forbid(
            r, "node \"%.*s\" is not allowed to set the following labels: %.*s", BYTES_FMT(node), BYTES_FMT(labels));
    return labels.n > 0 ? guard_forbid(r, "is not allowed to modify labels: %.*s", BYTES_FMT(labels)) : ERR_OK;
}

/* ---- Claims. */

/* A copy without what a node may change. */
static struct json *claim_rest(struct arena *arena, const struct json *claim)
{
    static const char *const metadata[] = {"resourceVersion", "managedFields"};
    static const char *const status[] = {"capacity", "conditions", "allocatedResources", "allocatedResourceStatuses"};
    struct json *copy = json_copy(arena, claim), *s = json_get(copy, BYTES("status"));

    for (size_t i = 0; i < ARRAY_LEN(metadata); i++)
        json_remove(json_get(copy, BYTES("metadata")), bytes_of(metadata[i]));
    for (size_t i = 0; i < ARRAY_LEN(status); i++)
        json_remove(s, bytes_of(status[i]));
    if (s && s->count == 0)
        json_remove(copy, BYTES("status"));
    return copy;
}

static err_t check_claim(struct request *r, struct read_txn *txn, bytes node)
{
    struct json *now, *before;

    (void)txn;
    if (r->subresource != SUBRESOURCE_STATUS)
        return guard_forbid(r, "may only update PVC status");
    now = claim_rest(r->arena, r->object);
    before = claim_rest(r->arena, r->old);
    if (!now || !before)
        return arena_error(r->arena, &r->error);
    if (json_equal(now, before))
        return ERR_OK;
    return guard_forbid(r,
        "node \"%.*s\" is not allowed to update fields other than status.quantity and status.conditions",
        BYTES_FMT(node));
}

/* ---- Its own Lease and CSINode. */

static err_t check_lease(struct request *r, struct read_txn *txn, bytes node)
{
    (void)txn;
    if (!bytes_equal(r->namespace, BYTES(NODE_LEASES)))
        return guard_forbid(r, "can only access leases in the \"" NODE_LEASES "\" system namespace");
    return bytes_equal(r->name, node)
               ? ERR_OK
               : guard_forbid(r, "can only access node lease with the same name as the requesting node");
}

static err_t check_csi_node(struct request *r, struct read_txn *txn, bytes node)
{
    (void)txn;
    return bytes_equal(r->name, node)
               ? ERR_OK
               : guard_forbid(r, "can only access CSINode with the same name as the requesting node");
}

/* ---- Certificates and tokens. */

/* A node asks for its own identity only. */
static err_t check_signing_request(struct request *r, struct read_txn *txn, bytes node)
{
    static const char *const signers[] = {
        "kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"};
    const struct json *spec = json_get(r->object, BYTES("spec"));
    bytes signer = tree_text(spec, "signerName"), pem, name;
    struct x509_csr csr;
    struct error why;
    size_t offset;

    (void)txn;
    if (!r->creates || (!bytes_equal(signer, bytes_of(signers[0])) && !bytes_equal(signer, bytes_of(signers[1]))))
        return ERR_OK;
    error_init(&why, r->arena);
    if (base64_decode(r->arena, BASE64_STANDARD, tree_text(spec, "request"), &pem, &offset) != ERR_OK ||
        x509_csr_read(r->arena, pem, &csr, &why) != ERR_OK)
        return guard_forbid(r, "unable to parse csr: %.*s", BYTES_FMT(why.message));
    name = arena_join(r->arena, BYTES(USER_NODE_PREFIX), node, ARENA_END);
    if (!name.p)
        return arena_error(r->arena, &r->error);
    return bytes_equal(csr.common_name, name)
               ? ERR_OK
               : guard_forbid(r, "can only create a node CSR with CN=%.*s", BYTES_FMT(name));
}

static err_t check_account(struct request *r, struct read_txn *txn, bytes node)
{
    return r->subresource == SUBRESOURCE_TOKEN ? guard_node_token(r, txn, node) : ERR_OK;
}

/* ---- */

static const struct row {
    const struct kind *kind;
    err_t (*check)(struct request *, struct read_txn *, bytes node);
} rows[] = {
    {&pod_kind, check_pod},
    {&node_kind, check_node},
    {&persistent_volume_claim_kind, check_claim},
    {&lease_kind, check_lease},
    {&csi_node_kind, check_csi_node},
    {&certificate_signing_request_kind, check_signing_request},
    {&service_account_kind, check_account},
};

err_t guard_node(struct request *r, struct read_txn *txn)
{
    bytes node;

    if (!node_of_user(&r->user, &node))
        return ERR_OK;
    if (node.n == 0)
        return guard_forbid(r, "could not determine node from user \"%.*s\"", BYTES_FMT(r->user.name));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (r->kind == rows[i].kind)
            return rows[i].check(r, txn, node);
    return ERR_OK;
}
