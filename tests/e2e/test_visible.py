# SPDX-License-Identifier: Apache-2.0
"""A list shows what one may read: filtered to names, metadata alone; and watches end with the right to them."""
import harness
import pytest
import wire
from test_rbac import RBAC, as_user, binding, role, rule, secrets

TABLE = ("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
PARTIAL = ("Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
FILTERED = "fieldSelector=coffer.dev%2Ffiltered%3Dtrue"


@pytest.fixture
def five(server, namespace):
    """Secrets a to e; ann may list and watch b and d."""
    for name in "abcde":
        server.call("POST", secrets(namespace), harness.secret(name, {"k": harness.canary(name)}))
    path = f"{RBAC}/namespaces/{namespace}"
    server.call("POST", f"{path}/roles", role("some", rule("list,watch", "secrets", names=["d", "b", "absent"])))
    server.call("POST", f"{path}/rolebindings", binding("some", "some", "ann"))
    return namespace


def names(answer):
    assert answer.status == 200, answer
    found = answer.json()
    return [(i.get("metadata") or i["object"]["metadata"])["name"] for i in found.get("items") or found.get("rows") or []]


def test_filtered_when_asked(server, five):
    path, ann = secrets(five), as_user("ann")
    assert server.request("GET", path, headers=ann).status == 403
    assert names(server.request("GET", f"{path}?{FILTERED}", headers=ann)) == ["b", "d"]
    assert names(server.request("GET", f"{path}?{FILTERED}%2Cmetadata.name!%3Db", headers=ann)) == ["d"]
    assert names(server.request("GET", f"{path}?{FILTERED}", headers=[*ann, TABLE])) == ["b", "d"]
    assert server.request("GET", f"{path}?{FILTERED}", headers=as_user("eve")).status == 403
    assert server.request("DELETE", f"{path}?{FILTERED}", headers=ann).status == 403
    assert names(server.request("GET", f"{path}?{FILTERED}")) == list("abcde")
    assert server.request("GET", f"{path}?fieldSelector=coffer.dev%2Ffiltered%3Dfalse", headers=ann).status == 403
    assert server.request("GET", f"{path}?fieldSelector=coffer.dev%2Ffiltered%3Dmaybe").status == 400


def test_pages_tell_of_nothing_else(server, five):
    path, ann = f"{secrets(five)}?limit=1&{FILTERED}", as_user("ann")
    first = server.request("GET", path, headers=ann)
    assert names(first) == ["b"] and "remainingItemCount" not in first.json()["metadata"]
    token = first.json()["metadata"]["continue"]
    second = server.request("GET", f"{path}&continue={token}", headers=ann)
    assert names(second) == ["d"] and "continue" not in second.json()["metadata"], "e follows, unseen"


def test_filtered_by_the_server(start):
    own = start(flags=["--filtered-lists"])
    for name in "ab":
        own.call("POST", secrets("default"), harness.secret(name, {"k": "v"}))
    own.call("POST", f"{RBAC}/namespaces/default/roles", role("r", rule("list", "secrets", names=["a"])))
    own.call("POST", f"{RBAC}/namespaces/default/rolebindings", binding("r", "r", "ann"))
    assert names(own.request("GET", secrets("default"), headers=as_user("ann"))) == ["a"]
    assert own.request("GET", "/api/v1/secrets", headers=as_user("ann")).status == 403


def test_kubectl_can_ask(server, five, kubectl_program):
    kubectl = harness.Kubectl(kubectl_program, server)
    out = kubectl.out("get", "secrets", "-n", five, "--as", "ann", "--field-selector", "coffer.dev/filtered=true", "-o", "name")
    assert out.split() == ["secret/b", "secret/d"]


def test_metadata_alone(server, five):
    path, meg = secrets(five), as_user("meg")
    rbac = f"{RBAC}/namespaces/{five}"
    server.call("POST", f"{rbac}/roles", role("meta", rule("list-metadata", "secrets,configmaps")))
    server.call("POST", f"{rbac}/rolebindings", binding("meta", "meta", "meg"))
    for accept in (TABLE, PARTIAL):
        answer = server.request("GET", path, headers=[*meg, accept])
        assert names(answer) == list("abcde")
        assert not any(needle in answer.body for value in harness.canaries() for needle in harness.forms(value))
    for query, accept in (("", ("Accept", "application/json")), ("?includeObject=Object", TABLE), ("", ("Accept", "application/yaml"))):
        answer = server.request("GET", path + query, headers=[*meg, accept])
        assert answer.status == 403, answer
        assert b"list-metadata allows Table and" in answer.body
    assert server.request("GET", f"{path}/a", headers=[*meg, PARTIAL]).status == 403
    kept = harness.canary("kept")
    server.call("POST", path, harness.secret("odd", {"k": "v"}, metadata={"annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": '{"Data":{"k":"%s"},"items":[{"data":{"k":"%s"}}],"type":"Opaque"}' % (kept, kept)}}))
    for accept in (TABLE, PARTIAL):
        assert kept.encode() not in server.request("GET", path, headers=[*meg, accept]).body
    # What apply keeps of a ConfigMap would tell its values.
    value = harness.canary("configmap")
    server.call("POST", f"/api/v1/namespaces/{five}/configmaps", {"metadata": {"name": "m", "annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": '{"data":{"k":"%s"}}' % value, "other": "stays"}}, "data": {"k": value}})
    answer = server.request("GET", f"/api/v1/namespaces/{five}/configmaps", headers=[*meg, PARTIAL])
    assert value.encode() not in answer.body and b"stays" in answer.body


def test_more_names_than_a_list_shows_are_refused_and_may_be_read(server, namespace):
    path, rbac, most = secrets(namespace), f"{RBAC}/namespaces/{namespace}", 4096
    server.call("POST", path, harness.secret("n1", {"k": "v"}))
    for count, status in (most, 200), (most + 1, 403):
        server.call("PUT" if status == 403 else "POST", f"{rbac}/roles" + ("/many" if status == 403 else ""),
                    role("many", rule("get,list,watch", "secrets", names=[f"n{i}" for i in range(count)])))
        if status == 200:
            server.call("POST", f"{rbac}/rolebindings", binding("many", "many", "ann"))
        answer = server.request("GET", f"{path}?{FILTERED}", headers=as_user("ann"))
        assert answer.status == status, answer
        assert server.request("GET", f"{path}/n1", headers=as_user("ann")).status == 200
    assert "rules give more than 4096 names" in answer.json()["message"]


def test_many_watches_of_many_names_end(server, namespace):
    """Their rights are looked at again some in a turn, while rules change on and on."""
    path, rbac = secrets(namespace), f"{RBAC}/namespaces/{namespace}"
    server.call("POST", f"{rbac}/roles", role("many", rule("list,watch", "secrets", names=[f"n{i}" for i in range(2000)])))
    server.call("POST", f"{rbac}/rolebindings", binding("many", "many", "ann"))
    watches = [watching(server, f"{path}?watch=1&{FILTERED}", as_user("ann")) for _ in range(100)]
    for i in range(20):
        server.call("POST", f"{rbac}/roles", role(f"other{i}"))
    server.call("DELETE", f"{rbac}/rolebindings/many")
    for i in range(20):
        server.call("POST", f"{rbac}/roles", role(f"more{i}"))
    for watch in watches:
        with watch:
            assert watch.rest() == []


def test_watches_share_their_names(start):
    own = start(program=harness.release_binary())
    path, rbac = secrets("default"), f"{RBAC}/namespaces/default"
    own.call("POST", f"{rbac}/roles", role("many", rule("list,watch", "secrets", names=[f"the-name-of-a-secret-{i:04}" for i in range(4096)])))
    own.call("POST", f"{rbac}/rolebindings", binding("many", "many", "ann"))
    with watching(own, f"{path}?watch=1&{FILTERED}", as_user("ann")):
        before = own.memory()[0]
        watches = [watching(own, f"{path}?watch=1&{FILTERED}", as_user("ann")) for _ in range(100)]
        assert own.memory()[0] - before < 10 << 20, "the names alone are 200 KB"
        for watch in watches:
            watch.__exit__()


def watching(server, path, user, *headers):
    return wire.Watch(server.connect(), path, headers=[*user, *headers])


def test_a_watch_of_names(server, five):
    watch = watching(server, f"{secrets(five)}?watch=1&{FILTERED}", as_user("ann"))
    assert {watch.next()["object"]["metadata"]["name"] for _ in range(2)} == {"b", "d"}
    for name in "abcde":
        server.call("PUT", f"{secrets(five)}/{name}", harness.secret(name, {"k": "new"}))
    assert [watch.next()["object"]["metadata"]["name"] for _ in range(2)] == ["b", "d"]
    # Other names become visible: the client must list anew.
    server.call("PUT", f"{RBAC}/namespaces/{five}/roles/some", role("some", rule("list,watch", "secrets", names=["b", "c"])))
    last = watch.next()
    assert last["type"] == "ERROR" and last["object"]["code"] == 410 and last["object"]["reason"] == "Expired"
    assert watch.next() is None


def test_a_withdrawn_watch_ends(server, namespace):
    path = f"{RBAC}/namespaces/{namespace}"
    server.call("POST", f"{path}/roles", role("all", rule("list,watch", "secrets")))
    server.call("POST", f"{path}/rolebindings", binding("all", "all", "ann", "group:team"))
    watches = [watching(server, f"{secrets(namespace)}?watch=1&resourceVersion=0", user) for user in (as_user("ann"), as_user("bob", "team"), as_user("ann"))]
    kept = watching(server, f"{secrets(namespace)}?watch=1&resourceVersion=0", ())
    server.call("POST", secrets(namespace), harness.secret("before", {"k": "v"}))
    for watch in (*watches, kept):
        assert watch.next()["object"]["metadata"]["name"] == "before"
    # A change that takes nothing away ends nothing.
    server.call("PUT", f"{path}/roles/all", role("all", rule("*", "secrets")))
    server.call("POST", secrets(namespace), harness.secret("between", {"k": "v"}))
    for watch in (*watches, kept):
        assert watch.next()["object"]["metadata"]["name"] == "between"
    server.call("DELETE", f"{path}/rolebindings/all")
    server.call("POST", secrets(namespace), harness.secret("after", {"k": harness.canary("after")}))
    for watch in watches:
        assert watch.next() is None, "nothing comes after the right has gone"
    assert kept.next()["object"]["metadata"]["name"] == "after"


def test_no_event_slips_through(server, namespace):
    """The write after the withdrawal is never seen, however close they come."""
    path = f"{RBAC}/namespaces/{namespace}"
    server.call("POST", f"{path}/roles", role("all", rule("watch", "secrets")))
    for i in range(30):
        server.call("POST", f"{path}/rolebindings", binding("all", "all", "ann"))
        watch = watching(server, f"{secrets(namespace)}?watch=1&resourceVersion=0&labelSelector=round%3Dr{i}", as_user("ann"))
        with server.connect() as one:
            assert one.request("DELETE", f"{path}/rolebindings/all").status == 200
            body = harness.secret(f"s{i}", {"k": "v"}, metadata={"labels": {"round": f"r{i}"}})
            assert one.request("POST", secrets(namespace), (), body).status == 201
        assert watch.next() is None, i
