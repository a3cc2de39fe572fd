# SPDX-License-Identifier: Apache-2.0
"""Parts of objects with a path of their own: what each shows, takes and answers, in every form."""
import harness
import pytest

PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SUCCESS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
POD_SPEC = {"containers": [{"name": "c", "image": "i"}]}


@pytest.fixture(scope="module")
def server():
    with harness.Server() as running:
        yield running


def make(server, collection, api_version, kind, name, **more):
    server.call("POST", collection, {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **more}, status=201)
    return f"{collection}/{name}"


def binding(name, node):
    return {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": {"kind": "Node", "name": node}}


def eviction(name):
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}


def test_a_scale_is_shown_and_taken(server):
    path = make(server, DEPLOYMENTS, "apps/v1", "Deployment", "scaled", spec={
        "replicas": 2, "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD_SPEC}})
    shown = server.call("GET", f"{path}/scale", status=200)
    assert (shown["kind"], shown["apiVersion"], shown["spec"]) == ("Scale", "autoscaling/v1", {"replicas": 2})
    assert shown["status"] == {"replicas": 0, "selector": "a=b"}
    shown["spec"]["replicas"] = 5
    taken = server.call("PUT", f"{path}/scale", shown, status=200)
    assert taken["kind"] == "Scale" and taken["spec"] == {"replicas": 5}
    assert server.call("GET", path, status=200)["spec"]["replicas"] == 5


def test_a_pod_is_bound_once(server):
    path = make(server, PODS, "v1", "Pod", "bound", spec=POD_SPEC)
    assert server.call("POST", f"{path}/binding", binding("bound", "n1"), status=201) == SUCCESS
    pod = server.call("GET", path, status=200)
    assert pod["spec"]["nodeName"] == "n1"
    assert [(c["type"], c["status"]) for c in pod["status"]["conditions"]] == [("PodScheduled", "True")]
    refused = server.call("POST", f"{path}/binding", binding("bound", "n2"), status=409)
    assert refused["message"].endswith('pod bound is already assigned to node "n1"')


def test_an_evicted_pod_is_deleted_and_the_answer_is_a_status(server):
    path = make(server, PODS, "v1", "Pod", "pending", spec=POD_SPEC)
    assert server.call("POST", f"{path}/eviction", eviction("pending"), status=201) == SUCCESS
    server.call("GET", path, status=404)
    path = make(server, PODS, "v1", "Pod", "placed", spec={**POD_SPEC, "nodeName": "n1"})
    dry = server.call("POST", f"{path}/eviction?dryRun=All", eviction("placed"), status=201)
    assert dry == SUCCESS and "deletionTimestamp" not in server.call("GET", path, status=200)["metadata"]
    answer = server.request("POST", f"{path}/eviction", eviction("placed"), headers=[("Accept", "application/yaml")])
    assert answer.status == 201 and b"status: Success" in answer.body
    assert server.call("GET", path, status=200)["metadata"]["deletionGracePeriodSeconds"] == 30


@pytest.mark.parametrize("query, cause", [
    ("dryRun=Some", 'dryRun: Unsupported value: ["Some"]: supported values: "All"'),
    ("fieldManager=a%0Ab", 'fieldManager: Invalid value: "a\\nb": invalid character U+000A (at position 1)'),
    ("fieldManager=" + "m" * 129, "fieldManager: Too long: may not be more than 128 bytes"),
    ("force=true", "force: Forbidden: may not be specified for non-apply patch"),
])
def test_options_of_patches_are_checked(server, query, cause):
    name = f"options-{len(query)}"
    path = make(server, "/api/v1/namespaces/default/configmaps", "v1", "ConfigMap", name)
    refused = server.call("PATCH", f"{path}?{query}", {"data": {"a": "b"}}, status=422,
                          headers=[("Content-Type", "application/merge-patch+json")])
    assert refused["message"] == f'PatchOptions.meta.k8s.io "" is invalid: {cause}'
    assert "data" not in server.call("GET", path, status=200)
