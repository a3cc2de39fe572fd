# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests. COFFER_BIN: the program under test (build/check's by default, with sanitizers);
COFFER_RELEASE_BIN: the release build, for memory and load; COFFER_LONG=1: the long rounds too."""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import harness  # noqa: E402


def pytest_collection_modifyitems(items):
    """The search for canaries looks at what all others left behind: it comes last."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


def pytest_configure(config):
    config.addinivalue_line("markers", "last: runs after all others")


@pytest.fixture(scope="session")
def server():
    """One server for all tests that need nothing special; tests use namespaces of their own."""
    with harness.Server() as running:
        yield running


@pytest.fixture
def namespace(server, request):
    """A namespace of the test's own; what is in it is removed at the end."""
    name = "t-" + "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[:50].strip("-") + "-" + harness.secrets.token_hex(3)
    server.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    server.request("DELETE", f"/api/v1/namespaces/{name}/secrets")
    server.request("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def start():
    """start(flags=..., ...) gives a running server of the test's own; all are stopped in good order at the end."""
    servers = []

    def run(*arguments, **options):
        servers.append(harness.Server(*arguments, **options).start())
        return servers[-1]

    yield run
    for running in servers:
        running.stop()


def pytest_generate_tests(metafunc):
    if "kubectl_program" in metafunc.fixturenames:
        programs = harness.kubectl_programs()
        assert programs, "no kubectl: apt-get install kubernetes-client"
        metafunc.parametrize("kubectl_program", programs, ids=[f"kubectl{i}" for i in range(len(programs))], scope="module")


@pytest.fixture
def kubectl(server, kubectl_program):
    return harness.Kubectl(kubectl_program, server)


@pytest.fixture
def k(kubectl, namespace):
    """kubectl in a namespace of the test's own."""
    harness.await_furniture(kubectl.server, namespace)

    def run(*arguments, **more):
        return kubectl.run("-n", namespace, *arguments, **more)
    run.out = lambda *arguments, **more: run(*arguments, **more).stdout
    run.json = lambda *arguments: json.loads(run.out(*arguments, "-o", "json"))
    run.refused = lambda *arguments, **more: kubectl.refused("-n", namespace, *arguments, **more)
    run.start = lambda *arguments: kubectl.start("-n", namespace, *arguments)
    run.kubectl, run.namespace, run.minor = kubectl, namespace, kubectl.minor
    return run


@pytest.fixture(scope="session")
def client():
    """client(NAME) is where clients.sh has the client of that name; the test is left out where it can't be had."""
    asked = {}

    def find(name):
        if name not in asked:
            asked[name] = subprocess.run([Path(__file__).with_name("clients.sh"), name], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                         timeout=900)
        if asked[name].returncode != 0:
            pytest.skip(asked[name].stderr.strip().splitlines()[-1])
        return asked[name].stdout.strip()
    return find


@pytest.fixture(scope="session")
def long_run():
    return os.environ.get("COFFER_LONG") == "1"


def pytest_sessionfinish(session, exitstatus):
    if exitstatus == 0 and "COFFER_TEST_SCRATCH" not in os.environ:
        shutil.rmtree(harness.SCRATCH, ignore_errors=True)
