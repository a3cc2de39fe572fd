# SPDX-License-Identifier: Apache-2.0
"""What a write says of the object that it is meant for must hold, whatever form it has."""
import calendar
import time

import harness
import pytest

APPLY = [("Content-Type", "application/apply-patch+yaml")]
MERGE = [("Content-Type", "application/merge-patch+json")]
POD = {"kind": "Pod", "apiVersion": "v1", "spec": {"serviceAccountName": "other", "containers": [{"name": "c", "image": "i"}]}}


STRATEGIC = [("Content-Type", "application/strategic-merge-patch+json")]
JSON = [("Content-Type", "application/json-patch+json")]


def binding(**metadata):
    return {"kind": "Binding", "apiVersion": "v1", "metadata": {"name": "a", **metadata}, "target": {"kind": "Node", "name": "n"}}


@pytest.fixture
def base(server, namespace):
    server.call("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "other"}})
    return f"/api/v1/namespaces/{namespace}"


def test_apply_makes_what_the_url_names(server, base):
    for metadata, message in (
            ({"name": "other"}, "the name of the object (other) does not match the name on the URL (wanted)"),
            ({"generateName": "any-"}, "the name of the object (wanted based on URL) was undeterminable: name must be provided"),
            ({}, "the name of the object (wanted based on URL) was undeterminable: name must be provided")):
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
        refused = server.call("PATCH", f"{base}/secrets/wanted?fieldManager=t", body, headers=APPLY, status=400)
        assert refused["message"] == message
    assert server.call("GET", f"{base}/secrets")["items"] == []


def test_bindings_are_for_one_pod(server, base):
    found = server.call("POST", f"{base}/pods", {**POD, "metadata": {"name": "a"}})["metadata"]
    for metadata, what, kept in (({"uid": "x"}, "UID", found["uid"]), ({"resourceVersion": "1"}, "ResourceVersion", found["resourceVersion"])):
        refused = server.call("POST", f"{base}/pods/a/binding", binding(**metadata), status=409)
        assert refused["message"].endswith(
            f"Precondition failed: {what} in precondition: {list(metadata.values())[0]}, {what} in object meta: {kept}")
        assert refused["details"] == {"name": "a", "kind": "pods"}
    server.call("POST", f"{base}/pods/a/binding", binding(uid=found["uid"], resourceVersion=found["resourceVersion"]))
    assert server.call("GET", f"{base}/pods/a")["spec"]["nodeName"] == "n"


def test_scales_are_for_one_object(server, base):
    template = {"metadata": {"labels": {"a": "b"}}, "spec": POD["spec"]}
    server.call("POST", f"{base}/replicationcontrollers", {"metadata": {"name": "a"}, "spec": {"selector": {"a": "b"}, "template": template}})
    scale = f"{base}/replicationcontrollers/a/scale"
    server.call("PATCH", scale, {"metadata": {"uid": "x"}, "spec": {"replicas": 2}}, headers=MERGE, status=409)
    server.call("PUT", scale, {"metadata": {"name": "a", "uid": "x"}, "spec": {"replicas": 2}}, status=409)
    assert server.call("GET", scale)["spec"]["replicas"] == 1


def test_grace_of_any_length(server, base):
    server.call("POST", f"{base}/pods", {**POD, "metadata": {"name": "a"}, "spec": {**POD["spec"], "nodeName": "n"}})
    for given, kept in ((2**63 - 1, 2**63 - 1), (60, 60), (-5, 1)):
        marked = server.call("DELETE", f"{base}/pods/a?gracePeriodSeconds={given}")["metadata"]
        assert marked["deletionGracePeriodSeconds"] == kept
        assert calendar.timegm(time.strptime(marked["deletionTimestamp"], "%Y-%m-%dT%H:%M:%SZ")) > time.time() - 60
    server.call("DELETE", f"{base}/pods/a?gracePeriodSeconds=0")


def test_patches_of_one_object_all_hold(server, base):
    """Who patches a part is told of no other writer, as long as no revision is named."""
    server.call("POST", f"{base}/secrets", harness.secret("a", {"k": "v"}))

    def patch(form, key):
        if form == 0:
            return server.call("PATCH", f"{base}/secrets/a", [{"op": "add", "path": f"/data/{key}", "value": ""}], headers=JSON)
        if form == 1:
            return server.call("PATCH", f"{base}/secrets/a?fieldManager={key}", harness.secret("a", {key: ""}), headers=APPLY)
        return server.call("PATCH", f"{base}/secrets/a", {"data": {key: ""}}, headers=MERGE if form == 2 else STRATEGIC)

    harness.in_threads(8, lambda i: [patch(i % 4, f"k{i}.{j}") for j in range(12)])
    found = server.call("GET", f"{base}/secrets/a")
    assert len(found["data"]) == 1 + 8 * 12
    refused = [{"op": "replace", "path": "/metadata/resourceVersion", "value": "1"}, {"op": "add", "path": "/data/late", "value": ""}]
    server.call("PATCH", f"{base}/secrets/a", refused, headers=JSON, status=409)
