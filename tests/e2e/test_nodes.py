# SPDX-License-Identifier: Apache-2.0
"""What a node may: read what its Pods name, and only while they are there; write about itself and its Pods, and no more."""
import json
import secrets
import subprocess

import harness
import pytest
from authority import Authority, context

NAMESPACE = "/api/v1/namespaces/default"
PODS, SECRETS, NODES = f"{NAMESPACE}/pods", f"{NAMESPACE}/secrets", "/api/v1/nodes"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
CSI_NODES = "/apis/storage.k8s.io/v1/csinodes"
MERGE = [("Content-Type", "application/merge-patch+json")]
NO_PATH = "no relationship found between node 'n1' and this object"
MIRROR = "kubernetes.io/config.mirror"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nodes")
    authority = Authority(folder / "ca")
    with harness.Server(flags=["--client-ca-file", str(authority.pem)]) as running:
        for node in ("n1", "n2"):
            running.contexts[node] = context(running, authority.client(f"system:node:{node}", "system:nodes"))
            running.call("POST", NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}, status=201)
        running.contexts["nobody"] = context(running, authority.client("system:node:n3", "others"))
        running.contexts["nameless"] = context(running, authority.client("system:node:", "system:nodes"))
        harness.await_furniture(running, "default")
        yield running


def unique(what):
    return f"{what}-{secrets.token_hex(4)}"


def pod(name, node=None, metadata=None, **spec):
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **(metadata or {})},
            "spec": {"automountServiceAccountToken": False, "containers": [{"name": "c", "image": "i"}], **spec}}
    if node:
        body["spec"]["nodeName"] = node
    return body


def with_secret(name):
    return {"volumes": [{"name": "v", "secret": {"secretName": name}}]}


def make_secret(server, value="plain"):
    name = unique("s")
    server.call("POST", SECRETS, harness.secret(name, {"k": harness.canary(value)}), status=201)
    return name


def remove(server, path):
    server.call("DELETE", f"{path}?gracePeriodSeconds=0", status=200)
    server.call("GET", path, status=404)


def refusal(server, method, path, body=None, client="n1", status=403, headers=()):
    return server.call(method, path, body, status=status, client=client, headers=headers)["message"]


def patch(server, path, change, client="n1", **more):
    return server.request("PATCH", path, json.dumps(change).encode(), MERGE, client=client, **more)


def test_a_secret_is_read_while_a_pod_of_the_node_names_it(server):
    name, first, second = make_secret(server), unique("p"), unique("p")
    path = f"{SECRETS}/{name}"
    why = f'secrets "{name}" is forbidden: User "system:node:n1" cannot get resource "secrets" in API group "" in the namespace "default": {NO_PATH}'
    assert refusal(server, "GET", path) == why
    server.call("POST", PODS, pod(first, **with_secret(name)), status=201)
    assert refusal(server, "GET", path) == why, "it is not bound yet"
    server.call("POST", f"{PODS}/{first}/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": first},
                                                    "target": {"kind": "Node", "name": "n1"}}, status=201)
    assert server.call("GET", path, client="n1")["data"]
    assert refusal(server, "GET", path, client="n2").endswith("node 'n2' and this object")
    assert refusal(server, "GET", path, client="nobody").endswith('in the namespace "default"'), "the group makes the node"
    assert "unknown node for user" in refusal(server, "GET", path, client="nameless")
    server.call("POST", PODS, pod(second, "n1", **with_secret(name)), status=201)
    assert patch(server, f"{PODS}/{second}/status", {"status": {"phase": "Succeeded"}}).status == 200
    remove(server, f"{PODS}/{first}")
    assert server.call("GET", path, client="n1"), "a Pod that ended counts until it goes"
    remove(server, f"{PODS}/{second}")
    assert refusal(server, "GET", path) == why


@pytest.mark.parametrize("spec", [
    {"imagePullSecrets": [{"name": "NAME"}]},
    {"containers": [{"name": "c", "image": "i", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "NAME", "key": "k"}}}]}]},
    {"initContainers": [{"name": "i", "image": "i", "envFrom": [{"secretRef": {"name": "NAME"}}]}]},
    {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "NAME", "optional": True}}]}}]},
    {"volumes": [{"name": "v", "csi": {"driver": "d.example", "nodePublishSecretRef": {"name": "NAME"}}}]},
], ids=lambda spec: next(iter(spec)))
def test_every_field_that_names_a_secret_counts(server, spec):
    name, made = make_secret(server), unique("p")
    server.call("POST", PODS, json.loads(json.dumps(pod(made, "n1", **spec)).replace("NAME", name)), status=201)
    assert server.call("GET", f"{SECRETS}/{name}", client="n1")
    remove(server, f"{PODS}/{made}")
    refusal(server, "GET", f"{SECRETS}/{name}")


def test_an_ephemeral_container_widens_what_is_read(server):
    name, made = make_secret(server), unique("p")
    server.call("POST", PODS, pod(made, "n1"), status=201)
    refusal(server, "GET", f"{SECRETS}/{name}")
    assert patch(server, f"{PODS}/{made}/ephemeralcontainers", {"spec": {"ephemeralContainers": [
        {"name": "e", "image": "i", "envFrom": [{"secretRef": {"name": name}}]}]}}, client="admin").status == 200
    assert server.call("GET", f"{SECRETS}/{name}", client="n1")
    remove(server, f"{PODS}/{made}")


def test_lists_and_watches_are_of_one_name(server):
    name, made = make_secret(server), unique("p")
    server.call("POST", PODS, pod(made, "n1", **with_secret(name)), status=201)
    one = f"{SECRETS}?fieldSelector=metadata.name%3D{name}"
    assert [item["metadata"]["name"] for item in server.call("GET", one, client="n1")["items"]] == [name]
    with server.watch(f"{one}&watch=true", client="n1") as watch:
        assert watch.next()["object"]["metadata"]["name"] == name
    assert refusal(server, "GET", SECRETS).endswith(": No Object name found")
    assert refusal(server, "GET", f"{SECRETS}?fieldSelector=metadata.name%3Dother").endswith(NO_PATH)
    assert refusal(server, "GET", "/api/v1/secrets").endswith("can only read namespaced object of this type")
    assert refusal(server, "DELETE", f"{SECRETS}/{name}").endswith("can only read resources of this type")
    assert {item["spec"]["nodeName"] for item in server.call("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1", client="n1")["items"]} == {"n1"}
    only = "can only list/watch pods with spec.nodeName field selector"
    for query in ("", "?fieldSelector=spec.nodeName%3Dn2", "?watch=true", "?fieldSelector=spec.nodeName!%3Dn1"):
        assert refusal(server, "GET", f"/api/v1/pods{query}").endswith(only)
    assert refusal(server, "GET", NODES).endswith("node 'n1' cannot read all nodes, only its own Node object")
    remove(server, f"{PODS}/{made}")


def test_who_hears_of_a_pod_may_read_its_secrets(server):
    """The graph is filled before any event is sent: 200 times without a retry."""
    names = [make_secret(server, "race") for _ in range(4)]
    with server.watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dn1", client="n1") as watch, \
            server.connect("n1") as reader, server.connect() as writer:
        for i in range(200):
            name, made = names[i % 4], f"race-{i}"
            assert writer.request("POST", PODS, [], json.dumps(pod(made, "n1", **with_secret(name))).encode()).status == 201
            watch.until(lambda event: event["type"] == "ADDED" and event["object"]["metadata"]["name"] == made)
            assert reader.request("GET", f"{SECRETS}/{name}").status == 200
            assert writer.request("DELETE", f"{PODS}/{made}?gracePeriodSeconds=0").status == 200
            watch.until(lambda event: event["type"] == "DELETED" and event["object"]["metadata"]["name"] == made)
            assert reader.request("GET", f"{SECRETS}/{name}").status == 403


def test_a_watch_ends_with_what_led_to_it(server):
    name, first, second = make_secret(server), unique("p"), unique("p")
    for made in (first, second):
        server.call("POST", PODS, pod(made, "n1", **with_secret(name)), status=201)
    with server.watch(f"{SECRETS}?watch=true&fieldSelector=metadata.name%3D{name}", client="n1") as watch:
        assert watch.next()["type"] == "ADDED"
        remove(server, f"{PODS}/{first}")
        assert patch(server, f"{SECRETS}/{name}", {"metadata": {"labels": {"a": "b"}}}, client="admin").status == 200
        assert watch.next()["type"] == "MODIFIED", "another Pod names it"
        remove(server, f"{PODS}/{second}")
        assert patch(server, f"{SECRETS}/{name}", {"metadata": {"labels": {"a": "c"}}}, client="admin").status == 200
        assert watch.next() is None


def test_the_graph_is_there_again_after_a_restart(start, tmp_path):
    authority = Authority(tmp_path / "ca")
    flags = ["--client-ca-file", str(authority.pem)]
    pair = authority.client("system:node:n1", "system:nodes")
    first = start(flags=flags)
    harness.await_furniture(first, "default")
    name, gone = make_secret(first), make_secret(first)
    first.call("POST", PODS, pod("stays", "n1", **with_secret(name)), status=201)
    first.call("POST", PODS, pod("goes", "n1", **with_secret(gone)), status=201)
    remove(first, f"{PODS}/goes")
    first.stop()
    second = start(directory=first.directory, flags=flags)
    second.contexts["n1"] = context(second, pair)
    assert second.call("GET", f"{SECRETS}/{name}", client="n1")
    refusal(second, "GET", f"{SECRETS}/{gone}")


# ---- NodeRestriction

def owner(server, node="n1", **more):
    uid = server.call("GET", f"{NODES}/{node}")["metadata"]["uid"]
    return {"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid, "controller": True, **more}


def mirror(server, node="n1", owners=None, **spec):
    metadata = {"annotations": {MIRROR: "hash"}, "ownerReferences": owners if owners is not None else [owner(server)]}
    return pod(unique("m"), node, metadata, **spec)


def test_a_node_makes_mirror_pods_of_its_own_and_no_others(server):
    said = {
        'pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods': pod("a", "n1"),
        'node "n1" can only create pods with spec.nodeName set to itself': mirror(server, "n2"),
        'node "n1" can only create pods with an owner reference set to itself': mirror(server, owners=[]),
        'node "n1" can only create pods with an owner reference set to itself ': mirror(server, owners=[owner(server, "n2")]),
        'node "n1" can only create pods with a single owner reference set to itself':
            mirror(server, owners=[owner(server), {**owner(server, "n2"), "controller": False}]),
        'node "n1" can only create pods with a controller owner reference set to itself': mirror(server, owners=[owner(server, controller=False)]),
        'node "n1" must not set blockOwnerDeletion on an owner reference': mirror(server, owners=[owner(server, blockOwnerDeletion=True)]),
        'node n1 UID mismatch: expected 0 got ' + owner(server)["uid"]: mirror(server, owners=[owner(server, uid="0")]),
        "a mirror pod may not reference secrets": mirror(server, **with_secret("s")),
        "a mirror pod may not reference service accounts": mirror(server, serviceAccountName="default"),
        'node "n1" can not create pods that reference configmaps': mirror(server, volumes=[{"name": "v", "configMap": {"name": "c"}}]),
        'node "n1" can not create pods that reference persistentvolumeclaims':
            mirror(server, volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]),
        'node "n1" can not create pods that reference csidrivers (via CSI volumes)':
            mirror(server, volumes=[{"name": "v", "csi": {"driver": "d.example"}}]),
        'node "n1" can not create pods that reference clustertrustbundles':
            mirror(server, volumes=[{"name": "v", "projected": {"sources": [{"clusterTrustBundle": {"name": "b", "path": "p"}}]}}]),
    }
    for sentence, body in said.items():
        assert refusal(server, "POST", PODS, body) == f'pods "{body["metadata"]["name"]}" is forbidden: {sentence.strip()}'
        assert refusal(server, "POST", f"{PODS}?dryRun=All", body).endswith(sentence.strip())
    made = mirror(server)
    server.call("POST", PODS, made, status=201, client="n1")
    refusal(server, "DELETE", f"{PODS}/{made['metadata']['name']}?gracePeriodSeconds=0", client="n2")
    server.call("DELETE", f"{PODS}/{made['metadata']['name']}?gracePeriodSeconds=0", status=200, client="n1")


def test_a_mirror_pod_leads_nowhere(server):
    """Not even one that was made by somebody who may make any Pod."""
    name, body = unique("c"), mirror(server)
    server.call("POST", f"{NAMESPACE}/configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}, status=201)
    body["spec"]["volumes"] = [{"name": "v", "configMap": {"name": name}}]
    server.call("POST", PODS, body, status=201)
    assert refusal(server, "GET", f"{NAMESPACE}/configmaps/{name}").endswith(NO_PATH)
    assert server.call("GET", f"{PODS}/{body['metadata']['name']}", client="n1")
    remove(server, f"{PODS}/{body['metadata']['name']}")


def test_a_node_reports_about_its_own_pods(server):
    made, foreign = unique("p"), unique("p")
    server.call("POST", PODS, pod(made, "n1"), status=201)
    server.call("POST", PODS, pod(foreign, "n2"), status=201)
    running = {"status": {"phase": "Running"}}
    assert patch(server, f"{PODS}/{made}/status", running).status == 200
    assert patch(server, f"{PODS}/{foreign}/status", running).json()["message"] == (
        f'pods "{foreign}" is forbidden: node "n1" can only update pod status for pods with spec.nodeName set to itself')
    assert patch(server, f"{PODS}/{made}/status", {"metadata": {"labels": {"a": "b"}}}).json()["message"].endswith(
        'node "n1" cannot update labels through pod status')
    assert patch(server, f"{PODS}/{made}/status", {"status": {"resourceClaimStatuses": [{"name": "r", "resourceClaimName": "x"}]}}).status in (403, 422)
    assert patch(server, f"{PODS}/{made}", {"metadata": {"labels": {"a": "b"}}}).status == 403
    assert refusal(server, "DELETE", f"{PODS}/{foreign}") == (
        f'pods "{foreign}" is forbidden: node "n1" can only delete pods with spec.nodeName set to itself')
    assert patch(server, f"{PODS}/{foreign}/status", running, client="n2").status == 200
    for name in (made, foreign):
        remove(server, f"{PODS}/{name}")


def test_an_eviction_that_is_refused_counts_for_nothing(server):
    budgets, name = "/apis/policy/v1/namespaces/default/poddisruptionbudgets", unique("b")
    server.call("POST", budgets, {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
                                  "spec": {"minAvailable": 0, "selector": {"matchLabels": {"b": name}}}}, status=201)
    server.call("PATCH", f"{budgets}/{name}/status", json.dumps({"status": {
        "disruptionsAllowed": 1, "observedGeneration": 1, "currentHealthy": 1, "desiredHealthy": 0, "expectedPods": 1}}).encode(), headers=MERGE)
    made = unique("p")
    server.call("POST", PODS, pod(made, "n2", {"labels": {"b": name}}), status=201)
    assert patch(server, f"{PODS}/{made}/status", {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}, client="n2").status == 200
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": made}, "deleteOptions": {"gracePeriodSeconds": 0}}
    assert refusal(server, "POST", f"{PODS}/{made}/eviction", eviction) == (
        f'pods "{made}" is forbidden: node n1 can only evict pods with spec.nodeName set to itself')
    assert server.call("GET", f"{budgets}/{name}")["status"]["disruptionsAllowed"] == 1
    server.call("POST", f"{PODS}/{made}/eviction", eviction, status=201, client="n2")
    assert server.call("GET", f"{budgets}/{name}")["status"]["disruptionsAllowed"] == 0


def node_body(name, labels=None, **more):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels or {}}, **more}


def test_a_node_writes_its_own_node(server):
    said = 'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"'
    assert patch(server, f"{NODES}/n2", {"metadata": {"labels": {"a": "b"}}}).json()["message"] == said
    assert patch(server, f"{NODES}/n2/status", {"status": {"phase": "Running"}}).json()["message"] == said
    assert refusal(server, "POST", NODES, node_body("n3")) == 'nodes "n3" is forbidden: node "n1" is not allowed to modify node "n3"'
    for path in (f"{NODES}/n1", f"{NODES}/n1/status"):
        assert patch(server, path, {"metadata": {"labels": {"a": "b", "node.kubernetes.io/instance-type": unique("t"),
                                                            "kubernetes.io/hostname": "n1", "a.kubelet.kubernetes.io/x": unique("x")}}}).status == 200
    for label in ("node-restriction.kubernetes.io/a", "x.node-restriction.kubernetes.io/a", "kubernetes.io/a", "x.k8s.io/a", "node-role.kubernetes.io/master"):
        for path in (f"{NODES}/n1", f"{NODES}/n1/status"):
            answer = patch(server, path, {"metadata": {"labels": {label: "", "a": "c"}}})
            assert answer.json()["message"] == f'nodes "n1" is forbidden: is not allowed to modify labels: {label}'
    patch(server, f"{NODES}/n1", {"metadata": {"labels": {"k8s.io/b": "1", "k8s.io/a": "1"}}}, client="admin")
    answer = patch(server, f"{NODES}/n1", {"metadata": {"labels": {"k8s.io/b": None, "k8s.io/a": "2"}}})
    assert answer.json()["message"].endswith("is not allowed to modify labels: k8s.io/a, k8s.io/b")
    taint = [{"key": "k", "value": "v", "effect": "NoSchedule"}]
    assert patch(server, f"{NODES}/n1", {"spec": {"taints": taint}}).json()["message"].endswith('node "n1" is not allowed to modify taints')
    assert patch(server, f"{NODES}/n1", {"spec": {"taints": taint}}, client="admin").status == 200
    assert patch(server, f"{NODES}/n1", {"spec": {"taints": None}}).json()["message"].endswith('node "n1" is not allowed to modify taints')
    assert patch(server, f"{NODES}/n1", {"metadata": {"ownerReferences": [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": "c", "uid": "u"}]}}).json()["message"].endswith(
            'node "n1" is not allowed to modify ownerReferences')
    assert patch(server, f"{NODES}/n1", {"spec": {"podCIDR": "10.0.0.0/24"}}).status == 200


def test_a_node_comes_with_labels_of_its_own_only(server, tmp_path):
    server.call("DELETE", f"{NODES}/n2", status=200)
    said = refusal(server, "POST", NODES, node_body("n2", {"k8s.io/a": "", "node-restriction.kubernetes.io/b": "", "kubernetes.io/os": "linux"}), client="n2")
    assert said == 'nodes "n2" is forbidden: node "n2" is not allowed to set the following labels: k8s.io/a, node-restriction.kubernetes.io/b'
    server.call("POST", NODES, node_body("n2", {"kubernetes.io/os": "linux", "a": "b"}, spec={"taints": [{"key": "k", "effect": "NoSchedule"}]}),
                status=201, client="n2")


def test_leases_and_csi_nodes_of_its_own(server):
    for collection, body in ((LEASES.format("kube-node-lease"), {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {}}),
                             (CSI_NODES, {"apiVersion": "storage.k8s.io/v1", "kind": "CSINode", "spec": {"drivers": []}})):
        what = "node lease" if "leases" in collection else "CSINode"
        said = f"can only access {what} with the same name as the requesting node"
        assert refusal(server, "POST", collection, {**body, "metadata": {"name": "n2"}}).endswith(said)
        server.call("POST", collection, {**body, "metadata": {"name": "n1"}}, status=201, client="n1")
        assert patch(server, f"{collection}/n1", {"metadata": {"labels": {"a": "b"}}}).status == 200
        assert refusal(server, "GET", f"{collection}/n2").endswith(said)
        server.call("DELETE", f"{collection}/n1", status=200, client="n1")
    assert refusal(server, "POST", LEASES.format("default"), {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "n1"}}).endswith(
        'can only access leases in the "kube-node-lease" system namespace')


def claim(name, **more):
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, **more}}


def volume(name, claim_name, secret):
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
            "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "claimRef": {"namespace": "default", "name": claim_name},
                     "csi": {"driver": "d.example", "volumeHandle": "h", "nodeStageSecretRef": {"name": secret[0], "namespace": "default"},
                             "controllerPublishSecretRef": {"name": secret[1], "namespace": "default"}}}}


def test_volumes_lead_to_their_secrets(server):
    claims, volumes = f"{NAMESPACE}/persistentvolumeclaims", "/api/v1/persistentvolumes"
    name, bound, made, for_node, for_controller = unique("c"), unique("v"), unique("p"), make_secret(server), make_secret(server)
    server.call("POST", claims, claim(name), status=201)
    server.call("POST", volumes, volume(bound, name, (for_node, for_controller)), status=201)
    for path in (f"{claims}/{name}", f"{volumes}/{bound}", f"{SECRETS}/{for_node}"):
        assert refusal(server, "GET", path).endswith(NO_PATH)
    server.call("POST", PODS, pod(made, "n1", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": name}}]), status=201)
    for path in (f"{claims}/{name}", f"{volumes}/{bound}", f"{SECRETS}/{for_node}"):
        assert server.call("GET", path, client="n1")
    assert refusal(server, "GET", f"{SECRETS}/{for_controller}").endswith(NO_PATH)
    grown = {"status": {"capacity": {"storage": "2Gi"}, "conditions": [{"type": "FileSystemResizePending", "status": "True"}]}}
    assert patch(server, f"{claims}/{name}/status", grown).status == 200
    assert patch(server, f"{claims}/{name}/status", {"status": {"phase": "Lost"}}).json()["message"].startswith(
        f'persistentvolumeclaims "{name}" is forbidden: node "n1" is not allowed to update fields other than status.quantity and status.conditions')
    assert patch(server, f"{claims}/{name}/status", {"metadata": {"labels": {"a": "b"}}}).status == 403
    remove(server, f"{PODS}/{made}")
    assert refusal(server, "GET", f"{volumes}/{bound}").endswith(NO_PATH)
    attachments = "/apis/storage.k8s.io/v1/volumeattachments"
    for node in ("n1", "n2"):
        server.call("POST", attachments, {"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": f"at-{node}"},
                                          "spec": {"attacher": "d.example", "nodeName": node, "source": {"persistentVolumeName": bound}}}, status=201)
    assert server.call("GET", f"{attachments}/at-n1", client="n1")
    assert refusal(server, "GET", f"{attachments}/at-n2").endswith(NO_PATH)


def grant(server, name, rules):
    """To all nodes: the guard stands behind any rights."""
    group = "/apis/rbac.authorization.k8s.io/v1"
    server.call("POST", f"{group}/clusterroles", {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                                                  "metadata": {"name": name}, "rules": rules}, status=201)
    server.call("POST", f"{group}/clusterrolebindings", {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:nodes"}]}, status=201)


def bound_to(server, name, audiences=None, **change):
    uid = server.call("GET", f"{PODS}/{name}")["metadata"]["uid"]
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"audiences": audiences or [], "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid, **change}}}


def projected(audience):
    return {"volumes": [{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t", "audience": audience}}]}}]}


def test_tokens_are_for_pods_of_the_node(server):
    account, accounts = unique("a"), f"{NAMESPACE}/serviceaccounts"
    path, own, foreign, bare = f"{accounts}/{account}/token", unique("p"), unique("p"), unique("p")
    server.call("POST", accounts, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}}, status=201)
    server.call("POST", PODS, pod(foreign, "n2", serviceAccountName=account, automountServiceAccountToken=True), status=201)
    assert refusal(server, "POST", path, bound_to(server, foreign)).endswith(NO_PATH)
    assert refusal(server, "GET", f"{accounts}/{account}").endswith(NO_PATH)
    server.call("POST", PODS, pod(own, "n1", serviceAccountName=account, automountServiceAccountToken=True), status=201)
    server.call("POST", PODS, pod(bare, "n1", serviceAccountName=account), status=201)
    assert server.call("POST", path, bound_to(server, own), status=201, client="n1")["status"]["token"]
    assert server.call("GET", f"{accounts}/{account}", client="n1")

    def refused(body):
        prefix, message = f'serviceaccounts "{account}" is forbidden: ', refusal(server, "POST", path, body)
        assert message.startswith(prefix)
        return message[len(prefix):]
    unbound = bound_to(server, own)
    del unbound["spec"]["boundObjectRef"]
    assert refused(unbound) == "node requested token not bound to a pod"
    assert refused(bound_to(server, own, uid=None)) == "node requested token with a pod binding without a uid"
    assert refused(bound_to(server, foreign)) == "node requested token bound to a pod scheduled on a different node"
    assert refused(bound_to(server, own, ["a", "b"])) == "node may only request 0 or 1 audiences"
    unknown = 'audience "vault" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience'
    assert refused(bound_to(server, own, ["vault"])) == unknown
    assert refused(bound_to(server, bare)) == unknown.replace("vault", "")
    assert server.call("POST", path, bound_to(server, foreign), status=201, client="n2")
    assert server.request("POST", path, bound_to(server, own, uid="0"), client="n1").status in (403, 409)
    for name in (own, foreign, bare):
        remove(server, f"{PODS}/{name}")


def test_audiences_are_those_of_the_pods_volumes(server):
    path, drivers = f"{NAMESPACE}/serviceaccounts/default/token", "/apis/storage.k8s.io/v1/csidrivers"
    driver, claimed, name = f"{unique('d')}.example", unique("c"), unique("v")
    server.call("POST", drivers, {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": driver},
                                  "spec": {"tokenRequests": [{"audience": "store"}]}}, status=201)
    bound = volume(name, claimed, ("a", "b"))
    bound["spec"]["csi"]["driver"] = driver
    server.call("POST", "/api/v1/persistentvolumes", bound, status=201)
    server.call("POST", f"{NAMESPACE}/persistentvolumeclaims", claim(claimed, volumeName=name), status=201)
    asks = {"vault": projected("vault"), "store": {"volumes": [{"name": "v", "csi": {"driver": driver}}]},
            "store ": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": claimed}}]}}
    for audience, spec in asks.items():
        made = unique("p")
        server.call("POST", PODS, pod(made, "n1", serviceAccountName="default", **spec), status=201)
        server.call("POST", path, bound_to(server, made, [audience.strip()]), status=201, client="n1")
        assert 'audience "other" not found' in refusal(server, "POST", path, bound_to(server, made, ["other"]))
        remove(server, f"{PODS}/{made}")
    made = unique("p")
    server.call("POST", PODS, pod(made, "n1"), status=201)
    refusal(server, "POST", path, bound_to(server, made, ["registry"]))
    grant(server, "registry", [{"apiGroups": [""], "resources": ["registry"], "resourceNames": ["default"],
                                "verbs": ["request-serviceaccounts-token-audience"]}])
    server.call("POST", path, bound_to(server, made, ["registry"]), status=201, client="n1")
    remove(server, f"{PODS}/{made}")


def test_a_node_asks_for_certificates_of_its_own_name(server, tmp_path):
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"

    def request(common_name, signer, usages):
        made = subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                               f"/O=system:nodes/CN={common_name}", "-keyout", str(tmp_path / "key")], check=True, capture_output=True).stdout
        return {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": unique("r")},
                "spec": {"request": harness.b64(made), "signerName": signer, "usages": usages}}
    client, serving = "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"
    server.call("POST", path, request("system:node:n1", client, ["digital signature", "client auth"]), status=201, client="n1")
    for signer, usages in ((client, ["digital signature", "client auth"]), (serving, ["digital signature", "server auth"])):
        assert refusal(server, "POST", path, request("system:node:n2", signer, usages)).endswith("can only create a node CSR with CN=system:node:n1")
    server.call("POST", path, request("system:node:n2", "example.com/other", ["client auth"]), status=201, client="n1")


def test_rights_by_rbac_do_not_lift_the_restriction(start, tmp_path):
    authority = Authority(tmp_path / "ca")
    server = start(flags=["--client-ca-file", str(authority.pem)])
    server.contexts["n1"] = context(server, authority.client("system:node:n1", "system:nodes"))
    server.contexts["nameless"] = context(server, authority.client("system:node:", "system:nodes"))
    harness.await_furniture(server, "default")
    grant(server, "too-much", [{"apiGroups": [""], "resources": ["pods", "pods/binding", "secrets", "persistentvolumeclaims"], "verbs": ["*"]}])
    name = make_secret(server)
    assert server.call("GET", f"{SECRETS}/{name}", client="n1"), "it never denies"
    server.call("POST", PODS, pod("own", "n1"), status=201)
    server.call("POST", PODS, pod("unbound"), status=201)
    assert patch(server, f"{PODS}/own", {"metadata": {"labels": {"a": "b"}}}).json()["message"] == (
        'pods "own" is forbidden: unexpected operation "UPDATE", node "n1" can only create and delete mirror pods')
    bind = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "unbound"}, "target": {"kind": "Node", "name": "n1"}}
    assert refusal(server, "POST", f"{PODS}/unbound/binding", bind).endswith(
        "unexpected pod subresource \"binding\", only 'status' and 'eviction' are allowed")
    assert refusal(server, "DELETE", PODS).endswith('node "n1" can only delete pods with spec.nodeName set to itself')
    assert refusal(server, "POST", f"{NAMESPACE}/persistentvolumeclaims", claim("c")).endswith("may only update PVC status")
    assert refusal(server, "POST", SECRETS, harness.secret("new"), client="nameless") == (
        'secrets "new" is forbidden: could not determine node from user "system:node:"')
    server.call("POST", SECRETS, harness.secret("new"), status=201, client="n1")
