# SPDX-License-Identifier: Apache-2.0
"""Deleting a namespace deletes what is in it, waits for what stays, and says what that is."""
import os
import time

import harness
import pytest
from test_unreadable import change_record, spoil

NAMESPACES = "/api/v1/namespaces"
HOLD = "example.com/hold"
# Bound on the removal of a namespace with 5,000 Secrets; sanitizers cost several times that.
LARGE, LARGE_SECONDS = 5000, 10


def manifest(kind, name, version="v1", **more):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **more.pop("metadata", {})}, **more}


def create(server, name=None):
    name = name or "t-" + harness.secrets.token_hex(4)
    server.call("POST", NAMESPACES, manifest("Namespace", name))
    return name


def watch_one(server, name, since="0"):
    return server.watch(f"{NAMESPACES}?watch=true&fieldSelector=metadata.name%3D{name}&resourceVersion={since}")


def await_gone(watch):
    return watch.until(lambda event: event["type"] == "DELETED")


def conditions(namespace):
    return {c["type"]: c for c in namespace["status"].get("conditions", [])}


def await_conditions(watch, wanted):
    """The namespace once a condition's message holds the text."""
    kind, text = wanted
    return watch.until(lambda event: text in conditions(event["object"]).get(kind, {}).get("message", ""))[-1]["object"]


def test_contents_go(server):
    name = create(server)
    for resource, body in (("secrets", harness.secret("s", {"a": "b"})), ("configmaps", manifest("ConfigMap", "c", data={"a": "b"})),
                           ("serviceaccounts", manifest("ServiceAccount", "x"))):
        server.call("POST", f"{NAMESPACES}/{name}/{resource}", body)
    with watch_one(server, name) as watch:
        answer = server.call("DELETE", f"{NAMESPACES}/{name}")
        assert answer["kind"] == "Namespace" and answer["status"]["phase"] == "Terminating" and answer["metadata"]["deletionTimestamp"]
        await_gone(watch)
    assert server.request("GET", f"{NAMESPACES}/{name}").status == 404
    for resource in ("secrets", "configmaps", "serviceaccounts"):
        assert server.call("GET", f"{NAMESPACES}/{name}/{resource}")["items"] == []


def test_same_name_again(server):
    name = create(server)
    for _ in range(3):
        server.call("POST", f"{NAMESPACES}/{name}/secrets", harness.secret("s", {"a": "b"}))
        with watch_one(server, name) as watch:
            server.call("DELETE", f"{NAMESPACES}/{name}")
            await_gone(watch)
        create(server, name)
    server.call("DELETE", f"{NAMESPACES}/{name}")


def test_waits_for_finalizers(server):
    name = create(server)
    secrets = f"{NAMESPACES}/{name}/secrets"
    for key in ("a", "b", "free"):
        server.call("POST", secrets, harness.secret(key, {"a": "b"}, metadata={"finalizers": [HOLD] if key != "free" else []}))
    with watch_one(server, name) as watch:
        server.call("DELETE", f"{NAMESPACES}/{name}")
        found = conditions(await_conditions(watch, ("NamespaceFinalizersRemaining", f"{HOLD} in 2 resource instances")))
        assert [(c["type"], c["status"], c["reason"]) for c in found.values()] == [
            ("NamespaceDeletionDiscoveryFailure", "False", "ResourcesDiscovered"),
            ("NamespaceDeletionGroupVersionParsingFailure", "False", "ParsedGroupVersions"),
            ("NamespaceDeletionContentFailure", "False", "ContentDeleted"),
            ("NamespaceContentRemaining", "True", "SomeResourcesRemain"),
            ("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain")]
        assert found["NamespaceContentRemaining"]["message"] == "Some resources are remaining: secrets. has 2 resource instances"
        assert [item["metadata"]["name"] for item in server.call("GET", secrets)["items"]] == ["a", "b"]
        answer = server.request("POST", secrets, harness.secret("late", {"a": "b"}))
        assert answer.status == 403 and answer.json()["details"]["causes"][0]["reason"] == "NamespaceTerminating"
        for key in ("a", "b"):
            held = server.call("GET", f"{secrets}/{key}")
            del held["metadata"]["finalizers"]
            server.call("PUT", f"{secrets}/{key}", held)
            if key == "a":
                await_conditions(watch, ("NamespaceFinalizersRemaining", f"{HOLD} in 1 resource instances"))
        await_gone(watch)


def test_own_finalizers(server):
    """spec.finalizers of others hold the namespace when it is empty already."""
    name = create(server)
    namespace = server.call("GET", f"{NAMESPACES}/{name}")
    namespace["spec"]["finalizers"] += ["example.com/other"]
    server.call("PUT", f"{NAMESPACES}/{name}/finalize", namespace)
    with watch_one(server, name) as watch:
        server.call("DELETE", f"{NAMESPACES}/{name}")
        event = watch.until(lambda event: event["object"]["spec"].get("finalizers") == ["example.com/other"])[-1]
        assert event["type"] == "MODIFIED"
        event["object"]["spec"]["finalizers"] = []
        server.call("PUT", f"{NAMESPACES}/{name}/finalize", event["object"])
        await_gone(watch)


def test_kubectl_delete_waits(kubectl, server):
    name = create(server)
    kubectl.run("-n", name, "create", "secret", "generic", "s", "--from-literal=a=b")
    assert f'namespace "{name}" deleted' in kubectl.out("delete", "namespace", name, "--timeout=30s")
    assert kubectl.run("get", "namespace", name, check=False).returncode == 1


def test_waits_for_unreadable_objects(start):
    """What cannot be read is never deleted unseen: the condition says by which command somebody may."""
    server = start()
    name = create(server)
    for key in ("a", "b"):
        server.call("POST", f"{NAMESPACES}/{name}/secrets", harness.secret(key, {"v": key}))
    server.stop()
    change_record(server.directory, "b", spoil, name)
    server.start()
    with watch_one(server, name) as watch:
        server.call("DELETE", f"{NAMESPACES}/{name}")
        namespace = await_conditions(watch, ("NamespaceDeletionContentFailure", "cannot be read"))
        failure = conditions(namespace)["NamespaceDeletionContentFailure"]
        assert (failure["status"], failure["reason"]) == ("True", "ContentDeletionFailed")
        command = f"kubectl delete --namespace={name} secrets b"
        assert failure["message"].endswith(command)
        assert [item["metadata"]["name"] for item in server.call("GET", f"{NAMESPACES}/{name}/secrets")["items"]] == ["b"]
        kubectl = harness.Kubectl(harness.kubectl_programs()[0], server)
        kubectl.run(*command.split()[1:])
        await_gone(watch)


def test_killed_at_any_point(start):
    """A server that is killed while a namespace goes finishes when it is back, and takes nothing else."""
    server = start()
    create(server, "stays")
    server.call("POST", f"{NAMESPACES}/stays/secrets", harness.secret("s", {"a": "b"}))
    for attempt in range(6):
        name = create(server)
        for i in range(300):
            server.call("POST", f"{NAMESPACES}/{name}/secrets", harness.secret(f"s{i}", {"a": "b"}))
        with server.watch(f"{NAMESPACES}/{name}/secrets?watch=true&resourceVersion=0") as watch:
            server.call("DELETE", f"{NAMESPACES}/{name}")
            deleted = 0
            while deleted < attempt * 60:
                deleted += watch.next()["type"] == "DELETED"
        server.kill()
        server.start()
        names = server.call("GET", NAMESPACES)
        if name in [item["metadata"]["name"] for item in names["items"]]:
            with watch_one(server, name, names["metadata"]["resourceVersion"]) as watch:
                await_gone(watch)
    assert [item["metadata"]["name"] for item in server.call("GET", f"{NAMESPACES}/stays/secrets")["items"]] == ["s"]


@pytest.mark.skipif(not os.path.exists(harness.release_binary()), reason="no release build")
def test_large_namespace(start):
    server = start(program=harness.release_binary(), flags=["--log-level", "info"])
    name = create(server)
    secrets = f"{NAMESPACES}/{name}/secrets"

    def fill(part):
        with server.connect() as connection:
            for i in range(part, LARGE, 8):
                answer = connection.request("POST", secrets, [], harness.secret(f"s{i}", {"a": "b" * 100}))
                assert answer.status == 201, answer

    harness.in_threads(8, fill)
    with watch_one(server, name) as watch:
        began = time.monotonic()
        server.call("DELETE", f"{NAMESPACES}/{name}")
        await_gone(watch)
        took = time.monotonic() - began
    print(f"a namespace with {LARGE} Secrets was gone after {took:.2f} s")
    assert took < LARGE_SECONDS
