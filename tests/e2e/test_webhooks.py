# SPDX-License-Identifier: Apache-2.0
"""Admission webhooks: who is asked, what they are shown, what their answers do; and what they may not do."""
import base64
import json
import socket
import threading
from pathlib import Path

import harness
import https_peer
import pytest
import webhook_peer
from authority import Authority, context
from webhook_peer import allow, deny, patch

REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
MAPS = "/api/v1/namespaces/default/configmaps"
SECRETS = harness.SECRETS
MERGE = [("Content-Type", "application/merge-patch+json")]
MARK = base64.b64encode(b"(removed)").decode()
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
READS_SECRETS = "coffer.dev/may-read-secrets"


def allow_hooker(server):
    """The user hooker may configure webhooks, and nothing else."""
    group = "rbac.authorization.k8s.io"
    rule = {"verbs": ["*"], "apiGroups": ["admissionregistration.k8s.io"], "resources": ["*"]}
    server.call("POST", f"/apis/{group}/v1/clusterroles", {"metadata": {"name": "hooker"}, "rules": [rule]})
    server.call("POST", f"/apis/{group}/v1/clusterrolebindings", {
        "metadata": {"name": "hooker"}, "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "hooker"},
        "subjects": [{"kind": "User", "name": "hooker", "apiGroup": group}]})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("authority") / "ca")
    with harness.Server(flags=["--client-ca-file", str(authority.pem)]) as running:
        running.contexts["hooker"] = context(running, authority.client("hooker", "none"))
        allow_hooker(running)
        yield running


@pytest.fixture(scope="module")
def peer():
    with webhook_peer.Webhook(Path(harness.SCRATCH), ("localhost", "hook.default.svc")) as running:
        yield running


class Configurations:
    """Webhooks that are configured for one test; each looks only at objects with the label test=NAME."""

    def __init__(self, server, peer, name):
        self.server, self.peer, self.name, self.made = server, peer, name, []

    def rule(self, resources, operations=("CREATE", "UPDATE", "DELETE"), groups=("",), versions=("v1",), **more):
        return {"resources": list(resources), "operations": list(operations), "apiGroups": list(groups), "apiVersions": list(versions), **more}

    def add(self, kind, path, answer, rules, client=None, annotations=None, name=None, **more):
        self.peer.answers[path] = answer
        webhook = {"name": f"{path.strip('/') or 'root'}.{self.name}.example.com", "clientConfig": client or self.peer.client_config(path), "rules": rules,
                   "admissionReviewVersions": ["v1"], "sideEffects": "None", "objectSelector": {"matchLabels": {"test": self.name}},
                   "timeoutSeconds": 30, **more}
        name = name or f"{self.name}-{len(self.made)}"
        body = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": f"{kind}WebhookConfiguration",
                "metadata": {"name": name, "annotations": annotations or {}}, "webhooks": [webhook]}
        collection = f"{REGISTRATION}/{kind.lower()}webhookconfigurations"
        self.server.call("POST", collection, body, status=201)
        self.made.append(f"{collection}/{name}")
        return webhook["name"]

    def object(self, name, kind="ConfigMap", **more):
        labels = {"test": self.name, **more.pop("labels", {})}
        return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": labels, **more.pop("metadata", {})}, **more}


@pytest.fixture
def hooks(server, peer, request):
    made = Configurations(server, peer, request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")[:40].strip("-"))
    yield made
    for path in made.made:
        server.request("DELETE", path)


# ---- what is asked, and what a no does

def test_a_review_tells_all_about_the_request(server, peer, hooks):
    hooks.add("Validating", "/tells", allow, [hooks.rule(["configmaps"])])
    server.call("POST", f"{MAPS}?fieldManager=me&fieldValidation=Strict", hooks.object("tells", data={"a": "b"}), status=201)
    review = peer.reviews["/tells"][-1]
    asked = review["request"]
    assert (review["kind"], review["apiVersion"]) == ("AdmissionReview", "admission.k8s.io/v1")
    assert asked["kind"] == asked["requestKind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
    assert asked["resource"] == asked["requestResource"] == {"group": "", "version": "v1", "resource": "configmaps"}
    assert (asked["operation"], asked["name"], asked["namespace"], asked["dryRun"]) == ("CREATE", "tells", "default", False)
    assert asked["options"] == {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "me", "fieldValidation": "Strict"}
    assert "system:masters" in asked["userInfo"]["groups"] and asked["userInfo"]["username"]
    assert asked["object"]["data"] == {"a": "b"} and asked["object"]["metadata"]["uid"] and asked["oldObject"] is None
    old = server.call("GET", f"{MAPS}/tells")
    server.call("PATCH", f"{MAPS}/tells", {"data": {"a": "c"}}, headers=MERGE)
    asked = peer.last("/tells")
    assert (asked["operation"], asked["options"]["kind"]) == ("UPDATE", "UpdateOptions")
    assert asked["object"]["data"] == {"a": "c"} and asked["oldObject"] == old
    server.call("DELETE", f"{MAPS}/tells", {"preconditions": {"uid": old["metadata"]["uid"]}})
    asked = peer.last("/tells")
    assert (asked["operation"], asked["object"], asked["name"]) == ("DELETE", None, "tells")
    assert asked["oldObject"]["data"] == {"a": "c"} and asked["options"]["preconditions"] == {"uid": old["metadata"]["uid"]}


@pytest.mark.parametrize("status, code, reason, message", [
    ({}, 400, None, "denied the request without explanation"),
    ({"message": "not on a Friday"}, 400, None, "denied the request: not on a Friday"),
    ({"code": 403, "reason": "Forbidden"}, 403, "Forbidden", "denied the request: Forbidden"),
    ({"code": 200, "status": "Success", "message": "m"}, 400, None, "denied the request: m"),
    ({"code": 422, "reason": "Invalid", "message": "m", "details": {"causes": [{"field": "data.a", "message": "x"}]}}, 422, "Invalid", "denied the request: m"),
])
def test_a_denial_is_the_answer(server, peer, hooks, status, code, reason, message):
    name = hooks.add("Validating", "/denies", lambda request: deny(request, **status), [hooks.rule(["configmaps"])])
    answer = server.call("POST", MAPS, hooks.object("denied"), status=code)
    assert answer["message"] == f'admission webhook "{name}" {message}'
    assert (answer["status"], answer["code"], answer.get("reason"), answer.get("details")) == ("Failure", code, reason, status.get("details"))
    server.call("GET", f"{MAPS}/denied", status=404)


@pytest.mark.parametrize("verb", ["PUT", "merge", "apply", "DELETE", "collection"])
def test_every_verb_is_asked(server, peer, hooks, verb):
    body = hooks.object(f"asked-{verb.lower()}")
    path = f"{MAPS}/{body['metadata']['name']}"
    server.call("POST", MAPS, body, status=201)
    name = hooks.add("Validating", "/refuses", lambda request: deny(request, message="no"), [hooks.rule(["configmaps"])])
    send = {"PUT": ("PUT", path, {**body, "data": {"a": "b"}}, []), "merge": ("PATCH", path, {"data": {"a": "b"}}, MERGE),
            "apply": ("PATCH", f"{path}?fieldManager=m", {**body, "data": {"a": "b"}}, [("Content-Type", "application/apply-patch+yaml")]),
            "DELETE": ("DELETE", path, None, []), "collection": ("DELETE", f"{MAPS}?labelSelector=test%3D{hooks.name}", None, [])}[verb]
    for query in ("", "dryRun=All"):
        target = send[1] + (("&" if "?" in send[1] else "?") + query if query else "")
        answer = server.call(send[0], target, send[2], headers=send[3], status=400)
        assert answer["message"] == f'admission webhook "{name}" denied the request: no'
    assert "data" not in server.call("GET", path)


def test_an_eviction_a_binding_and_a_scale_are_asked(server, peer, hooks):
    harness.await_furniture(server, "default")
    pods, deployments = "/api/v1/namespaces/default/pods", "/apis/apps/v1/namespaces/default/deployments"
    spec = {"containers": [{"name": "c", "image": "i"}]}
    server.call("POST", pods, hooks.object("evicted", "Pod", spec=spec), status=201)
    server.call("POST", deployments, {**hooks.object("scaled", "Deployment", spec={
        "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec}}), "apiVersion": "apps/v1"}, status=201)
    hooks.add("Validating", "/parts", lambda request: deny(request, message="no"),
              [hooks.rule(["pods/eviction", "pods/binding", "deployments/scale"], groups=["", "apps"])], objectSelector={})
    for path, body, subresource, kind, operation in [
            (f"{pods}/evicted/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "evicted"}}, "eviction", "Eviction", "CREATE"),
            (f"{pods}/evicted/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "evicted"}, "target": {"kind": "Node", "name": "n"}},
             "binding", "Binding", "CREATE"),
            (f"{deployments}/scaled/scale", {"spec": {"replicas": 3}}, "scale", "Scale", "UPDATE")]:
        server.call("PATCH" if kind == "Scale" else "POST", path, body, headers=MERGE if kind == "Scale" else (), status=400)
        asked = peer.last("/parts")
        assert (asked["subResource"], asked["requestSubResource"], asked["kind"]["kind"], asked["operation"]) == (subresource, subresource, kind, operation)
        assert asked["object"]["kind"] == kind
    assert "nodeName" not in server.call("GET", f"{pods}/evicted")["spec"]
    assert server.call("GET", f"{deployments}/scaled")["spec"]["replicas"] == 1


def test_scales_bindings_and_evictions_are_mutated(server, peer, hooks):
    harness.await_furniture(server, "default")
    pods, deployments = "/api/v1/namespaces/default/pods", "/apis/apps/v1/namespaces/default/deployments"
    spec = {"containers": [{"name": "c", "image": "i"}]}
    server.call("POST", pods, hooks.object("moved", "Pod", spec=spec), status=201)
    server.call("POST", deployments, {**hooks.object("rescaled", "Deployment", spec={
        "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": spec}}), "apiVersion": "apps/v1"}, status=201)
    operations = {"Scale": {"op": "replace", "path": "/spec/replicas", "value": 5}, "Binding": {"op": "replace", "path": "/target/name", "value": "elsewhere"},
                  "Eviction": {"op": "add", "path": "/deleteOptions", "value": {"gracePeriodSeconds": 7}}}
    hooks.add("Mutating", "/turns", lambda request: patch(request, operations[request["object"]["kind"]]),
              [hooks.rule(["pods/eviction", "pods/binding", "deployments/scale"], groups=["", "apps"])], objectSelector={})
    hooks.add("Validating", "/turned", allow, [hooks.rule(["pods/binding", "deployments/scale"], groups=["", "apps"])], objectSelector={})
    scale = server.call("GET", f"{deployments}/rescaled/scale")
    assert server.call("PUT", f"{deployments}/rescaled/scale", {**scale, "spec": {"replicas": 2}})["spec"] == {"replicas": 5}
    assert peer.last("/turned")["object"]["spec"] == {"replicas": 5} and peer.last("/turned")["oldObject"]["spec"] == {"replicas": 1}
    assert server.call("GET", f"{deployments}/rescaled")["spec"]["replicas"] == 5
    server.call("POST", f"{pods}/moved/binding", {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "moved"}, "target": {"kind": "Node", "name": "n"}}, status=201)
    assert peer.last("/turned")["object"]["target"]["name"] == "elsewhere"
    assert server.call("GET", f"{pods}/moved")["spec"]["nodeName"] == "elsewhere"
    server.call("POST", f"{pods}/moved/eviction", {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "moved"}}, status=201)
    assert server.call("GET", f"{pods}/moved")["metadata"]["deletionGracePeriodSeconds"] == 7


def test_requests_for_tokens_are_asked_before_there_is_a_token(server, peer, hooks):
    accounts = "/api/v1/namespaces/default/serviceaccounts"
    server.call("POST", accounts, {"metadata": {"name": "speaks"}}, status=201)
    rule = [hooks.rule(["serviceaccounts/token"], ["CREATE"])]
    hooks.add("Mutating", "/shortens", lambda request: patch(request, {"op": "replace", "path": "/spec/expirationSeconds", "value": 700}), rule, objectSelector={})
    hooks.add("Validating", "/hears", allow, rule, objectSelector={})
    made = server.call("POST", f"{accounts}/speaks/token", {"spec": {"expirationSeconds": 900}}, status=201)
    assert made["spec"]["expirationSeconds"] == 700 and made["status"]["token"]
    asked = peer.last("/hears")
    assert (asked["kind"]["kind"], asked["resource"]["resource"], asked["subResource"], asked["name"]) == ("TokenRequest", "serviceaccounts", "token", "speaks")
    assert asked["object"]["spec"]["expirationSeconds"] == 700 and asked["oldObject"] is None and made["status"]["token"] not in json.dumps(asked)
    peer.answers["/hears"] = deny
    server.call("POST", f"{accounts}/speaks/token", {"spec": {}}, status=400)


def test_warnings_reach_the_client(server, peer, hooks):
    hooks.add("Validating", "/warns", lambda request: allow(request, warnings=["mind the gap"]), [hooks.rule(["configmaps"])])
    answer = server.request("POST", MAPS, hooks.object("warned"))
    assert answer.status == 201 and answer.all("Warning") == ['299 - "mind the gap"']


# ---- who is asked

@pytest.mark.parametrize("rule, asked", [
    ({"resources": ["configmaps"]}, True), ({"resources": ["*"]}, True), ({"resources": ["*/*"]}, True), ({"resources": ["secrets"]}, False),
    ({"resources": ["configmaps/status"]}, False), ({"resources": ["*"], "groups": ["apps"]}, False), ({"resources": ["*"], "versions": ["v2"]}, False),
    ({"resources": ["*"], "operations": ["DELETE"]}, False), ({"resources": ["*"], "operations": ["*"]}, True),
    ({"resources": ["*"], "scope": "Cluster"}, False), ({"resources": ["*"], "scope": "Namespaced"}, True), ({"resources": ["*"], "groups": ["*"], "versions": ["*"]}, True)])
def test_rules_choose(server, peer, hooks, rule, asked):
    hooks.add("Validating", "/chosen", deny, [hooks.rule(**rule)])
    assert server.request("POST", f"{MAPS}?dryRun=All", hooks.object("chosen")).status == (400 if asked else 201)


def test_selectors_choose(server, peer, hooks):
    for name, labels in (("watched", {"guard": "on"}), ("unwatched", {})):
        server.call("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}}, status=201)
    hooks.add("Validating", "/selected", deny, [hooks.rule(["configmaps", "namespaces"])],
              namespaceSelector={"matchExpressions": [{"key": "guard", "operator": "In", "values": ["on"]}]}, objectSelector={})
    body = hooks.object("selected")
    server.call("POST", "/api/v1/namespaces/watched/configmaps", body, status=400)
    server.call("POST", "/api/v1/namespaces/unwatched/configmaps", body, status=201)
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": "born", "labels": {"guard": "on"}}}, status=400)
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": "born"}}, status=201)
    server.call("DELETE", "/api/v1/namespaces/watched", status=400)
    # the object as it was counts as well as the object as it will be
    hooks.add("Validating", "/labelled", deny, [hooks.rule(["configmaps"])])
    plain = "/api/v1/namespaces/unwatched/configmaps/selected"
    server.call("PATCH", plain, {"metadata": {"labels": None}}, headers=MERGE, status=400)


def test_an_equivalent_version_is_sent_as_the_webhook_wants_it(server, peer, hooks):
    scalers = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
    body = {**hooks.object("equal", "HorizontalPodAutoscaler", spec={"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
                                                                    "targetCPUUtilizationPercentage": 50}), "apiVersion": "autoscaling/v1"}
    rule = hooks.rule(["horizontalpodautoscalers"], groups=["autoscaling"], versions=["v2"])
    hooks.add("Validating", "/exactly", deny, [rule], matchPolicy="Exact")
    hooks.add("Mutating", "/equals", lambda request: patch(request, {"op": "replace", "path": "/spec/maxReplicas", "value": 7}), [rule])
    made = server.call("POST", scalers, body, status=201)
    assert made["apiVersion"] == "autoscaling/v1" and made["spec"]["maxReplicas"] == 7 and made["spec"]["targetCPUUtilizationPercentage"] == 50
    asked = peer.last("/equals")
    assert (asked["kind"]["version"], asked["requestKind"]["version"]) == ("v2", "v1")
    assert (asked["resource"]["version"], asked["requestResource"]["version"]) == ("v2", "v1")
    assert asked["object"]["apiVersion"] == "autoscaling/v2" and asked["object"]["spec"]["metrics"][0]["type"] == "Resource"


def test_configurations_are_never_asked_about(server, peer, hooks):
    hooks.add("Validating", "/closes", deny, [hooks.rule(["*/*"], groups=["*"], versions=["*"], operations=["*"])], objectSelector={})
    server.call("POST", MAPS, {"metadata": {"name": "closed"}}, status=400)
    path = hooks.made.pop()
    server.call("DELETE", path)
    server.call("POST", f"{MAPS}?dryRun=All", {"metadata": {"name": "closed"}}, status=201)


def test_conditions_are_named_and_not_evaluated(server, peer, hooks):
    collection = f"{REGISTRATION}/validatingwebhookconfigurations"
    body = {"metadata": {"name": "conditional"}, "webhooks": [{
        "name": "a.example.com", "clientConfig": peer.client_config("/conditional"), "rules": [hooks.rule(["configmaps"])], "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "objectSelector": {"matchLabels": {"test": hooks.name}}, "matchConditions": [{"name": "no", "expression": "false"}]}]}
    peer.answers["/conditional"] = deny
    answer = server.request("POST", collection, body)
    assert answer.status == 201 and "matchConditions" in answer.header("Warning")
    hooks.made.append(f"{collection}/conditional")
    server.call("POST", MAPS, hooks.object("conditional"), status=400)


# ---- mutating

def test_a_patch_makes_the_object_that_is_stored(server, peer, hooks):
    hooks.add("Mutating", "/adds", lambda request: patch(request, {"op": "add", "path": "/data", "value": {"added": "1", "unknown": "2"}},
                                                        {"op": "add", "path": "/nonsense", "value": 1}), [hooks.rule(["configmaps"], ["CREATE"])])
    hooks.add("Validating", "/sees", allow, [hooks.rule(["configmaps"])])
    made = server.call("POST", MAPS, hooks.object("added"), status=201)
    assert made["data"] == {"added": "1", "unknown": "2"} and "nonsense" not in made
    assert "uid" not in peer.last("/adds")["object"]["metadata"] and made["metadata"]["uid"]
    assert peer.last("/sees")["object"]["data"] == made["data"]
    assert server.call("GET", f"{MAPS}/added") == made
    # what a webhook sets has no field manager
    fields = made["metadata"]["managedFields"][0]["fieldsV1"]
    assert "f:data" not in fields
    dry = server.call("POST", f"{MAPS}?dryRun=All", hooks.object("added-dry"), status=201)
    assert dry["data"] == made["data"] and peer.last("/adds")["dryRun"] and peer.last("/adds")["options"]["dryRun"] == ["All"]


def test_a_mutated_pod_is_defaulted_admitted_and_validated(server, peer, hooks):
    harness.await_furniture(server, "default")
    sidecar = {"name": "sidecar", "image": "s"}
    hooks.add("Mutating", "/injects", lambda request: patch(request, {"op": "add", "path": "/spec/containers/-", "value": sidecar}), [hooks.rule(["pods"], ["CREATE"])])
    body = hooks.object("injected", "Pod", spec={"containers": [{"name": "c", "image": "i"}]})
    pod = server.call("POST", "/api/v1/namespaces/default/pods", body, status=201)
    assert [c["name"] for c in pod["spec"]["containers"]] == ["c", "sidecar"]
    added = pod["spec"]["containers"][1]
    assert added["imagePullPolicy"] == "Always" and added["terminationMessagePath"]
    assert [m["mountPath"] for m in added["volumeMounts"]] == ["/var/run/secrets/kubernetes.io/serviceaccount"]
    assert len(pod["spec"]["volumes"]) == 1
    sidecar["name"] = "not a name"
    answer = server.call("POST", "/api/v1/namespaces/default/pods", {**body, "metadata": {**body["metadata"], "name": "second"}}, status=422)
    assert "spec.containers[1].name" in answer["message"]


def test_an_update_is_mutated_and_what_may_not_change_does_not(server, peer, hooks):
    made = server.call("POST", MAPS, hooks.object("updated", data={"a": "b"}), status=201)
    hooks.add("Mutating", "/rewrites", lambda request: patch(
        request, {"op": "replace", "path": "/data/a", "value": "rewritten"}, {"op": "remove", "path": "/metadata/managedFields"},
        {"op": "replace", "path": "/metadata/creationTimestamp", "value": made["metadata"]["creationTimestamp"]}), [hooks.rule(["configmaps"], ["UPDATE"])])
    changed = server.call("PATCH", f"{MAPS}/updated", {"data": {"a": "c"}}, headers=MERGE, status=200)
    assert changed["data"] == {"a": "rewritten"} and changed["metadata"]["managedFields"]
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]
    applied = server.call("PATCH", f"{MAPS}/updated?fieldManager=m&force=true", hooks.object("updated", data={"a": "d"}),
                          headers=[("Content-Type", "application/apply-patch+yaml")])
    assert applied["data"] == {"a": "rewritten"}
    # a patch for which there is nothing to change
    peer.answers["/rewrites"] = lambda request: patch(request, {"op": "remove", "path": "/data/none"})
    refused = server.call("PATCH", f"{MAPS}/updated", {"data": {"a": "e"}}, headers=MERGE, status=500)
    assert refused["message"].startswith('Internal error occurred: the patch of admission webhook "rewrites.')


def test_webhooks_are_called_in_order_and_again_when_they_ask(server, peer, hooks):
    calls = []

    def step(name, value):
        def answer(request):
            calls.append(name)
            seen = request["object"].get("data", {})
            return allow(request) if seen.get(name) else patch(
                request, {"op": "add", "path": "/data", "value": {**seen, name: value}})
        return answer
    rule = [hooks.rule(["configmaps"], ["CREATE"])]
    hooks.add("Mutating", "/third", step("third", "3"), rule, name="z-third", reinvocationPolicy="IfNeeded")
    hooks.add("Mutating", "/first", step("first", "1"), rule, name="a-first", reinvocationPolicy="IfNeeded")
    hooks.add("Mutating", "/second", step("second", "2"), rule, name="b-second")
    made = server.call("POST", MAPS, hooks.object("ordered"), status=201)
    assert made["data"] == {"first": "1", "second": "2", "third": "3"}
    assert calls == ["first", "second", "third", "first"]


def test_a_delete_cannot_be_mutated(server, peer, hooks):
    server.call("POST", MAPS, hooks.object("undeleted"), status=201)
    name = hooks.add("Mutating", "/deletes", lambda request: patch(request, {"op": "add", "path": "/data", "value": {}}), [hooks.rule(["configmaps"], ["DELETE"])])
    answer = server.call("DELETE", f"{MAPS}/undeleted", status=500)
    assert answer["message"] == f'Internal error occurred: admission webhook "{name}" attempted to modify the object, which is not supported for this operation'


@pytest.mark.parametrize("field, value", [("name", "other"), ("namespace", "kube-system")])
def test_an_object_keeps_its_place(server, peer, hooks, field, value):
    name = hooks.add("Mutating", "/moves", lambda request: patch(request, {"op": "add", "path": f"/metadata/{field}", "value": value}), [hooks.rule(["configmaps"])])
    body = hooks.object(f"kept-{field}")
    if field == "namespace":  # of a new object it is the URL's, whatever the webhook says
        assert server.call("POST", MAPS, body, status=201)["metadata"]["namespace"] == "default"
    else:
        refused = server.call("POST", MAPS, body, status=500)
        assert f'the patch of admission webhook "{name}" cannot be applied' in refused["message"]
        server.request("POST", f"{MAPS}?dryRun=All", body)
    assert server.request("GET", f"{MAPS}/other").status == 404
    # a name that is drawn is no webhook's business until there is one
    made = server.call("POST", MAPS, {**body, "metadata": {"generateName": "drawn-", "labels": {"test": hooks.name}}}, status=201)
    asked = peer.last("/moves")
    assert "name" not in asked and "name" not in asked["object"]["metadata"]
    assert made["metadata"]["name"] == "other" if field == "name" else made["metadata"]["name"].startswith("drawn-")
    server.call("DELETE", hooks.made.pop())
    server.call("DELETE", f"{MAPS}/{made['metadata']['name']}")


def test_versions_of_custom_kinds_are_equivalent(server, peer, hooks):
    versions = [{"name": name, "served": True, "storage": name == "v1", "schema": {"openAPIV3Schema": {
        "type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}} for name in ("v1", "v2")]
    definition = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.webhooks.example.com"},
                  "spec": {"group": "webhooks.example.com", "scope": "Namespaced", "versions": versions,
                           "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}}}
    server.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition, status=201)
    things = "/apis/webhooks.example.com/{}/namespaces/default/things"
    harness.poll(lambda: server.request("GET", things.format("v2")).status == 200, "the new kind")
    hooks.add("Mutating", "/things", lambda request: patch(request, {"op": "add", "path": "/spec/seen", "value": request["object"]["apiVersion"]}),
              [hooks.rule(["things"], groups=["webhooks.example.com"], versions=["v1"])])
    made = server.call("POST", things.format("v2"), {**hooks.object("thing", "Thing", spec={"a": 1}), "apiVersion": "webhooks.example.com/v2"}, status=201)
    assert made["apiVersion"] == "webhooks.example.com/v2" and made["spec"] == {"a": 1, "seen": "webhooks.example.com/v1"}
    asked = peer.last("/things")
    assert asked["kind"] == {"group": "webhooks.example.com", "version": "v1", "kind": "Thing"} and asked["requestKind"]["version"] == "v2"


# ---- webhooks that fail

def send(status, body, headers=()):
    return lambda handler: handler.send(status, body, headers)


FAILURES = {
    "broken": (lambda peer, request: send(200, b'{"kind": "Admi'), "failed to call webhook: couldn't get version/kind; json parse error: unexpected end of JSON input"),
    "empty": (lambda peer, request: {}, "received invalid webhook response: webhook response was absent"),
    "huge": (lambda peer, request: send(200, b"[" + b"1," * (2 << 20) + b"1]"), "the answer is larger than 3145728 bytes"),
    "uid": (lambda peer, request: allow({"uid": "other"}), 'received invalid webhook response: expected response.uid='),
    "version": (lambda peer, request: {**allow(request), "apiVersion": "admission.k8s.io/v1beta1"},
                "received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1beta1"),
    "redirect": (lambda peer, request: send(307, b"", [("Location", f"https://127.0.0.1:{peer.port}/redirected")]), "the server answered with the status 307"),
    "status": (lambda peer, request: send(503, b"busy"), "the server answered with the status 503"),
    "patch": (lambda peer, request: allow(request, patch="W10="), "validating webhook may not return response.patch"),
    "hangs": (lambda peer, request: lambda handler: peer.released.wait(30), 'timeout=1s": context deadline exceeded'),
}


@pytest.mark.parametrize("how", FAILURES)
def test_a_failure_is_what_the_policy_says(server, peer, hooks, how):
    answer, sentence = FAILURES[how]
    peer.answers["/redirected"] = allow
    rules, more = [hooks.rule(["configmaps"])], {"timeoutSeconds": 1} if how == "hangs" else {}
    name = hooks.add("Validating", f"/{how}", lambda request: answer(peer, request), rules, **more)
    refused = server.call("POST", f"{MAPS}?dryRun=All", hooks.object("failing"), status=500)
    assert refused["message"].startswith(f'Internal error occurred: failed calling webhook "{name}": ') and sentence in refused["message"]
    assert (refused["reason"], refused["details"]["causes"][0]["message"]) == ("InternalError", refused["message"].removeprefix("Internal error occurred: "))
    assert not peer.reviews.get("/redirected")
    server.call("DELETE", hooks.made.pop())
    hooks.add("Validating", f"/{how}", lambda request: answer(peer, request), rules, failurePolicy="Ignore", **more)
    server.call("POST", f"{MAPS}?dryRun=All", hooks.object("failing"), status=201)


def test_a_url_is_found_by_its_name(server, peer, hooks):
    client = {**peer.client_config(""), "url": f"https://localhost:{peer.port}/named"}
    hooks.add("Validating", "/named", lambda request: deny(request, message="by name"), [hooks.rule(["configmaps"])], client=client)
    assert server.call("POST", MAPS, hooks.object("named"), status=400)["message"].endswith("denied the request: by name")
    hooks.add("Mutating", "/unnamed", allow, [hooks.rule(["configmaps"])], client={**client, "url": "https://no-such-host.invalid/"}, timeoutSeconds=5)
    assert "failed calling webhook" in server.call("POST", MAPS, hooks.object("named"), status=500)["message"]


def test_only_the_given_authority_is_trusted(server, peer, hooks, tmp_path):
    other, _ = https_peer.make_certificates(tmp_path, ("localhost",), "another-ca")
    hooks.add("Validating", "/stranger", allow, [hooks.rule(["configmaps"])],
              client=peer.client_config("/stranger", caBundle=base64.b64encode(other).decode()))
    answer = server.call("POST", MAPS, hooks.object("stranger"), status=500)
    assert "certificate" in answer["message"] and "/stranger" not in peer.reviews


def test_side_effects_and_dry_runs(server, peer, hooks):
    hooks.add("Validating", "/beta", lambda request: {"response": {"uid": request["uid"], "allowed": True}}, [hooks.rule(["configmaps"])],
              admissionReviewVersions=["v1beta1", "v1"], sideEffects="NoneOnDryRun")
    server.call("POST", f"{MAPS}?dryRun=All", hooks.object("rehearsed"), status=201)
    assert peer.reviews["/beta"][-1]["apiVersion"] == "admission.k8s.io/v1beta1" and peer.last("/beta")["dryRun"]


def test_a_slow_webhook_holds_up_nobody_else(server, peer, hooks):
    release = threading.Event()
    entered = threading.Semaphore(0)

    def slow(request):
        entered.release()
        release.wait(30)
        return allow(request)
    hooks.add("Validating", "/slow", slow, [hooks.rule(["configmaps"])])
    results = []
    threads = [threading.Thread(target=lambda i=i: results.append(server.request("POST", MAPS, hooks.object(f"slow-{i}")).status)) for i in range(24)]
    for thread in threads:
        thread.start()
    for _ in range(16):  # as many as one host may hold at once; the others wait for their turn
        assert entered.acquire(timeout=30)
    assert not entered.acquire(timeout=0.2)
    for i in range(20):
        server.call("POST", MAPS, {"metadata": {"name": f"quick-{i}"}, "data": {"a": "b" * 20000}}, status=201)
    assert not results
    release.set()
    for thread in threads:
        thread.join(30)
    assert results == [201] * 24


def test_writes_that_lose_ask_again(server, peer, hooks):
    server.call("POST", MAPS, hooks.object("raced"), status=201)
    count = lambda request: patch(request, {"op": "add", "path": "/metadata/annotations",
                                            "value": {"keys": ",".join(sorted(request["object"].get("data", {})))}})
    hooks.add("Mutating", "/counts", count, [hooks.rule(["configmaps"])])
    hooks.add("Validating", "/agrees", lambda request: allow(request) if request["object"]["metadata"]["annotations"]["keys"] == ",".join(
        sorted(request["object"]["data"])) else deny(request), [hooks.rule(["configmaps"])])

    def write(i):
        for k in range(5):
            results.append(server.request("PATCH", f"{MAPS}/raced", {"data": {f"k{i}-{k}": "v"}}, headers=MERGE).status)
    results, threads = [], [threading.Thread(target=write, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    raced = server.call("GET", f"{MAPS}/raced")
    assert results == [200] * 40 and len(raced["data"]) == 40
    assert raced["metadata"]["annotations"]["keys"] == ",".join(sorted(raced["data"]))
    assert len(peer.reviews["/counts"]) >= 40


def test_connections_are_kept(server, peer, hooks):
    hooks.add("Validating", "/kept", allow, [hooks.rule(["configmaps"])])
    before = peer.connections
    for _ in range(5):
        server.call("POST", f"{MAPS}?dryRun=All", hooks.object("kept"), status=201)
    assert len(peer.reviews["/kept"]) == 5 and peer.connections == before + 1


def test_a_server_stops_while_a_webhook_hangs(peer):
    entered = threading.Event()

    def hang(request):
        entered.set()
        return lambda handler: peer.released.wait(30)
    with harness.Server(flags=["--drain-timeout", "1s"]) as server:
        hooks = Configurations(server, peer, "stops")
        hooks.add("Validating", "/hang", hang, [hooks.rule(["configmaps"])], timeoutSeconds=3)
        with server.connect() as connection:
            connection.send("POST", MAPS, body=json.dumps(hooks.object("hanging")).encode(), headers=[("Content-Type", "application/json")])
            assert entered.wait(30)
            server.stop()


def test_who_leaves_while_a_webhook_thinks_harms_nobody(server, peer, hooks):
    release, entered = threading.Event(), threading.Semaphore(0)

    def think(request):
        entered.release()
        release.wait(30)
        return allow(request)
    hooks.add("Mutating", "/thinks", think, [hooks.rule(["configmaps"])])
    for i in range(3):
        with server.connect() as connection:
            connection.send("POST", MAPS, body=hooks.object(f"left-{i}"))
            assert entered.acquire(timeout=30)
    release.set()
    server.call("POST", MAPS, hooks.object("left-not"), status=201)


# ---- services

@pytest.mark.parametrize("kind", ["EndpointSlice", "none"])
def test_a_service_is_found_by_its_endpoints(server, peer, hooks, kind):
    rule = [hooks.rule(["configmaps"])]
    client = peer.client_config("/unused")
    del client["url"]
    client["service"] = {"name": "hook", "namespace": "default", "path": "/service", "port": 8443}
    name = hooks.add("Validating", "/service", lambda request: deny(request, message="by service"), rule, client=client)
    url = 'failed to call webhook: Post "https://hook.default.svc:8443/service?timeout=30s": '
    body = hooks.object("by-service")
    if kind == "none":
        server.request("DELETE", "/api/v1/namespaces/default/services/hook")
        refused = server.call("POST", MAPS, body, status=500)
        assert refused["message"] == f'Internal error occurred: failed calling webhook "{name}": {url}service "hook" not found'
        return
    server.call("POST", "/api/v1/namespaces/default/services", {
        "metadata": {"name": "hook"}, "spec": {"clusterIP": "None", "ports": [{"name": "tls", "port": 8443, "targetPort": 1}]}}, status=201)
    refused = server.call("POST", MAPS, body, status=500)
    assert refused["message"].endswith(url + 'no endpoints available for service "hook"')
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    server.call("POST", slices, {
        "metadata": {"name": "hook-1", "labels": {"kubernetes.io/service-name": "hook"}}, "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}, {"addresses": ["192.0.2.1"], "conditions": {"ready": False}}],
        "ports": [{"name": "other", "port": 9}, {"name": "tls", "port": peer.port}]}, status=201)
    for _ in range(3):
        refused = server.call("POST", MAPS, body, status=400)
        assert refused["message"] == f'admission webhook "{name}" denied the request: by service'


def outward_address():
    """An address of this machine that is not loopback, which Endpoints may not name; None: there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        return probe.getsockname()[0]


def test_endpoints_go_before_slices(server, hooks, tmp_path):
    address = outward_address()
    if not address:
        pytest.skip("this machine has no address but loopback")
    with webhook_peer.Webhook(tmp_path, ("old.default.svc",), address) as peer:
        hooks.peer = peer
        server.call("POST", "/api/v1/namespaces/default/services", {"metadata": {"name": "old"}, "spec": {"ports": [{"port": 443}]}}, status=201)
        server.call("POST", "/api/v1/namespaces/default/endpoints", {"metadata": {"name": "old"}, "subsets": [
            {"addresses": [{"ip": address}], "ports": [{"port": peer.port}]}, {"notReadyAddresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 1}]}]}, status=201)
        client = {"caBundle": peer.client_config("")["caBundle"], "service": {"name": "old", "namespace": "default"}}
        hooks.add("Validating", "/", lambda request: deny(request, message="by endpoints"), [hooks.rule(["configmaps"])], client=client, name="by-endpoints")
        assert server.call("POST", MAPS, hooks.object("by-endpoints"), status=400)["message"].endswith("denied the request: by endpoints")


# ---- Secrets

def applied(values):
    return json.dumps({"apiVersion": "v1", "kind": "Secret", "data": {key: harness.b64(value) for key, value in values.items()}})


def test_a_webhook_sees_marks_in_place_of_values(server, peer, hooks):
    value, second = harness.canary("hook"), harness.canary("hook-two")
    annotation = applied({"password": value})
    hooks.add("Mutating", "/marks", lambda request: patch(request, {"op": "add", "path": "/metadata/annotations/touched", "value": "yes"},
                                                         {"op": "add", "path": "/data/extra", "value": harness.b64("extra")}), [hooks.rule(["secrets"])])
    hooks.add("Validating", "/marked", allow, [hooks.rule(["secrets"])])
    body = hooks.object("marked", "Secret", metadata={"annotations": {LAST_APPLIED: annotation}}, data={"password": harness.b64(value)}, stringData={"more": second})
    server.call("POST", SECRETS, body, status=201)
    stored = server.call("GET", f"{SECRETS}/marked")
    assert stored["data"] == {"password": harness.b64(value), "more": harness.b64(second), "extra": harness.b64("extra")}
    assert stored["metadata"]["annotations"] == {LAST_APPLIED: annotation, "touched": "yes"}
    peer.answers["/marks"] = allow
    server.call("PATCH", f"{SECRETS}/marked", {"stringData": {"more": value + "x"}}, headers=MERGE)
    server.call("DELETE", f"{SECRETS}/marked")
    assert peer.last("/marked")["oldObject"]["data"] == {"password": MARK, "more": MARK, "extra": MARK}
    seen = json.dumps([peer.reviews["/marks"], peer.reviews["/marked"]])
    assert len(peer.reviews["/marked"]) == 3 and not harness.needles([value, second]).search(seen.encode())
    assert "(removed)" in peer.reviews["/marks"][0]["request"]["object"]["metadata"]["annotations"][LAST_APPLIED]


@pytest.mark.parametrize("operation, field", [
    ({"op": "replace", "path": "/data/password", "value": "AAAA"}, "data[password]"),
    ({"op": "remove", "path": "/data/password"}, "data[password]"),
    ({"op": "remove", "path": "/data"}, "data[password]"),
    ({"op": "move", "from": "/data/password", "path": "/data/elsewhere"}, "data[elsewhere]"),
    ({"op": "copy", "from": "/data/password", "path": "/data/zwei"}, "data[zwei]"),
    ({"op": "add", "path": "/stringData", "value": {"password": "mine"}}, "data[password]"),
    ({"op": "remove", "path": "/metadata/annotations"}, f"metadata.annotations[{LAST_APPLIED}]"),
])
def test_a_patch_that_touches_a_mark_is_refused(server, peer, hooks, operation, field):
    value = harness.canary("touched")
    name = hooks.add("Mutating", "/touches", lambda request: patch(request, operation), [hooks.rule(["secrets"])], failurePolicy="Ignore")
    body = hooks.object("touched", "Secret", metadata={"annotations": {LAST_APPLIED: applied({"password": value})}}, data={"password": harness.b64(value)})
    refused = server.call("POST", SECRETS, body, status=403)
    assert f'admission webhook "{name}" attempted to modify {field}' in refused["message"]
    server.call("GET", f"{SECRETS}/touched", status=404)


def test_who_may_read_secrets_may_let_a_webhook_do_so(server, peer, hooks):
    value = harness.canary("shown")
    hooks.add("Mutating", "/shown", lambda request: patch(request, {"op": "replace", "path": "/data/password", "value": harness.b64(value + "!")}),
              [hooks.rule(["secrets"], ["CREATE"])], annotations={READS_SECRETS: "true"})
    server.call("POST", SECRETS, hooks.object("shown", "Secret", data={"password": harness.b64(value)}), status=201)
    assert peer.last("/shown")["object"]["data"] == {"password": harness.b64(value)}
    assert server.call("GET", f"{SECRETS}/shown")["data"] == {"password": harness.b64(value + "!")}


def test_who_may_not_read_secrets_may_not_let_a_webhook_do_so(server, peer, hooks):
    collection = f"{REGISTRATION}/mutatingwebhookconfigurations"
    webhook = {"name": "a.example.com", "clientConfig": peer.client_config("/unused"), "rules": [hooks.rule(["secrets"])], "sideEffects": "None",
               "admissionReviewVersions": ["v1"], "objectSelector": {"matchLabels": {"test": hooks.name}}}
    body = {"metadata": {"name": "guarded", "annotations": {READS_SECRETS: "true"}}, "webhooks": [webhook]}
    hooks.made.append(f"{collection}/guarded")
    for query in ("", "?dryRun=All"):
        refused = server.call("POST", collection + query, body, status=403, client="hooker")
        assert 'configurations.admissionregistration.k8s.io "guarded" is forbidden: user "hooker" cannot get secrets in all namespaces' in refused["message"]
    server.call("POST", collection, {**body, "metadata": {"name": "guarded"}}, status=201, client="hooker")
    annotate = {"metadata": {"annotations": {READS_SECRETS: "true"}}}
    server.call("PATCH", f"{collection}/guarded", annotate, headers=MERGE, status=403, client="hooker")
    server.call("PATCH", f"{collection}/guarded", annotate, headers=MERGE, status=200)
    # what somebody else let it do is not turned to another address
    moved = {"webhooks": [{**webhook, "clientConfig": {"url": "https://elsewhere.example.com/"}}]}
    server.call("PATCH", f"{collection}/guarded", moved, headers=MERGE, status=403, client="hooker")
    server.call("PATCH", f"{collection}/guarded", {"metadata": {"labels": {"a": "b"}}}, headers=MERGE, status=200, client="hooker")
    server.call("PATCH", f"{collection}/guarded", {"metadata": {"annotations": None}}, headers=MERGE, status=200, client="hooker")
