# SPDX-License-Identifier: Apache-2.0
"""When something runs out: the map, the disk, descriptors, memory. A clear Status, nothing lost, and service recovers by itself."""
import os
import resource
import select
import socket
import struct
import subprocess
import time

import harness
import pytest
import wire
from authority import Authority, context
from harness import SECRETS


def big(name, size=200_000):
    return harness.secret(name, {"a": os.urandom(size)})


def fill(server, most=500):
    """Creates until one is refused: (names that were acknowledged, the refusal)."""
    names = []
    for i in range(most):
        answer = server.request("POST", SECRETS, big(f"fill-{i}"))
        if answer.status != 201:
            return names, answer
        names.append(f"fill-{i}")
    raise AssertionError("it never filled up")


def check_refusal(answer, word):
    assert 500 <= answer.status < 600, answer
    status = answer.json()
    assert status["kind"] == "Status" and status["status"] == "Failure" and status["code"] == answer.status
    assert word in status["message"], status["message"]


def check_whole(server, names):
    found = server.call("GET", SECRETS)["items"]
    assert sorted(item["metadata"]["name"] for item in found) == sorted(names)
    assert all(len(item["data"]["a"]) > 200_000 for item in found if item["metadata"]["name"].startswith("fill"))


def test_map_full(start):
    server = start(flags=["--store-limit", "16M", "--history", "1s"])
    names, refusal = fill(server)
    assert len(names) > 10
    check_refusal(refusal, "limit")
    check_whole(server, names)
    assert server.request("GET", "/livez").status == 200
    for name in names[:len(names) // 2]:
        assert server.request("DELETE", f"{SECRETS}/{name}").status == 200, "deletes work in a full store"
    rest = names[len(names) // 2:]

    def fits():
        return server.request("POST", SECRETS, big("after")).status == 201
    harness.poll(fits, "room after deletes", pause=0.1)
    check_whole(server, [*rest, "after"])
    server.stop()
    server.start()
    check_whole(server, [*rest, "after"])


@pytest.fixture
def small_disk(tmp_path):
    if os.getuid() != 0:
        pytest.skip("mounting a small file system needs root")
    mount = tmp_path / "disk"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0700", "tmpfs", str(mount)], check=True)
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_disk_full(small_disk):
    server = harness.Server(directory=small_disk / "data")
    server.start()
    filler = small_disk / "filler"
    server.call("POST", SECRETS, big("before"))
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    filler.write_bytes(b"x" * max(0, free - 1_000_000))
    names, refusal = fill(server)
    check_refusal(refusal, "space")
    check_whole(server, ["before", *names])
    server.watch(f"{SECRETS}?watch=true").connection.close()
    filler.unlink()
    harness.poll(lambda: server.request("POST", SECRETS, big("after")).status == 201, "service after the disk has room again")
    server.stop()
    server.start()
    check_whole(server, ["before", "after", *names])
    server.stop()


def test_disk_becomes_read_only(small_disk):
    server = harness.Server(directory=small_disk / "data")
    server.start()
    server.call("POST", SECRETS, big("before"))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=False)
    if os.access(small_disk, os.W_OK):
        server.stop()
        pytest.skip("a file system with open files can't be made read-only here")
    answer = server.request("POST", SECRETS, big("refused"))
    check_refusal(answer, "read-only")
    check_whole(server, ["before"])
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    harness.poll(lambda: server.request("POST", SECRETS, big("after")).status == 201, "service after the disk is writable again")
    server.stop()


def test_out_of_descriptors(start):
    """New connections are closed, the processor rests, and service goes on when there are descriptors again."""
    server = start(limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    with server.connect() as kept:
        assert kept.request("GET", "/readyz").status == 200
        connections = [socket.create_connection(server.address, timeout=10) for _ in range(150)]
        closed = 0
        waiting = set(connections)
        before, started = server.cpu_seconds(), time.monotonic()
        while time.monotonic() - started < 2:
            ready, _, _ = select.select(list(waiting), [], [], 2 - min(2, time.monotonic() - started))
            for connection in ready:
                waiting.discard(connection)
                try:
                    closed += connection.recv(1) == b""
                except ConnectionError:
                    closed += 1
        assert closed >= 150 - 64, f"{closed} of 150 were closed"
        assert server.cpu_seconds() - before < 0.5, "a busy loop"
        assert kept.request("GET", "/readyz").status == 200
    for connection in connections:
        connection.close()
    harness.poll(lambda: server.request("GET", "/readyz").status == 200, "service")


def test_memory_limit_is_429(start):
    """Bodies that together need more than --memory-limit: some are refused, with a time to come back; what was accepted is whole."""
    server = start(program=harness.release_binary(), flags=["--memory-limit", "64M"])

    def work(i):
        statuses = []
        for j in range(6):
            answer = server.request("POST", SECRETS, big(f"s{i}-{j}", 700_000), timeout=120)
            assert answer.status in (201, 429), answer
            if answer.status == 429:
                assert int(answer.header("Retry-After")) >= 1
                # Text where there was no memory for the request itself, as kube-apiserver answers one too many.
                assert answer.header("Content-Type") != "application/json" or answer.json()["reason"] == "TooManyRequests"
            statuses.append((f"s{i}-{j}", answer.status))
        return statuses
    results = [row for rows in harness.in_threads(24, work) for row in rows]
    accepted = [name for name, status in results if status == 201]
    assert accepted and len(accepted) < len(results), "the limit was never met" if len(accepted) == len(results) else "nothing got through"
    table = server.call("GET", SECRETS, headers=[("Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")])
    assert sorted(item["metadata"]["name"] for item in table["items"]) == sorted(accepted)


# ---- the n-th allocation fails

class Fault:
    """Arms the failing allocation of a build that has the seam, by writing to its variable from outside."""

    def __init__(self, server):
        self.memory = harness.ProcessMemory(server.process.pid)
        symbols = subprocess.run(["nm", harness.fault_binary()], capture_output=True, text=True, check=True).stdout
        address = {line.split()[2]: int(line.split()[0], 16) for line in symbols.splitlines() if len(line.split()) == 3}
        base = self.memory.base(harness.fault_binary())
        self.after, self.fired_at = base + address["fail_after"], base + address["fail_fired"]

    def arm(self, after):
        self.memory.write(self.fired_at, b"\0")
        self.memory.write(self.after, struct.pack("<q", after))

    def fired(self):
        self.memory.write(self.after, struct.pack("<q", -1))
        return self.memory.read(self.fired_at, 1) != b"\0"


REQUESTS = {
    "create": lambda c, n: c.request("POST", SECRETS, body=harness.secret(f"n{n}", {"a": "b" * 3000}, metadata={"labels": {"x": "y"}})),
    "update": lambda c, n: c.request("PUT", f"{SECRETS}/kept", body=harness.secret("kept", {"a": f"{n}"})),
    "get": lambda c, n: c.request("GET", f"{SECRETS}/kept"),
    "list": lambda c, n: c.request("GET", f"{SECRETS}?labelSelector=x%3Dy"),
    "table": lambda c, n: c.request("GET", SECRETS, [("Accept", "application/json;as=Table;g=meta.k8s.io;v=v1")]),
    "watch": lambda c, n: c.request("GET", f"{SECRETS}?watch=true&resourceVersion=0&timeoutSeconds=1"),
    "delete": lambda c, n: c.request("DELETE", f"{SECRETS}/kept"),
    "refused": lambda c, n: c.request("POST", SECRETS, body='{"kind":"Secret","metadata":{"name":"x"},"data":{"a":"!"}}'),
}


class Client:
    """A connection that is kept while it lasts: its handshake is over when allocations begin to fail."""

    def __init__(self, server):
        self.server, self.connection = server, None

    def request(self, *arguments, **more):
        if self.connection is None:
            self.connection = self.server.connect()
            assert self.connection.request("GET", "/livez").status == 200
        try:
            answer = self.connection.request(*arguments, **more)
        except (wire.Closed, OSError):
            answer = None
        if answer is None or answer.header("Connection") == "close":
            self.connection.close()
            self.connection = None
        return answer

    def warm(self):
        while self.request("GET", "/livez") is None:
            pass


@pytest.mark.parametrize("verb", REQUESTS)
def test_nth_allocation_fails(start, verb):
    """For every n: a 5xx Status or a closed connection, or the answer that it always gives; then the next request is served."""
    server = start(program=harness.fault_binary(), flags=["--debuggable", "--no-controllers"])
    fault, probe, client, quiet, n, failures = Fault(server), Client(server), Client(server), 0, 0, 0
    while quiet < 3:
        if probe.request("GET", f"{SECRETS}/kept").status == 404:
            body = harness.secret("kept", {"a": "b"}, metadata={"labels": {"x": "y"}})
            assert probe.request("POST", SECRETS, body=body).status == 201
        before = probe.request("GET", f"{SECRETS}/kept").json()
        client.warm()
        fault.arm(n)
        answer = REQUESTS[verb](client, n)
        fired = fault.fired()
        check_answer(answer, fired, verb)
        check_state(probe, before, answer, verb)
        failures += answer is None or refused(answer)
        if answer is None and verb in ("create", "update", "delete"):  # what nobody was told of may still be on its way
            harness.poll(lambda: server.metric("coffer_requests_running") <= 1, "the end of a write whose client left")
        quiet = 0 if fired else quiet + 1
        n += 1
        assert n < 5000, "it never gets through"
    assert failures > 0, "nothing ever failed"
    assert server.process.poll() is None


def test_nth_allocation_fails_in_a_handshake(start):
    """Every seventh of the thousands that a handshake makes: that connection may fail, the next is served."""
    server = start(program=harness.fault_binary(), flags=["--debuggable", "--no-controllers"])
    fault, probe, n, failures = Fault(server), Client(server), 0, 0
    while True:
        fault.arm(n)
        try:
            with server.connect() as connection:
                answer = connection.request("GET", "/livez")
        except (wire.Closed, OSError):
            answer = None
        fired = fault.fired()
        failures += answer is None
        assert answer is None or answer.status == 200 or (fired and refused(answer)), answer
        assert probe.request("GET", "/livez").status == 200
        if not fired:
            break
        n += 7
    assert failures > 0 and server.process.poll() is None


RBAC = "/apis/rbac.authorization.k8s.io/v1"


DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def grant_all(server):
    server.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "all"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]})
    bind(server, "all")


def bind(server, role):
    group = "rbac.authorization.k8s.io"
    server.call("POST", f"{RBAC}/clusterrolebindings", {"metadata": {"name": role}, "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
                                                        "subjects": [{"kind": "User", "apiGroup": group, "name": "user"}]})


class Rights:
    """A role that gives the user a right, or none."""
    path = f"{RBAC}/clusterroles/read"

    def __init__(self, server):
        server.call("POST", f"{RBAC}/clusterroles", self.body(False))
        bind(server, "read")

    def body(self, on):
        return {"metadata": {"name": "read"}, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}] if on else []}

    def is_on(self, stored):
        return bool(stored["rules"])

    def works(self, user):
        return {200: True, 403: False}[user.request("GET", SECRETS).status]


class Kinds:
    """A definition whose second version is served, or not."""
    path = f"{DEFINITIONS}/limits.example.com"

    def __init__(self, server):
        made = server.call("POST", DEFINITIONS, self.body(False))
        made["status"] = {"conditions": [{"type": kind, "status": "True", "reason": "x", "lastTransitionTime": made["metadata"]["creationTimestamp"]}
                                         for kind in ("NamesAccepted", "Established")],
                          "acceptedNames": made["spec"]["names"], "storedVersions": ["v1"]}
        server.call("PUT", f"{self.path}/status", made)
        grant_all(server)

    def body(self, on):
        schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "properties": {
            "a": {"type": "string", "pattern": "^[a-z]+$", "default": "b"}}}}}}
        return {"metadata": {"name": "limits.example.com"}, "spec": {
            "group": "example.com", "scope": "Cluster", "names": {"plural": "limits", "kind": "Limit", "singular": "limit", "listKind": "LimitList"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}, {"name": "v2", "served": on, "storage": False, "schema": schema}]}}

    def is_on(self, stored):
        return stored["spec"]["versions"][1]["served"]

    def works(self, user):
        return {200: True, 404: False}[user.request("GET", "/apis/example.com/v2/limits").status]


class Webhooks:
    """A webhook that must be asked about ConfigMaps, and cannot be, or about nothing that is."""
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/limits"

    def __init__(self, server):
        server.call("POST", os.path.dirname(self.path), self.body(False))
        grant_all(server)

    def body(self, on):
        return {"metadata": {"name": "limits"}, "webhooks": [{
            "name": "limits.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None", "clientConfig": {"url": "https://127.0.0.1:1/"},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps" if on else "nothings"]}]}]}

    def is_on(self, stored):
        return stored["webhooks"][0]["rules"][0]["resources"] == ["configmaps"]

    def works(self, user):
        return {500: True, 201: False}[user.request("POST", "/api/v1/namespaces/default/configmaps?dryRun=All", body={"metadata": {"name": "a"}}).status]


@pytest.mark.parametrize("what", [Rights, Kinds, Webhooks])
def test_what_was_acknowledged_is_in_force_whatever_allocation_failed(start, tmp_path, what):
    """On and off, with each allocation of the change failing once; no other write comes to help."""
    authority = Authority(tmp_path / "ca")
    server = start(program=harness.fault_binary(), flags=["--debuggable", "--no-controllers", "--client-ca-file", str(authority.pem)])
    server.contexts["user"] = context(server, authority.client("user", ""))
    made = what(server)
    fault, probe, client, quiet, n = Fault(server), Client(server), Client(server), 0, 0
    with server.connect("user") as user:
        while quiet < 6:
            stored = probe.request("GET", made.path).json()
            on = n % 2 == 0
            body = {**stored, **made.body(on), "metadata": stored["metadata"]}
            client.warm()
            fault.arm(n // 2)
            answer = client.request("PUT", made.path, body=body)
            fired = fault.fired()
            if answer is None:
                harness.poll(lambda: server.metric("coffer_requests_running") <= 1, "the end of a write whose client left")
            stored = made.is_on(probe.request("GET", made.path).json())
            assert answer is None or refused(answer) or stored == on, answer
            assert made.works(user) == stored, f"allocation {n // 2}: what is stored is not in force"
            quiet = 0 if fired else quiet + 1
            n += 1
            assert n < 5000, "it never gets through"
    assert n > 100


def refused(answer):
    return answer.status >= 500 or answer.status == 429


def check_answer(answer, fired, verb):
    if answer is None:
        assert fired, "the connection was closed for no reason"
        return
    if refused(answer):
        assert fired, answer
        if answer.header("Content-Type") == "application/json":
            status = answer.json()
            assert status["kind"] == "Status" and status["code"] == answer.status and status["message"]
        else:  # there was no memory for the request itself
            assert answer.body.decode() == answer.status_line.split(" ", 1)[1]
    elif verb == "refused":
        assert answer.status in (400, 401), answer
    else:
        assert answer.status in (200, 201), answer
        for line in answer.body.split(b"\n") if verb == "watch" else [answer.body]:
            assert not line or harness.json.loads(line)


def check_state(probe, before, answer, verb):
    """What was refused changed nothing; of what was not answered, old or new stands."""
    if verb not in ("update", "delete") or (answer is not None and not refused(answer)):
        return
    after = probe.request("GET", f"{SECRETS}/kept")
    if answer is not None:
        assert after.status == 200 and after.json() == before
    else:
        assert after.status in (200, 404)
