# SPDX-License-Identifier: Apache-2.0
"""Deleting a collection a page at a time, and in a form whose length is said before its items."""
import harness
import pytest

MAPS = "/api/v1/namespaces/default/configmaps"
PROTOBUF = [("Accept", "application/vnd.kubernetes.protobuf")]


@pytest.fixture(scope="module")
def server():
    with harness.Server() as running:
        yield running


@pytest.fixture
def some(server, request):
    """Five objects with a label of the test's own; the collection's path with it."""
    label = request.node.name.replace("_", "-")
    for i in range(5):
        server.call("POST", MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{label}-{i}", "labels": {"of": label}}})
    return f"{MAPS}?labelSelector=of%3D{label}"


def names(answer):
    return [item["metadata"]["name"][-1] for item in answer["items"]]


def test_a_page_is_deleted_and_no_more(server, some):
    page = server.call("DELETE", f"{some}&limit=2", status=200)
    assert names(page) == ["0", "1"] and page["metadata"]["continue"]
    assert names(server.call("GET", some)) == ["2", "3", "4"]
    page = server.call("DELETE", f"{some}&limit=2&continue={page['metadata']['continue']}", status=200)
    assert names(page) == ["2", "3"]
    assert names(server.call("GET", some)) == ["4"]


def test_a_dry_run_of_a_page_deletes_nothing(server, some):
    assert names(server.call("DELETE", f"{some}&limit=2&dryRun=All", status=200)) == ["0", "1"]
    assert len(names(server.call("GET", some))) == 5


def test_what_was_deleted_is_answered_in_protobuf(server, some):
    answer = server.request("DELETE", some, headers=PROTOBUF)
    assert answer.status == 200 and answer.body.startswith(b"k8s\0")
    assert b"ConfigMapList" in answer.body and b"protobuf-4" in answer.body
    assert names(server.call("GET", some)) == []
