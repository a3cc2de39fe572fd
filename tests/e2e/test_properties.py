# SPDX-License-Identifier: Apache-2.0
"""Properties of lists and watches under random writes: pages make up the whole list at their revision, and a watch
replayed onto a list gives the list that comes later. The seed is printed; COFFER_TEST_SEED repeats a run."""
import json
import os
import random

import pytest

STEPS = 1500
LONG_STEPS = 20000
LABELS = ["a", "b", "c"]
MERGE = [("Content-Type", "application/merge-patch+json")]


@pytest.fixture
def random_of_test():
    seed = int(os.environ.get("COFFER_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"COFFER_TEST_SEED={seed}")
    return random.Random(seed)


class Writer:
    """Creates, changes, relabels and deletes ConfigMaps at random, over one connection."""

    def __init__(self, server, path, chance):
        self.connection, self.path, self.chance, self.names, self.next = server.connect(), path, chance, [], 0

    def step(self):
        which = self.chance.random()
        if which < 0.4 or not self.names:
            name = f"c{self.next:05}" if self.chance.random() < 0.5 else f"{self.chance.randrange(1 << 20):x}-{self.next}"
            self.next += 1
            body = {"metadata": {"name": name, "labels": {"l": self.chance.choice(LABELS)}}, "data": {"n": str(self.next)}}
            self._send("POST", self.path, body, 201)
            self.names.append(name)
        elif which < 0.8:
            body = {"metadata": {"labels": {"l": self.chance.choice(LABELS)}}, "data": {"n": str(self.chance.randrange(5))}}
            self._send("PATCH", f"{self.path}/{self.chance.choice(self.names)}", body, 200, MERGE)
        else:
            name = self.names.pop(self.chance.randrange(len(self.names)))
            self._send("DELETE", f"{self.path}/{name}", None, 200)

    def _send(self, method, path, body, status, headers=()):
        answer = self.connection.request(method, path, body=body, headers=headers)
        assert answer.status == status, f"{method} {path}: {answer}"


def key(item):
    return item["metadata"]["name"]


def plain(item):
    """Items of lists say no kind; what a watch shows does."""
    return {k: v for k, v in item.items() if k not in ("kind", "apiVersion")}


@pytest.fixture
def maps(namespace):
    return f"/api/v1/namespaces/{namespace}/configmaps"


def pages_of(server, maps, limit, selector, between):
    """All items of a list in pages, with writes between them; and the revision that all of them say."""
    items, token, revisions = [], "", set()
    while True:
        page = server.call("GET", f"{maps}?limit={limit}{selector}" + (f"&continue={token}" if token else ""))
        items += page["items"]
        revisions.add(page["metadata"]["resourceVersion"])
        token = page["metadata"].get("continue")
        if not token:
            return items, revisions
        between()


def test_pages_make_up_the_list_at_their_revision(server, maps, random_of_test, long_run):
    chance, writer = random_of_test, Writer(server, maps, random_of_test)
    for _ in range(200):
        writer.step()
    for _ in range(200 if long_run else 25):
        selector = chance.choice(["", "", "&labelSelector=l%3Da", "&labelSelector=l!%3Db", "&fieldSelector=metadata.name!%3Dx"])
        items, revisions = pages_of(server, maps, chance.randrange(1, 60), selector, lambda: [writer.step() for _ in range(3)])
        assert len(revisions) == 1, f"pages of several revisions: {revisions}"
        whole = server.call("GET", f"{maps}?resourceVersion={revisions.pop()}&resourceVersionMatch=Exact{selector}")["items"]
        assert items == whole
        assert [key(i) for i in items] == sorted(key(i) for i in items)


@pytest.mark.parametrize("selector", ["", "&labelSelector=l%3Da"], ids=["all", "labelled"])
def test_a_replayed_watch_gives_the_list(server, maps, random_of_test, long_run, selector):
    chance, writer = random_of_test, Writer(server, maps, random_of_test)
    for _ in range(100):
        writer.step()
    listed = server.call("GET", f"{maps}?limit=100000{selector}")
    state = {key(i): i for i in listed["items"]}
    start = listed["metadata"]["resourceVersion"]
    for _ in range(LONG_STEPS if long_run else STEPS):
        writer.step()
    # What says that everything before it has been seen.
    writer._send("POST", maps, {"metadata": {"name": "the-end", "labels": {"l": "a"}}}, 201)
    with server.watch(f"{maps}?watch=true&resourceVersion={start}{selector}") as watch:
        events = watch.until(lambda event: key(event["object"]) == "the-end")
    last = int(start)
    for event in events:
        name, revision = key(event["object"]), int(event["object"]["metadata"]["resourceVersion"])
        assert revision > last, "an event out of order"
        last = revision
        known = name in state
        assert known == (event["type"] != "ADDED"), f"{event['type']} of what is {'known' if known else 'unknown'}: {name}"
        if event["type"] == "DELETED":
            del state[name]
        else:
            state[name] = plain(event["object"])
    now = {key(i): i for i in server.call("GET", f"{maps}?limit=100000{selector}")["items"]}
    assert json.dumps(state, sort_keys=True) == json.dumps(now, sort_keys=True)
