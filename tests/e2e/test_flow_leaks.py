# SPDX-License-Identifier: Apache-2.0
"""However a request ends, what it was counted in is given back, once: nobody is refused for ever, and no bound is lost."""
import contextlib
import struct
import threading

import authority
import harness
import pytest
from harness import SECRETS
from test_fairness import FLOW, RBAC, begin_write
from webhook_peer import Webhook

MERGE = [("Content-Type", "application/merge-patch+json")]
JSON = [("Content-Type", "application/json")]
ROUNDS = 12


@pytest.fixture(name="server", scope="module")
def server_with_a_small_level(tmp_path_factory):
    """One user's requests are of a level that has 19 of 600 seats, and no queue."""
    folder = tmp_path_factory.mktemp("flows")
    ca = authority.Authority(folder / "ca")
    with harness.Server(flags=["--client-ca-file", str(ca.pem)]) as server:
        harness.await_furniture(server, "default")
        server.call("POST", f"{RBAC}/clusterrolebindings", {
            "metadata": {"name": "all"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "flooder"}]}, 201)
        server.contexts["flooder"] = authority.context(server, ca.client("flooder", "people"))
        server.call("POST", f"{FLOW}/prioritylevelconfigurations", {"metadata": {"name": "few"}, "spec": {
            "type": "Limited", "limited": {"nominalConcurrencyShares": 8, "limitResponse": {"type": "Reject"}}}}, 201)
        server.call("POST", f"{FLOW}/flowschemas", {"metadata": {"name": "floods"}, "spec": {
            "priorityLevelConfiguration": {"name": "few"}, "matchingPrecedence": 50, "distinguisherMethod": {"type": "ByUser"},
            "rules": [{"subjects": [{"kind": "User", "user": {"name": "flooder"}}], "resourceRules": [
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}]}]}}, 201)
        for i in range(40):
            server.call("POST", SECRETS, harness.secret(f"wide-{i}", {"a": "x" * 60000}), 201)
        yield server


SEATS = 19  # 600 * 8 of 253 shares, rounded up


def free_seats(server):
    """How many requests may be under way together with another; some more are tried than there should be."""
    with contextlib.ExitStack() as under_way:
        for _ in range(SEATS - 1):
            under_way.enter_context(begin_write(server, "flooder"))
        for count in range(SEATS, SEATS + 3):
            if server.request("GET", f"{SECRETS}?limit=1", client="flooder").status == 429:
                return count - 1
            under_way.enter_context(begin_write(server, "flooder"))
    return None


def check_whole(server):
    """All seats are free, and no more than there are."""
    harness.poll(lambda: free_seats(server) == SEATS, "all seats are free again", timeout=20, pause=0.3)


def cut(server, method, path, headers=(), body=None, part=None, read=0):
    """Sends it, or only a part of the body, maybe takes a little of the answer, and goes away."""
    with server.connect("flooder") as connection:
        if part is None:
            connection.send(method, path, headers, body)
        else:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
            connection.send_raw(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body[:part])
        if read:
            connection.socket.recv(read)


def body_of(name, size=10):
    return harness.json.dumps(harness.secret(name, {"a": "x" * size})).encode()


CUTS = {
    "a body that does not come": lambda s: cut(s, "POST", SECRETS, JSON, body_of("never"), part=7),
    "nobody waits for a create": lambda s: cut(s, "POST", SECRETS, JSON, body_of("gone", 300000)),
    "nobody waits for a patch": lambda s: cut(s, "PATCH", f"{SECRETS}/wide-0", MERGE, b'{"data":{"b":"Yg=="}}'),
    "nobody waits for a delete": lambda s: cut(s, "DELETE", f"{SECRETS}/gone"),
    "a list that is not taken": lambda s: cut(s, "GET", SECRETS, read=1),
    "a deletion of many that is not waited for": lambda s: cut(s, "DELETE", f"{SECRETS}?labelSelector=a%3Db", JSON, b"{}"),
    "a review": lambda s: cut(s, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", JSON,
                              b'{"spec":{"resourceAttributes":{"verb":"get"}}}'),
}


@pytest.mark.parametrize("name", CUTS)
def test_clients_that_go_away(server, name):
    check_whole(server)
    for _ in range(ROUNDS):
        CUTS[name](server)
    check_whole(server)


REFUSED = [("POST", SECRETS, JSON, b"{"), ("POST", SECRETS, [("Content-Type", "text/x")], b"{}"), ("PUT", f"{SECRETS}/none", JSON, body_of("none")),
           ("POST", SECRETS, JSON, body_of("wide-0")), ("GET", f"{SECRETS}?limit=x", (), None), ("GET", f"{SECRETS}?continue=x", (), None),
           ("PATCH", f"{SECRETS}/wide-0", JSON, b"[]"), ("DELETE", f"{SECRETS}/none", (), None), ("GET", SECRETS, [("Accept", "text/x")], None),
           ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", JSON, b"{}"), ("GET", f"{SECRETS}?resourceVersion=99999999", (), None),
           ("POST", SECRETS + "?dryRun=All", JSON, body_of("dry")), ("PUT", f"{SECRETS}/wide-1", JSON,
            harness.json.dumps(harness.secret("wide-1", {}, metadata={"resourceVersion": "1"})).encode())]


def test_refusals(server):
    check_whole(server)
    for method, path, headers, body in REFUSED:
        with server.connect("flooder") as connection:
            for _ in range(2):
                assert connection.request(method, path, headers, body).status != 429
    check_whole(server)


def test_lost_compares(server):
    """Many who change one object: those that lose try again, and some are gone meanwhile."""
    check_whole(server)

    def change():
        for i in range(20):
            server.request("PATCH", f"{SECRETS}/wide-3", {"data": {"b": harness.b64(str(i))}}, MERGE, client="flooder")
            CUTS["nobody waits for a patch"](server)
    threads = [threading.Thread(target=change) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_whole(server)


# ---- HTTP/2: streams that are reset at each moment.

def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    return b"\0" + b"".join(number(len(text)) + text.encode() for text in (name, value))


def number(value):
    return bytes([value]) if value < 127 else bytes([127]) + number_rest(value - 127)


def number_rest(value):
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + number_rest(value >> 7)


DATA, HEADERS, RESET, SETTINGS, END_STREAM, END_HEADERS = 0, 1, 3, 4, 1, 4


def open_stream(stream, method, path, end=False, content="application/json"):
    block = b"".join(literal(*pair) for pair in ((":method", method), (":scheme", "https"), (":authority", "x"), (":path", path), ("content-type", content)))
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


def reset(stream):
    return frame(RESET, 0, stream, struct.pack(">I", 8))


MOMENTS = {
    "after the head": lambda s: open_stream(s, "POST", SECRETS) + reset(s),
    "in the body": lambda s: open_stream(s, "POST", SECRETS) + frame(DATA, 0, s, b"{") + reset(s),
    "after the body": lambda s: open_stream(s, "POST", SECRETS) + frame(DATA, END_STREAM, s, body_of(f"h2-{s}")) + reset(s),
    "of a patch": lambda s: open_stream(s, "PATCH", f"{SECRETS}/wide-5", content="application/merge-patch+json") +
    frame(DATA, END_STREAM, s, b'{"data":{"b":"Yg=="}}') + reset(s),
    "of a list": lambda s: open_stream(s, "GET", SECRETS, end=True) + reset(s),
    "of a list that is not taken": lambda s: open_stream(s, "GET", SECRETS, end=True),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_streams_that_are_reset(server, moment):
    check_whole(server)
    context = server.contexts["flooder"]
    context.set_alpn_protocols(["h2"])
    try:
        for _ in range(3):
            with server.connect("flooder") as connection:
                assert connection.socket.selected_alpn_protocol() == "h2"
                connection.send_raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))
                for stream in range(1, 2 * ROUNDS, 2):
                    connection.send_raw(MOMENTS[moment](stream))
                connection.socket.recv(100)
    finally:
        context.set_alpn_protocols(["http/1.1"])
    check_whole(server)


def test_a_webhook_that_hangs(server, tmp_path):
    check_whole(server)
    with Webhook(tmp_path) as hook:
        hook.answers["/hang"] = lambda request: lambda handler: hook.released.wait(30)
        server.call("POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", {"metadata": {"name": "hang"}, "webhooks": [{
            "name": "hang.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 3, "failurePolicy": "Fail",
            "clientConfig": {"url": f"https://localhost:{hook.port}/hang", "caBundle": harness.b64(hook.authority)},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]}]}, 201)
        for i in range(ROUNDS):
            cut(server, "POST", "/api/v1/namespaces/default/configmaps", JSON, harness.json.dumps({"metadata": {"name": f"hook-{i}"}}).encode())
        harness.poll(lambda: hook.reviews.get("/hang"), "the webhook is asked")
        server.call("DELETE", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/hang", status=200)
    check_whole(server)
