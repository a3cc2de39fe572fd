# SPDX-License-Identifier: Apache-2.0
"""After a request its memory is wiped: a release build's whole process is searched from outside for values and keys."""
import base64
import json
import os
import re
import subprocess

import harness
import pytest
import wire
from harness import SECRETS


@pytest.fixture(scope="module")
def debuggable():
    with harness.Server(program=harness.release_binary(), flags=["--debuggable"]) as server:
        assert "debuggable" in server.output().lower(), "it warns"
        yield server


class Client:
    """The same requests over HTTP/1.1 (our own bytes) or HTTP/2 (curl)."""

    def __init__(self, server, http2):
        self.server, self.http2 = server, http2

    def request(self, method, path, body=None, content_type="application/json"):
        if not self.http2:
            return self.server.request(method, path, body, headers=[("Content-Type", content_type)] if body is not None else []).status
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        text = text.encode() if isinstance(text, str) else text
        command = ["curl", "-sk", "--http2", "--cert", str(self.server.home / "admin.crt"), "--key", str(self.server.home / "admin.key"), "-X", method,
                   "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "-H", f"Content-Type: {content_type}",
                   f"https://127.0.0.1:{self.server.port}{path}"]
        done = subprocess.run(command + (["--data-binary", "@-"] if body is not None else []), input=text if body is not None else b"",
                              capture_output=True, timeout=60, check=True)
        status, version = done.stdout.decode().split()
        assert version == "2"
        return int(status)


def body_with(value, name="m", **more):
    return harness.secret(name, {"password": value}, stringData={"plain": value}, **more)


def found_later(server, pattern):
    """A request's memory is wiped as it ends, which may be a moment after its last byte came: what stays is what counts."""
    memory, found = harness.ProcessMemory(server.process.pid), []

    def gone():
        found[:] = memory.search(pattern)
        return not found
    try:
        harness.poll(gone, "wiped memory", timeout=3, pause=0.3)
    except AssertionError:
        pass
    return found


def yaml_body(value):
    return f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: y\nstringData:\n  password: {value}\n"


STEPS = {
    "create": lambda c, v: c.request("POST", SECRETS, body_with(v)),
    "create yaml": lambda c, v: c.request("POST", SECRETS, yaml_body(v), "application/yaml"),
    "get": lambda c, v: c.request("POST", SECRETS, body_with(v)) and c.request("GET", f"{SECRETS}/m"),
    "list": lambda c, v: c.request("POST", SECRETS, body_with(v)) and c.request("GET", SECRETS),
    "list table": lambda c, v: c.request("POST", SECRETS, body_with(v)) and c.request("GET", f"{SECRETS}?limit=1"),
    "update": lambda c, v: c.request("POST", SECRETS, body_with(v)) and c.request("PUT", f"{SECRETS}/m", body_with(v, type="Opaque", immutable=True)),
    "delete": lambda c, v: c.request("POST", SECRETS, body_with(v)) and c.request("DELETE", f"{SECRETS}/m"),
    "watch": lambda c, v: c.request("POST", SECRETS, body_with(v)) and c.request("GET", f"{SECRETS}?watch=true&timeoutSeconds=1"),
    "large": lambda c, v: c.request("POST", SECRETS, harness.secret("m", {"a": v * 10000})) and c.request("GET", f"{SECRETS}/m"),
    "failed create: taken": lambda c, v: c.request("POST", SECRETS, body_with(v)) and c.request("POST", SECRETS, body_with(v)),
    "failed create: name": lambda c, v: c.request("POST", SECRETS, body_with(v, name="Bad_Name")),
    "failed create: JSON": lambda c, v: c.request("POST", SECRETS, json.dumps(body_with(v))[:-2]),
    "failed create: base64": lambda c, v: c.request("POST", SECRETS, json.dumps({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "m"},
                                                                                "data": {"a": harness.b64(v) + "!"}})),
    "failed create: YAML": lambda c, v: c.request("POST", SECRETS, yaml_body(v) + "\tx: [", "application/yaml"),
    "failed create: media type": lambda c, v: c.request("POST", SECRETS, body_with(v), "text/plain"),
    "failed create: namespace": lambda c, v: c.request("POST", "/api/v1/namespaces/nope/secrets", body_with(v)),
    "failed create: strict": lambda c, v: c.request("POST", SECRETS + "?fieldValidation=Strict", {**body_with(v), "bogus": v}),
    "failed update": lambda c, v: c.request("PUT", f"{SECRETS}/none", body_with(v)),
}


@pytest.mark.parametrize("http2", [False, True], ids=["h1", "h2"])
@pytest.mark.parametrize("step", STEPS)
def test_wiped_after(debuggable, step, http2):
    value = harness.canary("wipe")
    assert STEPS[step](Client(debuggable, http2), value) >= 200
    found = found_later(debuggable, harness.needles([value]))
    debuggable.request("DELETE", SECRETS)
    assert not found, f"{len(found)} places: {found[:10]}"


def test_wiped_after_a_watch_of_many(debuggable):
    value = harness.canary("watched")
    watches = [debuggable.watch(f"{SECRETS}?watch=true") for _ in range(20)]
    debuggable.call("POST", SECRETS, body_with(value))
    for watch in watches:
        watch.until(lambda event: event["type"] == "ADDED" and event["object"]["metadata"]["name"] == "m")
    found = found_later(debuggable, harness.needles([value]))
    for watch in watches:
        watch.connection.close()
    debuggable.request("DELETE", SECRETS)
    assert not found, f"while the watches stay open, {len(found)} places: {found[:10]}"


def test_wiped_after_a_client_that_left(debuggable):
    """Half a body, then gone: nothing of it stays."""
    value = harness.canary("half")
    body = json.dumps(body_with(value)).encode()
    with debuggable.connect() as connection:
        head = f"POST {SECRETS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body) + 10}\r\n\r\n"
        connection.send_raw(head.encode() + body)
        assert debuggable.request("GET", "/readyz").status == 200
    found = found_later(debuggable, harness.needles([value]))
    assert not found, found[:10]


@pytest.mark.parametrize("end", ["closed", "withdrawn", "timeout"])
def test_wiped_after_a_watch_by_a_token(debuggable, end):
    """An open watch holds its token, to look at it again; nothing does when it is over."""
    accounts, bindings = "/api/v1/namespaces/default/serviceaccounts", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    name = f"watcher-{end}"
    debuggable.call("POST", accounts, {"metadata": {"name": name}}, 201)
    debuggable.call("POST", bindings, {
        "metadata": {"name": name}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "default", "name": name}]}, 201)
    token = debuggable.call("POST", f"{accounts}/{name}/token", {"spec": {}}, 201)["status"]["token"]
    signature = re.compile(re.escape(token.rsplit(".", 1)[1].encode()))
    path = "/api/v1/configmaps?watch=1" + ("&timeoutSeconds=1" if end == "timeout" else "")
    with wire.Watch(debuggable.connect("none"), path, [("Authorization", f"Bearer {token}")]) as watch:
        assert harness.ProcessMemory(debuggable.process.pid).search(signature), "it is seen while it is needed"
        if end == "withdrawn":
            debuggable.call("DELETE", f"{accounts}/{name}")
        if end != "closed":
            watch.rest()
    found = found_later(debuggable, signature)
    assert not found, found[:10]


def test_search_can_find(debuggable):
    """What the server must hold, it is seen to hold: half a body that is still awaited."""
    value = harness.canary("held")
    with debuggable.connect() as connection:
        body = json.dumps(body_with(value)).encode()
        head = f"POST {SECRETS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body) + 10}\r\n\r\n"
        connection.send_raw(head.encode() + body)
        memory = harness.ProcessMemory(debuggable.process.pid)
        harness.poll(lambda: memory.search(harness.needles([value])), "the value in memory")


def scalar(pem):
    """The private number of an EC key, as bytes."""
    text = subprocess.run(["openssl", "ec", "-noout", "-text"], input=pem, capture_output=True, check=True).stdout.decode()
    digits = re.search(r"priv:\n((?:\s+[0-9a-f:]+\n)+)", text).group(1)
    return bytes.fromhex(re.sub(r"[\s:]", "", digits))[-32:]


def test_keys_are_out_of_sight(debuggable):
    """The unlock key and the admin's private key: in none of the memory that can be read from outside, in no form."""
    unlock = bytes.fromhex(re.search(r"[0-9a-f]{64}", debuggable.unlock.read_text()).group(0))
    pem = (debuggable.home / "admin.key").read_bytes()
    found = found_later(debuggable, harness.needles([unlock, unlock[::-1], scalar(pem), scalar(pem)[::-1]]))
    assert not found, found
    lines = [base64.b64decode(line) for line in pem.split(b"\n") if line and not line.startswith(b"-")]
    assert not found_later(debuggable, re.compile(b"|".join(re.escape(line[:40]) for line in lines[:1]))), "the admin's key as PEM"


def test_no_ciphertext_is_plain(debuggable):
    value = harness.canary("file")
    debuggable.call("POST", SECRETS, body_with(value, name="infile"))
    content = b"".join(file.read_bytes() for file in debuggable.directory.glob("*.mdb"))
    assert not harness.needles([value]).search(content)


OWN_MEMORY = {"first": 3000 << 10, "again": 2500 << 10}
RESIDENT = 12_000_000


def test_an_idle_server_is_small():
    """One loop, nothing to do: what only the start needed went back to the kernel, and what stays is held by something."""
    server = harness.Server(program=harness.release_binary(), prefix=["taskset", "-c", str(min(os.sched_getaffinity(0)))])
    for start, limit in OWN_MEMORY.items():
        with server.start():
            harness.time.sleep(1)  # until the controllers have looked at everything
            harness.poll(lambda: server.own_memory() < limit, f"a small server, {start} start", timeout=5, pause=0.1)
            assert server.memory()[1] < RESIDENT, server.memory()
