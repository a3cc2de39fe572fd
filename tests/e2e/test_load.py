# SPDX-License-Identifier: Apache-2.0
"""Load that would hurt: memory stays under --memory-limit, and a polite client's p99 under 50 ms. A release build, clients as processes of their own."""
import json
import resource
import subprocess
import threading
from pathlib import Path

import harness
import pytest
from harness import SECRETS

LIMIT = 256 << 20
# What the program needs beside requests: code, the view's pages, TLS and buffers of the connections at hand.
BESIDE_REQUESTS = 32 << 20
PER_CONNECTION = 40_000
SECONDS = 6
P99 = 0.050


@pytest.fixture(scope="module")
def loaded():
    """A server with 2,000 Secrets of 5 KB: a list of everything is 13 MB."""
    server = harness.Server(program=harness.release_binary(), flags=["--memory-limit", "256M", "--log-level", "warning"],
                            limits=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2))
    with server:
        def create(i):
            with server.connect() as connection:
                for j in range(250):
                    assert connection.request("POST", SECRETS, body=harness.secret(f"s{i}-{j}", {"a": "x" * 5000})).status == 201
        harness.in_threads(8, create)
        server.call("POST", SECRETS, harness.secret("probe", {"a": "b"}))
        yield server


class Client:
    def __init__(self, server, kind, *arguments):
        command = ["/usr/bin/python3", str(Path(__file__).parent / "load.py"), kind, str(server.home), *map(str, server.address), str(SECONDS),
                   *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def started(self):
        assert self.process.stdout.readline() == "started\n"
        return self

    def result(self):
        out, _ = self.process.communicate("\n", timeout=SECONDS + 120)
        return json.loads(out.splitlines()[-1])


class Peak:
    """The largest private memory of a process while the block runs."""

    def __init__(self, server):
        self.server, self.largest, self.over = server, 0, threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def run(self):
        while not self.over.wait(0.1):
            self.largest = max(self.largest, self.server.memory()[0])

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def judge(server, clients, connections=100, statuses=()):
    """Runs a probe beside the clients."""
    with Peak(server) as peak:
        probe = Client(server, "probe").started().result()
        results = [client.result() for client in clients]
    print({"probe": probe, "clients": results, "peak_mb": peak.largest >> 20})
    assert probe["statuses"].keys() == {"200"}, probe
    assert probe["p99"] < P99, probe
    assert peak.largest < LIMIT + BESIDE_REQUESTS + connections * PER_CONNECTION, f"{peak.largest >> 20} MB"
    for result in results:
        assert set(result) <= {*statuses, "closed", "held"}, result
    return results


def test_bodies_of_a_million_nodes(loaded):
    judge(loaded, [Client(loaded, "nodes")], statuses=["400", "413", "422", "429"])


def test_lists_of_everything_beside_writes(loaded):
    results = judge(loaded, [Client(loaded, "lists"), Client(loaded, "writes")], statuses=["200", "201", "404", "409", "429"])
    assert results[0].get("200", 0) > 0 and results[1].get("201", 0) > 0


def test_readers_that_never_read(loaded):
    client = Client(loaded, "deaf", 200).started()
    judge(loaded, [client], connections=300)


def test_ten_thousand_connections(loaded):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(10_000, hard - 1000)
    client = Client(loaded, "idle", count).started()
    result = judge(loaded, [client], connections=count)[0]
    assert result["held"] == count
    harness.poll(lambda: loaded.memory()[0] < LIMIT, "the connections' memory given back")
