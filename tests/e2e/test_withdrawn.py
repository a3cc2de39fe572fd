# SPDX-License-Identifier: Apache-2.0
"""Watches end with what they rest on: the token, the account, Pod, Node or Secret behind it, the right to act as another."""
import base64
import signal
import time

import harness
import pytest
import wire
from test_tokens import ACCOUNTS, PODS, SYSTEM, ask, bootstrap, filled, keys, keyed, make_account, make_pod, make_token, token_secret, write_file  # noqa: F401  (fixtures)

RBAC = "/apis/rbac.authorization.k8s.io/v1"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def allow(server):
    """Everyone who is somebody may watch ConfigMaps."""
    server.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "watcher"}, "rules": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["watch"]}]}, 201)
    server.call("POST", f"{RBAC}/clusterrolebindings", {
        "metadata": {"name": "watchers"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "watcher"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated"}]}, 201)


@pytest.fixture(scope="module", name="server")
def server_with_watchers():
    with harness.Server() as running:
        harness.await_furniture(running, "default")
        allow(running)
        yield running


def watch(server, token, *headers, client="none"):
    bearer = [("Authorization", f"Bearer {token}")] if token else []
    return wire.Watch(server.connect(client), f"{CONFIG_MAPS}?watch=1&resourceVersion=0", [*bearer, *headers])


def shows(server, watches, name):
    """All of them still tell what happens."""
    server.call("POST", CONFIG_MAPS, {"metadata": {"name": name}}, 201)
    for each in watches:
        each.until(lambda event: event["object"]["metadata"]["name"] == name)


def ends(each):
    """In good order, and nothing comes before the end."""
    assert each.rest() == []


def bound_token(server, account, kind, name, uid):
    return ask(server, account, boundObjectRef={"kind": kind, "apiVersion": "v1", "name": name, "uid": uid})["status"]["token"]


def test_what_a_token_is_bound_to(server):
    uid = {"ServiceAccount": make_account(server, "watcher"), "Pod": make_pod(server, "watcher", "watcher"),
           "Node": server.call("POST", "/api/v1/nodes", {"metadata": {"name": "watcher"}}, 201)["metadata"]["uid"],
           "Secret": server.call("POST", harness.SECRETS, harness.secret("watcher"), status=201)["metadata"]["uid"]}
    paths = {"Pod": f"{PODS}/watcher", "Node": "/api/v1/nodes/watcher", "Secret": f"{harness.SECRETS}/watcher"}
    open_watches = {kind: watch(server, bound_token(server, "watcher", kind, "watcher", uid[kind])) for kind in paths}
    free = watch(server, ask(server, "watcher")["status"]["token"])
    admin = watch(server, None, client="admin")
    shows(server, [*open_watches.values(), free, admin], "at-first")
    left = dict(open_watches)
    for kind, path in paths.items():
        server.call("DELETE", path, {"gracePeriodSeconds": 0})
        ends(left.pop(kind))
        shows(server, [*left.values(), free, admin], f"without-{kind.lower()}")
    make_account(server, "bystander")
    server.call("DELETE", f"{ACCOUNTS}/bystander")
    shows(server, [free, admin], "without-another")
    server.call("DELETE", f"{ACCOUNTS}/watcher")
    ends(free)
    shows(server, [admin], "without-account")
    lines = [line for line in server.output().splitlines() if "a watch ended, its credential is good no more" in line]
    assert len(lines) == 4 and "is gone" in lines[0] and "eyJ" not in "".join(lines)


def test_a_secret_that_holds_the_token(server):
    make_account(server, "legacy")
    server.call("POST", harness.SECRETS, token_secret("legacy", "legacy"), status=201)
    by_secret = watch(server, base64.b64decode(filled(server, "legacy")["data"]["token"]).decode())
    shows(server, [by_secret], "legacy-0")
    server.call("PATCH", f"{harness.SECRETS}/legacy", {"metadata": {"labels": {"a": "b"}}}, 200,
                headers=[("Content-Type", "application/merge-patch+json")])
    shows(server, [by_secret], "legacy-1")
    server.call("PATCH", f"{harness.SECRETS}/legacy", {"metadata": {"labels": {"kubernetes.io/legacy-token-invalid-since": "2026-01-01"}}}, 200,
                headers=[("Content-Type", "application/merge-patch+json")])
    ends(by_secret)
    bootstrapper = "watchr.0123456789abcdef"
    server.call("POST", SYSTEM, bootstrap(bootstrapper), status=201)
    by_bootstrap = watch(server, bootstrapper)
    shows(server, [by_bootstrap], "bootstrap-0")
    server.call("DELETE", f"{SYSTEM}/bootstrap-token-watchr")
    ends(by_bootstrap)


def test_expiry(keyed, keys):  # noqa: F811
    allow(keyed)
    uid = make_account(keyed, "brief")
    now = int(time.time())

    def token(seconds):
        return make_token(keys.signing, {
            "iss": "https://first", "aud": ["api"], "iat": now, "nbf": now, "exp": now + seconds, "sub": "system:serviceaccount:default:brief",
            "kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "brief", "uid": uid}}})
    brief, long = watch(keyed, token(3)), watch(keyed, token(1000))
    shows(keyed, [brief, long], "expiry-0")
    ends(brief)
    assert now + 3 <= time.time() < now + 5
    shows(keyed, [long], "expiry-1")


def test_a_file_of_tokens_that_is_read_again(start):
    server = start()
    server.stop()
    path = write_file(server, "tokens.csv", b"first-token,alice,1\nsecond-token,bob,2,system:masters\nthird-token,carol,3\n")
    server.flags = ["--token-auth-file", path]
    server.start()
    harness.await_furniture(server, "default")
    allow(server)
    watches = [watch(server, f"{name}-token") for name in ("first", "second", "third")]
    shows(server, watches, "file-0")
    write_file(server, "tokens.csv", b"third-token,carol,3\n")
    server.process.send_signal(signal.SIGHUP)
    ends(watches[0])
    ends(watches[1])
    shows(server, watches[2:], "file-1")


def test_a_token_that_stands_for_less_than_it_did(start):
    """Still good, but of fewer groups, of another user, or for a shorter time: the watch ends, and the next one is as the token is now."""
    server = start()
    server.stop()
    path = write_file(server, "tokens.csv", b'first-token,alice,1,"a,b"\nsecond-token,bob,2\nthird-token,carol,3,"a,b"\n')
    server.flags = ["--token-auth-file", path]
    server.start()
    harness.await_furniture(server, "default")
    allow(server)
    watches = [watch(server, f"{name}-token") for name in ("first", "second", "third")]
    shows(server, watches, "less-0")
    write_file(server, "tokens.csv", b'first-token,alice,1,"a"\nsecond-token,bob,4\nthird-token,carol,3,"a,b"\n')
    server.process.send_signal(signal.SIGHUP)
    ends(watches[0])
    ends(watches[1])
    shows(server, watches[2:], "less-1")
    change_bootstrap_token(server)


def change_bootstrap_token(server):
    token = "lesser.0123456789abcdef"
    merge = [("Content-Type", "application/merge-patch+json")]
    groups = "auth-extra-groups"
    server.call("POST", SYSTEM, bootstrap(token, **{groups: "system:bootstrappers:a,system:bootstrappers:b"}), status=201)

    def changed(key, value):
        by_token = watch(server, token)
        shows(server, [by_token], f"before-{key}")
        server.call("PATCH", f"{SYSTEM}/bootstrap-token-lesser", {"data": {key: harness.b64(value)}}, 200, headers=merge)
        return by_token
    ends(changed(groups, "system:bootstrappers:a"))
    ends(changed("expiration", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3))))
    harness.poll(lambda: server.request("GET", "/version", client="none", headers=[("Authorization", f"Bearer {token}")]).status == 401, "its end")


def test_the_right_to_act_as_another(server):
    make_account(server, "actor")
    role = {"metadata": {"name": "actor"}, "rules": [
        {"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["boss"]},
        {"apiGroups": [""], "resources": ["groups"], "verbs": ["impersonate"], "resourceNames": ["bosses", "system:masters"]}]}
    server.call("POST", f"{RBAC}/clusterroles", role, 201)
    server.call("POST", f"{RBAC}/clusterrolebindings", {
        "metadata": {"name": "actor"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "actor"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "default", "name": "actor"}]}, 201)
    token = ask(server, "actor")["status"]["token"]
    as_boss = watch(server, token, ("Impersonate-User", "boss"))
    as_bosses = watch(server, token, ("Impersonate-User", "boss"), ("Impersonate-Group", "bosses"))
    as_master = watch(server, token, ("Impersonate-User", "boss"), ("Impersonate-Group", "system:masters"))
    itself = watch(server, token)
    shows(server, [as_boss, as_bosses, as_master, itself], "actor-0")
    role["rules"][1]["resourceNames"] = ["others"]
    server.call("PUT", f"{RBAC}/clusterroles/actor", role, 200)
    ends(as_bosses)
    ends(as_master)
    shows(server, [as_boss, itself], "actor-1")
    server.call("DELETE", f"{RBAC}/clusterrolebindings/actor")
    ends(as_boss)
    shows(server, [itself], "actor-2")
    server.call("DELETE", f"{ACCOUNTS}/actor")
    ends(itself)
