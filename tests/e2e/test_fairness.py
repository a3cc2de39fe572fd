# SPDX-License-Identifier: Apache-2.0
"""Limits per address and per user: who is held up, and that nobody else is."""
import concurrent.futures
import contextlib
import json
import pathlib
import resource
import select

import authority
import harness
import pytest
from harness import SECRETS

AT_ONCE = 100  # failures of an address
MOST = 49 + 6 * 50  # writes and lists of a user: its level's seats, and what six queues hold
FLOOD = 60
HARD_LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
GOLDEN = pathlib.Path(__file__).parent.parent / "golden" / "objects"
FLOW = "/apis/flowcontrol.apiserver.k8s.io/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def test_failed_attempts(start):
    server = start()
    harness.await_furniture(server, "default")
    token = harness.canary("token")
    with server.connect("none") as connection:
        def attempt(credential=token):
            return connection.request("GET", "/readyz", [("Authorization", f"Bearer {credential}")])
        answers = [attempt() for _ in range(AT_ONCE + 50)]
        assert [answer.status for answer in answers[:AT_ONCE]] == [401] * AT_ONCE
        limited = [answer for answer in answers if answer.status == 429]
        assert len(limited) >= 40, "one a second is let off"
        for answer in limited:
            status = answer.json()
            assert answer.header("Retry-After") == "1" and status["reason"] == "TooManyRequests" and status["details"]["retryAfterSeconds"] == 1
        # neither who has no credential nor who has a good one is held up by it
        assert connection.request("GET", "/readyz").status == 401
        made = server.call("POST", "/api/v1/namespaces/default/serviceaccounts/default/token",
                           {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}, 201)["status"]["token"]
        for _ in range(3):
            assert attempt(made).status == 200
    assert server.request("GET", "/readyz").status == 200
    lines = [line for line in server.output().splitlines() if "a credential was refused" in line]
    assert 0 < len(lines) < AT_ONCE and all('"address":"127.0.0.1"' in line for line in lines)
    for form in harness.forms(token):
        assert form not in server.output().encode()


@pytest.fixture(name="users")
def two_users(start, tmp_path):
    """A server with two users who may create and list Secrets: (server, {name: how to connect})."""
    ca = authority.Authority(tmp_path / "ca")
    # a thousand handshakes must be over before the first body is late
    server = start(program=harness.release_binary(), flags=["--client-ca-file", str(ca.pem)])
    server.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "writer"}, "rules": [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "list", "get", "patch"]}]})
    for name in ("flooder", "calm"):
        server.call("POST", f"{RBAC}/clusterrolebindings", {
            "metadata": {"name": name}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "writer"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]})
        server.contexts[name] = authority.context(server, ca.client(name, "people"))
    return server


def begin_write(server, client):
    """A create whose body does not come yet: it is under way."""
    connection = server.connect(client)
    connection.send_raw(f"POST {SECRETS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n".encode())
    return connection


def create(server, client, name):
    return server.request("POST", SECRETS, harness.secret(name, {"a": "b"}), client=client)


def test_one_user_does_not_take_all(users):
    server = users
    resource.setrlimit(resource.RLIMIT_NOFILE, (HARD_LIMIT, HARD_LIMIT))
    with contextlib.ExitStack() as under_way:
        check_bound(server, under_way)
    harness.poll(lambda: create(server, "flooder", "after").status in (201, 409), "what was given back")
    for _ in range(MOST + 10):  # and answered ones are given back too
        assert server.request("GET", f"{SECRETS}?limit=1", client="flooder").status == 200


def check_bound(server, under_way):
    for _ in range(MOST):
        under_way.enter_context(begin_write(server, "flooder"))
    harness.poll(lambda: under_way.enter_context(begin_write(server, "flooder")) and create(server, "flooder", "too-many").status == 429,
                 "the bound, with more for what a busy machine may have lost")
    refused = server.request("GET", SECRETS, client="flooder")
    assert refused.status == 429 and refused.header("Retry-After") == "1" and "of this flow" in refused.json()["message"]
    assert names_of(server, refused) == ("global-default", "global-default")
    assert server.request("GET", f"{SECRETS}/none", client="flooder").status == 404, "a get costs nothing worth counting"
    for i, client in enumerate(("calm", "admin")):
        assert create(server, client, f"from-{i}").status == 201
        assert server.request("GET", SECRETS, client=client).status == 200
    for _ in range(MOST + 10):
        under_way.enter_context(begin_write(server, "admin"))
    assert create(server, "admin", "exempt").status == 201


def stored(server, plural):
    return {item["metadata"]["name"]: item for item in server.call("GET", f"{FLOW}/{plural}", status=200)["items"]}


def names_of(server, answer):
    """Of the FlowSchema and the priority level that the answer's headers name."""
    def name(plural, header):
        return next((name for name, item in stored(server, plural).items() if item["metadata"]["uid"] == answer.header(header)), None)
    return (name("flowschemas", "X-Kubernetes-Pf-Flowschema-Uid"),
            name("prioritylevelconfigurations", "X-Kubernetes-Pf-Prioritylevel-Uid"))


def comparable(item):
    """Without what differs from one cluster to another."""
    metadata = {key: item["metadata"].get(key) for key in ("name", "generation", "annotations")}
    conditions = [{key: value for key, value in condition.items() if key != "lastTransitionTime"}
                  for condition in item.get("status", {}).get("conditions", [])]
    return {"metadata": metadata, "spec": item["spec"], "conditions": conditions}


def test_defaults(start):
    server = start()
    for plural, golden in (("flowschemas", "flowschemas.json"), ("prioritylevelconfigurations", "prioritylevels.json")):
        recorded = json.loads((GOLDEN / golden).read_text())
        wanted = {name: comparable(item) for name, item in recorded.items()}
        harness.poll(lambda p=plural, w=wanted: {name: comparable(item) for name, item in stored(server, p).items()} == w, f"default {plural}")


def test_default_schemas_are_restored(start):
    server = start()
    def change(name, spec, annotation):
        patch = {"metadata": {"annotations": {"apf.kubernetes.io/autoupdate-spec": annotation}}, "spec": spec}
        server.call("PATCH", f"{FLOW}/flowschemas/{name}", patch, 200, headers=[("Content-Type", "application/merge-patch+json")])
    change("service-accounts", {"matchingPrecedence": 8000}, "true")
    change("global-default", {"matchingPrecedence": 8001}, "false")
    server.call("DELETE", f"{FLOW}/flowschemas/system-nodes", status=200)
    server.stop()
    server.start()
    schemas = stored(server, "flowschemas")
    assert schemas["service-accounts"]["spec"]["matchingPrecedence"] == 9000
    assert schemas["global-default"]["spec"]["matchingPrecedence"] == 8001, "whoever changed it said so"
    assert "system-nodes" in schemas


@pytest.mark.parametrize("plural,name,spec,good", [
    ("flowschemas", "catch-all", {"rules": []}, False), ("flowschemas", "catch-all", {"matchingPrecedence": 9999}, False),
    ("flowschemas", "exempt", {"priorityLevelConfiguration": {"name": "catch-all"}}, False),
    ("flowschemas", "probes", {"matchingPrecedence": 3}, True),
    ("prioritylevelconfigurations", "catch-all", {"limited": {"nominalConcurrencyShares": 0}}, False),
    ("prioritylevelconfigurations", "exempt", {"type": "Limited", "exempt": None, "limited": {"limitResponse": {"type": "Reject"}}}, False),
    ("prioritylevelconfigurations", "exempt", {"exempt": {"nominalConcurrencyShares": 1}}, True),
    ("prioritylevelconfigurations", "system", {"limited": {"nominalConcurrencyShares": 1}}, True)])
def test_what_no_cluster_can_do_without(open_server, plural, name, spec, good):
    """kube-apiserver's 422; labels and annotations may change."""
    merge = [("Content-Type", "application/merge-patch+json")]
    path = f"{FLOW}/{plural}/{name}"
    answer = open_server.request("PATCH", path + "?dryRun=All", {"spec": spec}, merge)
    assert answer.status == (200 if good else 422)
    if not good and name == "catch-all":
        assert f"spec of '{name}' must equal the fixed value" in answer.json()["message"]
    assert open_server.request("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, merge).status == 200


CLASSES = [  # (user, groups, verb, path, FlowSchema, level)
    ("jane", [], "GET", "/api/v1/pods", "global-default", "global-default"),
    ("admin", ["system:masters"], "GET", "/api/v1/pods", "exempt", "exempt"),
    ("system:node:n", ["system:nodes"], "GET", "/api/v1/nodes", "system-node-high", "node-high"),
    ("system:node:n", ["system:nodes"], "GET", "/api/v1/services", "system-nodes", "system"),
    ("system:kube-scheduler", [], "GET", "/api/v1/pods", "kube-scheduler", "workload-high"),
    ("system:kube-controller-manager", [], "POST", "/apis/coordination.k8s.io/v1/namespaces/default/leases",
     "system-leader-election", "leader-election"),
    ("system:serviceaccount:kube-system:x", ["system:serviceaccounts"], "GET", "/api/v1/pods", "kube-system-service-accounts", "workload-high"),
    ("system:serviceaccount:default:x", ["system:serviceaccounts"], "GET", "/api/v1/pods", "service-accounts", "workload-low"),
    ("jane", [], "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "global-default", "global-default"),
]


@pytest.fixture(name="open_server", scope="module")
def server_where_all_may():
    with harness.Server() as server:
        allow_all(server)
        yield server


def allow_all(server):
    server.call("POST", f"{RBAC}/clusterrolebindings", {
        "metadata": {"name": "all"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}]}, 201)


def as_user(server, user, groups, verb, path, body=None):
    headers = [("Impersonate-User", user)] + [("Impersonate-Group", group) for group in groups]
    return server.request(verb, path, body, headers)


@pytest.mark.parametrize("user,groups,verb,path,schema,level", CLASSES)
def test_classes(open_server, user, groups, verb, path, schema, level):
    bodies = {"leases": {"metadata": {"name": "a"}}, "selfsubjectaccessreviews": {"spec": {"resourceAttributes": {"verb": "get"}}}}
    answer = as_user(open_server, user, groups, verb, path, bodies.get(path.rsplit("/", 1)[1]))
    assert answer.status in (200, 201) and names_of(open_server, answer) == (schema, level)


def test_a_schema_of_ones_own(users):
    """In force at once when it comes, changes and goes; its level's bound is that of all who are of it."""
    server = users
    server.call("POST", f"{FLOW}/prioritylevelconfigurations", {"metadata": {"name": "few"}, "spec": {
        "type": "Limited", "limited": {"nominalConcurrencyShares": 1, "limitResponse": {"type": "Reject"}}}}, 201)
    few = 3  # of 600, by 1 of 246 shares
    schema = {"metadata": {"name": "floods"}, "spec": {
        "priorityLevelConfiguration": {"name": "few"}, "matchingPrecedence": 50,
        "rules": [{"subjects": [{"kind": "User", "user": {"name": "flooder"}}], "resourceRules": [
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}]}]}}
    server.call("POST", f"{FLOW}/flowschemas", schema, 201)
    assert names_of(server, server.request("GET", SECRETS, client="flooder")) == ("floods", "few")
    with contextlib.ExitStack() as under_way:
        for _ in range(few):
            under_way.enter_context(begin_write(server, "flooder"))
        harness.poll(lambda: server.request("GET", SECRETS, client="flooder").status == 429, "the level's bound")
        refused = server.request("GET", SECRETS, client="flooder")
        assert "priority level" in refused.json()["message"] and refused.json()["details"]["retryAfterSeconds"] == 1
        assert server.request("GET", SECRETS, client="calm").status == 200
        server.call("DELETE", f"{FLOW}/prioritylevelconfigurations/few", status=200)
        assert names_of(server, server.request("GET", SECRETS, client="flooder")) == ("global-default", "global-default")
    def dangling():
        conditions = server.call("GET", f"{FLOW}/flowschemas/floods", status=200)["status"].get("conditions", [])
        return [(c["status"], c["reason"], c["message"]) for c in conditions]
    said = 'This FlowSchema references the PriorityLevelConfiguration object named "few" but there is no such object'
    harness.poll(lambda: dangling() == [("True", "NotFound", said)], "the condition")


def test_a_flood_holds_up_nobody(users):
    """What the calm user asks for comes before most of what the other asked for earlier."""
    server = users
    wide = {f"key-{i:05}": harness.b64("x" * 40) for i in range(8000)}  # long to load, short to patch
    for i in range(FLOOD):
        assert server.request("POST", SECRETS, {"metadata": {"name": f"wide-{i}"}, "data": wide}, client="flooder").status == 201
    assert create(server, "calm", "narrow").status == 201
    patch = [("Content-Type", "application/merge-patch+json")]
    with contextlib.ExitStack() as flood:
        connections = [flood.enter_context(server.connect("flooder")) for _ in range(FLOOD)]
        calm = flood.enter_context(server.connect("calm"))
        for connection in (*connections, calm):  # session tickets have come
            assert connection.request("GET", f"{SECRETS}/narrow").status == 200
        for i, connection in enumerate(connections):
            connection.send("PATCH", f"{SECRETS}/wide-{i}", patch, b'{"data":{"a":"Yg=="}}')
        answer = calm.request("PATCH", f"{SECRETS}/narrow", patch, b'{"data":{"a":"Yg=="}}')
        waiting = FLOOD - len(select.select([connection.socket for connection in connections], [], [], 0)[0])
        assert answer.status == 200
        assert waiting > FLOOD // 2, "the flood was in front of it"
        assert all(connection.answer().status == 200 for connection in connections)


def test_deletions_of_many_hold_up_nobody(users):
    """More of them than there are threads that write: between their batches others have a turn."""
    server = users
    server.call("PATCH", f"{RBAC}/clusterroles/writer", {"rules": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "list", "deletecollection"]}]}, 200,
        headers=[("Content-Type", "application/merge-patch+json")])
    maps, parts, each = "/api/v1/namespaces/default/configmaps", 9, 1000
    assert create(server, "admin", "narrow").status == 201

    def fill(part):
        with server.connect("flooder") as connection:
            for i in range(each):
                body = json.dumps({"metadata": {"name": f"part-{part}-{i}", "labels": {"part": str(part)}}}).encode()
                assert connection.request("POST", maps, [("Content-Type", "application/json")], body).status == 201
    with concurrent.futures.ThreadPoolExecutor(parts) as pool:
        list(pool.map(fill, range(parts)))
    with contextlib.ExitStack() as flood:
        connections = [flood.enter_context(server.connect("flooder")) for _ in range(parts)]
        calm = flood.enter_context(server.connect("admin"))
        for connection in (*connections, calm):  # session tickets have come
            assert connection.request("GET", f"{maps}?limit=1").status == 200
        for i, connection in enumerate(connections):
            connection.send("DELETE", f"{maps}?labelSelector=part%3D{i}")
        harness.poll(lambda: server.metric("coffer_requests_running") > parts, "all of them at it", pause=0)
        for i in range(5):  # some of them at a time when all threads are taken
            patch = json.dumps({"data": {"a": harness.b64(str(i))}}).encode()
            assert calm.request("PATCH", f"{SECRETS}/narrow", [("Content-Type", "application/merge-patch+json")], patch).status == 200
        over = select.select([connection.socket for connection in connections], [], [], 0)[0]
        assert not over, f"{len(over)} deletions were over before it"
        for connection in connections:
            answer = connection.answer()
            assert answer.status == 200 and len(answer.json()["items"]) == each
    assert server.call("GET", f"{maps}?labelSelector=part", status=200)["items"] == []
