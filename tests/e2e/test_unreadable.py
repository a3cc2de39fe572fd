# SPDX-License-Identifier: Apache-2.0
"""One object that can't be decrypted never hides the others. The store's file is changed behind the server's back."""
import harness
import lmdb
import pytest
from harness import SECRETS

ANNOTATION = "coffer.dev/unreadable"


def change_record(directory, name, change):
    """Rewrites the newest record of default/NAME in the log by change(bytearray)."""
    environment = lmdb.open(str(directory), max_dbs=16, map_size=1 << 30, readonly=False, lock=True, create=False)
    with environment.begin(write=True) as transaction:
        log = environment.open_db(b"log", txn=transaction, create=False)
        with transaction.cursor(log) as cursor:
            found = [(key, value) for key, value in cursor if b"default/" + name.encode() in value[:600]]
        key, value = found[-1]
        changed = bytearray(value)
        change(changed)
        assert bytes(changed) != value and len(changed) == len(value)
        assert transaction.put(key, bytes(changed), db=log)
    environment.close()


def spoil(record):
    record[-1] ^= 1  # of the authentication tag


def rename_key(record):
    at = record.index(b"local:") + len(b"local:")
    for i in range(32):
        record[at + i] = ord("0")


@pytest.fixture(params=[spoil, rename_key], ids=["spoiled", "other-key"])
def store(request, start):
    """a, b and c of which b is unreadable."""
    server = start()
    for name in ("a", "b", "c"):
        server.call("POST", SECRETS, harness.secret(name, {"v": name}, metadata={"labels": {"all": "yes"}}))
    server.stop()
    change_record(server.directory, "b", request.param)
    server.start()
    server.kind = request.param
    return server


def names(body):
    return [item["metadata"]["name"] for item in body["items"]]


def test_get_says_why(store):
    answer = store.request("GET", f"{SECRETS}/b")
    assert answer.status == 500
    status = answer.json()
    assert status["reason"] == "InternalError" and "data" not in status
    if store.kind is rename_key:
        assert "local:" + "0" * 32 in status["message"], "it says which key is missing"
    assert store.call("GET", f"{SECRETS}/a")["data"] == {"v": "YQ=="}


def test_list_holds_a_stub(store):
    answer = store.request("GET", SECRETS)
    assert answer.status == 200 and names(answer.json()) == ["a", "b", "c"]
    stub = answer.json()["items"][1]
    assert set(stub["metadata"]) == {"name", "namespace", "resourceVersion", "annotations"}
    assert stub["metadata"]["annotations"][ANNOTATION]
    assert "data" not in stub and "type" not in stub
    assert answer.json()["items"][2]["data"] == {"v": "Yw=="}


def test_warning_counts_what_a_selector_leaves_out(store):
    answer = store.request("GET", f"{SECRETS}?labelSelector=all%3Dyes&limit=10")
    assert names(answer.json()) == ["a", "c"], "a stub matches no label selector"
    assert any("left out" in warning and "default/b" in warning for warning in answer.all("Warning")), answer.headers
    assert names(store.call("GET", f"{SECRETS}?fieldSelector=type%3DOpaque")) == ["a", "c"]
    assert names(store.call("GET", f"{SECRETS}?fieldSelector=metadata.name%3Db")) == ["b"]


def test_table_of_a_stub(store):
    table = store.call("GET", SECRETS, headers=[("Accept", "application/json;as=Table;g=meta.k8s.io;v=v1")])
    assert [row["cells"][0] for row in table["rows"]] == ["a", "b", "c"]


def test_writes_are_refused_and_delete_works(store):
    answer = store.request("PUT", f"{SECRETS}/b", harness.secret("b", {"v": "new"}))
    assert answer.status == 500 and answer.json()["kind"] == "Status"
    assert store.request("POST", SECRETS, harness.secret("b", {"v": "new"})).status == 409
    assert store.request("DELETE", f"{SECRETS}/b").status == 200
    assert store.request("GET", f"{SECRETS}/b").status == 404
    store.call("POST", SECRETS, harness.secret("b", {"v": "again"}))
    assert names(store.call("GET", SECRETS)) == ["a", "b", "c"]


def test_deletecollection_skips_it_and_says_so(store):
    answer = store.request("DELETE", SECRETS)
    assert answer.status == 200
    assert any("default/b" in warning for warning in answer.all("Warning")), answer.headers
    assert names(store.call("GET", SECRETS)) == ["b"]


def test_watch_goes_on(store):
    with store.watch(f"{SECRETS}?watch=true&resourceVersion=0") as watch:
        first = [watch.next() for _ in range(3)]
        assert [event["object"]["metadata"]["name"] for event in first] == ["a", "b", "c"]
        store.call("POST", SECRETS, harness.secret("d", {"v": "d"}))
        assert watch.next()["object"]["metadata"]["name"] == "d"


def test_ready_all_the_same(store):
    assert store.request("GET", "/readyz").status == 200


@pytest.mark.parametrize("verb", ["create", "update"])
def test_the_annotation_is_ours(server, namespace, verb):
    path = f"/api/v1/namespaces/{namespace}/secrets"
    body = harness.secret("s", {"a": "b"}, metadata={"annotations": {ANNOTATION: "x"}})
    if verb == "update":
        server.call("POST", path, harness.secret("s", {"a": "b"}))
        answer = server.request("PUT", f"{path}/s", body)
    else:
        answer = server.request("POST", path, body)
    assert answer.status == 422 and ANNOTATION in answer.json()["message"]
