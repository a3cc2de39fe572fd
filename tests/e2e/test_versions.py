# SPDX-License-Identifier: Apache-2.0
"""Kinds in several versions: each shows the objects of all, in its own form, also to who watches."""
import harness
import pytest
from test_custom import DEFINITIONS, definition, install

MERGE = [("Content-Type", "application/merge-patch+json")]


def schema(**properties):
    return {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}}


@pytest.fixture
def group(server):
    """A kind that is stored as v1; v2 has a field with a default instead of one of v1's."""
    group = f"g{harness.secrets.token_hex(4)}.example.com"
    body = definition("things", group)
    body["spec"]["versions"] = [
        {"name": "v1", "served": True, "storage": True, "schema": schema(a={"type": "string"}, one={"type": "string"})},
        {"name": "v2", "served": True, "storage": False, "schema": schema(a={"type": "string"}, two={"type": "string", "default": "T"}),
         "selectableFields": [{"jsonPath": ".spec.two"}]}]
    install(server, body)
    yield group
    server.call("DELETE", f"{DEFINITIONS}/things.{group}")


def things(group, version, namespace):
    return f"/apis/{group}/{version}/namespaces/{namespace}/things"


def thing(group, version, name, **spec):
    return {"apiVersion": f"{group}/{version}", "kind": "Things", "metadata": {"name": name}, "spec": spec}


def test_watches_of_any_version(server, namespace, group):
    selectors = ["", "&fieldSelector=spec.two%3DT", "&fieldSelector=metadata.name%3Da"]
    watches = [server.watch(f"{things(group, 'v2', namespace)}?watch=true&timeoutSeconds=60{selector}") for selector in selectors]
    server.call("POST", things(group, "v1", namespace), thing(group, "v1", "a", a="x", one="1"))
    for watch in watches:
        with watch:
            event = watch.next()
            assert (event["type"], event["object"]["apiVersion"], event["object"]["spec"]) == ("ADDED", f"{group}/v2", {"a": "x", "two": "T"})
            server.call("PATCH", things(group, "v1", namespace) + "/a", {"spec": {"one": harness.secrets.token_hex(4)}}, headers=MERGE)
            assert watch.next()["type"] == "MODIFIED"


def test_a_version_shows_its_own_fields_alone(server, namespace, group):
    with server.watch(f"{things(group, 'v1', namespace)}?watch=true&timeoutSeconds=60") as watch:
        server.call("POST", things(group, "v2", namespace), thing(group, "v2", "a", a="x", two="Z"))
        assert watch.next()["object"]["spec"] == {"a": "x"}
    assert server.call("GET", things(group, "v1", namespace) + "/a")["spec"] == {"a": "x"}
    shown = server.call("GET", things(group, "v2", namespace))["items"][0]["spec"]
    assert server.call("GET", things(group, "v2", namespace) + "/a")["spec"] == shown


def test_events_of_both_groups_are_seen_live(server, namespace):
    old, new = f"/api/v1/namespaces/{namespace}/events", f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
    with server.watch(f"{new}?watch=true&timeoutSeconds=60") as seen_new, server.watch(f"{old}?watch=true&timeoutSeconds=60") as seen_old:
        server.call("POST", old, {"metadata": {"name": "e"}, "involvedObject": {"namespace": namespace, "name": "x"}, "reason": "R"})
        assert seen_old.next()["object"]["apiVersion"] == "v1"
        assert seen_new.next()["object"]["apiVersion"] == "events.k8s.io/v1"


def test_watches_end_with_their_definition(server, namespace):
    group = f"g{harness.secrets.token_hex(4)}.example.com"
    install(server, definition("things", group))
    server.call("POST", things(group, "v1", namespace), thing(group, "v1", "a"))
    watches = [server.watch(f"{things(group, 'v1', namespace)}?watch=true&timeoutSeconds=60&resourceVersion=0") for _ in range(4)]
    assert {watch.next()["type"] for watch in watches} == {"ADDED"}
    server.call("DELETE", f"{DEFINITIONS}/things.{group}")
    for watch in watches:
        with watch:
            assert [event["type"] for event in watch.rest()] == ["DELETED"]
