/* SPDX-License-Identifier: Apache-2.0 */
#include "access/node_authorizer.h"

#include "access/node_graph.h"
#include "api/selector.h"

#define NODE_LEASES "kube-node-lease"

enum answer {
    ALLOWED,
    NO_WORDS,
    UNKNOWN_NODE,
    NO_PATH,
    NO_NAME,
    ONLY_READ,
    READ_SUBRESOURCE,
    ONLY_NAMESPACED,
    ONLY_GET,
    GET_SUBRESOURCE,
    ONLY_STATUS,
    ONLY_TOKENS,
    ONLY_TOKEN_SUBRESOURCE,
    LEASE_VERBS,
    LEASE_NAMESPACE,
    LEASE_NAME,
    CSI_VERBS,
    CSI_SUBRESOURCE,
    CSI_NAME,
    ALL_NODES,
    OTHER_NODE,
    ALL_PODS
};

/* What needs no name; the others are written by words(). */
static const char *const sentences[] = {
    [ALLOWED] = "",
    [NO_WORDS] = "",
    [NO_NAME] = "No Object name found",
    [ONLY_READ] = "can only read resources of this type",
    [READ_SUBRESOURCE] = "cannot read subresource",
    [ONLY_NAMESPACED] = "can only read namespaced object of this type",
    [ONLY_GET] = "can only get individual resources of this type",
    [GET_SUBRESOURCE] = "cannot get subresource",
    [ONLY_STATUS] = "can only get/update/patch this type",
    [ONLY_TOKENS] = "can only create tokens for individual service accounts",
    [ONLY_TOKEN_SUBRESOURCE] = "can only create token subresource of serviceaccount",
    [LEASE_VERBS] = "can only get, create, update, patch, or delete a node lease",
    [LEASE_NAMESPACE] = ("can only access leases in the \"" NODE_LEASES "\" system namespace"),
    [LEASE_NAME] = "can only access node lease with the same name as the requesting node",
    [CSI_VERBS] = "can only get, create, update, patch, or delete a CSINode",
    [CSI_SUBRESOURCE] = "cannot authorize CSINode subresources",
    [CSI_NAME] = "can only access CSINode with the same name as the requesting node",
    [ALL_PODS] = "can only list/watch pods with spec.nodeName field selector",
};

struct question {
    const struct attributes *a;
    bytes node;
    enum node_object what; /* of the row */
};

/* Whether the blank-separated list has the word. */
static bool has(const char *list, bytes word)
{
    bytes rest = bytes_of(list);

    for (;;) {
        size_t end = bytes_find(rest, ' ');
        if (bytes_equal((bytes){rest.p, end}, word))
            return true;
        if (end == rest.n)
            return false;
        rest = bytes_skip(rest, end + 1);
    }
}

static bool verb_is(const struct question *q, const char *verbs)
{
    return has(verbs, q->a->verb);
}

static bool subresource_is(const struct question *q, const char *name)
{
    return bytes_equal(q->a->subresource, bytes_of(name));
}

/* ---- A resource each. */

static enum answer related(const struct question *q)
{
    if (q->a->name.n == 0)
        return NO_NAME;
    return node_graph_leads(q->what, q->a->namespace, q->a->name, q->node) ? ALLOWED : NO_PATH;
}

static enum answer read_one(const struct question *q)
{
    if (!verb_is(q, "get list watch"))
        return ONLY_READ;
    if (q->a->subresource.n > 0)
        return READ_SUBRESOURCE;
    return q->a->namespace.n == 0 ? ONLY_NAMESPACED : related(q);
}

static enum answer get_one(const struct question *q)
{
    if (!verb_is(q, "get"))
        return ONLY_GET;
    return q->a->subresource.n > 0 ? GET_SUBRESOURCE : related(q);
}

static enum answer claim(const struct question *q)
{
    if (!subresource_is(q, "status"))
        return get_one(q);
    return verb_is(q, "update patch") ? related(q) : ONLY_STATUS;
}

static enum answer account(const struct question *q)
{
    if (verb_is(q, "get") && q->a->subresource.n == 0)
        return read_one(q);
    if (!verb_is(q, "create") || q->a->name.n == 0)
        return ONLY_TOKENS;
    return subresource_is(q, "token") ? related(q) : ONLY_TOKEN_SUBRESOURCE;
}

/* Names of what is created are the guard's. */
static enum answer lease(const struct question *q)
{
    if (!verb_is(q, "get create update patch delete"))
        return LEASE_VERBS;
    if (!bytes_equal(q->a->namespace, BYTES(NODE_LEASES)))
        return LEASE_NAMESPACE;
    return verb_is(q, "create") || bytes_equal(q->a->name, q->node) ? ALLOWED : LEASE_NAME;
}

static enum answer csi_node(const struct question *q)
{
    if (!verb_is(q, "get create update patch delete"))
        return CSI_VERBS;
    if (q->a->subresource.n > 0)
        return CSI_SUBRESOURCE;
    return verb_is(q, "create") || bytes_equal(q->a->name, q->node) ? ALLOWED : CSI_NAME;
}

/* By its name, not by the graph: a node looks for itself before it is there. */
static enum answer node(const struct question *q)
{
    if (subresource_is(q, "status"))
        return verb_is(q, "update patch") ? ALLOWED : NO_WORDS;
    if (q->a->subresource.n > 0)
        return NO_WORDS;
    if (verb_is(q, "create update patch"))
        return ALLOWED;
    if (!verb_is(q, "get list watch"))
        return NO_WORDS;
    return bytes_equal(q->a->name, q->node) ? ALLOWED : q->a->name.n == 0 ? ALL_NODES : OTHER_NODE;
}

static bool requires_node(const struct selector *fields, bytes name)
{
    for (size_t i = 0; fields && i < fields->count; i++) {
        const struct requirement *r = &fields->requirements[i];
        if (r->operator== SELECT_EQUALS && bytes_equal(r->key, BYTES("spec.nodeName")) &&
            bytes_equal(r->values[0], name))
            return true;
    }
    return false;
}

static enum answer pod(const struct question *q)
{
    if (subresource_is(q, "status"))
        return verb_is(q, "update patch") ? ALLOWED : NO_WORDS;
    if (subresource_is(q, "eviction"))
        return verb_is(q, "create") ? ALLOWED : NO_WORDS;
    if (q->a->subresource.n > 0)
        return NO_WORDS;
    if (verb_is(q, "get"))
        return get_one(q);
    if (verb_is(q, "list watch"))
        return requires_node(q->a->fields, q->node) ? ALLOWED : q->a->name.n > 0 ? related(q) : ALL_PODS;
    return verb_is(q, "create delete") ? ALLOWED : NO_WORDS;
}

static const struct row {
    const char *group, *resource;
    enum answer (*decide)(const struct question *);
    enum node_object what;
} rows[] = {
    {"", "secrets", read_one, NODE_SECRET},
    {"", "configmaps", read_one, NODE_CONFIG_MAP},
    {"", "persistentvolumeclaims", claim, NODE_CLAIM},
    {"", "persistentvolumes", get_one, NODE_VOLUME},
    {"storage.k8s.io", "volumeattachments", get_one, NODE_ATTACHMENT},
    {"", "serviceaccounts", account, NODE_ACCOUNT},
    {"coordination.k8s.io", "leases", lease, NODE_POD},
    {"storage.k8s.io", "csinodes", csi_node, NODE_POD},
    {"", "nodes", node, NODE_POD},
    {"", "pods", pod, NODE_POD},
};

/* What all nodes may alike: the rest of kube-apiserver's ClusterRole system:node. */
static const struct rule {
    const char *group, *resource, *verbs;
} rules[] = {
    {"", "services", "get list watch"},
    {"", "endpoints", "get"},
    {"", "events", "create patch update"},
    {"authentication.k8s.io", "tokenreviews", "create"},
    {"authorization.k8s.io", "localsubjectaccessreviews", "create"},
    {"authorization.k8s.io", "subjectaccessreviews", "create"},
    {"certificates.k8s.io", "certificatesigningrequests", "create get list watch"},
    {"node.k8s.io", "runtimeclasses", "get list watch"},
    {"storage.k8s.io", "csidrivers", "get list watch"},
};

/* ---- */

static enum answer decide(struct question *q)
{
    const struct attributes *a = q->a;

    if (!a->resource_request)
        return NO_WORDS;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (bytes_equal(a->resource, bytes_of(rows[i].resource)) && bytes_equal(a->group, bytes_of(rows[i].group))) {
            q->what = rows[i].what;
            return rows[i].decide(q);
        }
    for (size_t i = 0; i < ARRAY_LEN(rules) && a->subresource.n == 0; i++)
        if (bytes_equal(a->resource, bytes_of(rules[i].resource)) && bytes_equal(a->group, bytes_of(rules[i].group)))
            return verb_is(q, rules[i].verbs) ? ALLOWED : NO_WORDS;
    return NO_WORDS;
}

static bytes words(struct arena *arena, enum answer answer, const struct question *q)
{
    switch (answer) {
    case UNKNOWN_NODE:
        return arena_format(arena, "unknown node for user \"%.*s\"", BYTES_FMT(q->a->user->name));
    case NO_PATH:
        return arena_format(arena, "no relationship found between node '%.*s' and this object", BYTES_FMT(q->node));
    case ALL_NODES:
        return arena_format(arena, "node '%.*s' cannot read all nodes, only its own Node object", BYTES_FMT(q->node));
    case OTHER_NODE:
        return arena_format(arena, "node '%.*s' cannot read '%.*s', only its own Node object", BYTES_FMT(q->node),
            BYTES_FMT(q->a->name));
    default:
        return bytes_of(sentences[answer]);
    }
}

bool node_of_user(const struct user *user, bytes *ret_node)
{
    *ret_node = BYTES_NONE;
    return user_is_node(user, ret_node) ||
           (bytes_equal(user->name, BYTES(USER_NODE_PREFIX)) && user_in_group(user, BYTES(USER_NODES)));
}

bool node_authorized(const struct attributes *a, struct arena *arena, bytes *ret_reason)
{
    struct question q = {.a = a};
    enum answer answer = NO_WORDS;

    if (node_of_user(a->user, &q.node))
        answer = q.node.n > 0 ? decide(&q) : UNKNOWN_NODE;
    if (arena)
        *ret_reason = words(arena, answer, &q);
    return answer == ALLOWED;
}
