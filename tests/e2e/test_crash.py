# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random points under concurrent writers: what was acknowledged is there, nothing is half-written, revisions never go back."""
import base64
import os
import random
import subprocess
import threading

import harness
import pytest
import wire
from harness import SECRETS

WRITERS = 8
KEYS = 5


class Writer:
    """One client with keys of its own, and its record of what it asked for and what was acknowledged."""

    def __init__(self, server, number, acknowledged):
        self.server, self.number, self.acknowledged = server, number, acknowledged
        self.random = random.Random(number * 7919 + acknowledged.seed)
        self.state = {}    # name -> (text or None, revision) as acknowledged
        self.pending = {}  # name -> text or None: asked for, not answered
        self.largest = 0

    def run(self):
        try:
            with self.server.connect() as connection:
                while True:
                    self.one(connection)
        except (OSError, wire.Closed):
            pass  # the server was killed

    def one(self, connection):
        name = f"w{self.number}-{self.random.randrange(KEYS)}"
        there = self.state.get(name, (None, 0))[0] is not None
        delete = there and self.random.random() < 0.2
        text = None if delete else f"{self.random.random()}" * self.random.choice([1, 10, 500])
        self.pending[name] = text
        if delete:
            answer = connection.request("DELETE", f"{SECRETS}/{name}")
        elif there:
            answer = connection.request("PUT", f"{SECRETS}/{name}", body=harness.secret(name, {"a": text}))
        else:
            answer = connection.request("POST", SECRETS, body=harness.secret(name, {"a": text}))
        assert answer.status in (200, 201), answer
        revision = 0 if delete else int(answer.json()["metadata"]["resourceVersion"])
        assert delete or revision > self.largest
        self.largest = max(self.largest, revision)
        self.state[name] = (text, revision)
        del self.pending[name]
        self.acknowledged.one_more()


class Acknowledged:
    """Counts answers, and lets the killer wait for one."""

    def __init__(self, seed):
        self.seed, self.count, self.changed = seed, 0, threading.Condition()

    def one_more(self):
        with self.changed:
            self.count += 1
            self.changed.notify_all()

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: self.count >= count, 60), f"only {self.count} of {count} writes were answered"


def check(server, writers, seen):
    """The store against the clients' records."""
    answer = server.call("GET", SECRETS)
    stored = {item["metadata"]["name"]: item for item in answer["items"]}
    newest = int(answer["metadata"]["resourceVersion"])
    assert newest >= max(writer.largest for writer in writers), "revisions went back"
    revisions = [item["metadata"]["resourceVersion"] for item in answer["items"]]
    assert len(set(revisions)) == len(revisions), "two writes with one revision"
    for writer in writers:
        for name in set(writer.state) | set(writer.pending):
            allowed = [writer.state.get(name, (None, 0))[0]] + ([writer.pending[name]] if name in writer.pending else [])
            item = stored.pop(name, None)
            text = base64.b64decode(item["data"]["a"]).decode() if item else None
            assert text in allowed, f"{name}: {str(text)[:40]!r} is neither acknowledged nor asked for"
            if item:
                assert int(item["metadata"]["resourceVersion"]) >= writer.state.get(name, (None, 0))[1], f"{name} went back"
    assert not stored, f"nobody wrote {sorted(stored)}"
    for name, revision in seen:
        assert revision <= newest, f"a watcher saw revision {revision} of {name}, which is lost"


def watch_along(server, seen):
    try:
        with server.watch(f"{SECRETS}?watch=true") as watch:
            while event := watch.next():
                seen.append((event["object"]["metadata"]["name"], int(event["object"]["metadata"]["resourceVersion"])))
    except (OSError, wire.Closed, AssertionError):
        pass


def one_round(server, seed):
    chance = random.Random(seed)
    acknowledged, seen = Acknowledged(seed), []
    writers = [Writer(server, i, acknowledged) for i in range(WRITERS)]
    threads = [threading.Thread(target=writer.run, daemon=True) for writer in writers]
    threads.append(threading.Thread(target=watch_along, args=(server, seen), daemon=True))
    for thread in threads:
        thread.start()
    acknowledged.wait_for(chance.randrange(20, 400))
    server.kill()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    server.start()
    check(server, writers, seen)
    server.call("DELETE", SECRETS)


@pytest.mark.parametrize("round_number", range(10))
def test_kill(round_number):
    server = harness.Server()
    server.start()
    one_round(server, round_number)
    server.stop()


def test_kill_long(long_run):
    if not long_run:
        pytest.skip("500 rounds: check.sh --long")
    server = harness.Server(program=harness.release_binary())
    server.start()
    for seed in range(500):
        one_round(server, 1000 + seed)
    server.stop()


def test_kill_in_the_first_start():
    """A first start that was cut off at any point is made good by the next."""
    for pause in (0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2):
        server = harness.Server(program=harness.release_binary())
        process = subprocess.Popen(server.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={**os.environ, "HOME": str(server.home)})
        try:
            process.wait(pause)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait(30)
        with server:
            server.call("POST", SECRETS, harness.secret("s", {"a": "b"}))
