# SPDX-License-Identifier: Apache-2.0
"""Dependents go with their owners: in the background, in the foreground, or not at all; and never by a mistake."""
import time
import uuid

import harness
import pytest
from test_namespaces import HOLD, NAMESPACES, manifest
from test_unreadable import change_record, spoil

SECRET, CONFIG = "secrets", "configmaps"
KINDS = {SECRET: "Secret", CONFIG: "ConfigMap"}
# How many dependents go at once, the number of the long run, and the bound on its time.
MANY, MANY_LONG, MANY_SECONDS = 200, 2000, 30


class Space:
    """A namespace in which objects own each other, seen by one watch a kind."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.watches = {}

    def path(self, kind, name=""):
        return f"{NAMESPACES}/{self.name}/{kind}/{name}".rstrip("/")

    def create(self, name, *owners, kind=SECRET, block=None, finalizers=None):
        """An object whose owners are objects, or references."""
        references = [owner if "uid" in owner else reference(owner, block) for owner in owners]
        body = manifest(KINDS[kind], name, metadata={"ownerReferences": references, "finalizers": finalizers or []})
        return self.server.call("POST", self.path(kind), body)

    def delete(self, name, policy=None, kind=SECRET):
        return self.server.request("DELETE", self.path(kind, name), {"propagationPolicy": policy} if policy else None)

    def release(self, name):
        """Takes all finalizers off."""
        path, patch = self.path(SECRET, name), {"metadata": {"finalizers": None}}
        self.server.call("PATCH", path, patch, headers=[("Content-Type", "application/merge-patch+json")])

    def get(self, name, kind=SECRET):
        return self.server.call("GET", self.path(kind, name))

    def names(self, kind=SECRET):
        return [item["metadata"]["name"] for item in self.server.call("GET", self.path(kind))["items"]]

    def watch(self, kind=SECRET, since=""):
        return self.server.watch(f"{self.path(kind)}?watch=true&resourceVersion={since}")

    def await_gone(self, *names, kind=SECRET):
        """Waits until these are gone."""
        listed = self.server.call("GET", self.path(kind))
        left = {item["metadata"]["name"] for item in listed["items"]} & set(names)
        with self.watch(kind, listed["metadata"]["resourceVersion"]) as watch:
            while left:
                event = watch.next()
                if event["type"] == "DELETED":
                    left.discard(event["object"]["metadata"]["name"])

    def await_state(self, name, wanted, kind=SECRET):
        """Waits until the object is as wanted."""
        with self.server.watch(f"{self.path(kind)}?watch=true&fieldSelector=metadata.name%3D{name}&resourceVersion=0") as watch:
            return watch.until(lambda event: wanted(event["object"]))[-1]["object"]

    def settle(self):
        """Waits until the collector took one more thing after all that was before: what is to go has been looked at by then."""
        name = "sentinel-" + harness.secrets.token_hex(4)
        self.create(name, dangling())
        self.await_gone(name)


def reference(owner, block=None, **more):
    found = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"], **more}
    return found if block is None else {**found, "blockOwnerDeletion": block}


def dangling(name="never-was", kind="Secret", version="v1"):
    return {"apiVersion": version, "kind": kind, "name": name, "uid": str(uuid.uuid4())}


@pytest.fixture
def space(server, namespace):
    return Space(server, namespace)


def new_space(server, name="default"):
    return Space(server, name)


# ---- background

@pytest.mark.parametrize("policy", [None, "Background"])
def test_background(space, policy):
    owner = space.create("owner")
    child = space.create("child", owner)
    space.create("grandchild", child, kind=CONFIG)
    space.create("bystander")
    assert space.delete("owner", policy).status == 200
    space.await_gone("owner", "child")
    space.await_gone("grandchild", kind=CONFIG)
    assert space.names() == ["bystander"]


def test_an_owner_of_another_group(space):
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    deployments = f"/apis/apps/v1/namespaces/{space.name}/deployments"
    owner = space.server.call("POST", deployments, manifest("Deployment", "d", "apps/v1", spec={"selector": {"matchLabels": {"a": "b"}}, "template": template}))
    space.create("child", owner)
    space.server.call("DELETE", f"{deployments}/d")
    space.await_gone("child")


def test_an_owner_without_a_namespace(space):
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    owner = space.server.call("POST", roles, manifest("ClusterRole", space.name, "rbac.authorization.k8s.io/v1"))
    space.create("child", owner)
    space.server.call("DELETE", f"{roles}/{space.name}")
    space.await_gone("child")


def test_deletecollection_of_owners(space):
    owners = [space.create(f"owner{i}", kind=CONFIG) for i in range(5)]
    for i, owner in enumerate(owners):
        space.create(f"child{i}", owner)
    space.server.call("DELETE", space.path(CONFIG))
    space.await_gone(*[f"child{i}" for i in range(5)])


# ---- dangling, and other uids

def test_dangling_when_created(space):
    space.create("child", dangling())
    space.await_gone("child")


def test_dangling_by_an_update(space):
    child = space.create("child")
    child["metadata"]["ownerReferences"] = [dangling()]
    space.server.call("PUT", space.path(SECRET, "child"), child)
    space.await_gone("child")


def test_owner_of_the_same_name_with_another_uid(space):
    first = space.create("owner")
    assert space.delete("owner", "Orphan").status == 200
    space.await_gone("owner")
    second = space.create("owner")
    space.create("of-the-first", first)
    space.create("of-the-second", second)
    space.await_gone("of-the-first")
    space.settle()
    assert space.names() == ["of-the-second", "owner"]


def test_owner_in_another_namespace_is_none(space, server):
    elsewhere = server.call("POST", f"{NAMESPACES}/default/configmaps", manifest("ConfigMap", space.name))
    space.create("child", elsewhere)
    space.await_gone("child")
    server.call("DELETE", f"{NAMESPACES}/default/configmaps/{space.name}")


def test_what_has_no_namespace_is_not_collected_for_an_owner_that_has_one(space, server):
    owner = space.create("owner")
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    server.call("POST", roles, manifest("ClusterRole", space.name, "rbac.authorization.k8s.io/v1", metadata={"ownerReferences": [reference(owner)]}))
    space.delete("owner")
    space.settle()
    assert server.request("GET", f"{roles}/{space.name}").status == 200
    server.call("DELETE", f"{roles}/{space.name}")


@pytest.mark.parametrize("owner", [dangling(kind="Toy", version="no.example.com/v1"), dangling(kind="Secret", version="v9")], ids=["group", "version"])
def test_owner_of_an_unknown_kind_keeps_its_dependents(space, owner):
    space.create("child", owner)
    space.settle()
    assert space.names() == ["child"]


# ---- several owners

def test_several_owners(space):
    one, two = space.create("one", kind=CONFIG), space.create("two", kind=CONFIG)
    space.create("child", one, two)
    space.delete("one", kind=CONFIG)
    left = space.await_state("child", lambda found: len(found["metadata"].get("ownerReferences", [])) == 1)
    assert left["metadata"]["ownerReferences"][0]["uid"] == two["metadata"]["uid"], "the reference to what is gone is taken off"
    space.delete("two", kind=CONFIG)
    space.await_gone("child")


def test_one_owner_in_the_foreground_does_not_take_what_another_has(space):
    one, two = space.create("one", kind=CONFIG), space.create("two", kind=CONFIG)
    space.create("child", one, two, block=True)
    space.delete("one", "Foreground", kind=CONFIG)
    space.await_gone("one", kind=CONFIG)
    assert [r["name"] for r in space.get("child")["metadata"]["ownerReferences"]] == ["two"]


# ---- orphans

def test_orphan(space):
    owner = space.create("owner")
    for i in range(100):
        space.create(f"child{i}", owner)
    answer = space.delete("owner", "Orphan")
    assert answer.status == 200 and "orphan" in answer.json()["metadata"]["finalizers"]
    space.await_gone("owner")
    left = space.server.call("GET", space.path(SECRET))["items"]
    assert len(left) == 100 and not any("ownerReferences" in item["metadata"] for item in left)


def test_orphans_keep_their_other_owners(space):
    one, two = space.create("one", kind=CONFIG), space.create("two", kind=CONFIG)
    space.create("child", one, two)
    space.delete("one", "Orphan", kind=CONFIG)
    space.await_gone("one", kind=CONFIG)
    assert [r["name"] for r in space.get("child")["metadata"]["ownerReferences"]] == ["two"]


# ---- foreground

def test_foreground(space):
    owner = space.create("owner", kind=CONFIG)
    space.create("blocks", owner, block=True, finalizers=[HOLD])
    space.create("does-not", owner, finalizers=[HOLD])
    answer = space.delete("owner", "Foreground", kind=CONFIG).json()
    assert answer["metadata"]["finalizers"] == ["foregroundDeletion"] and answer["metadata"]["deletionTimestamp"]
    space.await_state("blocks", lambda found: "deletionTimestamp" in found["metadata"])
    space.settle()
    assert "owner" in space.names(CONFIG), "it waits for what blocks it"
    space.release("blocks")
    space.await_gone("owner", kind=CONFIG)
    space.await_state("does-not", lambda found: "deletionTimestamp" in found["metadata"])
    space.release("does-not")
    space.await_gone("does-not", "blocks")


def test_foreground_of_generations(space):
    owner = space.create("owner")
    child = space.create("child", owner, block=True)
    space.create("grandchild", child, block=True, finalizers=[HOLD])
    space.delete("owner", "Foreground")
    space.await_state("child", lambda found: "foregroundDeletion" in found["metadata"].get("finalizers", []))
    space.await_state("grandchild", lambda found: "deletionTimestamp" in found["metadata"])
    space.settle()
    assert space.names() == ["child", "grandchild", "owner"], "the youngest holds all of them"
    space.release("grandchild")
    space.await_gone("owner", "child", "grandchild")


def test_foreground_in_a_circle(space):
    """Two that own each other, each blocking: neither waits for ever."""
    one = space.create("one")
    two = space.create("two", one, block=True)
    one["metadata"]["ownerReferences"] = [reference(two, True)]
    space.server.call("PUT", space.path(SECRET, "one"), one)
    space.delete("one", "Foreground")
    space.await_gone("one", "two")


def test_foreground_without_dependents(space):
    space.create("owner")
    space.delete("owner", "Foreground")
    space.await_gone("owner")


def test_the_finalizer_by_hand(space):
    """A delete of what carries foregroundDeletion already is one in the foreground, without saying so."""
    owner = space.create("owner", finalizers=["foregroundDeletion"])
    space.create("child", owner, block=True)
    space.delete("owner")
    space.await_gone("owner", "child")


# ---- unreadable owners, restarts

def test_an_unreadable_owner_is_not_gone(start):
    server = start()
    space = new_space(server)
    owner, other = space.create("owner"), space.create("other", kind=CONFIG)
    space.create("child", owner, kind=CONFIG)
    space.create("child-of-both", owner, other, kind=CONFIG)
    server.stop()
    change_record(server.directory, "owner", spoil)
    server.start()
    assert server.request("GET", space.path(SECRET, "owner")).status == 500
    space.settle()
    space.delete("other", kind=CONFIG)
    space.await_gone("other", kind=CONFIG)
    child = space.create("late", {**reference(owner), "name": "owner"}, kind=CONFIG)
    assert child["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
    space.settle()
    assert {"child", "child-of-both", "late"} <= set(space.names(CONFIG))
    assert space.delete("owner").status == 200, "by hand it can be removed, and takes its dependents along"
    space.await_gone("child", "child-of-both", "late", kind=CONFIG)


def test_an_unreadable_dependent_holds_up_no_other(start):
    server = start()
    space = new_space(server)
    owner = space.create("owner", kind=CONFIG)
    for i in range(5):
        space.create(f"child{i}", owner)
    server.stop()
    change_record(server.directory, "child2", spoil)
    server.start()
    space.delete("owner", kind=CONFIG)
    space.await_gone(*[f"child{i}" for i in (0, 1, 3, 4)])
    assert space.names() == ["child2"]


def test_what_went_while_no_collector_ran(start):
    server = start(flags=["--no-controllers"])
    space = new_space(server)
    owner, stays = space.create("owner"), space.create("stays")
    space.create("child", owner)
    space.create("other", stays)
    space.create("lost", dangling())
    space.delete("owner")
    waits = space.create("waits", kind=CONFIG)
    space.create("blocks", waits, block=True)
    space.delete("waits", "Foreground", kind=CONFIG)
    loose = space.create("loose", kind=CONFIG)
    space.create("orphan", loose)
    space.delete("loose", "Orphan", kind=CONFIG)
    assert {"child", "other", "lost", "blocks", "orphan"} <= set(space.names())
    server.stop()
    server.flags = []
    server.start()
    space.await_gone("child", "lost", "blocks")
    space.await_gone("waits", "loose", kind=CONFIG)
    assert space.names() == ["orphan", "other", "stays"] and "ownerReferences" not in space.get("orphan")["metadata"]


def test_killed_in_the_middle(start):
    server = start()
    space = new_space(server)
    doomed, stays = space.create("doomed", kind=CONFIG), space.create("stays", kind=CONFIG)
    for i in range(60):
        space.create(f"d{i}", doomed)
        space.create(f"s{i}", stays)
    with space.watch() as watch:
        space.delete("doomed", kind=CONFIG)
        watch.until(lambda event: event["type"] == "DELETED")
        server.kill()
    server.start()
    space.await_gone(*[f"d{i}" for i in range(60)])
    assert sorted(space.names()) == sorted(f"s{i}" for i in range(60))


# ---- many

@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_many_dependents(space, policy, long_run):
    owner, many = space.create("owner", kind=CONFIG), MANY_LONG if long_run else MANY

    def create(part):
        with space.server.connect() as connection:
            for i in range(part, many, 4):
                body = harness.secret(f"child{i}", metadata={"ownerReferences": [reference(owner, True)]})
                assert connection.request("POST", space.path(SECRET), body=body).status == 201
    harness.in_threads(4, create)
    began = time.monotonic()
    space.delete("owner", policy, kind=CONFIG)
    space.await_gone(*[f"child{i}" for i in range(many)])
    space.await_gone("owner", kind=CONFIG)
    assert time.monotonic() - began < MANY_SECONDS


def test_namespace_and_collector_together(server):
    """What a namespace's end deletes and what its owner's end deletes is the same: nothing is left, nothing is in the way."""
    name = "t-" + harness.secrets.token_hex(4)
    server.call("POST", NAMESPACES, manifest("Namespace", name))
    space = new_space(server, name)
    owner = space.create("owner", kind=CONFIG)
    for i in range(20):
        space.create(f"child{i}", owner, block=True)
    space.delete("owner", "Foreground", kind=CONFIG)
    with server.watch(f"{NAMESPACES}?watch=true&fieldSelector=metadata.name%3D{name}&resourceVersion=0") as watch:
        server.call("DELETE", f"{NAMESPACES}/{name}")
        watch.until(lambda event: event["type"] == "DELETED")


def test_references_that_are_equal_are_kept_once(server, namespace):
    """As kube-apiserver: whole references are compared, and a Warning names the uids."""
    def owner(name, uid):
        return {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid}
    owners = [owner("a", "u1"), owner("b", "u1"), owner("a", "u2"), owner("a", "u1"), owner("a", "u2")]
    answer = server.request("POST", f"/api/v1/namespaces/{namespace}/secrets?dryRun=All",
                            {"metadata": {"name": "s", "ownerReferences": owners}})
    assert answer.json()["metadata"]["ownerReferences"] == owners[:3]
    assert [w for w in answer.all("Warning") if w.endswith('duplicate UID(s) observed: u1, u2"')], answer.headers
