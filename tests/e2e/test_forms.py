# SPDX-License-Identifier: Apache-2.0
"""Forms of answers beyond the recorded ones: protobuf, YAML, gzip, WebSockets. What they say must be what JSON says."""
import gzip
import json
import zlib

import harness
import protobuf
import pytest
import yaml
from websocket import BINARY, CLOSE, PING, PONG, TEXT, WebSocket

PROTOBUF = "application/vnd.kubernetes.protobuf"
YAML = "application/yaml"
PARTIAL = ";as=PartialObjectMetadata%s;g=meta.k8s.io;v=v1"
TABLE = ";as=Table;g=meta.k8s.io;v=v1"
NASTY = ["", " ", "a: b", "- x", "yes", "null", "~", "1e3", "0o7", "2026-01-01", "a\nb\n", "  lead\nx", "tab\there", "#c", "{}", "é\u2028x", "x" * 200,
         "a " * 60, "'", '"', "%x", "@x", "`", "12:30:45", "a\\b", "trail ", "\n", "multi\n\n\nline\n\n", "\u00a0", "true", "-", "?", "! x"]


@pytest.fixture
def path(namespace):
    return f"/api/v1/namespaces/{namespace}/secrets"


def get(server, path, accept, **more):
    headers = [("Accept", accept), *more.pop("headers", [])]
    return server.request(more.pop("method", "GET"), path, headers=headers, **more)


def map_of(message, number):
    return {protobuf.field(entry, 1).decode(): protobuf.field(entry, 2) for found, entry in protobuf.fields(message) if found == number}


# ---- protobuf

def test_protobuf_says_what_json_says(server, path):
    created = server.call("POST", path, harness.secret("s", {"a": "1", "b": ""}, metadata={"labels": {"l": "x"}}))
    answer = get(server, f"{path}/s", PROTOBUF)
    assert (answer.status, answer.header("Content-Type")) == (200, PROTOBUF)
    version, kind, message = protobuf.envelope(answer.body)
    assert (version, kind) == ("v1", "Secret")
    assert map_of(message, 2) == {"a": b"1", "b": b""}
    metadata = protobuf.field(message, 1)
    assert [protobuf.field(metadata, number).decode() for number in (1, 5, 6)] == [created["metadata"][n] for n in ("name", "uid", "resourceVersion")]
    assert map_of(metadata, 11) == {"l": "x".encode()}


@pytest.mark.parametrize("accept", [f"{PROTOBUF},application/json", f"{PROTOBUF}, */*", "", "*/*"])
def test_json_where_json_is_taken(server, path, accept):
    server.call("POST", path, harness.secret("s", {"a": "1"}))
    assert get(server, f"{path}/s", accept).header("Content-Type") == "application/json"


@pytest.mark.parametrize("accept", [PROTOBUF, YAML, YAML + TABLE, PROTOBUF + PARTIAL % ""])
def test_a_write_answers_with_its_revision(server, path, accept):
    """The answer is encoded before the commit: the revision is put in afterwards, wherever else its stand-in may be written."""
    unknown = 'resourceVersion: "18446744073709551615"'
    annotations = {"a": unknown, "b": f"x\n{unknown}\n  {unknown}", "resourceVersion": "18446744073709551615"}
    body = harness.secret("s", {"resourceVersion": "18446744073709551615"}, metadata={"annotations": annotations})
    answer = get(server, path, accept, method="POST", body=body)
    assert answer.status == 201
    stored = server.call("GET", f"{path}/s")["metadata"]
    assert stored["annotations"] == annotations
    if accept.startswith(YAML):
        document = yaml.safe_load(answer.body)
        metadata = document["rows"][0]["object"]["metadata"] if "rows" in document else document["metadata"]
        assert metadata["annotations"] == annotations and metadata["resourceVersion"] == stored["resourceVersion"]
        assert document["metadata"]["resourceVersion"] == stored["resourceVersion"]
    else:
        metadata = protobuf.field(protobuf.envelope(answer.body)[2], 1)
        assert protobuf.field(metadata, 6).decode() == stored["resourceVersion"]
        assert {key: value.decode() for key, value in map_of(metadata, 12).items()} == annotations


def test_errors_and_deletes(server, path):
    answer = get(server, f"{path}/nope", PROTOBUF)
    version, kind, status = protobuf.envelope(answer.body)
    assert (answer.status, version, kind) == (404, "v1", "Status")
    assert (protobuf.field(status, 2), protobuf.field(status, 4), protobuf.field(status, 6)) == (b"Failure", b"NotFound", 404)
    server.call("POST", path, harness.secret("s"))
    status = protobuf.envelope(get(server, f"{path}/s", PROTOBUF, method="DELETE").body)[2]
    assert protobuf.field(status, 2) == b"Success"
    answer = get(server, f"{path}/nope", YAML)
    assert yaml.safe_load(answer.body)["reason"] == "NotFound" and answer.header("Content-Type") == YAML


@pytest.mark.parametrize("accept, kind, items", [(PROTOBUF, "SecretList", 2), (PROTOBUF + PARTIAL % "List", "PartialObjectMetadataList", 2),
                                                 (PROTOBUF + ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1", "PartialObjectMetadataList", 1)])
def test_large_protobuf_lists_stream_whole(server, path, accept, kind, items):
    """The length stands before the first item: of a list that comes in many pieces it must be right all the same."""
    for i in range(40):
        server.call("POST", path, harness.secret(f"s{i:02}", {"a": "v" * 9000}, metadata={"annotations": {"a": "x" * 3000}}))
    answer = get(server, path, accept)
    assert len(answer.piece_sizes) > 1 and answer.status == 200
    _, found, message = protobuf.envelope(answer.body)
    names = [protobuf.field(value, 1, 1).decode() for number, value in protobuf.fields(message) if number == items]
    assert (found, names) == (kind, [f"s{i:02}" for i in range(40)])
    listed = server.call("GET", path)["metadata"]
    assert protobuf.field(message, 3 - items, 2).decode() == listed["resourceVersion"]
    page = get(server, f"{path}?limit=15", accept)
    message = protobuf.envelope(page.body)[2]
    metadata = protobuf.field(message, 3 - items)
    assert sum(number == items for number, _ in protobuf.fields(message)) == 15
    assert protobuf.field(metadata, 4) == 25
    rest = get(server, f"{path}?limit=15&continue={protobuf.field(metadata, 3).decode()}", accept)
    assert sum(number == items for number, _ in protobuf.fields(protobuf.envelope(rest.body)[2])) == 15


def test_protobuf_watch(server, path):
    start = server.call("GET", path)["metadata"]["resourceVersion"]
    server.call("POST", path, harness.secret("s", {"a": "1"}))
    server.call("DELETE", f"{path}/s")
    answer = get(server, f"{path}?watch=true&resourceVersion={start}&timeoutSeconds=1", PROTOBUF)
    assert answer.header("Content-Type") == PROTOBUF + ";stream=watch"
    assert [event[:3] for event in protobuf.events(answer.body)] == [("ADDED", "v1", "Secret"), ("DELETED", "v1", "Secret")]
    answer = get(server, f"{path}?watch=true&resourceVersion={start}&timeoutSeconds=1", PROTOBUF + PARTIAL % "")
    assert [event[:3] for event in protobuf.events(answer.body)] == [(t, "meta.k8s.io/v1", "PartialObjectMetadata") for t in ("ADDED", "DELETED")]
    assert get(server, f"{path}?watch=true&timeoutSeconds=1", PROTOBUF + TABLE).status == 406


# ---- YAML

def test_yaml_says_what_json_says(server, path):
    """Strings that YAML would read as something else, or fold, come back as they were."""
    annotations = {f"k{i}": value for i, value in enumerate(NASTY)}
    server.call("POST", path, harness.secret("s", {"a": "1"}, metadata={"annotations": annotations}))
    server.call("POST", path, harness.secret("t", {"b": "2"}))
    for query, accept in [("/s", ""), ("", ""), ("", TABLE), ("/s", TABLE), ("/s", PARTIAL % ""), ("", PARTIAL % "List"), ("?labelSelector=none", ""),
                          ("?labelSelector=none", TABLE), ("?limit=1", "")]:
        answer = get(server, path + query, YAML + accept)
        expected = get(server, path + query, "application/json" + accept).json()
        found = yaml.safe_load(answer.body)
        for said in (expected, found):  # of a list, a controller's write between the two requests shows
            said["metadata"] = {key: value for key, value in said["metadata"].items() if query == "/s" or key not in ("continue", "resourceVersion")}
        assert (answer.header("Content-Type"), found) == (YAML, expected), query
        keys = [line.split(":")[0] for line in answer.body.decode().split("\n") if line[:1].isalpha()]
        assert keys == sorted(keys)


def test_yaml_goes_round(server, path):
    """What was got as YAML can be put as YAML, and changes nothing."""
    created = server.call("POST", path, harness.secret("s", {"a": "1"}, metadata={"annotations": {f"k{i}": v for i, v in enumerate(NASTY)}}))
    answer = get(server, f"{path}/s", YAML)
    put = server.request("PUT", f"{path}/s", answer.body, headers=[("Content-Type", YAML)])
    assert put.status == 200 and put.json() == created


def test_large_yaml_lists_stream(server, path):
    for i in range(30):
        server.call("POST", path, harness.secret(f"s{i:02}", {"a": "v" * 9000}))
    answer = get(server, path, YAML)
    assert len(answer.piece_sizes) > 1
    assert yaml.safe_load(answer.body) == server.call("GET", path)


def test_yaml_names_twice_and_a_mark(server, path):
    """As kube-apiserver has it: the last counts, and a Warning tells, or an error under Strict."""
    body = "\ufeffapiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  a: '1'\n  b: '1'\n  a: '2'\n"

    def post(validation):
        return server.request("POST", f"{path}?dryRun=All&fieldValidation={validation}", body.encode(), headers=[("Content-Type", YAML)])
    for validation, warnings in (("Warn", ['299 - "line 7: key \\"a\\" already set in map"']), ("Ignore", [])):
        answer = post(validation)
        assert (answer.status, answer.all("Warning"), answer.json()["data"]["a"]) == (201, warnings, harness.b64("2"))
    answer = post("Strict")
    assert answer.status == 400
    assert answer.json()["message"].endswith('strict decoding error: yaml: unmarshal errors:\n  line 7: key "a" already set in map')


# ---- gzip

def fill(server, path):
    for i in range(60):
        server.call("POST", path, harness.secret(f"s{i:02}", {"a": harness.canary() + "v" * 4000}, metadata={"annotations": {"a": "x" * 3000}}))


def test_lists_without_values_are_compressed(server, path):
    fill(server, path)
    for accept in ("application/json" + PARTIAL % "List", "application/json" + TABLE, PROTOBUF + PARTIAL % "List", YAML + PARTIAL % "List"):
        plain = get(server, path, accept)
        packed = get(server, path, accept, headers=[("Accept-Encoding", "br, gzip;q=0.5")])
        assert (packed.header("Content-Encoding"), packed.header("Vary"), plain.header("Content-Encoding")) == ("gzip", "Accept-Encoding", None)
        assert len(packed.body) < len(plain.body) / 5
        assert len(gzip.decompress(packed.body)) == len(plain.body)


def test_values_of_secrets_never_are(server, path):
    """Their length would tell whether a guess beside them is right (BREACH)."""
    fill(server, path)
    server.call("POST", path, harness.secret("large", {"a": "x" * 300000}))
    for query, accept in [("", "application/json"), ("", PROTOBUF), ("", YAML), ("/large", "application/json"), ("/large", PROTOBUF)]:
        answer = get(server, path + query, accept, headers=[("Accept-Encoding", "gzip")])
        assert (answer.status, answer.header("Content-Encoding"), answer.header("Vary")) == (200, None, None)
    answer = get(server, path + "?includeObject=Object", "application/json" + TABLE, headers=[("Accept-Encoding", "gzip")])
    assert answer.header("Content-Encoding") is None


@pytest.mark.parametrize("value", ["", "identity", "gzip;q=0", "gzip; q=0.0", "br", "xgzip"])
def test_only_when_asked(server, value):
    assert get(server, "/openapi/v2", "application/json", headers=[("Accept-Encoding", value)]).header("Content-Encoding") is None


def test_documents_are_compressed_when_large(server):
    for document in ("/openapi/v2", "/apis", "/version"):
        plain = get(server, document, "application/json")
        packed = get(server, document, "application/json", headers=[("Accept-Encoding", "gzip")])
        body = gzip.decompress(packed.body) if packed.header("Content-Encoding") == "gzip" else packed.body
        assert (packed.header("Content-Encoding") == "gzip") == (len(plain.body) >= 128 << 10)
        assert json.loads(body) == plain.json()


def test_a_compressed_stream_is_cut_clean(server, path):
    """Who leaves in the middle harms nobody, and a piece is readable as it comes."""
    fill(server, path)
    with server.connect() as connection:
        connection.send("GET", path, [("Accept", "application/json" + PARTIAL % "List"), ("Accept-Encoding", "gzip")])
        answer = connection.head()
        first = next(iter(connection.pieces(answer)))
        assert zlib.decompressobj(31).decompress(first).startswith(b'{"kind":"PartialObjectMetadataList"')
    assert server.call("GET", f"{path}/s00")


# ---- WebSockets

def open_watch(server, path, query="", **more):
    return WebSocket(server.connect(), f"{path}?watch=true{query}", **more)


def test_websocket_watch(server, path):
    """Each event is a message, to the byte what the watch over plain HTTP sends; the end is a close."""
    start = server.call("GET", path)["metadata"]["resourceVersion"]
    for i in range(5):
        server.call("POST", path, harness.secret(f"s{i}", {"a": "v" * 10 ** i}))
    query = f"&resourceVersion={start}&timeoutSeconds=1"
    lines = get(server, f"{path}?watch=true{query}", "").body.splitlines(keepends=True)
    socket = open_watch(server, path, query)
    assert socket.answer.status == 101
    assert [socket.frame() for _ in lines] == [(TEXT, line) for line in lines]
    assert socket.frame() == (CLOSE, b"\x03\xe8")
    socket.send(CLOSE, b"\x03\xe8")
    assert socket.connection.ended()


def test_websocket_live_and_initial(server, path):
    server.call("POST", path, harness.secret("a"))
    server.call("POST", path, harness.secret("b"))
    socket = open_watch(server, path, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
    types = [json.loads(socket.frame()[1])["type"] for _ in range(3)]
    assert types == ["ADDED", "ADDED", "BOOKMARK"]
    server.call("DELETE", f"{path}/a")
    assert json.loads(socket.frame()[1])["type"] == "DELETED"
    socket.send(CLOSE)
    assert socket.frame()[0] == CLOSE and socket.connection.ended()


def test_websocket_protobuf_and_expired(server, path):
    server.call("POST", path, harness.secret("a"))
    socket = open_watch(server, path, "&timeoutSeconds=1", headers=[("Accept", PROTOBUF)])
    opcode, frame = socket.frame()
    assert opcode == BINARY and protobuf.field(frame, 1) == b"ADDED" and protobuf.envelope(protobuf.field(frame, 2, 1))[1] == "Secret"
    assert socket.frame() == (CLOSE, b"\x03\xe8")


def test_websocket_control_frames(server, path):
    socket = open_watch(server, path)
    for content in (b"", b"hello", b"x" * 125):
        socket.send(PING, content)
        assert socket.frame() == (PONG, content)
    early = open_watch(server, path, early=b"early")
    assert early.frame() == (PONG, b"early")
    socket.send(TEXT, b"nobody reads this", final=False)
    socket.send(PING, b"between")
    assert socket.frame() == (PONG, b"between")
    socket.send(0, b"x" * 60000)
    socket.send(PONG, b"unasked")
    socket.send(PING, b"after")
    assert socket.frame() == (PONG, b"after")


@pytest.mark.parametrize("frame, code", [
    (dict(opcode=TEXT, content=b"x", masked=False), 1002), (dict(opcode=3), 1002), (dict(opcode=0), 1002), (dict(opcode=0x41), 1002),
    (dict(opcode=PING, final=False), 1002), (dict(opcode=PING, content=b"x" * 126), 1002), (dict(opcode=CLOSE, content=b"x"), 1002),
    (dict(opcode=TEXT, size=1 << 40), 1009)], ids=str)
def test_websocket_frames_against_the_protocol(server, path, frame, code):
    socket = open_watch(server, path)
    socket.send(frame.pop("opcode"), **frame)
    assert socket.frame() == (CLOSE, code.to_bytes(2, "big")) and socket.connection.ended()


def test_websocket_handshake(server, path):
    host = "%s:%d" % server.address
    origin = ("Origin", f"https://{host}")
    token = "base64url.bearer.authorization.k8s.io.YWJj"
    for offered, chosen in [("base64.binary.k8s.io", "base64.binary.k8s.io"), (f"{token}, base64.binary.k8s.io", "base64.binary.k8s.io"), (token, None),
                            ("v5.channel.k8s.io,x", "v5.channel.k8s.io")]:
        socket = open_watch(server, path, headers=[origin, ("Sec-WebSocket-Protocol", offered)])
        assert (socket.answer.status, socket.answer.header("Sec-WebSocket-Protocol")) == (101, chosen)
        socket.connection.close()
    answer = open_watch(server, path, version="12").answer
    assert (answer.status, answer.header("Sec-WebSocket-Version")) == (400, "13")
    for key in ("", "short", "A" * 24, "A" * 21 + "!=="):
        assert open_watch(server, path, key=key).answer.status == 400
    for foreign in ("https://evil.example", f"https://{host}.evil.example", "null", ""):
        assert open_watch(server, path, headers=[("Origin", foreign)]).answer.status == 403


def test_websocket_errors_are_plain_answers(server, path):
    """What is refused is refused before the upgrade; and where there is nothing to upgrade the header means nothing."""
    assert open_watch(server, path, "&labelSelector=((").answer.status == 400
    server.call("POST", path, harness.secret("a"))
    for target in (path, f"{path}/a", "/version"):
        answer = WebSocket(server.connect(), target).answer
        assert answer.status == 200 and answer.json()
    assert WebSocket(server.connect("none"), f"{path}?watch=true").answer.status == 401


def test_websocket_ends_with_the_server(start):
    server = start()
    socket = open_watch(server, harness.SECRETS)
    server.process.terminate()
    assert socket.frame() == (CLOSE, b"\x03\xe8")
