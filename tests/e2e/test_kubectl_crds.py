# SPDX-License-Identifier: Apache-2.0
"""Custom resources through kubectl: definitions come and go, their objects are as good citizens as any."""
import copy
import json
import re

import harness
import pytest
import yaml

SCHEMA = {
    "type": "object", "required": ["spec"], "properties": {
        "spec": {
            "type": "object", "description": "What the toy is to be.", "required": ["size"], "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How large the toy is."},
                "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                "code": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
                "replicas": {"type": "integer", "default": 1},
                "parts": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": {
                    "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "count": {"type": "integer"}}}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}},
        "status": {"type": "object", "properties": {
            "replicas": {"type": "integer"}, "selector": {"type": "string"},
            "conditions": {"type": "array", "items": {"type": "object", "properties": {"type": {"type": "string"}, "status": {"type": "string"}}}}}}}}
VERSION = {
    "name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA},
    "subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
                                             "labelSelectorPath": ".status.selector"}},
    "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                                 {"name": "Color", "type": "string", "jsonPath": ".spec.color", "priority": 1},
                                 {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}],
    "selectableFields": [{"jsonPath": ".spec.color"}]}


class Definition:
    def __init__(self, k, **more):
        word = "".join(chr(ord("a") + int(c, 16)) for c in harness.secrets.token_hex(4))
        self.k, self.plural, self.kind, self.group = k, f"{word}s", word.capitalize(), f"{word}.example.com"
        self.name, self.short = f"{self.plural}.{self.group}", f"{word[:6]}x"
        self.body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": self.name},
                     "spec": {"group": self.group, "scope": "Namespaced", "versions": [copy.deepcopy(VERSION)], "names": {
                         "plural": self.plural, "singular": word, "kind": self.kind, "shortNames": [self.short], "categories": ["toys"]}, **more}}
        self.path = f"/apis/{self.group}/v1/namespaces/{k.namespace}/{self.plural}"

    def apply(self):
        self.k("apply", "-f", "-", stdin=yaml.safe_dump(self.body))
        self.k("wait", "--for=condition=Established", f"crd/{self.name}", "--timeout=30s")
        return self

    def manifest(self, name, version="v1", **spec):
        return yaml.safe_dump({"apiVersion": f"{self.group}/{version}", "kind": self.kind, "metadata": {"name": name}, "spec": spec})

    def create(self, name, **spec):
        self.k("create", "-f", "-", stdin=self.manifest(name, **spec))
        return self.k.json("get", self.name, name)


@pytest.fixture
def toys(k):
    """A definition of the test's own, established."""
    definition = Definition(k).apply()
    yield definition
    k("delete", "crd", definition.name, "--ignore-not-found", "--wait=false")


def refused(toys, verb, name, **spec):
    return toys.k.refused(verb, "--validate=false", "-f", "-", stdin=toys.manifest(name, **spec))


def test_defaults_pruning_and_names(toys):
    k = toys.k
    k("create", "--validate=false", "-f", "-", stdin=toys.manifest("a", size=2, bogus=1, free={"any": ["thing", 1]}))
    found = k.json("get", toys.name, "a")
    assert found["spec"] == {"size": 2, "color": "red", "replicas": 1, "free": {"any": ["thing", 1]}}
    for name in (toys.plural, toys.plural[:-1], toys.short, toys.name, f"{toys.plural}.v1.{toys.group}", toys.kind):
        assert k.out("get", name, "-o", "name") == f"{toys.plural[:-1]}.{toys.group}/a\n", name
    assert k.out("get", "toys", "-o", "name") == f"{toys.plural[:-1]}.{toys.group}/a\n"
    row = next(line.split() for line in k.out("api-resources", "--no-headers").splitlines() if line.startswith(toys.plural))
    assert row == [toys.plural, toys.short, f"{toys.group}/v1", "true", toys.kind]


def test_what_the_schema_refuses(toys):
    for spec, text in (
            ({}, "spec.size: Required value"),
            ({"size": 0}, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
            ({"size": 10}, "spec.size in body should be less than or equal to 9"),
            ({"size": "1"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
            ({"size": 1, "color": "green"}, 'spec.color: Unsupported value: "green": supported values: "red", "blue"'),
            ({"size": 1, "code": "A"}, "spec.code in body should match '^[a-z]+$'"),
            ({"size": 1, "code": "abcdef"}, "spec.code: Too long: may not be more than 5 bytes"),
            ({"size": 1, "parts": [{"name": "x"}, {"name": "x"}]}, 'spec.parts[1]: Duplicate value: {"name":"x"}')):
        error = refused(toys, "create", "a", **spec)
        assert text in error and f"The {toys.kind} \"a\" is invalid" in error, (spec, error)
    assert "No resources found" in toys.k("get", toys.name).stderr
    error = toys.k.refused("create", "-f", "-", stdin=toys.manifest("a", size=1, bogus=1))
    assert "bogus" in error, "kubectl's own validation, or the server's"


def test_columns(toys):
    toys.create("a", size=3)
    lines = toys.k.out("get", toys.name).splitlines()
    assert lines[0].split() == ["NAME", "SIZE", "AGE"] and lines[1].split()[:2] == ["a", "3"] and re.fullmatch(r"\d+s", lines[1].split()[2])
    assert toys.k.out("get", toys.name, "-o", "wide").split()[:4] == ["NAME", "SIZE", "COLOR", "AGE"]


def test_selectable_fields(toys):
    toys.create("a", size=1)
    toys.create("b", size=1, color="blue")
    assert toys.k.out("get", toys.name, "--field-selector=spec.color=blue", "-o", "name").endswith("/b\n")
    assert "field label not supported: spec.size" in toys.k.refused("get", toys.name, "--field-selector=spec.size=1")


def test_status_and_scale(toys):
    k = toys.k
    before = toys.create("a", size=1)
    k("patch", toys.name, "a", "--type=merge", "-p", '{"status":{"replicas":5}}')
    assert "status" not in k.json("get", toys.name, "a")
    if k.minor >= 24:
        k("patch", toys.name, "a", "--subresource=status", "--type=merge", "-p", '{"status":{"replicas":5,"selector":"a=b"},"spec":{"size":2}}')
        found = k.json("get", toys.name, "a")
        assert found["status"]["replicas"] == 5 and found["spec"]["size"] == 1
        assert found["metadata"]["generation"] == before["metadata"]["generation"]
    k("scale", toys.name, "a", "--replicas=4")
    found = k.json("get", toys.name, "a")
    assert found["spec"]["replicas"] == 4 and found["metadata"]["generation"] == before["metadata"]["generation"] + 1
    scale = json.loads(k.kubectl.out("get", "--raw", f"{toys.path}/a/scale"))
    assert scale["kind"] == "Scale" and scale["spec"] == {"replicas": 4}


def test_patches_and_applies(toys):
    k = toys.k
    toys.create("a", size=1, parts=[{"name": "x", "count": 1}])
    k("patch", toys.name, "a", "--type=json", "-p", '[{"op":"replace","path":"/spec/size","value":2}]')
    error = k.refused("patch", toys.name, "a", "-p", '{"spec":{"size":3}}')
    assert "strategic merge" in error or "application/merge-patch+json" in error, "there is none for custom resources"
    assert "spec.size" in k.refused("patch", toys.name, "a", "--type=merge", "-p", '{"spec":{"size":0}}')
    text = toys.manifest("b", size=1, parts=[{"name": "x", "count": 1}])
    k("apply", "-f", "-", stdin=text)
    before = k.json("get", toys.name, "b")
    assert "unchanged" in k.out("apply", "-f", "-", stdin=text)
    assert "configured" in k.out("apply", "-f", "-", stdin=toys.manifest("b", size=2))
    found = k.json("get", toys.name, "b")
    assert found["spec"]["size"] == 2 and "parts" not in found["spec"] and found["metadata"]["uid"] == before["metadata"]["uid"]
    k("apply", "--server-side", "-f", "-", stdin=toys.manifest("c", size=1, parts=[{"name": "x"}]))
    k("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=toys.manifest("c", size=1, parts=[{"name": "z"}]))
    assert [p["name"] for p in k.json("get", toys.name, "c")["spec"]["parts"]] == ["x", "z"], "a map by name has an owner for each"
    error = k.refused("apply", "--server-side", "--field-manager=third", "-f", "-", stdin=toys.manifest("c", size=5))
    assert "conflict" in error and ".spec.size" in error
    done = k("diff", "-f", "-", stdin=toys.manifest("b", size=3), check=False)
    assert done.returncode == 1 and "-  size: 2\n+  size: 3" in done.stdout


def test_explain(toys):
    k = toys.k
    text = k.out("explain", toys.plural)
    assert toys.kind in text and "spec" in text
    text = k.out("explain", f"{toys.plural}.spec")
    assert "What the toy is to be." in text and "How large the toy is." in text
    assert re.search(r"^\s+parts\s*<\[\]Object>", k.out("explain", toys.plural, "--recursive"), re.MULTILINE)


def test_describe_watch_and_wait(toys):
    k = toys.k
    toys.create("a", size=3)
    assert re.search(r"Size:\s+3", k.out("describe", toys.name, "a"))
    watch = k.start("get", toys.name, "-w", "-o", 'jsonpath={.metadata.name}={.spec.size};{"\\n"}')
    watch.wait_line("a=3;")
    k("patch", toys.name, "a", "--type=merge", "-p", '{"spec":{"size":4}}')
    watch.wait_line("a=4;")
    toys.create("b", size=5)
    watch.wait_line("b=5;")
    watch.end()
    if k.minor > 22:
        k("wait", "--for=jsonpath={.spec.size}=4", f"{toys.name}/a", "--timeout=30s")


def test_several_versions(toys):
    k = toys.k
    toys.create("a", size=3)
    second = copy.deepcopy(VERSION)
    second.update(name="v2", storage=False)
    del second["selectableFields"]
    second["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["color"]["default"] = "blue"
    toys.body["spec"]["versions"].append(second)
    k("apply", "-f", "-", stdin=yaml.safe_dump(toys.body))
    path = toys.path.replace("/v1/", "/v2/")
    harness.poll(lambda: k.kubectl.run("get", "--raw", path, check=False).returncode == 0, "the version")
    found = json.loads(k.kubectl.out("get", "--raw", f"{path}/a"))
    assert (found["apiVersion"], found["spec"]["size"]) == (f"{toys.group}/v2", 3)
    k("create", "-f", "-", stdin=toys.manifest("b", version="v2", size=1))
    assert json.loads(k.kubectl.out("get", "--raw", f"{toys.path}/b"))["spec"]["color"] == "blue"
    toys.body["spec"]["versions"][1]["served"] = False
    k("apply", "-f", "-", stdin=yaml.safe_dump(toys.body))
    harness.poll(lambda: k.kubectl.run("get", "--raw", path, check=False).returncode != 0, "its end")
    assert sorted(i["metadata"]["name"] for i in k.json("get", toys.name)["items"]) == ["a", "b"]


def test_a_schema_that_got_stricter(toys):
    """What was valid before and is not touched stays valid: ratcheting."""
    k = toys.k
    toys.create("a", size=8)
    limits = toys.body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["size"]
    limits["maximum"] = 5
    k("apply", "-f", "-", stdin=yaml.safe_dump(toys.body))
    harness.poll(lambda: "less than or equal to 5" in k("create", "--dry-run=server", "-f", "-", stdin=toys.manifest("z", size=6), check=False).stderr,
                 "the new schema")
    k("patch", toys.name, "a", "--type=merge", "-p", '{"spec":{"color":"blue"}}')
    assert "less than or equal to 5" in k.refused("patch", toys.name, "a", "--type=merge", "-p", '{"spec":{"size":7}}')


def test_delete_takes_the_objects(k):
    toys = Definition(k).apply()
    toys.create("a", size=1)
    k("patch", toys.name, "a", "--type=merge", "-p", '{"metadata":{"finalizers":["example.com/hold"]}}')
    deleting = k.start("delete", "crd", toys.name)
    deleting.wait_line("deleted")
    found = harness.poll(lambda: "deletionTimestamp" in k.json("get", toys.name, "a")["metadata"], "the object's end")
    assert found
    conditions = {c["type"]: c["status"] for c in k.json("get", "crd", toys.name)["status"]["conditions"]}
    assert conditions["Terminating"] == "True"
    k("create", "-f", "-", stdin=toys.manifest("b", size=1), check=False)
    k("patch", toys.name, "a", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert deleting.process.wait(30) == 0
    assert "not found" in k.refused("get", "crd", toys.name)
    assert "the server doesn't have a resource type" in k.refused("get", toys.name)
    toys.apply()
    assert k.json("get", toys.name)["items"] == [], "nothing of the old is there under a new definition"
    k("delete", "crd", toys.name)


def test_definitions_that_are_refused(k):
    for change, text in (
            (lambda d: d.body["spec"]["versions"][0].pop("schema"), "openAPIV3Schema: Required value"),
            (lambda d: d.body["spec"]["versions"][0].pop("schema"), "spec.selectableFields: Invalid value: \"\": may only be set when"),
            (lambda d: d.body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].update(x={}), "must not be empty for specified object fields"),
            (lambda d: d.body["metadata"].update(name="wrong.example.com"), "must be spec.names.plural+\".\"+spec.group"),
            (lambda d: d.body["spec"]["versions"][0].update(storage=False), "must have exactly one version marked as storage version")):
        definition = Definition(k)
        change(definition)
        assert text in k.refused("create", "-f", "-", stdin=yaml.safe_dump(definition.body)), text
        assert "not found" in k.refused("get", "crd", definition.name)


def test_names_that_are_taken(toys):
    """A second definition with the same kind in the same group is kept, and told that its names are not accepted."""
    k = toys.k
    other = Definition(k)
    other.body["spec"]["group"], other.body["spec"]["names"]["kind"] = toys.group, toys.kind
    other.body["spec"]["names"]["shortNames"] = []
    name = f"{other.plural}.{toys.group}"
    other.body["metadata"]["name"] = name
    k("create", "-f", "-", stdin=yaml.safe_dump(other.body))
    k("wait", "--for=condition=NamesAccepted=False", f"crd/{name}", "--timeout=30s")
    conditions = {c["type"]: c for c in k.json("get", "crd", name)["status"]["conditions"]}
    assert f'"{toys.kind}List" is already in use' in conditions["NamesAccepted"]["message"] and conditions["Established"]["status"] == "False"
    k("delete", "crd", name)


def test_cluster_scoped(k):
    toys = Definition(k, scope="Cluster").apply()
    toys.k("create", "-f", "-", stdin=toys.manifest("a", size=1))
    assert k.out("get", toys.name, "-o", "name").endswith("/a\n")
    assert "namespace" not in k.json("get", toys.name, "a")["metadata"]
    k("delete", toys.name, "--all")
    k("delete", "crd", toys.name)


def test_namespaces_take_custom_objects_along(toys):
    k, name = toys.k, "t-crd-" + harness.secrets.token_hex(4)
    k.kubectl.run("create", "namespace", name)
    k.kubectl.run("-n", name, "create", "-f", "-", stdin=toys.manifest("a", size=1))
    k.kubectl.run("delete", "namespace", name)
    assert json.loads(k.kubectl.out("get", toys.name, "-A", "-o", "json"))["items"] == []
