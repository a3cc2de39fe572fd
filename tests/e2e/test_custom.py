# SPDX-License-Identifier: Apache-2.0
"""CustomResourceDefinitions: established, served at once, changed, in conflict, ended with all their objects; and those
that well-known projects publish."""
import json
import os
import shutil
import subprocess
from pathlib import Path

import harness
import pytest
import yaml

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# Modules whose zip holds definitions, as the Go checksum database knows them.
PUBLISHED = {
    "github.com/bitnami-labs/sealed-secrets@v0.40.0": ("helm/sealed-secrets/crds/*.yaml", 1),
    "github.com/external-secrets/external-secrets@v1.3.2": ("deploy/crds/bundle.yaml", 23),
    "github.com/cert-manager/cert-manager@v1.21.2": ("deploy/crds/*.yaml", 6),
    "github.com/fluxcd/source-controller@v1.7.0": ("config/crd/bases/*.yaml", 6),
    "github.com/argoproj/argo-cd/v3@v3.2.0": ("manifests/crds/*-crd.yaml", 3),
}


def definition(plural, group, properties=None, names=None, **version):
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties or {}}}}
    return {"metadata": {"name": f"{plural}.{group}"}, "spec": {
        "group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": plural.capitalize(), **(names or {})},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, **version}]}}


def conditions(found):
    return {c["type"]: c for c in found["status"].get("conditions") or []}


def watch_one(server, name):
    return server.watch(f"{DEFINITIONS}?watch=true&fieldSelector=metadata.name%3D{name}&resourceVersion=0")


def await_condition(server, name, kind, status):
    with watch_one(server, name) as watch:
        return watch.until(lambda e: conditions(e["object"]).get(kind, {}).get("status") == status)[-1]["object"]


def install(server, body):
    server.call("POST", DEFINITIONS, body)
    return await_condition(server, body["metadata"]["name"], "Established", "True")


@pytest.fixture
def group():
    return f"g{harness.secrets.token_hex(4)}.example.com"


def test_life(server, namespace, group):
    found = install(server, definition("things", group, {"n": {"type": "integer", "default": 3, "maximum": 9}}, names={"shortNames": ["th"]}))
    assert [c["reason"] for c in conditions(found).values()] == ["NoConflicts", "InitialNamesAccepted"]
    assert found["status"]["acceptedNames"] == {
        "plural": "things", "singular": "things", "shortNames": ["th"], "kind": "Things", "listKind": "ThingsList"}
    things = f"/apis/{group}/v1/namespaces/{namespace}/things"
    body = {"apiVersion": f"{group}/v1", "kind": "Things", "metadata": {"name": "a"}, "spec": {"gone": 1}}
    made = server.call("POST", things, body)
    assert made["spec"] == {"n": 3} and made["metadata"]["generation"] == 1
    refused = server.call("POST", things, {**body, "metadata": {"name": "b"}, "spec": {"n": 10}}, status=422)
    assert refused["details"]["causes"] == [{"reason": "FieldValueInvalid", "field": "spec.n",
                                             "message": "Invalid value: 10: spec.n in body should be less than or equal to 9"}]
    # a default that the definition gains is there for what was stored before
    changed = server.call("GET", f"{DEFINITIONS}/things.{group}")
    changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["m"] = {"type": "string", "default": "new"}
    server.call("PUT", f"{DEFINITIONS}/things.{group}", changed)
    assert server.call("GET", f"{things}/a")["spec"] == {"m": "new", "n": 3}
    with watch_one(server, f"things.{group}") as watch:
        server.call("DELETE", f"{DEFINITIONS}/things.{group}")
        watch.until(lambda event: event["type"] == "DELETED")
    assert server.request("GET", things).status == 404


def test_nothing_is_left(server, namespace, group):
    """The objects of a definition that went do not come back with it."""
    things = f"/apis/{group}/v1/namespaces/{namespace}/things"
    for _ in range(2):
        install(server, definition("things", group))
        assert server.call("GET", things)["items"] == []
        for i in range(3):
            server.call("POST", things, {"apiVersion": f"{group}/v1", "kind": "Things", "metadata": {"name": f"a{i}"}})
        with watch_one(server, f"things.{group}") as watch:
            server.call("DELETE", f"{DEFINITIONS}/things.{group}")
            watch.until(lambda event: event["type"] == "DELETED")


def test_finalizers_hold(server, namespace, group):
    install(server, definition("things", group))
    things = f"/apis/{group}/v1/namespaces/{namespace}/things"
    server.call("POST", things, {"apiVersion": f"{group}/v1", "kind": "Things", "metadata": {"name": "a", "finalizers": ["example.com/hold"]}})
    marked = server.call("DELETE", f"{DEFINITIONS}/things.{group}")
    assert "customresourcecleanup.apiextensions.k8s.io" in marked["metadata"]["finalizers"]
    assert conditions(marked)["Terminating"]["reason"] == "InstanceDeletionPending"
    with watch_one(server, f"things.{group}") as watch:
        watch.until(lambda event: conditions(event["object"]).get("Terminating", {}).get("reason") == "InstanceDeletionInProgress")
        server.call("PATCH", f"{things}/a", {"metadata": {"finalizers": None}}, headers=[("Content-Type", "application/merge-patch+json")])
        watch.until(lambda event: event["type"] == "DELETED")


def test_names_conflict(server, group):
    install(server, definition("firsts", group, names={"kind": "Same"}))
    server.call("POST", DEFINITIONS, definition("seconds", group, names={"kind": "Same", "listKind": "SecondList"}))
    found = await_condition(server, f"seconds.{group}", "NamesAccepted", "False")
    assert conditions(found)["NamesAccepted"]["reason"] == "KindConflict"
    assert conditions(found)["NamesAccepted"]["message"] == '"Same" is already in use'
    assert conditions(found)["Established"]["reason"] == "NotAccepted"
    server.call("DELETE", f"{DEFINITIONS}/firsts.{group}")
    await_condition(server, f"seconds.{group}", "Established", "True")
    server.call("DELETE", f"{DEFINITIONS}/seconds.{group}")


def test_rules_are_told(server, group):
    body = definition("things", group, {"a": {"type": "string", "x-kubernetes-validations": [{"rule": "self != 'x'"}]}})
    place = "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[a].x-kubernetes-validations[0]"
    answer = server.request("POST", DEFINITIONS, body)
    assert answer.status == 201 and place in str(answer.headers)
    found = await_condition(server, f"things.{group}", "ValidationRulesIgnored", "True")
    assert place in conditions(found)["ValidationRulesIgnored"]["message"]
    server.call("DELETE", f"{DEFINITIONS}/things.{group}")


def test_built_in_kinds_stay(server):
    body = definition("roles", "rbac.authorization.k8s.io")
    body["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, a test"}
    refused = server.call("POST", DEFINITIONS, body, status=422)
    assert refused["details"]["causes"][0]["field"] == "metadata.name"


def go_module(module):
    """The directory of a Go module's files, fetched once; None where there is no Go or no proxy."""
    go = shutil.which("go")
    if not go:
        return None
    done = subprocess.run([go, "mod", "download", "-json", module], capture_output=True, text=True, timeout=120, cwd="/",
                          env={**os.environ, "GOFLAGS": "-mod=mod"})
    return json.loads(done.stdout).get("Dir") if done.stdout else None


@pytest.mark.parametrize("module", PUBLISHED)
def test_published(start, module):
    pattern, count = PUBLISHED[module]
    directory = go_module(module)
    if not directory:
        pytest.skip(f"no Go to fetch {module} with, or no proxy")
    server = start()
    bodies = [d for file in sorted(Path(directory).glob(pattern)) for d in yaml.load_all(file.read_text(), yaml.CSafeLoader)
              if d and d["kind"] == "CustomResourceDefinition"]
    assert len(bodies) == count
    for body in bodies:
        found = install(server, body)
        kind, plural = found["spec"]["names"]["kind"], found["spec"]["names"]["plural"]
        for version in found["spec"]["versions"]:
            if version["served"]:
                assert server.call("GET", f"/apis/{found['spec']['group']}/{version['name']}/{plural}")["kind"] == kind + "List"
