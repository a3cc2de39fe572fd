# SPDX-License-Identifier: Apache-2.0
"""Watches beyond the recorded ones: order, resuming, bookmarks, many watchers, slow ones, and those that came too late."""
import threading

import harness
import pytest


@pytest.fixture
def path(namespace):
    return f"/api/v1/namespaces/{namespace}/secrets"


def name(event):
    return event["object"]["metadata"].get("name")


def revision(event):
    return int(event["object"]["metadata"]["resourceVersion"])


def test_events_in_order_and_resumable(server, path):
    """Two watches, one of them resumed at every event, see the same."""
    start = server.call("GET", path)["metadata"]["resourceVersion"]
    for i in range(30):
        server.call("POST", path, harness.secret(f"s{i}", {"a": f"{i}"}))
        if i % 3 == 0:
            server.call("PUT", f"{path}/s{i}", harness.secret(f"s{i}", {"a": "changed"}))
        if i % 5 == 0:
            server.call("DELETE", f"{path}/s{i}")
    with server.watch(f"{path}?watch=true&resourceVersion={start}") as watch:
        events = watch.until(lambda event: name(event) == "s29")
    assert len(events) == 30 + 10 + 6
    revisions = [revision(event) for event in events]
    assert revisions == sorted(set(revisions))
    resumed = start
    for expected in events:
        with server.watch(f"{path}?watch=true&resourceVersion={resumed}") as watch:
            event = watch.next()
        assert event == expected
        resumed = revision(event)


def test_nothing_is_missed_between_list_and_watch(server, path):
    stop = threading.Event()

    def write():
        i = 0
        with server.connect() as connection:
            while not stop.is_set():
                assert connection.request("POST", path, body=harness.secret(f"s{i}", {"a": "b"})).status == 201
                i += 1
        return i
    thread = threading.Thread(target=lambda: counts.append(write()), daemon=True)
    counts = []
    thread.start()
    try:
        for _ in range(10):
            listed = server.call("GET", path)
            known = {item["metadata"]["name"] for item in listed["items"]}
            with server.watch(f"{path}?watch=true&resourceVersion={listed['metadata']['resourceVersion']}") as watch:
                assert name(watch.next()) == f"s{len(known)}"
    finally:
        stop.set()
        thread.join(30)
    assert counts and len(server.call("GET", path)["items"]) == counts[0]


def test_bookmarks_come_without_events(server, path):
    server.call("POST", path, harness.secret("s", {"a": "b"}))
    with server.watch(f"{path}?watch=true&allowWatchBookmarks=true&labelSelector=none%3Dsuch&timeoutSeconds=5") as watch:
        events = watch.rest()
    assert events and {event["type"] for event in events} == {"BOOKMARK"}
    assert revision(events[-1]) >= int(server.call("GET", f"{path}/s")["metadata"]["resourceVersion"])


def test_many_watchers_see_one_change(server, path):
    watches = [server.watch(f"{path}?watch=true") for _ in range(50)]
    made = server.call("POST", path, harness.secret("s", {"a": "b"}))
    for watch in watches:
        with watch:
            event = watch.next()
            assert event["type"] == "ADDED" and event["object"] == made


def test_slow_watcher_misses_nothing(server, path):
    """One that reads nothing while much happens gets all of it, in order, once it reads."""
    with server.watch(f"{path}?watch=true") as watch:
        server.call("POST", path, harness.secret("s", {"a": "x" * 100_000}))
        for i in range(100):
            server.call("PUT", f"{path}/s", harness.secret("s", {"a": f"{i}" + "x" * 100_000}))
        server.call("DELETE", f"{path}/s")
        events = watch.until(lambda event: event["type"] == "DELETED")
    assert [event["type"] for event in events] == ["ADDED"] + ["MODIFIED"] * 100 + ["DELETED"]


def test_large_objects_that_do_not_match_cost_no_more_than_a_piece(server, path):
    """Rows that a selector passes over are let go of on the way: a watch gets through any number of them."""
    start = server.call("GET", path)["metadata"]["resourceVersion"]
    value = {"v": "x" * 1_000_000}
    for i in range(50):
        server.call("POST", path, harness.secret(f"large{i}", value, metadata={"labels": {"size": "large"}}))
    server.call("POST", path, harness.secret("small", {"v": "x"}, metadata={"labels": {"size": "small"}}))
    for query in ("", f"&resourceVersion={start}"):
        with server.watch(f"{path}?watch=true&labelSelector=size%3Dsmall{query}") as watch:
            assert name(watch.next()) == "small"


def test_what_fits_in_comes_out_in_every_form(server, path):
    """3 MiB of the shortest strings that there are make the largest tree."""
    finalizers = ["a/b"] * 500_000
    def body(label):
        return {"metadata": {"name": "s", "labels": {"v": label}, "finalizers": finalizers}}
    start = server.call("POST", path, body("one"))["metadata"]["resourceVersion"]
    server.call("PUT", f"{path}/s", body("two"))
    for form in ("", ";as=Table;g=meta.k8s.io;v=v1", ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"):
        accept = [("Accept", "application/json" + form)]
        for query in ("", "?labelSelector=v%3Dtwo&includeObject=Object", "?labelSelector=v%3Dtwo&includeObject=Object&pretty=1"):
            assert server.request("GET", path + query, headers=accept).status == 200, (form, query)
    for label, kind in (("one", "DELETED"), ("two", "ADDED")):
        with server.watch(f"{path}?watch=true&resourceVersion={start}&labelSelector=v%3D{label}") as watch:
            assert watch.next()["type"] == kind
    server.call("PUT", f"{path}/s", {"metadata": {"name": "s"}})


def test_too_old_is_410_in_the_stream(start):
    server = start(flags=["--history", "1s"])
    base = harness.SECRETS
    first = server.call("POST", base, harness.secret("s", {"a": "0"}))["metadata"]["resourceVersion"]
    changes = iter(range(1, 100000))

    def expired():
        server.call("PUT", f"{base}/s", harness.secret("s", {"a": f"{next(changes)}"}))
        with server.watch(f"{base}?watch=true&resourceVersion={first}&timeoutSeconds=1") as watch:
            event = watch.next()
        return event and event["type"] == "ERROR" and event
    event = harness.poll(expired, "compaction", pause=0.2)
    assert event["object"]["code"] == 410 and event["object"]["reason"] == "Expired"


def test_pages_count_what_is_left_of_their_revision(server, path):
    """What is created, changed and deleted between two pages is not counted."""
    names = [f"s{i:02}" for i in range(20)]
    for each in names:
        server.call("POST", path, harness.secret(each, {"a": "b"}))
    page = server.call("GET", f"{path}?limit=1")
    assert page["metadata"]["remainingItemCount"] == 19
    for i in range(1, 20):
        if i % 3 == 0:
            server.call("PUT", f"{path}/s{i:02}", harness.secret(f"s{i:02}", {"a": "c"}))
        if i % 4 == 0:
            server.call("DELETE", f"{path}/s{i:02}")
        if i % 8 == 0:
            server.call("POST", path, harness.secret(f"s{i:02}", {"a": "again"}))
        server.call("POST", path, harness.secret(f"s{i:02}-new", {"a": "b"}))
        page = server.call("GET", f"{path}?limit=1&continue={page['metadata']['continue']}")
        assert [item["metadata"]["name"] for item in page["items"]] == [names[i]]
        assert page["metadata"].get("remainingItemCount", 0) == 19 - i
