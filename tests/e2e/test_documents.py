# SPDX-License-Identifier: Apache-2.0
"""OpenAPI and discovery over HTTP: what a custom kind becomes in them, and what clients may keep of them."""
import gzip
import json

import harness
import pytest
import yaml

RECORDED = json.loads((harness.ROOT / "tests" / "golden" / "custom" / "openapi.json").read_text())
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
AGGREGATED = ("Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")


def index(server):
    paths = server.call("GET", "/openapi/v3")["paths"]
    return {path: entry["serverRelativeURL"] for path, entry in paths.items()}


WIDGETS = f"{DEFINITIONS}/widgets.example.com"


def established(event):
    conditions = (event["object"].get("status") or {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


@pytest.fixture
def before(server):
    """The index without the definition."""
    return index(server)


@pytest.fixture
def widgets(server, before):
    """The recorded definition, in force."""
    with server.watch(f"{DEFINITIONS}?watch=true&fieldSelector=metadata.name=widgets.example.com") as watch:
        server.call("POST", DEFINITIONS, RECORDED["definition"])
        watch.until(established)
        yield
        server.call("DELETE", WIDGETS)
        watch.until(lambda event: event["type"] == "DELETED")


def without(value, *names):
    """Without members of these names, and with a reference in allOf as the reference itself."""
    if isinstance(value, list):
        return [without(item, *names) for item in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["allOf"] and "$ref" in value["allOf"][0]:
        return value["allOf"][0]
    return {name: without(member, *names) for name, member in value.items() if name not in names}


def ordered(value):
    """Lists of names in one order: required has none."""
    if isinstance(value, dict):
        return {name: sorted(member) if name == "required" else ordered(member) for name, member in value.items()}
    return [ordered(item) for item in value] if isinstance(value, list) else value


def test_a_custom_kind_is_published_as_kube_apiserver_does(server, widgets):
    v2 = server.call("GET", "/openapi/v2")["definitions"]
    for name, recorded in RECORDED["v3"].items():
        version = name.split(".")[2]
        document = server.call("GET", f"/openapi/v3/apis/example.com/{version}")
        for found, expected in ((document["components"]["schemas"][name], recorded), (v2[name], RECORDED["v2"][name])):
            assert ordered(found) == ordered(without(expected, "x-kubernetes-validations")), name
    path = document["paths"]["/apis/example.com/v1alpha1/namespaces/{namespace}/widgets/{name}"]
    assert sorted(path) == ["delete", "get", "parameters", "patch", "put"]


def test_a_hash_changes_with_its_group_version_alone(server, before, widgets):
    with_widgets = index(server)
    assert set(with_widgets) - set(before) == {"apis/example.com/v1", "apis/example.com/v1alpha1"}
    assert all(with_widgets[path] == url for path, url in before.items())
    changed = server.call("GET", WIDGETS)
    v1 = next(v for v in changed["spec"]["versions"] if v["name"] == "v1")
    v1["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["color"]["description"] = "another text"
    server.call("PUT", WIDGETS, changed)
    after = index(server)
    assert {path for path in after if after[path] != with_widgets[path]} == {"apis/example.com/v1"}


def test_what_clients_may_keep(server):
    url = index(server)["apis/apps/v1"]
    answer = server.request("GET", url)
    assert answer.status == 200 and answer.header("cache-control") == "public, immutable" and answer.header("expires")
    tag = answer.header("etag")
    assert tag.strip('"') == url.split("hash=")[1]
    bare = server.request("GET", url.split("?")[0])
    assert bare.header("cache-control") == "no-cache, private" and bare.body == answer.body
    assert server.request("GET", url, headers=[("If-None-Match", tag)]).status == 304
    moved = server.request("GET", url.split("=")[0] + "=0")
    assert (moved.status, moved.header("location")) == (301, url)
    packed = server.request("GET", url, headers=[("Accept-Encoding", "gzip")])
    assert packed.header("content-encoding") == "gzip" and gzip.decompress(packed.body) == answer.body


@pytest.mark.parametrize("path", ["/api", "/apis"])
def test_aggregated_discovery_is_kept_too(server, path):
    answer = server.request("GET", path, headers=[AGGREGATED])
    assert answer.header("cache-control") == "public"
    assert server.request("GET", path, headers=[AGGREGATED, ("If-None-Match", answer.header("etag"))]).status == 304


def test_kubectl_knows_a_custom_kind(kubectl, server, widgets):
    widget = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"color": "red", "nul": "a", "free": {"a": "b"}, "port": "http"}}
    file = kubectl.home / "widget.yaml"
    file.write_text(yaml.safe_dump(widget))
    assert "created" in kubectl.out("apply", "-f", str(file))
    assert "unchanged" in kubectl.out("apply", "-f", str(file))
    assert kubectl.run("diff", "-f", str(file), check=False).returncode == 0
    assert "its color" in kubectl.out("explain", "wg.spec.color")
    assert "widget" in kubectl.out("get", "gadgets", "-o", "name")
    file.write_text(yaml.safe_dump({**widget, "spec": {**widget["spec"], "wrong": 1}}))
    refused = kubectl.run("apply", "--validate=true", "-f", str(file), check=False)
    assert refused.returncode == 1 and "wrong" in refused.stderr


def test_client_side_apply_merges_containers_by_name(kubectl):
    """kubectl learns from OpenAPI by which member the items of a list are told apart."""
    def manifest(*containers):
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": list(containers)}}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "merged"},
                "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}

    file = kubectl.home / "deployment.yaml"
    file.write_text(yaml.safe_dump(manifest({"name": "one", "image": "i:1"})))
    kubectl.run("apply", "-f", str(file))
    sidecar = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s"}]}}}}
    kubectl.run("patch", "deployment", "merged", "-p", json.dumps(sidecar))
    file.write_text(yaml.safe_dump(manifest({"name": "one", "image": "i:2"})))
    kubectl.run("apply", "-f", str(file))
    containers = json.loads(kubectl.out("get", "deployment", "merged", "-o", "json"))["spec"]["template"]["spec"]["containers"]
    assert {c["name"]: c["image"] for c in containers} == {"one": "i:2", "side": "s"}
    kubectl.run("delete", "deployment", "merged")
