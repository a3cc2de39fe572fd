# SPDX-License-Identifier: Apache-2.0
"""One object that can't be decrypted never hides the others. The store's file is changed behind the server's back."""
import harness
import lmdb
import protobuf
import pytest
import yaml
from harness import SECRETS

ANNOTATION = "coffer.dev/unreadable"


def change_record(directory, name, change, namespace="default"):
    """Rewrites the newest record of NAMESPACE/NAME in the log by change(bytearray)."""
    environment = lmdb.open(str(directory), max_dbs=16, map_size=1 << 30, readonly=False, lock=True, create=False)
    with environment.begin(write=True) as transaction:
        log = environment.open_db(b"log", txn=transaction, create=False)
        with transaction.cursor(log) as cursor:
            found = [(key, value) for key, value in cursor if f"{namespace}/{name}".encode() in value[:600]]
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


def test_other_encodings_of_a_stub(store):
    answer = store.request("GET", SECRETS, headers=[("Accept", "application/yaml")])
    assert names(yaml.safe_load(answer.body)) == ["a", "b", "c"] and any("default/b" in warning for warning in answer.all("Warning"))
    answer = store.request("GET", SECRETS, headers=[("Accept", "application/vnd.kubernetes.protobuf")])
    items = [value for number, value in protobuf.fields(protobuf.envelope(answer.body)[2]) if number == 2]
    assert [protobuf.field(item, 1, 1) for item in items] == [b"a", b"b", b"c"] and protobuf.field(items[1], 2) is None
    assert any("default/b" in warning for warning in answer.all("Warning"))
    events = protobuf.events(store.request("GET", f"{SECRETS}?watch=true&timeoutSeconds=1", headers=[("Accept", "application/vnd.kubernetes.protobuf")]).body)
    assert [protobuf.field(event[3], 1, 1) for event in events] == [b"a", b"b", b"c"]


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


# ---- well sealed, but no object: what only a writer with the key could have stored

def protobuf_fields(message):
    """Number, value and place of each field; places of bytes only."""
    def varint(at):
        number = shift = 0
        while True:
            byte = message[at]
            number, shift, at = number | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                return number, at
    at = 0
    while at < len(message):
        tag, at = varint(at)
        size, at = varint(at)
        if tag & 7 == 2:
            yield tag >> 3, bytes(message[at:at + size]), at
            at += size


def reseal(server, path, change):
    """change() for change_record: opens the value with the unlock key, changes its text, and seals it as it was."""
    aead = pytest.importorskip("cryptography.hazmat.primitives.ciphers.aead")
    kdf = pytest.importorskip("cryptography.hazmat.primitives.kdf.hkdf")
    hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
    unlock = bytes.fromhex(server.unlock.read_text().split("coffer-unlock-v1 ")[1].strip())

    def run(record):
        start = record.index(b"k8s:enc:kms:v2:coffer:") + len(b"k8s:enc:kms:v2:coffer:")
        fields = {number: (value, at) for number, value, at in protobuf_fields(record[start:])}
        (sealed, at), (key_id, _), (wrapped, _) = fields[1], fields[2], fields[3]
        seed = aead.AESGCM(unlock).decrypt(wrapped[1:13], wrapped[13:], b"coffer seed v1\0" + key_id)
        cipher = aead.AESGCM(kdf.HKDFExpand(hashes.SHA256(), 32, sealed[:32]).derive(seed))
        text = change(cipher.decrypt(sealed[32:44], sealed[44:], path))
        record[start + at:start + at + len(sealed)] = sealed[:44] + cipher.encrypt(sealed[32:44], text, path)
    return run


@pytest.mark.parametrize("change", [(b'"data":{', b'"data":,'), (b'"Secret"', b'"Sesame"')], ids=["no-json", "no-secret"])
def test_what_is_no_object_hides_no_other(start, change):
    server = start()
    for name in ("a", "b", "c"):
        server.call("POST", SECRETS, harness.secret(name, {"v": name}, metadata={"labels": {"all": "yes"}}))
    server.stop()
    change_record(server.directory, "b", reseal(server, b"/registry/secrets/default/b", lambda text: text.replace(*change)))
    server.start()
    table = [("Accept", "application/json;as=Table;g=meta.k8s.io;v=v1")]
    assert [row["cells"][0] for row in server.call("GET", SECRETS, headers=table)["rows"]] == ["a", "b", "c"]
    assert names(server.call("GET", f"{SECRETS}?pretty=true")) == ["a", "b", "c"]
    assert names(server.call("GET", f"{SECRETS}?labelSelector=all%3Dyes")) == ["a", "c"]
    answer = server.request("GET", f"{SECRETS}/b", headers=table)
    assert answer.status == 500 and "cannot be decoded" in answer.json()["message"]
    assert server.request("PUT", f"{SECRETS}/b", harness.secret("b", {"v": "new"})).status == 500
    with server.watch(f"{SECRETS}?watch=true&labelSelector=all&timeoutSeconds=1") as watch:
        assert [event["object"]["metadata"]["name"] for event in watch.rest()] == ["a", "c"]
    assert names(server.call("DELETE", SECRETS)) == ["a", "c"]
    assert server.request("DELETE", f"{SECRETS}/b").status == 200


def spoil_named(directory, text):
    """Every record whose key holds the text; how many there were."""
    environment = lmdb.open(str(directory), max_dbs=16, map_size=1 << 30, readonly=False, lock=True, create=False)
    with environment.begin(write=True) as transaction:
        log = environment.open_db(b"log", txn=transaction, create=False)
        with transaction.cursor(log) as cursor:
            found = [(key, bytearray(value)) for key, value in cursor if text in value[:200]]
        for key, value in found:
            spoil(value)
            transaction.put(key, bytes(value), db=log)
    environment.close()
    return len(found)


DEFAULTS = {b"workload-high": "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/workload-high",
            b"system-leader-election": "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/system-leader-election",
            b"exempt": "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/exempt",
            b"cluster-admin": "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin",
            b"kube-public": "/api/v1/namespaces/kube-public"}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_object_does_not_keep_the_server_from_its_start(start, name):
    """Whoever has a certificate of system:masters gets in, and can delete it; the next start makes it again."""
    server = start()
    harness.await_furniture(server, "default")
    server.stop()
    assert spoil_named(server.directory, name) > 0
    server.start()
    assert "an object that belongs to every cluster cannot be read" in server.output()
    assert server.request("GET", DEFAULTS[name]).status == 500
    assert server.request("POST", SECRETS, harness.secret("after")).status == 201
    if name == b"kube-public":
        return
    assert server.request("DELETE", DEFAULTS[name]).status == 200
    server.stop()
    server.start()
    assert server.call("GET", DEFAULTS[name], status=200)["metadata"]["name"] == name.decode()
