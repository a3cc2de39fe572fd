# SPDX-License-Identifier: Apache-2.0
"""What kubectl shows: outputs, watches, descriptions, explanations, waits and events, of all kinds of the secrets plane."""
import json
import re

import harness
import pytest
import yaml

LABELS = {"app": "x"}
POD = {"containers": [{"name": "c", "image": "i:1", "envFrom": [{"secretRef": {"name": "s"}}]}]}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
RBAC = "rbac.authorization.k8s.io"

# Name of the resource, apiVersion, kind, what else the object has, and a line of its description.
OBJECTS = [
    ("secrets", "v1", "Secret", {"stringData": {"a": "b"}}, r"a:\s+1 bytes"),
    ("configmaps", "v1", "ConfigMap", {"data": {"a": "text"}}, "text"),
    ("serviceaccounts", "v1", "ServiceAccount", {}, r"Image pull secrets:\s+<none>"),
    ("pods", "v1", "Pod", {"spec": POD}, r"Image:\s+i:1"),
    ("services", "v1", "Service", {"spec": {"selector": LABELS, "ports": [{"port": 80}]}}, r"Port:\s+<unset>\s+80/TCP"),
    ("limitranges", "v1", "LimitRange", {"spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}}, r"Container\s+cpu"),
    ("resourcequotas", "v1", "ResourceQuota", {"spec": {"hard": {"configmaps": "9"}}}, r"configmaps\s+\d\s+9"),
    ("replicationcontrollers", "v1", "ReplicationController", {"spec": {"selector": LABELS, "template": TEMPLATE}}, r"Replicas:\s+0 current / 1 desired"),
    ("persistentvolumeclaims", "v1", "PersistentVolumeClaim",
     {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}, r"Status:\s+Pending"),
    ("deployments", "apps/v1", "Deployment", {"spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}}, r"StrategyType:\s+RollingUpdate"),
    ("statefulsets", "apps/v1", "StatefulSet", {"spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE, "serviceName": "x"}},
     r"Update Strategy:\s+RollingUpdate"),
    ("daemonsets", "apps/v1", "DaemonSet", {"spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}}, r"Desired Number of Nodes Scheduled: 0"),
    ("replicasets", "apps/v1", "ReplicaSet", {"spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}}, r"Replicas:\s+0 current / 1 desired"),
    ("controllerrevisions", "apps/v1", "ControllerRevision", {"revision": 3, "data": {"a": 1}}, r"Revision:\s+3"),
    ("jobs", "batch/v1", "Job", {"spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}}, r"Completions:\s+1"),
    ("cronjobs", "batch/v1", "CronJob", {"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}}}},
     r"Schedule:\s+@daily"),
    ("ingresses", "networking.k8s.io/v1", "Ingress", {"spec": {"rules": [{"host": "a.example.com", "http": {"paths": [
        {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 80}}}}]}}]}}, r"a\.example\.com"),
    ("networkpolicies", "networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}, r"Policy Types: Ingress"),
    ("roles", f"{RBAC}/v1", "Role", {"rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]}, r"secrets\s+\[\]\s+\[\]\s+\[get\]"),
    ("rolebindings", f"{RBAC}/v1", "RoleBinding", {"roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "x"},
                                                   "subjects": [{"kind": "Group", "apiGroup": RBAC, "name": "g"}]}, r"Group\s+g"),
    ("horizontalpodautoscalers", "autoscaling/v2", "HorizontalPodAutoscaler",
     {"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}, "maxReplicas": 3}}, r"Max replicas:\s+3"),
    ("poddisruptionbudgets", "policy/v1", "PodDisruptionBudget", {"spec": {"minAvailable": 1, "selector": {"matchLabels": LABELS}}}, r"Min available:\s+1"),
    ("leases", "coordination.k8s.io/v1", "Lease", {"spec": {"holderIdentity": "me"}}, r"Holder Identity:\s+me"),
    ("podtemplates", "v1", "PodTemplate", {"template": TEMPLATE}, r"Image:\s+i:1"),
]
# 1.20 describes these by versions that are gone.
GONE_IN_20 = {"cronjobs", "horizontalpodautoscalers", "poddisruptionbudgets", "ingresses"}


@pytest.fixture(scope="module")
def furnished(server):
    """A namespace with one object of each kind, named x."""
    name = "t-read-" + harness.secrets.token_hex(4)
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    harness.await_furniture(server, name)
    for resource, version, kind, more, _ in OBJECTS:
        path = f"/{'api' if version == 'v1' else 'apis'}/{version}/namespaces/{name}/{resource}"
        server.call("POST", path, {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "labels": LABELS}, **more})
    yield name
    server.call("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def f(kubectl, furnished):
    """kubectl in that namespace, to read only."""
    def out(*arguments, **more):
        return kubectl.run("-n", furnished, *arguments, **more).stdout
    out.kubectl, out.minor, out.namespace = kubectl, kubectl.minor, furnished
    return out


ALL = [resource for resource, *_ in OBJECTS]


def full(resource):
    """apps/v1 deployments as deployments.v1.apps: no doubt about the version."""
    version = next(row[1] for row in OBJECTS if row[0] == resource)
    return resource if "/" not in version else "{0}.{2}.{1}".format(resource, *version.split("/"))


# ---- get

def test_every_output(f):
    asked = ",".join(full(resource) for resource in ALL)
    table = f("get", asked)
    assert table.count("NAME ") >= len(ALL) - 1
    assert f("get", asked, "-o", "name", "-l", "app=x").count("/x\n") == len(ALL)
    assert len(json.loads(f("get", asked, "-o", "json", "-l", "app=x"))["items"]) == len(ALL)
    kinds = [item["kind"] for item in yaml.safe_load(f("get", asked, "-o", "yaml", "-l", "app=x"))["items"]]
    assert kinds == [kind for _, _, kind, *_ in OBJECTS]
    assert f("get", asked, "-o", "wide", "--show-labels", "-l", "app=x").count("app=x") >= len(ALL)
    assert f("get", asked, "-l", "app=x", "-o", "jsonpath={range .items[*]}{.metadata.name}{end}") == "x" * len(ALL)
    assert f("get", asked, "-l", "app=x", "-o", "go-template={{len .items}}") == str(len(ALL))
    rows = f("get", asked, "-l", "app=x", "-o", "custom-columns=K:.kind,N:.metadata.name", "--no-headers").split()
    assert rows[::2] == kinds and set(rows[1::2]) == {"x"}


def test_go_template_file_and_jsonpath_filters(f):
    (f.kubectl.home / "t").write_text("{{.metadata.name}}={{.data.a}}")
    assert f("get", "configmap", "x", "-o", "go-template-file=t") == "x=text"
    assert f("get", "deployment", "x", "-o", 'jsonpath={.spec.template.spec.containers[?(@.name=="c")].image}') == "i:1"
    assert f("get", "secret", "x", "-o", 'go-template={{.data.a | base64decode}}') == "b"


def test_sorted_and_selected(k):
    for name, key in (("b", "1"), ("a", "3"), ("c", "2")):
        k("create", "configmap", name, f"--from-literal=key={key}")
        k("label", "configmap", name, f"rank={key}")
    options = ["get", "configmaps", "-l", "rank", "-o", "name"]
    assert k.out(*options, "--sort-by=.data.key").split() == ["configmap/b", "configmap/c", "configmap/a"]
    assert k.out(*options, "--field-selector=metadata.name!=a").split() == ["configmap/b", "configmap/c"]
    assert k.out("get", "configmaps", "-l", "rank in (1,2)", "-o", "name").split() == ["configmap/b", "configmap/c"]
    assert 'is not a known field selector: only "metadata.name"' in k.refused("get", "configmaps", "--field-selector=data.key=1")
    assert "field label not supported: data.key" in k.refused("get", "secrets", "--field-selector=data.key=1")


def test_tables_of_workloads(f):
    lines = dict(zip(("deployment", "cronjob.v1.batch", "service", "pod"), (
        ["x", "0/1", "0", "0"], ["x", "@daily"], ["x", "ClusterIP"], ["x", "0/1", "Pending", "0"])))
    for resource, cells in lines.items():
        assert f("get", resource, "x", "--no-headers").split()[:len(cells)] == cells


# ---- watch

def test_watch_of_two_kinds_of_output(k):
    k("create", "deployment", "d", "--image=a:1")
    table = k.start("get", "deployments", "-w")
    text = k.start("get", "deployment", "d", "-w", "-o", "jsonpath={.spec.replicas};{\"\\n\"}")
    table.wait_line("0/1")
    text.wait_line("1;")
    k("scale", "deployment/d", "--replicas=2")
    assert table.wait_line("0/2").split()[0] == "d"
    text.wait_line("2;")
    k("delete", "deployment", "d")
    table.end()
    text.end()


def test_watch_only(k):
    k("create", "configmap", "old")
    before = k.kubectl.server.metric("coffer_watches")
    watch = k.start("get", "configmaps", "--watch-only", "-o", "name")
    harness.poll(lambda: k.kubectl.server.metric("coffer_watches") > before, "its watch")
    k("create", "configmap", "new")
    watch.wait_line("configmap/new")
    assert watch.count_lines("old") == 0
    watch.end()


# ---- describe, explain

@pytest.mark.parametrize("part", [0, 1])
def test_describe(f, part):
    for resource, _, _, _, line in OBJECTS[part::2]:
        if f.minor == 20 and resource in GONE_IN_20:
            continue
        text = f("describe", full(resource), "x")
        assert re.search(r"^Name:\s+x$", text, re.MULTILINE), (resource, text)
        assert re.search(line, text), (resource, text)


def test_describe_what_has_no_namespace(k, server):
    server.call("POST", "/api/v1/nodes", {"metadata": {"name": k.namespace}})
    try:
        assert "Unschedulable:" in k.out("describe", "node", k.namespace)
    finally:
        k("delete", "node", k.namespace)
    text = k.out("describe", "namespace", k.namespace)
    assert re.search(r"Status:\s+Active", text) and "No resource quota." in text


def test_explain(kubectl):
    for resource in ALL:
        if kubectl.minor == 20 and resource in GONE_IN_20:
            continue
        text = kubectl.out("explain", resource)
        assert "KIND:" in text and "metadata" in text, resource
    assert re.search(r"FIELD:\s+containers|RESOURCE:\s+containers", kubectl.out("explain", "pod.spec.containers"))
    assert "does not exist" in kubectl.refused("explain", "pod.spec.bogus")


def test_explain_recursive(kubectl):
    text = kubectl.out("explain", "deployment", "--recursive")
    for field in ("replicas", "envFrom", "secretRef", "projected", "managedFields"):
        assert re.search(rf"^\s+{field}\s*<", text, re.MULTILINE), field
    if kubectl.minor > 20:
        assert "schedule" in kubectl.out("explain", "cronjob.spec", "--api-version=batch/v1", "--recursive")


# ---- wait

def test_wait_for_conditions(k, server):
    k("create", "deployment", "d", "--image=a")
    path = f"/apis/apps/v1/namespaces/{k.namespace}/deployments/d/status"
    merge = [("Content-Type", "application/merge-patch+json")]
    waiting = k.start("wait", "--for=condition=Available", "deployment/d", "--timeout=30s")
    server.call("PATCH", path, {"status": {"conditions": [{"type": "Available", "status": "True"}], "replicas": 1}}, headers=merge)
    assert waiting.process.wait(30) == 0
    assert k.out("wait", "--for=condition=Available=True", "deployment/d", "--timeout=30s") == "deployment.apps/d condition met\n"
    assert "timed out" in k.refused("wait", "--for=condition=Progressing", "deployment/d", "--timeout=0.2s")
    if k.minor > 22:
        k("wait", "--for=jsonpath={.status.replicas}=1", "deployment/d", "--timeout=30s")


def test_wait_for_what_comes(k):
    if k.minor < 31:
        pytest.skip("this kubectl waits for nothing to be created")
    waiting = k.start("wait", "--for=create", "configmap/later", "--timeout=30s")
    k("create", "configmap", "later")
    waiting.wait_line("configmap/later condition met")


# ---- events

def test_events(k):
    k("create", "secret", "generic", "s")
    uid = k.json("get", "secret", "s")["metadata"]["uid"]
    for i, (kind, reason) in enumerate((("Normal", "Rotated"), ("Warning", "Expired"))):
        k("create", "-f", "-", stdin=yaml.safe_dump({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": f"e{i}"}, "type": kind, "reason": reason, "message": f"it {reason.lower()}",
            "involvedObject": {"apiVersion": "v1", "kind": "Secret", "name": "s", "namespace": k.namespace, "uid": uid},
            "firstTimestamp": "2026-11-21T10:00:00Z", "lastTimestamp": f"2026-11-21T10:0{i}:00Z", "count": 1, "source": {"component": "tests"}}))
    lines = k.out("get", "events", "--sort-by=.lastTimestamp", "--no-headers").splitlines()
    assert [line.split()[1:4] for line in lines] == [["Normal", "Rotated", "secret/s"], ["Warning", "Expired", "secret/s"]]
    assert "Rotated" not in k.out("get", "events", "--field-selector=type=Warning")
    assert len(k.json("get", "events", "--field-selector=involvedObject.name=s,involvedObject.kind=Secret")["items"]) == 2
    assert k.json("get", "events.events.k8s.io")["items"][0]["note"].startswith("it ")
    k("run", "p", "--image=i")
    if k.minor >= 26:
        assert "Expired" in k.out("events", "--for=secret/s", "--types=Warning")


# ---- about the API

def test_api_resources(kubectl):
    rows = kubectl.out("api-resources", "--no-headers").splitlines()
    found = {row.split()[0]: row.split() for row in rows}
    assert set(ALL) <= set(found)
    assert found["deployments"][1:] == ["deploy", "apps/v1", "true", "Deployment"]
    assert kubectl.out("api-resources", "--api-group=batch", "-o", "name").split() == ["cronjobs.batch", "jobs.batch"]
    assert "namespaces" in kubectl.out("api-resources", "--namespaced=false", "-o", "name").split()
    if kubectl.minor > 25:
        assert "pods" in kubectl.out("api-resources", "--categories=all", "-o", "name").split()


def test_api_versions(kubectl):
    found = set(kubectl.out("api-versions").split())
    assert {"v1", "apps/v1", "batch/v1", "autoscaling/v1", "autoscaling/v2", "policy/v1", f"{RBAC}/v1", "networking.k8s.io/v1", "apiextensions.k8s.io/v1",
            "coordination.k8s.io/v1", "events.k8s.io/v1", "storage.k8s.io/v1"} <= found


def test_short_names_and_categories(f):
    for short in ("cm", "sa", "po", "svc", "limits", "quota", "rc", "pvc", "deploy", "sts", "ds", "rs", "netpol"):
        assert f("get", short, "x", "-o", "name").endswith("/x\n"), short
    assert "pod/x" in f("get", "all", "-o", "name") and "secret/x" not in f("get", "all", "-o", "name")


def test_completion(f):
    if f.minor > 22:
        assert "x" in f.kubectl.out("__complete", "-n", f.namespace, "get", "secrets", "").split()


def test_cluster_info(kubectl):
    assert "is running at" in kubectl.out("cluster-info")
