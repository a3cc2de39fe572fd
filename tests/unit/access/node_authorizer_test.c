/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes may, as one table: each row of kube-apiserver's node authorizer with both outcomes, and its sentences. */
#include "access/node_authorizer.h"
#include "access/node_graph.h"
#include "api/selector.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NONE   "no relationship found between node 'n1' and this object"
#define LEASES "kube-node-lease"

static const struct row {
    const char *verb, *group, *resource, *subresource, *namespace, *name, *fields;
    bool allowed;
    const char *reason;
} rows[] = {
    /* What the Pods of the node name. */
    {"get", "", "secrets", "", "ns", "s", NULL, true, ""},
    {"get", "", "secrets", "", "ns", "other", NULL, false, NONE},
    {"get", "", "secrets", "", "elsewhere", "s", NULL, false, NONE},
    {"list", "", "secrets", "", "ns", "", "metadata.name=s", true, ""},
    {"watch", "", "secrets", "", "ns", "", "metadata.name=s", true, ""},
    {"list", "", "secrets", "", "ns", "", "metadata.name=other", false, NONE},
    {"list", "", "secrets", "", "ns", "", "metadata.name!=s", false, "No Object name found"},
    {"list", "", "secrets", "", "ns", "", NULL, false, "No Object name found"},
    {"list", "", "secrets", "", "ns", "", "metadata.namespace=ns", false, "No Object name found"},
    {"list", "", "secrets", "", "", "", "metadata.name=s", false, "can only read namespaced object of this type"},
    {"deletecollection", "", "secrets", "", "ns", "", "metadata.name=s", false, "can only read resources of this type"},
    {"create", "", "secrets", "", "ns", "", NULL, false, "can only read resources of this type"},
    {"update", "", "secrets", "", "ns", "s", NULL, false, "can only read resources of this type"},
    {"patch", "", "secrets", "", "ns", "s", NULL, false, "can only read resources of this type"},
    {"delete", "", "secrets", "", "ns", "s", NULL, false, "can only read resources of this type"},
    {"*", "", "secrets", "", "ns", "s", NULL, false, "can only read resources of this type"},
    {"get", "", "secrets", "status", "ns", "s", NULL, false, "cannot read subresource"},
    {"get", "other", "secrets", "", "ns", "s", NULL, false, ""},
    {"get", "", "configmaps", "", "ns", "cm", NULL, true, ""},
    {"watch", "", "configmaps", "", "ns", "", "metadata.name=cm", true, ""},
    {"get", "", "configmaps", "", "ns", "s", NULL, false, NONE},
    {"get", "", "persistentvolumeclaims", "", "ns", "c", NULL, true, ""},
    {"get", "", "persistentvolumeclaims", "", "ns", "d", NULL, false, NONE},
    {"list", "", "persistentvolumeclaims", "", "ns", "", "metadata.name=c", false,
        "can only get individual resources of this type"},
    {"get", "", "persistentvolumeclaims", "finalize", "ns", "c", NULL, false, "cannot get subresource"},
    {"update", "", "persistentvolumeclaims", "status", "ns", "c", NULL, true, ""},
    {"patch", "", "persistentvolumeclaims", "status", "ns", "c", NULL, true, ""},
    {"patch", "", "persistentvolumeclaims", "status", "ns", "d", NULL, false, NONE},
    {"get", "", "persistentvolumeclaims", "status", "ns", "c", NULL, false, "can only get/update/patch this type"},
    {"update", "", "persistentvolumeclaims", "", "ns", "c", NULL, false,
        "can only get individual resources of this type"},
    {"get", "", "persistentvolumes", "", "", "v", NULL, true, ""},
    {"get", "", "persistentvolumes", "", "", "w", NULL, false, NONE},
    {"get", "", "persistentvolumes", "", "", "", NULL, false, "No Object name found"},
    {"delete", "", "persistentvolumes", "", "", "v", NULL, false, "can only get individual resources of this type"},
    {"get", "", "secrets", "", "vault", "key", NULL, true, ""},
    {"get", "storage.k8s.io", "volumeattachments", "", "", "at", NULL, true, ""},
    {"get", "storage.k8s.io", "volumeattachments", "", "", "bt", NULL, false, NONE},
    {"list", "storage.k8s.io", "volumeattachments", "", "", "", NULL, false,
        "can only get individual resources of this type"},
    {"create", "", "serviceaccounts", "token", "ns", "acc", NULL, true, ""},
    {"create", "", "serviceaccounts", "token", "ns", "default", NULL, false, NONE},
    {"create", "", "serviceaccounts", "token", "ns", "", NULL, false,
        "can only create tokens for individual service accounts"},
    {"create", "", "serviceaccounts", "", "ns", "acc", NULL, false,
        "can only create token subresource of serviceaccount"},
    {"update", "", "serviceaccounts", "token", "ns", "acc", NULL, false,
        "can only create tokens for individual service accounts"},
    {"get", "", "serviceaccounts", "", "ns", "acc", NULL, true, ""},
    {"get", "", "serviceaccounts", "", "ns", "default", NULL, false, NONE},
    {"list", "", "serviceaccounts", "", "ns", "", "metadata.name=acc", false,
        "can only create tokens for individual service accounts"},
    /* Its own. */
    {"get", "", "nodes", "", "", "n1", NULL, true, ""},
    {"get", "", "nodes", "", "", "n2", NULL, false, "node 'n1' cannot read 'n2', only its own Node object"},
    {"list", "", "nodes", "", "", "", NULL, false, "node 'n1' cannot read all nodes, only its own Node object"},
    {"watch", "", "nodes", "", "", "", "metadata.name=n1", true, ""},
    {"watch", "", "nodes", "", "", "", "metadata.name=n2", false,
        "node 'n1' cannot read 'n2', only its own Node object"},
    {"create", "", "nodes", "", "", "", NULL, true, ""},
    {"update", "", "nodes", "", "", "n1", NULL, true, ""},
    {"patch", "", "nodes", "", "", "n1", NULL, true, ""},
    {"delete", "", "nodes", "", "", "n1", NULL, false, ""},
    {"deletecollection", "", "nodes", "", "", "", NULL, false, ""},
    {"patch", "", "nodes", "status", "", "n1", NULL, true, ""},
    {"update", "", "nodes", "status", "", "n1", NULL, true, ""},
    {"get", "", "nodes", "status", "", "n1", NULL, false, ""},
    {"get", "", "nodes", "proxy", "", "n1", NULL, false, ""},
    {"get", "coordination.k8s.io", "leases", "", LEASES, "n1", NULL, true, ""},
    {"create", "coordination.k8s.io", "leases", "", LEASES, "", NULL, true, ""},
    {"update", "coordination.k8s.io", "leases", "", LEASES, "n1", NULL, true, ""},
    {"patch", "coordination.k8s.io", "leases", "", LEASES, "n1", NULL, true, ""},
    {"delete", "coordination.k8s.io", "leases", "", LEASES, "n1", NULL, true, ""},
    {"get", "coordination.k8s.io", "leases", "", LEASES, "n2", NULL, false,
        "can only access node lease with the same name as the requesting node"},
    {"get", "coordination.k8s.io", "leases", "", "ns", "n1", NULL, false,
        "can only access leases in the \"kube-node-lease\" system namespace"},
    {"list", "coordination.k8s.io", "leases", "", LEASES, "", NULL, false,
        "can only get, create, update, patch, or delete a node lease"},
    {"get", "storage.k8s.io", "csinodes", "", "", "n1", NULL, true, ""},
    {"create", "storage.k8s.io", "csinodes", "", "", "", NULL, true, ""},
    {"delete", "storage.k8s.io", "csinodes", "", "", "n1", NULL, true, ""},
    {"get", "storage.k8s.io", "csinodes", "", "", "n2", NULL, false,
        "can only access CSINode with the same name as the requesting node"},
    {"list", "storage.k8s.io", "csinodes", "", "", "", NULL, false,
        "can only get, create, update, patch, or delete a CSINode"},
    {"get", "storage.k8s.io", "csinodes", "status", "", "n1", NULL, false, "cannot authorize CSINode subresources"},
    /* Its Pods. */
    {"get", "", "pods", "", "ns", "p", NULL, true, ""},
    {"get", "", "pods", "", "ns", "q", NULL, false, NONE},
    {"list", "", "pods", "", "", "", "spec.nodeName=n1", true, ""},
    {"watch", "", "pods", "", "ns", "", "spec.nodeName=n1,status.phase=Running", true, ""},
    {"list", "", "pods", "", "", "", "spec.nodeName=n2", false,
        "can only list/watch pods with spec.nodeName field selector"},
    {"list", "", "pods", "", "", "", "spec.nodeName!=n1", false,
        "can only list/watch pods with spec.nodeName field selector"},
    {"watch", "", "pods", "", "", "", NULL, false, "can only list/watch pods with spec.nodeName field selector"},
    {"watch", "", "pods", "", "ns", "", "metadata.name=p", true, ""},
    {"watch", "", "pods", "", "ns", "", "metadata.name=q", false, NONE},
    {"create", "", "pods", "", "ns", "", NULL, true, ""},
    {"delete", "", "pods", "", "ns", "p", NULL, true, ""},
    {"update", "", "pods", "", "ns", "p", NULL, false, ""},
    {"deletecollection", "", "pods", "", "ns", "", "spec.nodeName=n1", false, ""},
    {"patch", "", "pods", "status", "ns", "p", NULL, true, ""},
    {"get", "", "pods", "status", "ns", "p", NULL, false, ""},
    {"create", "", "pods", "eviction", "ns", "p", NULL, true, ""},
    {"create", "", "pods", "binding", "ns", "p", NULL, false, ""},
    {"create", "", "pods", "exec", "ns", "p", NULL, false, ""},
    /* What all nodes may. */
    {"list", "", "services", "", "", "", NULL, true, ""},
    {"create", "", "services", "", "ns", "", NULL, false, ""},
    {"get", "", "services", "status", "ns", "a", NULL, false, ""},
    {"get", "", "endpoints", "", "ns", "a", NULL, true, ""},
    {"list", "", "endpoints", "", "ns", "", NULL, false, ""},
    {"create", "", "events", "", "ns", "", NULL, true, ""},
    {"patch", "", "events", "", "ns", "a", NULL, true, ""},
    {"get", "", "events", "", "ns", "a", NULL, false, ""},
    {"create", "authentication.k8s.io", "tokenreviews", "", "", "", NULL, true, ""},
    {"create", "authorization.k8s.io", "subjectaccessreviews", "", "", "", NULL, true, ""},
    {"create", "authorization.k8s.io", "localsubjectaccessreviews", "", "ns", "", NULL, true, ""},
    {"create", "certificates.k8s.io", "certificatesigningrequests", "", "", "", NULL, true, ""},
    {"watch", "certificates.k8s.io", "certificatesigningrequests", "", "", "", NULL, true, ""},
    {"update", "certificates.k8s.io", "certificatesigningrequests", "approval", "", "a", NULL, false, ""},
    {"delete", "certificates.k8s.io", "certificatesigningrequests", "", "", "a", NULL, false, ""},
    {"list", "node.k8s.io", "runtimeclasses", "", "", "", NULL, true, ""},
    {"create", "node.k8s.io", "runtimeclasses", "", "", "", NULL, false, ""},
    {"list", "storage.k8s.io", "csidrivers", "", "", "", NULL, true, ""},
    {"delete", "storage.k8s.io", "csidrivers", "", "", "a", NULL, false, ""},
    {"get", "", "namespaces", "", "", "ns", NULL, false, ""},
    {"get", "apps", "daemonsets", "", "ns", "a", NULL, false, ""},
};

static struct arena arena;
static struct error error;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 1u << 20);
    error_init(&error, &arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    node_graph_clear();
    arena_reset(&arena);
    return 0;
}

static const char *text(bytes b)
{
    bytes copy = arena_copy(&arena, b);
    assert_non_null(copy.p);
    return (const char *)copy.p;
}

static const bytes node_groups[] = {{(const uint8_t *)USER_NODES, sizeof USER_NODES - 1}};
static const struct user n1 = {
    .name = {(const uint8_t *)"system:node:n1", 14}, .groups = node_groups, .group_count = 1};

static void fill(void)
{
    struct node_reference references[] = {{NODE_SECRET, BYTES("s")}, {NODE_CONFIG_MAP, BYTES("cm")},
        {NODE_CLAIM, BYTES("c")}, {NODE_ACCOUNT, BYTES("acc")}};
    struct node_reference others[] = {{NODE_SECRET, BYTES("other")}, {NODE_CLAIM, BYTES("d")}};
    struct node_pod pod = {BYTES("n1"), false, references, ARRAY_LEN(references)},
                    another = {BYTES("n2"), false, others, ARRAY_LEN(others)};
    bytes secrets[] = {BYTES("vault/key")};
    struct node_volume bound = {BYTES("ns/c"), secrets, 1}, elsewhere = {BYTES("ns/d"), NULL, 0};

    assert_true(node_graph_put_pod(BYTES("ns/p"), &pod));
    assert_true(node_graph_put_pod(BYTES("ns/q"), &another));
    assert_true(node_graph_put_volume(BYTES("v"), &bound));
    assert_true(node_graph_put_volume(BYTES("w"), &elsewhere));
    assert_true(node_graph_put_attachment(BYTES("at"), BYTES("n1")));
    assert_true(node_graph_put_attachment(BYTES("bt"), BYTES("n2")));
}

static bool ask(const struct user *user, const struct row *row, bytes *ret_reason)
{
    static const char *const selectable[] = {"spec.nodeName", "status.phase"};
    static const struct kind kind = {.namespaced = true, .selectable_fields = selectable, .selectable_field_count = 2};
    struct selector fields = {0};
    struct attributes a = {.user = user,
        .verb = bytes_of(row->verb),
        .resource_request = true,
        .group = bytes_of(row->group),
        .version = BYTES("v1"),
        .resource = bytes_of(row->resource),
        .subresource = bytes_of(row->subresource),
        .namespace = bytes_of(row->namespace),
        .name = bytes_of(row->name),
        .fields = row->fields ? &fields : NULL};
    bool allowed;

    if (row->fields)
        assert_int_equal(field_selector_parse(&arena, &kind, bytes_of(row->fields), &fields, &error), ERR_OK);
    if (row->fields && a.name.n == 0 && strcmp(row->verb, "deletecollection") != 0)
        a.name = field_selector_required_name(&fields); /* as serve/route.c does */
    allowed = node_authorized(&a, &arena, ret_reason);
    assert_int_equal(allowed, node_authorized(&a, NULL, NULL));
    return allowed;
}

static void test_rows(void **state)
{
    (void)state;
    fill();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i];
        bytes reason;
        bool allowed = ask(&n1, row, &reason);
        if (allowed != row->allowed || !bytes_equal(reason, bytes_of(row->reason)))
            fail_msg("%s %s/%s %s/%s [%s]: %d \"%s\"", row->verb, row->resource, row->subresource, row->namespace,
                row->name, row->fields ? row->fields : "", allowed, text(reason));
    }
}

/* Who is no node, whatever the graph says. */
static void test_users(void **state)
{
    static const struct {
        const char *name, *group, *reason;
    } users[] = {
        {"system:node:n1", "system:authenticated", ""},
        {"n1", USER_NODES, ""},
        {"system:nodes:n1", USER_NODES, ""},
        {"system:node:", USER_NODES, "unknown node for user \"system:node:\""},
        {"system:node:n2", USER_NODES, "no relationship found between node 'n2' and this object"},
        {"system:node:N1", USER_NODES, "no relationship found between node 'N1' and this object"},
        {"system:node:n1 ", USER_NODES, "no relationship found between node 'n1 ' and this object"},
    };

    (void)state;
    fill();
    for (size_t i = 0; i < ARRAY_LEN(users); i++) {
        bytes groups[] = {bytes_of(users[i].group)}, reason;
        struct user user = {.name = bytes_of(users[i].name), .groups = groups, .group_count = 1};
        assert_false(ask(&user, &rows[0], &reason));
        assert_string_equal(text(reason), users[i].reason);
    }
}

/* Paths that are no resource are everybody's, by RBAC. */
static void test_paths(void **state)
{
    struct attributes a = {.user = &n1, .verb = BYTES("get"), .path = BYTES("/metrics")};
    bytes reason;

    (void)state;
    assert_false(node_authorized(&a, &arena, &reason));
    assert_int_equal(reason.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_users, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paths, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
