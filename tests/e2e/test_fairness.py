# SPDX-License-Identifier: Apache-2.0
"""Limits per address and per user: who is held up, and that nobody else is."""
import contextlib
import resource

import authority
import harness
import pytest
from harness import SECRETS

AT_ONCE = 100  # failures of an address
MOST = 1024  # writes and lists of a user
HARD_LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def test_failed_attempts(start):
    server = start()
    token = harness.canary("token")
    with server.connect("none") as connection:
        def attempt(credential=token):
            return connection.request("GET", "/readyz", [("Authorization", f"Bearer {credential}")])
        answers = [attempt() for _ in range(AT_ONCE + 50)]
        assert [answer.status for answer in answers[:AT_ONCE]] == [401] * AT_ONCE
        limited = [answer for answer in answers if answer.status == 429]
        assert len(limited) >= 40, "one a second is let off"
        for answer in limited:
            status = answer.json()
            assert answer.header("Retry-After") == "1" and status["reason"] == "TooManyRequests" and status["details"]["retryAfterSeconds"] == 1
        # neither who has no credential nor who has a good one is held up by it
        assert connection.request("GET", "/readyz").status == 401
        made = server.call("POST", "/api/v1/namespaces/default/serviceaccounts/default/token",
                           {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}, 201)["status"]["token"]
        for _ in range(3):
            assert attempt(made).status == 200
    assert server.request("GET", "/readyz").status == 200
    lines = [line for line in server.output().splitlines() if "a credential was refused" in line]
    assert 0 < len(lines) < AT_ONCE and all('"address":"127.0.0.1"' in line for line in lines)
    for form in harness.forms(token):
        assert form not in server.output().encode()


@pytest.fixture(name="users")
def two_users(start, tmp_path):
    """A server with two users who may create and list Secrets: (server, {name: how to connect})."""
    ca = authority.Authority(tmp_path / "ca")
    # a thousand handshakes must be over before the first body is late
    server = start(program=harness.release_binary(), flags=["--client-ca-file", str(ca.pem)])
    server.call("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "writer"}, "rules": [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create", "list", "get", "patch"]}]})
    for name in ("flooder", "calm"):
        server.call("POST", f"{RBAC}/clusterrolebindings", {
            "metadata": {"name": name}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "writer"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]})
        server.contexts[name] = authority.context(server, ca.client(name, "people"))
    return server


def begin_write(server, client):
    """A create whose body does not come yet: it is under way."""
    connection = server.connect(client)
    connection.send_raw(f"POST {SECRETS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n".encode())
    return connection


def create(server, client, name):
    return server.request("POST", SECRETS, harness.secret(name, {"a": "b"}), client=client)


def test_one_user_does_not_take_all(users):
    server = users
    resource.setrlimit(resource.RLIMIT_NOFILE, (HARD_LIMIT, HARD_LIMIT))
    with contextlib.ExitStack() as under_way:
        check_bound(server, under_way)
    harness.poll(lambda: create(server, "flooder", "after").status in (201, 409), "what was given back")
    for _ in range(MOST + 10):  # and answered ones are given back too
        assert server.request("GET", f"{SECRETS}?limit=1", client="flooder").status == 200


def check_bound(server, under_way):
    for _ in range(MOST):
        under_way.enter_context(begin_write(server, "flooder"))
    harness.poll(lambda: under_way.enter_context(begin_write(server, "flooder")) and create(server, "flooder", "too-many").status == 429,
                 "the bound, with more for what a busy machine may have lost")
    refused = server.request("GET", SECRETS, client="flooder")
    assert refused.status == 429 and refused.header("Retry-After") == "1" and "of this user" in refused.json()["message"]
    assert server.request("GET", f"{SECRETS}/none", client="flooder").status == 404, "a get costs nothing worth counting"
    for i, client in enumerate(("calm", "admin")):
        assert create(server, client, f"from-{i}").status == 201
        assert server.request("GET", SECRETS, client=client).status == 200
    for _ in range(MOST + 10):
        under_way.enter_context(begin_write(server, "admin"))
    assert create(server, "admin", "exempt").status == 201
